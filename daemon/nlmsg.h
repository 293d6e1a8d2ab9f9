/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of tcmu_pr.h as structs, both ways.  No socket here. */
#ifndef TPR_NLMSG_H
#define TPR_NLMSG_H

#include "tcmu_pr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/*
 * A message.  Strings are NULL when absent; has(), below, tells of the
 * numbers.  What a parsed message points to is in the netlink message.
 */
struct nlmsg {
	uint8_t cmd; /* enum tcmu_pr_cmd */
	uint32_t has; /* bit 1 << attribute */
	const char *device;
	const char *backstore;
	const char *config;
	const char *serial;
	const char *gateway;
	uint64_t incarnation;
	uint32_t protocol;
	uint64_t cookie;
	uint32_t status;
	uint64_t seq;
	uint8_t settled;
	uint32_t info_size;
	uint32_t info_offset;
	const char *info; /* parsed: the first PR_INFO */
	size_t info_len;
	uint32_t lease_ms;
	uint64_t term;
	uint64_t until;
};

static inline uint32_t nlmsg_bit(enum tcmu_pr_attr attr)
{
	return 1u << attr;
}

/*
 * The netlink message, from malloc(), of those members whose bit is set in
 * @msg->has; the string is cut into as many PR_INFO as it needs.  NULL when
 * there is no memory.
 */
struct nlmsghdr *nlmsg_build(const struct nlmsg *msg, uint16_t family,
			     uint16_t flags, uint32_t nlseq);

/*
 * Reads @nlh, a message of the module.  -EINVAL if an attribute is malformed
 * or one that its command needs is missing.
 */
int nlmsg_parse(struct nlmsg *msg, const struct nlmsghdr *nlh);

#endif
