// SPDX-License-Identifier: GPL-2.0-only
/* Operations of librados as the RADOS store uses them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store_rados_int.h"

enum {
	SR_KEYS_MAX = 4, /* of one operation */
	SR_PREFIXES_MAX = 4,
	SR_RENEW_MS = 2000,
};

long long sr_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* In @ms from now, for a condition on CLOCK_MONOTONIC. */
void sr_deadline(struct timespec *ts, long long ms)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += ms % 1000 * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

/* As for a directory: what is a gateway's name does not depend on the store. */
bool sr_gateway_ok(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > STORE_GATEWAY_MAX || name[0] == '.')
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == '/')
			return false;
	return true;
}

bool sr_parse_u64(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		unsigned int digit = *p - '0';

		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*value = v;
	*text = p;
	return true;
}

/*
 * Blocklisted: another client need not be.  But if the whole host is, it is,
 * too, and the next one is not worth trying at once.
 */
int sr_noted(struct sr_place *place, int ret)
{
	if (ret == -ESHUTDOWN &&
	    sr_now_ms() - place->conn->made_at >= SR_RENEW_MS)
		place->conn->dead = true;
	return ret;
}

/*
 * Compared and refused (-ECANCELED), or refused for want of room or of the
 * object: that was the answer to this very operation, for an OSD that gets one
 * a second time looks first whether it has done it.  Not so with what it finds
 * out before that: that the client is blocklisted, or may not write (any more).
 */
bool sr_is_unclear(int ret)
{
	switch (ret) {
	case 0:
	case -ECANCELED:
	case -ENOENT:
	case -ENOSPC:
	case -EDQUOT:
	case -EINVAL:
	case -EFBIG:
	case -EMSGSIZE:
	case -EOPNOTSUPP:
	case -ENOMEM:
		return false;
	default:
		return true;
	}
}

void sr_value_free(struct sr_value *value)
{
	free(value->data);
	*value = (struct sr_value){0};
}

int sr_value_take(struct sr_value *value, const char *data, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	copy[len] = '\0';
	free(value->data);
	value->data = copy;
	value->len = len;
	return 0;
}

int sr_value_copy(struct sr_value *to, const struct sr_value *from)
{
	if (from->data)
		return sr_value_take(to, from->data, from->len);
	sr_value_free(to);
	return 0;
}

bool sr_value_same(const struct sr_value *a, const struct sr_value *b)
{
	return !a->data == !b->data && a->len == b->len &&
	       (!a->data || !memcmp(a->data, b->data, a->len));
}

int sr_key(char key[SR_OID_CAP], const char *kind, const char *gateway)
{
	if (!sr_gateway_ok(gateway))
		return -EINVAL;
	snprintf(key, SR_OID_CAP, "%s.%s", kind, gateway);
	return 0;
}

/* Reading */

static int sr_take_all(rados_omap_iter_t iter, const char *const *keys,
		       size_t count, size_t max, struct sr_value *values)
{
	for (;;) {
		size_t key_len, len;
		char *key, *val;
		int ret = rados_omap_get_next2(iter, &key, &val, &key_len,
					       &len);

		if (ret || !key)
			return ret;
		for (size_t i = 0; i < count && !ret; i++) {
			if (strlen(keys[i]) != key_len ||
			    memcmp(keys[i], key, key_len))
				continue;
			ret = len > max ? -EFBIG
					: sr_value_take(&values[i], val, len);
		}
		if (ret)
			return ret;
	}
}

int sr_read(struct sr_place *place, const char *oid, const char *const *keys,
	    size_t count, size_t max, struct sr_value *values)
{
	rados_read_op_t op = rados_create_read_op();
	rados_omap_iter_t iter = NULL;
	size_t lens[SR_KEYS_MAX];
	int ret, part = 0;

	for (size_t i = 0; i < count; i++)
		lens[i] = strlen(keys[i]);
	memset(values, 0, count * sizeof(*values));
	rados_read_op_assert_exists(op);
	rados_read_op_omap_get_vals_by_keys2(op, keys, count, lens, &iter,
					     &part);
	ret = sr_noted(place, rados_read_op_operate(op, place->io, oid,
						    LIBRADOS_OPERATION_NOFLAG));
	if (!ret)
		ret = part;
	if (!ret)
		ret = sr_take_all(iter, keys, count, max, values);
	if (iter)
		rados_omap_get_end(iter);
	rados_release_read_op(op);
	for (size_t i = 0; ret && i < count; i++)
		sr_value_free(&values[i]);
	return ret;
}

