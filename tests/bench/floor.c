// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that a change can cost on RADOS: one compare-and-swap of a small
 * key together with a string, then one notify that one watcher in another
 * process acknowledges.
 *
 *   floor [-c CONF] [-i USER] watch POOL[/NAMESPACE]
 *	the watcher: says "watching", and ends with its standard input
 *   floor [-c CONF] [-i USER] swap POOL[/NAMESPACE] BYTES ROUNDS
 *	what each takes, in microseconds: median, 10 % and 90 % of the rounds
 */
#include <errno.h>
#include <rados/librados.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STATE "tcmu_pr_floor"
#define INBOX "tcmu_pr_floor.inbox"
#define STRING_KEY "metadata_tcmu_pr_info"
#define VERSION_KEY "metadata_tcmu_pr_version"

enum {
	VERSION_LEN = 96, /* about what the store's line has */
	WATCH_SECONDS = 30,
	NOTIFY_MS = 10000,
};

struct floor {
	rados_t cluster;
	rados_ioctx_t io;
	char *string;
	size_t len;
	char version[VERSION_LEN + 1];
};

struct samples {
	const char *what;
	long *us;
};

static void check(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void usage(void)
{
	fprintf(stderr, "usage: floor [-c CONF] [-i USER] watch POOL[/NAMESPACE]"
			"\n       floor [-c CONF] [-i USER] swap "
			"POOL[/NAMESPACE] BYTES ROUNDS\n");
	exit(2);
}

static long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000L + ts.tv_nsec / 1000;
}

static void connect_to(struct floor *f, const char *conf, const char *user,
		       char *pool)
{
	char *space = strchr(pool, '/');

	if (space)
		*space++ = '\0';
	check(rados_create(&f->cluster, user), "rados_create");
	check(rados_conf_read_file(f->cluster, conf), "ceph.conf");
	check(rados_connect(f->cluster), "connect");
	check(rados_ioctx_create(f->cluster, pool, &f->io), pool);
	if (space)
		rados_ioctx_set_namespace(f->io, space);
}

static void create(struct floor *f, const char *object)
{
	rados_write_op_t op = rados_create_write_op();

	rados_write_op_create(op, LIBRADOS_CREATE_IDEMPOTENT, NULL);
	check(rados_write_op_operate2(op, f->io, object, NULL, 0), object);
	rados_release_write_op(op);
}

/* Answers as the daemon does: with its name. */
static void hear(void *arg, uint64_t notify, uint64_t cookie, uint64_t from,
		 void *data, size_t len)
{
	struct floor *f = arg;
	static const char answer[] = "gw2 1234567890abcdef";

	(void)from;
	(void)data;
	(void)len;
	rados_notify_ack(f->io, INBOX, notify, cookie, answer, sizeof(answer));
}

static void lose(void *arg, uint64_t cookie, int err)
{
	(void)arg;
	(void)cookie;
	check(err, "watch");
}

static void watch(struct floor *f)
{
	uint64_t cookie;
	char c;

	create(f, INBOX);
	check(rados_watch3(f->io, INBOX, &cookie, hear, lose, WATCH_SECONDS, f),
	      "watch");
	puts("watching");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	check(rados_unwatch2(f->io, cookie), "unwatch");
}

/* Version @round + 1 in the place of version @round. */
static void swap(struct floor *f, unsigned int round)
{
	const char *keys[2] = {VERSION_KEY, STRING_KEY};
	size_t key_lens[2] = {strlen(VERSION_KEY), strlen(STRING_KEY)};
	char next[VERSION_LEN + 1];
	const char *values[2] = {next, f->string};
	size_t lens[2] = {VERSION_LEN, f->len};
	rados_write_op_t op = rados_create_write_op();
	int compared = 0;

	snprintf(next, sizeof(next), "%-*u", VERSION_LEN, round + 1);
	rados_write_op_assert_exists(op);
	rados_write_op_omap_cmp2(op, VERSION_KEY, LIBRADOS_CMPXATTR_OP_EQ,
				 f->version, key_lens[0], VERSION_LEN,
				 &compared);
	rados_write_op_omap_set2(op, keys, values, key_lens, lens, 2);
	check(rados_write_op_operate2(op, f->io, STATE, NULL, 0), "swap");
	rados_release_write_op(op);
	memcpy(f->version, next, sizeof(next));
}

