// SPDX-License-Identifier: GPL-2.0-only
/* The string: everything that must be refused, field by field. */
#include "literals.h"

static void test_what_stands_around(void **unused)
{
	char s[BUF_MAX];
	size_t len = sizeof(small) - 1;

	(void)unused;
	memcpy(s, small, len);
	strcpy(s + len, "\n");
	refused(s, len + 1, 0, "LF after the end");
	refused(s, len - 1, 0, "missing last LF");
	s[len] = 0;
	refused(s, len + 1, 0, "NUL after the end");
	s[len - 1] = '\r';
	refused(s, len, 0, "CR for LF");
	refused("", 0, 0, "nothing");
	refused("\n", 1, 0, "LF");
	sprintf(s, "%s%s", small, small);
	refused(s, 2 * len, 0, "twice");
	refused(s, seal(s, len), 13, "two CRC lines");
	sprintf(s, "\n%s", small);
	refused(s, seal(s, len + 1 - CRC_LEN), 1, "empty first line");
	sprintf(s, "%s", small);
	s[len - 18] = 0;
	strcat(s, "\n");
	refused(s, seal(s, strlen(s)), 13, "empty last line");
	refused(s, seal(s, 0), 1, "only the CRC");
}

static void test_head_fields(void **unused)
{
	(void)unused;
	refused_with(small, "vers=1", "vers=2", 1);
	refused_with(small, "vers=1", "vers=0", 1);
	refused_with(small, "vers=1", "vers=01", 1);
	refused_with(small, "vers=1", "vers=", 1);
	refused_with(small, "vers=1", "Vers=1", 1);
	refused_with(small, "vers=1", "vers=4294967297", 1);
	refused_with(small, "vers=1\n", "vers=1\r\n", 1);
	refused_with(small, "vers=1\n", "vers=1 \n", 1);
	refused_with(small, "vers=1\n", "", 1);
	refused_with(small, "vers=1\n", "vers=1\nvers=1\n", 2);
	refused_with(small, "seq=2", "seq=02", 2);
	refused_with(small, "seq=2", "seq=+2", 2);
	refused_with(small, "seq=2", "seq=-2", 2);
	refused_with(small, "seq=2", "seq= 2", 2);
	refused_with(small, "seq=2", "seq=0x2", 2);
	refused_with(small, "seq=2", "seq=18446744073709551616", 2);
	refused_with(small, "seq=2", "seq=28446744073709551615", 2);
	refused_with(small, "seq=2", "seq=100000000000000000000", 2);
	refused_with(small, "scsi2_rsv=none", "scsi2_rsv=", 3);
	refused_with(small, "scsi2_rsv=none", "scsi2_rsv=None", 3);
	refused_with(small, "scsi2_rsv=none", "scsi2_rsv=none ", 3);
	refused_with(small, "gen=1", "gen=01", 4);
	refused_with(small, "gen=1", "gen=4294967296", 4);
	refused_with(small, "gen=1\nrsv=8 all\n", "rsv=8 all\ngen=1\n", 4);
	refused_with(small, "aptpl=0", "aptpl=2", 7);
	refused_with(small, "aptpl=0", "aptpl=00", 7);
	refused_with(small, "aptpl=0", "aptpl=yes", 7);
	refused_with(small, "device=600140512345678", "device=", 8);
	refused_with(small, "device=6", "device= 6", 8);
	refused_with(small, "device=6", "device=\t6", 8);
	refused_with(small, "device=6",
		     "device=\x7f"
		     "6",
		     8);
	refused_with(small, "device=6",
		     "device=\xc3\xa9"
		     "6",
		     8);
	refused_with(small, "aptpl=0\n", "aptpl=0\naptpl=0\n", 8);
}

