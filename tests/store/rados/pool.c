// SPDX-License-Identifier: GPL-2.0-only
#include "beats.h"
#include "pool.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

rados_t pool_cluster;
rados_ioctx_t pool_io;

static const char *pool_conf(void)
{
	const char *conf = getenv("CEPH_CONF");

	assert_non_null(conf);
	return conf;
}

int pool_setup(void **state)
{
	(void)state;
	assert_int_equal(rados_create(&pool_cluster, "admin"), 0);
	assert_int_equal(rados_conf_read_file(pool_cluster, pool_conf()), 0);
	assert_int_equal(rados_connect(pool_cluster), 0);
	assert_int_equal(rados_ioctx_create(pool_cluster, "rbd", &pool_io), 0);
	return 0;
}

int pool_teardown(void **state)
{
	(void)state;
	rados_ioctx_destroy(pool_io);
	rados_shutdown(pool_cluster);
	return 0;
}

int pool_clear(void **state)
{
	rados_list_ctx_t list;
	const char *oid;

	(void)state;
	assert_int_equal(rados_nobjects_list_open(pool_io, &list), 0);
	while (!rados_nobjects_list_next(list, &oid, NULL, NULL))
		rados_remove(pool_io, oid);
	rados_nobjects_list_close(list);
	return 0;
}

struct store *pool_open(const char *gateway, uint64_t incarnation)
{
	struct store *store = NULL;
	char where[512], *err = NULL;

	snprintf(where, sizeof(where), "rbd;conf=%s;id=tcmu-pr", pool_conf());
	if (ops->open(&store, where, gateway, incarnation, &err))
		fail_msg("%s", err);
	return store;
}

const char *pool_lu(const char *image)
{
	static char lus[16][600];
	static int next;
	char *lu = lus[next++ % 16];

	snprintf(lu, sizeof(lus[0]), "rbd/%s;conf=%s;id=tcmu-pr", image,
		 pool_conf());
	return lu;
}

const char *pool_image(const char *image)
{
	pool_do("rbd create --size 4M rbd/%s", image);
	return pool_lu(image);
}

const char *pool_id(const char *image)
{
	static char id[80];
	char oid[100];
	int len;

	snprintf(oid, sizeof(oid), "rbd_id.%s", image);
	len = rados_read(pool_io, oid, id, sizeof(id) - 1, 0);
	assert_true(len > 4);
	id[len] = '\0';
	return id + 4;
}

const char *pool_header(const char *image)
{
	static char oid[100];

	snprintf(oid, sizeof(oid), "rbd_header.%s", pool_id(image));
	return oid;
}

const char *pool_own(const char *image)
{
	static char oid[100];

	snprintf(oid, sizeof(oid), "tcmu_pr.%s", pool_id(image));
	return oid;
}

/* Commands */

static int pool_command(const char *format, va_list args, char **out)
{
	char command[2048];
	size_t cap = 1 << 22, len = 0;
	FILE *pipe;

	vsnprintf(command, sizeof(command), format, args);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	*out = malloc(cap);
	assert_non_null(*out);
	len = fread(*out, 1, cap - 1, pipe);
	(*out)[len] = '\0';
	return pclose(pipe);
}

static char *pool_must(const char *format, va_list args)
{
	char *out;
	int status = pool_command(format, args, &out);

	if (status)
		fail_msg("%s: status %d: %s", format, status, out);
	return out;
}

char *pool_run(const char *format, ...)
{
	va_list args;
	char *out;

	va_start(args, format);
	out = pool_must(format, args);
	va_end(args);
	return out;
}

void pool_do(const char *format, ...)
{
	va_list args;
	char *out;

	va_start(args, format);
	out = pool_must(format, args);
	va_end(args);
	free(out);
}

int pool_try(const char *format, ...)
{
	va_list args;
	char *out;
	int status;

	va_start(args, format);
	status = pool_command(format, args, &out);
	va_end(args);
	free(out);
	return status;
}

