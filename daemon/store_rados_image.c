// SPDX-License-Identifier: GPL-2.0-only
/*
 * The images of the RADOS store: from the name of a logical unit to what it
 * names in the cluster.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"
#include "store_rados_pools.h"

static unsigned int sr_hash(const char *text, size_t len)
{
	unsigned int hash = 5381;

	for (; len; len--)
		hash = hash * 33 + (unsigned char)*text++;
	return hash % SR_BUCKETS;
}

/* Resolving */

/* What rbd_id.NAME holds: the length in four bytes, least first, and the id. */
static int sr_id_parse(const unsigned char *data, size_t len,
		       char id[SR_IMAGE_ID_MAX + 1])
{
	size_t want;

	if (len < 4)
		return -EBADMSG;
	want = data[0] | data[1] << 8 | data[2] << 16 | (size_t)data[3] << 24;
	if (!want || want > SR_IMAGE_ID_MAX || want > len - 4)
		return -EBADMSG;
	for (size_t i = 0; i < want; i++) {
		unsigned char c = data[4 + i];

		if (c <= ' ' || c > '~' || c == '/')
			return -EBADMSG;
		id[i] = c;
	}
	id[want] = '\0';
	return 0;
}

/* -ENODEV: no image has that name. */
static int sr_id_read(struct sr_place *place, const char *name,
		      char id[SR_IMAGE_ID_MAX + 1])
{
	unsigned char data[4 + SR_IMAGE_ID_MAX];
	char oid[RBD_PART_MAX + 8];
	int ret;

	snprintf(oid, sizeof(oid), "rbd_id.%s", name);
	ret = sr_noted(place, rados_read(place->io, oid, (char *)data,
					 sizeof(data), 0));
	if (ret < 0)
		return ret == -ENOENT ? -ENODEV : ret;
	return sr_id_parse(data, ret, id);
}

/* A namespace may have any characters. */
static void sr_identity(struct sr_image *image, const struct sr_place *place)
{
	char ns[3 * RBD_PART_MAX];
	size_t len = 0;

	for (const char *p = image->target.name.ns; *p; p++) {
		bool plain = (*p >= '0' && *p <= '9') ||
			     (*p >= 'A' && *p <= 'Z') ||
			     (*p >= 'a' && *p <= 'z') || *p == '-' ||
			     *p == '_' || *p == '.';

		len += sprintf(ns + len, plain ? "%c" : "%%%02X",
			       (unsigned char)*p);
	}
	ns[len] = '\0';
	snprintf(image->identity, sizeof(image->identity), "%s/%lld/%s/%s",
		 place->conn->fsid, (long long)place->pool, ns, image->id);
}

static int sr_resolve(struct store *store, struct sr_image *image)
{
	struct sr_place *place;
	int ret = sr_place_get(store, &image->target, &place);

	if (ret)
		return ret;
	ret = sr_id_read(place, image->target.name.image, image->id);
	if (!ret) {
		sr_identity(image, place);
		snprintf(image->header, sizeof(image->header), "rbd_header.%s",
			 image->id);
		snprintf(image->own, sizeof(image->own), "tcmu_pr.%s",
			 image->id);
	}
	sr_place_put(store, place);
	return ret;
}

int sr_image_ret(int ret)
{
	return ret == -ENOENT ? -ESTALE : ret;
}

/* The table */

static void sr_image_free(struct store *store, struct sr_image *image)
{
	sr_target_drop(store, &image->target);
	sr_value_free(&image->version);
	sr_value_free(&image->record);
	sr_says_drop(&image->says);
	free(image->carried);
	pthread_mutex_destroy(&image->lock);
	pthread_mutex_destroy(&image->member);
	free(image->lu);
	free(image);
}

static struct sr_image *sr_image_new(struct store *store, const char *lu)
{
	struct sr_image *image = calloc(1, sizeof(*image));
	unsigned int timeout;

