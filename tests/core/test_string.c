// SPDX-License-Identifier: GPL-2.0-only
/* The string: literal examples, what is read and written, limits. */
#include <time.h>

#include "literals.h"

/* CRC32C bit by bit, so that the core's table is not its own judge. */
static u32 crc_bitwise(const char *s, size_t len)
{
	u32 crc = 0xffffffff;
	int bit;

	while (len--) {
		crc ^= (u8)*s++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void test_crc32c(void **unused)
{
	static const u8 zeroes[32];
	char text[300];
	u32 i;

	(void)unused;
	assert_int_equal(tpr_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(tpr_crc32c(0, "", 0), 0);
	/* RFC 7143 and RFC 3720 B.4: 32 bytes of zeroes */
	assert_int_equal(tpr_crc32c(0, zeroes, 32), 0x8a9136aa);
	for (i = 0; i < sizeof(text); i++) {
		text[i] = (char)(i * 7);
		assert_int_equal(tpr_crc32c(0, text, i), crc_bitwise(text, i));
	}
	/* in pieces */
	i = tpr_crc32c(0, text, 100);
	assert_int_equal(tpr_crc32c(i, text + 100, 200),
			 tpr_crc32c(0, text, 300));
}

static void test_golden(void **unused)
{
	struct tcmu_pr_info *info = empty_state(7);
	struct tpr_string_error err;
	char buf[BUF_MAX];
	size_t len = sizeof(golden) - 1;
	u32 i;

	(void)unused;
	assert_int_equal(crc_bitwise(golden, len - CRC_LEN),
			 strtoul(golden + len - 11, NULL, 16));
	assert_int_equal(decode(info, golden, len, &err), 0);
	assert_null(err.what);
	assert_true(tpr_info_valid(info));
	memset(buf, POISON, sizeof(buf));
	assert_int_equal(tpr_encode(info, buf, len), len);
	assert_memory_equal(buf, golden, len);
	assert_int_equal((u8)buf[len], POISON);
	assert_int_equal(tpr_peek_regs(golden, len), 7);
	/* any less room does not do */
	for (i = 0; i < len; i++) {
		memset(buf, POISON, sizeof(buf));
		assert_int_equal(tpr_encode(info, buf, i), -ENOSPC);
		assert_int_equal((u8)buf[i], POISON);
	}
	free(info);
}

static void test_golden_fields(void **unused)
{
	struct tcmu_pr_info *info = empty_state(9);
	struct tpr_string_error err;
	const struct tpr_reg *r = info->regs;

	(void)unused;
	assert_int_equal(decode(info, golden, sizeof(golden) - 1, &err), 0);
	assert_int_equal(info->vers, 1);
	assert_true(info->seq == ~0ULL - 1);
	assert_false(info->scsi2_held);
	assert_int_equal(info->gen, 0xffffffff);
	assert_int_equal(info->rsv.type, 3);
	assert_int_equal(info->rsv.holder, 2);
	assert_true(info->aptpl);
	assert_string_equal(info->device, "tcmu:600140512345678,~!");
	assert_int_equal(info->num_changes, 8);
	assert_int_equal(info->changes[2].order.action, TPR_ACT_REGISTER_IGNORE);
	assert_string_equal(info->changes[3].writer.gateway, "gw_2.example");
	assert_true(info->changes[2].writer.incarnation == ~0ULL);
	assert_true(info->changes[2].writer.count == ~0ULL);
	assert_int_equal(info->num_regs, 7);
	assert_int_equal(info->max_regs, 9);
	assert_true(r[0].all_tg_pt && !r[1].all_tg_pt && r[5].all_tg_pt);
	assert_string_equal(r[0].nexus.target, "");
	assert_string_equal(r[1].nexus.target, "50:01");
	assert_int_equal(r[2].nexus.proto, TPR_PROTO_SRP);
	assert_int_equal(r[2].nexus.tag, 1);
	assert_int_equal(r[2].nexus.rtpi, 2);
	assert_true(r[6].key == 0x1000000000000000);
	assert_int_equal(r[6].nexus.proto, TPR_PROTO_SAS);
	assert_memory_equal(r[5].nexus.isid, "\0\x02\x3d\0\0\x02", 6);
	free(info);
}

static void test_golden_orders(void **unused)
{
	static const struct tpr_order none;
	struct tcmu_pr_info *info = empty_state(9);
	struct tpr_string_error err;
	const struct tpr_change *c = info->changes;

	(void)unused;
	assert_int_equal(decode(info, golden, sizeof(golden) - 1, &err), 0);
	assert_memory_equal(&c[0].order, &none, sizeof(none));
	assert_int_equal(c[1].order.action, TPR_ACT_REGISTER);
	assert_int_equal(c[1].order.sa_key, 0xac);
	assert_int_equal(c[1].order.scope_type, 0);
	assert_int_equal(c[1].order.flags, 4);
	assert_string_equal(c[1].order.nexus.initiator,
			    "iqn.2026-01.com.example:a");
	assert_memory_equal(c[1].order.nexus.isid, "\0\x02\x3d\0\0\x02", 6);
	assert_string_equal(c[1].order.nexus.target, "iqn.t");
	assert_int_equal(c[1].order.nexus.proto, TPR_PROTO_ISCSI);
	assert_int_equal(c[1].order.nexus.tag, 1);
	assert_true(c[2].order.sa_key == ~0ULL);
	assert_int_equal(c[2].order.scope_type, 255);
	assert_int_equal(c[2].order.flags, 255);
	assert_int_equal(c[2].order.nexus.tag, 0xffff);
	assert_int_equal(c[2].order.nexus.rtpi, 65535);
	assert_int_equal(c[3].order.sa_key, 0);
	assert_int_equal(c[3].order.scope_type, 3);
	assert_int_equal(c[6].order.action, TPR_ACT_PREEMPT);
	assert_true(c[6].order.sa_key == 0x0123456789abcdef);
	assert_int_equal(c[6].order.flags, 1);
	free(info);
}

static void test_spc2(void **unused)
{
	static const u8 actions[] = {
		TPR_ACT_SPC2_RESERVE, TPR_ACT_POWER_LOSS,   TPR_ACT_LU_RESET,
		TPR_ACT_NEXUS_LOSS,   TPR_ACT_SPC2_RELEASE, TPR_ACT_REPLACE_LOST,
		TPR_ACT_REGISTER_MOVE, TPR_ACT_PREEMPT_ABORT,
	};
	struct tcmu_pr_info *info = empty_state(0);
	struct tpr_string_error err;
	size_t len = sizeof(spc2) - 1;
	char buf[BUF_MAX];
	u32 i;

	(void)unused;
	assert_int_equal(crc_bitwise(spc2, len - CRC_LEN),
			 strtoul(spc2 + len - 11, NULL, 16));
	assert_int_equal(decode(info, spc2, len, &err), 0);
	assert_true(info->scsi2_held);
	/* the gateway's name is no keyword here */
	assert_string_equal(info->scsi2_gateway, "none");
	assert_string_equal(info->scsi2_holder.initiator, "iqn.h");
	assert_memory_equal(info->scsi2_holder.isid, "\1\x23\x45\x67\x89\xab",
			    6);
	assert_string_equal(info->scsi2_holder.target, "iqn.t");
	assert_int_equal(info->scsi2_holder.tag, 0xffff);
	assert_int_equal(info->scsi2_holder.rtpi, 65535);
	for (i = 0; i < COUNT(actions); i++)
		assert_int_equal(info->changes[i].order.action, actions[i]);
	assert_int_equal(tpr_encode(info, buf, sizeof(buf)), len);
	assert_memory_equal(buf, spc2, len);
	assert_int_equal(tpr_peek_regs(spc2, len), 0);
	free(info);
}

static void test_repaired(void **unused)
{
	struct tcmu_pr_info *info = empty_state(0), *made = state("g0");
	struct tpr_writer w = {"gw-1", 0x0123456789abcdef, 2};
	struct tpr_string_error err;
	size_t len = sizeof(repaired) - 1;
	char buf[BUF_MAX];

	(void)unused;
	assert_int_equal(decode(info, repaired, len, &err), 0);
	assert_int_equal(info->seq, 5);
	assert_int_equal(info->num_changes, 1);
	assert_int_equal(tpr_encode(info, buf, sizeof(buf)), len);
	assert_memory_equal(buf, repaired, len);
	tpr_begin_anew(made, 4);
	assert_true(tpr_info_valid(made));
	assert_int_equal(tpr_encode(made, buf, sizeof(buf)), -EINVAL);
	tpr_stamp(made, &w, &(struct tpr_order){.action = TPR_ACT_REPAIR});
	strcpy(made->device, info->device);
	assert_int_equal(tpr_encode(made, buf, sizeof(buf)), len);
	assert_memory_equal(buf, repaired, len);
	free(made);
	free(info);
}

static void test_small_is_what_the_state_says(void **unused)
{
	struct tcmu_pr_info *info = empty_state(1), *copy = empty_state(3);
	struct tpr_nexus b = nexus('B');
	struct tpr_writer w = writer(2);
	struct tpr_string_error err;
	char buf[BUF_MAX];

	(void)unused;
	assert_int_equal(tpr_reg_add(info, &b, 0xabc, false), 0);
	info->gen = 1;
	info->rsv.type = TPR_EXCLUSIVE_ACCESS_AR;
	tpr_stamp(info, &w, &(struct tpr_order){.action = TPR_ACT_REGISTER});
	assert_int_equal(tpr_encode(info, buf, sizeof(buf)), sizeof(small) - 1);
	assert_memory_equal(buf, small, sizeof(small) - 1);
	assert_int_equal(decode(copy, small, sizeof(small) - 1, &err), 0);
	assert_text(copy, "Babc /8* g1", "small");
	free(copy);
	free(info);
}

static void test_every_type(void **unused)
{
	struct tcmu_pr_info *copy = empty_state(9);
	struct tpr_string_error err;
	char text[32], buf[BUF_MAX];
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(all_types); i++) {
		struct tcmu_pr_info *info;
		long len;

		snprintf(text, sizeof(text), "A1 B2 C3 /%u%c g10", all_types[i],
			 all_types[i] >= 7 ? '*' : 'B');
		info = state(text);
		len = tpr_encode(info, buf, sizeof(buf));
		assert_true(len > 0);
		assert_int_equal(decode(copy, buf, (size_t)len, &err), 0);
		assert_text(copy, text, "type");
		free(info);
	}
	free(copy);
}

/* N2: SPDK cannot load what it writes when there is no registration. */
static void test_N2_no_registrations(void **unused)
{
	struct tcmu_pr_info *info = state_room("g0", 0);
	struct tpr_string_error err;
	char buf[BUF_MAX];
	long len = tpr_encode(info, buf, sizeof(buf));

	(void)unused;
	assert_true(len > 0);
	buf[len] = 0;
	assert_non_null(strstr(buf, "\nscsi2_rsv=none\ngen=0\nrsv=none\n"
				    "num_regs=0\naptpl=0\n"));
	assert_int_equal(decode(info, buf, (size_t)len, &err), 0);
	assert_text(info, "g0", "empty");
	free(info);
}

/* The CRC finds what was not meant. */
static void test_corruption(void **unused)
{
	size_t len = sizeof(golden) - 1, i;
	char s[sizeof(golden)];
	int bit;

	(void)unused;
	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			memcpy(s, golden, len);
			s[i] ^= (char)(1 << bit);
			refused(s, len, 0, "flipped bit");
		}
	}
}

