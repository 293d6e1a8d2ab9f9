// SPDX-License-Identifier: GPL-2.0-only
/* PERSISTENT RESERVE IN, byte for byte, with every allocation length. */
#include "util.h"

enum {
	GUARD = 64,
};

/* A string of bytes with its length: B("\x00...") */
#define BYTES(s) (const u8 *)(s), sizeof(s) - 1

static struct tpr_result ask(const struct tcmu_pr_info *info, u8 sa, u32 alloc,
			     u8 *buf, u32 cap, u32 *len)
{
	u8 cdb[TPR_IN_CDB_LEN] = {TPR_OP_PR_IN};
	struct tcmu_pr_info *before = clone(info);
	struct tpr_result res = {POISON, POISON, POISON};

	cdb[1] = sa;
	tpr_put_be16(cdb + 7, (u16)alloc);
	*len = POISON;
	res = tpr_in(info, cdb, buf, cap, len);
	assert_untouched(info, before, "PR IN");
	free(before);
	return res;
}

static void assert_poison(const u8 *buf, size_t len)
{
	for (; len--; buf++)
		assert_int_equal(*buf, POISON);
}

/* One allocation length and one capacity: the smaller of the two cuts. */
static void expect_cut(const struct tcmu_pr_info *info, u8 sa, const u8 *want,
		       u32 want_len, u32 alloc, u32 cap)
{
	u32 cut = alloc < cap ? alloc : cap, len;
	u8 *buf = malloc(cap + GUARD);

	if (cut > want_len)
		cut = want_len;
	assert_non_null(buf);
	memset(buf, POISON, cap + GUARD);
	assert_result(ask(info, sa, alloc, buf, cap, &len), GOOD, "PR IN");
	assert_int_equal(len, cut);
	assert_memory_equal(buf, want, cut);
	assert_poison(buf + cut, cap + GUARD - cut);
	free(buf);
}

/* As above, but the memory ends with the capacity, for the sanitizer. */
static void expect_exact(const struct tcmu_pr_info *info, u8 sa, const u8 *want,
			 u32 want_len, u32 cap)
{
	u8 *buf = malloc(cap);
	u32 len;

	assert_result(ask(info, sa, 0xffff, buf, cap, &len), GOOD, "PR IN");
	assert_int_equal(len, cap < want_len ? cap : want_len);
	assert_memory_equal(buf, want, len);
	free(buf);
}

static void expect_data(const struct tcmu_pr_info *info, u8 sa, const u8 *want,
			u32 want_len)
{
	u32 n;

	for (n = 0; n <= want_len + 9; n++) {
		expect_cut(info, sa, want, want_len, n, want_len + 9);
		expect_cut(info, sa, want, want_len, want_len + 9, n);
		expect_cut(info, sa, want, want_len, n, n);
		expect_exact(info, sa, want, want_len, n);
	}
	expect_cut(info, sa, want, want_len, 0xffff, 0xffff);
}

static void expect_data_of(const char *text, u8 sa, const u8 *want,
			   u32 want_len)
{
	struct tcmu_pr_info *info = state(text);

	expect_data(info, sa, want, want_len);
	free(info);
}

static void test_read_keys(void **unused)
{
	(void)unused;
	expect_data_of("g0", TPR_IN_READ_KEYS, BYTES("\0\0\0\0\0\0\0\0"));
	expect_data_of("g4294967295", TPR_IN_READ_KEYS,
		       BYTES("\xff\xff\xff\xff\0\0\0\0"));
	expect_data_of("A123456789abcdef0 g258", TPR_IN_READ_KEYS,
		       BYTES("\0\0\x01\x02\0\0\0\x08"
			     "\x12\x34\x56\x78\x9a\xbc\xde\xf0"));
	/* one for each registration, equal ones too */
	expect_data_of("A1 B2 D1 /5B", TPR_IN_READ_KEYS,
		       BYTES("\0\0\0\x0a\0\0\0\x18"
			     "\0\0\0\0\0\0\0\x01"
			     "\0\0\0\0\0\0\0\x02"
			     "\0\0\0\0\0\0\0\x01"));
}

