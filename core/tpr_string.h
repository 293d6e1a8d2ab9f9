/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The string: struct tcmu_pr_info as text, as it stands on the device.
 *
 * Printable ASCII, one field a line, every line ended by one LF, fields in
 * this order and no other:
 *
 *	vers=1
 *	seq=DEC
 *	scsi2_rsv=none | GATEWAY PORTS
 *	gen=DEC
 *	rsv=none | TYPE HOLDER		TYPE 1,3,5,6,7,8; HOLDER the index of a
 *					registration from 0, or "all" (7, 8)
 *	num_regs=DEC
 *	aptpl=0 | 1
 *	device=IDENTITY
 *	num_changes=DEC
 *	change=SEQ ACTION GATEWAY 0xINCARNATION COUNT ORDER	newest first
 *	reg=0xKEY PORTS						num_regs lines
 *	crc32c=0xCRC
 *
 * ORDER is "none" or 0xSAKEY SCOPETYPE FLAGS PORTS: what was asked, with two
 * bytes of the command in decimal, and by which nexus.
 *
 * PORTS is INITIATOR TARGET PROTOCOL RTPI.  INITIATOR is NAME,i,0xISID for
 * iSCSI (protocol 5) and NAME for the others; TARGET is NAME,t,0xTAG, or "*"
 * for all target ports, which only registrations can be for.  DEC has no
 * leading zero.  Hexadecimal is lower case and of full width: keys and
 * incarnation 16 digits, ISID 12, tag 4, CRC 8.
 * A name is 1 to 223 bytes of 21h..7Eh without the comma, and not "*".
 * IDENTITY is 1 to 253 bytes of 21h..7Eh.  The CRC32C (RFC 7143, 13.1) covers
 * all bytes before its own line.
 *
 * Every state has exactly one string: what decodes encodes to the same bytes.
 */
#ifndef TPR_STRING_H
#define TPR_STRING_H

#include "tpr_state.h"

/* Why a string was refused. */
struct tpr_string_error {
	u32 line; /* from 1; 0: the string as a whole */
	const char *what; /* static text */
};

/* Room that always suffices for tpr_encode() of @num_regs registrations. */
size_t tpr_encoded_max(u32 num_regs);

/*
 * Writes the string of a valid @info to @buf, without a terminating NUL.
 * Returns its length in bytes, -ENOSPC if it does not fit @cap bytes, or
 * -EINVAL if @info breaks an invariant or holds a name that the format cannot
 * express; then nothing in @buf may be used.
 */
long tpr_encode(const struct tcmu_pr_info *info, char *buf, size_t cap);

/*
 * Number of registrations that the string claims, to size the state to decode
 * into; -EINVAL if it is no string of this version or claims more than
 * TPR_REGS_MAX.
 */
int tpr_peek_regs(const char *str, size_t len);

/*
 * Reads @len bytes at @str into @info, whose max_regs stands.  0; -EINVAL
 * with @err set if it is not exactly a string as described above; -ENOSPC if
 * it has more registrations than @info has room for.  On failure @info is
 * left initialised and empty.  @err may be NULL.
 */
int tpr_decode(struct tcmu_pr_info *info, const char *str, size_t len,
	       struct tpr_string_error *err);

/* The word for enum tpr_action as it stands in the string; NULL if unknown. */
const char *tpr_action_name(u8 action);

/* CRC32C of @len bytes, @crc being that of the bytes before, 0 at first. */
u32 tpr_crc32c(u32 crc, const void *data, size_t len);

#endif