/* With the CRC made to fit: refused, or another string for another state. */
static void test_corruption_with_crc(void **unused)
{
	size_t len = sizeof(golden) - 1, i, accepted = 0;
	struct tcmu_pr_info *info = empty_state(9);
	struct tpr_string_error err;
	char s[sizeof(golden) + 1], again[BUF_MAX];
	int c;

	(void)unused;
	for (i = 0; i < len - CRC_LEN; i++) {
		for (c = 0; c < 130; c++) {
			memcpy(s, golden, len);
			s[i] = (char)(c < 129 ? c : 0xff);
			seal(s, len - CRC_LEN);
			if (decode(info, s, len, &err)) {
				assert_empty(info, 9);
				assert_non_null(err.what);
				continue;
			}
			accepted++;
			assert_true(tpr_info_valid(info));
			assert_int_equal(tpr_encode(info, again, BUF_MAX), len);
			assert_memory_equal(again, s, len);
		}
	}
	assert_true(accepted > 1000);
	free(info);
}

static void test_truncation(void **unused)
{
	size_t len = sizeof(golden) - 1, i, sealed;
	char s[sizeof(golden) + CRC_LEN];

	(void)unused;
	for (i = 0; i < len; i++)
		refused(golden, i, 0, "truncated");
	for (i = 0; i < len - CRC_LEN; i++) {
		struct tcmu_pr_info *info = empty_state(9);
		struct tpr_string_error err;

		memcpy(s, golden, i);
		sealed = seal(s, i);
		assert_int_equal(decode(info, s, sealed, &err), -EINVAL);
		assert_empty(info, 9);
		assert_true(err.line >= 1 && err.line <= 24);
		free(info);
	}
}

