// SPDX-License-Identifier: GPL-2.0-only
/*
 * What administrators do with images, and what becomes of the string: copies,
 * other names, sizes and ends.  Also what is done to the gateway's own client.
 */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Copies */

/* It has come with the string of "d", which is version 2, "two". */
static void check_copy(const char *copy)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_lu(copy);
	char *str = NULL;
	uint64_t seq = 0;
	size_t len = 0;

	assert_int_equal(ops->load(a, lu, &str, &len, &seq), -EXDEV);
	assert_int_equal(seq, 2);
	assert_int_equal(len, 3);
	assert_memory_equal(str, "two", 3);
	free(str);
	/* Not for who does not know that it is another's. */
	assert_int_equal(pool_swap(b, lu, 2, "x"), -EAGAIN);
	assert_int_equal(pool_swap(b, lu, 0, "x"), -EAGAIN);
	assert_int_equal(pool_swap(a, lu, 1, "x"), -EAGAIN);
	assert_int_equal(ops->mark_lost(a, lu, 9, "x", 1), -EAGAIN);
	/* A join makes it no other version. */
	assert_int_equal(ops->join(b, lu, 1), 0);
	assert_int_equal(pool_load(b, lu, NULL), -EXDEV);
	assert_int_equal(pool_swap(a, lu, 2, "three"), 0);
	pool_expect(b, lu, 3, "three");
	assert_int_equal(pool_swap(b, lu, 3, "four"), 0);
	pool_expect(a, lu, 4, "four");
	ops->close(a);
	ops->close(b);
}

static void test_copies(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *file = pool_run("mktemp -u");

	(void)state;
	file[strcspn(file, "\n")] = '\0';
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	pool_do("rbd cp rbd/d rbd/cp --no-progress");
	pool_do("rbd snap create rbd/d@s --no-progress");
	pool_do("rbd snap protect rbd/d@s");
	pool_do("rbd deep cp rbd/d rbd/deep --no-progress");
	pool_do("rbd clone rbd/d@s rbd/clone");
	pool_do("rbd export --export-format 2 rbd/d %s --no-progress", file);
	pool_do("rbd import --export-format 2 %s rbd/import --no-progress",
		file);
	unlink(file);
	free(file);
	check_copy("cp");
	check_copy("deep");
	check_copy("import");
	check_copy("clone");
	/* The one that was copied is what it was. */
	pool_expect(a, lu, 2, "two");
	assert_int_equal(pool_swap(a, lu, 2, "three"), 0);
	ops->close(a);
}

/* A string that was put back, by hand, without or with its version. */
static void test_restored(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *version, *text;

	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	version = pool_get(pool_header("d"), VERSION);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	/* The store went back; who swaps with what it knew is refused. */
	pool_do("rbd image-meta set rbd/d tcmu_pr_version '%s'", version);
	pool_do("rbd image-meta set rbd/d tcmu_pr_info one");
	assert_int_equal(pool_swap(a, lu, 2, "three"), -EAGAIN);
	pool_expect(a, lu, 1, "one");
	pool_do("rbd image-meta remove rbd/d tcmu_pr_version");
	assert_int_equal(pool_load(a, lu, NULL), -ENODATA);
	assert_int_equal(ops->mark_lost(a, lu, 2, "lost", 4), 0);
	pool_expect(a, lu, 2, "lost");
	text = pool_run("rbd image-meta get rbd/d tcmu_pr_info_before");
	assert_string_equal(text, "one\n");
	free(text);
	free(version);
	ops->close(a);
}

/* Names, sizes, ends */

static void test_renamed(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	pool_do("rbd rename rbd/d rbd/e");
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	assert_int_equal(ops->ack(a, lu, 1, 2, 2), 0);
	/* Who is attached stays so, also in a new term. */
	assert_int_equal(ops->join(a, lu, 2), 0);
	pool_expect(a, lu, 2, "two");
	pool_expect(b, pool_lu("e"), 2, "two");
	assert_int_equal(pool_load(b, lu, NULL), -ENODEV);
	/* Now it is the name of another one. */
	pool_image("d");
	assert_int_equal(pool_swap(a, lu, 2, "three"), 0);
	assert_int_equal(ops->join(a, lu, 3), -ESTALE);
	pool_expect(b, pool_lu("e"), 3, "three");
	assert_int_equal(pool_load(b, lu, NULL), -ENOENT);
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->join(a, lu, 3), 0);
	assert_int_equal(pool_load(a, lu, NULL), -ENOENT);
	ops->close(a);
	ops->close(b);
}