	if (!image)
		return NULL;
	pthread_mutex_init(&image->lock, NULL);
	pthread_mutex_init(&image->member, NULL);
	image->refs = 1;
	image->target.pool = -1;
	image->data_pool = -1;
	image->lu = strdup(lu);
	if (!image->lu || rbd_config_parse_lu(lu, &image->target.name)) {
		sr_image_free(store, image);
		return NULL;
	}
	timeout = image->target.name.osd_op_timeout;
	if (!timeout || timeout > SR_TIMEOUT_S)
		timeout = SR_TIMEOUT_S;
	image->target.timeout_s = timeout;
	return image;
}

void sr_image_put(struct store *store, struct sr_image *image)
{
	bool last;

	pthread_mutex_lock(&store->lock);
	last = !--image->refs;
	pthread_mutex_unlock(&store->lock);
	if (last)
		sr_image_free(store, image);
}

/* Under store->lock. */
static struct sr_image **sr_image_at(struct store *store, const char *lu)
{
	struct sr_image **at = &store->images[sr_hash(lu, strlen(lu))];

	while (*at && strcmp((*at)->lu, lu))
		at = &(*at)->next;
	return at;
}

static struct sr_image *sr_image_find(struct store *store, const char *lu)
{
	struct sr_image *image;

	pthread_mutex_lock(&store->lock);
	image = *sr_image_at(store, lu);
	if (image)
		image->refs++;
	pthread_mutex_unlock(&store->lock);
	return image;
}

/* Under store->lock */
static void sr_same_add(struct store *store, struct sr_image *image)
{
	size_t len = strlen(image->identity);

	image->bucket = sr_hash(image->identity, len);
	image->same = store->same[image->bucket];
	store->same[image->bucket] = image;
}

/* Under store->lock */
static void sr_same_remove(struct store *store, struct sr_image *image)
{
	struct sr_image **at = &store->same[image->bucket];

	while (*at != image)
		at = &(*at)->same;
	*at = image->same;
}

/* Out of the table; what is under way with it goes on. */
void sr_image_forget(struct store *store, struct sr_image *image)
{
	struct sr_image **at;
	bool found;

	pthread_mutex_lock(&store->lock);
	at = sr_image_at(store, image->lu);
	found = *at == image;
	if (found) {
		*at = image->next;
		sr_same_remove(store, image);
	}
	pthread_mutex_unlock(&store->lock);
	if (found)
		sr_image_put(store, image);
}

/*
 * Into the table, unless somebody was faster: then that one's.  A device that
 * is attached goes on with the image that it was attached with: when its name
 * has become another image's meanwhile (-ESTALE), its data are still the old
 * one's, and whoever serves it has to let it go first.
 */
static int sr_image_enter(struct store *store, struct sr_image *new,
			  bool joining, struct sr_image **out)
{
	struct sr_image *old, **at;
	int ret = 0;

	pthread_mutex_lock(&store->lock);
	at = sr_image_at(store, new->lu);
	old = *at;
	if (old && (!joining || !strcmp(old->identity, new->identity))) {
		old->refs++;
		*out = old;
		old = new;
	} else if (old && old->joined) {
		old = new;
		ret = -ESTALE;
	} else {
		new->next = old ? old->next : NULL;
		*at = new;
		if (old)
			sr_same_remove(store, old);
		sr_same_add(store, new);
		new->refs++;
		*out = new;
	}
	pthread_mutex_unlock(&store->lock);
	if (old)
		sr_image_put(store, old);
	return ret;
}

int sr_image_get(struct store *store, const char *lu, bool joining,
		 struct sr_image **out)
{
	struct sr_image *image = sr_image_find(store, lu);
	struct sr_image *new;
	int ret;

	*out = image;
	if (image && !joining)
		return 0;
	new = sr_image_new(store, lu);
	if (!new) {
		if (image)
			sr_image_put(store, image);
		return -EINVAL;
	}
	ret = sr_resolve(store, new);
	/* It has been renamed since it was attached, or is in the trash. */
	if (ret == -ENODEV && image && image->joined) {
		sr_image_put(store, new);
		return 0;
	}
	if (image)
		sr_image_put(store, image);
	if (ret)
		sr_image_put(store, new);
	else
		ret = sr_image_enter(store, new, joining, out);
	return ret;
}

/* Whose pools count as ours */

/* Under store->lock: has @image data in @pool? */
static bool sr_image_in(const struct sr_image *image, int64_t pool)
{
	return image->target.pool == pool || image->data_pool == pool;
}

