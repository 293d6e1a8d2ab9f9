// SPDX-License-Identifier: GPL-2.0-only
/* Messages there and back, and those that must be refused. */
#include "cmocka_all.h"
#include "nlmsg.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>

#define BIT(attr) (1u << TCMU_ATTR_PR_##attr)

static struct nlmsghdr *build(const struct nlmsg *msg)
{
	struct nlmsghdr *nlh = nlmsg_build(msg, 77, NLM_F_REQUEST, 5);

	assert_non_null(nlh);
	assert_int_equal(nlh->nlmsg_type, 77);
	assert_int_equal(nlh->nlmsg_seq, 5);
	assert_int_equal(nlh->nlmsg_flags, NLM_F_REQUEST);
	return nlh;
}

static const struct nlmsg added = {
	.cmd = TCMU_PR_CMD_DEVICE_ADDED,
	.has = BIT(DEVICE) | BIT(BACKSTORE) | BIT(CONFIG) | BIT(SERIAL) |
	       BIT(SEQ),
	.device = "disk0",
	.backstore = "user_0/disk0",
	.config = "",
	.serial = "abc",
	.seq = 0x123456789abcdef0ull,
};

static void test_there_and_back(void **state)
{
	struct nlmsghdr *nlh = build(&added);
	struct nlmsg msg;

	(void)state;
	assert_int_equal(nlmsg_parse(&msg, nlh), 0);
	assert_int_equal(msg.cmd, added.cmd);
	assert_int_equal(msg.has, added.has);
	assert_string_equal(msg.device, "disk0");
	assert_string_equal(msg.backstore, "user_0/disk0");
	assert_string_equal(msg.config, "");
	assert_string_equal(msg.serial, "abc");
	assert_true(msg.seq == added.seq);
	free(nlh);
}

static void test_numbers(void **state)
{
	const struct nlmsg sent = {
		.cmd = TCMU_CMD_SET_PR_INFO,
		.has = BIT(DEVICE) | BIT(COOKIE) | BIT(SEQ) | BIT(INFO_SIZE) |
		       BIT(INFO_OFFSET) | BIT(SETTLED) | BIT(STATUS),
		.device = "d",
		.cookie = UINT64_MAX,
		.seq = 1,
		.info_size = 5,
		.info_offset = 2,
		.settled = 1,
		.status = 110,
		.info = "xyz",
		.info_len = 3,
	};
	struct nlmsghdr *nlh = build(&sent);
	struct nlmsg msg;

	(void)state;
	assert_int_equal(nlmsg_parse(&msg, nlh), 0);
	assert_true(msg.cookie == UINT64_MAX);
	assert_int_equal(msg.info_size, 5);
	assert_int_equal(msg.info_offset, 2);
	assert_int_equal(msg.settled, 1);
	assert_int_equal(msg.status, 110);
	assert_int_equal(msg.info_len, 3);
	assert_memory_equal(msg.info, "xyz", 3);
	free(nlh);
}

static void test_lease(void **state)
{
	const struct nlmsg sent = {
		.cmd = TCMU_PR_CMD_WELCOME,
		.has = BIT(TERM) | BIT(UNTIL) | BIT(LEASE_MS),
		.term = UINT64_MAX - 1,
		.until = 0x123456789abcdef0ull,
		.lease_ms = 15000,
	};
	struct nlmsg nothing = {.cmd = TCMU_PR_CMD_WELCOME};
	struct nlmsghdr *nlh = build(&sent);
	struct nlmsg msg;

	(void)state;
	assert_int_equal(nlmsg_parse(&msg, nlh), 0);
	assert_true(msg.term == sent.term);
	assert_true(msg.until == sent.until);
	assert_int_equal(msg.lease_ms, 15000);
	free(nlh);
	nlh = build(&nothing);
	assert_int_equal(nlmsg_parse(&msg, nlh), -EINVAL);
	free(nlh);
	nothing.cmd = TCMU_PR_CMD_QUIET;
	nlh = build(&nothing);
	assert_int_equal(nlmsg_parse(&msg, nlh), -EINVAL);
	free(nlh);
}

