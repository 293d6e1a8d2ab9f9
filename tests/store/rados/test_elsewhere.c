// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens elsewhere: writes in a pool that the gateway which cuts another
 * one off does not serve, and images in another cluster.
 */
#include "second.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VICTIM_HOST "127.0.0.2"
#define OBJECT "late"

enum { ROUNDS = 6 };

/* Another cluster */

/* What @fn writes to standard error; to be freed. */
static char *logged(void (*fn)(void *arg), void *arg)
{
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO);
	char *text = calloc(1, 4096);

	assert_true(file && kept >= 0 && text);
	dup2(fileno(file), STDERR_FILENO);
	fn(arg);
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(file);
	assert_true(fread(text, 1, 4095, file) < 4095);
	fclose(file);
	return text;
}

/* To the osd of the cluster in @directory. */
static void signal_there(const char *directory, int number)
{
	const char *tool = getenv("POOL_TOOL");

	pool_do("%.*s %s signal osd %d", (int)(strrchr(tool, ' ') - tool), tool,
		directory, number);
}

struct refused {
	struct store *store;
	const char *lu;
};

static void join_refused(void *arg)
{
	struct refused *refused = arg;

	for (int i = 0; i < 3; i++)
		assert_int_equal(ops->join(refused->store, refused->lu, 1),
				 -EREMOTE);
}

static void test_other_cluster(void **state)
{
	struct store *a = pool_open("a", 1);
	char there[512], conf[600], far[700], *text, *at;
	struct refused refused = {.store = a, .lu = far};
	const char *lu = pool_image("d");

	(void)state;
	pool_do("%s beside far", getenv("POOL_TOOL"));
	snprintf(there, sizeof(there), "%s", getenv("CEPH_CONF"));
	*strrchr(there, '/') = '\0';
	strcpy(strrchr(there, '/'), "/far");
	snprintf(conf, sizeof(conf), "%s/ceph.conf", there);
	pool_do("CEPH_CONF=%s rbd create --size 4M rbd/d", conf);
	snprintf(far, sizeof(far), "rbd/d;conf=%s;id=tcmu-pr", conf);
	text = logged(join_refused, &refused);
	/* Once, and it says which image, and why. */
	at = strstr(text, "it is in another cluster");
	assert_non_null(at);
	assert_null(strstr(at + 1, "it is in another cluster"));
	assert_non_null(strstr(text, far));
	free(text);
	pool_do("test -z \"$(CEPH_CONF=%s rados -p rbd listomapkeys "
		"tcmu_pr.$(CEPH_CONF=%s rbd info rbd/d | "
		"sed -n 's/.*id: //p') 2>/dev/null | grep member)\"",
		conf, conf);
	/* Others go on; what concerns all images does not ask that one. */
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	signal_there(there, SIGSTOP);
	pool_set(GATEWAYS, "clients.v", "10.9.9.9 ");
	second_cut(a, 3);
	second_key("fenced.v", second_text(3, true, false));
	assert_int_equal(second_fenced(a, "v"), 3);
	assert_int_equal(ops->lift(a, 2), 0);
	signal_there(there, SIGCONT);
	pool_do("test -z \"$(ceph -c %s osd blocklist ls 2>/dev/null)\"", conf);
	ops->close(a);
}

/* What comes late */

/* Writes higher and higher numbers, until it is refused. */
static int victim(void)
{
	rados_t cluster;
	rados_ioctx_t io;
	long long end;
	int ret;

	if (rados_create(&cluster, "tcmu-pr") ||
	    rados_conf_read_file(cluster, getenv("CEPH_CONF")) ||
	    rados_connect(cluster) || rados_ioctx_create(cluster, SECOND, &io))
		return 2;
	end = pool_now_ms() + 120000;
	for (int n = 1; pool_now_ms() < end; n++) {
		ret = rados_write(io, OBJECT, (char *)&n, sizeof(n), 0);
		if (ret)
			break;
	}
	_exit(ret == -ESHUTDOWN ? 0 : 1);
}

static pid_t victim_start(void)
{
	pid_t pid = fork();

	if (!pid) {
		setenv("BIND_TO", VICTIM_HOST, 1);
		execl("/proc/self/exe", "victim", "victim", NULL);
		_exit(3);
	}
	assert_true(pid > 0);
	return pid;
}

/*
 * A client that asks the second osd only, and so does not bring it a map that
 * is newer than the one it has begun with.
 */
struct reader {
	rados_t cluster;
	rados_ioctx_t io;
};

