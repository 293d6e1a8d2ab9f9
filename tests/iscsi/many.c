// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many registrations as there may be, with the longest names there are.
 *
 *	many PAIRS SECONDS URL1 URL2
 *
 * The initiator ports exist by name only: REGISTER with SPEC_I_PT registers
 * them with real sessions, of which each gateway has three.  Each step prints
 * what it took; "empty", "full", "cleared", "again full" and "read" wait for a
 * line.  PAIRS times READs for SECONDS, with all registrations and with one.
 * Prints "FAILED: ..." for each thing that is not as it should be, and exits
 * with 1.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

enum {
	REGISTRATIONS = 4096,
	NAME_LEN = 223,
	PARTIES = 6,
	DESCRIPTOR_LEN = 24, /* without its TransportID */
	LIST_HEADER = 28,
	TID_LEN = 248,
	REGISTERS = 9, /* so often it is timed */
	/* PERSISTENT RESERVE OUT. */
	REGISTER = 0,
	RESERVE = 1,
	RELEASE = 2,
	CLEAR = 3,
	PREEMPT = 4,
	REGISTER_IGNORE = 6,
	EXCLUSIVE_ACCESS_RO = 6,
	SPEC_I_PT = 0x08, /* in byte 20 */
	/* PERSISTENT RESERVE IN. */
	READ_RESERVATION = 1,
	READ_FULL_STATUS = 3,
	ALLOCATED = 65535,
	NO_RESOURCES = 0x55504,
	NOBODY = -1,
	/* I/O. */
	DEPTH = 32,
	READ_BLOCKS = 8,
	READ_SPAN = 4096,
	SETTLE_US = 1000000, /* what a change leaves behind is not measured */
};

/* a, c and e are logged in to the first gateway, b, d and f to the second. */
static struct party {
	struct session session;
	unsigned int gateway;
	unsigned long long key;
} parties[PARTIES];

static struct session *sessions[PARTIES];

/* What must be registered, by the number in the name. */
static struct {
	unsigned long long key; /* 0: not registered */
	unsigned int gateway;
} wanted[REGISTRATIONS + PARTIES];

static unsigned int failures;

