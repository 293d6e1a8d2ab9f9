// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting a gateway's machine off from all images, by the OSDs' blocklist.
 *
 * Whoever writes data there is tcmu-runner's client of Ceph, not ours.  It has
 * an address with a random number in it, and whenever tcmu-runner opens an
 * image again, another one.  So what is blocklisted is the whole machine, by
 * each IP address that it can have (store_rados_hosts.c): also clients that
 * are yet to be made, and our own daemon there.  Its mons still listen to it:
 * so it can lift that, when nothing of its earlier terms is under way.
 *
 * A write that a client gave up (a time limit) could still be under way then,
 * in the network: see store_rados_sockets.c.  The owner of an image's lock is
 * added to the list by its own address as well, and that is not taken away:
 * librbd does the same when it breaks a lock, and that client never writes
 * again anyway.
 *
 * When is it effective?  A mon's answer means that the new map is decided, not
 * that OSDs have it.  Our own client waits until it has that map, and then
 * reads something from each placement group that can have data of an image: a
 * group that answers has a map as new as ours, and it looks into it whenever
 * it begins an operation.  A later primary of the group has a later map.
 *
 * Key cut.GATEWAY of the gateways' object: what was cut off, and lifted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store_rados_cut.h"

enum {
	SR_CUT_TRIES = 10,
	SR_CUT_CAP = SR_HOSTS_TEXT + 64,
	SR_LOCKERS_CAP = 4096,
};

struct sr_cut {
	uint64_t cut; /* the newest term that is to be cut off */
	uint64_t lifted; /* all terms up to this have ended for good */
	struct sr_hosts hosts;
};

/* The record */

static bool sr_cut_number(const char **text, const char *word, uint64_t *value)
{
	const size_t len = strlen(word);

	if (strncmp(*text, word, len))
		return false;
	*text += len;
	return sr_parse_u64(text, value);
}

static int sr_cut_parse(const struct sr_value *value, struct sr_cut *cut)
{
	const char *at = value->data;

	memset(cut, 0, sizeof(*cut));
	if (!at)
		return 0;
	if (strlen(at) != value->len || !sr_cut_number(&at, "cut ", &cut->cut) ||
	    !sr_cut_number(&at, " lifted ", &cut->lifted) ||
	    strncmp(at, " hosts ", 7))
		return -EBADMSG;
	return sr_hosts_parse(&cut->hosts, at + 7);
}

static int sr_cut_print(const struct sr_cut *cut, struct sr_value *value)
{
	char hosts[SR_HOSTS_TEXT], text[SR_CUT_CAP];

	sr_hosts_print(&cut->hosts, hosts);
	snprintf(text, sizeof(text), "cut %llu lifted %llu hosts %s",
		 (unsigned long long)cut->cut, (unsigned long long)cut->lifted,
		 hosts);
	return sr_value_take(value, text, strlen(text));
}

/* Changes it by @fn, which returns 1 if there is nothing to be changed. */
static int sr_cut_change(struct sr_place *home, const char *gateway,
			 struct sr_cut *cut,
			 int (*fn)(struct sr_cut *cut, const void *arg),
			 const void *arg)
{
	char key[SR_OID_CAP];
	const char *keys[] = {key};
	int ret = sr_key(key, "cut", gateway);

	for (int i = 0; !ret && i < SR_CUT_TRIES; i++) {
		struct sr_value old, new = {0};

		ret = sr_read(home, sr_gateways_oid, keys, 1, SR_CUT_CAP, &old);
		if (ret)
			break;
		ret = sr_cut_parse(&old, cut);
		if (!ret)
			ret = fn(cut, arg);
		if (!ret)
			ret = sr_cut_print(cut, &new);
		if (!ret)
			ret = sr_cas(home, sr_gateways_oid, true, &old, keys,
				     &new, 1);
		sr_value_free(&old);
		sr_value_free(&new);
		if (ret != -ECANCELED)
			return ret == 1 ? 0 : ret;
		ret = 0;
	}
	return ret ? ret : -EAGAIN;
}

/* Where the images are */

struct sr_sites {
	struct sr_place **list; /* each pool once */
	size_t count;
};

static int sr_sites_add(struct store *store, struct sr_sites *sites,
			struct sr_place *place)
{
	struct sr_place **list;

	for (size_t i = 0; i < sites->count; i++) {
		if (sites->list[i]->pool == place->pool &&
		    !strcmp(sites->list[i]->conn->fsid, place->conn->fsid)) {
			sr_place_put(store, place);
			return 0;
		}
	}
	list = realloc(sites->list, (sites->count + 1) * sizeof(*list));
	if (!list) {
		sr_place_put(store, place);
		return -ENOMEM;
	}
	sites->list = list;
	sites->list[sites->count++] = place;
	return 0;
}

static void sr_sites_free(struct store *store, struct sr_sites *sites)
{
	for (size_t i = 0; i < sites->count; i++)
		sr_place_put(store, sites->list[i]);
	free(sites->list);
}

