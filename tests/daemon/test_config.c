// SPDX-License-Identifier: GPL-2.0-only
/* Every key, every error with its file and line. */
#include "cmocka_all.h"
#include "config.h"
#include "scratch.h"
#include "store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file with @text, in which a % stands for the scratch directory. */
static struct config *read_text(const char *text)
{
	FILE *out = fopen(scratch_path("conf"), "w");

	assert_non_null(out);
	for (; *text; text++)
		if (*text == '%')
			fputs(scratch, out);
		else
			fputc(*text, out);
	assert_int_equal(fclose(out), 0);
	return config_read(scratch_path("conf"), false);
}

static void assert_error(const char *text, const char *error)
{
	char *said;

	stderr_take();
	assert_null(read_text(text));
	said = stderr_text();
	if (!strstr(said, error) || !strstr(said, scratch_path("conf")))
		fail_msg("\"%s\" is not in \"%s\"", error, said);
	free(said);
}

static void test_minimal(void **state)
{
	struct config *c = read_text("store { path = \"%\" }\n");

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->store_path, scratch);
	assert_ptr_equal(c->store, &store_dir_ops);
	assert_false(c->blocklist);
	assert_string_equal(c->socket, "/run/tcmu-prd.sock");
	assert_int_equal(c->member_timeout_ms, 20000);
	assert_int_equal(c->lease_ms, 15000);
	assert_int_equal(c->margin_ms, 2000);
	assert_int_equal(c->beat_ms, 1000);
	assert_null(c->fence_words);
	assert_true(c->auto_attach);
	assert_int_equal(c->log_level, LOG_LEVEL_INFO);
	assert_int_equal(c->count, 0);
	assert_non_null(c->gateway);
	config_free(c);
}

static void test_all(void **state)
{
	const struct config_device *dev;
	struct config *c;

	(void)state;
	c = read_text("# a comment\n"
		      "gateway { name = gw-1.a_b }\n"
		      "store {\n type = dir\n path = %\n}\n"
		      "lease { duration = 3.5\n margin = 0.5 }\n"
		      "timeouts { member_timeout = 7 }\n"
		      "fence { command = \"/bin/true  -a\tb \"\n"
		      "timeout = 9 }\n"
		      "control { socket = \"%/sock\" }\n"
		      "auto_attach = no\n"
		      "log_level = debug\n"
		      "device \"user_0/disk0\" { name = d0\n lu = lu0 }\n"
		      "device \"user_0/disk1\" { attach = no }\n");
	assert_non_null(c);
	assert_string_equal(c->gateway, "gw-1.a_b");
	assert_int_equal(c->member_timeout_ms, 7000);
	assert_int_equal(c->lease_ms, 3500);
	assert_int_equal(c->margin_ms, 500);
	assert_int_equal(c->beat_ms, 233);
	assert_string_equal(c->fence_words[0], "/bin/true");
	assert_string_equal(c->fence_words[1], "-a");
	assert_string_equal(c->fence_words[2], "b");
	assert_null(c->fence_words[3]);
	assert_int_equal(c->fence_timeout_ms, 9000);
	assert_string_equal(c->socket, scratch_path("sock"));
	assert_false(c->auto_attach);
	assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
	dev = config_device(c, "user_0/disk0");
	assert_non_null(dev);
	assert_true(dev->attach);
	assert_string_equal(dev->name, "d0");
	assert_string_equal(dev->lu, "lu0");
	dev = config_device(c, "user_0/disk1");
	assert_false(dev->attach);
	assert_null(dev->name);
	assert_null(config_device(c, "user_0/disk2"));
	config_free(c);
}

static void test_long_names(void **state)
{
	char text[4096], name[201];
	struct config *c;

	(void)state;
	memset(name, 'x', 200);
	name[200] = '\0';
	snprintf(text, sizeof(text),
		 "store { path = \"%%\" }\n"
		 "device \"user_0/%s\" { lu = \"%s%s\" }\n",
		 name, name, name);
	c = read_text(text);
	assert_non_null(c);
	assert_int_equal(strlen(c->devices[0].backstore), 207);
	assert_int_equal(strlen(c->devices[0].lu), 400);
	config_free(c);
}

#define STORE "store { path = \"%\" }\n"