static void test_read_reservation(void **unused)
{
	static const u8 types[] = {1, 3, 5, 6};
	u8 want[24] = {0, 0, 0, 10, 0,	  0,	0,    16,
		       0, 0, 0, 0,  0xab, 0xcd, 0xef, 0x01};
	char text[64];
	size_t i;

	(void)unused;
	expect_data_of("g7", TPR_IN_READ_RESERVATION,
		       BYTES("\0\0\0\x07\0\0\0\0"));
	expect_data_of("A1 g7", TPR_IN_READ_RESERVATION,
		       BYTES("\0\0\0\x07\0\0\0\0"));
	for (i = 0; i < COUNT(types); i++) {
		snprintf(text, sizeof(text), "A9 Babcdef01 C7 /%uB", types[i]);
		want[21] = types[i];
		expect_data_of(text, TPR_IN_READ_RESERVATION, want, 24);
	}
}

/* The key of all registrants is 0, also after a preempt (peers S9). */
static void test_read_reservation_all_registrants(void **unused)
{
	struct tcmu_pr_info *info = state("A9 B8 /5A");

	(void)unused;
	expect_data_of("A9 B8 /7*", TPR_IN_READ_RESERVATION,
		       BYTES("\0\0\0\x0a\0\0\0\x10\0\0\0\0\0\0\0\0"
			     "\0\0\0\0\0\x07\0\0"));
	step(info, 'A', TPR_OUT_PREEMPT, 8, 9, 9);
	expect_data(info, TPR_IN_READ_RESERVATION,
		    BYTES("\0\0\0\x0b\0\0\0\x10\0\0\0\0\0\0\0\0"
			  "\0\0\0\0\0\x08\0\0"));
	free(info);
}

static void test_report_capabilities(void **unused)
{
	(void)unused;
	expect_data_of("", TPR_IN_REPORT_CAPABILITIES,
		       BYTES("\0\x08\x9d\xc0\xea\x01\0\0"));
	expect_data_of("A1 /1A p", TPR_IN_REPORT_CAPABILITIES,
		       BYTES("\0\x08\x9d\xc1\xea\x01\0\0"));
}

/* ALLOW COMMANDS 100b, SPC-4 table 218: what it says is what is judged. */
static void test_allow_commands_is_true(void **unused)
{
	static const struct {
		u8 opcode, byte_1;
		bool exclusive; /* exclusive access lets it pass as well */
	} rows[] = {
		{0x00, 0, true}, /* TEST UNIT READY */
		{0x84, 0, true}, /* RECEIVE COPY RESULTS */
		{0x1a, 0, false}, /* MODE SENSE */
		{0x5a, 0, false},
		{0x8c, 0, false}, /* READ ATTRIBUTE */
		{0x3c, 0, false}, /* READ BUFFER */
		{0x1c, 0, false}, /* RECEIVE DIAGNOSTIC RESULTS */
		{0xa3, 0x0c, false}, /* REPORT SUPPORTED OPERATION CODES */
		{0xa3, 0x0d, false}, /* ... TASK MANAGEMENT FUNCTIONS */
		{0x37, 0, false}, /* READ DEFECT DATA */
		{0xb7, 0, false},
	};
	struct tcmu_pr_info *we = state("A1 /1A"), *ea = state("A1 /3A");
	struct tpr_nexus n = nexus('B');
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		u8 cdb[32] = {rows[i].opcode, rows[i].byte_1};
		u8 class = tpr_classify(cdb, sizeof(cdb));

		assert_true(tpr_allowed(we, &n) & class);
		assert_int_equal(!!(tpr_allowed(ea, &n) & class),
				 rows[i].exclusive);
	}
	free(we);
	free(ea);
}

/* SPC-2 5.5.1: every action, and the holder's too. */
static void test_conflict_while_reserved_by_spc2(void **unused)
{
	struct tcmu_pr_info *info = state("2A");
	u8 buf[64], sa;
	u32 len;

	(void)unused;
	memset(buf, POISON, sizeof(buf));
	for (sa = 0; sa < 4; sa++) {
		assert_result(ask(info, sa, 64, buf, 64, &len), CONFLICT,
			      "SPC-2");
		assert_int_equal(len, 0);
		assert_poison(buf, sizeof(buf));
	}
	free(info);
}

static void test_full_status_iscsi(void **unused)
{
	(void)unused;
	expect_data_of("g3", TPR_IN_READ_FULL_STATUS,
		       BYTES("\0\0\0\x03\0\0\0\0"));
	/* 25 bytes of name, 5 of separator, 12 of ISID, NUL: 43, so 44 */
	expect_data_of(
		"A11 Cabcdef0123456789 /3C", TPR_IN_READ_FULL_STATUS,
		BYTES("\0\0\0\x0a\0\0\0\x90"
		      "\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x30"
		      "\x45\0\0\x2ciqn.2026-01.com.example:a,i,0x00023d000001"
		      "\0\0"
		      "\xab\xcd\xef\x01\x23\x45\x67\x89\0\0\0\0\x01\x03\0\0\0\0"
		      "\0\x02\0\0\0\x30"
		      "\x45\0\0\x2ciqn.2026-01.com.example:c,i,0x00023d000002"
		      "\0\0"));
}

