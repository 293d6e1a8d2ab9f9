// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two gateways in one process, each with its loop, on one directory store:
 * all of the daemon but the netlink socket, which a fake kernel replaces by
 * defining netlink.h's functions itself.
 */
#include "cmocka_all.h"
#include "attach.h"
#include "device.h"
#include "lease.h"
#include "news.h"
#include "scratch.h"
#include "tpr_string.h"
#include "work.h"

enum {
	GATEWAYS = 2,
	WAIT_MS = 60000,
};

/* The fake kernel: installs at once, remembers what it was told. */
struct netlink {
	struct daemon *d;
	uint64_t seq;
	uint64_t settled;
	int invalid;
	int get_status, set_status; /* -1: not answered */
	char *str;
	size_t len;
	struct push {
		char device[64];
		uint64_t seq;
	} push;
	uv_idle_t idle; /* answers a push outside of the engine */
	uint64_t term, until;
	uv_timer_t answer; /* to LEASE */
};

static struct gateway {
	struct daemon d;
	struct netlink nl;
	struct config config;
	char name[16];
} gateways[GATEWAYS];

bool netlink_is_up(const struct netlink *nl)
{
	(void)nl;
	return true;
}

static void on_idle(uv_idle_t *idle)
{
	struct netlink *nl = idle->data;

	uv_idle_stop(idle);
	device_events.push_done(nl->d, nl->push.device, nl->push.seq, 0);
}

void netlink_push(struct netlink *nl, const char *device, uint64_t seq,
		  bool settled, const char *str, size_t len)
{
	if (settled) {
		assert_int_equal(seq, nl->seq);
		nl->settled = seq;
		return;
	}
	assert_true(str && len);
	nl->seq = seq;
	nl->invalid = 0;
	snprintf(nl->push.device, sizeof(nl->push.device), "%s", device);
	nl->push.seq = seq;
	uv_idle_start(&nl->idle, on_idle);
}

static void on_answer(uv_timer_t *timer)
{
	struct netlink *nl = timer->data;

	device_events.lease_done(nl->d, 0);
}

void netlink_lease(struct netlink *nl, uint64_t term, uint64_t until_ns)
{
	assert_true(term >= nl->term && term);
	assert_false(uv_is_active((uv_handle_t *)&nl->answer));
	nl->term = term;
	nl->until = until_ns;
	uv_timer_start(&nl->answer, on_answer, 0, 0);
}

void netlink_invalidate(struct netlink *nl, const char *device, int status)
{
	(void)device;
	nl->invalid = status;
}

void netlink_get_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status, uint64_t seq, const char *str, size_t len)
{
	(void)device;
	(void)seq;
	assert_int_equal(cookie, 1);
	nl->get_status = status;
	free(nl->str);
	nl->str = NULL;
	if (status)
		return;
	nl->str = malloc(len);
	assert_non_null(nl->str);
	memcpy(nl->str, str, len);
	nl->len = len;
}

void netlink_set_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status)
{
	(void)device;
	assert_int_equal(cookie, 2);
	nl->set_status = status;
}

/* Gateways */

static void connect_kernel(struct gateway *g)
{
	/* What was not answered is not any more. */
	uv_timer_stop(&g->nl.answer);
	device_events.up(&g->d);
	device_events.welcome(&g->d, g->nl.term);
}

static void gateway_start(struct gateway *g, int i)
{
	struct daemon *d = &g->d;
	char *err = NULL;

	memset(g, 0, sizeof(*g));
	snprintf(g->name, sizeof(g->name), "gw%d", i);
	g->config.store = &store_dir_ops;
	g->config.gateway = g->name;
	g->config.lease_ms = 2000;
	g->config.margin_ms = 500;
	g->config.beat_ms = 100;
	d->config = &g->config;
	d->nl = &g->nl;
	g->nl.d = d;
	d->engine.gateway = g->name;
	d->engine.incarnation = 100 + (uint64_t)i;
	d->engine.member_timeout_ms = 5500;
	d->ops = &store_dir_ops;
	assert_int_equal(uv_loop_init(&d->loop), 0);
	if (d->ops->open(&d->store, scratch_path("store"), g->name,
			 d->engine.incarnation, &err))
		fail_msg("%s", err);
	uv_idle_init(&d->loop, &g->nl.idle);
	g->nl.idle.data = &g->nl;
	uv_timer_init(&d->loop, &g->nl.answer);
	g->nl.answer.data = &g->nl;
	assert_int_equal(lease_open(d), 0);
	d->attacher = attach_open(&d->loop, scratch, &g->config);
	d->news = news_start(&d->loop, d->ops, d->store, device_news, d);
	assert_non_null(d->attacher);
	assert_non_null(d->news);
	connect_kernel(g);
}

