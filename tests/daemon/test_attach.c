// SPDX-License-Identifier: GPL-2.0-only
/* The scan: what it attaches by itself, and what it leaves alone. */
#include "cmocka_all.h"
#include "attach.h"
#include "scratch.h"
#include "store.h"

#include <string.h>
#include <unistd.h>

#define WAIT_NS (60 * (uint64_t)1000000000)

static uv_loop_t loop;
static struct attacher *at;
static struct config config;
static struct config_device devices[2];
static char *answer;
static int answers;

static void disk(const char *name, const char *enable)
{
	char path[128];

	snprintf(path, sizeof(path), "target/core/user_0/%s", name);
	assert_int_equal(mkdir(scratch_path(path), 0755), 0);
	snprintf(path, sizeof(path), "target/core/user_0/%s/enable", name);
	scratch_write(path, enable);
}

static int setup(void **state)
{
	if (scratch_make(state) || mkdir(scratch_path("target"), 0755) ||
	    mkdir(scratch_path("target/core"), 0755) ||
	    mkdir(scratch_path("target/core/user_0"), 0755) ||
	    mkdir(scratch_path("tcmu_pr"), 0755) || uv_loop_init(&loop))
		return -1;
	memset(&config, 0, sizeof(config));
	memset(devices, 0, sizeof(devices));
	config.store = &store_dir_ops;
	config.auto_attach = true;
	config.devices = devices;
	at = attach_open(&loop, scratch, &config);
	answers = 0;
	answer = NULL;
	return at ? 0 : -1;
}

static int teardown(void **state)
{
	attach_close(at);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) || scratch_remove(state) ? -1 : 0;
}

static void on_stop(uv_timer_t *timer)
{
	uv_stop(timer->data);
}

/* For what must not come. */
static void run_for(uint64_t ms)
{
	static uv_timer_t timer;

	uv_timer_init(&loop, &timer);
	timer.data = &loop;
	uv_timer_start(&timer, on_stop, ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static void turn(void)
{
	uv_run(&loop, UV_RUN_NOWAIT);
	uv_sleep(1);
}

static void run_until_answers(int count)
{
	uint64_t end = uv_hrtime() + WAIT_NS;

	while (answers < count && uv_hrtime() < end)
		turn();
	assert_int_equal(answers, count);
}

static void on_answer(void *arg, const char *error)
{
	(void)arg;
	answers++;
	answer = error ? strdup(error) : NULL;
}

static void dev_config(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "target/core/user_0/%s/attrib", name);
	assert_int_equal(mkdir(scratch_path(path), 0755), 0);
	snprintf(path, sizeof(path), "target/core/user_0/%s/attrib/dev_config",
		 name);
	scratch_write(path, text);
}

static bool attached(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "tcmu_pr/%s/backstore", name);
	return !access(scratch_path(path), F_OK);
}

static void run_until_attached(const char *name)
{
	uint64_t end = uv_hrtime() + WAIT_NS;

	while (!attached(name) && uv_hrtime() < end)
		turn();
	assert_true(attached(name));
}

/*
 * Until two scans have been done that began after this: what the first of them
 * has found is tried before, or beside, what only the second can find.
 */
static void run_scans(void)
{
	static int number;
	char name[32];

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "scanned%d", number++);
		disk(name, "1\n");
		run_until_attached(name);
	}
}

static void test_scan(void **state)
{
	(void)state;
	disk("disk0", "1\n");
	disk("disk1", "0\n");
	disk("disk2", "1\n");
	disk("disk3", "1\n");
	config.count = 2;
	devices[0].backstore = (char *)"user_0/disk2";
	devices[1].backstore = (char *)"user_0/disk3";
	devices[1].attach = true;
	devices[1].name = (char *)"three";
	attach_start(at);
	run_until_attached("disk0");
	run_until_attached("three");
	run_scans();
	assert_false(attached("disk1"));
	assert_false(attached("disk2"));
	/* It is enabled later. */
	scratch_write("target/core/user_0/disk1/enable", "1\n");
	run_until_attached("disk1");
}

