// SPDX-License-Identifier: GPL-2.0-only
/*
 * Membership in the directory store.
 *
 * lu/<LU>/m/<GATEWAY>/state holds "incarnation installed seen term ended\n":
 * with the newest version that the gateway ever acknowledged, for when it
 * joins again, it has installed nothing, but what it saw was there; with the
 * term in which it joined; and with the version up to which it has ended what
 * had to end.  (Without seen, term, ended: written by an earlier release, which
 * acknowledged only then.  Terms begin with 1, so no eviction makes a record
 * without one void.)
 * Whoever swaps must not overlook a member, so the name that readdir(3) has to
 * find must not change while the gateway is a member: POSIX leaves it open
 * whether an entry that rename(2) replaces is returned by a readdir(3) that is
 * under way, and on tmpfs with many entries it really was missed.  Hence a
 * directory for each member, made once, and the file that gets replaced
 * within it, where it is found by name: of that, POSIX promises that it is
 * there at every moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_dir_int.h"

static const char sd_record[] = "state";

static pthread_mutex_t *sd_member_lock(struct store *store, const char *lu)
{
	unsigned int hash = 5381;

	for (; *lu; lu++)
		hash = hash * 33 + (unsigned char)*lu;
	return &store->member[hash % SD_LOCKS];
}

/* What is in a member's file. */
struct sd_record {
	uint64_t incarnation;
	uint64_t installed;
	uint64_t seen;
	uint64_t term; /* 0: written by an earlier release */
	uint64_t ended;
};

static int sd_record_write(struct store *store, int own,
			   const struct sd_record *record)
{
	char text[SD_RECORD_MAX];
	struct sd_tmp tmp;
	int ret, len;

	len = snprintf(text, sizeof(text),
		       "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		       " %" PRIu64 "\n",
		       store->incarnation, record->installed, record->seen,
		       record->term, record->ended);
	ret = sd_tmp_write(store, own, 0, text, len, &tmp);
	if (ret)
		return ret;
	if (renameat(own, tmp.name, own, sd_record)) {
		ret = sd_errno();
		sd_unlink(own, tmp.name);
		return ret;
	}
	return sd_fsync(own);
}

/* Another number, if there is one more. */
static bool sd_record_more(const char **text, uint64_t *value)
{
	if (**text != ' ')
		return true;
	(*text)++;
	return sd_parse_u64(text, value);
}

static bool sd_record_parse(const char *text, size_t len,
			    struct sd_record *record)
{
	const char *p = text;

	if (!sd_parse_u64(&p, &record->incarnation) || *p++ != ' ')
		return false;
	if (!sd_parse_u64(&p, &record->installed))
		return false;
	record->seen = record->installed;
	record->term = 0;
	record->ended = record->installed;
	return sd_record_more(&p, &record->seen) &&
	       sd_record_more(&p, &record->term) &&
	       sd_record_more(&p, &record->ended) && *p == '\n' &&
	       p + 1 == text + len;
}

/* -EBADMSG if it is not what we write. */
static int sd_record_read(int own, struct sd_record *record)
{
	char *text;
	size_t len;
	int ret = sd_read_small(own, sd_record, SD_RECORD_MAX, &text, &len);

	if (ret)
		return ret;
	if (!sd_record_parse(text, len, record))
		ret = -EBADMSG;
	free(text);
	return ret;
}

static int sd_open_members(struct store *store, const char *lu)
{
	int dir, members;

	if (!sd_name_ok(lu, SD_LU_MAX))
		return -EINVAL;
	dir = sd_open_dir(store->lu, lu);
	if (dir < 0)
		return dir;
	members = sd_open_dir(dir, "m");
	close(dir);
	return members;
}

/*
 * Makes and opens our member directory, durably all the way.  What an earlier
 * incarnation was about to store goes now and not when the store is opened:
 * with many logical units that would be a long walk.
 */
static int sd_make_own(struct store *store, const char *lu)
{
	int dir, members, own;

	dir = sd_make_dir(store->lu, lu);
	if (dir < 0)
		return dir;
	sd_clean_dir(store, dir);
	members = sd_make_dir(dir, "m");
	close(dir);
	if (members < 0)
		return members;
	own = sd_make_dir(members, store->gateway);
	close(members);
	if (own >= 0)
		sd_clean_dir(store, own);
	return own;
}

/* Replaces whatever an earlier incarnation left, also a broken record. */
static int sd_join_own(struct store *store, int own, uint64_t term)
{
	struct sd_record record = {0};
	int ret = sd_record_read(own, &record);

	if (ret == -EBADMSG || ret == -ENOENT)
		record.seen = 0;
	else if (ret)
		return ret;
	record.installed = 0;
	record.ended = 0;
	record.term = term;
	return sd_record_write(store, own, &record);
}

int sd_join(struct store *store, const char *lu, uint64_t term)
{
	pthread_mutex_t *lock;
	int own, ret;

	if (!sd_name_ok(lu, SD_LU_MAX))
		return -EINVAL;
	lock = sd_member_lock(store, lu);
	pthread_mutex_lock(lock);
	own = sd_make_own(store, lu);
	ret = own < 0 ? own : sd_join_own(store, own, term);
	if (own >= 0)
		close(own);
	pthread_mutex_unlock(lock);
	return ret;
}

static int sd_ack_own(struct store *store, int own, uint64_t term, uint64_t seq,
		      uint64_t ended)
{
	struct sd_record record;
	int ret = sd_record_read(own, &record);

	if (ret)
		return ret;
	if (record.incarnation != store->incarnation || record.term != term)
		return -ESTALE;
	if (seq < record.installed || ended < record.ended || ended > seq)
		return -EINVAL;
	if (seq == record.installed && ended == record.ended)
		return 0;
	record.installed = seq;
	record.ended = ended;
	if (seq > record.seen)
		record.seen = seq;
	return sd_record_write(store, own, &record);
}

