// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gateways in the RADOS store: heartbeats, and the marks of those that were
 * evicted or fenced.  Why this is right is argued in store_rados.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"
#include "store_rados_pools.h"

const char sr_gateways_oid[] = "tcmu_pr_gateways";
static const char sr_beat_kind[] = "beat";
static const char sr_evicted_kind[] = "evicted";
static const char sr_fenced_kind[] = "fenced";

enum {
	SR_MARK_TRIES = 64,
};

/* Heartbeats: "term incarnation count lease boot", as in a directory. */

static int sr_beat_make(const struct store_beat *beat, struct sr_value *value)
{
	char text[SR_RECORD_MAX];
	int len = snprintf(text, sizeof(text),
			   "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " ",
			   beat->term, beat->incarnation, beat->count,
			   beat->lease_ms);

	for (int i = 0; i < STORE_BOOT_LEN; i++)
		len += snprintf(text + len, sizeof(text) - len, "%02x",
				beat->boot[i]);
	return sr_value_take(value, text, len);
}

static int sr_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool sr_field(const char **text, uint64_t *value)
{
	return sr_parse_u64(text, value) && *(*text)++ == ' ';
}

static bool sr_beat_parse(const char *text, size_t len, struct store_beat *beat)
{
	const char *p = text;
	uint64_t lease;

	*beat = (struct store_beat){0};
	if (!sr_field(&p, &beat->term) || !beat->term ||
	    !sr_field(&p, &beat->incarnation) || !sr_field(&p, &beat->count) ||
	    !sr_field(&p, &lease) || lease > UINT32_MAX)
		return false;
	beat->lease_ms = lease;
	for (int i = 0; i < STORE_BOOT_LEN; i++, p += 2) {
		int high = sr_hex(p[0]);
		int low = high < 0 ? -1 : sr_hex(p[1]);

		if (low < 0)
			return false;
		beat->boot[i] = high << 4 | low;
	}
	return p == text + len;
}

/* Marks */

static int sr_mark_once(struct sr_place *place, const char *key,
			const struct sr_mark *mark)
{
	const char *const keys[] = {key};
	struct sr_value old = {0}, new = {0};
	struct sr_mark there = {0};
	int ret = sr_read(place, sr_gateways_oid, keys, 1, SR_MARK_MAX, &old);

	if (ret == -ENOENT)
		ret = 0;
	if (!ret)
		ret = sr_mark_parse(&old, &there);
	if (!ret)
		ret = sr_mark_raise(&there, mark);
	if (ret == 1) {
		ret = sr_mark_print(&there, &new);
		if (!ret)
			ret = sr_cas(place, sr_gateways_oid, false, &old, keys,
				     &new, 1);
	}
	sr_mark_free(&there);
	sr_value_free(&old);
	sr_value_free(&new);
	return ret;
}

/* What an OSD lets read is durable, also if somebody else has written it. */
static int sr_mark(struct store *store, const char *gateway, const char *kind,
		   const struct sr_mark *mark)
{
	char key[SR_OID_CAP];
	struct sr_place *place;
	int ret = sr_key(key, kind, gateway);

	if (ret || !mark->term)
		return -EINVAL;
	ret = sr_place_get(store, &store->home, &place);
	if (ret)
		return ret;
	ret = -ECANCELED;
	for (int i = 0; ret == -ECANCELED && i < SR_MARK_TRIES; i++)
		ret = sr_mark_once(place, key, mark);
	sr_place_put(store, place);
	return ret == -ECANCELED ? -EBUSY : ret;
}

int sr_evict(struct store *store, const char *gateway, uint64_t term)
{
	const struct sr_mark mark = {.term = term, .pools.all = true};

	return sr_mark(store, gateway, sr_evicted_kind, &mark);
}

/* Where it was cut off by us, only in the pools that cut() has waited for. */
int sr_fence(struct store *store, const char *gateway, uint64_t term)
{
	struct sr_mark mark = {.term = term};
	int ret = sr_cut_reached(store, gateway, term, &mark.pools);

	if (ret == -ENOENT) {
		mark.pools.all = true;
		ret = 0;
	}
	if (!ret)
		ret = sr_mark(store, gateway, sr_fenced_kind, &mark);
	sr_mark_free(&mark);
	return ret;
}

/* Our own heartbeat */

/* gateways() read ours; what counts is the reading before the first beat. */
static void sr_beat_seen(struct store *store, const char *val, size_t len)
{
	pthread_mutex_lock(&store->beat.lock);
	if (!store->beat.begun &&
	    sr_value_take(&store->beat.known, val, len))
		sr_value_free(&store->beat.known);
	pthread_mutex_unlock(&store->beat.lock);
}

static int sr_beat_known(struct store *store, struct sr_value *known)
{
	int ret;

	pthread_mutex_lock(&store->beat.lock);
	store->beat.begun = true;
	ret = sr_value_copy(known, &store->beat.known);
	pthread_mutex_unlock(&store->beat.lock);
	return ret;
}

