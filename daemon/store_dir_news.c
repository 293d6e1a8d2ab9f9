// SPDX-License-Identifier: GPL-2.0-only
/*
 * News from one gateway to another: empty files in gw/<GATEWAY>/in.
 *
 * They are a hint and need not survive a crash: a gateway that starts reads
 * every string anyway.  The file is removed before the news is told, so news
 * that arrives meanwhile makes a new file; announcing finds the file, or
 * makes it, and both come before the removal that tells it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store_dir_int.h"

enum {
	SD_POLL_BUSY_MS = 5,
	SD_POLL_IDLE_MS = 20,
	SD_BUSY_MS = 200,
	/* Longer than a tick of any file system's time stamps. */
	SD_TICK_MS = 100,
	SD_READ_ANYWAY_MS = 1000,
};

static long long sd_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int sd_inbox_open(struct store *store, const char *gateway)
{
	int dir = sd_open_dir(store->gw, gateway);
	int inbox;

	if (dir < 0)
		return dir;
	inbox = sd_open_dir(dir, "in");
	close(dir);
	return inbox;
}

static int sd_inbox_make(struct store *store, const char *gateway)
{
	int ret = 0;
	int dir;

	if (mkdirat(store->gw, gateway, 0700) && errno != EEXIST)
		return sd_errno();
	dir = sd_open_dir(store->gw, gateway);
	if (dir < 0)
		return dir;
	if (mkdirat(dir, "in", 0700) && errno != EEXIST)
		ret = sd_errno();
	close(dir);
	return ret;
}

/* Opens the inbox of @gateway, which need not have been here yet. */
int sd_inbox(struct store *store, const char *gateway)
{
	int inbox = sd_inbox_open(store, gateway);
	int ret;

	if (inbox != -ENOENT)
		return inbox;
	ret = sd_inbox_make(store, gateway);
	if (ret)
		return ret;
	return sd_inbox_open(store, gateway);
}

/*
 * On 9p, a file that is removed between its making and its opening makes the
 * call fail: but then the news has been read, perhaps too early for ours.
 */
static int sd_put_mail(struct store *store, const char *lu, const char *gateway)
{
	int inbox = sd_inbox(store, gateway);
	int fd, ret = 0;

	if (inbox < 0)
		return inbox;
	fd = openat(inbox, lu,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
	if (fd < 0)
		ret = sd_errno();
	else
		close(fd);
	close(inbox);
	return ret;
}

/*
 * Carries no acknowledgment: to write it here takes as long as to record it,
 * and whoever is told looks here no sooner.
 */
int sd_announce(struct store *store, const char *lu, const char *gateway,
		const struct store_message *message)
{
	int ret = -ENOENT;

	if (message)
		return -EOPNOTSUPP;
	if (!sd_name_ok(lu, SD_LU_MAX) || !sd_name_ok(gateway, SD_GATEWAY_MAX))
		return -EINVAL;
	for (int looks = 0; ret == -ENOENT && looks < SD_LIST_LOOKS; looks++)
		ret = sd_put_mail(store, lu, gateway);
	/* Who tells news soon gets some back. */
	atomic_store(&store->active, sd_now_ms());
	return ret;
}

struct sd_mail {
	int inbox;
	store_news_fn *fn;
	void *arg;
	int told;
	int ret; /* of what could not be removed */
};

/* Removed first, told then: what arrives in between is told once more. */
static int sd_mail_tell(void *arg, const char *name)
{
	struct sd_mail *mail = arg;

	if (!sd_name_ok(name, SD_LU_MAX))
		return 0;
	if (!unlinkat(mail->inbox, name, 0)) {
		mail->fn(mail->arg, name, NULL);
		mail->told++;
	} else if (errno != ENOENT && errno != EISDIR) {
		mail->ret = sd_errno();
	}
	return 0;
}

/*
 * True if the inbox need not be read: it has not changed since it was read,
 * and that was not within the same tick of the file system's clock, in which a
 * later change leaves no trace.  One system call, for an idle gateway makes
 * it many times a second.  *@ret is 0 or a negative errno.
 */
static bool sd_unchanged(struct store *store, long long now, int *ret)
{
	struct statx stx;

	if (statx(store->inbox.fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC,
		  STATX_MTIME | STATX_NLINK, &stx)) {
		*ret = sd_errno();
		return true;
	}
	/* Somebody removed it: what arrives now is in another one. */
	if (!stx.stx_nlink) {
		*ret = -ESTALE;
		return true;
	}
	if (memcmp(&stx.stx_mtime, &store->inbox.changed,
		   sizeof(stx.stx_mtime))) {
		store->inbox.changed = stx.stx_mtime;
		store->inbox.seen = now;
	}
	return now - store->inbox.seen > SD_TICK_MS &&
	       now - store->inbox.read < SD_READ_ANYWAY_MS;
}

static int sd_inbox_read(struct store *store, store_news_fn *fn, void *arg)
{
	struct sd_mail mail = {
		.inbox = store->inbox.fd,
		.fn = fn,
		.arg = arg,
	};
	int ret = sd_each(store->inbox.fd, sd_mail_tell, &mail);

	if (ret)
		return ret;
	return mail.told ? mail.told : mail.ret;
}

static int sd_news_once(struct store *store, store_news_fn *fn, void *arg)
{
	long long now = sd_now_ms();
	int ret = 0;

	if (store->inbox.fd < 0) {
		store->inbox.fd = sd_inbox(store, store->gateway);
		if (store->inbox.fd < 0)
			return store->inbox.fd;
		store->inbox.seen = now;
	}
	if (!sd_unchanged(store, now, &ret)) {
		store->inbox.read = now;
		ret = sd_inbox_read(store, fn, arg);
	}
	if (ret < 0) { /* opened anew at the next look */
		close(store->inbox.fd);
		store->inbox.fd = -1;
	}
	return ret == -ESTALE ? 0 : ret;
}

/* Sleeps until the next look into the inbox; true if wake() ended it. */
static bool sd_news_sleep(struct store *store, long long now, long long left)
{
	struct pollfd pfd = {.fd = store->wake, .events = POLLIN};
	long long nap = SD_POLL_IDLE_MS;
	uint64_t count;

	if (now - atomic_load(&store->active) < SD_BUSY_MS)
		nap = SD_POLL_BUSY_MS;
	if (left >= 0 && left < nap)
		nap = left;
	if (poll(&pfd, 1, nap) <= 0)
		return false;
	return read(store->wake, &count, sizeof(count)) == sizeof(count);
}

/* A negative @timeout_ms waits for ever. */
int sd_news(struct store *store, int timeout_ms, store_news_fn *fn, void *arg)
{
	long long end = sd_now_ms() + timeout_ms;

	for (;;) {
		int ret = sd_news_once(store, fn, arg);
		long long now = sd_now_ms();

		if (ret > 0)
			atomic_store(&store->active, now);
		if (ret)
			return ret;
		if (timeout_ms >= 0 && now >= end)
			return 0;
		if (sd_news_sleep(store, now, timeout_ms < 0 ? -1 : end - now))
			return 0;
	}
}

void sd_wake(struct store *store)
{
	uint64_t one = 1;

	/* Full means that it is awake already. */
	if (write(store->wake, &one, sizeof(one)) < 0)
		return;
}
