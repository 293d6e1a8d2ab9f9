// SPDX-License-Identifier: GPL-2.0-only
/*
 * Versions in the RADOS store: load and swap.  Why this is right is argued in
 * store_rados.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

static const char *const sr_keys[] = {sr_version_key, sr_info_key};
/* What mark_lost() replaces, for the administrator. */
static const char sr_before_key[] = "metadata_tcmu_pr_info_before";

enum {
	SR_VERSION,
	SR_INFO,
	SR_COUNT,
	SR_LOOKS = 3,
	SR_TRIES = 64,
};

/* One reading of the header. */
struct sr_view {
	struct sr_value values[SR_COUNT];
	struct sr_version version;
	bool foreign;
};

static void sr_view_free(struct sr_view *view)
{
	for (int i = 0; i < SR_COUNT; i++)
		sr_value_free(&view->values[i]);
}

static int sr_view_take(const struct sr_image *image, struct sr_view *view)
{
	int ret = 0;

	if (view->values[SR_VERSION].len > SR_VERSION_MAX)
		ret = -EBADMSG;
	if (!ret)
		ret = sr_version_parse(&view->values[SR_VERSION],
				       &view->version);
	view->foreign = view->values[SR_VERSION].data &&
			strcmp(view->version.image, image->identity);
	if (ret)
		sr_view_free(view);
	return ret;
}

/* @count: SR_COUNT, or 1: without the string. */
static int sr_view_read(struct sr_place *place, const struct sr_image *image,
			size_t count, struct sr_view *view)
{
	int ret;

	*view = (struct sr_view){0};
	ret = sr_read(place, image->header, sr_keys, count, SR_STRING_MAX,
		      view->values);
	if (ret)
		return sr_image_ret(ret);
	return sr_view_take(image, view);
}

/*
 * The same; -ENOENT: never created.  -ENODATA: lost.  @view is set with both.
 * While it is being created, the marker and the version both appear between
 * two readings.
 */
static int sr_look(struct sr_place *place, struct sr_image *image,
		   struct sr_view *view)
{
	for (int looks = 1;; looks++) {
		int ret = sr_view_read(place, image, SR_COUNT, view);
		bool there = false;

		if (ret || view->version.seq)
			return ret;
		ret = sr_marker_look(place, image, &there);
		if (ret) {
			sr_view_free(view);
			return ret;
		}
		/* Or a string of which nobody knows the version. */
		if (!there && !view->values[SR_INFO].data)
			return -ENOENT;
		if (looks == SR_LOOKS)
			return -ENODATA;
		sr_view_free(view);
	}
}

/* Its writer may have crashed before it came to that. */
static int sr_complete(struct sr_place *place, struct sr_image *image)
{
	bool there;
	int ret;

	if (image->marked)
		return 0;
	ret = sr_marker_look(place, image, &there);
	if (ret || there)
		return ret;
	return sr_marker_make(place, image);
}

/* A string that is missing, but not its version, is an empty one. */
static int sr_load_give(struct sr_view *view, char **str, size_t *len,
			uint64_t *seq)
{
	struct sr_value *info = &view->values[SR_INFO];
	int ret = info->data ? 0 : sr_value_take(info, "", 0);

	if (ret)
		return ret;
	*str = info->data;
	*len = info->len;
	*seq = view->version.seq;
	*info = (struct sr_value){0};
	return view->foreign ? -EXDEV : 0;
}

static int sr_load_from(struct sr_place *place, struct sr_image *image,
			char **str, size_t *len, uint64_t *seq)
{
	struct sr_view view;
	int ret = sr_look(place, image, &view);

	if (!ret && !view.foreign)
		ret = sr_complete(place, image);
	if (!ret) {
		sr_version_know(image, &view.values[SR_VERSION], view.foreign);
		ret = sr_load_give(&view, str, len, seq);
	}
	sr_view_free(&view);
	return ret;
}

int sr_load(struct store *store, const char *lu, char **str, size_t *len,
	    uint64_t *seq)
{
	struct sr_image *image;
	struct sr_place *place;
	int ret = sr_image_get(store, lu, false, &image);

	if (ret)
		return ret;
	ret = sr_place_get(store, &image->target, &place);
	if (!ret) {
		ret = sr_load_from(place, image, str, len, seq);
		sr_place_put(store, place);
	}
	sr_image_put(store, image);
	return ret;
}

