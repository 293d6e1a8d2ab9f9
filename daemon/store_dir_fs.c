// SPDX-License-Identifier: GPL-2.0-only
/*
 * File system helpers of the directory store.
 *
 * Everything goes through directory descriptors and never follows a symbolic
 * link, so a name from outside cannot lead out of the store.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_dir_int.h"

/*
 * The negative errno of a call that failed.  These three have a meaning of
 * their own in struct store_ops, and no file system may speak for us: ENODATA
 * for instance is also what the block layer says of an unreadable sector.
 */
int sd_errno(void)
{
	int err = errno;

	switch (err) {
	case EAGAIN:
	case EINPROGRESS:
	case ENODATA:
		return -EIO;
	default:
		return -err;
	}
}

bool sd_name_ok(const char *name, size_t max)
{
	size_t len = strnlen(name, max + 1);

	if (len == 0 || len > max || name[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	return true;
}

int sd_fsync(int fd)
{
	while (fsync(fd))
		if (errno != EINTR)
			return sd_errno();
	return 0;
}

static atomic_bool sd_caching;

void sd_set_caching(void)
{
	atomic_store(&sd_caching, true);
}

/*
 * Network file systems may cache the attributes of a directory and with them
 * its contents; asking for fresh ones makes them look at the server again.
 */
static int sd_refresh(int dir)
{
	struct statx stx;

	if (!atomic_load(&sd_caching))
		return 0;
	if (statx(dir, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_CTIME,
		  &stx))
		return sd_errno();
	return 0;
}

int sd_open_dir(int parent, const char *name)
{
	int fd = openat(parent, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return sd_errno();
	ret = sd_refresh(fd);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

/*
 * The parent is synced even if the directory was there: who made it may not
 * have come to that yet, and we are about to build on it.
 */
int sd_make_dir(int parent, const char *name)
{
	int ret;

	if (mkdirat(parent, name, 0700) && errno != EEXIST)
		return sd_errno();
	ret = sd_fsync(parent);
	if (ret)
		return ret;
	return sd_open_dir(parent, name);
}

int sd_stat(int dir, const char *name, struct sd_stat *st)
{
	struct statx stx;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC,
		  STATX_BASIC_STATS, &stx))
		return sd_errno();
	st->ino = stx.stx_ino;
	st->size = stx.stx_size;
	st->nlink = stx.stx_nlink;
	st->mode = stx.stx_mode;
	return 0;
}

/* That it is gone already is as good. */
int sd_unlink(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) && errno != ENOENT)
		return sd_errno();
	return 0;
}

struct sd_names {
	char **name;
	size_t count, cap;
};

static void sd_names_free(struct sd_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct sd_names){0};
}

