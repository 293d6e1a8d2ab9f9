// SPDX-License-Identifier: GPL-2.0-only
/*
 * Membership in the RADOS store: for each member a key in our object beside the
 * image, member.GATEWAY, with "incarnation term installed ended seen counter".
 * Every change of it compares with what stood there, and as the counter is
 * another one in each, a write that comes late changes nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

static const char sr_member_kind[] = "member";
static const char sr_member_prefix[] = "member.";

enum {
	SR_RECORD_TRIES = 16,
};

struct sr_record {
	uint64_t incarnation;
	uint64_t term;
	uint64_t installed;
	uint64_t ended;
	uint64_t seen;
	uint64_t counter; /* what makes it another one than any before */
};

static int sr_record_make(struct store *store, const struct sr_record *record,
			  struct sr_value *value)
{
	char text[SR_RECORD_MAX];
	uint64_t counter = atomic_fetch_add(&store->counter, 1) + 1;
	int len;

	len = snprintf(text, sizeof(text),
		       "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		       " %" PRIu64 " %" PRIu64,
		       store->incarnation, record->term, record->installed,
		       record->ended, record->seen, counter);
	return sr_value_take(value, text, len);
}

/* -EBADMSG if it is not what we write. */
static int sr_record_parse(const char *text, size_t len,
			   struct sr_record *record)
{
	uint64_t *const fields[] = {
		&record->incarnation, &record->term, &record->installed,
		&record->ended,	      &record->seen, &record->counter,
	};
	const char *p = text;

	for (int i = 0; i < 6; i++) {
		if (i && *p++ != ' ')
			return -EBADMSG;
		if (!sr_parse_u64(&p, fields[i]))
			return -EBADMSG;
	}
	return p == text + len ? 0 : -EBADMSG;
}

/* An image and its place, for a while. */
struct sr_use {
	struct store *store;
	struct sr_image *image;
	struct sr_place *place;
	char key[SR_OID_CAP]; /* of our own member record */
};

static int sr_use_begin(struct sr_use *use, struct store *store, const char *lu,
			bool joining)
{
	int ret = sr_image_get(store, lu, joining, &use->image);

	if (ret)
		return ret;
	use->store = store;
	ret = sr_place_get(store, &use->image->target, &use->place);
	if (ret)
		sr_image_put(store, use->image);
	else
		ret = sr_key(use->key, sr_member_kind, store->gateway);
	return ret;
}

static void sr_use_end(struct sr_use *use)
{
	sr_place_put(use->store, use->place);
	sr_image_put(use->store, use->image);
}

/* Under image->member: what is there now.  No object is no record. */
static int sr_record_read(struct sr_use *use)
{
	struct sr_image *image = use->image;
	const char *const keys[] = {use->key};
	int ret;

	sr_value_free(&image->record);
	ret = sr_read(use->place, image->own, keys, 1, SR_RECORD_MAX,
		      &image->record);
	if (ret == -EFBIG)
		return -EBADMSG;
	return ret == -ENOENT ? 0 : ret;
}

/* Under image->member: -ECANCELED, it was not as we knew. */
static int sr_record_write(struct sr_use *use, const struct sr_record *record,
			   bool must_exist)
{
	struct sr_image *image = use->image;
	const char *const keys[] = {use->key};
	struct sr_value value = {0};
	int ret = sr_record_make(use->store, record, &value);

	if (!ret)
		ret = sr_cas(use->place, image->own, must_exist,
			     &image->record, keys, &value, 1);
	sr_value_free(&image->record);
	if (ret)
		sr_value_free(&value);
	else
		image->record = value;
	return ret;
}

/* Join */

/* Replaces whatever an earlier incarnation left, also a broken record. */
static int sr_join_record(struct sr_use *use, uint64_t term)
{
	struct sr_record record;
	int ret = -ECANCELED;

	for (int i = 0; ret == -ECANCELED && i < SR_RECORD_TRIES; i++) {
		struct sr_value *there = &use->image->record;

		ret = sr_record_read(use);
		/* Too long to be one: it goes, and then there is none. */
		if (ret == -EBADMSG)
			ret = sr_remove_key(use->place, use->image->own,
					    use->key, NULL);
		if (ret)
			return ret;
		if (!there->data ||
		    sr_record_parse(there->data, there->len, &record))
			record.seen = 0;
		record.term = term;
		record.installed = 0;
		record.ended = 0;
		ret = sr_record_write(use, &record, false);
	}
	return ret == -ECANCELED ? -EBUSY : ret;
}