static void test_no_room_to_decode(void **unused)
{
	u32 room;

	(void)unused;
	for (room = 0; room < 7; room++) {
		struct tcmu_pr_info *info = empty_state(room);
		struct tpr_string_error err;

		assert_int_equal(decode(info, golden, sizeof(golden) - 1, &err),
				 -ENOSPC);
		assert_int_equal(err.line, 6);
		assert_empty(info, room);
		free(info);
	}
}

static void test_peek(void **unused)
{
	char s[BUF_MAX];
	size_t i;

	(void)unused;
	assert_int_equal(tpr_peek_regs(small, sizeof(small) - 1), 1);
	replaced(s, small, "num_regs=1", "num_regs=4096");
	assert_int_equal(tpr_peek_regs(s, strlen(s)), 4096);
	replaced(s, small, "num_regs=1", "num_regs=4097");
	assert_int_equal(tpr_peek_regs(s, strlen(s)), -EINVAL);
	replaced(s, small, "vers=1", "vers=2");
	assert_int_equal(tpr_peek_regs(s, strlen(s)), -EINVAL);
	assert_int_equal(tpr_peek_regs("", 0), -EINVAL);
	for (i = 0; i < (size_t)(strstr(small, "aptpl") - small); i++)
		assert_int_equal(tpr_peek_regs(small, i), -EINVAL);
	assert_int_equal(tpr_peek_regs(small, i), 1);
}