/* Takes @value along. */
static void sr_beat_know(struct store *store, struct sr_value *value)
{
	pthread_mutex_lock(&store->beat.lock);
	sr_value_free(&store->beat.known);
	store->beat.known = *value;
	pthread_mutex_unlock(&store->beat.lock);
	*value = (struct sr_value){0};
}

/*
 * What stands there is not what we know.  0: it is ours to replace all the
 * same, and *@known is what it is.  -ESTALE: it is not, but the next call may
 * find that it stands still.
 */
static int sr_beat_check(struct store *store, struct sr_place *place,
			 const char *key, struct sr_value *known)
{
	const char *const keys[] = {key};
	struct store_beat there;
	int ret;

	sr_value_free(known);
	ret = sr_read(place, sr_gateways_oid, keys, 1, SR_RECORD_MAX, known);
	if (ret == -ENOENT)
		ret = 0;
	if (ret)
		return ret == -EFBIG ? -EBADMSG : ret;
	if (!known->data)
		return 0;
	if (!sr_beat_parse(known->data, known->len, &there))
		return -EBADMSG;
	if (there.incarnation == store->incarnation)
		return 0;
	sr_beat_know(store, known);
	return -ESTALE;
}

/* Writes @value over *@known, or over what is ours. */
static int sr_beat_put(struct store *store, struct sr_place *place,
		       const char *key, struct sr_value *known,
		       const struct sr_value *value)
{
	const char *const keys[] = {key};
	int ret = -ECANCELED;

	for (int i = 0; ret == -ECANCELED && i < SR_MARK_TRIES; i++) {
		if (i) {
			ret = sr_beat_check(store, place, key, known);
			if (ret)
				return ret;
		}
		ret = sr_cas(place, sr_gateways_oid, false, known, keys, value,
			     1);
	}
	return ret == -ECANCELED ? -EBUSY : ret;
}

static int sr_beat_marks(struct store *store, struct sr_place *place,
			 uint64_t *evicted)
{
	char evicted_key[SR_OID_CAP], fenced_key[SR_OID_CAP];
	const char *const keys[] = {evicted_key, fenced_key};
	struct sr_mark marks[2] = {0};
	struct sr_value values[2];
	int ret;

	sr_key(evicted_key, sr_evicted_kind, store->gateway);
	sr_key(fenced_key, sr_fenced_kind, store->gateway);
	ret = sr_read(place, sr_gateways_oid, keys, 2, SR_MARK_MAX, values);
	if (ret)
		return ret == -EFBIG ? -EBADMSG : ret;
	for (int i = 0; i < 2 && !ret; i++)
		ret = sr_mark_parse(&values[i], &marks[i]);
	if (!ret && marks[0].term && !marks[0].pools.all)
		ret = -EBADMSG;
	*evicted = marks[0].term;
	for (int i = 0; i < 2; i++) {
		sr_mark_free(&marks[i]);
		sr_value_free(&values[i]);
	}
	return ret;
}

static int sr_beat_at(struct store *store, struct sr_place *place,
		      const struct store_beat *beat, uint64_t *evicted)
{
	struct sr_value known = {0}, value = {0};
	char key[SR_OID_CAP];
	int ret = sr_key(key, sr_beat_kind, store->gateway);

	if (!ret)
		ret = sr_beat_known(store, &known);
	if (!ret)
		ret = sr_beat_make(beat, &value);
	if (!ret)
		ret = sr_beat_put(store, place, key, &known, &value);
	if (!ret) {
		sr_beat_know(store, &value);
		ret = sr_beat_marks(store, place, evicted);
	}
	sr_value_free(&known);
	sr_value_free(&value);
	return ret;
}

int sr_beat(struct store *store, const struct store_beat *beat,
	    uint64_t *evicted)
{
	struct sr_place *place;
	int ret;

	if (!beat->term || beat->incarnation != store->incarnation)
		return -EINVAL;
	ret = sr_place_get(store, &store->home, &place);
	if (ret)
		return ret;
	pthread_mutex_lock(&store->beat.one);
	ret = sr_beat_at(store, place, beat, evicted);
	pthread_mutex_unlock(&store->beat.one);
	sr_place_put(store, place);
	return ret;
}

/* All gateways */

/* What is not told as it stands there. */
struct sr_extra {
	bool broken; /* one of its marks is */
	struct sr_mark fenced;
};

struct sr_register {
	struct store *store;
	struct store_gateway *list;
	struct sr_extra *extra;
	size_t count, cap;
};

static int sr_register_grow(struct sr_register *reg)
{
	size_t cap = reg->cap ? 2 * reg->cap : 16;
	struct store_gateway *list = realloc(reg->list, cap * sizeof(*list));
	struct sr_extra *extra;

	if (!list)
		return -ENOMEM;
	reg->list = list;
	extra = realloc(reg->extra, cap * sizeof(*extra));
	if (!extra)
		return -ENOMEM;
	reg->extra = extra;
	reg->cap = cap;
	return 0;
}

