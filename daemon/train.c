// SPDX-License-Identifier: GPL-2.0-only
#include "train.h"
#include "tpr_string.h"

#include <stdlib.h>

struct train {
	struct train *next;
	char device[64];
	uint64_t cookie;
	uint64_t seq;
	size_t size, got;
	char str[];
};

static struct train **find(struct trains *trains, const char *device)
{
	struct train **at = &trains->first;

	while (*at && strcmp((*at)->device, device))
		at = &(*at)->next;
	return at;
}

void train_drop(struct trains *trains, const char *device)
{
	struct train **at = find(trains, device);
	struct train *train = *at;

	if (!train)
		return;
	*at = train->next;
	free(train);
}

void trains_drop(struct trains *trains)
{
	while (trains->first)
		train_drop(trains, trains->first->device);
}

static int start(struct trains *trains, const struct nlmsg *msg)
{
	struct train *train;

	if (strlen(msg->device) >= sizeof(train->device) ||
	    msg->info_size > tpr_encoded_max(TPR_REGS_MAX))
		return -EINVAL;
	train = calloc(1, sizeof(*train) + msg->info_size);
	if (!train)
		return -ENOMEM;
	strcpy(train->device, msg->device);
	train->cookie = msg->cookie;
	train->seq = msg->seq;
	train->size = msg->info_size;
	train->next = trains->first;
	trains->first = train;
	return 0;
}

static bool continues(const struct train *train, const struct nlmsg *msg)
{
	return train && train->cookie == msg->cookie &&
	       train->seq == msg->seq && train->size == msg->info_size &&
	       train->got == msg->info_offset && msg->info_len &&
	       msg->info_len <= train->size - train->got;
}

static int finish(struct trains *trains, struct train *train, char **str,
		  size_t *len)
{
	char *copy = malloc(train->size);

	if (copy) {
		memcpy(copy, train->str, train->size);
		*str = copy;
		*len = train->size;
	}
	train_drop(trains, train->device);
	return copy ? 1 : -ENOMEM;
}

int train_take(struct trains *trains, const struct nlmsg *msg, char **str,
	       size_t *len)
{
	struct train *train;
	int rc;

	/* A first part ends whatever was left unfinished before. */
	if (!msg->info_offset) {
		train_drop(trains, msg->device);
		rc = start(trains, msg);
		if (rc)
			return rc;
	}
	train = *find(trains, msg->device);
	if (!continues(train, msg)) {
		train_drop(trains, msg->device);
		return -EINVAL;
	}
	memcpy(train->str + train->got, msg->info, msg->info_len);
	train->got += msg->info_len;
	if (train->got < train->size)
		return 0;
	return finish(trains, train, str, len);
}