static void test_resized_and_trashed(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *id = strdup(pool_id("d"));

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	pool_do("rbd resize --size 8M rbd/d --no-progress");
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	pool_do("rbd trash mv rbd/d");
	assert_int_equal(pool_swap(a, lu, 2, "three"), 0);
	assert_int_equal(ops->join(a, lu, 2), 0);
	pool_do("rbd trash restore rbd/%s", id);
	pool_expect(a, lu, 3, "three");
	pool_do("rbd feature disable rbd/d object-map fast-diff deep-flatten "
		"exclusive-lock");
	assert_int_equal(pool_swap(a, lu, 3, "four"), 0);
	free(id);
	ops->close(a);
}

/* Never "there is none yet": that would begin a new one. */
static void test_removed(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char own[100];
	uint64_t size;
	time_t mtime;

	(void)state;
	snprintf(own, sizeof(own), "%s", pool_own("d"));
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	pool_do("rbd rm rbd/d --no-progress");
	assert_int_equal(pool_load(a, lu, NULL), -ESTALE);
	assert_int_equal(pool_swap(a, lu, 1, "two"), -ESTALE);
	assert_int_equal(pool_swap(a, lu, 0, "two"), -ESTALE);
	assert_int_equal(ops->mark_lost(a, lu, 5, "x", 1), -ESTALE);
	assert_int_equal(ops->join(a, lu, 2), -ESTALE);
	/* Also with another one of its name. */
	pool_image("d");
	assert_int_equal(pool_load(a, lu, NULL), -ESTALE);
	assert_int_equal(ops->join(a, lu, 2), -ESTALE);
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(rados_stat(pool_io, own, &size, &mtime), -ENOENT);
	assert_int_equal(ops->join(a, lu, 2), 0);
	assert_int_equal(pool_load(a, lu, NULL), -ENOENT);
	/* Without any. */
	assert_int_equal(pool_load(a, pool_lu("none"), NULL), -ENODEV);
	assert_int_equal(ops->join(a, pool_lu("none"), 1), -ENODEV);
	assert_int_equal(ops->leave(a, pool_lu("none")), 0);
	assert_int_equal(pool_load(a, "none/none", NULL), -ENODEV);
	assert_int_equal(pool_load(a, "x", NULL), -EINVAL);
	ops->close(a);
}

/* How long they take, in ms. */
static int rbd_commands(const char *image)
{
	long long start = pool_now_ms();

	pool_do("rbd snap create rbd/%s@s --no-progress", image);
	pool_do("rbd snap rollback rbd/%s@s --no-progress", image);
	pool_do("rbd snap rm rbd/%s@s --no-progress", image);
	pool_do("rbd image-meta set rbd/%s conf_rbd_cache false", image);
	pool_do("rbd bench --io-type write --io-total 1M rbd/%s", image);
	pool_do("rbd lock ls rbd/%s", image);
	return pool_now_ms() - start;
}

static int rbd_remove(const char *image)
{
	long long start = pool_now_ms();

	pool_do("test -z \"$(rbd status rbd/%s | grep watcher=)\"", image);
	pool_do("rbd rm rbd/%s --no-progress", image);
	return pool_now_ms() - start;
}

/* RBD's own commands, while gateways serve the image, and while none does. */
static void test_commands(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	int alone, took;

	(void)state;
	pool_image("e");
	alone = rbd_commands("e") + rbd_remove("e");
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->join(b, lu, 1), 0);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	took = rbd_commands("d");
	assert_int_equal(pool_swap(b, lu, 1, "two"), 0);
	assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	took += rbd_remove("d");
	print_message("commands took %d ms, alone %d\n", took, alone);
	/* Who waits for a watcher in vain does so for ten seconds or more. */
	assert_true(took < 9000 + 2 * alone);
	ops->close(a);
	ops->close(b);
}

/* Namespaces, and what separates them. */
static void test_namespace(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	char inner[600];

	(void)state;
	pool_do("rbd namespace create rbd/n");
	pool_do("rbd create --size 4M rbd/n/d");
	snprintf(inner, sizeof(inner), "rbd/n/%s", pool_lu("d") + 4);
	assert_int_equal(ops->join(a, inner, 1), 0);
	assert_int_equal(pool_swap(a, inner, 0, "inner"), 0);
	assert_int_equal(pool_swap(b, lu, 0, "outer"), 0);
	pool_expect(b, inner, 1, "inner");
	pool_expect(a, lu, 1, "outer");
	pool_do("rbd image-meta get rbd/n/d tcmu_pr_info | grep -q inner");
	pool_do("rbd rm rbd/n/d --no-progress");
	ops->close(a);
	ops->close(b);
}