static void test_errors(void **state)
{
	(void)state;
	assert_error("store { type = dir }\n",
		     "conf: section store does not set path\n");
	assert_error(STORE "colour = red\n", "conf:2: ");
	assert_error(STORE "gateway {\n nam = x\n}\n", "conf:3: ");
	assert_error(STORE "paint { }\n", "conf:2: ");
	assert_error(STORE "gateway {\nname = \"a b\" }\n", "conf:3: gateway");
	assert_error(STORE "gateway { name = \"\" }\n", "conf:2: gateway");
	assert_error("store {\n path = relative }\n", "conf:2: store path");
	assert_error("store { path = \"%/none\" }\n", "No such file");
	assert_error("store { path = \"/dev/null\" }\n", "not a directory");
	assert_error("store {\ntype = rope\n}\n", "conf:2: store type");
	assert_error(STORE "timeouts { member_timeout = 0 }\n", "conf:2: ");
	assert_error(STORE "timeouts { member_timeout = 901 }\n", "conf:2: ");
	assert_error(STORE "timeouts { member_timeout = x }\n", "conf:2: ");
	assert_error(STORE "control { socket = sock }\n", "conf:2: socket");
	assert_error(STORE "auto_attach = perhaps\n", "conf:2: ");
	assert_error(STORE "log_level = loud\n", "conf:2: log_level");
	assert_error(STORE "device disk0 { }\n", "conf:2: device");
	assert_error(STORE "device \"a/b/c\" { }\n", "conf:2: device");
	assert_error(STORE "device \"a/b\" { name = \"x/y\" }\n", "conf:2: ");
	assert_error(STORE "device \"a/b\" { name = \"\" }\n", "conf:2: ");
	assert_error(STORE "device \"a/b\" { lu = \"\" }\n", "conf:2: lu");
	assert_error(STORE "device \"a/b\" { }\ndevice \"a/b\" { }\n",
		     "conf:3: ");
	assert_error(STORE "gateway { name\n", "conf:");
	assert_error(STORE "log_level\n", "conf:");
}

/* The smallest and the greatest that are safe, and what follows from them. */
static void test_leases(void **state)
{
	static const struct {
		const char *text;
		uint32_t lease, margin, beat, member_timeout;
	} good[] = {
		{"lease { duration = 2 }", 2000, 2000, 133, 7000},
		{"lease { duration = 2\n margin = 0.5 }", 2000, 500, 133, 5500},
		{"lease { duration = 300 }", 300000, 6000, 1000, 309000},
		{"lease { duration = 100 }", 100000, 2000, 1000, 105000},
		{"lease { duration = 25\n margin = 25 }", 25000, 25000, 1000,
		 53000},
		{"timeouts { member_timeout = 17 }", 15000, 2000, 1000, 17000},
		{"timeouts { member_timeout = 900 }", 15000, 2000, 1000,
		 900000},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct config *c;

		snprintf(text, sizeof(text), "%s%s\n", STORE, good[i].text);
		c = read_text(text);
		assert_non_null(c);
		assert_int_equal(c->lease_ms, good[i].lease);
		assert_int_equal(c->margin_ms, good[i].margin);
		assert_int_equal(c->beat_ms, good[i].beat);
		assert_true(4 * c->beat_ms <= c->lease_ms);
		assert_int_equal(c->member_timeout_ms, good[i].member_timeout);
		config_free(c);
	}
}

static void test_unsafe(void **state)
{
	(void)state;
	assert_error(STORE "lease { duration = 1.9 }\n",
		     "conf:2: lease duration 1.9 is not 2 to 300 seconds\n");
	assert_error(STORE "lease { duration = 301 }\n",
		     "conf:2: lease duration 301 is not 2 to 300 seconds\n");
	assert_error(STORE "lease { duration = nan }\n", "conf:2: ");
	assert_error(STORE "lease { duration = -15 }\n", "conf:2: ");
	assert_error(STORE "lease {\nmargin = 0.4 }\n",
		     "conf:3: lease margin 0.4 is not 0.5 to 300 seconds\n");
	assert_error(STORE "lease { beat = 1 }\n", "conf:2: ");
	assert_error(STORE "lease { duration = 200\n margin = 3.9 }\n",
		     "conf: a lease margin of 3.9 s is too short: a lease of "
		     "200 s needs at least 4 s\n");
	assert_error(STORE "lease { duration = 2\n margin = 2.1 }\n",
		     "conf: a lease margin of 2.1 s is longer than the lease, "
		     "2 s\n");
	assert_error(STORE "timeouts { member_timeout = 16 }\n",
		     "conf: a member_timeout of 16 s is too short: the end of "
		     "a gateway is certain only after lease and margin, "
		     "17 s\n");
	assert_error(STORE "timeouts { member_timeout = 901 }\n",
		     "conf:2: member_timeout 901 is not 1 to 900 seconds\n");
}

