// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gateways in the directory store: heartbeats, and the marks of those that
 * were evicted or fenced.  Why this is right is argued in store_dir.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_dir_int.h"

static const char sd_beat_name[] = "beat";
static const char sd_began_name[] = "began";
static const char sd_evicted[] = "evicted.";
static const char sd_fenced[] = "fenced.";

enum {
	SD_BEAT_MAX = 160, /* bytes of a heartbeat's file */
	SD_MARK_DIGITS = 20,
	SD_MARK_CAP = 32, /* a mark's name, with its NUL */
};

/* Heartbeats */

static int sd_beat_format(char text[SD_BEAT_MAX], const struct store_beat *beat)
{
	int len = snprintf(text, SD_BEAT_MAX,
			   "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " ",
			   beat->term, beat->incarnation, beat->count,
			   beat->lease_ms);

	for (int i = 0; i < STORE_BOOT_LEN; i++)
		len += snprintf(text + len, SD_BEAT_MAX - len, "%02x",
				beat->boot[i]);
	text[len++] = '\n';
	return len;
}

static int sd_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool sd_parse_field(const char **text, uint64_t *value)
{
	return sd_parse_u64(text, value) && *(*text)++ == ' ';
}

static bool sd_beat_parse(const char *text, size_t len, struct store_beat *beat)
{
	const char *p = text;
	uint64_t lease;

	if (!sd_parse_field(&p, &beat->term) || !beat->term ||
	    !sd_parse_field(&p, &beat->incarnation) ||
	    !sd_parse_field(&p, &beat->count) || !sd_parse_field(&p, &lease) ||
	    lease > UINT32_MAX)
		return false;
	beat->lease_ms = lease;
	for (int i = 0; i < STORE_BOOT_LEN; i++, p += 2) {
		int high = sd_hex(p[0]);
		int low = high < 0 ? -1 : sd_hex(p[1]);

		if (low < 0)
			return false;
		beat->boot[i] = high << 4 | low;
	}
	return *p == '\n' && p + 1 == text + len;
}

static int sd_beat_file(int dir, const char *name, struct store_beat *beat)
{
	char *text;
	size_t len;
	int ret = sd_read_small(dir, name, SD_BEAT_MAX, &text, &len);

	if (ret)
		return ret;
	*beat = (struct store_beat){0};
	if (!sd_beat_parse(text, len, beat))
		ret = -EBADMSG;
	free(text);
	return ret;
}

/*
 * -ENOENT: there is none.  -EBADMSG: there is one, which nobody can read.
 * What a power failure made of the last one does not matter as long as the
 * first of its term and incarnation is there.
 */
static int sd_beat_read(int dir, struct store_beat *beat)
{
	int ret = sd_beat_file(dir, sd_beat_name, beat);
	int began;

	if (ret != -ENOENT && ret != -EBADMSG)
		return ret;
	began = sd_beat_file(dir, sd_began_name, beat);
	return began == -ENOENT ? ret : began;
}

static int sd_beat_put(struct store *store, int dir, const char *name,
		       const struct store_beat *beat, bool sync)
{
	char text[SD_BEAT_MAX];
	struct sd_tmp tmp;
	int len = sd_beat_format(text, beat);
	int ret;

	if (sync)
		ret = sd_tmp_write(store, dir, 0, text, len, &tmp);
	else
		ret = sd_tmp_write_lazy(store, dir, text, len, &tmp);
	if (ret)
		return ret;
	if (renameat(dir, tmp.name, dir, name)) {
		ret = sd_errno();
		sd_unlink(dir, tmp.name);
	}
	return ret;
}

/* Marks */

static void sd_mark_name(char name[SD_MARK_CAP], const char *kind,
			 uint64_t term)
{
	snprintf(name, SD_MARK_CAP, "%s%020" PRIu64, kind, term);
}

/* False if it is not a mark of @kind; 0 in @term if it is a broken one. */
static bool sd_mark_parse(const char *name, const char *kind, uint64_t *term)
{
	size_t len = strlen(kind);
	const char *digits = name + len;

	if (strncmp(name, kind, len))
		return false;
	if (strlen(digits) != SD_MARK_DIGITS || !sd_parse_u64(&digits, term) ||
	    *digits)
		*term = 0;
	return true;
}

/* The newest of each kind. */
struct sd_marks {
	uint64_t evicted;
	uint64_t fenced;
	bool broken; /* there is one that we do not understand */
};