/* Our client */

/* The address of the client that watches @gateway's inbox. */
static char *address(const char *gateway)
{
	char *text = pool_run("rados -p rbd listwatchers tcmu_pr_inbox.%s | "
			      "sed 's/watcher=\\([^ ]*\\) .*/\\1/'",
			      gateway);

	text[strcspn(text, "\n")] = '\0';
	assert_true(strlen(text) > 8);
	return text;
}

static void count_news(void *arg, const char *lu,
		       const struct store_message *message)
{
	(void)lu;
	assert_null(message);
	++*(int *)arg;
}

/* One client, as an administrator may do: it goes on by another one. */
static void test_blocklisted(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	char *addr = address("a");
	int ret = -1, heard = 0;
	long long end;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	assert_int_equal(pool_beats(a, 1, 1, 1, NULL), 0);
	sleep(2);
	pool_do("ceph osd blocklist add %s", addr);
	for (end = pool_now_ms() + 60000; ret && pool_now_ms() < end;)
		ret = pool_beats(a, 1, 1, 2, NULL);
	assert_int_equal(ret, 0);
	/* Also a swap that finds it out by itself is told what it did. */
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	pool_expect(b, lu, 2, "two");
	assert_int_equal(ops->ack(a, lu, 1, 2, 2), 0);
	for (end = pool_now_ms() + 60000; !heard && pool_now_ms() < end;)
		ops->news(a, 500, count_news, &heard);
	assert_true(heard > 0);
	assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	pool_do("ceph osd blocklist rm %s", addr);
	free(addr);
	/* While a swap is the first to notice. */
	sleep(2);
	addr = address("a");
	pool_do("ceph osd blocklist add %s", addr);
	assert_int_equal(pool_swap(a, lu, 2, "three"), 0);
	pool_expect(b, lu, 3, "three");
	pool_do("ceph osd blocklist rm %s", addr);
	free(addr);
	ops->close(a);
	ops->close(b);
}

/* A cluster without room: whatever is answered, soon, and true. */
static void test_full(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	long long start;
	int ret, beat;

	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	/* Whatever an OSD has is too much. */
	pool_do("ceph osd set-full-ratio 0.000001 && "
		"ceph osd set-backfillfull-ratio 0.0000009 && "
		"ceph osd set-nearfull-ratio 0.0000008");
	for (int i = 0; pool_try("ceph health detail | grep -q OSD_FULL");
	     i++) {
		assert_true(i < 200);
		usleep(100000);
	}
	start = pool_now_ms();
	ret = pool_swap(a, lu, 1, "two");
	beat = pool_beats(a, 1, 1, 1, NULL);
	print_message("full: swap: %s, beat: %s, %lld ms\n", strerror(-ret),
		      strerror(-beat), pool_now_ms() - start);
	assert_true(pool_now_ms() - start < 4000);
	pool_do("ceph osd set-full-ratio 0.95 && "
		"ceph osd set-backfillfull-ratio 0.9 && "
		"ceph osd set-nearfull-ratio 0.85");
	pool_expect(a, lu, ret ? 1 : 2, ret ? "one" : "two");
	ops->close(a);
}

/* A user who may read only. */
static void test_read_only(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *key = pool_run("ceph auth get-or-create client.ro mon 'profile "
			     "rbd' osd 'allow r pool=rbd' > "
			     "$(dirname $CEPH_CONF)/client.ro.keyring");
	char other[600];
	int ret;

	(void)state;
	free(key);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	snprintf(other, sizeof(other), "rbd/d;conf=%s;id=ro",
		 getenv("CEPH_CONF"));
	pool_expect(a, other, 1, "one");
	ret = pool_swap(a, other, 1, "two");
	print_message("read-only: %s\n", strerror(-ret));
	assert_true(ret == -EPERM || ret == -EINPROGRESS);
	assert_int_equal(ops->join(a, other, 1), -EPERM);
	pool_expect(a, lu, 1, "one");
	ops->close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_copies, pool_clear),
		cmocka_unit_test_teardown(test_restored, pool_clear),
		cmocka_unit_test_teardown(test_renamed, pool_clear),
		cmocka_unit_test_teardown(test_resized_and_trashed, pool_clear),
		cmocka_unit_test_teardown(test_removed, pool_clear),
		cmocka_unit_test_teardown(test_commands, pool_clear),
		cmocka_unit_test_teardown(test_namespace, pool_clear),
		cmocka_unit_test_teardown(test_blocklisted, pool_clear),
		cmocka_unit_test_teardown(test_full, pool_clear),
		cmocka_unit_test_teardown(test_read_only, pool_clear),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
