// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who fences a gateway that has ended: the store's cut(), and if that fails,
 * the administrator's command.  All is real but the store and the kernel, which
 * grants each lease; gw2 is the one that has ended.
 */
#include "cmocka_all.h"
#include "config.h"
#include "lease.h"
#include "log.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LEASE_MS = 8000,
	PEER_MS = 100, /* lease of gw2 */
	BEAT_MS = 20,
	CUT_MS = 150,
	WAIT_MS = 60000,
	QUIET_MS = 400, /* in which nothing more must happen */
	TERM = 3, /* of gw2 */
};

/* The store: under the lock, for it is called by several threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct store_gateway entries[2];
static int cut_ret, lift_ret, beat_ret;
static int cuts, cut_ends, lifts, records;
static uint64_t lift_term;

static int fake_beat(struct store *store, const struct store_beat *beat,
		     uint64_t *evicted)
{
	int ret;

	(void)store;
	pthread_mutex_lock(&lock);
	ret = beat_ret;
	if (!ret) {
		entries[0].beaten = true;
		entries[0].beat = *beat;
		*evicted = 0;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

static int fake_gateways(struct store *store, struct store_gateway **list,
			 size_t *count)
{
	(void)store;
	*list = malloc(sizeof(entries));
	if (!*list)
		return -ENOMEM;
	pthread_mutex_lock(&lock);
	*count = entries[0].beaten ? 2 : 1;
	memcpy(*list, entries + 2 - *count, *count * sizeof(*entries));
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_evict(struct store *store, const char *gateway, uint64_t term)
{
	(void)store;
	pthread_mutex_lock(&lock);
	if (!strcmp(gateway, "gw2"))
		entries[1].evicted = term;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int fake_fence(struct store *store, const char *gateway, uint64_t term)
{
	(void)store;
	pthread_mutex_lock(&lock);
	if (!strcmp(gateway, "gw2")) {
		entries[1].fenced = term;
		records++;
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

/* One line in a file that the fence command writes, too. */
static void note(const char *text)
{
	int fd = open(scratch_path("order"), O_WRONLY | O_APPEND | O_CREAT,
		      0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static int fake_cut(struct store *store, const char *gateway, uint64_t term)
{
	char line[128];
	int ret;

	(void)store;
	pthread_mutex_lock(&lock);
	cuts++;
	ret = cut_ret;
	pthread_mutex_unlock(&lock);
	uv_sleep(CUT_MS);
	snprintf(line, sizeof(line), "cut %s %llu\n", gateway,
		 (unsigned long long)term);
	note(line);
	pthread_mutex_lock(&lock);
	cut_ends++;
	pthread_mutex_unlock(&lock);
	return ret;
}

static int fake_lift(struct store *store, uint64_t term)
{
	int ret;

	(void)store;
	pthread_mutex_lock(&lock);
	lifts++;
	lift_term = term;
	ret = lift_ret;
	if (!ret)
		beat_ret = 0;
	pthread_mutex_unlock(&lock);
	return ret;
}

static const struct store_ops cutting = {
	.type = "fake",
	.beat = fake_beat,
	.gateways = fake_gateways,
	.evict = fake_evict,
	.fence = fake_fence,
	.cut = fake_cut,
	.lift = fake_lift,
};

/* The kernel, and what the engine is told: see meson.build. */
static struct daemon daemon_;
static int leases; /* not answered yet */
static uint64_t lease_term;
static int told, told_status;

void __wrap_netlink_lease(struct netlink *nl, uint64_t term, uint64_t until);
void __wrap_netlink_lease(struct netlink *nl, uint64_t term, uint64_t until)
{
	(void)nl;
	(void)until;
	leases++;
	lease_term = term;
}

void __real_gateways_fenced(struct gateways *g, const char *gateway,
			    uint64_t term, int status);
void __wrap_gateways_fenced(struct gateways *g, const char *gateway,
			    uint64_t term, int status);
void __wrap_gateways_fenced(struct gateways *g, const char *gateway,
			    uint64_t term, int status)
{
	assert_string_equal(gateway, "gw2");
	assert_int_equal(term, TERM);
	told++;
	told_status = status;
	__real_gateways_fenced(g, gateway, term, status);
}

/* Running */

static char script[512];
static char *words[] = {script, (char *)"--off", NULL};
static struct config config;

static void turn(void)
{
	uv_run(&daemon_.loop, UV_RUN_NOWAIT);
	while (leases) {
		leases--;
		lease_done(daemon_.lease, 0);
		lease_quiet(daemon_.lease, lease_term);
	}
	uv_sleep(1);
}

static int value(const int *of)
{
	int copy;

	pthread_mutex_lock(&lock);
	copy = *of;
	pthread_mutex_unlock(&lock);
	return copy;
}

static void run_until(const int *of, int count)
{
	uint64_t end = uv_hrtime() + (uint64_t)WAIT_MS * 1000000;

	while (value(of) < count && uv_hrtime() < end)
		turn();
	assert_int_equal(value(of), count);
}

static void run_for(int ms)
{
	uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;

	while (uv_hrtime() < end)
		turn();
}

static void expect_order(const char *want)
{
	char got[256] = "";
	int fd = open(scratch_path("order"), O_RDONLY);

	if (fd >= 0) {
		assert_true(read(fd, got, sizeof(got) - 1) >= 0);
		close(fd);
	}
	assert_string_equal(got, want);
}

/* As the administrator sees it, and as engines do. */
static bool fenced(void)
{
	struct gateways *g = daemon_.engine.gateways;
	struct gateways_info info;
	struct gateways_status status;
	bool off = gateways_fenced_off(g, "gw2", TERM, false);

	gateways_status(g, &status);
	for (size_t i = 0; i < status.count; i++) {
		gateways_info(g, i, &info);
		if (strcmp(info.gateway, "gw2"))
			continue;
		assert_int_equal(info.life, GATEWAYS_ENDED);
		assert_int_equal(info.fenced, off);
		return off;
	}
	fail_msg("gw2 is not listed");
	return false;
}

static void command_write(const char *text)
{
	FILE *out;

	snprintf(script, sizeof(script), "%s", scratch_path("command"));
	out = fopen(script, "w");
	assert_non_null(out);
	fprintf(out, "#!/bin/sh\ncd %s\n%s\n", scratch, text);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(script, 0755), 0);
}

static void command_works(void)
{
	command_write("echo \"$@\" >>order");
	config.fence_words = words;
}

static void begin(const struct store_ops *ops, bool blocklist, int ret)
{
	cut_ret = ret;
	config.blocklist = blocklist;
	daemon_.ops = ops;
	assert_int_equal(lease_open(&daemon_), 0);
	lease_welcome(daemon_.lease, 0);
}

static int setup(void **state)
{
	if (scratch_make(state))
		return -1;
	config = (struct config){
		.gateway = (char *)"gw1",
		.lease_ms = LEASE_MS,
		.margin_ms = PEER_MS,
		.beat_ms = BEAT_MS,
		.fence_timeout_ms = WAIT_MS,
	};
	memset(entries, 0, sizeof(entries));
	strcpy(entries[0].gateway, "gw1");
	entries[1] = (struct store_gateway){
		.gateway = "gw2",
		.beaten = true,
		.beat = {.term = TERM, .incarnation = 1, .lease_ms = PEER_MS},
	};
	cut_ret = lift_ret = beat_ret = 0;
	cuts = cut_ends = lifts = records = 0;
	leases = told = told_status = 0;
	daemon_ = (struct daemon){.config = &config};
	daemon_.engine.incarnation = 7;
	return uv_loop_init(&daemon_.loop);
}

static void end(void)
{
	lease_close(daemon_.lease);
	uv_run(&daemon_.loop, UV_RUN_DEFAULT);
	lease_free(daemon_.lease);
	daemon_.lease = NULL;
}

static int teardown(void **state)
{
	if (daemon_.lease)
		end();
	uv_loop_close(&daemon_.loop);
	return scratch_remove(state);
}

/* The tests */

static void test_cut(void **state)
{
	(void)state;
	command_works();
	begin(&cutting, true, 0);
	run_until(&records, 1);
	run_for(QUIET_MS);
	assert_true(fenced());
	assert_int_equal(told, 1);
	assert_int_equal(told_status, 0);
	assert_int_equal(records, 1);
	expect_order("cut gw2 3\n");
}

/* One after the other, and the engine is told once, of the last. */
static void test_cut_fails(void **state)
{
	(void)state;
	command_works();
	begin(&cutting, true, -EADDRINUSE);
	run_until(&records, 1);
	run_for(QUIET_MS);
	assert_true(fenced());
	assert_int_equal(told, 1);
	assert_int_equal(told_status, 0);
	assert_int_equal(records, 1);
	expect_order("cut gw2 3\n--off gw2 3\n");
}

/* The next try begins at the beginning. */
static void test_both_fail(void **state)
{
	(void)state;
	command_write("echo \"$@\" >>order; exit 1");
	config.fence_words = words;
	begin(&cutting, true, -ETIMEDOUT);
	run_until(&told, 1);
	assert_int_equal(told_status, EIO);
	run_for(QUIET_MS);
	assert_false(fenced());
	assert_int_equal(told, 1);
	assert_int_equal(value(&records), 0);
	expect_order("cut gw2 3\n--off gw2 3\n");
	pthread_mutex_lock(&lock);
	cut_ret = 0;
	pthread_mutex_unlock(&lock);
	run_until(&records, 1);
	run_for(QUIET_MS);
	assert_true(fenced());
	assert_int_equal(told, 2);
	assert_int_equal(told_status, 0);
	expect_order("cut gw2 3\n--off gw2 3\ncut gw2 3\n");
}

/* It counts until it can be fenced: what engines make of it they test. */
static void test_no_command(void **state)
{
	struct gateways *g;

	(void)state;
	begin(&cutting, true, -ENOENT);
	g = daemon_.engine.gateways;
	assert_true(gateways_can_fence(g) && gateways_must_fence(g));
	run_until(&told, 1);
	assert_int_equal(told_status, ENOENT);
	run_for(QUIET_MS);
	assert_false(fenced());
	assert_int_equal(told, 1);
	assert_int_equal(cuts, 1);
	assert_int_equal(value(&records), 0);
	expect_order("cut gw2 3\n");
}

/* Not begun because gw2 has ended, but when an engine wants it. */
static void command_alone(const struct store_ops *ops, bool blocklist)
{
	struct gateways *g;

	command_works();
	begin(ops, blocklist, 0);
	g = daemon_.engine.gateways;
	assert_true(gateways_can_fence(g));
	assert_false(gateways_must_fence(g));
	while (gateways_life(g, "gw2", TERM) != GATEWAYS_ENDED)
		turn();
	run_for(QUIET_MS);
	assert_false(fenced());
	expect_order("");
	assert_false(gateways_fenced_off(g, "gw2", TERM, true));
	run_until(&records, 1);
	run_for(QUIET_MS);
	assert_true(fenced());
	assert_int_equal(told, 1);
	assert_int_equal(cuts, 0);
	expect_order("--off gw2 3\n");
}

static void test_not_wanted(void **state)
{
	(void)state;
	command_alone(&cutting, false);
}

static void test_cannot(void **state)
{
	static struct store_ops ops;

	(void)state;
	ops = cutting;
	ops.cut = NULL;
	ops.lift = NULL;
	command_alone(&ops, true);
}

static void test_nothing(void **state)
{
	struct gateways *g;

	(void)state;
	begin(&cutting, false, 0);
	g = daemon_.engine.gateways;
	assert_false(gateways_can_fence(g) || gateways_must_fence(g));
	while (gateways_life(g, "gw2", TERM) != GATEWAYS_ENDED)
		turn();
	assert_false(gateways_fenced_off(g, "gw2", TERM, true));
	run_for(QUIET_MS);
	assert_false(fenced());
	assert_int_equal(told, 0);
	assert_int_equal(cuts, 0);
}

/* The daemon ends during cut(), which fails: nobody is shot after that. */
static void test_end(void **state)
{
	(void)state;
	command_works();
	begin(&cutting, true, -EIO);
	run_until(&cuts, 1);
	end();
	assert_int_equal(cut_ends, 1);
	assert_int_equal(told, 0);
	expect_order("cut gw2 3\n");
}

/* Cut off ourselves: lifted in a new term, again if that fails. */
static void test_lift(void **state)
{
	struct gateways *g;

	(void)state;
	begin(&cutting, true, 0);
	g = daemon_.engine.gateways;
	run_until(&records, 1);
	assert_int_equal(gateways_term(g), 1);
	pthread_mutex_lock(&lock);
	beat_ret = -ESHUTDOWN;
	lift_ret = -EBUSY;
	pthread_mutex_unlock(&lock);
	run_until(&lifts, 1);
	run_for(QUIET_MS);
	assert_int_equal(value(&lifts), 1);
	assert_int_equal(lift_term, 2);
	assert_int_equal(gateways_term(g), 0);
	pthread_mutex_lock(&lock);
	lift_ret = 0;
	pthread_mutex_unlock(&lock);
	run_until(&lifts, 2);
	run_for(QUIET_MS);
	assert_int_equal(gateways_term(g), 2);
	assert_int_equal(value(&lifts), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cut),	       T(cut_fails),  T(both_fail),
		T(no_command), T(not_wanted), T(cannot),
		T(nothing),    T(end),	      T(lift),
	};

	log_init(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
