// SPDX-License-Identifier: GPL-2.0-only
/*
 * All gateways that serve an image have to meet in one place, their home, or
 * they do not hear each other's heartbeats: then none that dies is ever
 * evicted, and two of one name do not notice it.  So key "home" of our object
 * beside the image says where its members meet, and who would meet elsewhere
 * does not join.  When there is no other member any more, it may move.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store_rados_int.h"

static const char sr_home_key[] = "home";

enum {
	SR_HOME_CAP = 2 * RBD_PART_MAX,
	SR_HOME_TRIES = 8,
};

/* As unlike any other as an image's identity. */
static int sr_home_name(struct store *store, struct sr_value *name)
{
	char text[SR_HOME_CAP];
	struct sr_place *home;
	int ret = sr_place_get(store, &store->home, &home);

	if (ret)
		return ret;
	snprintf(text, sizeof(text), "%s/%lld/%s", home->conn->fsid,
		 (long long)home->pool, store->home.name.ns);
	sr_place_put(store, home);
	return sr_value_take(name, text, strlen(text));
}

static int sr_home_others(struct store *store, struct sr_image *image,
			  bool *found)
{
	struct store_member *list;
	size_t count;
	int ret = sr_members(store, image->lu, &list, &count);

	if (ret)
		return ret;
	*found = false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].gateway, store->gateway) != 0)
			*found = true;
	free(list);
	return 0;
}

/* Once, not at each try. */
static int sr_home_refuse(struct sr_image *image, const struct sr_value *theirs,
			  const struct sr_value *ours)
{
	if (!image->homeless)
		log_line(
			LOG_LEVEL_ERROR, NULL, 0,
			"%s: its other gateways meet in %s (cluster, number of "
			"the pool, namespace), this one in %s: set pool and "
			"namespace in section store alike on all, or detach "
			"it everywhere to change that",
			image->lu, theirs->data, ours->data);
	image->homeless = true;
	return -EREMOTE;
}

/* -ECANCELED: it has changed meanwhile. */
static int sr_home_try(struct store *store, struct sr_place *place,
		       struct sr_image *image, const struct sr_value *ours)
{
	const char *const keys[] = {sr_home_key};
	struct sr_value theirs;
	bool others = false;
	int ret = sr_read(place, image->own, keys, 1, SR_HOME_CAP, &theirs);

	if (ret && ret != -ENOENT)
		return ret;
	ret = 0;
	if (!sr_value_same(&theirs, ours)) {
		if (theirs.data)
			ret = sr_home_others(store, image, &others);
		if (!ret && others)
			ret = sr_home_refuse(image, &theirs, ours);
		if (!ret)
			ret = sr_cas(place, image->own, false, &theirs, keys,
				     ours, 1);
	}
	sr_value_free(&theirs);
	return ret;
}

/*
 * An image of another cluster: a gateway that does not serve it would cut
 * others off in the home's cluster only, and record them as fenced.
 */
static int sr_home_near(struct sr_place *place, struct sr_image *image,
			const struct sr_value *ours)
{
	size_t len = strlen(place->conn->fsid);

	if (!strncmp(ours->data, place->conn->fsid, len) &&
	    ours->data[len] == '/')
		return 0;
	if (!image->homeless)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "%s: it is in another cluster (%s) than the one where "
			 "the gateways meet (%s): not served",
			 image->lu, place->conn->fsid, ours->data);
	image->homeless = true;
	return -EREMOTE;
}

int sr_home_check(struct store *store, struct sr_place *place,
		  struct sr_image *image)
{
	struct sr_value ours = {0};
	int ret = sr_home_name(store, &ours);

	if (ret)
		return ret;
	ret = sr_home_near(place, image, &ours);
	if (ret) {
		sr_value_free(&ours);
		return ret;
	}
	ret = -ECANCELED;
	for (int i = 0; ret == -ECANCELED && i < SR_HOME_TRIES; i++)
		ret = sr_home_try(store, place, image, &ours);
	sr_value_free(&ours);
	if (!ret)
		image->homeless = false;
	return ret == -ECANCELED ? -EBUSY : ret;
}