struct sr_twin {
	const struct sr_image *image;
	bool found;
};

static void sr_twin_look(void *arg, struct sr_image *image)
{
	struct sr_twin *twin = arg;

	if (image != twin->image && image->joined &&
	    !strcmp(image->identity, twin->image->identity))
		twin->found = true;
}

/*
 * One gateway has one record: by two names of an image it would acknowledge for
 * one device what the other has not installed.
 */
static int sr_join_first(struct sr_use *use)
{
	struct sr_twin twin = {.image = use->image};

	if (use->image->joined)
		return 0;
	use->image->joined = true;
	sr_images_each(use->store, sr_twin_look, &twin);
	if (!twin.found)
		return 0;
	use->image->joined = false;
	return -EEXIST;
}

int sr_join(struct store *store, const char *lu, uint64_t term)
{
	struct sr_use use;
	int ret = sr_use_begin(&use, store, lu, true);

	if (ret)
		return ret;
	pthread_mutex_lock(&use.image->member);
	ret = sr_join_first(&use);
	/* Whoever serves an image has to be found when it is to be cut off. */
	if (!ret)
		ret = sr_clients_publish(store, use.place);
	if (!ret)
		ret = sr_bump_any(store, use.place, use.image);
	if (!ret)
		ret = sr_home_check(store, use.place, use.image);
	if (!ret)
		ret = sr_cut_join(store, use.image);
	if (!ret)
		ret = sr_join_record(&use, term);
	pthread_mutex_unlock(&use.image->member);
	sr_use_end(&use);
	return ret;
}

/* Ack */

/* Under image->member: no record, or no object for it. */
static int sr_no_member(struct sr_use *use)
{
	return sr_object_gone(use->place, use->image->header) ? -ESTALE
							      : -ENOENT;
}

static int sr_ack_once(struct sr_use *use, uint64_t term, uint64_t seq,
		       uint64_t ended)
{
	struct sr_value *there = &use->image->record;
	struct sr_record record;
	int ret = there->data ? 0 : sr_record_read(use);

	if (!ret && !there->data)
		return sr_no_member(use);
	if (!ret)
		ret = sr_record_parse(there->data, there->len, &record);
	if (ret)
		return ret;
	if (record.incarnation != use->store->incarnation ||
	    record.term != term)
		return -ESTALE;
	if (seq < record.installed || ended < record.ended || ended > seq)
		return -EINVAL;
	record.installed = seq;
	record.ended = ended;
	if (seq > record.seen)
		record.seen = seq;
	return sr_record_write(use, &record, true);
}

/* A refusal by what is known of the record, which may be old. */
static bool sr_ack_again(int ret)
{
	return ret == -ECANCELED || ret == -ENOENT || ret == -ESTALE ||
	       ret == -EINVAL || ret == -EBADMSG;
}

static int sr_ack_locked(struct sr_use *use, uint64_t term, uint64_t seq,
			 uint64_t ended)
{
	for (int i = 0; i < SR_RECORD_TRIES; i++) {
		bool fresh = !use->image->record.data;
		int ret = sr_ack_once(use, term, seq, ended);

		if (!ret)
			return 0;
		sr_value_free(&use->image->record);
		if (!sr_ack_again(ret) || (fresh && ret != -ECANCELED))
			return ret;
	}
	return -EBUSY;
}

int sr_ack(struct store *store, const char *lu, uint64_t term, uint64_t seq,
	   uint64_t ended)
{
	struct sr_use use;
	int ret = sr_use_begin(&use, store, lu, false);

	if (ret)
		return ret;
	pthread_mutex_lock(&use.image->member);
	ret = sr_ack_locked(&use, term, seq, ended);
	pthread_mutex_unlock(&use.image->member);
	sr_use_end(&use);
	return ret;
}

/* Leave */

/* The image's own end takes what we have beside it along. */
static void sr_tidy(struct sr_use *use)
{
	struct store_member *list;
	rados_write_op_t op;
	size_t count;

	if (!sr_object_gone(use->place, use->image->header) ||
	    sr_members(use->store, use->image->lu, &list, &count))
		return;
	free(list);
	if (count)
		return;
	op = rados_create_write_op();
	rados_write_op_remove(op);
	rados_write_op_operate2(op, use->place->io, use->image->own, NULL,
				LIBRADOS_OPERATION_FULL_TRY);
	rados_release_write_op(op);
}

