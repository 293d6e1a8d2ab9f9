// SPDX-License-Identifier: GPL-2.0-only
/*
 * The version's key of the RADOS store, and the mark that there has been a
 * version: see store_rados.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

const char sr_info_key[] = "metadata_tcmu_pr_info";
const char sr_version_key[] = "metadata_tcmu_pr_version";
static const char sr_created_key[] = "created";

enum {
	SR_BUMPS = 16, /* tries, as others write, too */
};

void sr_token(struct store *store, char token[SR_TOKEN_CAP])
{
	unsigned long long n = atomic_fetch_add(&store->counter, 1) + 1;

	snprintf(token, SR_TOKEN_CAP, "%s/%016" PRIx64 "/%llx", store->gateway,
		 store->incarnation, n);
}

int sr_version_make(struct sr_value *value, uint64_t seq, const char *image,
		    const char *writer, const char *touched)
{
	char *text;
	int len;

	len = asprintf(&text, "seq %" PRIu64 " image %s writer %s%s%s", seq,
		       image, writer, touched ? " touched " : "",
		       touched ? touched : "");
	if (len < 0)
		return -ENOMEM;
	*value = (struct sr_value){text, len};
	return 0;
}

/* The word after "@name ", which ends with a space or the text. */
static bool sr_word(const char **text, const char *name, char *word, size_t cap)
{
	size_t len = strlen(name);

	if (strncmp(*text, name, len) || (*text)[len] != ' ')
		return false;
	*text += len + 1;
	len = strcspn(*text, " ");
	if (!len || len >= cap)
		return false;
	memcpy(word, *text, len);
	word[len] = '\0';
	*text += len;
	if (**text == ' ' && (*text)[1])
		(*text)++;
	return true;
}

/* No key: version 0, of this image. */
int sr_version_parse(const struct sr_value *value, struct sr_version *version)
{
	char word[SR_TOKEN_CAP];
	const char *p = value->data;
	const char *digits = word;

	*version = (struct sr_version){0};
	if (!p)
		return 0;
	if (strlen(p) != value->len || !sr_word(&p, "seq", word, sizeof(word)) ||
	    !sr_parse_u64(&digits, &version->seq) || *digits)
		return -EBADMSG;
	if (!sr_word(&p, "image", version->image, sizeof(version->image)) ||
	    !sr_word(&p, "writer", version->writer, sizeof(version->writer)))
		return -EBADMSG;
	if (*p && !sr_word(&p, "touched", word, sizeof(word)))
		return -EBADMSG;
	return *p ? -EBADMSG : 0;
}

int sr_version_known(struct sr_image *image, struct sr_value *value,
		     bool *foreign)
{
	int ret;

	*value = (struct sr_value){0};
	pthread_mutex_lock(&image->lock);
	ret = sr_value_copy(value, &image->version);
	*foreign = image->foreign;
	pthread_mutex_unlock(&image->lock);
	return ret;
}

/* Without memory, nothing is known. */
void sr_version_know(struct sr_image *image, const struct sr_value *value,
		     bool foreign)
{
	pthread_mutex_lock(&image->lock);
	if (sr_value_copy(&image->version, value))
		sr_value_free(&image->version);
	image->foreign = foreign;
	pthread_mutex_unlock(&image->lock);
}

int sr_bump(struct store *store, struct sr_place *place,
	    struct sr_image *image, const struct sr_value *old)
{
	const char *const keys[] = {sr_version_key};
	char token[SR_TOKEN_CAP];
	struct sr_version version;
	struct sr_value value;
	int ret = sr_version_parse(old, &version);

	if (ret)
		return ret;
	sr_token(store, token);
	if (old->data)
		ret = sr_version_make(&value, version.seq, version.image,
				      version.writer, token);
	else
		ret = sr_version_make(&value, 0, image->identity, token, NULL);
	if (ret)
		return ret;
	ret = sr_cas(place, image->header, true, old, keys, &value, 1);
	sr_value_free(&value);
	return ret;
}

/* Eight bytes, least first.  No key: all data are where the header is. */
static int sr_data_pool(const struct sr_value *value, int64_t *pool)
{
	uint64_t number = 0;

	*pool = -1;
	if (!value->data)
		return 0;
	if (value->len != sizeof(number))
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(number); i++)
		number |= (uint64_t)(unsigned char)value->data[i] << 8 * i;
	if (number > INT64_MAX)
		return -EBADMSG;
	*pool = number;
	return 0;
}

int sr_bump_any(struct store *store, struct sr_place *place,
		struct sr_image *image)
{
	const char *const keys[] = {sr_version_key, "data_pool_id"};
	int ret = -ECANCELED;

	for (int i = 0; ret == -ECANCELED && i < SR_BUMPS; i++) {
		struct sr_value old[2];

		ret = sr_read(place, image->header, keys, 2, SR_VERSION_MAX,
			      old);
		if (ret == -EFBIG)
			ret = -EBADMSG;
		/* It is the same for the image's life. */
		if (!ret && !image->served)
			ret = sr_data_pool(&old[1], &image->data_pool);
		if (!ret)
			ret = sr_bump(store, place, image, &old[0]);
		sr_value_free(&old[0]);
		sr_value_free(&old[1]);
	}
	return ret == -ECANCELED ? -EBUSY : sr_image_ret(ret);
}

int sr_marker_look(struct sr_place *place, struct sr_image *image, bool *there)
{
	const char *const keys[] = {sr_created_key};
	struct sr_value value = {0};
	int ret;

	*there = false;
	ret = sr_read(place, image->own, keys, 1, SR_RECORD_MAX, &value);
	if (!ret)
		*there = value.data != NULL;
	sr_value_free(&value);
	image->marked = *there;
	return ret == -ENOENT ? 0 : ret;
}

int sr_marker_make(struct sr_place *place, struct sr_image *image)
{
	const char *const keys[] = {sr_created_key};
	const struct sr_value value = {(char *)"1", 1}, none = {0};
	int ret = sr_cas(place, image->own, false, &none, keys, &value, 1);

	if (ret && ret != -ECANCELED)
		return ret;
	image->marked = true;
	return 0;
}
