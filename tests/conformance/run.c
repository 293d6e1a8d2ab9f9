// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"
#include "lists.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Responses of RFC 7143, 11.6.1. */
enum { TMF_COMPLETE = 0, TMF_NOT_SUPPORTED = 5, TMF_REJECTED = 255 };

enum {
	TUR_BYTES = 6,
	POLL_MS = 20,
	NEXUS_LOSS_MS = 1000,	/* what is promised for SPC-2 reservations */
	GIVE_UP_MS = 10 * NEXUS_LOSS_MS,
	CONTROLS = 5,
	CONTROL_FACTOR = 4,
};

struct run run;
bool verbose;
bool spc2_held[NEXUSES];

static const char *const out_names[] = {
	"REGISTER", "RESERVE", "RELEASE", "CLEAR", "PREEMPT", "PREEMPT AND ABORT",
	"REGISTER AND IGNORE EXISTING KEY", "REGISTER AND MOVE", "REPLACE LOST RESERVATION",
};

static const char *const in_names[] = {
	"READ KEYS", "READ RESERVATION", "REPORT CAPABILITIES", "READ FULL STATUS",
};

static const char *const kind_names[] = {
	[UNIT_ATTENTION] = "TEST UNIT READY", [LOGIN] = "login", [LOGOUT] = "logout",
	[DROP] = "connection drop", [LUN_RESET] = "LUN RESET", [TARGET_RESET] = "TARGET RESET",
	[DRAIN] = "drain", [ENDS_WITHIN] = "wait for the end of the reservation",
	[MANY_KEYS] = "READ FULL STATUS",
};

void describe(const struct step *s, char *to, size_t room)
{
	int used = snprintf(to, room, "%c ", nexus_letter(s->n));
	size_t i, left = room - (size_t)used;

	to += used;
	if (s->kind == PR_OUT) {
		snprintf(to, left, "%s key %llx, new %llx, type %u%s%s%s",
			 s->sa <= SA_REPLACE_LOST ? out_names[s->sa] : "PR OUT ?",
			 (unsigned long long)s->rk, (unsigned long long)s->sark, s->type,
			 s->aptpl ? " APTPL" : "", s->all_tg_pt ? " ALL_TG_PT" : "",
			 s->spec_i_pt ? " SPEC_I_PT" : "");
	} else if (s->kind == PR_IN) {
		snprintf(to, left, "%s", s->sa <= SA_FULL ? in_names[s->sa] : "PR IN ?");
	} else if (s->kind == COMMAND) {
		for (i = 0; i < s->cdb_length && left > 3; i++, left -= 2, to += 2)
			snprintf(to, left, "%02x", s->cdb[i]);
	} else {
		snprintf(to, left, "%s", kind_names[s->kind]);
	}
}

bool check(bool ok, const struct step *s, const char *format, ...)
{
	char what[160] = "start";
	va_list ap;

	run.asserts++;
	if (ok)
		return true;
	run.failed++;
	if (s)
		describe(s, what, sizeof(what));
	printf("  %s, step %u (%s): ", run.test->name, run.step, what);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	return false;
}

static void status_text(char *to, size_t room, int status, int key, int asc)
{
	if (status == ST_CHECK)
		snprintf(to, room, "CHECK CONDITION %x/%04x", (unsigned int)key,
			 (unsigned int)asc);
	else
		snprintf(to, room, "%s%02x", status == ST_GOOD ? "GOOD " :
			 status == ST_CONFLICT ? "RESERVATION CONFLICT " : "status ",
			 (unsigned int)status);
}

/* Status, and sense key, ASC and ASCQ where there are any. */
static bool check_status(const struct step *s, const struct answer *a)
{
	const struct want *w = &s->want;
	char expected[64], got[192];
	bool ok;

	status_text(expected, sizeof(expected), w->status, w->key, w->asc);
	status_text(got, sizeof(got), a->status, a->key, a->asc);
	if (a->status < 0)
		snprintf(got, sizeof(got), "no answer: %s", a->error);
	if (w->not_conflict) {
		ok = a->status >= 0 && a->status != ST_CONFLICT && a->status != ST_BUSY &&
		     (a->status != ST_CHECK || (a->key != 6 && a->key != 2));
		return check(ok, s, "expected no conflict, got %s", got);
	}
	ok = a->status == w->status;
	if (ok && a->status == ST_CHECK) {
		run.asserts++; /* the status; what follows is another one */
		ok = a->key == w->key &&
		     (a->asc == w->asc || (w->or_asc && a->asc == w->or_asc));
	}
	return check(ok, s, "expected %s, got %s", expected, got);
}