static int sd_marks_entry(void *arg, const char *name)
{
	struct sd_marks *marks = arg;
	uint64_t term, *newest;

	if (sd_mark_parse(name, sd_evicted, &term))
		newest = &marks->evicted;
	else if (sd_mark_parse(name, sd_fenced, &term))
		newest = &marks->fenced;
	else
		return 0;
	if (!term)
		marks->broken = true;
	if (term > *newest)
		*newest = term;
	return 0;
}

static int sd_marks_read(int dir, struct sd_marks *marks)
{
	*marks = (struct sd_marks){0};
	return sd_each(dir, sd_marks_entry, marks);
}

struct sd_sweep {
	int dir;
	const struct sd_marks *newest; /* and these are durable */
};

static int sd_sweep_entry(void *arg, const char *name)
{
	const struct sd_sweep *sweep = arg;
	uint64_t term;

	if ((sd_mark_parse(name, sd_evicted, &term) && term &&
	     term < sweep->newest->evicted) ||
	    (sd_mark_parse(name, sd_fenced, &term) && term &&
	     term < sweep->newest->fenced))
		sd_unlink(sweep->dir, name);
	return 0;
}

static int sd_mark(struct store *store, const char *gateway, const char *kind,
		   uint64_t term)
{
	char name[SD_MARK_CAP];
	int dir, fd, ret = 0;

	if (!sd_name_ok(gateway, SD_GATEWAY_MAX) || !term)
		return -EINVAL;
	dir = sd_make_dir(store->gw, gateway);
	if (dir < 0)
		return dir;
	sd_mark_name(name, kind, term);
	fd = openat(dir, name,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		    0600);
	if (fd < 0)
		ret = sd_errno();
	else
		close(fd);
	/* Also if it was there: who made it may not have come to that yet. */
	if (!ret)
		ret = sd_fsync(dir);
	close(dir);
	return ret;
}

int sd_evict(struct store *store, const char *gateway, uint64_t term)
{
	return sd_mark(store, gateway, sd_evicted, term);
}

int sd_fence(struct store *store, const char *gateway, uint64_t term)
{
	return sd_mark(store, gateway, sd_fenced, term);
}

/* Our own heartbeat */

static bool sd_beat_same(const struct store_beat *a, const struct store_beat *b)
{
	return a->term == b->term && a->incarnation == b->incarnation &&
	       a->count == b->count && a->lease_ms == b->lease_ms &&
	       !memcmp(a->boot, b->boot, sizeof(a->boot));
}

static void sd_beat_know(struct store *store, const struct store_beat *beat)
{
	pthread_mutex_lock(&store->beat.lock);
	store->beat.known = *beat;
	pthread_mutex_unlock(&store->beat.lock);
}

/* gateways() read ours; what counts is the reading before the first beat. */
static void sd_beat_seen(struct store *store, const struct store_beat *beat)
{
	pthread_mutex_lock(&store->beat.lock);
	if (!store->beat.begun)
		store->beat.known = *beat;
	pthread_mutex_unlock(&store->beat.lock);
}

static struct store_beat sd_beat_known(struct store *store)
{
	struct store_beat known;

	pthread_mutex_lock(&store->beat.lock);
	store->beat.begun = true;
	known = store->beat.known;
	pthread_mutex_unlock(&store->beat.lock);
	return known;
}

/* Is it ours to replace?  If not, the next call may find that it stands. */
static int sd_beat_check(struct store *store, int dir,
			 const struct store_beat *known)
{
	struct store_beat there;
	int ret = sd_beat_read(dir, &there);

	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (there.incarnation == store->incarnation ||
	    sd_beat_same(&there, known))
		return 0;
	sd_beat_know(store, &there);
	return -ESTALE;
}

/*
 * The first heartbeat of a term or incarnation: it, and the marks that were
 * read after it, last.  Then of those only the newest are needed.
 */
static int sd_beat_settle(int dir, const struct sd_marks *marks)
{
	struct sd_sweep sweep = {dir, marks};
	int ret = sd_fsync(dir);

	if (!ret)
		sd_each(dir, sd_sweep_entry, &sweep);
	return ret;
}

static int sd_beat_in(struct store *store, int dir,
		      const struct store_beat *beat, bool first,
		      uint64_t *evicted)
{
	struct sd_marks marks;
	int ret = 0;

	if (first)
		ret = sd_beat_put(store, dir, sd_began_name, beat, true);
	if (!ret)
		ret = sd_beat_put(store, dir, sd_beat_name, beat, first);
	if (!ret)
		ret = sd_marks_read(dir, &marks);
	if (!ret && first)
		ret = sd_beat_settle(dir, &marks);
	if (!ret && marks.broken)
		ret = -EBADMSG;
	if (!ret)
		*evicted = marks.evicted;
	return ret;
}