/*
 * -ENOENT: we are not a member.  -ESTALE: another incarnation of this
 * gateway is, or we are in another term.  -EINVAL: an installed version does
 * not go back.
 */
int sd_ack(struct store *store, const char *lu, uint64_t term, uint64_t seq,
	   uint64_t ended)
{
	int members = sd_open_members(store, lu);
	pthread_mutex_t *lock;
	int own, ret;

	if (members < 0)
		return members;
	lock = sd_member_lock(store, lu);
	pthread_mutex_lock(lock);
	own = sd_open_dir(members, store->gateway);
	ret = own < 0 ? own : sd_ack_own(store, own, term, seq, ended);
	if (own >= 0)
		close(own);
	pthread_mutex_unlock(lock);
	close(members);
	return ret;
}

static int sd_record_remove(int members, const char *gateway, int own)
{
	int ret = sd_unlink(own, sd_record);

	if (ret && ret != -ENOENT)
		return ret;
	/* Also if it was gone already: that may not have been durable. */
	ret = sd_fsync(own);
	/* An empty directory is no member; losing it is only tidiness. */
	if (!ret)
		unlinkat(members, gateway, AT_REMOVEDIR);
	return ret;
}

static int sd_leave_own(struct store *store, int members, int own)
{
	struct sd_record record;
	int ret = sd_record_read(own, &record);

	if (!ret && record.incarnation != store->incarnation)
		return -ESTALE;
	if (ret && ret != -ENOENT)
		return ret;
	return sd_record_remove(members, store->gateway, own);
}

/* Not being a member is fine; -ESTALE as in sd_ack(). */
int sd_leave(struct store *store, const char *lu)
{
	int members = sd_open_members(store, lu);
	pthread_mutex_t *lock;
	int own, ret;

	if (members < 0)
		return members == -ENOENT ? 0 : members;
	lock = sd_member_lock(store, lu);
	pthread_mutex_lock(lock);
	own = sd_open_dir(members, store->gateway);
	if (own == -ENOENT)
		ret = 0;
	else
		ret = own < 0 ? own : sd_leave_own(store, members, own);
	if (own >= 0)
		close(own);
	pthread_mutex_unlock(lock);
	close(members);
	return ret;
}

/* Also of a record that cannot be read: that is what it is good for. */
int sd_forget(struct store *store, const char *lu, const char *gateway)
{
	int members, own, ret;
	struct sd_stat st;

	if (!sd_name_ok(gateway, SD_GATEWAY_MAX) ||
	    !strcmp(gateway, store->gateway))
		return -EINVAL;
	members = sd_open_members(store, lu);
	if (members < 0)
		return members;
	own = sd_open_dir(members, gateway);
	ret = own < 0 ? own : sd_stat(own, sd_record, &st);
	if (!ret)
		ret = sd_record_remove(members, gateway, own);
	if (own >= 0)
		close(own);
	close(members);
	return ret;
}

struct sd_roll {
	int members;
	struct store_member *list;
	size_t count, cap;
};

static int sd_roll_add(struct sd_roll *roll, const struct store_member *member)
{
	if (roll->count == roll->cap) {
		size_t cap = roll->cap ? 2 * roll->cap : 8;
		struct store_member *list;

		list = realloc(roll->list, cap * sizeof(*list));
		if (!list)
			return -ENOMEM;
		roll->list = list;
		roll->cap = cap;
	}
	roll->list[roll->count++] = *member;
	return 0;
}

/*
 * Vanished, or the empty directory of who has left: skipped.  What we do not
 * understand is an error, for it may be a member that we would overlook.
 */
static int sd_roll_entry(void *arg, const char *name)
{
	struct sd_roll *roll = arg;
	struct store_member member = {0};
	struct sd_record record;
	int own, ret;

	if (name[0] == '.')
		return 0;
	if (!sd_name_ok(name, SD_GATEWAY_MAX))
		return -EBADMSG;
	own = sd_open_dir(roll->members, name);
	if (own == -ENOENT)
		return 0;
	if (own == -ENOTDIR || own == -ELOOP)
		return -EBADMSG;
	if (own < 0)
		return own;
	ret = sd_record_read(own, &record);
	close(own);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	member.incarnation = record.incarnation;
	member.installed = record.installed;
	member.ended = record.ended;
	member.seen = record.seen;
	member.term = record.term;
	strcpy(member.gateway, name);
	return sd_roll_add(roll, &member);
}

static int sd_by_gateway(const void *a, const void *b)
{
	const struct store_member *x = a, *y = b;

	return strcmp(x->gateway, y->gateway);
}

/* -ENOENT: there is no such logical unit. */
int sd_members(struct store *store, const char *lu, struct store_member **list,
	       size_t *count)
{
	struct sd_roll roll = {0};
	int dir, ret;

	if (!sd_name_ok(lu, SD_LU_MAX))
		return -EINVAL;
	dir = sd_open_dir(store->lu, lu);
	if (dir < 0)
		return dir;
	roll.members = sd_open_dir(dir, "m");
	close(dir);
	if (roll.members < 0 && roll.members != -ENOENT)
		return roll.members;
	ret = 0;
	if (roll.members >= 0) {
		ret = sd_each(roll.members, sd_roll_entry, &roll);
		close(roll.members);
	}
	if (ret) {
		free(roll.list);
		return ret;
	}
	if (roll.count)
		qsort(roll.list, roll.count, sizeof(*roll.list), sd_by_gateway);
	*list = roll.list;
	*count = roll.count;
	return 0;
}
