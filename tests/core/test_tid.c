// SPDX-License-Identifier: GPL-2.0-only
/* TransportIDs, SPC-4 7.6.4, byte for byte, and the names of ports. */
#include "util.h"

#define BYTES(s) (const u8 *)(s), sizeof(s) - 1

/* A nexus that tpr_tid_get() must not touch beyond the initiator port. */
static struct tpr_nexus poisoned(void)
{
	struct tpr_nexus n;

	memset(&n, POISON, sizeof(n));
	strcpy(n.target, "t");
	return n;
}

static int get(const u8 *bytes, u32 len, struct tpr_nexus *n, bool *any_port)
{
	u8 *exact = malloc(len ? len : 1);
	int ret;

	memcpy(exact, bytes, len);
	*n = poisoned();
	ret = tpr_tid_get(exact, len, n, any_port);
	free(exact);
	assert_string_equal(n->target, "t");
	assert_int_equal(n->tag, POISON << 8 | POISON);
	assert_int_equal(n->rtpi, POISON << 8 | POISON);
	return ret;
}

/* Reads @bytes as that port, and writes it as the same bytes. */
static void expect_port(const u8 *bytes, u32 len, u8 proto, const char *name,
			const char *isid)
{
	u8 buf[TPR_TID_MAX + 8];
	struct tpr_nexus n;
	bool any_port = true;
	u32 i;

	assert_int_equal(get(bytes, len, &n, &any_port), len);
	assert_false(any_port);
	assert_int_equal(n.proto, proto);
	assert_string_equal(n.initiator, name);
	assert_memory_equal(n.isid, isid, TPR_ISID_LEN);
	memset(buf, POISON, sizeof(buf));
	assert_int_equal(tpr_tid_len(&n), len);
	assert_int_equal(tpr_tid_put(&n, buf), len);
	assert_memory_equal(buf, bytes, len);
	for (i = len; i < sizeof(buf); i++)
		assert_int_equal(buf[i], POISON);
}

static void expect_refused(const u8 *bytes, u32 len)
{
	struct tpr_nexus n;
	bool any_port;

	assert_int_equal(get(bytes, len, &n, &any_port), -EINVAL);
}

#define NO_ISID "\0\0\0\0\0\0"
#define FC                                                                     \
	"\0\0\0\0\0\0\0\0\x21\0\0\x24\xff\x12\x34\x56\0\0\0\0\0\0\0\0"
#define SRP                                                                    \
	"\x04\0\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\x02\xc9\x03\0\x01\xe0\xf1"
#define SAS                                                                    \
	"\x06\0\0\0\x50\x06\x05\xb0\0\0\0\xef\0\0\0\0\0\0\0\0\0\0\0\0"

static void test_fixed(void **unused)
{
	(void)unused;
	expect_port(BYTES(FC), TPR_PROTO_FC, "naa.21000024ff123456", NO_ISID);
	expect_port(BYTES(SRP), TPR_PROTO_SRP,
		    "0xfe800000000000000002c9030001e0f1", NO_ISID);
	expect_port(BYTES(SAS), TPR_PROTO_SAS, "naa.500605b0000000ef", NO_ISID);
}

/* Reserved bytes and bits need not be looked at. */
static void test_fixed_reserved(void **unused)
{
	u8 bytes[24];
	struct tpr_nexus n;
	bool any_port;

	(void)unused;
	memset(bytes, 0xff, sizeof(bytes));
	bytes[0] = 0x36;
	memcpy(bytes + 4, "\x50\x06\x05\xb0\0\0\0\xef", 8);
	assert_int_equal(get(bytes, 24, &n, &any_port), 24);
	assert_int_equal(n.proto, TPR_PROTO_SAS);
	assert_string_equal(n.initiator, "naa.500605b0000000ef");
}

/* More bytes behind it are the next one's. */
static void test_first_of_several(void **unused)
{
	struct tpr_nexus n;
	bool any_port;

	(void)unused;
	assert_int_equal(get(BYTES(SRP FC), &n, &any_port), 24);
	assert_int_equal(n.proto, TPR_PROTO_SRP);
	assert_int_equal(get(BYTES("\x45\0\0\x14" "n,i,0x00023d000001\0\0" FC),
			     &n, &any_port),
			 24);
	assert_string_equal(n.initiator, "n");
}

