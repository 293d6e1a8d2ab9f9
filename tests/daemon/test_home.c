// SPDX-License-Identifier: GPL-2.0-only
/* Where the store is, by the file and by what tcmu-runner serves. */
#include "cmocka_all.h"
#include "home.h"
#include "scratch.h"
#include "store.h"

#include <errno.h>
#include <string.h>

static const struct store_ops rados = {.type = "rados"};
static struct config config;
static struct config_device devices[1];
static char error[HOME_ERROR_MAX];

static int setup(void **state)
{
	memset(&config, 0, sizeof(config));
	memset(devices, 0, sizeof(devices));
	config.store = &rados;
	config.devices = devices;
	return scratch_make(state);
}

static void make(const char *path)
{
	if (mkdir(scratch_path(path), 0755))
		assert_int_equal(errno, EEXIST);
}

static void disk(const char *name, const char *dev_config)
{
	char path[128];

	make("target");
	make("target/core");
	make("target/core/user_0");
	snprintf(path, sizeof(path), "target/core/user_0/%s", name);
	make(path);
	snprintf(path, sizeof(path), "target/core/user_0/%s/attrib", name);
	make(path);
	snprintf(path, sizeof(path), "target/core/user_0/%s/attrib/dev_config",
		 name);
	scratch_write(path, dev_config);
}

static void assert_home(const char *expected)
{
	char *where;

	if (home_find(&config, scratch, &where, error))
		fail_msg("%s", error);
	assert_string_equal(where, expected);
	free(where);
}

static void assert_none(int rc, const char *text)
{
	char *where;

	assert_int_equal(home_find(&config, scratch, &where, error), rc);
	assert_null(where);
	assert_non_null(strstr(error, text));
}

static void test_dir(void **state)
{
	(void)state;
	config.store = &store_dir_ops;
	config.store_path = (char *)"/shared/pr";
	disk("disk0", "rbd/rbd/disk0\n");
	assert_home("/shared/pr");
	assert_null(home_refuses(&config, "user_0/x", "qcow//x"));
}

/* Nothing in the file: by the first image, and not before there is one. */
static void test_inferred(void **state)
{
	(void)state;
	assert_none(-EAGAIN, "");
	make("target");
	make("target/core");
	assert_none(-EAGAIN, "");
	disk("disk0", "\n");
	assert_none(-EAGAIN, "");
	disk("disk0", "rbd/images/disk0;osd_op_timeout=30\n");
	assert_home("rbd");
	disk("disk0", "rbd/images/n/disk0;id=u;conf=/c\n");
	assert_home("rbd;conf=/c;id=u");
	disk("disk1", "rbd/others/disk1;conf=/c;osd_op_timeout=5;id=u\n");
	disk("local", "qcow//x.qcow2\n");
	assert_home("rbd;conf=/c;id=u");
	config.store_pool = (char *)"pr";
	config.store_ns = (char *)"ns";
	assert_home("pr/ns;conf=/c;id=u");
}

static void test_not_inferred(void **state)
{
	(void)state;
	disk("local", "qcow//x.qcow2\n");
	assert_none(-EINVAL, "no TCMU device is an RBD image");
	disk("disk0", "rbd/rbd/disk0;id=u\n");
	disk("disk1", "rbd/rbd/disk1;id=u;conf=/c\n");
	assert_none(-EINVAL, "user_0/disk1");
	assert_non_null(strstr(error, "user_0/disk0"));
	assert_non_null(strstr(error, "set conf and id in section store"));
	/* One that is not to be attached does not count. */
	devices[0].backstore = (char *)"user_0/disk1";
	config.count = 1;
	assert_home("rbd;id=u");
	/* The file's lu counts, not the dev_config. */
	devices[0].attach = true;
	devices[0].lu = (char *)"rbd/disk1;id=u";
	assert_home("rbd;id=u");
	devices[0].lu = (char *)"rbd/disk1;id=u;conf=/d";
	assert_none(-EINVAL, "differ");
}

/* Users of one cluster: the same one at each start. */
static void test_users(void **state)
{
	(void)state;
	disk("disk0", "rbd/rbd/disk0;id=u\n");
	disk("disk1", "rbd/rbd/disk1;id=s;conf=/etc/ceph/ceph.conf\n");
	disk("disk2", "rbd/rbd/disk2;id=t\n");
	assert_home("rbd;conf=/etc/ceph/ceph.conf;id=s");
	disk("disk1", "rbd/rbd/disk1;id=v\n");
	assert_home("rbd;id=t");
}

/* With one of both in the file, the devices are not asked. */
static void test_configured(void **state)
{
	(void)state;
	config.store_id = (char *)"admin";
	assert_home("rbd;id=admin");
	disk("disk0", "rbd/rbd/disk0;id=u;conf=/c\n");
	assert_home("rbd;id=admin");
	config.store_conf = (char *)"/d";
	assert_home("rbd;conf=/d;id=admin");
	config.store_id = NULL;
	assert_home("rbd;conf=/d");
}

static void test_refuses(void **state)
{
	char text[600];

	(void)state;
	assert_null(home_refuses(&config, "user_0/x", "rbd/p/i"));
	assert_non_null(strstr(home_refuses(&config, "user_0/x", "qcow//x"),
			       "rbd/POOL/IMAGE"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "rbd/p/", 6);
	assert_non_null(
		strstr(home_refuses(&config, "user_0/x", text), "too long"));
	devices[0].backstore = (char *)"user_0/x";
	devices[0].lu = (char *)"p/i";
	config.count = 1;
	assert_null(home_refuses(&config, "user_0/x", "qcow//x"));
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(test_##name, setup, scratch_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(dir),	  T(inferred),	 T(not_inferred),
		T(users), T(configured), T(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
