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
 * We read so in the pools of the images that this gateway serves, which other
 * gateways may serve others of.  So the mark "fenced" names the pools that were
 * waited for, and who serves another one does not believe it, but cuts that
 * gateway off once more and adds its own.  (It names none, and is of all pools,
 * if a command did it, or if nothing was under way any more.)  The daemon,
 * however, keeps that a gateway is fenced once it was told, by us or by its own
 * cut(), and may join images of another pool after that.  What each does, in
 * this order:
 *	cut()	    C1 writes cut.GATEWAY, C2 has the blocklist changed, C3 looks
 *		    which pools are ours, C4 waits for their groups
 *	join()	    J1 makes the image's pools ours, J2 reads all cut.GATEWAY, J3
 *		    if one is in force, waits for the groups of those pools with
 *		    a map that is not older than J2
 *	gateways()  L1 reads the marks, L2 looks which pools are ours
 * Say join() has returned, and the daemon holds the gateway for fenced because
 *  - a mark was believed at L2.  J1 before L2: the pools are among those that
 *    somebody waited for.  L2 before J1: the mark was made after C1 and C2 of
 *    whoever made it, so J2 finds that cut in force, and J3 has the blocklist.
 *  - of its own cut().  J1 before C3: C4 did it.  C3 before J1: J2 comes after
 *    C1, and J3 after C2, as before.
 * If J2 finds the cut lifted, nothing of before is under way anywhere.  If J2
 * finds none, C1 comes after J1, so that L2 and C3 do, too.  J2 and J3 are left
 * out where another image of ours is in the same pool and has joined: all that
 * is held for fenced is so there, and its pool has been ours all the time.
 *
 * Key cut.GATEWAY of the gateways' object: what was cut off, and lifted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store_rados_cut.h"
#include "store_rados_pools.h"

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

/* What was reached */

/* In the memory of this daemon: the next one cuts off anew. */
struct sr_reached {
	struct sr_reached *next;
	char gateway[STORE_GATEWAY_MAX + 1];
	uint64_t term;
	struct sr_pools pools;
};

static void sr_reached_free(struct sr_reached *reached)
{
	sr_pools_free(&reached->pools);
	free(reached);
}

/* NULL: none is known.  Under store->lock. */
static struct sr_reached **sr_reached_at(struct store *store,
					 const char *gateway)
{
	struct sr_reached **at = &store->reached;

	while (*at && strcmp((*at)->gateway, gateway) != 0)
		at = &(*at)->next;
	return at;
}

static void sr_reached_forget(struct store *store, const char *gateway)
{
	struct sr_reached **at, *old;

	pthread_mutex_lock(&store->lock);
	at = sr_reached_at(store, gateway);
	old = *at;
	if (old)
		*at = old->next;
	pthread_mutex_unlock(&store->lock);
	if (old)
		sr_reached_free(old);
}

/* Takes @pools along. */
static int sr_reached_keep(struct store *store, const char *gateway,
			   uint64_t term, struct sr_pools *pools)
{
	struct sr_reached *new = calloc(1, sizeof(*new));

	sr_reached_forget(store, gateway);
	if (!new)
		return -ENOMEM;
	strcpy(new->gateway, gateway);
	new->term = term;
	new->pools = *pools;
	*pools = (struct sr_pools){0};
	pthread_mutex_lock(&store->lock);
	new->next = store->reached;
	store->reached = new;
	pthread_mutex_unlock(&store->lock);
	return 0;
}

int sr_cut_reached(struct store *store, const char *gateway, uint64_t term,
		   struct sr_pools *pools)
{
	const struct sr_reached *there;
	int ret = -ENOENT;

	pthread_mutex_lock(&store->lock);
	there = *sr_reached_at(store, gateway);
	if (there && there->term >= term)
		ret = sr_pools_unite(pools, &there->pools);
	pthread_mutex_unlock(&store->lock);
	return ret;
}

void sr_cut_close(struct store *store)
{
	while (store->reached) {
		struct sr_reached *next = store->reached->next;

		sr_reached_free(store->reached);
		store->reached = next;
	}
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
		if (sites->list[i]->pool == place->pool) {
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

static int sr_sites_image(struct store *store, struct sr_sites *sites,
			  struct sr_image *image)
{
	struct sr_target target = image->target;
	struct sr_place *place;
	int ret = sr_place_get(store, &image->target, &place);

	if (!ret)
		ret = sr_sites_add(store, sites, place);
	if (ret || image->data_pool < 0)
		return ret;
	target.pool = image->data_pool;
	target.place = NULL;
	ret = sr_place_get(store, &target, &place);
	if (!ret)
		ret = sr_sites_add(store, sites, place);
	sr_target_drop(store, &target);
	return ret;
}

/* librados can return 1 when the mons are slow. */
static int sr_latest(struct sr_place *place)
{
	int ret = rados_wait_for_latest_osdmap(place->conn->cluster);

	return ret > 0 ? -EIO : ret;
}

/*
 * All that has come on the blocklist before holds there when this returns 0.
 * There is a client, with a map of its own, for each user and time limit.
 */
static int sr_sites_reach(const struct sr_sites *sites)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < sites->count; i++)
		ret = sr_latest(sites->list[i]);
	for (size_t i = 0; !ret && i < sites->count; i++)
		ret = sr_pgs_reach(sites->list[i]);
	return ret;
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
			struct sr_image **images, size_t count,
			struct sr_pools *pools)
{
	struct sr_sites sites = {0};
	int ret = 0;

