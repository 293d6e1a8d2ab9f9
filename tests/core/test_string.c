// SPDX-License-Identifier: GPL-2.0-only
/* The string: one literal example, and everything that must be refused. */
#include <time.h>

#include "util.h"

enum {
	BUF_MAX = 4096,
	CRC_LEN = 18, /* the CRC's own line */
};

/* Every kind of field: four protocols, all target ports, SPC-2, 8 changes. */
static const char golden[] =
	"vers=1\n"
	"seq=18446744073709551614\n"
	"scsi2_rsv=iqn.h,i,0x0123456789ab iqn.t,t,0xffff 5 65535\n"
	"gen=4294967295\n"
	"rsv=3 2\n"
	"num_regs=7\n"
	"aptpl=1\n"
	"device=tcmu:600140512345678,~!\n"
	"num_changes=8\n"
	"change=18446744073709551614 create gw-1 0x0000000000000000 0\n"
	"change=18446744073709551613 register gw-1 0x0123456789abcdef 9\n"
	"change=18446744073709551612 register-ignore A 0xffffffffffffffff "
	"18446744073709551615\n"
	"change=18446744073709551611 reserve gw_2.example 0x0000000000000001 "
	"10\n"
	"change=18446744073709551610 release gw-1 0x0123456789abcdef 8\n"
	"change=18446744073709551609 clear gw-1 0x0123456789abcdef 7\n"
	"change=18446744073709551608 preempt gw-1 0x0123456789abcdef 6\n"
	"change=18446744073709551607 repair 0 0x0123456789abcdef 5\n"
	"reg=0xffffffffffffffff 21:00:00:24:ff:12:34:56 * 0 1\n"
	"reg=0x0000000000000001 21:00:00:24:ff:12:34:57 50:01,t,0x0000 0 0\n"
	"reg=0x00000000000000ab 0xfe800000000000000002c9030001e0f1 "
	"fe80,t,0x0001 4 2\n"
	"reg=0x00000000000000ab iqn.2026-01.com.example:a,i,0x00023d000001 "
	"iqn.t,t,0x0001 5 1\n"
	"reg=0x00000000000000ab iqn.2026-01.com.example:a,i,0x00023d000001 "
	"iqn.t,t,0x0002 5 2\n"
	"reg=0x00000000000000ac iqn.2026-01.com.example:a,i,0x00023d000002 "
	"* 5 0\n"
	"reg=0x1000000000000000 naa.50014051 * 6 7\n"
	"crc32c=0x09b6b419\n";

/* A plain one. */
static const char small[] =
	"vers=1\n"
	"seq=2\n"
	"scsi2_rsv=none\n"
	"gen=1\n"
	"rsv=8 all\n"
	"num_regs=1\n"
	"aptpl=0\n"
	"device=600140512345678\n"
	"num_changes=2\n"
	"change=2 register gw-1 0x0123456789abcdef 2\n"
	"change=1 create gw-1 0x0123456789abcdef 1\n"
	"reg=0x0000000000000abc iqn.2026-01.com.example:b,i,0x00023d000001 "
	"iqn.2026-01.com.example:t,t,0x0001 5 1\n"
	"crc32c=0x44c6e9a3\n";

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

