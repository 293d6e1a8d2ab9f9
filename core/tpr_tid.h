/* SPDX-License-Identifier: GPL-2.0-only */
/* TransportIDs, SPC-4 7.6.4, and the names that they stand for. */
#ifndef TPR_TID_H
#define TPR_TID_H

#include "tpr_state.h"

enum {
	/* Longest: 4 bytes and an iSCSI name with ISID, NUL, padding. */
	TPR_TID_MAX = 4 + ((TPR_NAME_MAX + 5 + 2 * TPR_ISID_LEN + 1 + 3) & ~3),
};

/* Bytes of the TransportID of @nexus's initiator port. */
u32 tpr_tid_len(const struct tpr_nexus *nexus);

/* Writes it to @buf; returns tpr_tid_len(). */
u32 tpr_tid_put(const struct tpr_nexus *nexus, u8 buf[TPR_TID_MAX]);

/*
 * Reads one TransportID of at most @len bytes at @buf into the initiator port
 * of @nexus (proto, initiator, isid); other members are not touched.  Returns
 * the bytes that it takes, or -EINVAL if it is malformed, of an unknown
 * protocol, or longer than @len.  *@any_port: it names an iSCSI initiator
 * device (TPID FORMAT 00b) and so all of its ports; isid is zero then.
 */
int tpr_tid_get(const u8 *buf, u32 len, struct tpr_nexus *nexus,
		bool *any_port);

/*
 * The one form of an initiator port's name in the string: fabrics write the
 * same world wide name in many ways.  FC and SAS: "naa." and 16 digits, SRP:
 * "0x" and 32 digits, all lower case; iSCSI and unknown protocols: as it is.
 * False, and @name is cut or unchanged, if @raw is no such name.
 */
bool tpr_port_name(u8 proto, const char *raw, char name[TPR_NAME_MAX + 1]);

#endif