static void test_reservation_field(void **unused)
{
	(void)unused;
	refused_with(small, "rsv=8 all", "rsv=8 0", 5);
	refused_with(small, "rsv=8 all", "rsv=1 all", 5);
	refused_with(small, "rsv=8 all", "rsv=0 all", 5);
	refused_with(small, "rsv=8 all", "rsv=0", 5);
	refused_with(small, "rsv=8 all", "rsv=2 0", 5);
	refused_with(small, "rsv=8 all", "rsv=4 0", 5);
	refused_with(small, "rsv=8 all", "rsv=9 all", 5);
	refused_with(small, "rsv=8 all", "rsv=16 all", 5);
	refused_with(small, "rsv=8 all", "rsv=264 all", 5);
	refused_with(small, "rsv=8 all", "rsv=08 all", 5);
	refused_with(small, "rsv=8 all", "rsv=8  all", 5);
	refused_with(small, "rsv=8 all", "rsv=8 ALL", 5);
	refused_with(small, "rsv=8 all", "rsv=8 all ", 5);
	refused_with(small, "rsv=8 all", "rsv=8", 5);
	refused_with(small, "rsv=8 all", "rsv=1 00", 5);
	refused_with(small, "rsv=8 all", "rsv=1 4096", 5);
	refused_with(small, "rsv=8 all", "rsv=1 4294967295", 5);
	refused_with(small, "rsv=8 all", "rsv=none 0", 5);
	/* one more than there are: only the whole can tell */
	refused_with(small, "rsv=8 all", "rsv=1 1", 0);
	refused_with(small, "rsv=8 all", "rsv=5 4095", 0);
	refused_with(golden, "rsv=3 2", "rsv=3 7", 0);
}

static void test_counts(void **unused)
{
	(void)unused;
	refused_with(small, "num_regs=1", "num_regs=0", 12);
	refused_with(small, "num_regs=1", "num_regs=2", 13);
	refused_with(small, "num_regs=1", "num_regs=4097", 6);
	refused_with(small, "num_regs=1", "num_regs=-1", 6);
	refused_with(small, "num_regs=1", "num_regs=18446744073709551617", 6);
	refused_with(small, "num_changes=2", "num_changes=1", 11);
	refused_with(small, "num_changes=2", "num_changes=3", 12);
	refused_with(small, "num_changes=2", "num_changes=9", 9);
	refused_with(small, "num_changes=2", "num_changes=02", 9);
	refused_with(golden, "num_regs=7", "num_regs=6", 24);
	refused_with(golden, "num_regs=7", "num_regs=8", 25);
	refused_with(golden, "num_changes=8", "num_changes=7", 17);
}

static void test_changes(void **unused)
{
	static const char two[] = "num_changes=2\n"
				  "change=2 register gw-1 0x0123456789abcdef"
				  " 2 none\nchange=1 create";

	(void)unused;
	refused_with(small, "seq=2", "seq=0", 0);
	refused_with(small, "seq=2", "seq=1", 0);
	refused_with(small, "seq=2", "seq=3", 0);
	refused_with(small, "change=1 create", "change=0 create", 0);
	refused_with(small, "change=1 create", "change=2 create", 0);
	refused_with(small, "change=2 register", "change=3 register", 0);
	refused_with(small, two, "num_changes=1\nchange=1 create", 0);
	/* more versions than there were */
	refused_with(small, two, "num_changes=3\n"
		     "change=2 register gw-1 0x0123456789abcdef 2 none\n"
		     "change=1 register gw-1 0x0123456789abcdef 1 none\n"
		     "change=0 create", 0);
	/* a version that nothing made */
	refused_with(repaired, "num_changes=1\nchange=5 repair gw-1 "
		     "0x0123456789abcdef 2 none\n", "num_changes=0\n", 0);
	refused_with(small, "change=1 create", "change=1 created", 11);
	refused_with(small, "change=1 create", "change=1 Create", 11);
	refused_with(small, "change=1 create", "change=1 ", 11);
	refused_with(small, "change=1 create", "change=01 create", 11);
	refused_with(small, "change=2 register", "change=2 register-", 10);
	refused_with(small, "change=2 register", "change=2  register", 10);
	refused_with(small, "register gw-1", "register ", 10);
	refused_with(small, "register gw-1", "register gw,1", 10);
	refused_with(small, "register gw-1", "register gw/1", 10);
	refused_with(small, "register gw-1", "register gw-1 gw-1", 10);
	refused_with(small, "0x0123456789abcdef 2", "0x0123456789abcde 2", 10);
	refused_with(small, "0x0123456789abcdef 2", "0x0123456789abcdEf 2", 10);
	refused_with(small, "0x0123456789abcdef 2", "0X0123456789abcdef 2", 10);
	refused_with(small, "0x0123456789abcdef 2", "0x0123456789abcdefa 2",
		     10);
	refused_with(small, "0x0123456789abcdef 2", "0x0123456789abcdef 02",
		     10);
	refused_with(small, "0x0123456789abcdef 2", "0x0123456789abcdef", 10);
}