static void test_fence(void **state)
{
	(void)state;
	assert_error(STORE "fence { command = \"fence_ipmi x\" }\n",
		     "conf:2: fence command \"fence_ipmi x\" does not begin "
		     "with an absolute path\n");
	assert_error(STORE "fence { command = \" \" }\n", "absolute path\n");
	assert_error(STORE "fence { command = /no/such }\n",
		     "conf:2: fence command /no/such: No such file or "
		     "directory\n");
	assert_error(STORE "fence { command = /etc/passwd }\n",
		     "conf:2: fence command /etc/passwd is no executable "
		     "file\n");
	assert_error(STORE "fence { command = /tmp }\n",
		     "conf:2: fence command /tmp is no executable file\n");
	assert_error(STORE "fence { timeout = 0 }\n",
		     "conf:2: fence timeout 0 is not 1 to 600 seconds\n");
	assert_int_equal(close(creat(scratch_path("open"), 0)), 0);
	assert_int_equal(chmod(scratch_path("open"), 0777), 0);
	assert_error(STORE "fence { command = \"%/open -x\" }\n",
		     "open can be written by others\n");
}

static void test_store(void **state)
{
	(void)state;
	assert_error("store {\ntype = rope\n}\n",
		     "conf:2: store type \"rope\" is unknown; there is: dir, "
		     "rados\n");
	assert_error(STORE "store { pool = rbd }\n",
		     "conf: store pool is for type = rados\n");
	assert_error("store { path = %\n namespace = n }\n",
		     "conf: store namespace is for type = rados\n");
	assert_error("store { type = dir\n conf = /etc/passwd }\n",
		     "conf: store conf is for type = rados\n");
	assert_error("store { type = dir\n id = x }\n",
		     "conf: store id is for type = rados\n");
	assert_error("store { pool = \"a/b\" }\n",
		     "conf:1: store pool \"a/b\" is not 1 to 255 bytes "
		     "without any of /; and control characters\n");
	assert_error("store { pool = \"\" }\n", "conf:1: store pool \"\"");
	assert_error("store { namespace = \"a;b\" }\n",
		     "conf:1: store namespace \"a;b\" is not");
	assert_error("store { id = \"a;b\" }\n", "conf:1: store id \"a;b\"");
	assert_error("store { id = client.admin }\n",
		     "conf:1: store id \"client.admin\": write it without "
		     "\"client.\"\n");
	assert_error("store { conf = ceph.conf }\n",
		     "conf:1: store conf \"ceph.conf\" is not absolute\n");
	assert_error("store { conf = /no/such }\n",
		     "conf:1: store conf /no/such: No such file or "
		     "directory\n");
	assert_error(STORE "fence { blocklist = yes }\n",
		     "conf: fence blocklist is for a store of type = rados\n");
	assert_error(STORE "fence { blocklist = 7 }\n", "conf:2: ");
}

#ifndef TPR_RADOS

static void test_rados(void **state)
{
	(void)state;
	assert_error("store { type = rados }\n",
		     "conf:1: store type \"rados\": this tcmu-prd was built "
		     "without Ceph\n");
	assert_error("", "conf: section store does not set path, and this "
			 "tcmu-prd was built without Ceph\n");
	assert_null(config_read(scratch_path("none"), true));
}

#else

static void test_rados(void **state)
{
	struct config *c = config_read(scratch_path("none"), true);

	(void)state;
	assert_non_null(c);
	assert_ptr_equal(c->store, &store_rados_ops);
	assert_int_equal(c->blocklist, !!store_rados_ops.cut);
	assert_null(c->store_pool);
	config_free(c);
	c = read_text("store { type = rados\n pool = p\n namespace = n\n"
		      "conf = %/conf\n id = u }\n"
		      "fence { blocklist = no }\n"
		      "device \"user_0/d\" { lu = \"p/i;id=u\" }\n");
	assert_non_null(c);
	assert_ptr_equal(c->store, &store_rados_ops);
	assert_false(c->blocklist);
	assert_string_equal(c->store_pool, "p");
	assert_string_equal(c->store_ns, "n");
	assert_string_equal(c->store_conf, scratch_path("conf"));
	assert_string_equal(c->store_id, "u");
	config_free(c);
	/* a path tells that it is a directory */
	assert_error("store { type = rados\n path = % }\n",
		     "conf: store path is for type = dir\n");
	assert_error("device \"user_0/d\" { lu = disk }\n",
		     "conf: device \"user_0/d\": lu \"disk\" is not of the "
		     "form POOL/IMAGE\n");
}

#endif

static void test_missing_file(void **state)
{
	char *said;

	(void)state;
	stderr_take();
	assert_null(config_read(scratch_path("none"), false));
	said = stderr_text();
	assert_non_null(strstr(said, "none: No such file"));
	free(said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_leases),
		cmocka_unit_test(test_unsafe),
		cmocka_unit_test(test_fence),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_rados),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