/* The entry of a gateway, made if need be; a negative errno. */
static int sr_register_at(struct sr_register *reg, const char *gateway)
{
	for (size_t i = 0; i < reg->count; i++)
		if (!strcmp(reg->list[i].gateway, gateway))
			return i;
	if (reg->count == reg->cap && sr_register_grow(reg))
		return -ENOMEM;
	reg->list[reg->count] = (struct store_gateway){0};
	strcpy(reg->list[reg->count].gateway, gateway);
	reg->extra[reg->count] = (struct sr_extra){0};
	return reg->count++;
}

static void sr_register_beat(struct sr_register *reg, int i, const char *val,
			     size_t len)
{
	struct store_gateway *gateway = &reg->list[i];
	char text[SR_RECORD_MAX];

	if (len >= sizeof(text))
		return;
	memcpy(text, val, len);
	text[len] = '\0';
	gateway->beaten = sr_beat_parse(text, len, &gateway->beat);
	if (gateway->beaten && !strcmp(gateway->gateway, reg->store->gateway))
		sr_beat_seen(reg->store, val, len);
}

/* @mark stays as it is if the value is broken. */
static int sr_register_mark(struct sr_register *reg, int i,
			    struct sr_mark *mark, const char *val, size_t len)
{
	struct sr_value value = {0};
	int ret = len <= SR_MARK_MAX ? sr_value_take(&value, val, len)
				     : -EBADMSG;

	if (!ret)
		ret = sr_mark_parse(&value, mark);
	sr_value_free(&value);
	if (ret == -EBADMSG)
		reg->extra[i].broken = true;
	return ret == -EBADMSG ? 0 : ret;
}

static int sr_register_evicted(struct sr_register *reg, int i, const char *val,
			       size_t len)
{
	struct sr_mark mark = {0};
	int ret = sr_register_mark(reg, i, &mark, val, len);

	if (mark.pools.all)
		reg->list[i].evicted = mark.term;
	else if (mark.term)
		reg->extra[i].broken = true;
	sr_mark_free(&mark);
	return ret;
}

static int sr_register_entry(void *arg, const char *key, const char *val,
			     size_t len)
{
	struct sr_register *reg = arg;
	const char *name = strchr(key, '.');
	int i;

	/* What has no gateway's name is no gateway. */
	if (!name || !sr_gateway_ok(name + 1))
		return 0;
	i = sr_register_at(reg, name + 1);
	if (i < 0)
		return i;
	if (key[0] == sr_evicted_kind[0])
		return sr_register_evicted(reg, i, val, len);
	if (key[0] == sr_fenced_kind[0])
		return sr_register_mark(reg, i, &reg->extra[i].fenced, val,
					len);
	sr_register_beat(reg, i, val, len);
	return 0;
}

static int sr_by_name(const void *a, const void *b)
{
	const struct store_gateway *x = a, *y = b;

	return strcmp(x->gateway, y->gateway);
}

/*
 * A mark of some pools says to us that the gateway is fenced if all of ours are
 * among them.  Ours now, after the marks were read: see store_rados_cut.c.  To
 * the gateway itself only one of all pools says that: it is the one that can
 * make it so, once nothing of its own is under way, and the others may need it.
 */
static int sr_register_fenced(struct sr_register *reg)
{
	struct sr_pools ours = {0};
	int ret = sr_images_pools(reg->store, &ours);

	for (size_t i = 0; i < reg->count && !ret; i++) {
		struct store_gateway *gateway = &reg->list[i];
		const struct sr_mark *mark = &reg->extra[i].fenced;
		const bool own = !strcmp(gateway->gateway, reg->store->gateway);

		if (mark->pools.all ||
		    (!own && sr_pools_within(&ours, &mark->pools)))
			gateway->fenced = mark->term;
	}
	sr_pools_free(&ours);
	return ret;
}

/* A heartbeat, or a mark, that cannot be read: shown as without heartbeat. */
static void sr_register_end(struct sr_register *reg)
{
	for (size_t i = 0; i < reg->count; i++) {
		struct store_gateway *gateway = &reg->list[i];

		if (reg->extra[i].broken)
			gateway->beaten = false;
		if (!gateway->beaten)
			gateway->beat = (struct store_beat){0};
	}
	if (reg->count)
		qsort(reg->list, reg->count, sizeof(*reg->list), sr_by_name);
}

static void sr_register_free(struct sr_register *reg)
{
	for (size_t i = 0; i < reg->count; i++)
		sr_mark_free(&reg->extra[i].fenced);
	free(reg->extra);
}

int sr_gateways(struct store *store, struct store_gateway **list, size_t *count)
{
	static const char *const prefixes[] = {"beat.", "evicted.", "fenced."};
	struct sr_register reg = {.store = store};
	struct sr_place *place;
	int ret = sr_place_get(store, &store->home, &place);

	if (ret)
		return ret;
	ret = sr_each(place, sr_gateways_oid, prefixes, 3, sr_register_entry,
		      &reg);
	sr_place_put(store, place);
	if (!ret)
		ret = sr_register_fenced(&reg);
	if (!ret)
		sr_register_end(&reg);
	sr_register_free(&reg);
	if (ret) {
		free(reg.list);
		return ret;
	}
	*list = reg.list;
	*count = reg.count;
	return 0;
}