static void test_registrations(void **unused)
{
	(void)unused;
	refused_with(small, "reg=0x0000000000000abc", "reg=0x0000000000000000",
		     12);
	refused_with(small, "reg=0x0000000000000abc", "reg=0x0000000000000ABC",
		     12);
	refused_with(small, "reg=0x0000000000000abc", "reg=0xabc", 12);
	refused_with(small, "reg=0x0000000000000abc", "reg=0000000000000abc",
		     12);
	refused_with(small, "0abc iqn", "0abc  iqn", 12);
	refused_with(small, "0abc iqn", "0abc \xe9iqn", 12);
	refused_with(small, ",i,0x00023d000001", "", 12);
	refused_with(small, ",i,0x00023d000001", ",i,0x00023D000001", 12);
	refused_with(small, ",i,0x00023d000001", ",i,0x0023d000001", 12);
	refused_with(small, ",i,0x00023d000001", ",i,0x000023d000001", 12);
	refused_with(small, ",i,0x00023d000001", ",t,0x00023d000001", 12);
	refused_with(small, ",t,0x0001 5", ",t,0x0001 6", 12);
	refused_with(small, ",t,0x0001 5", ",t,0x0001 05", 12);
	refused_with(small, ",t,0x0001 5", ",t,0x0001 16", 12);
	refused_with(small, ",t,0x0001 5", ",t,0x00010 5", 12);
	refused_with(small, ",t,0x0001 5", ",t,0x001 5", 12);
	refused_with(small, ",t,0x0001 5", ",i,0x0001 5", 12);
	refused_with(small, ",t,0x0001 5", " 5", 12);
	refused_with(small, "iqn.2026-01.com.example:t,t", "*,t", 12);
	refused_with(small, "iqn.2026-01.com.example:t,t", ",t", 12);
	refused_with(small, "iqn.2026-01.com.example:t,t,0x0001", "**", 12);
	refused_with(small, "iqn.2026-01.com.example:b", "", 12);
	refused_with(small, "iqn.2026-01.com.example:b", "*", 12);
	refused_with(small, "5 1\n", "5 65536\n", 12);
	refused_with(small, "5 1\n", "5 01\n", 12);
	refused_with(small, "5 1\n", "5 1\r\n", 12);
	refused_with(small, "5 1\n", "5 1 \n", 12);
	refused_with(small, "5 1\n", "5 1", 12);
	refused_with(small, "5 1\n", "5\n", 12);
	/* an ISID in front of what is no iSCSI */
	refused_with(golden, "24:ff:12:34:56 *", "24,i,0x000000000000 *", 18);
}

static void test_spc2_reservation(void **unused)
{
	static const char held[] = "scsi2_rsv=none iqn.h,i,0x0123456789ab "
				   "iqn.t,t,0xffff 5 65535";

	(void)unused;
	/* it has one port */
	refused_with(spc2, "iqn.t,t,0xffff 5 65535", "* 5 65535", 3);
	refused_with(spc2, ",i,0x0123456789ab iqn.t", " iqn.t", 3);
	refused_with(spc2, "=none iqn.h", "=iqn.h", 3);
	refused_with(spc2, "=none iqn.h", "= iqn.h", 3);
	refused_with(spc2, "=none iqn.h", "=none  iqn.h", 3);
	refused_with(spc2, "=none iqn.h", "=no,ne iqn.h", 3);
	refused_with(spc2, "5 65535\n", "5 65535 \n", 3);
	refused_with(spc2, "5 65535\n", "5 65535 gw\n", 3);
	/* not beside registrations */
	refused_with(small, "scsi2_rsv=none", held, 0);
	refused_with(golden, "scsi2_rsv=none", held, 0);
}

