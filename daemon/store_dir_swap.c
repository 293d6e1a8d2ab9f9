// SPDX-License-Identifier: GPL-2.0-only
/*
 * Versions in the directory store: load and swap.  Why this is right is
 * argued in store_dir.c, whose step numbers are used here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_dir_int.h"

static const char sd_marker[] = "created";

enum {
	SD_LOST_LOOKS = 3,
	SD_LOAD_LOOKS = 64,
};

/* One reading of lu/<LU>. */
struct sd_view {
	uint64_t newest; /* 0: there is none */
	bool marker;
};

static int sd_view_entry(void *arg, const char *name)
{
	struct sd_view *view = arg;
	uint64_t seq = sd_version_seq(name);

	if (seq > view->newest)
		view->newest = seq;
	if (!strcmp(name, sd_marker))
		view->marker = true;
	return 0;
}

/* -ENOENT: never created.  -ENODATA: lost. */
static int sd_look(int dir, struct sd_view *view)
{
	for (int looks = 0; looks < SD_LOST_LOOKS; looks++) {
		int ret;

		*view = (struct sd_view){0};
		ret = sd_each(dir, sd_view_entry, view);
		if (ret)
			return ret;
		if (view->newest)
			return 0;
		if (!view->marker)
			return -ENOENT;
	}
	return -ENODATA;
}

