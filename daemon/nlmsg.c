// SPDX-License-Identifier: GPL-2.0-only
#include "nlmsg.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>

/* Where an attribute of struct nlmsg stands, and what it is. */
static const struct field {
	enum mnl_attr_data_type type; /* MNL_TYPE_UNSPEC: not in the table */
	size_t offset;
} fields[TCMU_ATTR_PR_MAX + 1] = {
#define FIELD(attr, type, member)                                              \
	[TCMU_ATTR_PR_##                                                       \
		attr] = {MNL_TYPE_##type, offsetof(struct nlmsg, member)}
	FIELD(DEVICE, NUL_STRING, device),
	FIELD(BACKSTORE, NUL_STRING, backstore),
	FIELD(CONFIG, NUL_STRING, config),
	FIELD(SERIAL, NUL_STRING, serial),
	FIELD(GATEWAY, NUL_STRING, gateway),
	FIELD(INCARNATION, U64, incarnation),
	FIELD(PROTOCOL, U32, protocol),
	FIELD(COOKIE, U64, cookie),
	FIELD(STATUS, U32, status),
	FIELD(SEQ, U64, seq),
	FIELD(SETTLED, U8, settled),
	FIELD(INFO_SIZE, U32, info_size),
	FIELD(INFO_OFFSET, U32, info_offset),
	FIELD(LEASE_MS, U32, lease_ms),
	FIELD(TERM, U64, term),
	FIELD(UNTIL, U64, until),
#undef FIELD
};

static const void *field_at(const struct nlmsg *msg, int attr)
{
	return (const char *)msg + fields[attr].offset;
}

static size_t field_size(const struct nlmsg *msg, int attr)
{
	switch (fields[attr].type) {
	case MNL_TYPE_U8:
		return sizeof(uint8_t);
	case MNL_TYPE_U32:
		return sizeof(uint32_t);
	case MNL_TYPE_U64:
		return sizeof(uint64_t);
	default:
		return strlen(*(const char *const *)field_at(msg, attr)) + 1;
	}
}

static bool field_set(const struct nlmsg *msg, int attr)
{
	return fields[attr].type != MNL_TYPE_UNSPEC &&
	       (msg->has & nlmsg_bit((enum tcmu_pr_attr)attr));
}

static size_t parts(size_t len)
{
	return (len + TCMU_PR_INFO_PART - 1) / TCMU_PR_INFO_PART;
}

static size_t size_of(const struct nlmsg *msg)
{
	size_t size = MNL_NLMSG_HDRLEN + MNL_ALIGN(GENL_HDRLEN);
	int attr;

	for (attr = 1; attr <= TCMU_ATTR_PR_MAX; attr++)
		if (field_set(msg, attr))
			size += MNL_ATTR_HDRLEN +
				MNL_ALIGN(field_size(msg, attr));
	return size + msg->info_len +
	       parts(msg->info_len) * (MNL_ATTR_HDRLEN + MNL_ALIGNTO);
}

static void put_fields(struct nlmsghdr *nlh, const struct nlmsg *msg)
{
	const void *data;
	int attr;

	for (attr = 1; attr <= TCMU_ATTR_PR_MAX; attr++) {
		if (!field_set(msg, attr))
			continue;
		data = field_at(msg, attr);
		if (fields[attr].type == MNL_TYPE_NUL_STRING)
			data = *(const char *const *)data;
		mnl_attr_put(nlh, (uint16_t)attr, field_size(msg, attr), data);
	}
}

static void put_info(struct nlmsghdr *nlh, const struct nlmsg *msg)
{
	size_t at, len;

	for (at = 0; at < msg->info_len; at += len) {
		len = msg->info_len - at;
		if (len > TCMU_PR_INFO_PART)
			len = TCMU_PR_INFO_PART;
		mnl_attr_put(nlh, TCMU_ATTR_PR_INFO, len, msg->info + at);
	}
}

struct nlmsghdr *nlmsg_build(const struct nlmsg *msg, uint16_t family,
			     uint16_t flags, uint32_t nlseq)
{
	char *buf = calloc(1, size_of(msg));
	struct genlmsghdr *genl;
	struct nlmsghdr *nlh;

	if (!buf)
		return NULL;
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = flags;
	nlh->nlmsg_seq = nlseq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = msg->cmd;
	genl->version = TCMU_PR_FAMILY_VERSION;
	put_fields(nlh, msg);
	put_info(nlh, msg);
	return nlh;
}

static int take_field(struct nlmsg *msg, const struct nlattr *attr, int type)
{
	void *to = (char *)msg + fields[type].offset;

	/* Exact lengths: nothing is guessed from a longer or shorter one. */
	if (mnl_attr_validate(attr, fields[type].type) < 0)
		return MNL_CB_ERROR;
	if (fields[type].type == MNL_TYPE_NUL_STRING)
		*(const char **)to = mnl_attr_get_str(attr);
	else
		memcpy(to, mnl_attr_get_payload(attr),
		       mnl_attr_get_payload_len(attr));
	return MNL_CB_OK;
}

static int take_attr(const struct nlattr *attr, void *data)
{
	struct nlmsg *msg = data;
	int type = mnl_attr_get_type(attr);

	/* A newer module may say more. */
	if (type > TCMU_ATTR_PR_MAX)
		return MNL_CB_OK;
	if (type == TCMU_ATTR_PR_INFO) {
		msg->info = mnl_attr_get_payload(attr);
		msg->info_len = mnl_attr_get_payload_len(attr);
	} else if (fields[type].type != MNL_TYPE_UNSPEC) {
		if (take_field(msg, attr, type) != MNL_CB_OK)
			return MNL_CB_ERROR;
	}
	msg->has |= nlmsg_bit((enum tcmu_pr_attr)type);
	return MNL_CB_OK;
}

#define NEED(attr) (1u << TCMU_ATTR_PR_##attr)

/* What each command of the module must carry. */
static const uint32_t needs[TCMU_PR_CMD_MAX + 1] = {
	[TCMU_PR_CMD_DEVICE_ADDED] = NEED(DEVICE) | NEED(BACKSTORE) |
				     NEED(CONFIG) | NEED(SERIAL) | NEED(SEQ),
	[TCMU_PR_CMD_DEVICE_REMOVED] = NEED(DEVICE),
	[TCMU_CMD_GET_PR_INFO] = NEED(DEVICE) | NEED(COOKIE),
	[TCMU_CMD_SET_PR_INFO] = NEED(DEVICE) | NEED(COOKIE) | NEED(SEQ) |
				 NEED(INFO) | NEED(INFO_SIZE) |
				 NEED(INFO_OFFSET),
	[TCMU_PR_CMD_PUSH_PR_INFO_DONE] =
		NEED(DEVICE) | NEED(SEQ) | NEED(STATUS),
	[TCMU_PR_CMD_SETTLE] = NEED(DEVICE) | NEED(SEQ),
	[TCMU_PR_CMD_WELCOME] = NEED(TERM),
	[TCMU_PR_CMD_QUIET] = NEED(TERM),
};

int nlmsg_parse(struct nlmsg *msg, const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	memset(msg, 0, sizeof(*msg));
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
		return -EINVAL;
	msg->cmd = genl->cmd;
	if (mnl_attr_parse(nlh, sizeof(*genl), take_attr, msg) != MNL_CB_OK)
		return -EINVAL;
	if (msg->cmd > TCMU_PR_CMD_MAX ||
	    (msg->has & needs[msg->cmd]) != needs[msg->cmd])
		return -EINVAL;
	return 0;
}