/* Puts the right CRC line at the end of the @len bytes of body. */
static size_t seal(char *s, size_t len)
{
	return len + (size_t)sprintf(s + len, "crc32c=0x%08x\n",
				     tpr_crc32c(0, s, len));
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

static void assert_empty(const struct tcmu_pr_info *info, u32 max_regs)
{
	struct tcmu_pr_info *empty = malloc(tpr_info_size(max_regs));

	tpr_info_init(empty, max_regs);
	assert_memory_equal(info, empty, sizeof(*info));
	free(empty);
}

/* Exactly the bytes, so that the sanitizer sees any byte beyond. */
static int decode(struct tcmu_pr_info *info, const char *s, size_t len,
		  struct tpr_string_error *err)
{
	char *copy = malloc(len ? len : 1);
	int ret;

	memcpy(copy, s, len);
	err->line = 12345;
	err->what = "poison";
	ret = tpr_decode(info, copy, len, err);
	free(copy);
	return ret;
}

static void refused(const char *s, size_t len, u32 line, const char *what)
{
	struct tcmu_pr_info *info = empty_state(9);
	struct tpr_string_error err;
	int ret = decode(info, s, len, &err);

	if (ret != -EINVAL)
		fail_msg("%s: returned %d", what, ret);
	if (err.line != line)
		fail_msg("%s: line %u, expected %u (%s)", what, err.line, line,
			 err.what);
	assert_non_null(err.what);
	assert_empty(info, 9);
	assert_int_equal(tpr_decode(info, s, len, NULL), -EINVAL);
	free(info);
}

/* Replaces @from in the text @base by @to and makes the CRC fit. */
static size_t replaced(char *s, const char *base, const char *from,
		       const char *to)
{
	const char *at = strstr(base, from);
	size_t body = strlen(base) - CRC_LEN, len = (size_t)(at - base);

	assert_non_null(at);
	memcpy(s, base, len);
	memcpy(s + len, to, strlen(to));
	len += strlen(to);
	at += strlen(from);
	memcpy(s + len, at, body - (size_t)(at - base));
	len += body - (size_t)(at - base);
	return seal(s, len);
}

static void refused_with(const char *base, const char *from, const char *to,
			 u32 line)
{
	char s[BUF_MAX];
	size_t len = replaced(s, base, from, to);

	refused(s, len, line, to);
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
	assert_true(info->scsi2_held);
	assert_string_equal(info->scsi2_holder.initiator, "iqn.h");
	assert_memory_equal(info->scsi2_holder.isid, "\1\x23\x45\x67\x89\xab",
			    6);
	assert_int_equal(info->scsi2_holder.tag, 0xffff);
	assert_int_equal(info->scsi2_holder.rtpi, 65535);
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

static void test_small_is_what_the_state_says(void **unused)
{
	struct tcmu_pr_info *info = empty_state(1), *copy = empty_state(3);
	struct tpr_string_error err;
	char buf[BUF_MAX];

	(void)unused;
	step(info, 'B', TPR_OUT_REGISTER, 0, 0, 0xabc);
	info->rsv.type = TPR_EXCLUSIVE_ACCESS_AR;
	assert_int_equal(tpr_encode(info, buf, sizeof(buf)), sizeof(small) - 1);
	assert_memory_equal(buf, small, sizeof(small) - 1);
	assert_int_equal(decode(copy, small, sizeof(small) - 1, &err), 0);
	assert_text(copy, "Babc /8* g1", "small");
	free(copy);
	free(info);
}

static void test_every_type(void **unused)
{
	static const u8 types[] = {1, 3, 5, 6, 7, 8};
	struct tcmu_pr_info *copy = empty_state(9);
	struct tpr_string_error err;
	char text[32], buf[BUF_MAX];
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(types); i++) {
		struct tcmu_pr_info *info;
		long len;

		snprintf(text, sizeof(text), "A1 B2 C3 /%u%c g10", types[i],
			 types[i] >= 7 ? '*' : 'B');
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
				  " 2\nchange=1 create";

	(void)unused;
	refused_with(small, "seq=2", "seq=0", 0);
	refused_with(small, "seq=2", "seq=1", 0);
	refused_with(small, "seq=2", "seq=3", 0);
	refused_with(small, "change=1 create", "change=0 create", 0);
	refused_with(small, "change=1 create", "change=2 create", 0);
	refused_with(small, "change=2 register", "change=3 register", 0);
	refused_with(small, two, "num_changes=1\nchange=2 create", 0);
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
	/* an SPC-2 reservation has one port */
	refused_with(golden, "iqn.t,t,0xffff 5 65535", "* 5 65535", 3);
	refused_with(golden, ",i,0x0123456789ab iqn.t", " iqn.t", 3);
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
	info->scsi2_held = true;
	info->scsi2_holder = nexus('C');
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
	not_encoded(info, AT(scsi2_holder.initiator), 0, "no holder");
	not_encoded(info, AT(scsi2_holder.target), 0, "no target");
	not_encoded(info, AT(scsi2_holder.proto), 6, "isid of SAS");
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
	u32 i;

	memset(info->device, 'd', TPR_DEVICE_MAX);
	memset(w.gateway, 'g', TPR_GATEWAY_MAX);
	memset(n.initiator, 'i', TPR_NAME_MAX);
	memset(n.target, 't', TPR_NAME_MAX);
	info->seq = ~0ULL - 1 - TPR_CHANGES_MAX;
	for (i = 0; i < TPR_CHANGES_MAX; i++)
		tpr_stamp(info, &w, &(struct tpr_order){ .action = TPR_ACT_REGISTER_IGNORE });
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
	info->scsi2_held = true;
	info->scsi2_holder = n;
	return info;
}

static void test_largest(void **unused)
{
	struct tcmu_pr_info *info = largest(), *copy = empty_state(4096);
	size_t max = tpr_encoded_max(TPR_REGS_MAX);
	char *buf = malloc(max);
	double t = seconds(), enc, dec;
	long len = tpr_encode(info, buf, max);

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
	assert_memory_equal(copy->changes, info->changes,
			    sizeof(info->changes));
	assert_string_equal(copy->device, info->device);
	assert_int_equal(copy->rsv.holder, TPR_REGS_MAX - 1);
	assert_true(copy->regs[4095].key == info->regs[4095].key);
	/* not one byte less */
	assert_int_equal(tpr_encode(copy, buf, (size_t)len), len);
	assert_int_equal(tpr_encode(copy, buf, (size_t)len - 1), -ENOSPC);
	/* encoded_max() of fewer, each exact enough to hold them */
	for (copy->num_regs = 0; copy->num_regs < 3; copy->num_regs++) {
		copy->rsv.type = 0;
		copy->rsv.holder = TPR_HOLDER_ALL;
		assert_true(tpr_encode(copy, buf,
				       tpr_encoded_max(copy->num_regs)) > 0);
	}
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
		cmocka_unit_test(test_small_is_what_the_state_says),
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_N2_no_registrations),
		cmocka_unit_test(test_corruption),
		cmocka_unit_test(test_corruption_with_crc),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_what_stands_around),
		cmocka_unit_test(test_head_fields),
		cmocka_unit_test(test_reservation_field),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_registrations),
		cmocka_unit_test(test_nul_and_non_ascii_bytes),
		cmocka_unit_test(test_line_numbers),
		cmocka_unit_test(test_order_of_registrations),
		cmocka_unit_test(test_name_lengths),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_room_to_decode),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_peek_refuses_version_0),
		cmocka_unit_test(test_encode_refuses),
		cmocka_unit_test(test_encode_refuses_names),
		cmocka_unit_test(test_valid_refuses_both_kinds),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