static int sd_names_add(struct sd_names *names, const char *name)
{
	if (names->count == names->cap) {
		size_t cap = names->cap ? 2 * names->cap : 32;
		char **list = realloc(names->name, cap * sizeof(*list));

		if (!list)
			return -ENOMEM;
		names->name = list;
		names->cap = cap;
	}
	names->name[names->count] = strdup(name);
	if (!names->name[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

/*
 * Plain getdents64(2), for readdir(3) asks things that cost a round trip each
 * on a network file system.  @dir's position is moved: it is one thread's.
 */
static int sd_list(int dir, struct sd_names *names)
{
	char buf[16384] __attribute__((aligned(8)));
	int ret = sd_refresh(dir);
	ssize_t len = 1;

	if (!ret && lseek(dir, 0, SEEK_SET) < 0)
		ret = sd_errno();
	while (!ret && len > 0) {
		len = getdents64(dir, buf, sizeof(buf));
		if (len < 0)
			return sd_errno();
		for (ssize_t at = 0; !ret && at < len;) {
			const struct dirent64 *entry = (void *)(buf + at);
			const char *name = entry->d_name;

			at += entry->d_reclen;
			if (strcmp(name, ".") && strcmp(name, ".."))
				ret = sd_names_add(names, name);
		}
	}
	return ret;
}

/*
 * Calls @fn for each name in @dir until it returns something else than 0, and
 * returns that.  A directory on 9p cannot be read while an entry goes away:
 * the server looks at each entry, and what it does not find any more is the
 * answer to all.  So the names are collected first, from the start again if
 * need be.  (That the directory itself is gone is found by opening it.)
 */
int sd_each(int dir, int (*fn)(void *arg, const char *name), void *arg)
{
	struct sd_names names = {0};
	int ret = -ENOENT;

	for (int looks = 0; ret == -ENOENT && looks < SD_LIST_LOOKS; looks++) {
		sd_names_free(&names);
		ret = sd_list(dir, &names);
	}
	for (size_t i = 0; !ret && i < names.count; i++)
		ret = fn(arg, names.name[i]);
	sd_names_free(&names);
	return ret;
}

static int sd_read_all(int fd, char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, buf + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sd_errno();
		if (n == 0)
			return -EIO;
		done += n;
	}
	return 0;
}

static int sd_read_fd(int fd, size_t max, char **str, size_t *len)
{
	struct stat st;
	char *buf;
	int ret;

	if (fstat(fd, &st))
		return sd_errno();
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	buf = malloc(st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	ret = sd_read_all(fd, buf, st.st_size);
	if (ret) {
		free(buf);
		return ret;
	}
	buf[st.st_size] = '\0';
	*str = buf;
	*len = st.st_size;
	return 0;
}

/*
 * Reads a file that never changes once it has its name.  O_NONBLOCK is for
 * the fifo that somebody may have put there.
 */
int sd_read_file(int dir, const char *name, size_t max, char **str, size_t *len)
{
	int fd = openat(dir, name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : sd_errno();
	ret = sd_read_fd(fd, max, str, len);
	close(fd);
	return ret;
}

/*
 * ESTALE is how NFS says that another client replaced the file after we had
 * looked up its name.
 */
int sd_read_small(int dir, const char *name, size_t max, char **str,
		  size_t *len)
{
	int ret = -ESTALE;

	for (int try = 0; ret == -ESTALE && try < 16; try++)
		ret = sd_read_file(dir, name, max, str, len);
	return ret == -EFBIG ? -EBADMSG : ret;
}

static int sd_write_all(int fd, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sd_errno();
		if (n == 0)
			return -EIO;
		done += n;
	}
	return 0;
}

static int sd_tmp_create(struct store *store, int dir, uint64_t target,
			 struct sd_tmp *tmp)
{
	for (int try = 0; try < 1000; try++) {
		unsigned long long count = atomic_fetch_add(&store->counter, 1);
		int n = snprintf(tmp->name, sizeof(tmp->name),
				 ".tmp.%s.%016" PRIx64 ".%llu", store->gateway,
				 store->incarnation, count);
		int fd;

		if (target)
			snprintf(tmp->name + n, sizeof(tmp->name) - n,
				 ".v%020" PRIu64, target);
		fd = openat(dir, tmp->name,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				    O_CLOEXEC,
			    0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return sd_errno();
	}
	return -EIO;
}

static int sd_tmp_put(struct store *store, int dir, uint64_t target, bool sync,
		      const char *data, size_t len, struct sd_tmp *tmp)
{
	int fd = sd_tmp_create(store, dir, target, tmp);
	struct stat st;
	int ret;

	if (fd < 0)
		return fd;
	ret = sd_write_all(fd, data, len);
	if (!ret && sync)
		ret = sd_fsync(fd);
	if (!ret && fstat(fd, &st))
		ret = sd_errno();
	if (close(fd) && errno != EINTR && !ret)
		ret = sd_errno();
	if (ret)
		sd_unlink(dir, tmp->name);
	else
		tmp->ino = st.st_ino;
	return ret;
}

/*
 * Writes a temporary file and syncs it.  If it is to become a version, its
 * name says which (@target, else 0): see "removal" in store_dir.c.  It is
 * closed before it gets linked: NFS would only rename an open file when
 * somebody removes it.
 */
int sd_tmp_write(struct store *store, int dir, uint64_t target,
		 const char *data, size_t len, struct sd_tmp *tmp)
{
	return sd_tmp_put(store, dir, target, true, data, len, tmp);
}

int sd_tmp_write_lazy(struct store *store, int dir, const char *data,
		      size_t len, struct sd_tmp *tmp)
{
	return sd_tmp_put(store, dir, 0, false, data, len, tmp);
}

bool sd_parse_u64(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned int digit = *p - '0';

		if (n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*text = p;
	*value = n;
	return true;
}

void sd_version_name(char name[SD_VERSION_CAP], uint64_t seq)
{
	snprintf(name, SD_VERSION_CAP, "v%020" PRIu64, seq);
}

/* The version that a file name stands for, 0 if it is not one. */
uint64_t sd_version_seq(const char *name)
{
	const char *digits = name + 1;
	uint64_t seq;

	if (name[0] != 'v' || strlen(name) != SD_VERSION_CAP - 1)
		return 0;
	if (!sd_parse_u64(&digits, &seq) || *digits)
		return 0;
	return seq;
}

/* The version that a temporary file was meant for, 0 if for none. */
uint64_t sd_tmp_target(const char *name)
{
	size_t len = strlen(name);

	if (strncmp(name, ".tmp.", 5) || len < 5 + SD_VERSION_CAP)
		return 0;
	name += len - SD_VERSION_CAP;
	return *name == '.' ? sd_version_seq(name + 1) : 0;
}

/*
 * Is it a left-over of this gateway?  Not if the incarnation is ours, for
 * then it is in use.  The gateway's name may have dots in it, so all that
 * follows has to fit, else "a" would clean up after "a.b".
 */
bool sd_tmp_is_ours(const struct store *store, const char *name)
{
	size_t len = strlen(store->gateway);
	uint64_t count;
	char own[17];

	if (strncmp(name, ".tmp.", 5) || strncmp(name + 5, store->gateway, len))
		return false;
	name += 5 + len;
	if (name[0] != '.' || strspn(name + 1, "0123456789abcdef") != 16)
		return false;
	snprintf(own, sizeof(own), "%016" PRIx64, store->incarnation);
	if (name[17] != '.' || !strncmp(name + 1, own, 16))
		return false;
	name += 18;
	if (!sd_parse_u64(&name, &count))
		return false;
	return !*name || (*name == '.' && sd_version_seq(name + 1));
}

struct sd_cleaner {
	const struct store *store;
	int dir;
};

static int sd_clean_entry(void *arg, const char *name)
{
	struct sd_cleaner *cleaner = arg;

	if (sd_tmp_is_ours(cleaner->store, name))
		sd_unlink(cleaner->dir, name);
	return 0;
}

/*
 * Removes the left-overs of this gateway.  They do no harm, so failing to do
 * so is no error.
 */
void sd_clean_dir(const struct store *store, int dir)
{
	struct sd_cleaner cleaner = {store, dir};

	sd_each(dir, sd_clean_entry, &cleaner);
}