static void gateway_stop(struct gateway *g)
{
	struct daemon *d = &g->d;

	d->stopping = true;
	devices_stop(d);
	lease_close(d->lease);
	attach_close(d->attacher);
	news_stop(d->news);
	uv_close((uv_handle_t *)&g->nl.idle, NULL);
	uv_close((uv_handle_t *)&g->nl.answer, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	devices_drop(d);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	lease_free(d->lease);
	d->ops->close(d->store);
	assert_int_equal(uv_loop_close(&d->loop), 0);
	free(g->nl.str);
}

static int setup(void **state)
{
	int i;

	if (scratch_make(state) || mkdir(scratch_path("store"), 0755))
		return -1;
	for (i = 0; i < GATEWAYS; i++)
		gateway_start(&gateways[i], i);
	return 0;
}

static int teardown(void **state)
{
	int i;

	for (i = 0; i < GATEWAYS; i++)
		gateway_stop(&gateways[i]);
	return scratch_remove(state);
}

/* The gateway whose loop is not run, as if its process were stopped; -1. */
static int paused = -1;

/* Runs both loops until @done or it takes too long. */
static bool run_until(bool (*done)(void))
{
	uint64_t end = uv_hrtime() + (uint64_t)WAIT_MS * 1000000;
	int i;

	while (!done()) {
		if (uv_hrtime() > end)
			return false;
		for (i = 0; i < GATEWAYS; i++)
			if (i != paused)
				uv_run(&gateways[i].d.loop,
				       UV_RUN_NOWAIT);
		uv_sleep(1);
	}
	return true;
}

static void add(int i, const char *name, const char *config, const char *serial,
		uint64_t seq)
{
	char backstore[64];
	const struct netlink_device device = {name, backstore, config, serial,
					      seq};

	snprintf(backstore, sizeof(backstore), "user_0/%s", name);
	device_events.added(&gateways[i].d, &device);
}

static enum engine_state state_of(int i, const char *name)
{
	struct device *dev = device_find(&gateways[i].d, name);
	struct engine_status status;

	assert_non_null(dev);
	assert_non_null(dev->engine);
	engine_status(dev->engine, &status);
	return status.state;
}

static bool both_ready(void)
{
	return state_of(0, "disk0") == ENGINE_READY &&
	       state_of(1, "disk0") == ENGINE_READY;
}

static bool first_ready(void)
{
	return state_of(0, "disk0") == ENGINE_READY;
}

static bool second_ready(void)
{
	return state_of(1, "disk0") == ENGINE_READY;
}

static bool first_failed(void)
{
	return state_of(0, "disk0") == ENGINE_FAILED;
}

static bool get_answered(void)
{
	return gateways[0].nl.get_status != -1;
}

static bool set_answered(void)
{
	return gateways[0].nl.set_status != -1;
}

static bool first_gone(void)
{
	return !gateways[0].d.devices;
}

/* The next string, as the kernel would write it. */
static char *decide(struct gateway *g, size_t *len)
{
	const struct tpr_writer writer = {"gw0", 77, 1};
	struct tcmu_pr_info *info = malloc(tpr_info_size(0));
	char *buf = malloc(tpr_encoded_max(0));
	long n;

	assert_non_null(info);
	tpr_info_init(info, 0);
	assert_int_equal(tpr_decode(info, g->nl.str, g->nl.len, NULL), 0);
	info->gen++;
	tpr_stamp(info, &writer, &(struct tpr_order){ .action = TPR_ACT_REGISTER });
	n = tpr_encode(info, buf, tpr_encoded_max(0));
	assert_true(n > 0);
	*len = (size_t)n;
	free(info);
	return buf;
}

static void test_both_serve(void **state)
{
	size_t len;
	char *str;

	(void)state;
	add(0, "disk0", "dir/disk0", "serial", 0);
	add(1, "disk0", "dir/disk0", "serial", 0);
	assert_true(run_until(both_ready));

	gateways[0].nl.get_status = -1;
	device_events.get(&gateways[0].d, "disk0", 1);
	assert_true(run_until(get_answered));
	assert_int_equal(gateways[0].nl.get_status, 0);

	str = decide(&gateways[0], &len);
	gateways[0].nl.set_status = -1;
	device_events.set(&gateways[0].d, "disk0", 2, 1, str, len);
	free(str);
	assert_true(run_until(set_answered));
	assert_int_equal(gateways[0].nl.set_status, 0);
	assert_int_equal(gateways[0].nl.settled, 2);
	assert_int_equal(gateways[1].nl.seq, 2);
	assert_true(run_until(both_ready));
	assert_int_equal(gateways[1].nl.settled, 2);
}

static void test_removed(void **state)
{
	(void)state;
	add(0, "disk0", "dir/disk0", "serial", 0);
	assert_true(run_until(first_ready));
	device_events.removed(&gateways[0].d, "disk0");
	assert_null(device_find(&gateways[0].d, "disk0"));
	assert_true(run_until(first_gone));
	add(0, "disk0", "dir/disk0", "serial", 0);
	device_events.removed(&gateways[0].d, "disk0");
	add(0, "again", "dir/disk0", "serial", 0);
	assert_non_null(device_find(&gateways[0].d, "again"));
	device_events.removed(&gateways[0].d, "again");
	assert_true(run_until(first_gone));
	/* Of a device that nobody knows. */
	device_events.removed(&gateways[0].d, "none");
}

/* The connection is lost and comes back, without the device or with it. */
static void test_reconnected(void **state)
{
	(void)state;
	add(0, "disk0", "dir/disk0", "serial", 0);
	add(1, "disk0", "dir/disk0", "serial", 0);
	assert_true(run_until(both_ready));
	device_events.down(&gateways[1].d, false);
	connect_kernel(&gateways[1]);
	add(1, "disk0", "dir/disk0", "serial", 1);
	device_events.named(&gateways[1].d);
	assert_true(run_until(both_ready));
	/* Not named yet, or HELLO failed: it is served all the same. */
	device_events.down(&gateways[0].d, false);
	connect_kernel(&gateways[0]);
	device_events.down(&gateways[0].d, false);
	connect_kernel(&gateways[0]);
	assert_non_null(device_find(&gateways[0].d, "disk0"));
	device_events.named(&gateways[0].d);
	assert_null(device_find(&gateways[0].d, "disk0"));
	assert_true(run_until(first_gone));
}

static void test_unloaded(void **state)
{
	(void)state;
	add(0, "disk0", "dir/disk0", "serial", 0);
	device_events.down(&gateways[0].d, true);
	assert_null(device_find(&gateways[0].d, "disk0"));
	assert_true(run_until(first_gone));
}

static void test_other_serial(void **state)
{
	(void)state;
	add(1, "disk0", "dir/disk0", "serial", 0);
	assert_true(run_until(second_ready));
	add(0, "disk0", "dir/disk0", "other", 0);
	assert_true(run_until(first_failed));
	assert_int_equal(gateways[0].nl.invalid, EBADMSG);
}

/* Two backstores that are one image: the second is refused, clearly. */
static void test_same_twice(void **state)
{
	struct device *dev;

	(void)state;
	add(0, "disk0", "dir/disk0", "serial", 0);
	add(0, "disk1", "dir/disk0", "serial", 0);
	dev = device_find(&gateways[0].d, "disk1");
	assert_non_null(dev);
	assert_null(dev->engine);
	assert_non_null(strstr(dev->refused, "same logical unit"));
	gateways[0].nl.get_status = -1;
	device_events.get(&gateways[0].d, "disk1", 1);
	assert_int_equal(gateways[0].nl.get_status, EIO);
	gateways[0].nl.set_status = -1;
	device_events.set(&gateways[0].d, "disk1", 2, 1, "x", 1);
	assert_int_equal(gateways[0].nl.set_status, EIO);
	device_events.push_done(&gateways[0].d, "disk1", 1, 0);
	device_events.settle(&gateways[0].d, "disk1", 1);
	device_events.removed(&gateways[0].d, "disk1");
	assert_null(device_find(&gateways[0].d, "disk1"));
	assert_true(run_until(first_ready));
}

/* The name stays, but what it stands for is another logical unit. */
static void test_renamed(void **state)
{
	(void)state;
	add(0, "disk0", "dir/disk0", "serial", 0);
	assert_true(run_until(first_ready));
	add(0, "disk0", "dir/disk9", "serial9", 0);
	assert_string_not_equal(device_find(&gateways[0].d, "disk0")->lu, "");
	assert_true(run_until(first_ready));
}

static void test_lu_configured(void **state)
{
	struct config_device conf = {(char *)"user_0/disk0", true, NULL,
				     (char *)"chosen"};

	(void)state;
	gateways[0].config.devices = &conf;
	gateways[0].config.count = 1;
	add(0, "disk0", "whatever", "serial", 0);
	assert_string_equal(device_find(&gateways[0].d, "disk0")->lu, "chosen");
	assert_true(run_until(first_ready));
	gateways[0].config.count = 0;
}

static bool second_back(void)
{
	return gateways[1].nl.term == 2 && gateways[1].nl.seq == 2 &&
	       both_ready();
}

static void change(int i, uint64_t expected)
{
	size_t len;
	char *str;

	gateways[i].nl.get_status = -1;
	device_events.get(&gateways[i].d, "disk0", 1);
	assert_true(run_until(get_answered));
	assert_int_equal(gateways[i].nl.get_status, 0);
	str = decide(&gateways[i], &len);
	gateways[i].nl.set_status = -1;
	device_events.set(&gateways[i].d, "disk0", 2, expected, str, len);
	free(str);
}

/* One is stopped: the other goes on without it, and it comes back. */
static void test_evicted(void **state)
{
	uint64_t paused_at;

	(void)state;
	add(0, "disk0", "dir/disk0", "serial", 0);
	add(1, "disk0", "dir/disk0", "serial", 0);
	assert_true(run_until(both_ready));
	paused = 1;
	paused_at = uv_hrtime() / 1000000;
	change(0, 1);
	assert_true(run_until(set_answered));
	assert_int_equal(gateways[0].nl.set_status, 0);
	assert_int_equal(gateways[0].nl.settled, 2);
	/* Not before its lease had ended by its own clock. */
	assert_int_equal(gateways[1].nl.seq, 1);
	assert_true(uv_hrtime() / 1000000 >= paused_at + 2000 - 100);
	assert_int_equal(gateways[1].nl.term, 1);
	paused = -1;
	assert_true(run_until(second_back));
	assert_int_equal(gateways[0].nl.term, 1);
}

/* More of them than there are workers, as if a device's calls hung. */
enum { HANGING = 40 };

static uv_sem_t hanging;

static void hang(void *arg)
{
	(void)arg;
	uv_sem_wait(&hanging);
}

static void hung(void *arg)
{
	(void)arg;
}

static uint64_t until_wanted;

static bool lease_extended(void)
{
	return gateways[0].nl.until > until_wanted &&
	       gateways[1].nl.until > until_wanted;
}

static void test_hung_devices(void **state)
{
	bool good;
	int i;

	(void)state;
	assert_int_equal(uv_sem_init(&hanging, 0), 0);
	for (i = 0; i < HANGING; i++)
		assert_int_equal(work_run(&gateways[0].d.loop, hang, hung,
					  NULL),
				 0);
	until_wanted = 0;
	good = run_until(lease_extended);
	/* For longer than a lease. */
	until_wanted = gateways[0].nl.until + 2500000000u;
	good = good && run_until(lease_extended);
	for (i = 0; i < HANGING; i++)
		uv_sem_post(&hanging);
	assert_true(good);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_serve), T(removed),	 T(reconnected),
		T(unloaded),   T(other_serial),	 T(same_twice),
		T(renamed),    T(lu_configured), T(hung_devices), T(evicted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