static int sd_beat_locked(struct store *store, const struct store_beat *beat,
			  uint64_t *evicted)
{
	struct store_beat known = sd_beat_known(store);
	/* Of a heartbeat that failed nobody knows whether it will last. */
	bool first = !store->beat.lasting || known.term != beat->term ||
		     known.incarnation != beat->incarnation;
	int dir = first ? sd_make_dir(store->gw, store->gateway)
			: sd_open_dir(store->gw, store->gateway);
	int ret;

	store->beat.lasting = false;
	if (dir < 0)
		return dir;
	ret = sd_beat_check(store, dir, &known);
	if (!ret)
		ret = sd_beat_in(store, dir, beat, first, evicted);
	close(dir);
	if (ret)
		return ret;
	store->beat.lasting = true;
	sd_beat_know(store, beat);
	return 0;
}

int sd_beat(struct store *store, const struct store_beat *beat,
	    uint64_t *evicted)
{
	int ret;

	if (!beat->term || beat->incarnation != store->incarnation)
		return -EINVAL;
	pthread_mutex_lock(&store->beat.one);
	ret = sd_beat_locked(store, beat, evicted);
	pthread_mutex_unlock(&store->beat.one);
	return ret;
}

/* All gateways */

struct sd_register {
	struct store *store;
	struct store_gateway *list;
	size_t count, cap;
};

static int sd_register_add(struct sd_register *reg,
			   const struct store_gateway *gateway)
{
	if (reg->count == reg->cap) {
		size_t cap = reg->cap ? 2 * reg->cap : 8;
		struct store_gateway *list;

		list = realloc(reg->list, cap * sizeof(*list));
		if (!list)
			return -ENOMEM;
		reg->list = list;
		reg->cap = cap;
	}
	reg->list[reg->count++] = *gateway;
	return 0;
}

/* The marks first: so the heartbeat is one of after those that we show. */
static int sd_register_read(int dir, struct store_gateway *gateway)
{
	struct sd_marks marks;
	int ret = sd_marks_read(dir, &marks);

	if (ret)
		return ret == -ENOENT ? -ESTALE : ret;
	gateway->evicted = marks.evicted;
	gateway->fenced = marks.fenced;
	ret = sd_beat_read(dir, &gateway->beat);
	gateway->beaten = !ret && !marks.broken;
	if (!gateway->beaten)
		gateway->beat = (struct store_beat){0};
	if (ret == -EBADMSG)
		return 0;
	if (ret == -ENOENT && (marks.evicted || marks.fenced || marks.broken))
		return 0;
	return ret;
}

static bool sd_is_gone(const struct store *store, const char *gateway)
{
	struct sd_stat st;

	return sd_stat(store->gw, gateway, &st) == -ENOENT;
}

/*
 * What is no directory is no gateway.  Trouble with the file system, on the
 * other hand, spoils all: a gateway that we did not look at would seem silent.
 */
static int sd_register_entry(void *arg, const char *name)
{
	struct sd_register *reg = arg;
	struct store_gateway gateway = {0};
	int dir, ret;

	if (!sd_name_ok(name, SD_GATEWAY_MAX))
		return 0;
	dir = sd_open_dir(reg->store->gw, name);
	if (dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP)
		return 0;
	if (dir < 0)
		return dir;
	strcpy(gateway.gateway, name);
	ret = sd_register_read(dir, &gateway);
	close(dir);
	if (ret == -ENOENT || (ret == -ESTALE && sd_is_gone(reg->store, name)))
		return 0; /* it never beat, or has been removed meanwhile */
	if (ret)
		return ret;
	if (gateway.beaten && !strcmp(name, reg->store->gateway))
		sd_beat_seen(reg->store, &gateway.beat);
	return sd_register_add(reg, &gateway);
}

static int sd_by_name(const void *a, const void *b)
{
	const struct store_gateway *x = a, *y = b;

	return strcmp(x->gateway, y->gateway);
}

int sd_gateways(struct store *store, struct store_gateway **list, size_t *count)
{
	struct sd_register reg = {.store = store};
	int dir = sd_open_dir(store->root, "gw");
	int ret;

	/* A descriptor of our own, for its position moves. */
	if (dir < 0)
		return dir;
	ret = sd_each(dir, sd_register_entry, &reg);
	close(dir);
	if (ret) {
		free(reg.list);
		return ret;
	}
	if (reg.count)
		qsort(reg.list, reg.count, sizeof(*reg.list), sd_by_name);
	*list = reg.list;
	*count = reg.count;
	return 0;
}