static void not_encoded(const struct tcmu_pr_info *base, size_t at, u8 value,
			const char *what)
{
	struct tcmu_pr_info *info = clone(base);
	char buf[BUF_MAX];

	((u8 *)info)[at] = value;
	if (tpr_encode(info, buf, sizeof(buf)) != -EINVAL)
		fail_msg("%s was encoded", what);
	free(info);
}

#define AT(member) offsetof(struct tcmu_pr_info, member)
#define AT_REG(i, member)                                                      \
	(AT(regs) + (i) * sizeof(struct tpr_reg) +                             \
	 offsetof(struct tpr_reg, member))

static void test_encode_refuses(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2 H3 /1B");

	(void)unused;
	/* H, of protocol 0, is the first */
	not_encoded(info, AT(vers), 2, "version");
	not_encoded(info, AT(seq), 0, "seq 0");
	not_encoded(info, AT(seq), 2, "seq");
	not_encoded(info, AT(device), 0, "no device");
	not_encoded(info, AT(device), ' ', "blank in device");
	not_encoded(info, AT(device), 0x80, "device");
	not_encoded(info, AT(num_changes), 0, "no changes");
	not_encoded(info, AT(num_changes), 9, "changes");
	not_encoded(info, AT(changes[0].seq), 7, "change");
	not_encoded(info, AT(changes[0].order.action), TPR_ACT_MAX, "action");
	not_encoded(info, AT(changes[0].writer.gateway), 0, "no gateway");
	not_encoded(info, AT(changes[0].writer.gateway), ' ', "gateway");
	not_encoded(info, AT(rsv.type), 2, "type 2");
	not_encoded(info, AT(rsv.type), 7, "AR with a holder");
	not_encoded(info, AT(rsv.type), 0, "a holder of nothing");
	not_encoded(info, AT(rsv.holder), 3, "holder");
	not_encoded(info, AT(num_regs), 10, "more than there is room for");
	not_encoded(info, AT(max_regs), 2, "less room than there are");
	info->regs[2].key = 0;
	not_encoded(info, AT(gen), 0, "key 0");
	info->regs[2].key = 1;
	not_encoded(info, AT_REG(1, nexus.initiator), 'z', "order");
	not_encoded(info, AT_REG(2, nexus.initiator[24]), 'a', "double");
	not_encoded(info, AT_REG(1, nexus.initiator[5]), ',', "comma");
	not_encoded(info, AT_REG(1, nexus.target[0]), ' ', "blank");
	not_encoded(info, AT_REG(1, nexus.target[0]), 0, "no target");
	not_encoded(info, AT_REG(0, all_tg_pt), 1, "all but one");
	not_encoded(info, AT_REG(0, nexus.isid[3]), 1, "isid of FC");
	not_encoded(info, AT_REG(2, nexus.proto), 16, "protocol");
	free(info);
}