static void test_orders(void **unused)
{
	static const char key[] = " 5 0x0000000000000000 0 0 iqn.h",
			  ports[] = " 0 iqn.h,i,0x0123456789ab iqn.t,t,0xffff";

	(void)unused;
	refused_with(small, " 2 none\n", " 2\n", 10);
	refused_with(small, " 2 none\n", " 2 \n", 10);
	refused_with(small, " 2 none\n", " 2 None\n", 10);
	refused_with(small, " 2 none\n", " 2 none \n", 10);
	refused_with(small, " 2 none\n", " 2 nonetheless\n", 10);
	refused_with(small, " 2 none\n", " 2 0x0000000000000000\n", 10);
	refused_with(small, " 2 none\n", " 2 0x0000000000000000 0 0\n", 10);
	refused_with(small, " 2 none\n", " 2 0x0000000000000000 0 0 none\n", 10);
	refused_with(spc2, key, " 5 0x000000000000000 0 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x00000000000000000 0 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x000000000000000A 0 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0 0 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 256 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 0 256 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 00 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 0 00 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 0x0 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 -1 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000  0 0 iqn.h", 10);
	refused_with(spc2, key, " 5 0x0000000000000000 0 0 0 iqn.h", 10);
	refused_with(spc2, key, " 5 none 0x0000000000000000 0 0 iqn.h", 10);
	/* who asked came by one port */
	refused_with(spc2, ports, " 0 iqn.h,i,0x0123456789ab *", 10);
	refused_with(spc2, ports, " 0 iqn.h iqn.t,t,0xffff", 10);
	refused_with(spc2, ports, " 0 iqn.h,i,0x0123456789ab", 10);
	refused_with(spc2, " 1 a b", " 1 * b", 15);
	refused_with(spc2, " 1 a b,t,0x0002 0", " 1 a b,t,0x0002 5", 15);
	refused_with(spc2, "1 a b,t,0x0002 0 3\n", "1 a b,t,0x0002 0 3 \n",
		     15);
}

static void test_nul_and_non_ascii_bytes(void **unused)
{
	size_t len = sizeof(small) - 1, i;
	struct tcmu_pr_info *info = empty_state(9);
	struct tpr_string_error err;
	char s[BUF_MAX];

	(void)unused;
	for (i = 0; i < len - CRC_LEN; i++) {
		static const char bytes[] = {0,		 '\r',	     '\t', 0x7f,
					     (char)0x80, (char)0xff, 1};
		size_t j;

		for (j = 0; j < sizeof(bytes); j++) {
			memcpy(s, small, len);
			s[i] = bytes[j];
			seal(s, len - CRC_LEN);
			assert_int_equal(decode(info, s, len, &err), -EINVAL);
			assert_true(err.line >= 1);
		}
	}
	free(info);
}

/* Line by line, so that the number told is the line's. */
static void test_line_numbers(void **unused)
{
	const char *line = golden, *end = golden + sizeof(golden) - 1 - CRC_LEN;
	size_t body = sizeof(golden) - 1 - CRC_LEN;
	char s[sizeof(golden) + 1];
	u32 n;

	(void)unused;
	for (n = 1; line < end; n++) {
		memcpy(s, golden, body);
		s[line - golden] = '#';
		refused(s, seal(s, body), n, "first byte of a line");
		line = strchr(line, '\n') + 1;
		memcpy(s, golden, body);
		s[line - golden - 1] = 1;
		refused(s, seal(s, body), n, "last byte of a line");
	}
	assert_int_equal(n, 25);
}

/* Order and doubles are for the whole: line 0. */
static void test_order_of_registrations(void **unused)
{
	static const char a[] = "reg=0x0000000000000001 a,i,0x000000000000 "
				"t,t,0x0001 5 1\n";
	static const char b[] = "reg=0x0000000000000001 b,i,0x000000000000 "
				"t,t,0x0001 5 1\n";
	static const char all[] = "reg=0x0000000000000001 a,i,0x000000000000 "
				  "* 5 1\n";
	static const char other[] = "reg=0x0000000000000002 a,i,0x000000000000 "
				    "t,t,0x0001 5 2\n";
	static const struct {
		const char *first, *second;
		bool good;
	} rows[] = {
		{a, b, true},	   {b, a, false},     {a, a, false},
		{a, other, false}, {all, b, true},    {all, a, false},
		{a, all, false},   {all, all, false},
	};
	size_t i, len, head = (size_t)(strstr(small, "reg=0x") - small);

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		struct tcmu_pr_info *info = empty_state(2);
		struct tpr_string_error err;
		char s[BUF_MAX];

		memcpy(s, small, head);
		sprintf(s + head, "%s%s", rows[i].first, rows[i].second);
		strstr(s, "num_regs=1")[9] = '2';
		len = seal(s, strlen(s));
		assert_int_equal(decode(info, s, len, &err),
				 rows[i].good ? 0 : -EINVAL);
		if (!rows[i].good)
			assert_int_equal(err.line, 0);
		free(info);
	}
}