/* Under store->lock */
static bool sr_pool_settled(const struct store *store, int64_t pool)
{
	const struct sr_image *image;

	for (int i = 0; i < SR_BUCKETS; i++)
		for (image = store->images[i]; image; image = image->next)
			if (image->joined && image->settled &&
			    sr_image_in(image, pool))
				return true;
	return false;
}

int sr_image_serve(struct store *store, struct sr_image *image)
{
	int ret = -EAGAIN;

	pthread_mutex_lock(&store->lock);
	if (*sr_image_at(store, image->lu) == image) {
		image->served = true;
		if (!image->settled)
			image->settled =
				sr_pool_settled(store, image->target.pool) &&
				(image->data_pool < 0 ||
				 sr_pool_settled(store, image->data_pool));
		ret = image->settled;
	}
	pthread_mutex_unlock(&store->lock);
	return ret;
}

void sr_image_settle(struct store *store, struct sr_image *image)
{
	pthread_mutex_lock(&store->lock);
	image->settled = true;
	pthread_mutex_unlock(&store->lock);
}

void sr_image_left(struct store *store, struct sr_image *image)
{
	pthread_mutex_lock(&store->lock);
	image->joined = false;
	image->served = false;
	image->settled = false;
	pthread_mutex_unlock(&store->lock);
}

int sr_images_served(struct store *store, struct sr_image ***out, size_t *count)
{
	struct sr_image **list, *image;
	size_t n = 0;

	pthread_mutex_lock(&store->lock);
	for (int i = 0; i < SR_BUCKETS; i++)
		for (image = store->images[i]; image; image = image->next)
			n += image->served;
	list = calloc(n ? n : 1, sizeof(*list));
	n = 0;
	for (int i = 0; i < SR_BUCKETS && list; i++)
		for (image = store->images[i]; image; image = image->next)
			if (image->served) {
				image->refs++;
				list[n++] = image;
			}
	pthread_mutex_unlock(&store->lock);
	*out = list;
	*count = n;
	return list ? 0 : -ENOMEM;
}

int sr_images_pools(struct store *store, struct sr_pools *pools)
{
	struct sr_image *image;
	int ret = 0;

	pthread_mutex_lock(&store->lock);
	for (int i = 0; i < SR_BUCKETS; i++) {
		for (image = store->images[i]; image; image = image->next) {
			if (image->served && !ret)
				ret = sr_pools_add(pools, image->target.pool);
			if (image->served && !ret && image->data_pool >= 0)
				ret = sr_pools_add(pools, image->data_pool);
		}
	}
	pthread_mutex_unlock(&store->lock);
	return ret;
}

void sr_images_each(struct store *store,
		    void (*fn)(void *arg, struct sr_image *image), void *arg)
{
	struct sr_image *image;

	pthread_mutex_lock(&store->lock);
	for (int i = 0; i < SR_BUCKETS; i++)
		for (image = store->images[i]; image; image = image->next)
			fn(arg, image);
	pthread_mutex_unlock(&store->lock);
}

void sr_images_same(struct store *store, const char *identity, size_t len,
		    void (*fn)(void *arg, struct sr_image *image), void *arg)
{
	struct sr_image *image;

	pthread_mutex_lock(&store->lock);
	for (image = store->same[sr_hash(identity, len)]; image;
	     image = image->same)
		if (strlen(image->identity) == len &&
		    !memcmp(image->identity, identity, len))
			fn(arg, image);
	pthread_mutex_unlock(&store->lock);
}

void sr_images_in(struct store *store, const bool buckets[SR_BUCKETS],
		  void (*fn)(void *arg, struct sr_image *image), void *arg)
{
	struct sr_image *image;

	pthread_mutex_lock(&store->lock);
	for (int i = 0; i < SR_BUCKETS; i++)
		for (image = buckets[i] ? store->same[i] : NULL; image;
		     image = image->same)
			fn(arg, image);
	pthread_mutex_unlock(&store->lock);
}

void sr_images_drop(struct store *store)
{
	for (int i = 0; i < SR_BUCKETS; i++)
		while (store->images[i])
			sr_image_forget(store, store->images[i]);
}