static void __attribute__((format(printf, 1, 2)))
failed(const char *format, ...)
{
	va_list args;

	failures++;
	va_start(args, format);
	printf("FAILED: ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

/* The sessions have the last numbers. */
static unsigned int number_of(const struct party *p)
{
	return REGISTRATIONS + (unsigned int)(p - parties);
}

/* The longest name that iSCSI allows. */
static void make_name(char *name, unsigned int number)
{
	int len = snprintf(name, NAME_LEN + 1,
			   "iqn.2026-11.org.tcmu-pr:many-%04u-", number);

	memset(name + len, 'x', (size_t)(NAME_LEN - len));
	name[NAME_LEN] = 0;
}

/* ISIDs as libiscsi sets them, and others for those who are names only. */
static void make_tid(unsigned char *tid, unsigned int number)
{
	char name[NAME_LEN + 1], isid[13];

	make_name(name, number);
	if (number >= REGISTRATIONS)
		snprintf(isid, sizeof(isid), "400019560001");
	else
		snprintf(isid, sizeof(isid), "00023d%06x", number);
	memset(tid, 0, TID_LEN);
	tid[0] = 0x45; /* iSCSI, name and ISID */
	tid[3] = TID_LEN - 4;
	snprintf((char *)tid + 4, TID_LEN - 4, "%s,i,0x%s", name, isid);
}

static void put_be64(unsigned char *p, unsigned long long value)
{
	int i;

	for (i = 7; i >= 0; i--, value >>= 8)
		p[i] = (unsigned char)value;
}

static unsigned int get_be32(const unsigned char *p)
{
	return (unsigned int)p[0] << 24 | (unsigned int)p[1] << 16 |
	       (unsigned int)p[2] << 8 | p[3];
}

/* Numbers out of order: the target must not rely on a sorted list. */
static unsigned int scatter(unsigned int i, unsigned int count)
{
	unsigned int step = 1237; /* a prime: coprime to all counts below it */

	return count > step ? i * step % count : i;
}

/*
 * REGISTER of @p with @count ports from number @first in its list; the status.
 * What should be registered then is noted if it is GOOD.
 */
static int register_list(struct party *p, unsigned int first,
			 unsigned int count, unsigned int *sense)
{
	size_t len = LIST_HEADER + (size_t)count * TID_LEN;
	unsigned char *list = calloc(1, len);
	unsigned int i;
	int status;

	if (!list)
		die("out of memory");
	put_be64(list + 8, p->key);
	list[20] = SPEC_I_PT;
	for (i = 0; i < 4; i++)
		list[24 + i] = (unsigned char)(count * TID_LEN >> (24 - 8 * i));
	for (i = 0; i < count; i++)
		make_tid(list + LIST_HEADER + (size_t)i * TID_LEN,
			 first + scatter(i, count));
	status = session_out_list(&p->session, REGISTER, 0, list, len, sense);
	free(list);
	if (status != SCSI_STATUS_GOOD)
		return status;
	for (i = 0; i <= count; i++) {
		unsigned int n = i < count ? first + i : number_of(p);

		wanted[n].key = p->key;
		wanted[n].gateway = p->gateway;
	}
	return status;
}

/* Forgets all with @key, all if it is 0, but for @but. */
static void forget(unsigned long long key, int but)
{
	int i;

	for (i = 0; i < REGISTRATIONS + PARTIES; i++)
		if (i != but && (!key || wanted[i].key == key))
			wanted[i].key = 0;
}

static unsigned int count_wanted(unsigned long long key)
{
	unsigned int i, n = 0;

	for (i = 0; i < REGISTRATIONS + PARTIES; i++)
		n += wanted[i].key && (!key || wanted[i].key == key);
	return n;
}

/* The target drops who does not answer its NOP-In. */
static void keep_alive(void)
{
	sessions_step(sessions, PARTIES, 0);
}

static void pause_at(const char *what)
{
	tell_and_wait(what, sessions, PARTIES);
}

static void expect(const char *what, long long begin, int status,
		   unsigned int sense, int want, unsigned int want_sense)
{
	printf("%s: status %#x, sense %06x, %lld ms\n", what,
	       (unsigned int)status, sense, now_ms() - begin);
	keep_alive();
	if (status != want || sense != want_sense)
		failed("%s: not what was expected", what);
}

static void fill(const char *what, struct party *p, unsigned int first,
		 unsigned int count)
{
	long long begin = now_ms();
	unsigned int sense;
	int status = register_list(p, first, count, &sense);

	expect(what, begin, status, sense, SCSI_STATUS_GOOD, 0);
}

static void out(const char *what, struct party *p, int sa, int type,
		unsigned long long sa_key)
{
	long long begin = now_ms();
	unsigned int sense;
	int status =
		session_out(&p->session, sa, type,
			    sa == REGISTER_IGNORE ? 0 : p->key, sa_key, &sense);

	expect(what, begin, status, sense, SCSI_STATUS_GOOD, 0);
}

static void register_alone(struct party *p)
{
	out("REGISTER", p, REGISTER_IGNORE, 0, p->key);
	wanted[number_of(p)].key = p->key;
	wanted[number_of(p)].gateway = p->gateway;
}

/* All keys, as often as they are registered, through every gateway. */
static void check_keys(unsigned int *generation)
{
	static struct keys keys[2];
	unsigned int g, i, j, n;

	for (g = 0; g < 2; g++) {
		session_keys(&parties[g].session, &keys[g]);
		if (keys[g].count != count_wanted(0))
			failed("READ KEYS: gw%u has %u keys, not %u", g + 1,
			       keys[g].count, count_wanted(0));
		for (i = 0; i < PARTIES; i++) {
			for (j = 0, n = 0; j < keys[g].count; j++)
				n += keys[g].key[j] == parties[i].key;
			if (n != count_wanted(parties[i].key))
				failed("READ KEYS: gw%u has key %llx %u times",
				       g + 1, parties[i].key, n);
		}
	}
	if (keys[0].count != keys[1].count ||
	    keys[0].generation != keys[1].generation ||
	    memcmp(keys[0].key, keys[1].key, 8 * keys[0].count))
		failed("READ KEYS: the gateways differ");
	*generation = keys[0].generation;
}

/*
 * One descriptor of which @len bytes are there must be that of a registration
 * that has not been seen yet.
 */
static void check_descriptor(const unsigned char *d, unsigned int len,
			     int holder, unsigned char *seen)
{
	unsigned char want[DESCRIPTOR_LEN + TID_LEN] = { 0 };
	unsigned int number;

	/* One that is cut off before its name's number: nobody can tell. */
	if (len < DESCRIPTOR_LEN + 4 + 33)
		return;
	if (sscanf((const char *)d + DESCRIPTOR_LEN + 4,
		   "iqn.2026-11.org.tcmu-pr:many-%4u-", &number) != 1 ||
	    number >= REGISTRATIONS + PARTIES) {
		failed("READ FULL STATUS: a TransportID that nobody has");
		return;
	}
	if (seen[number]++)
		failed("READ FULL STATUS: number %u twice", number);
	put_be64(want, wanted[number].key);
	want[12] = (int)number == holder;
	want[13] = (int)number == holder ? EXCLUSIVE_ACCESS_RO : 0;
	want[19] = (unsigned char)(wanted[number].gateway + 1);
	want[23] = TID_LEN;
	make_tid(want + DESCRIPTOR_LEN, number);
	if (!wanted[number].key || memcmp(want, d, len))
		failed("READ FULL STATUS: the descriptor of number %u is not right",
		       number);
}

/* As much of READ FULL STATUS as there is room for, through every gateway. */
static void check_full_status(unsigned int generation, int holder)
{
	unsigned char seen[REGISTRATIONS + PARTIES] = { 0 };
	unsigned int whole = count_wanted(0) * (DESCRIPTOR_LEN + TID_LEN);
	struct scsi_task *task[2];
	const unsigned char *data;
	unsigned int g, at, len;

	for (g = 0; g < 2; g++)
		task[g] = session_in(&parties[g].session, READ_FULL_STATUS);
	data = task[0]->datain.data;
	len = (unsigned int)task[0]->datain.size;
	if (task[0]->datain.size != task[1]->datain.size ||
	    memcmp(data, task[1]->datain.data, len))
		failed("READ FULL STATUS: the gateways differ");
	if (get_be32(data) != generation || get_be32(data + 4) != whole)
		failed("READ FULL STATUS: PRGENERATION %u, ADDITIONAL LENGTH %u, not %u, %u",
		       get_be32(data), get_be32(data + 4), generation, whole);
	if (len != (whole + 8 < ALLOCATED ? whole + 8 : ALLOCATED))
		failed("READ FULL STATUS: %u bytes", len);
	for (at = 8; at < len; at += DESCRIPTOR_LEN + TID_LEN)
		check_descriptor(data + at,
				 len - at < DESCRIPTOR_LEN + TID_LEN
					 ? len - at
					 : DESCRIPTOR_LEN + TID_LEN,
				 holder, seen);
	for (g = 0; g < 2; g++)
		scsi_free_scsi_task(task[g]);
}

/* The state is what it should be, and the same everywhere. */
static unsigned int check_state(int holder)
{
	long long begin = now_ms();
	unsigned int generation, g;

	check_keys(&generation);
	printf("READ KEYS of %u through both: %lld ms\n", count_wanted(0),
	       now_ms() - begin);
	begin = now_ms();
	check_full_status(generation, holder);
	printf("READ FULL STATUS through both: %lld ms\n", now_ms() - begin);
	keep_alive();
	for (g = 0; g < 2; g++) {
		struct scsi_task *task =
			session_in(&parties[g].session, READ_RESERVATION);
		const unsigned char *d = task->datain.data;

		if (get_be32(d + 4) != (holder == NOBODY ? 0 : 16))
			failed("READ RESERVATION: gw%u differs", g + 1);
		scsi_free_scsi_task(task);
	}
	return generation;
}

/* One more than there may be, in every way to register. */
static void check_refusals(void)
{
	unsigned int before = check_state(NOBODY), sense, i;

	for (i = 0; i < 4; i++) {
		struct party *p = &parties[PARTIES - 2 + i % 2];
		long long begin = now_ms();
		int status = session_out(&p->session,
					 i < 2 ? REGISTER : REGISTER_IGNORE, 0,
					 0, p->key, &sense);

		expect("REGISTER number 4097", begin, status, sense,
		       SCSI_STATUS_CHECK_CONDITION, NO_RESOURCES);
	}
	if (check_state(NOBODY) != before)
		failed("a refused REGISTER changed PRGENERATION");
}

/* Three keys, several commands, and a list of which one does not fit. */
static void fill_by_parts(void)
{
	struct party *a = &parties[0], *b = &parties[1], *c = &parties[2],
		     *d = &parties[3];
	long long begin;
	unsigned int sense, before;
	int status;

	fill("REGISTER with 2000 TransportIDs", a, 0, 2000);
	fill("REGISTER with 1500 TransportIDs", b, 2000, 1500);
	register_alone(d);
	before = check_state(NOBODY);
	begin = now_ms();
	status = register_list(c, 3500, 593, &sense);
	expect("REGISTER with one TransportID too many", begin, status, sense,
	       SCSI_STATUS_CHECK_CONDITION, NO_RESOURCES);
	if (check_state(NOBODY) != before)
		failed("a refused list changed PRGENERATION");
	fill("REGISTER with as many as fit", c, 3500, 592);
	if (count_wanted(0) != REGISTRATIONS)
		die("this program cannot count");
}

static int compare_ms(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

/* What a REGISTER of one nexus takes with all the others there. */
static void time_registers(struct party *p)
{
	long long took[REGISTERS];
	unsigned int i, sense;

	for (i = 0; i < REGISTERS; i++) {
		long long begin = now_ms();

		if (session_out(&p->session, REGISTER_IGNORE, 0, 0, p->key,
				&sense))
			die("REGISTER: sense %06x", sense);
		took[i] = now_ms() - begin;
		keep_alive();
	}
	qsort(took, REGISTERS, sizeof(*took), compare_ms);
	printf("REGISTER with %u registrations: median %lld ms, %lld to %lld, of %d\n",
	       count_wanted(0), took[REGISTERS / 2], took[0],
	       took[REGISTERS - 1], REGISTERS);
}

static void preempt(const char *what, unsigned long long key)
{
	struct party *a = &parties[0];

	out(what, a, PREEMPT, EXCLUSIVE_ACCESS_RO, key);
	forget(key, (int)number_of(a));
}

static void read_done(struct iscsi_context *iscsi, int status, void *data,
		      void *private_data)
{
	struct scsi_task *task = data;
	unsigned long *reads = private_data;

	(void)iscsi;
	if (status != SCSI_STATUS_GOOD)
		die("READ: status %#x", (unsigned int)status);
	scsi_free_scsi_task(task);
	reads[0]--;
	reads[1]++;
}

/* READs a second of a registrant. */
static double rate(struct party *p, int seconds)
{
	struct session *s = &p->session;
	unsigned long reads[2] = { 0, 0 }; /* in flight, done */
	long long begin, end, took;
	unsigned int n = 0;

	usleep(SETTLE_US);
	begin = now_ms();
	end = begin + seconds * 1000LL;
	while (now_ms() < end || reads[0]) {
		for (; reads[0] < DEPTH && now_ms() < end; reads[0]++, n++)
			if (!iscsi_read10_task(s->iscsi, s->lun,
					       n * READ_BLOCKS % READ_SPAN,
					       READ_BLOCKS * BLOCK, BLOCK, 0, 0,
					       0, 0, 0, read_done, reads))
				die("%s", iscsi_get_error(s->iscsi));
		sessions_step(&s, 1, 100);
	}
	took = now_ms() - begin;
	return (double)reads[1] * 1000 / (double)took;
}

/* All others share one key: a list of the greatest length, one PREEMPT. */
static void pair(unsigned int number, int seconds)
{
	struct party *a = &parties[0], *b = &parties[1];
	double one = 0, all;

	if (number % 2)
		one = rate(a, seconds);
	fill("REGISTER with 4094 TransportIDs", b, 0, REGISTRATIONS - 2);
	if (!number) {
		check_state((int)number_of(a));
		pause_at("again full");
	}
	all = rate(a, seconds);
	if (!number)
		pause_at("read");
	preempt("PREEMPT of the key of all others", b->key);
	if (!number)
		check_state((int)number_of(a));
	if (number % 2 == 0)
		one = rate(a, seconds);
	printf("READs a second: %.0f with 4096 registrations, %.0f with 1\n",
	       all, one);
}

static void clear(void)
{
	out("CLEAR", &parties[0], CLEAR, 0, 0);
	forget(0, NOBODY);
	check_state(NOBODY);
}

static void use_many(void)
{
	struct party *a = &parties[0];
	int holder = (int)number_of(a);

	out("RESERVE", a, RESERVE, EXCLUSIVE_ACCESS_RO, 0);
	check_state(holder);
	preempt("PREEMPT of the key of one", parties[3].key);
	check_state(holder);
	preempt("PREEMPT of the key of 1501", parties[1].key);
	check_state(holder);
	register_alone(&parties[1]);
	out("RELEASE", a, RELEASE, EXCLUSIVE_ACCESS_RO, 0);
	check_state(NOBODY);
	clear();
}

static void compare_rates(int pairs, int seconds)
{
	struct party *a = &parties[0];
	int i;

	register_alone(a);
	out("RESERVE", a, RESERVE, EXCLUSIVE_ACCESS_RO, 0);
	for (i = 0; i < pairs; i++)
		pair((unsigned int)i, seconds);
	fill("REGISTER with 4094 TransportIDs", &parties[1], 0,
	     REGISTRATIONS - 2);
	clear();
}

int main(int argc, char **argv)
{
	unsigned int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 5)
		die("usage: many PAIRS SECONDS URL1 URL2");
	for (i = 0; i < PARTIES; i++) {
		struct party *p = &parties[i];

		make_name(p->session.name, number_of(p));
		p->gateway = i % 2;
		p->key = 0xa000000000000001ULL + i;
		session_open(&p->session, argv[3 + i % 2]);
		sessions[i] = &p->session;
	}
	register_alone(&parties[0]);
	out("CLEAR", &parties[0], CLEAR, 0, 0);
	forget(0, NOBODY);
	pause_at("empty");

	fill_by_parts();
	time_registers(&parties[0]);
	pause_at("full");
	check_refusals();
	use_many();
	pause_at("cleared");
	compare_rates(atoi(argv[1]), atoi(argv[2]));
	for (i = 0; i < PARTIES; i++)
		session_close(&parties[i].session);
	return failures != 0;
}
