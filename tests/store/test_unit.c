// SPDX-License-Identifier: GPL-2.0-only
/* What is particular to the directory store: see also rules.c. */
#include "area.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int swap(struct store *store, uint64_t expected, const char *str)
{
	return ops->swap(store, LU, expected, str, strlen(str));
}

static int load(struct store *store)
{
	char text[8192];

	return area_newest(store, text, sizeof(text));
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void test_open(void **state)
{
	struct store *store;
	struct stat st;
	int fds = count_fds();

	(void)state;
	assert_string_equal(ops->type, "dir");
	store = area_open("a", 1);
	assert_int_equal(stat(area_where, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(area_exists("gw/a/in"));
	assert_int_equal(area_count("", ".tmp."), 0);
	ops->close(store);
	ops->close(area_open("a", 2));
	ops->close(NULL);
	assert_int_equal(count_fds(), fds);
}

static int open_error(const char *where, const char *gateway)
{
	struct store *store = NULL;
	char *err = NULL;
	int fds = count_fds();
	int ret = ops->open(&store, where, gateway, 1, &err);

	assert_null(store);
	assert_non_null(err);
	assert_non_null(strstr(err, where));
	free(err);
	assert_int_equal(count_fds(), fds);
	return ret;
}

static void test_open_errors(void **state)
{
	char path[400];

	(void)state;
	assert_int_equal(open_error(area_where, ""), -EINVAL);
	snprintf(path, sizeof(path), "%s/no/where", area_top);
	assert_int_equal(open_error(path, "a"), -ENOENT);
	ops->close(area_open("a", 1));
	area_write("file", "");
	snprintf(path, sizeof(path), "%s/file", area_where);
	assert_int_equal(open_error(path, "a"), -ENOTDIR);
	area_remove("lu");
	area_write("lu", "");
	assert_int_equal(open_error(area_where, "a"), -ENOTDIR);
	area_remove("lu");
	ops->close(area_open("a", 1));
}

static void test_lu_name(void **state)
{
	char name[256], config[256];

	(void)state;
	assert_int_equal(ops->lu_name("rbd/pool/im-age_1.x", name, 256), 0);
	assert_string_equal(name, "rbd%2Fpool%2Fim-age_1.x");
	assert_int_equal(ops->lu_name("..", name, 256), 0);
	assert_string_equal(name, "%2E.");
	assert_int_equal(ops->lu_name("%\xff \n~", name, 256), 0);
	assert_string_equal(name, "%25%FF%20%0A%7E");
	assert_int_equal(ops->lu_name("", name, 256), -EINVAL);
	memset(config, 'x', 201);
	config[201] = '\0';
	assert_int_equal(ops->lu_name(config, name, 256), -ENAMETOOLONG);
	config[200] = '\0';
	assert_int_equal(ops->lu_name(config, name, 256), 0);
	assert_int_equal(ops->lu_name(config, name, 201), 0);
	assert_int_equal(ops->lu_name(config, name, 200), -ENAMETOOLONG);
	config[199] = '/';
	assert_int_equal(ops->lu_name(config, name, 256), -ENAMETOOLONG);
	assert_int_equal(ops->lu_name("abc", name, 4), 0);
	assert_int_equal(ops->lu_name("abc", name, 3), -ENAMETOOLONG);
	assert_int_equal(ops->lu_name("/", name, 3), -ENAMETOOLONG);
}

static void test_swap_files(void **state)
{
	struct store *a = area_open("a", 1);

	(void)state;
	assert_int_equal(swap(a, 0, "one"), 0);
	assert_int_equal(swap(a, 1, ""), 0);
	assert_int_equal(area_count("", ".tmp."), 0);
	assert_int_equal(area_count("", "v0"), 2);
	ops->close(a);
}

static void test_lu_errors(void **state)
{
	struct store *a = area_open("a", 1);
	char *str;
	size_t len;
	uint64_t seq;

	(void)state;
	assert_int_equal(ops->swap(a, "a/b", 0, "", 0), -EINVAL);
	assert_int_equal(ops->swap(a, "", 0, "", 0), -EINVAL);
	assert_int_equal(ops->swap(a, "..", 0, "", 0), -EINVAL);
	assert_int_equal(ops->load(a, "..", &str, &len, &seq), -EINVAL);
	ops->close(a);
}

static void test_keeps_16(void **state)
{
	struct store *a = area_open("a", 1);

	(void)state;
	area_fill(a, 0, 16);
	assert_int_equal(area_count("lu", "v0"), 16);
	area_fill(a, 16, 40);
	assert_int_equal(area_count("lu", "v0"), 16);
	assert_true(area_exists("lu/" LU "/v00000000000000000025"));
	assert_false(area_exists("lu/" LU "/v00000000000000000024"));
	area_expect(a, 40, area_string(40));
	ops->close(a);
}

/* If a stale temporary file will not go, versions must not either. */
static void test_removal_order(void **state)
{
	struct store *a = area_open("a", 1);
	char dir[100], late[100];

	(void)state;
	snprintf(dir, sizeof(dir),
		 "lu/" LU "/.tmp.b.%016x.0.v00000000000000000003", 9);
	snprintf(late, sizeof(late),
		 "lu/" LU "/.tmp.b.%016x.1.v00000000000000000030", 9);
	area_fill(a, 0, 18);
	area_mkdir(dir);
	area_write(late, "");
	area_fill(a, 18, 22);
	assert_int_equal(area_count("lu", "v0"), 20);
	area_remove(dir);
	area_write(dir, "");
	area_fill(a, 22, 23);
	assert_int_equal(area_count("lu", "v0"), 16);
	assert_false(area_exists(dir));
	assert_true(area_exists(late));
	ops->close(a);
}

/* Only the newest one counts. */
static void test_lost_files(void **state)
{
	struct store *a = area_open("a", 1);

	(void)state;
	area_fill(a, 0, 2);
	area_remove("lu/" LU "/v00000000000000000001");
	area_expect(a, 2, area_string(2));
	area_remove("lu/" LU "/v00000000000000000002");
	assert_int_equal(load(a), -ENODATA);
	ops->close(a);
}

static void test_unfinished_creation(void **state)
{
	struct store *a = area_open("a", 1);

	(void)state;
	area_mkdir("lu/" LU);
	assert_int_equal(load(a), -ENOENT);
	area_write("lu/" LU "/v00000000000000000001", "one");
	assert_int_equal(swap(a, 0, "x"), -EAGAIN);
	area_expect(a, 1, "one");
	assert_true(area_exists("lu/" LU "/created"));
	ops->close(a);
}

static void test_load_names(void **state)
{
	struct store *a = area_open("a", 1);
	char path[400];

	(void)state;
	area_fill(a, 0, 1);
	area_write("lu/" LU "/v0000000000000000002", "short");
	area_write("lu/" LU "/v000000000000000000002", "long");
	area_write("lu/" LU "/v0000000000000000000x", "hex");
	area_write("lu/" LU "/V00000000000000000009", "upper");
	area_write("lu/" LU "/v99999999999999999999", "too great");
	area_write("lu/" LU "/v00000000000000000000", "zero");
	area_write("lu/" LU "/v+0000000000000000009", "sign");
	area_expect(a, 1, area_string(1));
	snprintf(path, sizeof(path), "%s/lu/" LU "/v00000000000000000002",
		 area_where);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(a), -EBADMSG);
	unlink(path);
	assert_int_equal(symlink("v00000000000000000001", path), 0);
	assert_int_equal(load(a), -EBADMSG);
	unlink(path);
	area_mkdir("lu/" LU "/v00000000000000000002");
	assert_int_equal(load(a), -EBADMSG);
	area_remove("lu/" LU "/v00000000000000000002");
	area_write("lu/" LU "/v00000000000000000002", "");
	assert_int_equal(truncate(path, (8 << 20) + 1), 0);
	assert_int_equal(load(a), -EFBIG);
	ops->close(a);
}

/* A symbolic link must not lead out of the store. */
static void test_symlinks(void **state)
{
	struct store *a = area_open("a", 1);
	char path[400];

	(void)state;
	snprintf(path, sizeof(path), "%s/lu/" LU, area_where);
	assert_int_equal(symlink(area_top, path), 0);
	assert_true(load(a) < 0 && load(a) != -ENOENT);
	assert_true(swap(a, 0, "x") < 0);
	assert_true(ops->join(a, LU, 1) < 0);
	assert_int_equal(area_count("", "v0"), 0);
	unlink(path);
	snprintf(path, sizeof(path), "%s/gw/b", area_where);
	assert_int_equal(symlink(area_top, path), 0);
	assert_true(ops->announce(a, LU, "b", NULL) < 0);
	ops->close(a);
}

static int mark(struct store *store, uint64_t seq)
{
	return ops->mark_lost(store, LU, seq, "lost\n", 5);
}

/* Lost, or set back: what there was stays for the administrator. */
static void test_mark_lost_after(void **state)
{
	struct store *a = area_open("a", 1);
	uint64_t seq;

	(void)state;
	assert_int_equal(swap(a, 0, "one"), 0);
	area_remove("lu/" LU "/v00000000000000000001");
	assert_int_equal(load(a), -ENODATA);
	assert_int_equal(mark(a, 1), 0);
	area_expect(a, 1, "lost\n");
	assert_int_equal(swap(a, 1, "two"), 0);
	assert_int_equal(mark(a, 40), 0);
	area_expect(a, 40, "lost\n");
	assert_int_equal(area_count("lu/" LU, "v0"), 3);
	assert_int_equal(area_count("lu/" LU, ".tmp."), 0);
	for (seq = 40; seq < 60; seq++)
		assert_int_equal(swap(a, seq, "more"), 0);
	area_expect(a, 60, "more");
	assert_int_equal(area_count("lu/" LU, "v0"), 16);
	ops->close(a);
}

static void test_left_overs(void **state)
{
	static const char *const ours[] = {
		".tmp.a.0000000000000001.0",
		"lu/d/.tmp.a.0000000000000001.12.v00000000000000000003",
		"lu/d/m/a/.tmp.a.00000000000000ff.3",
		"gw/a/.tmp.a.0000000000000001.5",
	};
	static const char *const others[] = {
		".tmp.a.0000000000000002.0", /* in use */
		"lu/d/.tmp.a.b.0000000000000001.12.v00000000000000000003",
		"lu/d/.tmp.b.0000000000000001.0",
		"lu/d/.tmp.a.0000000000000001.x",
		"lu/d/.tmp.a.01.1",
		"lu/d/.tmp.a.0000000000000001.1.v3",
		"lu/d/m/a/.tmp.aa.0000000000000001.0",
	};
	struct store *a = area_open("a", 1);

	(void)state;
	assert_int_equal(ops->join(a, "d", 1), 0);
	ops->close(a);
	for (int i = 0; i < 4; i++)
		area_write(ours[i], "x");
	for (int i = 0; i < 7; i++)
		area_write(others[i], "x");
	a = area_open("a", 2);
	/* Those of the gateway at once, of a logical unit with the join. */
	assert_false(area_exists(ours[0]));
	assert_false(area_exists(ours[3]));
	assert_true(area_exists(ours[1]));
	assert_int_equal(ops->join(a, "d", 1), 0);
	ops->close(a);
	for (int i = 0; i < 4; i++)
		assert_false(area_exists(ours[i]));
	for (int i = 0; i < 7; i++)
		assert_true(area_exists(others[i]));
}

struct heard {
	int count;
	char last[201];
	struct store *again;
};

static void hear(void *arg, const char *lu, const struct store_message *message)
{
	struct heard *heard = arg;

	assert_null(message);
	heard->count++;
	snprintf(heard->last, sizeof(heard->last), "%s", lu);
	if (heard->again)
		assert_int_equal(ops->announce(heard->again, lu, "a", NULL), 0);
}

static void test_news(void **state)
{
	struct store *a = area_open("a", 1), *b = area_open("b", 1);
	struct heard heard = {0};

	(void)state;
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	assert_int_equal(ops->news(a, 30, hear, &heard), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ops->announce(b, "x", "a", NULL), 0);
	assert_int_equal(ops->news(b, 0, hear, &heard), 0);
	assert_int_equal(ops->news(a, 1000, hear, &heard), 1);
	assert_int_equal(heard.count, 1);
	assert_string_equal(heard.last, "x");
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	/* Announced while it is told: told again, by the next call. */
	assert_int_equal(ops->announce(b, "x", "a", NULL), 0);
	heard.again = b;
	assert_int_equal(ops->news(a, 0, hear, &heard), 1);
	heard.again = NULL;
	assert_int_equal(ops->news(a, 0, hear, &heard), 1);
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	/* To a gateway that has not been here yet; names that are none. */
	assert_int_equal(ops->announce(a, "y", "new", NULL), 0);
	assert_true(area_exists("gw/new/in/y"));
	assert_int_equal(ops->announce(a, "y", "..", NULL), -EINVAL);
	assert_int_equal(ops->announce(a, "y/z", "b", NULL), -EINVAL);
	area_write("gw/a/in/.hidden", "");
	area_mkdir("gw/a/in/directory");
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	/* The inbox itself comes back. */
	area_remove("gw/a");
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	assert_int_equal(ops->announce(b, "x", "a", NULL), 0);
	assert_int_equal(ops->news(a, 0, hear, &heard), 1);
	ops->close(a);
	ops->close(b);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void test_news_many(void **state)
{
	struct store *a = area_open("a", 1);
	struct heard heard = {0};
	long long start = now_ms();
	char name[16];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "lu%d", i);
		assert_int_equal(ops->announce(a, name, "a", NULL), 0);
	}
	print_message("10000 announced in %lld ms\n", now_ms() - start);
	start = now_ms();
	assert_int_equal(ops->news(a, 0, hear, &heard), 10000);
	print_message("10000 told in %lld ms\n", now_ms() - start);
	assert_int_equal(heard.count, 10000);
	ops->close(a);
}

static void *wake_later(void *arg)
{
	usleep(50000);
	ops->wake(arg);
	return NULL;
}

static void *announce_later(void *arg)
{
	usleep(50000);
	assert_int_equal(ops->announce(arg, "x", "a", NULL), 0);
	return NULL;
}

static void test_wake(void **state)
{
	struct store *a = area_open("a", 1);
	struct heard heard = {0};
	long long start = now_ms();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wake_later, a), 0);
	assert_int_equal(ops->news(a, -1, hear, &heard), 0);
	pthread_join(thread, NULL);
	assert_int_equal(pthread_create(&thread, NULL, announce_later, a), 0);
	assert_int_equal(ops->news(a, 20000, hear, &heard), 1);
	pthread_join(thread, NULL);
	/* Not woken is not forgotten, nor does it wake twice. */
	ops->wake(a);
	ops->wake(a);
	assert_int_equal(ops->news(a, 20000, hear, &heard), 0);
	assert_true(now_ms() - start < 10000);
	start = now_ms();
	assert_int_equal(ops->news(a, 60, hear, &heard), 0);
	assert_true(now_ms() - start >= 59);
	ops->close(a);
}

static int clear(void **state)
{
	(void)state;
	area_clear();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_open, clear),
		cmocka_unit_test_teardown(test_open_errors, clear),
		cmocka_unit_test(test_lu_name),
		cmocka_unit_test_teardown(test_swap_files, clear),
		cmocka_unit_test_teardown(test_lu_errors, clear),
		cmocka_unit_test_teardown(test_keeps_16, clear),
		cmocka_unit_test_teardown(test_removal_order, clear),
		cmocka_unit_test_teardown(test_lost_files, clear),
		cmocka_unit_test_teardown(test_unfinished_creation, clear),
		cmocka_unit_test_teardown(test_load_names, clear),
		cmocka_unit_test_teardown(test_symlinks, clear),
		cmocka_unit_test_teardown(test_mark_lost_after, clear),
		cmocka_unit_test_teardown(test_left_overs, clear),
		cmocka_unit_test_teardown(test_news, clear),
		cmocka_unit_test_teardown(test_news_many, clear),
		cmocka_unit_test_teardown(test_wake, clear),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