static void test_full_status_holders(void **unused)
{
	char text[32];
	size_t i;
	u8 buf[512];
	u32 len;

	(void)unused;
	for (i = 0; i < COUNT(all_types); i++) {
		bool ar = all_types[i] >= 7;
		struct tcmu_pr_info *info;

		snprintf(text, sizeof(text), "A1 B2 /%u%c", all_types[i],
			 ar ? '*' : 'B');
		info = state(text);
		ask(info, TPR_IN_READ_FULL_STATUS, 512, buf, 512, &len);
		assert_int_equal(len, 8 + 2 * 72);
		assert_int_equal(buf[8 + 12], ar);
		assert_int_equal(buf[8 + 13], ar ? all_types[i] : 0);
		assert_int_equal(buf[80 + 12], 1);
		assert_int_equal(buf[80 + 13], all_types[i]);
		free(info);
	}
}

/* A state of one registration, of a name and a protocol. */
static struct tcmu_pr_info *one(const char *name, u8 proto, u16 rtpi)
{
	struct tcmu_pr_info *info = empty_state(1);
	struct tpr_nexus n = {.proto = proto, .tag = 1, .rtpi = rtpi};

	strcpy(n.initiator, name);
	strcpy(n.target, "t");
	if (proto == TPR_PROTO_ISCSI)
		memcpy(n.isid, "\x80\x12\x34\x56\x78\x9a", 6);
	assert_int_equal(tpr_reg_add(info, &n, 0x77, false), 0);
	return info;
}

static void expect_id(const char *name, u8 proto, const u8 *id, u32 id_len)
{
	static const u8 head[] = "\0\0\0\0\0\0\0\0"
				 "\0\0\0\0\0\0\0\x77\0\0\0\0\0\0\0\0"
				 "\0\0\x12\x34\0\0\0";
	struct tcmu_pr_info *info = one(name, proto, 0x1234);
	u8 want[512] = {0};

	memcpy(want, head, 32);
	tpr_put_be32(want + 4, 24 + id_len);
	tpr_put_be32(want + 28, id_len);
	memcpy(want + 32, id, id_len);
	expect_data(info, TPR_IN_READ_FULL_STATUS, want, 32 + id_len);
	free(info);
}

