// SPDX-License-Identifier: GPL-2.0-only
/* Every key, every error with its file and line. */
#include "cmocka_all.h"
#include "config.h"
#include "scratch.h"

#include <string.h>

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
	return config_read(scratch_path("conf"));
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
	assert_string_equal(c->store_type, "dir");
	assert_string_equal(c->socket, "/run/tcmu-prd.sock");
	assert_int_equal(c->member_timeout_ms, 10000);
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
		      "timeouts { member_timeout = 7 }\n"
		      "control { socket = \"%/sock\" }\n"
		      "auto_attach = no\n"
		      "log_level = debug\n"
		      "device \"user_0/disk0\" { name = d0\n lu = lu0 }\n"
		      "device \"user_0/disk1\" { attach = no }\n");
	assert_non_null(c);
	assert_string_equal(c->gateway, "gw-1.a_b");
	assert_int_equal(c->member_timeout_ms, 7000);
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
	assert_error("", "section store does not set path");
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
	assert_error(STORE "timeouts { member_timeout = 61 }\n", "conf:2: ");
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

static void test_missing_file(void **state)
{
	char *said;

	(void)state;
	stderr_take();
	assert_null(config_read(scratch_path("none")));
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
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