static void check_residual(const struct step *s, const struct answer *a, size_t expected)
{
	size_t got = a->underflow ? a->residual : 0;

	check(got == expected && !a->overflow, s, "expected a residual of %zu, got %s%zu",
	      expected, a->overflow ? "an overflow of " : "", a->residual);
}

/* PRGENERATION counts these, if they end with GOOD. */
static bool counts(uint8_t sa)
{
	return sa != SA_RESERVE && sa != SA_RELEASE;
}

static void mask(uint8_t *cdb, const struct step *s)
{
	size_t i;

	for (i = 0; i < 10; i++)
		cdb[i] ^= s->cdb[i];
}

static void step_out(const struct step *s, struct answer *a)
{
	static uint8_t list[LIST_MAX];
	size_t length = build_list(s, list);
	size_t claimed = s->length ? (size_t)s->length - 1 : length;
	size_t sent = s->sent ? (size_t)s->sent - 1 : claimed;
	uint8_t cdb[10] = { 0x5f, s->sa, (uint8_t)(s->scope << 4 | s->type) };
	const struct request rq = {
		.cdb = cdb, .cdb_length = sizeof(cdb), .direction = OUT, .out = list, .bytes = sent,
	};

	put(cdb + 5, claimed, 4);
	mask(cdb, s);
	run.changed = true;
	nexus_send(s->n, &rq, a);
	check_status(s, a);
	if (s->want.status != ST_GOOD || s->want.not_conflict)
		return;
	if (a->status == ST_GOOD)
		check_residual(s, a, sent > claimed ? sent - claimed : 0);
	run.gen += counts(s->sa) && !s->same_gen;
}

static void step_in(const struct step *s, struct answer *a)
{
	static struct answer whole;
	size_t room = s->length ? (size_t)s->length - 1 : DATA_MAX;
	uint8_t cdb[10] = { 0x5e, s->sa };
	const struct request rq = {
		.cdb = cdb, .cdb_length = sizeof(cdb), .direction = room ? IN : NONE, .bytes = room,
	};
	size_t n;

	put(cdb + 7, room, 2);
	mask(cdb, s);
	nexus_send(s->n, &rq, a);
	if (!check_status(s, a) || a->status != ST_GOOD)
		return;
	if (!s->length) {
		check_residual(s, a, DATA_MAX - a->size);
		check_in(s, a);
		return;
	}
	/* Truncated data is the beginning of the whole. */
	read_in(s->n, s->sa, &whole);
	n = whole.size < room ? whole.size : room;
	check(a->size == n && !memcmp(a->data, whole.data, n), s,
	      "expected the first %zu of %zu bytes, got %zu", n, whole.size, a->size);
	check_residual(s, a, room - n);
	check_in(s, &whole);
}

static void note_spc2(const struct step *s, const struct answer *a)
{
	if (a->status != ST_GOOD)
		return;
	if (s->cdb[0] == 0x16 || s->cdb[0] == 0x56)
		spc2_held[s->n] = true;
	if (s->cdb[0] == 0x17 || s->cdb[0] == 0x57)
		spc2_held[s->n] = false;
}

static void step_command(const struct step *s, struct answer *a)
{
	static uint8_t data[LIST_MAX];
	const struct request rq = {
		.cdb = s->cdb, .direction = s->direction,
		.cdb_length = s->cdb_length ? s->cdb_length : TUR_BYTES,
		.out = data, .bytes = (size_t)s->bytes,
	};
	size_t i;

	memset(data, s->fill, sizeof(data));
	nexus_send(s->n, &rq, a);
	note_spc2(s, a);
	if (!check_status(s, a) || a->status != ST_GOOD || !s->check_fill)
		return;
	for (i = 0; i < a->size && a->data[i] == s->fill; i++)
		;
	check(i == (size_t)s->bytes, s, "expected %d bytes of %02x, got %zu of them", s->bytes,
	      s->fill, i);
}

static void run_step(const struct step *s);

static void drain(enum nexus_id which)
{
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++)
		if (nexus_is_open(n) && (which == n || which == NEXUSES))
			nexus_drain(n);
}