static void notify(struct floor *f)
{
	static const char text[] = "fsid/1//1234567890ab 4711";
	struct notify_ack_t *acks = NULL;
	struct notify_timeout_t *late = NULL;
	size_t count = 0, missed = 0, len = 0;
	char *reply = NULL;

	check(rados_notify2(f->io, INBOX, text, sizeof(text), NOTIFY_MS, &reply,
			    &len), "notify");
	check(rados_decode_notify_response(reply, len, &acks, &count, &late,
					   &missed), "reply");
	if (count != 1 || missed)
		check(-ENOTCONN, "exactly one watcher has to answer");
	rados_free_notify_response(acks, count, late);
	rados_buffer_free(reply);
}

/* The first version, which the rest is compared with. */
static void prepare(struct floor *f)
{
	const char *key = VERSION_KEY, *value = f->version;
	size_t key_len = strlen(key), len = VERSION_LEN;
	rados_write_op_t op = rados_create_write_op();

	snprintf(f->version, sizeof(f->version), "%-*u", VERSION_LEN, 0);
	rados_write_op_create(op, LIBRADOS_CREATE_IDEMPOTENT, NULL);
	rados_write_op_omap_clear(op);
	rados_write_op_omap_set2(op, &key, &value, &key_len, &len, 1);
	check(rados_write_op_operate2(op, f->io, STATE, NULL, 0), STATE);
	rados_release_write_op(op);
}

static int compare(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

static void tell(struct samples *s, unsigned int count)
{
	qsort(s->us, count, sizeof(*s->us), compare);
	printf("%-8s %ld %ld %ld\n", s->what, s->us[count / 2],
	       s->us[count / 10], s->us[count - 1 - count / 10]);
}

static void measure(struct floor *f, size_t len, unsigned int rounds)
{
	struct samples s[3] = {{"swap", NULL}, {"notify", NULL}, {"both", NULL}};
	const char *pause_ms = getenv("PAUSE_MS");
	useconds_t pause_us = pause_ms ? atoi(pause_ms) * 1000 : 0;
	unsigned int i;

	f->len = len;
	f->string = malloc(len + 1);
	for (i = 0; i < 3; i++)
		s[i].us = calloc(rounds, sizeof(long));
	if (!f->string || !s[0].us || !s[1].us || !s[2].us)
		check(-ENOMEM, "memory");
	memset(f->string, 'x', len);
	prepare(f);
	for (i = 0; i < rounds; i++) {
		long begin, between;

		usleep(pause_us);
		begin = now_us();
		swap(f, i);
		between = now_us();
		notify(f);
		s[2].us[i] = now_us() - begin;
		s[0].us[i] = between - begin;
		s[1].us[i] = begin + s[2].us[i] - between;
	}
	rados_remove(f->io, STATE);
	for (i = 0; i < 3; i++) {
		tell(&s[i], rounds);
		free(s[i].us);
	}
	free(f->string);
}

int main(int argc, char **argv)
{
	const char *conf = NULL, *user = NULL;
	struct floor f = {0};
	int option;

	while ((option = getopt(argc, argv, "c:i:")) != -1) {
		if (option == 'c')
			conf = optarg;
		else if (option == 'i')
			user = optarg;
		else
			usage();
	}
	argv += optind;
	argc -= optind;
	if (argc == 2 && !strcmp(argv[0], "watch")) {
		connect_to(&f, conf, user, argv[1]);
		watch(&f);
	} else if (argc == 4 && !strcmp(argv[0], "swap") && atoi(argv[2]) > 0 &&
		   atoi(argv[3]) > 0) {
		connect_to(&f, conf, user, argv[1]);
		measure(&f, (size_t)atoi(argv[2]), (unsigned int)atoi(argv[3]));
	} else {
		usage();
	}
	rados_ioctx_destroy(f.io);
	rados_shutdown(f.cluster);
	return 0;
}
