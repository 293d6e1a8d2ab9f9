// SPDX-License-Identifier: GPL-2.0-only
/* Attaching and detaching on a directory that looks like configfs. */
#include "cmocka_all.h"
#include "configfs.h"
#include "scratch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char error[CONFIGFS_ERROR_MAX];
static char backstore[CONFIGFS_BACKSTORE_MAX];

static void make(const char *name)
{
	assert_int_equal(mkdir(scratch_path(name), 0755), 0);
}

static int setup(void **state)
{
	if (scratch_make(state))
		return -1;
	make("target");
	make("target/core");
	make("target/core/user_0");
	make("target/core/user_0/disk0");
	make("target/core/user_0/disk1");
	make("target/core/user_1");
	make("target/core/user_1/disk0");
	make("target/core/fileio_0");
	make("target/core/fileio_0/file0");
	make("tcmu_pr");
	scratch_write("target/core/user_0/hba_info", "x");
	scratch_write("target/core/user_0/disk0/enable", "1\n");
	scratch_write("target/core/user_0/disk1/enable", "0\n");
	return 0;
}

static void count(void *arg, const char *name)
{
	unsigned int *n = arg;

	assert_int_equal(strncmp(name, "user_", 5), 0);
	(*n)++;
}

static void test_each(void **state)
{
	unsigned int n = 0;

	(void)state;
	assert_int_equal(configfs_each(scratch, count, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(configfs_each("/nowhere", count, &n), -ENOENT);
	assert_true(configfs_enabled(scratch, "user_0/disk0"));
	assert_false(configfs_enabled(scratch, "user_0/disk1"));
	assert_false(configfs_enabled(scratch, "user_1/disk0"));
}

static void test_config(void **state)
{
	char text[64];

	(void)state;
	assert_int_equal(
		configfs_config(scratch, "user_0/disk0", text, sizeof(text)),
		-ENOENT);
	make("target/core/user_0/disk0/attrib");
	scratch_write("target/core/user_0/disk0/attrib/dev_config",
		      "rbd/p/i\n");
	assert_int_equal(
		configfs_config(scratch, "user_0/disk0", text, sizeof(text)),
		0);
	assert_string_equal(text, "rbd/p/i");
	assert_int_equal(configfs_config(scratch, "user_0/disk0", text, 9), 0);
	assert_int_equal(configfs_config(scratch, "user_0/disk0", text, 8),
			 -ENAMETOOLONG);
	assert_int_equal(
		configfs_config(scratch, "user_0/../disk0", text, sizeof(text)),
		-EINVAL);
}

static void test_attach(void **state)
{
	char to[512] = "";

	(void)state;
	assert_int_equal(configfs_attach(scratch, "user_0/disk0", NULL, error),
			 0);
	assert_true(readlink(scratch_path("tcmu_pr/disk0/backstore"), to,
			     sizeof(to) - 1) > 0);
	assert_string_equal(to, scratch_path("target/core/user_0/disk0"));
	/* Once more is fine; another one's name is not taken away. */
	assert_int_equal(configfs_attach(scratch, "user_0/disk0", NULL, error),
			 0);
	assert_int_equal(
		configfs_attach(scratch, "user_1/disk0", "disk0", error),
		-EEXIST);
	assert_non_null(strstr(error, "taken"));
	assert_int_equal(configfs_attach(scratch, "user_1/disk0", NULL, error),
			 0);
	assert_int_equal(
		access(scratch_path("tcmu_pr/user_1-disk0/backstore"), F_OK),
		0);

	assert_int_equal(configfs_detach(scratch, "disk0", backstore, error),
			 0);
	assert_string_equal(backstore, "user_0/disk0");
	assert_int_not_equal(access(scratch_path("tcmu_pr/disk0"), F_OK), 0);
}

static void test_attach_refused(void **state)
{
	char name[80];

	(void)state;
	assert_int_equal(configfs_attach(scratch, "user_0/none", NULL, error),
			 -ENOENT);
	assert_int_equal(
		configfs_attach(scratch, "fileio_0/file0", NULL, error),
		-EINVAL);
	assert_int_equal(configfs_attach(scratch, "user_0/../x", NULL, error),
			 -EINVAL);
	assert_int_equal(configfs_attach(scratch, "user_0", NULL, error),
			 -EINVAL);
	assert_int_equal(
		configfs_attach(scratch, "user_0/disk0", "../x", error),
		-EINVAL);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(configfs_attach(scratch, "user_0/disk0", name, error),
			 -EINVAL);
	assert_int_equal(rmdir(scratch_path("tcmu_pr")), 0);
	assert_int_equal(configfs_attach(scratch, "user_0/disk0", NULL, error),
			 -ENODEV);
	assert_non_null(strstr(error, "load the module"));
}

/* What is not a link stands in for a kernel that refuses it. */
static void test_attach_fails(void **state)
{
	(void)state;
	make("tcmu_pr/disk0");
	scratch_write("tcmu_pr/disk0/backstore", "");
	assert_int_equal(
		configfs_attach(scratch, "user_0/disk0", "disk0", error),
		-EEXIST);
	assert_int_equal(access(scratch_path("tcmu_pr/disk0"), F_OK), 0);
	assert_int_equal(unlink(scratch_path("tcmu_pr/disk0/backstore")), 0);
	/* A directory without a link, by hand, is used. */
	assert_int_equal(configfs_attach(scratch, "user_0/disk0", NULL, error),
			 0);
	assert_int_equal(access(scratch_path("tcmu_pr/user_0-disk0"), F_OK),
			 -1);
}

static void test_detach(void **state)
{
	(void)state;
	assert_int_equal(configfs_detach(scratch, "none", backstore, error),
			 -ENOENT);
	assert_int_equal(
		configfs_detach(scratch, "../target", backstore, error),
		-EINVAL);
	make("tcmu_pr/bare");
	assert_int_equal(configfs_detach(scratch, "bare", backstore, error), 0);
	assert_string_equal(backstore, "");
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(test_##name, setup, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each),	   T(config),	    T(attach),
		T(attach_refused), T(attach_fails), T(detach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