static void reader_begin(struct reader *reader)
{
	const char *conf = getenv("CEPH_CONF");

	assert_int_equal(rados_create(&reader->cluster, "admin"), 0);
	assert_int_equal(rados_conf_read_file(reader->cluster, conf), 0);
	assert_int_equal(rados_connect(reader->cluster), 0);
	assert_int_equal(rados_ioctx_create(reader->cluster, SECOND,
					    &reader->io),
			 0);
}

static void reader_end(struct reader *reader)
{
	rados_ioctx_destroy(reader->io);
	rados_shutdown(reader->cluster);
}

static int number(struct reader *reader)
{
	int n = 0, ret = rados_read(reader->io, OBJECT, (char *)&n, sizeof(n), 0);

	/* It is not there before the victim's first write. */
	assert_true(ret == sizeof(n) || ret == -ENOENT);
	return n;
}

/* How many writes of the victim arrive from now on. */
static int late(struct reader *reader)
{
	int begin = number(reader);

	usleep(100000);
	return number(reader) - begin;
}

struct pair {
	struct store *x; /* serves an image in the first pool */
	struct store *z; /* and this one in the second */
};

/* The victim writes, and somebody sees it. */
static pid_t attack(struct reader *reader)
{
	bool seen = false;
	pid_t pid;

	pool_mon("{\"prefix\": \"osd blocklist clear\"}");
	reader_begin(reader);
	pid = victim_start();
	for (int i = 0; i < 500 && !seen; i++)
		seen = late(reader) > 0;
	/* Or nothing that does not arrive says anything. */
	assert_true(seen);
	return pid;
}

static void attack_end(struct reader *reader, pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	reader_end(reader);
}

/* Returns how many are late by the word of @x alone. */
static int round_late(struct pair *pair, uint64_t term)
{
	struct reader reader;
	pid_t pid = attack(&reader);
	int before;

	assert_int_equal(ops->cut(pair->x, "v", term), 0);
	assert_int_equal(ops->fence(pair->x, "v", term), 0);
	before = second_fenced(pair->z, "v") == term ? 0 : late(&reader);
	if (second_fenced(pair->z, "v") != term) {
		assert_int_equal(ops->cut(pair->z, "v", term), 0);
		assert_int_equal(ops->fence(pair->z, "v", term), 0);
		assert_int_equal(second_fenced(pair->z, "v"), term);
	}
	assert_int_equal(late(&reader), 0);
	attack_end(&reader, pid);
	return before;
}

static void test_late(void **state)
{
	struct pair pair = {.x = pool_open("x", 1), .z = pool_open("z", 1)};
	int rounds = 0;

	(void)state;
	assert_int_equal(ops->join(pair.x, pool_image("d"), 1), 0);
	assert_int_equal(ops->join(pair.z, second_image("e"), 1), 0);
	pool_set(GATEWAYS, "clients.v", VICTIM_HOST " ");
	for (int i = 1; i <= ROUNDS; i++)
		rounds += round_late(&pair, i) > 0;
	print_message("by the word of a gateway of another pool: late in %d of "
		      "%d rounds; else in none\n", rounds, ROUNDS);
	ops->close(pair.x);
	ops->close(pair.z);
}

/*
 * The same when it is a join that comes after the mark.  Of an image that has
 * only its data there: nothing else that a join does asks the second osd.
 */
static int round_join(struct store *x, const char *lu, uint64_t term)
{
	struct store *z = pool_open("z", term);
	struct reader reader;
	pid_t pid = attack(&reader);
	int before;

	assert_int_equal(ops->cut(x, "v", term), 0);
	assert_int_equal(ops->fence(x, "v", term), 0);
	assert_int_equal(second_fenced(z, "v"), term);
	before = late(&reader);
	assert_int_equal(ops->join(z, lu, 1), 0);
	assert_int_equal(late(&reader), 0);
	attack_end(&reader, pid);
	ops->close(z);
	return before;
}

static void test_late_join(void **state)
{
	struct store *x = pool_open("x", 1);
	const char *lu = pool_lu("e");
	int rounds = 0;

	(void)state;
	pool_do("rbd create --size 4M --data-pool " SECOND " rbd/e");
	assert_int_equal(ops->join(x, pool_image("d"), 1), 0);
	pool_set(GATEWAYS, "clients.v", VICTIM_HOST " ");
	for (int i = 1; i <= ROUNDS; i++)
		rounds += round_join(x, lu, i) > 0;
	print_message("before the join: late in %d of %d rounds; after it in "
		      "none\n", rounds, ROUNDS);
	ops->close(x);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_late, second_clear),
		cmocka_unit_test_teardown(test_late_join, second_clear),
		cmocka_unit_test_teardown(test_other_cluster, second_clear),
	};

	(void)argv;
	if (argc > 1)
		return victim();
	return cmocka_run_group_tests(tests, second_setup, pool_teardown);
}
