// SPDX-License-Identifier: GPL-2.0-only
#include "powercut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "area.h"

enum { CUT_MAX = 64, CUT_PATH = 1024, CUT_DATA = 16384 };

enum cut_kind {
	CUT_NONE,
	CUT_MKDIR,
	CUT_RMDIR,
	CUT_CREATE,
	CUT_LINK,
	CUT_UNLINK,
	CUT_RENAME,
	CUT_WRITE,
	CUT_SYNC,
};

struct cut {
	enum cut_kind kind;
	char path[CUT_PATH]; /* that appears or goes */
	char from[CUT_PATH];
	char data[CUT_DATA]; /* what stood at path */
	ssize_t size; /* -1: nothing did */
};

static struct cut cuts[CUT_MAX], now;
static int cut_count, cut_events;
/* Files with data that is not synced. */
static char dirty[4][CUT_PATH];

void powercut_reset(void)
{
	cut_count = 0;
	cut_events = 0;
	now.kind = CUT_NONE;
	memset(dirty, 0, sizeof(dirty));
}

static void cut_save(struct cut *cut)
{
	int fd = open(cut->path, O_RDONLY | O_CLOEXEC);

	cut->size = -1;
	if (fd < 0)
		return;
	cut->size = read(fd, cut->data, sizeof(cut->data));
	assert_true(cut->size < CUT_DATA);
	close(fd);
}

static void cut_restore(const struct cut *cut, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, cut->data, cut->size), cut->size);
	close(fd);
}

static char *cut_dirty(const char *path)
{
	for (int i = 0; i < 4; i++)
		if (!strcmp(dirty[i], path))
			return dirty[i];
	return NULL;
}

static void cut_names(const struct tracee *t, int dirfd, uint64_t name)
{
	tracee_path(t, dirfd, name, now.path, sizeof(now.path));
}

static enum cut_kind cut_open(const struct tracee *t)
{
	struct stat st;

	if (!(t->arg[2] & O_CREAT))
		return CUT_NONE;
	cut_names(t, t->arg[0], t->arg[1]);
	return lstat(now.path, &st) ? CUT_CREATE : CUT_NONE;
}

/* What the call is about to do. */
static enum cut_kind cut_decode(const struct tracee *t)
{
	switch (t->call) {
#ifdef SYS_mkdir
	case SYS_mkdir:
		cut_names(t, AT_FDCWD, t->arg[0]);
		return CUT_MKDIR;
#endif
	case SYS_mkdirat:
		cut_names(t, t->arg[0], t->arg[1]);
		return CUT_MKDIR;
	case SYS_openat:
		return cut_open(t);
	case SYS_write:
		cut_names(t, t->arg[0], 0);
		return CUT_WRITE;
	case SYS_fsync:
		cut_names(t, t->arg[0], 0);
		return CUT_SYNC;
	case SYS_unlinkat:
		cut_names(t, t->arg[0], t->arg[1]);
		return t->arg[2] & AT_REMOVEDIR ? CUT_RMDIR : CUT_UNLINK;
	case SYS_linkat:
	case SYS_renameat2:
#ifdef SYS_renameat
	case SYS_renameat:
#endif
		cut_names(t, t->arg[0], t->arg[1]);
		strcpy(now.from, now.path);
		cut_names(t, t->arg[2], t->arg[3]);
		return t->call == SYS_linkat ? CUT_LINK : CUT_RENAME;
	default:
		return CUT_NONE;
	}
}

static bool cut_is_child(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/' &&
	       !strchr(path + len + 1, '/');
}

static void cut_synced(const char *path)
{
	char *file = cut_dirty(path);
	int left = 0;

	if (file)
		*file = '\0';
	for (int i = 0; i < cut_count; i++)
		if (!cut_is_child(cuts[i].path, path))
			cuts[left++] = cuts[i];
	cut_count = left;
}

static bool cut_may_be_lost(const char *path)
{
	const char *base = strrchr(path, '/');

	return base && !strcmp(base, "/beat");
}

/* A file that is not synced takes that along. */
static void cut_renamed(void)
{
	char *file = cut_dirty(now.path);

	if (file)
		*file = '\0';
	file = cut_dirty(now.from);
	if (file)
		strcpy(file, now.path);
}

static void cut_done(void)
{
	cut_events += now.kind != CUT_NONE;
	switch (now.kind) {
	case CUT_NONE:
		return;
	case CUT_SYNC:
		cut_synced(now.path);
		return;
	case CUT_WRITE:
		if (!cut_dirty(now.path)) {
			char *slot = cut_dirty("");

			assert_non_null(slot);
			strcpy(slot, now.path);
		}
		return;
	case CUT_RENAME:
		cut_renamed();
		/* fall through */
	default:
		assert_true(cut_count < CUT_MAX);
		cuts[cut_count++] = now;
	}
}

void powercut_watch(const struct tracee *t)
{
	if (!t->entry) {
		if (t->result >= 0)
			cut_done();
		now.kind = CUT_NONE;
		return;
	}
	now.kind = cut_decode(t);
	if (now.kind == CUT_NONE)
		return;
	if (strncmp(now.path, area_top, strlen(area_top))) {
		now.kind = CUT_NONE;
		return;
	}
	/* A file gets its name for good only with its data synced. */
	if ((now.kind == CUT_LINK || now.kind == CUT_RENAME) &&
	    !cut_may_be_lost(now.path))
		assert_null(cut_dirty(now.from));
	if (now.kind == CUT_UNLINK || now.kind == CUT_RENAME)
		cut_save(&now);
}

int powercut_pending(void)
{
	return cut_count;
}

int powercut_events(void)
{
	return cut_events;
}

static void cut_undo(struct cut *cut)
{
	struct cut moved;

	switch (cut->kind) {
	case CUT_MKDIR:
		if (!strcmp(cut->path, area_where))
			area_clear();
		else
			area_remove(cut->path + strlen(area_where) + 1);
		break;
	case CUT_RMDIR:
		assert_int_equal(mkdir(cut->path, 0700), 0);
		break;
	case CUT_CREATE:
	case CUT_LINK:
		assert_true(!unlink(cut->path) || errno == ENOENT);
		break;
	case CUT_UNLINK:
		cut_restore(cut, cut->path);
		break;
	case CUT_RENAME:
		moved = *cut;
		cut_save(&moved);
		cut_restore(&moved, cut->from);
		if (cut->size >= 0)
			cut_restore(cut, cut->path);
		else
			assert_int_equal(unlink(cut->path), 0);
		break;
	default:
		break;
	}
}

void powercut_apply(unsigned int keep)
{
	for (int i = 0; i < 4; i++)
		if (dirty[i][0])
			assert_true(!truncate(dirty[i], 0) || errno == ENOENT);
	for (int i = cut_count - 1; i >= 0; i--)
		if (i >= 32 || !(keep & 1u << i))
			cut_undo(&cuts[i]);
	powercut_reset();
}
