/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Base types and limits of the PR core.
 *
 * The core is plain C with no allocator, clock, lock or I/O of its own.  The
 * same files are compiled into the kernel module, the daemon, the command
 * line tool, the unit tests and the fuzzers, so this header is the only place
 * that knows where it is being compiled.
 */
#ifndef TPR_BASE_H
#define TPR_BASE_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif
#endif

enum tpr_limits {
	TPR_FORMAT_VERSION = 1,
	/* Registrations of one logical unit. */
	TPR_REGS_MAX = 4096,
	/* Bytes of an iSCSI name (RFC 7143, 4.2.7.1), the longest port name. */
	TPR_NAME_MAX = 223,
	/* Bytes of an iSCSI initiator session identifier. */
	TPR_ISID_LEN = 6,
	/* Bytes of the identity of a device (VPD page 80h serial, SPC-4 7.8.15). */
	TPR_DEVICE_MAX = 253,
	/* Bytes of a gateway's name. */
	TPR_GATEWAY_MAX = 63,
	/* Changes remembered in the string, the newest first. */
	TPR_CHANGES_MAX = 8,
};

/* Protocol identifiers, SPC-4 table 359. */
enum tpr_protocol {
	TPR_PROTO_FC = 0x0,
	TPR_PROTO_SRP = 0x4,
	TPR_PROTO_ISCSI = 0x5,
	TPR_PROTO_SAS = 0x6,
};

/* SCSI status codes, SAM-5 5.3.1, as far as the core returns them. */
enum tpr_status {
	TPR_GOOD = 0x00,
	TPR_CHECK_CONDITION = 0x02,
	TPR_RESERVATION_CONFLICT = 0x18,
};

/* Sense keys, SPC-4 4.5.6. */
enum tpr_sense_key {
	TPR_SK_NOT_READY = 0x2,
	TPR_SK_HARDWARE_ERROR = 0x4,
	TPR_SK_ILLEGAL_REQUEST = 0x5,
	TPR_SK_UNIT_ATTENTION = 0x6,
	TPR_SK_DATA_PROTECT = 0x7,
	TPR_SK_ABORTED_COMMAND = 0xb,
};

/*
 * Additional sense codes: ASC in the high byte, ASCQ in the low one, as SPC-4
 * annex F lists them.
 */
enum tpr_asc {
	TPR_ASC_NONE = 0x0000,
	TPR_ASC_STANDBY = 0x040b, /* target port in standby state */
	TPR_ASC_LU_TIMEOUT = 0x0801, /* LU communication time-out */
	TPR_ASC_PARAM_LEN = 0x1a00, /* parameter list length error */
	TPR_ASC_OPCODE = 0x2000, /* invalid command operation code */
	TPR_ASC_CDB_FIELD = 0x2400, /* invalid field in CDB */
	TPR_ASC_PARAM_FIELD = 0x2600, /* invalid field in parameter list */
	TPR_ASC_RELEASE = 0x2604, /* invalid release of persistent reservation */
	TPR_ASC_LU_RESET = 0x2903, /* bus device reset function occurred */
	TPR_ASC_RSV_PREEMPTED = 0x2a03, /* reservations preempted */
	TPR_ASC_RSV_RELEASED = 0x2a04, /* reservations released */
	TPR_ASC_REG_PREEMPTED = 0x2a05, /* registrations preempted */
	TPR_ASC_CLEARED = 0x2f00, /* commands cleared by another initiator */
	TPR_ASC_PR_INFO_LOST = 0x4401, /* persistent reservation information lost */
	TPR_ASC_RSV_RESOURCES = 0x5502, /* insufficient reservation resources */
	TPR_ASC_REG_RESOURCES = 0x5504, /* insufficient registration resources */
};

/* How a command ends: a SCSI status, and the sense of a CHECK CONDITION. */
struct tpr_result {
	u8 status; /* enum tpr_status */
	u8 key; /* enum tpr_sense_key, 0 unless CHECK CONDITION */
	u16 asc; /* enum tpr_asc, 0 unless CHECK CONDITION */
};

static inline struct tpr_result tpr_good(void)
{
	return (struct tpr_result){ .status = TPR_GOOD };
}

static inline struct tpr_result tpr_conflict(void)
{
	return (struct tpr_result){ .status = TPR_RESERVATION_CONFLICT };
}

static inline struct tpr_result tpr_check(u8 key, u16 asc)
{
	return (struct tpr_result){ TPR_CHECK_CONDITION, key, asc };
}

#endif
