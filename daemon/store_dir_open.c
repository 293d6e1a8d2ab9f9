// SPDX-License-Identifier: GPL-2.0-only
/* Opening and closing the directory store. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "store_dir_int.h"

#ifndef OCFS2_SUPER_MAGIC
#define OCFS2_SUPER_MAGIC 0x7461636f
#endif
#define SD_GFS2_MAGIC 0x01161970

static void sd_close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void sd_clean_gateway(const struct store *store)
{
	int own = sd_open_dir(store->gw, store->gateway);

	if (own < 0)
		return;
	sd_clean_dir(store, own);
	close(own);
}

/*
 * The whole store rests on link(2) refusing to replace a file and on link
 * counts being true.  Some file systems have neither (FAT, a few FUSE ones);
 * better to find out now.
 */
static int sd_probe(struct store *store)
{
	struct sd_tmp from, to;
	struct sd_stat st;
	int ret;

	ret = sd_tmp_write(store, store->root, 0, "", 0, &from);
	if (ret)
		return ret;
	ret = sd_tmp_write(store, store->root, 0, "", 0, &to);
	if (ret)
		goto out_from;
	if (!linkat(store->root, from.name, store->root, to.name, 0) ||
	    errno != EEXIST)
		ret = -EOPNOTSUPP;
	sd_unlink(store->root, to.name);
	if (!ret && linkat(store->root, from.name, store->root, to.name, 0))
		ret = errno == EPERM ? -EOPNOTSUPP : sd_errno();
	if (!ret)
		ret = sd_stat(store->root, from.name, &st);
	if (!ret && (st.nlink != 2 || st.ino != from.ino))
		ret = -EOPNOTSUPP;
	sd_unlink(store->root, to.name);
out_from:
	sd_unlink(store->root, from.name);
	return ret;
}

/*
 * A directory that we may enter but not read cannot be opened for fsync(2);
 * that is no reason to refuse WHERE below it.
 */
static int sd_sync_parent(int dir)
{
	int fd = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return errno == EACCES ? 0 : sd_errno();
	ret = sd_fsync(fd);
	close(fd);
	return ret;
}

/*
 * True for local file systems, cluster file systems, and 9p, which the
 * documentation asks to mount without a cache.
 */
static bool sd_is_coherent(unsigned long type)
{
	switch (type) {
	case BTRFS_SUPER_MAGIC:
	case EXT4_SUPER_MAGIC:
	case OCFS2_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case V9FS_MAGIC:
	case XFS_SUPER_MAGIC:
	case SD_GFS2_MAGIC:
		return true;
	default:
		return false;
	}
}

static int sd_open_root(struct store *store, const char *where)
{
	struct statfs fs;

	if (mkdir(where, 0700) && errno != EEXIST)
		return sd_errno();
	store->root = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->root < 0)
		return sd_errno();
	if (fstatfs(store->root, &fs))
		return sd_errno();
	store->replays = fs.f_type == NFS_SUPER_MAGIC;
	if (!sd_is_coherent((unsigned long)fs.f_type))
		sd_set_caching();
	return sd_sync_parent(store->root);
}

static int sd_open_dirs(struct store *store)
{
	int inbox;

	store->lu = sd_make_dir(store->root, "lu");
	if (store->lu < 0)
		return store->lu;
	store->gw = sd_make_dir(store->root, "gw");
	if (store->gw < 0)
		return store->gw;
	inbox = sd_inbox(store, store->gateway);
	if (inbox < 0)
		return inbox;
	close(inbox);
	store->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return store->wake < 0 ? sd_errno() : 0;
}

static struct store *sd_alloc(const char *gateway, uint64_t incarnation)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->root = store->lu = store->gw = store->wake = -1;
	store->inbox.fd = -1;
	store->incarnation = incarnation;
	strcpy(store->gateway, gateway);
	for (int i = 0; i < SD_LOCKS; i++)
		pthread_mutex_init(&store->member[i], NULL);
	pthread_mutex_init(&store->beat.one, NULL);
	pthread_mutex_init(&store->beat.lock, NULL);
	return store;
}

static int sd_fail(char **err, int ret, const char *where, const char *what)
{
	if (err && asprintf(err, "%s: %s: %s", where, what, strerror(-ret)) < 0)
		*err = NULL;
	return ret;
}

int sd_open(struct store **out, const char *where, const char *gateway,
	    uint64_t incarnation, char **err)
{
	const char *what = "cannot open the directory of the store";
	struct store *store;
	int ret;

	if (!sd_name_ok(gateway, SD_GATEWAY_MAX))
		return sd_fail(err, -EINVAL, where,
			       "bad gateway name (1 to 63 printable ASCII "
			       "characters, no '/', no dot in front)");
	store = sd_alloc(gateway, incarnation);
	if (!store)
		return sd_fail(err, -ENOMEM, where, what);
	ret = sd_open_root(store, where);
	if (!ret) {
		what = "cannot make the directories of the store";
		ret = sd_open_dirs(store);
	}
	if (!ret) {
		what = "the file system must support hard links";
		ret = sd_probe(store);
	}
	if (ret) {
		sd_close(store);
		return sd_fail(err, ret, where, what);
	}
	/* Those of logical units: sd_join(). */
	sd_clean_dir(store, store->root);
	sd_clean_gateway(store);
	*out = store;
	return 0;
}

void sd_close(struct store *store)
{
	if (!store)
		return;
	sd_close_fd(store->root);
	sd_close_fd(store->lu);
	sd_close_fd(store->gw);
	sd_close_fd(store->wake);
	sd_close_fd(store->inbox.fd);
	for (int i = 0; i < SD_LOCKS; i++)
		pthread_mutex_destroy(&store->member[i]);
	pthread_mutex_destroy(&store->beat.one);
	pthread_mutex_destroy(&store->beat.lock);
	free(store);
}