/* Not every target resets itself; if it does, SPC-2 reservations are gone. */
static void step_target_reset(const struct step *s)
{
	int response = nexus_reset(s->n, true);

	run.changed = true;
	check(response == TMF_COMPLETE || response == TMF_NOT_SUPPORTED || response == TMF_REJECTED,
	      s, "expected response 0, 5 or 255, got %d", response);
	if (response == TMF_COMPLETE)
		drain(NEXUSES);
	run_step(&(struct step){ .kind = UNIT_ATTENTION, .n = s->rtpi_of, .want = {
			.status = response == TMF_COMPLETE ? ST_GOOD : ST_CONFLICT } });
}

static void step_lun_reset(const struct step *s)
{
	int response = nexus_reset(s->n, false);

	run.changed = true;
	if (check(response == TMF_COMPLETE, s, "expected response 0, got %d", response))
		memset(spc2_held, 0, sizeof(spc2_held));
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static uint8_t send_plain(enum nexus_id n, uint8_t operation)
{
	const uint8_t cdb[6] = { operation };
	const struct request rq = { .cdb = cdb, .cdb_length = sizeof(cdb) };
	struct answer a;

	nexus_send(n, &rq, &a);
	return a.status;
}

/*
 * What nothing has to be noticed for: RESERVE and RELEASE, which is two changes
 * of the state where the end of a nexus is one.  The shortest of some.
 */
static long long spc2_ms(enum nexus_id n)
{
	long long shortest = 0;
	int i;

	for (i = 0; i < CONTROLS; i++) {
		long long start = now_ms(), took;

		if (send_plain(n, 0x16) || send_plain(n, 0x17))
			return 0;
		took = now_ms() - start;
		if (!i || took < shortest)
			shortest = took;
	}
	return shortest;
}

/*
 * TEST UNIT READY goes from RESERVATION CONFLICT to GOOD in time.  If not, the
 * machine is looked at, too: how long it did not even run us, and whether it is
 * so slow that RESERVE and RELEASE take more than a quarter of the time.
 */
static void step_ends(const struct step *s, struct answer *a)
{
	static const uint8_t tur[6];
	const struct request rq = { .cdb = tur, .cdb_length = sizeof(tur) };
	long long start = now_ms(), took, asleep, still = 0, control = 0, most = NEXUS_LOSS_MS;

	for (;;) {
		nexus_send(s->n, &rq, a);
		took = now_ms() - start;
		if (a->status != ST_CONFLICT || took - still >= GIVE_UP_MS)
			break;
		asleep = now_ms();
		usleep(POLL_MS * 1000);
		still += now_ms() - asleep - POLL_MS;
	}
	check_status(s, a);
	if (took > most && a->status == ST_GOOD) {
		control = spc2_ms(s->n);
		if (control * CONTROL_FACTOR > most)
			most = control * CONTROL_FACTOR;
		most += still;
	}
	check(took <= most, s, "expected at most %lld ms, took %lld; not run for %lld, RESERVE and RELEASE take %lld",
	      most, took, still, control);
}

static void run_step(const struct step *s)
{
	static struct answer a;

	switch (s->kind) {
	case PR_OUT:
		step_out(s, &a);
		break;
	case PR_IN:
		step_in(s, &a);
		break;
	case COMMAND:
	case UNIT_ATTENTION:
		step_command(s, &a);
		break;
	case LOGIN:
		check(nexus_open(s->n), s, "expected a session");
		break;
	case LOGOUT:
		nexus_logout(s->n);
		spc2_held[s->n] = false;
		break;
	case DROP:
		nexus_drop(s->n);
		spc2_held[s->n] = false;
		break;
	case LUN_RESET:
		step_lun_reset(s);
		break;
	case TARGET_RESET:
		step_target_reset(s);
		break;
	case DRAIN:
		drain(s->n);
		break;
	case ENDS_WITHIN:
		step_ends(s, &a);
		break;
	case MANY_KEYS:
		check_many(s, &a);
		break;
	case END:
		break;
	}
}

void run_steps(const struct step *steps)
{
	char what[160];

	for (run.step = 1; steps->kind != END; steps++, run.step++) {
		if (verbose) {
			describe(steps, what, sizeof(what));
			printf("    %u: %s\n", run.step, what);
		}
		run_step(steps);
	}
}

void check_nothing_pending(void)
{
	enum nexus_id n;

	if (!run.changed)
		return;
	for (n = A; n < NEXUSES; n++)
		if (nexus_is_open(n))
			run_step(&(struct step){ .kind = UNIT_ATTENTION, .n = (uint8_t)n });
}