/* Left alone: attached, what the store has no place for only has errors. */
static void test_not_images(void **state)
{
	static const struct store_ops rados = {.type = "rados"};

	(void)state;
	config.store = &rados;
	disk("disk0", "1\n");
	dev_config("disk0", "rbd/rbd/disk0\n");
	disk("disk1", "1\n");
	dev_config("disk1", "qcow/x/y.qcow2\n");
	disk("disk2", "1\n");
	dev_config("disk2", "qcow/x/y.qcow2\n");
	config.count = 1;
	devices[0].backstore = (char *)"user_0/disk2";
	devices[0].attach = true;
	devices[0].lu = (char *)"rbd/disk2";
	attach_start(at);
	run_until_attached("disk0");
	run_until_attached("disk2");
	attach_add(at, "user_0/disk1", NULL, on_answer, NULL);
	run_until_answers(1);
	assert_non_null(strstr(answer, "rbd/POOL/IMAGE"));
	assert_false(attached("disk1"));
	free(answer);
	answer = NULL;
}

static void test_no_scan(void **state)
{
	(void)state;
	disk("disk0", "1\n");
	config.auto_attach = false;
	attach_start(at);
	run_for(1300);
	assert_false(attached("disk0"));
	config.auto_attach = true;
	attach_stop(at);
	run_for(1300);
	assert_false(attached("disk0"));
}

/* What the administrator detached stays so until it is attached again. */
static void test_detach_stays(void **state)
{
	(void)state;
	disk("disk0", "1\n");
	attach_start(at);
	run_until_attached("disk0");
	run_scans();
	attach_note(at, "user_0/disk0", true);
	attach_del(at, "disk0", "user_0/disk0", on_answer, NULL);
	attach_note(at, "user_0/disk0", false);
	run_until_answers(1);
	assert_null(answer);
	run_scans();
	assert_false(attached("disk0"));
	attach_add(at, "user_0/disk0", NULL, on_answer, NULL);
	run_until_answers(2);
	assert_true(attached("disk0"));
}

/* One that is deleted and made again is new. */
static void test_detach_forgotten(void **state)
{
	(void)state;
	disk("disk0", "1\n");
	attach_start(at);
	run_until_attached("disk0");
	run_scans();
	attach_del(at, "disk0", NULL, on_answer, NULL);
	run_until_answers(1);
	assert_null(answer);
	unlink(scratch_path("target/core/user_0/disk0/enable"));
	rmdir(scratch_path("target/core/user_0/disk0"));
	run_scans();
	disk("disk0", "1\n");
	run_until_attached("disk0");
}

/* Removed behind the daemon's back: the kernel says so, the scan mends it. */
static void test_removed_by_others(void **state)
{
	(void)state;
	disk("disk0", "1\n");
	attach_start(at);
	run_until_attached("disk0");
	run_scans();
	attach_note(at, "user_0/disk0", true);
	unlink(scratch_path("tcmu_pr/disk0/backstore"));
	rmdir(scratch_path("tcmu_pr/disk0"));
	attach_note(at, "user_0/disk0", false);
	run_until_attached("disk0");
}

static void test_errors(void **state)
{
	(void)state;
	attach_add(at, "user_0/none", NULL, on_answer, NULL);
	run_until_answers(1);
	assert_non_null(strstr(answer, "there is no backstore"));
	free((char *)answer);
	attach_del(at, "none", NULL, on_answer, NULL);
	run_until_answers(2);
	assert_non_null(strstr(answer, "there is no device"));
	free((char *)answer);
}

/* The daemon ends while a job is under way. */
static void test_close_busy(void **state)
{
	(void)state;
	disk("disk0", "1\n");
	attach_add(at, "user_0/disk0", NULL, on_answer, NULL);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(scan),	 T(not_images),	      T(no_scan),
		T(detach_stays), T(detach_forgotten), T(removed_by_others),
		T(errors),	 T(close_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