/* Swap */

/* A version about to be stored. */
struct sr_next {
	struct store *store;
	struct sr_image *image;
	struct sr_place *place;
	uint64_t seq;
	bool lost; /* it stands for one that is: versions may be missing */
	char token[SR_TOKEN_CAP];
	struct sr_value values[SR_COUNT + 1]; /* the string is the caller's */
	/* What the store has to have, so that it can be put in its place. */
	struct sr_value old;
	struct sr_value before; /* with lost: the string that was there */
	/* What this gateway has loaded or stored last, ... */
	struct sr_value known;
	bool known_foreign;
	bool tried; /* ... and that is not there any more */
};

static int sr_next_make(struct sr_next *next, const char *str, size_t len)
{
	int ret = sr_version_known(next->image, &next->known,
				   &next->known_foreign);

	sr_token(next->store, next->token);
	next->values[SR_INFO] = (struct sr_value){(char *)str, len};
	if (!ret)
		ret = sr_version_make(&next->values[SR_VERSION], next->seq,
				      next->image->identity, next->token, NULL);
	return ret;
}

static void sr_next_free(struct sr_next *next)
{
	sr_value_free(&next->values[SR_VERSION]);
	sr_value_free(&next->old);
	sr_value_free(&next->before);
	sr_value_free(&next->known);
	sr_place_put(next->store, next->place);
}

/*
 * Is @view, which has the number that the caller expects, also the version that
 * it has seen?  Not another image's that has been put there since; what is
 * there may only have been bumped.
 */
static bool sr_is_expected(const struct sr_next *next,
			   const struct sr_view *view)
{
	struct sr_version known;

	if (sr_version_parse(&next->known, &known) ||
	    known.seq != view->version.seq)
		return !view->foreign;
	return view->foreign == next->known_foreign &&
	       !strcmp(view->version.image, known.image) &&
	       !strcmp(view->version.writer, known.writer);
}

/* Takes from @view what to compare with.  -EEXIST: it was done before. */
static int sr_base_take(struct sr_next *next, struct sr_view *view)
{
	bool good;

	if (!strcmp(view->version.writer, next->token))
		return -EEXIST;
	if (next->lost)
		good = view->version.seq < next->seq && !view->foreign;
	else
		good = view->version.seq == next->seq - 1 &&
		       (!view->version.seq || sr_is_expected(next, view));
	if (!good)
		return -EAGAIN;
	sr_value_free(&next->old);
	next->old = view->values[SR_VERSION];
	view->values[SR_VERSION] = (struct sr_value){0};
	sr_value_free(&next->before);
	next->before = view->values[SR_INFO];
	view->values[SR_INFO] = (struct sr_value){0};
	return 0;
}

/* Is there no version, and may that be? */
static bool sr_none(const struct sr_next *next, int ret)
{
	return (ret == -ENOENT && (next->lost || next->seq == 1)) ||
	       (ret == -ENODATA && next->lost);
}

/* What is to be replaced?  From memory, if that is known and was not wrong. */
static int sr_base(struct sr_next *next)
{
	struct sr_version known;
	struct sr_view view;
	int ret;

	if (!next->tried && !next->lost && next->seq > 1 && next->known.data &&
	    !sr_version_parse(&next->known, &known) &&
	    known.seq == next->seq - 1)
		return sr_value_copy(&next->old, &next->known);
	if (!next->lost && next->seq > 1)
		ret = sr_view_read(next->place, next->image, 1, &view);
	else
		ret = sr_look(next->place, next->image, &view);
	if (!ret && !view.version.seq && next->seq > 1 && !next->lost) {
		sr_view_free(&view);
		ret = sr_look(next->place, next->image, &view);
	}
	if (!ret || sr_none(next, ret))
		ret = sr_base_take(next, &view);
	sr_view_free(&view);
	return ret;
}

/* Until that is done, the write may be: whatever came of it, and be it @err. */
static int sr_unclear_bump(struct sr_next *next, int err)
{
	int ret = sr_bump(next->store, next->place, next->image, &next->old);

	if (!ret)
		return err;
	return ret == -ECANCELED ? ret : -EINPROGRESS;
}