/* The longest string: one message, parts of 32 KiB, in order, nothing lost. */
static void test_long_string(void **state)
{
	size_t len = 2200000, got = 0, parts = 0;
	char *str = malloc(len);
	struct nlmsg msg = {
		.cmd = TCMU_PR_CMD_PUSH_PR_INFO,
		.has = BIT(DEVICE) | BIT(SEQ) | BIT(SETTLED),
		.device = "disk0",
		.seq = 1,
		.info = str,
		.info_len = len,
	};
	struct nlmsghdr *nlh;
	struct nlattr *attr;
	size_t i;

	(void)state;
	for (i = 0; i < len; i++)
		str[i] = (char)(i * 7 >> 3);
	nlh = build(&msg);
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) != TCMU_ATTR_PR_INFO)
			continue;
		assert_in_range(mnl_attr_get_payload_len(attr), 1,
				TCMU_PR_INFO_PART);
		assert_memory_equal(mnl_attr_get_payload(attr), str + got,
				    mnl_attr_get_payload_len(attr));
		got += mnl_attr_get_payload_len(attr);
		parts++;
	}
	assert_int_equal(got, len);
	assert_int_equal(parts, 68);
	free(nlh);
	free(str);
}

/* Each attribute of a command is needed. */
static void test_missing(void **state)
{
	struct nlmsg msg, parsed;
	struct nlmsghdr *nlh;
	unsigned int attr;

	(void)state;
	for (attr = 1; attr <= TCMU_ATTR_PR_MAX; attr++) {
		if (!(added.has & 1u << attr))
			continue;
		msg = added;
		msg.has &= ~(1u << attr);
		nlh = build(&msg);
		assert_int_equal(nlmsg_parse(&parsed, nlh), -EINVAL);
		free(nlh);
	}
}

static struct nlattr *attr_of(struct nlmsghdr *nlh, uint16_t type)
{
	struct nlattr *attr;

	mnl_attr_for_each(
		attr, nlh,
		sizeof(struct genlmsghdr)) if (mnl_attr_get_type(attr) ==
					       type) return attr;
	fail();
	return NULL;
}

static void test_malformed(void **state)
{
	struct nlmsghdr *nlh = build(&added);
	struct nlattr *attr;
	struct nlmsg msg;

	(void)state;
	/* A string that does not end. */
	attr = attr_of(nlh, TCMU_ATTR_PR_SERIAL);
	attr->nla_len--;
	assert_int_equal(nlmsg_parse(&msg, nlh), -EINVAL);
	attr->nla_len++;
	/* A number of another width. */
	attr = attr_of(nlh, TCMU_ATTR_PR_SEQ);
	attr->nla_len -= 4;
	assert_int_equal(nlmsg_parse(&msg, nlh), -EINVAL);
	attr->nla_len += 4;
	assert_int_equal(nlmsg_parse(&msg, nlh), 0);
	/* Too short for anything. */
	nlh->nlmsg_len = MNL_NLMSG_HDRLEN + 2;
	assert_int_equal(nlmsg_parse(&msg, nlh), -EINVAL);
	free(nlh);
}

/* What a newer module adds does no harm. */
static void test_unknown(void **state)
{
	struct nlmsg hello = {.cmd = TCMU_PR_CMD_LEASE,
			      .has = BIT(DEVICE) | BIT(SEQ),
			      .device = "d"};
	char buf[256] = {0};
	struct nlmsghdr *nlh = build(&hello);
	struct nlmsg msg;

	(void)state;
	memcpy(buf, nlh, nlh->nlmsg_len);
	free(nlh);
	nlh = (struct nlmsghdr *)buf;
	mnl_attr_put_u32(nlh, TCMU_ATTR_PR_MAX + 9, 1);
	assert_int_equal(nlmsg_parse(&msg, nlh), 0);
	((struct genlmsghdr *)mnl_nlmsg_get_payload(nlh))->cmd =
		TCMU_PR_CMD_MAX + 1;
	assert_int_equal(nlmsg_parse(&msg, nlh), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
