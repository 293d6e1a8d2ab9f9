// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loaded in front of a handler of disks in user-mode Linux (LD_PRELOAD): what
 * it reads is what the disk holds.
 *
 * The gateways share the disk's image through hostfs, whose writes go to the
 * host at once, and whose reads come from this gateway's page cache: that
 * knows nothing of another gateway's writes.  So the pages are dropped before
 * each read; who reads them in again in between has begun after us.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PAGE = 4096,
};

/* Only whole pages are dropped. */
static void drop(int fd, size_t len, off_t offset)
{
	off_t start = offset / PAGE * PAGE;
	off_t end = (offset + (off_t)len + PAGE - 1) / PAGE * PAGE;

	posix_fadvise(fd, start, end - start, POSIX_FADV_DONTNEED);
}

ssize_t pread(int fd, void *buf, size_t len, off_t offset)
{
	static ssize_t (*next)(int fd, void *buf, size_t len, off_t offset);

	if (!next)
		next = dlsym(RTLD_NEXT, "pread");
	drop(fd, len, offset);
	return next(fd, buf, len, offset);
}

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	static ssize_t (*next)(int fd, const struct iovec *iov, int count,
			       off_t offset);
	size_t len = 0;
	int i;

	if (!next)
		next = dlsym(RTLD_NEXT, "preadv");
	for (i = 0; i < count; i++)
		len += iov[i].iov_len;
	drop(fd, len, offset);
	return next(fd, iov, count, offset);
}