static void test_encode_refuses_scsi2(void **unused)
{
	struct tcmu_pr_info *info = state("");
	struct tpr_nexus a = nexus('A');
	char buf[BUF_MAX];

	(void)unused;
	not_encoded(info, AT(scsi2_held), 1, "nobody holds");
	not_encoded(info, AT(scsi2_gateway), 'g', "gateway of nothing");
	not_encoded(info, AT(scsi2_holder.initiator), 'a', "holder of nothing");
	not_encoded(info, AT(scsi2_holder.target), 't', "target of nothing");
	not_encoded(info, AT(scsi2_holder.isid[5]), 1, "isid of nothing");
	not_encoded(info, AT(scsi2_holder.proto), 5, "protocol of nothing");
	not_encoded(info, AT(scsi2_holder.tag), 1, "tag of nothing");
	not_encoded(info, AT(scsi2_holder.rtpi), 1, "rtpi of nothing");
	info->scsi2_held = true;
	info->scsi2_holder = nexus('C');
	strcpy(info->scsi2_gateway, "gw");
	assert_true(tpr_encode(info, buf, sizeof(buf)) > 0);
	not_encoded(info, AT(scsi2_held), 0, "not held by somebody");
	not_encoded(info, AT(scsi2_gateway), 0, "no gateway");
	not_encoded(info, AT(scsi2_gateway), ' ', "gateway");
	not_encoded(info, AT(scsi2_holder.initiator), 0, "no holder");
	not_encoded(info, AT(scsi2_holder.target), 0, "no target");
	not_encoded(info, AT(scsi2_holder.proto), 6, "isid of SAS");
	/* nobody can be registered meanwhile */
	assert_int_equal(tpr_reg_add(info, &a, 1, false), 0);
	assert_int_equal(tpr_encode(info, buf, sizeof(buf)), -EINVAL);
	free(info);
}

static void test_encode_refuses_orders(void **unused)
{
	struct tcmu_pr_info *info = state("");
	struct tpr_order *o = &info->changes[0].order;
	char buf[BUF_MAX];

	(void)unused;
	not_encoded(info, AT(changes[0].order.sa_key), 1, "key of nobody");
	not_encoded(info, AT(changes[0].order.flags), 1, "flags of nobody");
	not_encoded(info, AT(changes[0].order.scope_type), 1, "type of nobody");
	not_encoded(info, AT(changes[0].order.nexus.target), 't', "target");
	not_encoded(info, AT(changes[0].order.nexus.isid[0]), 1, "isid");
	not_encoded(info, AT(changes[0].order.nexus.proto), 1, "protocol");
	not_encoded(info, AT(changes[0].order.nexus.tag), 1, "tag");
	not_encoded(info, AT(changes[0].order.nexus.rtpi), 1, "rtpi");
	o->nexus = nexus('A');
	o->sa_key = ~0ULL;
	assert_true(tpr_encode(info, buf, sizeof(buf)) > 0);
	not_encoded(info, AT(changes[0].order.nexus.target), 0, "no target");
	not_encoded(info, AT(changes[0].order.nexus.target), ',', "comma");
	not_encoded(info, AT(changes[0].order.nexus.initiator), ' ', "blank");
	not_encoded(info, AT(changes[0].order.nexus.proto), 6, "isid of SAS");
	not_encoded(info, AT(changes[0].order.nexus.proto), 16, "protocol");
	not_encoded(info, AT(changes[0].order.action), TPR_ACT_MAX, "action");
	free(info);
}

