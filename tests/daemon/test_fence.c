// SPDX-License-Identifier: GPL-2.0-only
/* The fence command: what it is told, how it ends, that it is killed. */
#include "cmocka_all.h"
#include "fence.h"
#include "log.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* Long for what starts a shell, on a busy machine too. */
	LATE_MS = 3000,
	NEVER_MS = 60000,
	WAIT_MS = 60000,
};

static uv_loop_t loop;
static int ends, status_of[8];
static char gateway_of[8][64];

static void on_done(void *arg, const char *gateway, uint64_t term, int status)
{
	(void)arg;
	assert_true(term < 8);
	assert_int_equal(status_of[term], -1);
	status_of[term] = status;
	snprintf(gateway_of[term], sizeof(gateway_of[term]), "%s", gateway);
	ends++;
}

static char script[256];
static char *words[] = {script, (char *)"-o", (char *)"two words", NULL};
static struct fences_conf conf = {
	.words = words,
	.done = on_done,
};

static void script_write(const char *text)
{
	FILE *out;

	snprintf(script, sizeof(script), "%s", scratch_path("fence"));
	out = fopen(script, "w");
	assert_non_null(out);
	fprintf(out, "#!/bin/sh\ncd %s\n%s\n", scratch, text);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(script, 0755), 0);
}

static void run_until(int count)
{
	uint64_t end = uv_hrtime() + (uint64_t)WAIT_MS * 1000000;

	while (ends < count && uv_hrtime() < end) {
		uv_run(&loop, UV_RUN_NOWAIT);
		uv_sleep(1);
	}
	assert_int_equal(ends, count);
}

static char *read_text(const char *name)
{
	static char text[512];
	int fd = open(scratch_path(name), O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static struct fences *fences;

static int setup_limit(void **state, uint32_t timeout_ms)
{
	conf.timeout_ms = timeout_ms;
	memset(status_of, -1, sizeof(status_of));
	ends = 0;
	fences = NULL;
	if (scratch_make(state) || uv_loop_init(&loop))
		return -1;
	fences = fences_new(&loop, &conf);
	return fences ? 0 : -1;
}

static int setup(void **state)
{
	return setup_limit(state, NEVER_MS);
}

static int setup_late(void **state)
{
	return setup_limit(state, LATE_MS);
}

static int teardown(void **state)
{
	fences_free(fences);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return scratch_remove(state);
}

static void test_done(void **state)
{
	(void)state;
	script_write("printf '%s|' \"$@\" \"$PATH\" \"$SECRET\" >said");
	setenv("SECRET", "x", 1);
	fences_run(fences, "gw-2.b", 3);
	assert_int_equal(ends, 0);
	run_until(1);
	assert_int_equal(status_of[3], 0);
	assert_string_equal(gateway_of[3], "gw-2.b");
	assert_string_equal(read_text("said"),
			    "-o|two words|gw-2.b|3|/usr/local/sbin:"
			    "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin||");
}

static void test_failed(void **state)
{
	(void)state;
	script_write("exit 3");
	fences_run(fences, "b", 1);
	run_until(1);
	assert_int_equal(status_of[1], EIO);
	script_write("kill -KILL $$");
	fences_run(fences, "b", 2);
	run_until(2);
	assert_int_equal(status_of[2], EIO);
	/* Not even begun: told later all the same. */
	assert_int_equal(unlink(script), 0);
	fences_run(fences, "b", 3);
	assert_int_equal(ends, 2);
	run_until(3);
	assert_int_equal(status_of[3], ENOENT);
}

/* With all its children; and one that is late does not make another late. */
static void test_late(void **state)
{
	pid_t child;

	(void)state;
	script_write("[ $4 = 1 ] || exit 0\nsleep 60 & echo $! >child\nwait");
	fences_run(fences, "b", 1);
	fences_run(fences, "c", 2);
	run_until(1);
	assert_int_equal(status_of[2], 0);
	run_until(2);
	assert_int_equal(status_of[1], ETIMEDOUT);
	child = atoi(read_text("child"));
	assert_true(child > 1);
	for (int i = 0; i < 2000 && !kill(child, 0); i++) {
		char path[64], text[256] = "";
		int fd;

		/* Nobody may be there to reap it. */
		snprintf(path, sizeof(path), "/proc/%d/stat", child);
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ||
		    strstr(text, ") Z "))
			i = 10000;
		if (fd >= 0)
			close(fd);
		uv_sleep(10);
		assert_int_not_equal(i, 1999);
	}
}

/* The end of the daemon: nobody is told, nothing is left. */
static void test_freed(void **state)
{
	(void)state;
	script_write("sleep 0.2");
	fences_run(fences, "b", 1);
	fences_free(fences);
	fences = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(ends, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(done),
		T(failed),
		cmocka_unit_test_setup_teardown(test_late, setup_late,
						teardown),
		T(freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