/* Is place @i the first one of its cluster? */
static bool sr_sites_first(const struct sr_sites *sites, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(sites->list[k]->conn->fsid,
			    sites->list[i]->conn->fsid))
			return false;
	return true;
}

/* -ENOENT: the image has all of its data where its header is. */
static int sr_data_pool(struct sr_place *place, const char *header,
			int64_t *pool)
{
	static const char *const keys[] = {"data_pool_id"};
	struct sr_value value;
	int ret = sr_read(place, header, keys, 1, SR_CUT_CAP, &value);

	if (ret)
		return ret;
	ret = value.data ? -EBADMSG : -ENOENT;
	if (value.data && value.len == sizeof(uint64_t)) {
		uint64_t number = 0;

		for (size_t i = 0; i < sizeof(number); i++)
			number |= (uint64_t)(unsigned char)value.data[i]
				  << 8 * i;
		*pool = number;
		ret = 0;
	}
	sr_value_free(&value);
	return ret;
}

static int sr_sites_image(struct store *store, struct sr_sites *sites,
			  struct sr_image *image)
{
	struct sr_target target = image->target;
	struct sr_place *place;
	int64_t pool;
	int ret = sr_place_get(store, &image->target, &place);

	if (ret)
		return ret;
	ret = sr_data_pool(place, image->header, &pool);
	if (!ret) {
		struct sr_place *data;

		target.pool = pool;
		target.place = NULL;
		ret = sr_place_get(store, &target, &data);
		if (!ret)
			ret = sr_sites_add(store, sites, data);
		sr_target_drop(store, &target);
	} else if (ret == -ENOENT) {
		ret = 0;
	}
	if (ret) {
		sr_place_put(store, place);
		return ret;
	}
	return sr_sites_add(store, sites, place);
}

/* librados can return 1 when the mons are slow. */
static int sr_latest(struct sr_place *place)
{
	int ret = rados_wait_for_latest_osdmap(place->conn->cluster);

	return ret > 0 ? -EIO : ret;
}

/* Cutting off */

/*
 * The owner of the image's lock, if it is at one of @hosts.  An image without
 * one has nobody there who may write, or has not that feature.
 */
static int sr_cut_owner(struct store *store, struct sr_image *image,
			const struct sr_hosts *hosts)
{
	char tag[64], clients[SR_LOCKERS_CAP], cookies[SR_LOCKERS_CAP];
	char addrs[SR_LOCKERS_CAP];
	size_t tag_len = sizeof(tag), clients_len = sizeof(clients);
	size_t cookies_len = sizeof(cookies), addrs_len = sizeof(addrs);
	struct sr_place *place;
	const char *at = addrs;
	ssize_t count;
	int exclusive, ret = sr_place_get(store, &image->target, &place);

	if (ret)
		return ret;
	count = rados_list_lockers(place->io, image->header, "rbd_lock",
				   &exclusive, tag, &tag_len, clients,
				   &clients_len, cookies, &cookies_len, addrs,
				   &addrs_len);
	if (count < 0 && count != -ENOENT)
		ret = sr_noted(place, count);
	for (; !ret && count > 0; count--, at += strlen(at) + 1) {
		const char *text = at;
		struct sr_addr addr;

		if (sr_addr_next(&text, &addr) && sr_hosts_have(hosts, addr.ip))
			ret = sr_blocklist_add(place, &addr);
	}
	sr_place_put(store, place);
	return ret;
}

static int sr_cut_hosts(struct sr_place *place, const struct sr_hosts *hosts)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < hosts->count; i++) {
		struct sr_addr addr = {.port = "0", .nonce = "0"};

		strcpy(addr.ip, hosts->ip[i]);
		ret = sr_blocklist_add(place, &addr);
	}
	return ret;
}

static int sr_cut_sites(struct store *store, struct sr_place *home,
			const struct sr_hosts *hosts, struct sr_image **images,
			size_t count)
{
	struct sr_sites sites = {0};
	int ret = 0;

	for (size_t i = 0; !ret && i < count; i++)
		ret = sr_sites_image(store, &sites, images[i]);
	if (!ret)
		ret = sr_sites_add(store, &sites, sr_place_hold(home));
	for (size_t i = 0; !ret && i < sites.count; i++)
		if (sr_sites_first(&sites, i))
			ret = sr_cut_hosts(sites.list[i], hosts);
	for (size_t i = 0; !ret && i < sites.count; i++)
		ret = sr_latest(sites.list[i]);
	for (size_t i = 0; !ret && i < sites.count; i++)
		ret = sr_pgs_reach(sites.list[i]);
	sr_sites_free(store, &sites);
	return ret;
}

/* Whom it would hit: one that has our address is either a mistake, or we. */
static int sr_cut_check(struct sr_place *home, const char *gateway,
			const struct sr_hosts *hosts)
{
	struct sr_hosts own = {0};
	int ret = sr_hosts_own(home, &own);

	for (unsigned int i = 0; !ret && i < own.count; i++) {
		if (!sr_hosts_have(hosts, own.ip[i]))
			continue;
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "cannot cut %s off by Ceph's blocklist: it has our "
			 "own address %s", gateway, own.ip[i]);
		ret = -EADDRINUSE;
	}
	return ret;
}