/* The caller has synced the directory with a version in it. */
static int sd_make_marker(int dir)
{
	int fd = openat(
		dir, sd_marker,
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return sd_errno();
	close(fd);
	return sd_fsync(dir);
}

static int sd_load_from(int dir, char **str, size_t *len, uint64_t *seq)
{
	char name[SD_VERSION_CAP];
	struct sd_view view;
	int ret = -ENOENT;

	for (int looks = 0; looks < SD_LOAD_LOOKS; looks++) {
		ret = sd_look(dir, &view);
		if (ret)
			return ret;
		sd_version_name(name, view.newest);
		ret = sd_read_file(dir, name, SD_STRING_MAX, str, len);
		if (ret != -ENOENT && ret != -ESTALE)
			break;
		/* Sixteen swaps since we looked; the next look is newer. */
		ret = -EBUSY;
	}
	if (ret)
		return ret;
	ret = sd_fsync(dir);
	if (!ret && !view.marker)
		ret = sd_make_marker(dir);
	if (ret) {
		free(*str);
		*str = NULL;
		return ret;
	}
	*seq = view.newest;
	return 0;
}

int sd_load(struct store *store, const char *lu, char **str, size_t *len,
	    uint64_t *seq)
{
	int dir, ret;

	if (!sd_name_ok(lu, SD_LU_MAX))
		return -EINVAL;
	dir = sd_open_dir(store->lu, lu);
	if (dir < 0)
		return dir;
	ret = sd_load_from(dir, str, len, seq);
	close(dir);
	return ret;
}

/* A version about to be stored. */
struct sd_next {
	struct sd_tmp tmp;
	char name[SD_VERSION_CAP];
	uint64_t seq;
	int dir;
	bool lost; /* it stands for one that is: versions may be missing */
	bool replays; /* as in struct store */
};

/* May @next stand after the newest version of @view? */
static bool sd_follows(const struct sd_next *next, const struct sd_view *view)
{
	return next->lost ? view->newest < next->seq
			  : view->newest == next->seq - 1;
}

/* True if @ret of sd_look() says that there is no version, and that may be. */
static bool sd_none(const struct sd_next *next, int ret)
{
	return (ret == -ENOENT && (next->lost || next->seq == 1)) ||
	       (ret == -ENODATA && next->lost);
}

/* Is the newest version the one before @next?  Step (2). */
static int sd_check_newest(const struct sd_next *next)
{
	struct sd_view view;
	int ret = sd_look(next->dir, &view);

	if (sd_none(next, ret))
		return 0;
	if (ret)
		return ret;
	if (!sd_follows(next, &view))
		return -EAGAIN;
	if (view.marker)
		return 0;
	/* Its writer crashed.  We build on it, so complete it. */
	ret = sd_fsync(next->dir);
	return ret ? ret : sd_make_marker(next->dir);
}

/* Nothing stands at the version's name: was it never there? */
static int sd_link_absent(const struct sd_next *next, int err)
{
	struct sd_view view;
	int ret;

	/*
	 * T was removed under us: by a writer who was 16 versions ahead, or
	 * by a younger incarnation of us.  Not won, the caller may try again.
	 */
	if (err == -ENOENT && !next->replays)
		return -EAGAIN;
	ret = sd_look(next->dir, &view);
	if (ret && !sd_none(next, ret))
		return -EINPROGRESS;
	if (!sd_follows(next, &view))
		return -EINPROGRESS;
	if (err == -ENOENT || err == -ESTALE || err == -EEXIST)
		return -EAGAIN;
	return err;
}

/*
 * link(2) failed with @err.  0 if it did succeed.  While T exists, its inode
 * cannot be taken for another's and its link count tells.  When it does not,
 * an equal inode number at the version's name may be ours or one used again.
 */
static int sd_link_outcome(const struct sd_next *next, int err)
{
	struct sd_stat st;
	int ret = sd_stat(next->dir, next->tmp.name, &st);

	if (!ret && st.nlink > 1)
		return 0;
	if (!ret && err == -EEXIST)
		return -EAGAIN;
	if (ret && ret != -ENOENT && ret != -ESTALE)
		return -EINPROGRESS;
	if (sd_unlink(next->dir, next->tmp.name))
		return -EINPROGRESS;
	ret = sd_stat(next->dir, next->name, &st);
	if (!ret)
		return st.ino == next->tmp.ino ? -EINPROGRESS : -EAGAIN;
	return ret == -ENOENT ? sd_link_absent(next, err) : -EINPROGRESS;
}

/*
 * The second opinion on whether the link was a first one: the version before
 * must not have been removed.  At once, for when others have stored 15 more
 * it is gone by rights, and we cannot tell one from the other.
 */
static int sd_link_doubt(const struct sd_next *next)
{
	char name[SD_VERSION_CAP];
	struct sd_view view;
	struct sd_stat st;

	if (next->lost)
		return 0;
	if (next->seq > 1) {
		sd_version_name(name, next->seq - 1);
		return sd_stat(next->dir, name, &st) ? -EINPROGRESS : 0;
	}
	if (sd_look(next->dir, &view) || view.newest > SD_KEEP)
		return -EINPROGRESS;
	return 0;
}

/* Steps (2) and (3), from the moment that T exists until it does not. */
static int sd_link(const struct sd_next *next)
{
	int ret = sd_check_newest(next);

	if (!ret && linkat(next->dir, next->tmp.name, next->dir, next->name, 0))
		ret = sd_link_outcome(next, sd_errno());
	if (!ret)
		ret = sd_link_doubt(next);
	/* If this fails, T is a left-over for the next join to remove. */
	sd_unlink(next->dir, next->tmp.name);
	return ret;
}

/* The reading that goes with removal. */
struct sd_old {
	int dir;
	uint64_t seq; /* just linked */
	bool blocked; /* a temporary file could not be removed */
	uint64_t *list; /* versions to remove */
	size_t count, cap;
};

static bool sd_is_old(const struct sd_old *old, uint64_t seq)
{
	return seq && old->seq > SD_KEEP && seq <= old->seq - SD_KEEP;
}

static void sd_old_add(struct sd_old *old, uint64_t seq)
{
	if (old->count == old->cap) {
		size_t cap = old->cap ? 2 * old->cap : 32;
		uint64_t *list = realloc(old->list, cap * sizeof(*list));

		if (!list) {
			old->blocked = true;
			return;
		}
		old->list = list;
		old->cap = cap;
	}
	old->list[old->count++] = seq;
}

static int sd_old_entry(void *arg, const char *name)
{
	struct sd_old *old = arg;
	uint64_t seq = sd_version_seq(name);

	if (sd_is_old(old, sd_tmp_target(name)) && sd_unlink(old->dir, name))
		old->blocked = true;
	if (sd_is_old(old, seq))
		sd_old_add(old, seq);
	return 0;
}

static int sd_by_seq(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Stops at the first that will not go: the order must not be broken. */
static void sd_old_remove(struct sd_old *old)
{
	char name[SD_VERSION_CAP];

	if (old->blocked || !old->count)
		return;
	qsort(old->list, old->count, sizeof(*old->list), sd_by_seq);
	for (size_t i = 0; i < old->count; i++) {
		sd_version_name(name, old->list[i]);
		if (sd_unlink(old->dir, name))
			return;
	}
}

/* Step (4): others see the version, but will it last? */
static int sd_settle(const struct sd_next *next)
{
	int ret = sd_fsync(next->dir);

	if (!ret && (next->seq == 1 || next->lost))
		ret = sd_make_marker(next->dir);
	return ret ? -EINPROGRESS : 0;
}

/* Steps (a), (4) and (b).  If (a) fails, the next swap has more to do. */
static int sd_complete(const struct sd_next *next)
{
	struct sd_old old = {.dir = next->dir, .seq = next->seq};
	int ret;

	if (sd_each(next->dir, sd_old_entry, &old))
		old.blocked = true;
	ret = sd_settle(next);
	if (!ret)
		sd_old_remove(&old);
	free(old.list);
	return ret;
}

static int sd_swap_in(struct store *store, struct sd_next *next,
		      const char *str, size_t len)
{
	struct sd_stat st;
	int ret;

	/* Most losers are late enough to be told for the price of a look. */
	if (!sd_stat(next->dir, next->name, &st))
		return -EAGAIN;
	ret = sd_tmp_write(store, next->dir, next->seq, str, len, &next->tmp);
	if (!ret)
		ret = sd_link(next);
	if (ret)
		return ret;
	return next->lost ? sd_settle(next) : sd_complete(next);
}

/* @make: the directory of the logical unit may not be there yet. */
static int sd_store_next(struct store *store, const char *lu,
			 struct sd_next *next, bool make, const char *str,
			 size_t len)
{
	int ret;

	if (!sd_name_ok(lu, SD_LU_MAX))
		return -EINVAL;
	if (len > SD_STRING_MAX)
		return -EFBIG;
	if (make)
		next->dir = sd_make_dir(store->lu, lu);
	else
		next->dir = sd_open_dir(store->lu, lu);
	if (next->dir < 0)
		return next->dir;
	next->replays = store->replays;
	sd_version_name(next->name, next->seq);
	ret = sd_swap_in(store, next, str, len);
	close(next->dir);
	return ret;
}

int sd_swap(struct store *store, const char *lu, uint64_t expected,
	    const char *str, size_t len)
{
	struct sd_next next = {.seq = expected + 1};

	if (expected == UINT64_MAX)
		return -EOVERFLOW;
	return sd_store_next(store, lu, &next, !expected, str, len);
}

int sd_mark_lost(struct store *store, const char *lu, uint64_t seq,
		 const char *str, size_t len)
{
	struct sd_next next = {.seq = seq, .lost = true};

	if (!seq)
		return -EINVAL;
	return sd_store_next(store, lu, &next, true, str, len);
}