static void test_encode_refuses_names(void **unused)
{
	struct tcmu_pr_info *info = state("A1 /7*");
	struct tpr_nexus n = nexus('B');
	char buf[BUF_MAX];

	(void)unused;
	info->num_regs = 0;
	assert_int_equal(tpr_encode(info, buf, BUF_MAX), -EINVAL);
	info->num_regs = 1;
	assert_true(tpr_encode(info, buf, BUF_MAX) > 0);
	strcpy(info->regs[0].nexus.initiator, "*");
	assert_int_equal(tpr_encode(info, buf, BUF_MAX), -EINVAL);
	/* without a terminating NUL */
	memset(info->regs[0].nexus.initiator, 'a', TPR_NAME_MAX + 1);
	assert_int_equal(tpr_encode(info, buf, BUF_MAX), -EINVAL);
	/* a portal group beside all target ports */
	n.target[0] = 0;
	info->regs[0].nexus = n;
	info->regs[0].all_tg_pt = true;
	assert_int_equal(tpr_encode(info, buf, BUF_MAX), -EINVAL);
	info->regs[0].nexus.tag = 0;
	assert_true(tpr_encode(info, buf, BUF_MAX) > 0);
	/* the field has four bits */
	memset(info->regs[0].nexus.isid, 0, TPR_ISID_LEN);
	info->regs[0].nexus.proto = 15;
	assert_true(tpr_encode(info, buf, BUF_MAX) > 0);
	info->regs[0].nexus.proto = 16;
	assert_int_equal(tpr_encode(info, buf, BUF_MAX), -EINVAL);
	info->regs[0].nexus.proto = 15;
	memset(info->device, 'd', sizeof(info->device));
	assert_int_equal(tpr_encode(info, buf, BUF_MAX), -EINVAL);
	free(info);
}