struct sr_cut_wanted {
	uint64_t term;
	const struct sr_hosts *hosts;
};

static int sr_cut_mark(struct sr_cut *cut, const void *arg)
{
	const struct sr_cut_wanted *wanted = arg;
	struct sr_hosts hosts = cut->hosts;
	int ret = 0;

	if (cut->lifted >= wanted->term)
		return 1;
	if (cut->cut <= cut->lifted)
		hosts.count = 0; /* of long ago */
	for (unsigned int i = 0; !ret && i < wanted->hosts->count; i++)
		ret = sr_hosts_add(&hosts, wanted->hosts->ip[i]);
	if (!ret && cut->cut >= wanted->term && hosts.count == cut->hosts.count)
		return 1;
	if (cut->cut < wanted->term)
		cut->cut = wanted->term;
	cut->hosts = hosts;
	return ret;
}

static int sr_cut_images(struct store *store, struct sr_place *home,
			 const struct sr_hosts *hosts)
{
	struct sr_image **images;
	size_t count;
	int ret = sr_images_joined(store, &images, &count);

	if (ret)
		return ret;
	ret = sr_cut_sites(store, home, hosts, images, count);
	/* Now none of them can take or leave a lock any more. */
	for (size_t i = 0; !ret && i < count; i++)
		ret = sr_cut_owner(store, images[i], hosts);
	for (size_t i = 0; i < count; i++)
		sr_image_put(store, images[i]);
	free(images);
	return ret;
}

int sr_cut(struct store *store, const char *gateway, uint64_t term)
{
	struct sr_hosts hosts = {0};
	struct sr_cut_wanted wanted = {.term = term, .hosts = &hosts};
	struct sr_cut cut;
	struct sr_place *home;
	int ret = sr_place_get(store, &store->home, &home);

	if (ret)
		return ret;
	ret = sr_clients_read(home, gateway, &hosts);
	if (ret == -ENOENT)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "cannot cut %s off by Ceph's blocklist: it has not "
			 "written down its addresses", gateway);
	if (!ret)
		ret = sr_cut_check(home, gateway, &hosts);
	if (!ret)
		ret = sr_cut_change(home, gateway, &cut, sr_cut_mark, &wanted);
	if (!ret && cut.lifted < term)
		ret = sr_cut_images(store, home, &cut.hosts);
	sr_place_put(store, home);
	return ret;
}

/* Returning */

static int sr_lift_mark(struct sr_cut *cut, const void *arg)
{
	const uint64_t *term = arg;
	/* As large a number would be for ever: what there is by now. */
	uint64_t till = *term == UINT64_MAX ? cut->cut : *term - 1;

	if (!*term || cut->lifted >= till)
		return 1;
	cut->lifted = till;
	return 0;
}

/* Also what others are about to do because of those terms. */
static int sr_lift_record(struct store *store, uint64_t term)
{
	struct sr_cut cut;
	struct sr_place *home;
	int ret = sr_place_get(store, &store->home, &home);

	if (ret)
		return ret;
	ret = sr_cut_change(home, store->gateway, &cut, sr_lift_mark, &term);
	sr_place_put(store, home);
	return ret;
}

static int sr_lift_place(struct store *store, struct sr_place *place)
{
	struct sr_hosts hosts;
	unsigned int count;
	int ret;

	pthread_mutex_lock(&store->clients.lock);
	hosts = store->clients.hosts;
	pthread_mutex_unlock(&store->clients.lock);
	ret = sr_hosts_own(place, &hosts);
	if (!ret)
		ret = sr_blocklist_lift(place, &hosts, &count);
	if (!ret && count)
		log_line(LOG_LEVEL_WARNING, NULL, 0,
			 "this gateway was cut off from Ceph; it is not any "
			 "more");
	if (!ret)
		ret = sr_latest(place);
	return ret;
}

/* Nothing here may ask an OSD before that cluster is done with. */
static int sr_lift_sites(struct store *store, struct sr_sites *sites)
{
	struct sr_image **images;
	struct sr_place *place;
	size_t count;
	int ret = sr_images_joined(store, &images, &count);

	if (ret)
		return ret;
	ret = sr_place_get(store, &store->home, &place);
	if (!ret)
		ret = sr_sites_add(store, sites, place);
	for (size_t i = 0; !ret && i < count; i++) {
		ret = sr_place_get(store, &images[i]->target, &place);
		if (!ret)
			ret = sr_sites_add(store, sites, place);
	}
	for (size_t i = 0; i < count; i++)
		sr_image_put(store, images[i]);
	free(images);
	return ret;
}

int sr_lift(struct store *store, uint64_t term)
{
	struct sr_sites sites = {0};
	int ret = sr_lift_sites(store, &sites);

	for (size_t i = 0; !ret && i < sites.count; i++)
		if (sr_sites_first(&sites, i))
			ret = sr_lift_place(store, sites.list[i]);
	sr_sites_free(store, &sites);
	return ret ? ret : sr_lift_record(store, term);
}
