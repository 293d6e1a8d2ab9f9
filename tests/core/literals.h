/* SPDX-License-Identifier: GPL-2.0-only */
/* Literal strings, and what the tests of the string do with them. */
#ifndef TPR_TEST_LITERALS_H
#define TPR_TEST_LITERALS_H

#include "util.h"

enum {
	BUF_MAX = 4096,
	CRC_LEN = 18, /* the CRC's own line */
};

/* Every kind of field but SPC-2: four protocols, all target ports, 8 changes. */
static const char golden[] =
	"vers=1\n"
	"seq=18446744073709551614\n"
	"scsi2_rsv=none\n"
	"gen=4294967295\n"
	"rsv=3 2\n"
	"num_regs=7\n"
	"aptpl=1\n"
	"device=tcmu:600140512345678,~!\n"
	"num_changes=8\n"
	"change=18446744073709551614 create gw-1 0x0000000000000000 0 "
	"none\n"
	"change=18446744073709551613 register gw-1 0x0123456789abcdef "
	"9 0x00000000000000ac 0 4 "
	"iqn.2026-01.com.example:a,i,0x00023d000002 iqn.t,t,0x0001 5 "
	"1\n"
	"change=18446744073709551612 register-ignore A "
	"0xffffffffffffffff 18446744073709551615 0xffffffffffffffff "
	"255 255 21:00:00:24:ff:12:34:56 50:01,t,0xffff 0 65535\n"
	"change=18446744073709551611 reserve gw_2.example "
	"0x0000000000000001 10 0x0000000000000000 3 0 "
	"0xfe800000000000000002c9030001e0f1 fe80,t,0x0001 4 2\n"
	"change=18446744073709551610 release gw-1 0x0123456789abcdef 8 "
	"none\n"
	"change=18446744073709551609 clear gw-1 0x0123456789abcdef 7 "
	"none\n"
	"change=18446744073709551608 preempt gw-1 0x0123456789abcdef 6 "
	"0x0123456789abcdef 8 1 naa.50014051 naa.5,t,0x0000 6 7\n"
	"change=18446744073709551607 repair 0 0x0123456789abcdef 5 "
	"none\n"
	"reg=0xffffffffffffffff 21:00:00:24:ff:12:34:56 * 0 1\n"
	"reg=0x0000000000000001 21:00:00:24:ff:12:34:57 50:01,t,0x0000 "
	"0 0\n"
	"reg=0x00000000000000ab 0xfe800000000000000002c9030001e0f1 "
	"fe80,t,0x0001 4 2\n"
	"reg=0x00000000000000ab "
	"iqn.2026-01.com.example:a,i,0x00023d000001 iqn.t,t,0x0001 5 "
	"1\n"
	"reg=0x00000000000000ab "
	"iqn.2026-01.com.example:a,i,0x00023d000001 iqn.t,t,0x0002 5 "
	"2\n"
	"reg=0x00000000000000ac "
	"iqn.2026-01.com.example:a,i,0x00023d000002 * 5 0\n"
	"reg=0x1000000000000000 naa.50014051 * 6 7\n"
	"crc32c=0xf04ead1a\n";

/* An SPC-2 reservation, and the other actions. */
static const char spc2[] =
	"vers=1\n"
	"seq=10\n"
	"scsi2_rsv=none iqn.h,i,0x0123456789ab iqn.t,t,0xffff 5 65535\n"
	"gen=7\n"
	"rsv=none\n"
	"num_regs=0\n"
	"aptpl=0\n"
	"device=-\n"
	"num_changes=8\n"
	"change=10 spc2-reserve none 0x0000000000000001 5 "
	"0x0000000000000000 0 0 iqn.h,i,0x0123456789ab iqn.t,t,0xffff "
	"5 65535\n"
	"change=9 power-loss gw-1 0x0000000000000002 9 none\n"
	"change=8 lu-reset gw-1 0x0000000000000002 8 none\n"
	"change=7 nexus-loss gw-1 0x0000000000000002 7 none\n"
	"change=6 spc2-release gw-1 0x0000000000000002 6 none\n"
	"change=5 replace-lost gw-1 0x0000000000000002 5 "
	"0x0000000000000009 5 1 a b,t,0x0002 0 3\n"
	"change=4 register-move gw-1 0x0000000000000002 4 "
	"0x0000000000000008 0 2 a b,t,0x0002 0 3\n"
	"change=3 preempt-abort gw-1 0x0000000000000002 3 "
	"0x0000000000000007 1 0 a b,t,0x0002 0 3\n"
	"crc32c=0x334742f3\n";

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
	"change=2 register gw-1 0x0123456789abcdef 2 none\n"
	"change=1 create gw-1 0x0123456789abcdef 1 none\n"
	"reg=0x0000000000000abc "
	"iqn.2026-01.com.example:b,i,0x00023d000001 "
	"iqn.2026-01.com.example:t,t,0x0001 5 1\n"
	"crc32c=0x54f7eb0b\n";

/* What led to it is not known, but for the last change. */
static const char repaired[] =
	"vers=1\n"
	"seq=5\n"
	"scsi2_rsv=none\n"
	"gen=0\n"
	"rsv=none\n"
	"num_regs=0\n"
	"aptpl=0\n"
	"device=600140512345678\n"
	"num_changes=1\n"
	"change=5 repair gw-1 0x0123456789abcdef 2 none\n"
	"crc32c=0x41290033\n";

/* Puts the right CRC line at the end of the @len bytes of body. */
static inline size_t seal(char *s, size_t len)
{
	return len + (size_t)sprintf(s + len, "crc32c=0x%08x\n",
				     tpr_crc32c(0, s, len));
}

static inline void assert_empty(const struct tcmu_pr_info *info, u32 max_regs)
{
	struct tcmu_pr_info *empty = malloc(tpr_info_size(max_regs));

	tpr_info_init(empty, max_regs);
	assert_memory_equal(info, empty, sizeof(*info));
	free(empty);
}

/* Exactly the bytes, so that the sanitizer sees any byte beyond. */
static inline int decode(struct tcmu_pr_info *info, const char *s, size_t len,
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

static inline void refused(const char *s, size_t len, u32 line, const char *what)
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
static inline size_t replaced(char *s, const char *base, const char *from,
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

static inline void refused_with(const char *base, const char *from, const char *to,
			 u32 line)
{
	char s[BUF_MAX];
	size_t len = replaced(s, base, from, to);

	refused(s, len, line, to);
}

#endif