/* Objects */

char *pool_get(const char *oid, const char *key)
{
	rados_read_op_t op = rados_create_read_op();
	size_t key_len = strlen(key), len = 0;
	rados_omap_iter_t iter = NULL;
	char *name = NULL, *val = NULL, *copy = NULL;
	int part, ret;

	rados_read_op_omap_get_vals_by_keys2(op, &key, 1, &key_len, &iter,
					     &part);
	ret = rados_read_op_operate(op, pool_io, oid, 0);
	if (!ret)
		ret = rados_omap_get_next2(iter, &name, &val, &key_len, &len);
	if (!ret && name) {
		copy = malloc(len + 1);
		assert_non_null(copy);
		if (len)
			memcpy(copy, val, len);
		copy[len] = '\0';
	}
	if (iter)
		rados_omap_get_end(iter);
	rados_release_read_op(op);
	return copy;
}

void pool_set(const char *oid, const char *key, const char *val)
{
	rados_write_op_t op = rados_create_write_op();
	size_t key_len = strlen(key), len = strlen(val);

	rados_write_op_omap_set2(op, &key, &val, &key_len, &len, 1);
	assert_int_equal(rados_write_op_operate(op, pool_io, oid, NULL, 0), 0);
	rados_release_write_op(op);
}

void pool_unset(const char *oid, const char *key)
{
	rados_write_op_t op = rados_create_write_op();
	size_t key_len = strlen(key);

	rados_write_op_omap_rm_keys2(op, &key, &key_len, 1);
	assert_int_equal(rados_write_op_operate(op, pool_io, oid, NULL, 0), 0);
	rados_release_write_op(op);
}

void pool_remove(const char *oid)
{
	assert_int_equal(rados_remove(pool_io, oid), 0);
}

/* Processes: run.py knows them. */

void pool_signal(const char *kind, int number)
{
	pool_do("%s signal %s %d", getenv("POOL_TOOL"), kind, number);
}

void pool_restart(const char *kind)
{
	pool_do("%s restart %s", getenv("POOL_TOOL"), kind);
}

/* The store */

int pool_swap(struct store *store, const char *lu, uint64_t expected,
	      const char *str)
{
	return ops->swap(store, lu, expected, str, strlen(str));
}

long long pool_load(struct store *store, const char *lu, char **str)
{
	uint64_t seq = 0;
	char *text = NULL;
	size_t len = 0;
	int ret = ops->load(store, lu, &text, &len, &seq);

	if (ret && ret != -EXDEV)
		return ret;
	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	if (str)
		*str = text;
	else
		free(text);
	return ret ? ret : (long long)seq;
}

void pool_expect(struct store *store, const char *lu, uint64_t seq,
		 const char *str)
{
	char *text = NULL;

	assert_int_equal(pool_load(store, lu, &text), seq);
	assert_string_equal(text, str);
	free(text);
}

struct store_beat pool_beat(uint64_t incarnation, uint64_t term, uint64_t count)
{
	struct store_beat beat = {
		.term = term,
		.incarnation = incarnation,
		.count = count,
		.lease_ms = 10000,
	};

	for (int i = 0; i < STORE_BOOT_LEN; i++)
		beat.boot[i] = 16 * i + 1;
	return beat;
}

int pool_beats(struct store *store, uint64_t incarnation, uint64_t term,
	       uint64_t count, uint64_t *evicted)
{
	struct store_beat beat = pool_beat(incarnation, term, count);
	uint64_t dummy;

	return ops->beat(store, &beat, evicted ? evicted : &dummy);
}

bool pool_gateway(struct store *store, const char *gateway,
		  struct store_gateway *found)
{
	return beats_find(ops, store, gateway, found);
}

int pool_count_ops(void)
{
	char *text = pool_run("ceph daemon $(dirname $CEPH_CONF)/osd.asok "
			      "perf dump osd op | tr -dc 0-9");
	int count = atoi(text);

	free(text);
	return count;
}


long long pool_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}