static void test_fixed_refused(void **unused)
{
	u8 bytes[24] = {0};
	u32 i;

	(void)unused;
	for (i = 0; i < 24; i++)
		expect_refused((const u8 *)SAS, i);
	/* what has no such form */
	for (i = 0; i < 16; i++) {
		bytes[0] = (u8)i;
		if (i != TPR_PROTO_FC && i != TPR_PROTO_SRP &&
		    i != TPR_PROTO_SAS)
			expect_refused(bytes, 24);
	}
	/* nor has any of them another format */
	for (i = 1; i < 4; i++) {
		bytes[0] = (u8)(i << 6 | TPR_PROTO_FC);
		expect_refused(bytes, 24);
		bytes[0] = (u8)(i << 6 | TPR_PROTO_SAS);
		expect_refused(bytes, 24);
	}
}

static void test_iscsi_port(void **unused)
{
	(void)unused;
	expect_port(BYTES("\x45\0\0\x2ciqn.2026-01.com.example:a,i,0x"
			  "00023d000001\0\0"),
		    TPR_PROTO_ISCSI, "iqn.2026-01.com.example:a",
		    "\0\x02\x3d\0\0\x01");
	/* the shortest: 20 bytes at least, SPC-4 7.6.4.6 */
	expect_port(BYTES("\x45\0\0\x14" "n,i,0xfedcba987654\0\0"),
		    TPR_PROTO_ISCSI, "n", "\xfe\xdc\xba\x98\x76\x54");
	/* a name may look like almost anything */
	expect_port(BYTES("\x45\0\0\x24" ";i;0x00023d000001,i,0x"
			  "00000000000a\0\0"),
		    TPR_PROTO_ISCSI, ";i;0x00023d000001", "\0\0\0\0\0\x0a");
}

/* Each length, so each padding, and the longest of all. */
static void test_iscsi_every_length(void **unused)
{
	char name[TPR_NAME_MAX + 2];
	u8 id[512];
	u32 n, len;

	(void)unused;
	for (n = 1; n <= TPR_NAME_MAX + 1; n++) {
		memset(name, 'q', n);
		name[n] = 0;
		memset(id, 0, sizeof(id));
		id[0] = 0x45;
		for (len = n + 18; len % 4; len++)
			;
		tpr_put_be16(id + 2, (u16)len);
		sprintf((char *)id + 4, "%s,i,0x80123456789a", name);
		if (n > TPR_NAME_MAX) {
			expect_refused(id, 4 + len);
			continue;
		}
		expect_port(id, 4 + len, TPR_PROTO_ISCSI, name,
			    "\x80\x12\x34\x56\x78\x9a");
		assert_true(4 + len <= TPR_TID_MAX);
		/* cut anywhere */
		if (n % 37 == 0)
			for (len += 3; len > 0; len--)
				expect_refused(id, len);
	}
}

/* What other writers of the same name write. */
static void test_iscsi_other_forms(void **unused)
{
	struct tpr_nexus n;
	bool any_port;

	(void)unused;
	assert_int_equal(get(BYTES("\x45\0\0\x14" "n,i,0xFEDCBA987654\0\0"), &n,
			     &any_port),
			 24);
	assert_memory_equal(n.isid, "\xfe\xdc\xba\x98\x76\x54", 6);
	/* more padding than it takes */
	assert_int_equal(get(BYTES("\x75\0\0\x1c" "n,i,0xfedcba987654"
				   "\0\0\0\0\0\0\0\0\0\0"),
			     &n, &any_port),
			 32);
	assert_string_equal(n.initiator, "n");
	assert_false(any_port);
}

