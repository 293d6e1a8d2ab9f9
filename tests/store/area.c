// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"
#include "beats.h"

char area_top[256];
char area_where[300];

static const char *area_path(const char *path)
{
	static char full[1024];

	snprintf(full, sizeof(full), "%s/%s", area_where, path);
	return full;
}

/* In memory if there is a place: the tests sync files many 10,000 times. */
int area_setup(void **state)
{
	const char *base = getenv("STORE_TEST_DIR");

	(void)state;
	if (!base)
		base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(area_top, sizeof(area_top), "%s/store-test-XXXXXX", base);
	if (!mkdtemp(area_top))
		return -1;
	snprintf(area_where, sizeof(area_where), "%s/store", area_top);
	return 0;
}

static int area_rm(const char *path, const struct stat *st, int type,
		   struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void area_clear(void)
{
	nftw(area_where, area_rm, 16, FTW_DEPTH | FTW_PHYS);
}

int area_teardown(void **state)
{
	(void)state;
	area_clear();
	return rmdir(area_top);
}

struct store *area_open(const char *gateway, uint64_t incarnation)
{
	struct store *store = NULL;
	char *err = NULL;
	int ret = ops->open(&store, area_where, gateway, incarnation, &err);

	if (ret)
		fail_msg("open: %s", err);
	return store;
}

bool area_exists(const char *path)
{
	struct stat st;

	return !lstat(area_path(path), &st);
}

void area_write(const char *path, const char *text)
{
	FILE *file = fopen(area_path(path), "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

void area_mkdir(const char *path)
{
	assert_int_equal(mkdir(area_path(path), 0700), 0);
}

void area_remove(const char *path)
{
	nftw(area_path(path), area_rm, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *count_prefix;
static int count_found;

static int area_count_one(const char *path, const struct stat *st, int type,
			  struct FTW *ftw)
{
	(void)st;
	(void)type;
	if (ftw->level &&
	    !strncmp(path + ftw->base, count_prefix, strlen(count_prefix)))
		count_found++;
	return 0;
}

int area_count(const char *path, const char *prefix)
{
	count_prefix = prefix;
	count_found = 0;
	nftw(area_path(path), area_count_one, 16, FTW_PHYS);
	return count_found;
}

/* Of different lengths, and longer than a page now and then. */
const char *area_string(uint64_t seq)
{
	static char text[8192];
	size_t len = 40 + seq * 997 % 6000;
	int n = snprintf(text, sizeof(text), "version %" PRIu64 "\n", seq);

	memset(text + n, 'a' + seq % 26, len - n);
	text[len] = '\0';
	return text;
}

void area_fill(struct store *store, uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq < to; seq++) {
		const char *str = area_string(seq + 1);

		assert_int_equal(ops->swap(store, LU, seq, str, strlen(str)),
				 0);
	}
}

long long area_newest(struct store *store, char *str, size_t cap)
{
	uint64_t seq;
	char *text;
	size_t len;
	int ret = ops->load(store, LU, &text, &len, &seq);

	if (ret)
		return ret;
	assert_int_equal(strlen(text), len);
	assert_true(len < cap);
	strcpy(str, text);
	free(text);
	return seq;
}

void area_expect(struct store *store, uint64_t seq, const char *str)
{
	char text[8192];

	assert_int_equal(area_newest(store, text, sizeof(text)), seq);
	assert_string_equal(text, str);
}

struct store_beat area_beat(uint64_t incarnation, uint64_t term, uint64_t count)
{
	struct store_beat beat = {
		.term = term,
		.incarnation = incarnation,
		.count = count,
		.lease_ms = 15000,
		.boot = "\x00\xff machine",
	};

	return beat;
}

uint64_t area_beats(struct store *store, uint64_t incarnation, uint64_t term,
		    uint64_t count)
{
	struct store_beat beat = area_beat(incarnation, term, count);
	uint64_t evicted = 77;

	assert_int_equal(ops->beat(store, &beat, &evicted), 0);
	return evicted;
}

bool area_gateway(struct store *store, const char *gateway,
		  struct store_gateway *found)
{
	return beats_find(ops, store, gateway, found);
}