/*
 * Nobody knows what became of the write that compared with next->old.
 * -EEXIST: it was done.  -EINPROGRESS: that stays unknown.  Others: it was not
 * done and never will be; -EAGAIN: somebody else's was.
 */
static int sr_unclear_look(struct sr_next *next, int err)
{
	struct sr_view view;
	int ret = sr_view_read(next->place, next->image, 1, &view);

	if (ret)
		return -EINPROGRESS;
	if (!strcmp(view.version.writer, next->token))
		ret = -EEXIST;
	else if (view.version.seq > next->seq)
		ret = -EINPROGRESS;
	else if (view.version.seq == next->seq)
		ret = -EAGAIN;
	else if (!sr_value_same(&view.values[SR_VERSION], &next->old))
		ret = err;
	else
		ret = sr_unclear_bump(next, err);
	sr_view_free(&view);
	return ret;
}

/* A new connection, if its client is of no use any more. */
static int sr_renew(struct sr_next *next)
{
	sr_place_put(next->store, next->place);
	next->place = NULL;
	return sr_place_get(next->store, &next->image->target, &next->place);
}

static int sr_unclear(struct sr_next *next, int err)
{
	int ret = -ECANCELED;

	if (sr_renew(next))
		return -EINPROGRESS;
	for (int i = 0; ret == -ECANCELED && i < SR_TRIES; i++)
		ret = sr_unclear_look(next, err);
	return ret == err || ret == -EEXIST || ret == -EAGAIN ? ret
							      : -EINPROGRESS;
}

/* -ECANCELED: something else stood there. */
static int sr_put(struct sr_next *next)
{
	const char *const keys[] = {sr_version_key, sr_info_key,
				    sr_before_key};
	bool keep = next->lost && next->before.data;
	int ret;

	next->values[SR_COUNT] = next->before;
	ret = sr_cas(next->place, next->image->header, true, &next->old, keys,
		     next->values, keep ? SR_COUNT + 1 : SR_COUNT);
	next->tried = true;
	if (!sr_is_unclear(ret))
		return sr_image_ret(ret);
	return sr_unclear(next, ret);
}

static int sr_put_in(struct sr_next *next)
{
	bool renewed = false;
	int ret = -ECANCELED;

	for (int i = 0; i < SR_TRIES; i++) {
		ret = sr_base(next);
		if (!ret)
			ret = sr_put(next);
		/* Blocklisted, and so it was not done: by another client. */
		if (ret == -ESHUTDOWN && !renewed) {
			renewed = true;
			if (sr_renew(next))
				break;
			continue;
		}
		if (ret != -ECANCELED)
			break;
	}
	if (ret == -EEXIST)
		ret = 0;
	if (ret)
		return ret == -ECANCELED ? -EAGAIN : ret;
	sr_version_know(next->image, &next->values[SR_VERSION], false);
	if (next->image->marked)
		return 0;
	return sr_marker_make(next->place, next->image) ? -EINPROGRESS : 0;
}

static int sr_store_next(struct sr_next *next, const char *lu, const char *str,
			 size_t len)
{
	int ret;

	if (len > SR_STRING_MAX)
		return -EFBIG;
	ret = sr_image_get(next->store, lu, false, &next->image);
	if (ret)
		return ret;
	ret = sr_place_get(next->store, &next->image->target, &next->place);
	if (!ret)
		ret = sr_next_make(next, str, len);
	if (!ret)
		ret = sr_put_in(next);
	sr_next_free(next);
	sr_image_put(next->store, next->image);
	return ret;
}

int sr_swap(struct store *store, const char *lu, uint64_t expected,
	    const char *str, size_t len)
{
	struct sr_next next = {.store = store, .seq = expected + 1};

	if (expected == UINT64_MAX)
		return -EOVERFLOW;
	return sr_store_next(&next, lu, str, len);
}

int sr_mark_lost(struct store *store, const char *lu, uint64_t seq,
		 const char *str, size_t len)
{
	struct sr_next next = {.store = store, .seq = seq, .lost = true};

	if (!seq)
		return -EINVAL;
	return sr_store_next(&next, lu, str, len);
}