static int sr_each_of(rados_omap_iter_t iter, sr_each_fn fn, void *arg)
{
	for (;;) {
		size_t key_len, len;
		char *key, *val;
		char name[SR_OID_CAP];
		int ret = rados_omap_get_next2(iter, &key, &val, &key_len,
					       &len);

		if (ret || !key)
			return ret;
		/* Longer than any of ours: the callers do not know it. */
		snprintf(name, sizeof(name), "%.*s", (int)key_len, key);
		ret = fn(arg, name, len ? val : "", len);
		if (ret)
			return ret;
	}
}

int sr_each(struct sr_place *place, const char *oid,
	    const char *const *prefixes, size_t count, sr_each_fn fn,
	    void *arg)
{
	rados_omap_iter_t iters[SR_PREFIXES_MAX] = {0};
	unsigned char more[SR_PREFIXES_MAX] = {0};
	int parts[SR_PREFIXES_MAX] = {0};
	rados_read_op_t op = rados_create_read_op();
	int ret;

	rados_read_op_assert_exists(op);
	for (size_t i = 0; i < count; i++)
		rados_read_op_omap_get_vals2(op, "", prefixes[i],
					     SR_GATEWAYS_MAX, &iters[i],
					     &more[i], &parts[i]);
	ret = sr_noted(place, rados_read_op_operate(op, place->io, oid,
						    LIBRADOS_OPERATION_NOFLAG));
	for (size_t i = 0; i < count && !ret; i++) {
		ret = more[i] ? -EOVERFLOW : parts[i];
		if (!ret)
			ret = sr_each_of(iters[i], fn, arg);
	}
	for (size_t i = 0; i < count; i++)
		if (iters[i])
			rados_omap_get_end(iters[i]);
	rados_release_read_op(op);
	return ret;
}

bool sr_object_gone(struct sr_place *place, const char *oid)
{
	return sr_noted(place, rados_stat(place->io, oid, NULL, NULL)) ==
	       -ENOENT;
}

/* Writing */

static rados_write_op_t sr_compare(bool must_exist, const char *key,
				   const struct sr_value *old)
{
	rados_write_op_t op = rados_create_write_op();

	if (must_exist)
		rados_write_op_assert_exists(op);
	else
		rados_write_op_create(op, LIBRADOS_CREATE_IDEMPOTENT, NULL);
	/* A key that is not there compares like an empty value. */
	rados_write_op_omap_cmp2(op, key, LIBRADOS_CMPXATTR_OP_EQ,
				 old->data ? old->data : "", strlen(key),
				 old->data ? old->len : 0, NULL);
	return op;
}

/*
 * With FULL_TRY, a pool that is full makes it fail, or not, as nothing is
 * added to the objects' sizes; without, it would wait for room.
 */
static int sr_write(struct sr_place *place, rados_write_op_t op,
		    const char *oid)
{
	int ret = rados_write_op_operate2(op, place->io, oid, NULL,
					  LIBRADOS_OPERATION_FULL_TRY);

	rados_release_write_op(op);
	return sr_noted(place, ret);
}

int sr_cas(struct sr_place *place, const char *oid, bool must_exist,
	   const struct sr_value *old, const char *const *keys,
	   const struct sr_value *values, size_t count)
{
	rados_write_op_t op = sr_compare(must_exist, keys[0], old);
	size_t key_lens[SR_KEYS_MAX], lens[SR_KEYS_MAX];
	const char *data[SR_KEYS_MAX];

	for (size_t i = 0; i < count; i++) {
		key_lens[i] = strlen(keys[i]);
		data[i] = values[i].data;
		lens[i] = values[i].len;
	}
	rados_write_op_omap_set2(op, keys, data, key_lens, lens, count);
	return sr_write(place, op, oid);
}

/* @old NULL: whatever its value is. */
int sr_remove_key(struct sr_place *place, const char *oid, const char *key,
		  const struct sr_value *old)
{
	const size_t len = strlen(key);
	rados_write_op_t op;

	if (old) {
		op = sr_compare(true, key, old);
	} else {
		op = rados_create_write_op();
		rados_write_op_assert_exists(op);
	}
	rados_write_op_omap_rm_keys2(op, &key, &len, 1);
	return sr_write(place, op, oid);
}