static void test_full_status_fc_sas_srp(void **unused)
{
	(void)unused;
	expect_id("21:00:00:24:ff:12:34:56", TPR_PROTO_FC,
		  BYTES("\0\0\0\0\0\0\0\0\x21\0\0\x24\xff\x12\x34\x56"
			"\0\0\0\0\0\0\0\0"));
	expect_id("naa.2100ABCDEFabcdef", TPR_PROTO_FC,
		  BYTES("\0\0\0\0\0\0\0\0\x21\0\xab\xcd\xef\xab\xcd\xef"
			"\0\0\0\0\0\0\0\0"));
	expect_id("0x500605b0000000ef", TPR_PROTO_SAS,
		  BYTES("\x06\0\0\0\x50\x06\x05\xb0\0\0\0\xef"
			"\0\0\0\0\0\0\0\0\0\0\0\0"));
	expect_id("naa.600140510a0b0c0d", TPR_PROTO_SAS,
		  BYTES("\x06\0\0\0\x60\x01\x40\x51\x0a\x0b\x0c\x0d"
			"\0\0\0\0\0\0\0\0\0\0\0\0"));
	expect_id("eui.0123456789abcdef", TPR_PROTO_SAS,
		  BYTES("\x06\0\0\0\x01\x23\x45\x67\x89\xab\xcd\xef"
			"\0\0\0\0\0\0\0\0\0\0\0\0"));
	expect_id("0xfe800000000000000002c9030001e0f1", TPR_PROTO_SRP,
		  BYTES("\x04\0\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0"
			"\0\x02\xc9\x03\0\x01\xe0\xf1"));
	expect_id("fe80:0000:0000:0000:0002:c903:0001:e0f1", TPR_PROTO_SRP,
		  BYTES("\x04\0\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0"
			"\0\x02\xc9\x03\0\x01\xe0\xf1"));
	/* too many digits: the first; too few: zeroes after them */
	expect_id("0123456789abcdefff", TPR_PROTO_FC,
		  BYTES("\0\0\0\0\0\0\0\0\x01\x23\x45\x67\x89\xab\xcd\xef"
			"\0\0\0\0\0\0\0\0"));
	expect_id("5123456789abcdefff", TPR_PROTO_SAS,
		  BYTES("\x06\0\0\0\x51\x23\x45\x67\x89\xab\xcd\xef"
			"\0\0\0\0\0\0\0\0\0\0\0\0"));
	expect_id("11111111222222223333333344444444ff", TPR_PROTO_SRP,
		  BYTES("\x04\0\0\0\0\0\0\0\x11\x11\x11\x11"
			"\x22\x22\x22\x22\x33\x33\x33\x33"
			"\x44\x44\x44\x44"));
	expect_id("123", TPR_PROTO_FC,
		  BYTES("\0\0\0\0\0\0\0\0\x12\x30\0\0\0\0\0\0"
			"\0\0\0\0\0\0\0\0"));
	/* a protocol that has no form here: its identifier and zeroes */
	expect_id("abcdef", 9,
		  BYTES("\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			"\0\0\0\0\0\0\0\0"));
}

/* Each name length: NUL-terminated, padded with zeroes to four bytes. */
static void test_full_status_padding(void **unused)
{
	char name[TPR_NAME_MAX + 1];
	u8 id[512];
	u32 n, len;

	(void)unused;
	for (n = 1; n <= TPR_NAME_MAX; n += n < 9 || n > 215 ? 1 : 23) {
		memset(name, 'q', n);
		name[n] = 0;
		for (len = n + 18; len % 4; len++)
			;
		memset(id, 0, sizeof(id));
		id[0] = 0x45;
		tpr_put_be16(id + 2, (u16)len);
		sprintf((char *)id + 4, "%s,i,0x80123456789a", name);
		assert_true(len >= 20); /* SPC-4 7.6.4.6 */
		expect_id(name, TPR_PROTO_ISCSI, id, 4 + len);
	}
}

/* ALL_TG_PT is told, and no port then (SCST never reports it, peers S1). */
static void test_full_status_all_tg_pt(void **unused)
{
	struct tcmu_pr_info *info = empty_state(2);
	struct tpr_nexus n = nexus('H');

	(void)unused;
	n.target[0] = 0;
	n.tag = 0;
	info->gen = 1;
	assert_int_equal(tpr_reg_add(info, &n, 5, true), 0);
	info->rsv.type = 6;
	info->rsv.holder = 0;
	expect_data(info, TPR_IN_READ_FULL_STATUS,
		    BYTES("\0\0\0\x01\0\0\0\x30"
			  "\0\0\0\0\0\0\0\x05\0\0\0\0\x03\x06\0\0\0\0\0\0"
			  "\0\0\0\x18"
			  "\0\0\0\0\0\0\0\0\x21\0\0\x24\xff\x12\x34\x56"
			  "\0\0\0\0\0\0\0\0"));
	free(info);
}

static struct tcmu_pr_info *largest(void)
{
	struct tcmu_pr_info *info = empty_state(TPR_REGS_MAX);
	struct tpr_nexus n;
	u32 i;

	for (i = 0; i < TPR_REGS_MAX; i++) {
		memset(&n, 0, sizeof(n));
		memset(n.initiator, 'n', TPR_NAME_MAX);
		memset(n.target, 't', TPR_NAME_MAX);
		sprintf(n.initiator, "%08u", i);
		n.initiator[8] = 'n';
		n.proto = TPR_PROTO_ISCSI;
		assert_true(tpr_reg_add(info, &n, i + 1, false) >= 0);
	}
	info->rsv.type = TPR_EXCLUSIVE_ACCESS_AR;
	return info;
}

/* 4,096 of the longest: 24 + 4 + 244 bytes each; 65,535 can be asked for. */
static void test_full_status_4096_longest(void **unused)
{
	const u32 rec = 24 + 4 + 244, whole = 8 + TPR_REGS_MAX * rec;
	static const u32 allocs[] = {0, 8, 280, 4096, 65534, 65535};
	struct tcmu_pr_info *info = largest();
	u8 *buf = malloc(whole + GUARD);
	u32 len, i;

	(void)unused;
	assert_non_null(buf);
	for (i = 0; i < COUNT(allocs); i++) {
		memset(buf, POISON, whole + GUARD);
		ask(info, TPR_IN_READ_FULL_STATUS, allocs[i], buf, whole, &len);
		assert_int_equal(len, allocs[i]);
		assert_poison(buf + len, whole + GUARD - len);
		if (len >= 8)
			assert_int_equal(tpr_be32(buf + 4), whole - 8);
	}
	for (i = 0; i < 65535 / rec; i++) {
		assert_int_equal(tpr_be64(buf + 8 + i * rec), i + 1);
		assert_int_equal(buf[8 + i * rec + 12], 1);
		assert_int_equal(tpr_be32(buf + 8 + i * rec + 20), 248);
	}
	ask(info, TPR_IN_READ_KEYS, 65535, buf, whole, &len);
	assert_int_equal(len, 8 + TPR_REGS_MAX * 8);
	assert_int_equal(tpr_be32(buf + 4), TPR_REGS_MAX * 8);
	assert_int_equal(tpr_be64(buf + len - 8), TPR_REGS_MAX);
	free(buf);
	free(info);
}

static void test_unknown_actions(void **unused)
{
	struct tcmu_pr_info *info = state("A1 /1A");
	u8 buf[64], sa;
	u32 len;

	(void)unused;
	memset(buf, POISON, sizeof(buf));
	for (sa = 4; sa < 32; sa++) {
		assert_result(ask(info, sa, 64, buf, 64, &len), CDB_FIELD,
			      "action");
		assert_int_equal(len, 0);
	}
	assert_poison(buf, sizeof(buf));
	/* the upper three bits are reserved */
	assert_result(ask(info, 0xe0, 64, buf, 64, &len), GOOD, "reserved");
	assert_int_equal(len, 16);
	free(info);
}

/* LIO forgets the header's and the descriptor's 32 bytes in its check. */
static void test_L9_full_status_stays_in_bounds(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2 C3 /7*");
	u8 buf[512];
	u32 alloc, len;

	(void)unused;
	for (alloc = 0; alloc <= 8 + 3 * 72; alloc++) {
		memset(buf, POISON, sizeof(buf));
		ask(info, TPR_IN_READ_FULL_STATUS, alloc, buf, sizeof(buf),
		    &len);
		assert_int_equal(len, alloc);
		assert_poison(buf + alloc, sizeof(buf) - alloc);
		if (alloc >= 8)
			assert_int_equal(tpr_be32(buf + 4), 3 * 72);
	}
	free(info);
}

/* LIO answers CHECK CONDITION to less than 8; no buffer is needed for 0. */
static void test_L13_short_allocation_length(void **unused)
{
	struct tcmu_pr_info *info = state("A1 /1A");
	u8 sa, buf[8];
	u32 alloc, len;

	(void)unused;
	for (sa = 0; sa < 4; sa++) {
		for (alloc = 0; alloc < 8; alloc++) {
			assert_result(ask(info, sa, alloc, buf, 8, &len), GOOD,
				      "short");
			assert_int_equal(len, alloc);
		}
		assert_result(ask(info, sa, 0, NULL, 0, &len), GOOD, "none");
		assert_int_equal(len, 0);
	}
	free(info);
}

/* SCST's room left becomes huge: a record that does not fit, then others. */
static void test_S1_full_status_beyond_the_buffer(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2 C3 D4 E5 F6 G7 H8");
	u8 *buf;
	u32 cap, len;

	(void)unused;
	for (cap = 0; cap < 8 + 8 * 72; cap++) {
		buf = malloc(cap);
		ask(info, TPR_IN_READ_FULL_STATUS, 0xffff, buf, cap, &len);
		assert_int_equal(len, cap < 568 - 8 ? cap : 560);
		free(buf);
	}
	free(info);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_keys),
		cmocka_unit_test(test_read_reservation),
		cmocka_unit_test(test_read_reservation_all_registrants),
		cmocka_unit_test(test_report_capabilities),
		cmocka_unit_test(test_allow_commands_is_true),
		cmocka_unit_test(test_conflict_while_reserved_by_spc2),
		cmocka_unit_test(test_full_status_iscsi),
		cmocka_unit_test(test_full_status_holders),
		cmocka_unit_test(test_full_status_fc_sas_srp),
		cmocka_unit_test(test_full_status_padding),
		cmocka_unit_test(test_full_status_all_tg_pt),
		cmocka_unit_test(test_full_status_4096_longest),
		cmocka_unit_test(test_unknown_actions),
		cmocka_unit_test(test_L9_full_status_stays_in_bounds),
		cmocka_unit_test(test_L13_short_allocation_length),
		cmocka_unit_test(test_S1_full_status_beyond_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