/* All target ports and one of them, of one initiator port: a contradiction. */
static void test_valid_refuses_both_kinds(void **unused)
{
	struct tcmu_pr_info *info = state("A1 F2");
	struct tpr_nexus n = nexus('A');

	(void)unused;
	n.target[0] = 0;
	n.tag = 0;
	assert_int_equal(tpr_reg_add(info, &n, 3, true), 0);
	assert_false(tpr_info_valid(info));
	tpr_reg_remove(info, 1);
	assert_false(tpr_info_valid(info));
	tpr_reg_remove(info, 1);
	assert_true(tpr_info_valid(info));
	free(info);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Everything as long as it can be. */
static struct tcmu_pr_info *largest(void)
{
	struct tcmu_pr_info *info = empty_state(TPR_REGS_MAX);
	struct tpr_writer w = {"", ~0ULL, ~0ULL};
	struct tpr_nexus n = {
		.proto = TPR_PROTO_ISCSI, .tag = 0xffff, .rtpi = 0xffff};
	struct tpr_order order = {
		TPR_ACT_REGISTER_IGNORE, 0xff, 0xff, ~0ULL, n};
	u32 i;

	memset(info->device, 'd', TPR_DEVICE_MAX);
	memset(w.gateway, 'g', TPR_GATEWAY_MAX);
	memset(n.initiator, 'i', TPR_NAME_MAX);
	memset(n.target, 't', TPR_NAME_MAX);
	order.nexus = n;
	info->seq = ~0ULL - 1 - TPR_CHANGES_MAX;
	for (i = 0; i < TPR_CHANGES_MAX; i++)
		tpr_stamp(info, &w, &order);
	for (i = 0; i < TPR_REGS_MAX; i++) {
		memcpy(n.initiator + TPR_NAME_MAX - 4,
		       (char[]){(char)('a' + (i >> 8)),
				(char)('a' + (i >> 4 & 15)),
				(char)('a' + (i & 15)), 'z'},
		       4);
		assert_int_equal(tpr_reg_add(info, &n, ~0ULL - i, false), i);
	}
	info->gen = ~0u;
	info->rsv.type = TPR_EXCLUSIVE_ACCESS_RO;
	info->rsv.holder = TPR_REGS_MAX - 1;
	return info;
}

static void test_largest(void **unused)
{
	struct tcmu_pr_info *info = largest(), *copy = empty_state(4096);
	size_t max = tpr_encoded_max(TPR_REGS_MAX);
	char *buf = malloc(max);
	double t = seconds(), enc, dec;
	long len = tpr_encode(info, buf, max);
	u32 crc;

	(void)unused;
	enc = seconds() - t;
	assert_true(len > 0 && (size_t)len <= max);
	t = seconds();
	assert_int_equal(tpr_peek_regs(buf, (size_t)len), TPR_REGS_MAX);
	assert_int_equal(tpr_decode(copy, buf, (size_t)len, NULL), 0);
	dec = seconds() - t;
	printf("4096 longest: %ld bytes (room for %zu), encode %.1f ms, "
	       "decode %.1f ms\n",
	       len, max, enc * 1e3, dec * 1e3);
	assert_int_equal(copy->num_regs, TPR_REGS_MAX);
	assert_true(copy->changes[7].order.sa_key == ~0ULL);
	assert_string_equal(copy->device, info->device);
	assert_int_equal(copy->rsv.holder, TPR_REGS_MAX - 1);
	assert_true(copy->regs[4095].key == info->regs[4095].key);
	/* not one byte less */
	crc = tpr_crc32c(0, buf, (size_t)len);
	assert_int_equal(tpr_encode(copy, buf, (size_t)len), len);
	assert_int_equal(tpr_crc32c(0, buf, (size_t)len), crc);
	assert_int_equal(tpr_encode(copy, buf, (size_t)len - 1), -ENOSPC);
	/* encoded_max() of fewer, each exact enough to hold them */
	for (copy->num_regs = 0; copy->num_regs < 3; copy->num_regs++) {
		copy->rsv.type = 0;
		copy->rsv.holder = TPR_HOLDER_ALL;
		assert_true(tpr_encode(copy, buf,
				       tpr_encoded_max(copy->num_regs)) > 0);
	}
	/* the longest SPC-2 reservation */
	copy->num_regs = 0;
	copy->scsi2_held = true;
	copy->scsi2_holder = info->regs[0].nexus;
	memset(copy->scsi2_gateway, 'g', TPR_GATEWAY_MAX);
	assert_true(tpr_encode(copy, buf, tpr_encoded_max(0)) > 0);
	free(buf);
	free(copy);
	free(info);
}

/* There is no version 0. */
static void test_peek_refuses_version_0(void **unused)
{
	static const char s[] = "vers=0\nseq=1\nscsi2_rsv=none\ngen=0\n"
				"rsv=none\nnum_regs=0\n";

	(void)unused;
	assert_int_equal(tpr_peek_regs(s, sizeof(s) - 1), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_golden_fields),
		cmocka_unit_test(test_golden_orders),
		cmocka_unit_test(test_spc2),
		cmocka_unit_test(test_repaired),
		cmocka_unit_test(test_small_is_what_the_state_says),
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_N2_no_registrations),
		cmocka_unit_test(test_corruption),
		cmocka_unit_test(test_corruption_with_crc),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_no_room_to_decode),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_encode_refuses),
		cmocka_unit_test(test_encode_refuses_scsi2),
		cmocka_unit_test(test_encode_refuses_orders),
		cmocka_unit_test(test_encode_refuses_names),
		cmocka_unit_test(test_valid_refuses_both_kinds),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_peek_refuses_version_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