static void test_iscsi_device(void **unused)
{
	struct tpr_nexus n;
	bool any_port = false;

	(void)unused;
	assert_int_equal(get(BYTES("\x05\0\0\x1ciqn.2026-01.com.example:a"
				   "\0\0\0"),
			     &n, &any_port),
			 32);
	assert_true(any_port);
	assert_string_equal(n.initiator, "iqn.2026-01.com.example:a");
	assert_memory_equal(n.isid, NO_ISID, TPR_ISID_LEN);
	assert_int_equal(n.proto, TPR_PROTO_ISCSI);
	assert_int_equal(get(BYTES("\x05\0\0\x14n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				   "\0\0\0\0"),
			     &n, &any_port),
			 24);
	assert_string_equal(n.initiator, "n");
	/* a port's name is no device's */
	expect_refused(BYTES("\x05\0\0\x14" "n,i,0xfedcba987654\0\0"));
	/* empty, not terminated, text behind the end */
	expect_refused(BYTES("\x05\0\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			     "\0\0\0\0"));
	expect_refused(BYTES("\x05\0\0\x14" "nnnnnnnnnnnnnnnnnnnn"));
	expect_refused(BYTES("\x05\0\0\x14" "nnnnnnnnnnnnnnnnn\0n\0"));
}

static void test_iscsi_refused(void **unused)
{
	(void)unused;
	/* reserved formats */
	expect_refused(BYTES("\x85\0\0\x14" "n,i,0xfedcba987654\0\0"));
	expect_refused(BYTES("\xc5\0\0\x14" "n,i,0xfedcba987654\0\0"));
	/* lengths: not of dwords, below 20, beyond the end */
	expect_refused(BYTES("\x45\0\0\x15" "n,i,0xfedcba987654\0\0\0"));
	expect_refused(BYTES("\x45\0\0\x16" "n,i,0xfedcba987654\0\0\0\0"));
	expect_refused(BYTES("\x45\0\0\x10" "n,i,0xfedcba987654\0\0"));
	expect_refused(BYTES("\x45\0\0\x18" "n,i,0xfedcba987654\0\0"));
	expect_refused(BYTES("\x45\0\x01\x14" "n,i,0xfedcba987654\0\0"));
	/* not terminated, text behind the end */
	expect_refused(BYTES("\x45\0\0\x14" "nnn,i,0xfedcba987654"));
	expect_refused(BYTES("\x45\0\0\x14" "n,i,0xfedcba987654\0n"));
	/* no name, no separator, too few or too many or other digits */
	expect_refused(BYTES("\x45\0\0\x14" ",i,0xfedcba987654\0\0\0"));
	expect_refused(BYTES("\x45\0\0\x14" "n.i,0xfedcba987654\0\0"));
	expect_refused(BYTES("\x45\0\0\x14" "n,t,0xfedcba987654\0\0"));
	expect_refused(BYTES("\x45\0\0\x14" "n,i,0Xfedcba987654\0\0"));
	expect_refused(BYTES("\x45\0\0\x14" "nn,i,0xfedcba98765\0\0"));
	expect_refused(BYTES("\x45\0\0\x14" "n,i,0xfedcba9876543\0"));
	expect_refused(BYTES("\x45\0\0\x14" "n,i,0xfedcba98765g\0\0"));
	expect_refused(BYTES("\x45\0\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			     "\0\0\0\0"));
	/* what the string cannot hold */
	expect_refused(BYTES("\x45\0\0\x14" "*,i,0xfedcba987654\0\0"));
	expect_refused(BYTES("\x45\0\0\x14" " ,i,0xfedcba987654\0\0"));
	expect_refused(BYTES("\x45\0\0\x18" "n,n,i,0xfedcba987654\0\0\0\0"));
	expect_refused(BYTES("\x45\0\0\x14" "\xc3,i,0xfedcba987654\0\0"));
}

/* Any bytes: refused, or a port with a valid name and a length that fits. */
static void test_any_bytes(void **unused)
{
	static const u8 first[] = {0x00, 0x04, 0x05, 0x06, 0x45};
	u32 seed = 1, round, i, len;
	struct tpr_nexus n;
	bool any_port;
	u8 bytes[64];
	int ret;

	(void)unused;
	for (round = 0; round < 200000; round++) {
		for (i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (u8)(seed >> 24);
		}
		len = bytes[1] % (sizeof(bytes) + 1);
		bytes[0] = first[bytes[0] % COUNT(first)];
		bytes[2] = 0;
		bytes[3] &= 0x3c;
		if (bytes[0] & 0x05) {
			memset(bytes + 4, 'n', 1 + bytes[4] % 16);
			memcpy(bytes + 12, ",i,0x0123456789ab\0\0\0\0\0\0\0", 24);
		}
		ret = get(bytes, len, &n, &any_port);
		if (ret == -EINVAL)
			continue;
		assert_true(ret >= 24 && ret <= (int)len && ret % 4 == 0);
		n.tag = 1;
		assert_true(tpr_nexus_valid(&n));
	}
}

static void test_port_name(void **unused)
{
	static const struct {
		u8 proto;
		const char *raw, *want;
	} rows[] = {
		{TPR_PROTO_FC, "naa.21000024ff123456", "naa.21000024ff123456"},
		{TPR_PROTO_FC, "21:00:00:24:FF:12:34:56",
		 "naa.21000024ff123456"},
		{TPR_PROTO_FC, "0x21000024ff123456", "naa.21000024ff123456"},
		{TPR_PROTO_FC, "21000024ff123456", "naa.21000024ff123456"},
		{TPR_PROTO_FC, "eui.21000024ff123456", "naa.21000024ff123456"},
		{TPR_PROTO_FC, "21000024ff12345", NULL},
		{TPR_PROTO_FC, "21000024ff1234567", NULL},
		{TPR_PROTO_FC, "21000024ff12345g", NULL},
		{TPR_PROTO_FC, "naa.", NULL},
		{TPR_PROTO_FC, "", NULL},
		{TPR_PROTO_SAS, "naa.500605B0000000EF", "naa.500605b0000000ef"},
		{TPR_PROTO_SAS, "500605b0 00000ef", NULL},
		{TPR_PROTO_SRP, "0xfe800000000000000002c9030001e0f1",
		 "0xfe800000000000000002c9030001e0f1"},
		{TPR_PROTO_SRP, "fe80:0000:0000:0000:0002:c903:0001:e0f1",
		 "0xfe800000000000000002c9030001e0f1"},
		{TPR_PROTO_SRP, "FE800000000000000002C9030001E0F1",
		 "0xfe800000000000000002c9030001e0f1"},
		{TPR_PROTO_SRP, "fe80000000000000", NULL},
		{TPR_PROTO_ISCSI, "iqn.2026-01.com.example:A",
		 "iqn.2026-01.com.example:A"},
		{TPR_PROTO_ISCSI, "", NULL},
		{TPR_PROTO_ISCSI, "a,b", NULL},
		{9, "0xABC", "0xABC"},
		{9, "*", NULL},
	};
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		char name[TPR_NAME_MAX + 1];
		bool ok = tpr_port_name(rows[i].proto, rows[i].raw, name);

		if (ok != (rows[i].want != NULL))
			fail_msg("%s: %d", rows[i].raw, ok);
		if (ok)
			assert_string_equal(name, rows[i].want);
	}
}

static void test_port_name_length(void **unused)
{
	char raw[TPR_NAME_MAX + 2], *name = malloc(TPR_NAME_MAX + 1);

	(void)unused;
	memset(raw, 'x', sizeof(raw));
	raw[TPR_NAME_MAX + 1] = 0;
	assert_false(tpr_port_name(TPR_PROTO_ISCSI, raw, name));
	raw[TPR_NAME_MAX] = 0;
	assert_true(tpr_port_name(TPR_PROTO_ISCSI, raw, name));
	assert_string_equal(name, raw);
	free(name);
}

/* The name that a fabric gives and the TransportID meet in one form. */
static void test_names_meet(void **unused)
{
	static const struct {
		const u8 *bytes;
		const char *raw;
	} rows[] = {
		{(const u8 *)FC, "21:00:00:24:ff:12:34:56"},
		{(const u8 *)SRP, "fe80:0000:0000:0000:0002:c903:0001:e0f1"},
		{(const u8 *)SAS, "0x500605b0000000ef"},
	};
	char name[TPR_NAME_MAX + 1];
	struct tpr_nexus n;
	bool any_port;
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(get(rows[i].bytes, 24, &n, &any_port), 24);
		assert_true(tpr_port_name(n.proto, rows[i].raw, name));
		assert_string_equal(n.initiator, name);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_fixed_reserved),
		cmocka_unit_test(test_first_of_several),
		cmocka_unit_test(test_fixed_refused),
		cmocka_unit_test(test_iscsi_port),
		cmocka_unit_test(test_iscsi_every_length),
		cmocka_unit_test(test_iscsi_other_forms),
		cmocka_unit_test(test_iscsi_device),
		cmocka_unit_test(test_iscsi_refused),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_port_name),
		cmocka_unit_test(test_port_name_length),
		cmocka_unit_test(test_names_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