/* A text with a name of @len bytes in it. */
static void expect_name(const char *from, const char *format, size_t len,
			char fill, bool good, u32 line)
{
	char name[512], to[1024], s[BUF_MAX];
	struct tcmu_pr_info *info = empty_state(9);
	struct tpr_string_error err;
	size_t n;

	memset(name, fill, len);
	name[len] = 0;
	snprintf(to, sizeof(to), format, name);
	n = replaced(s, small, from, to);
	assert_int_equal(decode(info, s, n, &err), good ? 0 : -EINVAL);
	if (!good)
		assert_int_equal(err.line, line);
	free(info);
}

static void test_name_lengths(void **unused)
{
	static const char ini[] = "iqn.2026-01.com.example:b",
			  tgt[] = "iqn.2026-01.com.example:t",
			  dev[] = "600140512345678", gw[] = "register gw-1";

	(void)unused;
	expect_name(ini, "%s", 1, 'x', true, 0);
	expect_name(ini, "%s", 223, 'x', true, 0);
	expect_name(ini, "%s", 224, 'x', false, 12);
	expect_name(ini, "%s", 500, 'x', false, 12);
	expect_name(tgt, "%s", 223, '!', true, 0);
	expect_name(tgt, "%s", 224, '!', false, 12);
	expect_name(dev, "%s", 1, '~', true, 0);
	expect_name(dev, "%s", 253, '~', true, 0);
	expect_name(dev, "%s", 254, '~', false, 8);
	expect_name(gw, "register %s", 1, 'z', true, 0);
	expect_name(gw, "register %s", 63, 'z', true, 0);
	expect_name(gw, "register %s", 64, 'z', false, 10);
	expect_name(gw, "register %s", 5, ':', false, 10);
}

static void test_names(void **unused)
{
	char longest[TPR_NAME_MAX + 2];
	char c[2] = {0};
	int i;

	(void)unused;
	for (i = 1; i < 256; i++) {
		c[0] = (char)i;
		assert_int_equal(tpr_name_valid(c),
				 i > 0x20 && i < 0x7f && i != ',' && i != '*');
		assert_int_equal(tpr_gateway_valid(c),
				 (i >= 'a' && i <= 'z') ||
					 (i >= 'A' && i <= 'Z') ||
					 (i >= '0' && i <= '9') ||
					 (i < 128 && strchr("-._", i) != NULL));
	}
	assert_false(tpr_name_valid(""));
	assert_false(tpr_gateway_valid(""));
	assert_true(tpr_name_valid("**"));
	memset(longest, 'a', sizeof(longest));
	longest[TPR_NAME_MAX + 1] = 0;
	assert_false(tpr_name_valid(longest));
	longest[TPR_NAME_MAX] = 0;
	assert_true(tpr_name_valid(longest));
	longest[TPR_GATEWAY_MAX + 1] = 0;
	assert_false(tpr_gateway_valid(longest));
	longest[TPR_GATEWAY_MAX] = 0;
	assert_true(tpr_gateway_valid(longest));
	assert_string_equal(tpr_action_name(TPR_ACT_CREATE), "create");
	assert_string_equal(tpr_action_name(TPR_ACT_REPAIR), "repair");
	assert_null(tpr_action_name(TPR_ACT_MAX));
	assert_null(tpr_action_name(255));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_stands_around),
		cmocka_unit_test(test_head_fields),
		cmocka_unit_test(test_reservation_field),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_registrations),
		cmocka_unit_test(test_spc2_reservation),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_nul_and_non_ascii_bytes),
		cmocka_unit_test(test_line_numbers),
		cmocka_unit_test(test_order_of_registrations),
		cmocka_unit_test(test_name_lengths),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