static int sr_leave_locked(struct sr_use *use)
{
	struct sr_value *there = &use->image->record;
	struct sr_record record;
	int ret = -ECANCELED;

	for (int i = 0; ret == -ECANCELED && i < SR_RECORD_TRIES; i++) {
		ret = sr_record_read(use);
		if (ret || !there->data)
			break;
		ret = sr_record_parse(there->data, there->len, &record);
		if (!ret && record.incarnation != use->store->incarnation)
			ret = -ESTALE;
		if (!ret)
			ret = sr_remove_key(use->place, use->image->own,
					    use->key, there);
	}
	sr_value_free(there);
	return ret == -ECANCELED ? -EBUSY : ret;
}

/* Not being a member is fine; -ESTALE as in sr_ack(). */
int sr_leave(struct store *store, const char *lu)
{
	struct sr_use use;
	int ret = sr_use_begin(&use, store, lu, false);

	/* No such image, and it was not one that we know: no member. */
	if (ret)
		return ret == -ENODEV ? 0 : ret;
	pthread_mutex_lock(&use.image->member);
	ret = sr_leave_locked(&use);
	/* Also if it failed: the device is gone. */
	sr_image_left(store, use.image);
	if (!ret)
		sr_tidy(&use);
	pthread_mutex_unlock(&use.image->member);
	if (!ret || ret == -ESTALE)
		sr_image_forget(store, use.image);
	sr_use_end(&use);
	return ret;
}

/* Others */

/* Also of a record that cannot be read: that is what it is good for. */
int sr_forget(struct store *store, const char *lu, const char *gateway)
{
	struct sr_value value = {0};
	const char *keys[1];
	char key[SR_OID_CAP];
	struct sr_use use;
	int ret;

	if (sr_key(key, sr_member_kind, gateway) ||
	    !strcmp(gateway, store->gateway))
		return -EINVAL;
	ret = sr_use_begin(&use, store, lu, false);
	if (ret)
		return ret;
	keys[0] = key;
	ret = sr_read(use.place, use.image->own, keys, 1, SR_STRING_MAX,
		      &value);
	if (!ret && !value.data)
		ret = -ENOENT;
	if (!ret)
		ret = sr_remove_key(use.place, use.image->own, key, NULL);
	if (ret == -ENOENT)
		ret = sr_no_member(&use);
	sr_value_free(&value);
	sr_use_end(&use);
	return ret;
}

struct sr_roll {
	struct store_member *list;
	size_t count, cap;
};

static int sr_roll_add(struct sr_roll *roll, const struct store_member *member)
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

/* What we do not understand may be a member that we would overlook. */
static int sr_roll_entry(void *arg, const char *key, const char *val,
			 size_t len)
{
	const char *gateway = key + sizeof(sr_member_prefix) - 1;
	struct store_member member = {0};
	struct sr_record record;
	char text[SR_RECORD_MAX];
	int ret;

	if (!sr_gateway_ok(gateway) || len >= sizeof(text))
		return -EBADMSG;
	memcpy(text, val, len);
	text[len] = '\0';
	ret = sr_record_parse(text, len, &record);
	if (ret)
		return ret;
	member.incarnation = record.incarnation;
	member.term = record.term;
	member.installed = record.installed;
	member.ended = record.ended;
	member.seen = record.seen;
	strcpy(member.gateway, gateway);
	return sr_roll_add(arg, &member);
}

/* Sorted by name, as keys are.  -ENOENT: there is no such logical unit. */
int sr_members(struct store *store, const char *lu, struct store_member **list,
	       size_t *count)
{
	const char *const prefixes[] = {sr_member_prefix};
	struct sr_roll roll = {0};
	struct sr_use use;
	int ret = sr_use_begin(&use, store, lu, false);

	if (ret)
		return ret;
	ret = sr_each(use.place, use.image->own, prefixes, 1, sr_roll_entry,
		      &roll);
	if (ret == -ENOENT)
		ret = sr_no_member(&use);
	sr_use_end(&use);
	if (ret) {
		free(roll.list);
		return ret;
	}
	*list = roll.list;
	*count = roll.count;
	return 0;
}