	for (size_t i = 0; !ret && i < count; i++)
		ret = sr_sites_image(store, &sites, images[i]);
	if (!ret)
		ret = sr_sites_add(store, &sites, sr_place_hold(home));
	if (!ret)
		ret = sr_sites_reach(&sites);
	for (size_t i = 0; !ret && i < sites.count; i++)
		ret = sr_pools_add(pools, sites.list[i]->pool);
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
			 const struct sr_hosts *hosts, struct sr_pools *pools)
{
	struct sr_image **images;
	size_t count;
	int ret = sr_cut_hosts(home, hosts);

	/* Not before that: an image that joins meanwhile relies on it. */
	if (!ret)
		ret = sr_images_served(store, &images, &count);
	if (ret)
		return ret;
	ret = sr_cut_sites(store, home, images, count, pools);
	/* Now none of them can take or leave a lock any more. */
	for (size_t i = 0; !ret && i < count; i++)
		ret = sr_cut_owner(store, images[i], hosts);
	for (size_t i = 0; i < count; i++)
		sr_image_put(store, images[i]);
	free(images);
	return ret;
}

static int sr_cut_at(struct store *store, struct sr_place *home,
		     const char *gateway, uint64_t term, struct sr_pools *pools)
{
	struct sr_hosts hosts = {0};
	struct sr_cut_wanted wanted = {.term = term, .hosts = &hosts};
	struct sr_cut cut;
	int ret = sr_clients_read(home, gateway, &hosts);

	if (ret == -ENOENT)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "cannot cut %s off by Ceph's blocklist: it has not "
			 "written down its addresses", gateway);
	if (!ret)
		ret = sr_cut_check(home, gateway, &hosts);
	if (!ret)
		ret = sr_cut_change(home, gateway, &cut, sr_cut_mark, &wanted);
	if (ret)
		return ret;
	/* Nothing of that term is under way any more, wherever it was. */
	pools->all = cut.lifted >= term;
	return pools->all ? 0 : sr_cut_images(store, home, &cut.hosts, pools);
}

int sr_cut(struct store *store, const char *gateway, uint64_t term)
{
	struct sr_pools pools = {0};
	struct sr_place *home;
	int ret;

	sr_reached_forget(store, gateway);
	ret = sr_place_get(store, &store->home, &home);
	if (ret)
		return ret;
	ret = sr_cut_at(store, home, gateway, term, &pools);
	if (!ret)
		ret = sr_reached_keep(store, gateway, term, &pools);
	sr_pools_free(&pools);
	sr_place_put(store, home);
	return ret;
}

/* Joining */

/* One that cannot be read may be in force. */
static int sr_cut_look(void *arg, const char *key, const char *val, size_t len)
{
	bool *active = arg;
	struct sr_value value = {0};
	struct sr_cut cut;
	int ret = sr_value_take(&value, val, len);

	(void)key;
	if (!ret && (sr_cut_parse(&value, &cut) || cut.cut > cut.lifted))
		*active = true;
	sr_value_free(&value);
	return ret;
}

static int sr_cut_active(struct store *store, bool *active)
{
	static const char *const prefixes[] = {"cut."};
	struct sr_place *home;
	int ret = sr_place_get(store, &store->home, &home);

	*active = false;
	if (ret)
		return ret;
	ret = sr_each(home, sr_gateways_oid, prefixes, 1, sr_cut_look, active);
	sr_place_put(store, home);
	return ret;
}

int sr_cut_join(struct store *store, struct sr_image *image)
{
	struct sr_sites sites = {0};
	bool active;
	int ret = sr_image_serve(store, image);

	if (ret)
		return ret == 1 ? 0 : ret;
	ret = sr_cut_active(store, &active);
	if (!ret && active) {
		ret = sr_sites_image(store, &sites, image);
		if (!ret)
			ret = sr_sites_reach(&sites);
		sr_sites_free(store, &sites);
	}
	if (!ret)
		sr_image_settle(store, image);
	return ret;
}

/* Returning */

static int sr_lift_mark(struct sr_cut *cut, const void *arg)
{
	const uint64_t *term = arg;
	bool booted = *term == UINT64_MAX;
	/*
	 * As large a number would be for ever: what there is by now.  If that
	 * is less than was recorded, there are terms that may yet come.
	 */
	uint64_t till = booted ? cut->cut : *term - 1;

	if (!*term || cut->lifted == till || (cut->lifted > till && !booted))
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

/* All images are in the home's cluster. */
int sr_lift(struct store *store, uint64_t term)
{
	struct sr_place *home;
	int ret = sr_place_get(store, &store->home, &home);

	if (ret)
		return ret;
	ret = sr_lift_place(store, home);
	sr_place_put(store, home);
	return ret ? ret : sr_lift_record(store, term);
}
