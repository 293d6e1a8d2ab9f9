// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_in.h"
#include "tpr_bytes.h"
#include "tpr_opcode.h"
#include "tpr_tid.h"

/*
 * Parameter data on its way out.  Everything is counted, so that ADDITIONAL
 * LENGTH tells the whole, but only what fits is stored.
 */
struct data {
	u8 *buf;
	u32 cap;
	u32 len;
};

static void add(struct data *d, const void *bytes, u32 len)
{
	if (d->len < d->cap)
		memcpy(d->buf + d->len, bytes,
		       len < d->cap - d->len ? len : d->cap - d->len);
	d->len += len;
}

/* PRGENERATION and ADDITIONAL LENGTH, SPC-4 tables 212, 214 and 219. */
static void add_header(struct data *d, const struct tcmu_pr_info *info,
		       u32 additional)
{
	u8 header[8];

	tpr_put_be32(header, info->gen);
	tpr_put_be32(header + 4, additional);
	add(d, header, sizeof(header));
}

static void read_keys(struct data *d, const struct tcmu_pr_info *info)
{
	u8 key[8];
	u32 i;

	add_header(d, info, info->num_regs * (u32)sizeof(key));
	for (i = 0; i < info->num_regs; i++) {
		tpr_put_be64(key, info->regs[i].key);
		add(d, key, sizeof(key));
	}
}

/* The key is 0 when all registrants hold the reservation (SPC-4 6.15.3.2). */
static void read_reservation(struct data *d, const struct tcmu_pr_info *info)
{
	u8 desc[16] = { 0 };

	if (info->rsv.type == TPR_NO_RESERVATION) {
		add_header(d, info, 0);
		return;
	}
	if (info->rsv.holder != TPR_HOLDER_ALL)
		tpr_put_be64(desc, info->regs[info->rsv.holder].key);
	desc[13] = info->rsv.type; /* scope 0: LU_SCOPE */
	add_header(d, info, sizeof(desc));
	add(d, desc, sizeof(desc));
}

/*
 * SPC-4 table 217: what works, and nothing else.  ALLOW COMMANDS 100b: TEST
 * UNIT READY and RECEIVE COPY RESULTS pass everywhere, what only reads about
 * the device (table 218) passes write exclusive reservations.
 */
static void report_capabilities(struct data *d,
				const struct tcmu_pr_info *info)
{
	u8 caps[8] = {
		0, 8, /* LENGTH */
		0x9d, /* RLR_C, CRH, SIP_C, ATP_C, PTPL_C */
		0x80 | 4 << 4, /* TMV; ALLOW COMMANDS */
		0xea, 0x01, /* the six types */
	};

	caps[3] |= info->aptpl; /* PTPL_A */
	add(d, caps, sizeof(caps));
}

/* One full status descriptor, SPC-4 table 220. */
static void full_status(struct data *d, const struct tcmu_pr_info *info,
			u32 idx)
{
	const struct tpr_reg *reg = &info->regs[idx];
	u8 desc[24] = { 0 }, tid[TPR_TID_MAX];
	u32 len = tpr_tid_put(&reg->nexus, tid);

	tpr_put_be64(desc, reg->key);
	if (reg->all_tg_pt)
		desc[12] |= 0x02;
	else
		tpr_put_be16(desc + 18, reg->nexus.rtpi);
	if (tpr_is_holder(info, idx)) {
		desc[12] |= 0x01; /* R_HOLDER */
		desc[13] = info->rsv.type;
	}
	tpr_put_be32(desc + 20, len);
	add(d, desc, sizeof(desc));
	add(d, tid, len);
}

static void read_full_status(struct data *d, const struct tcmu_pr_info *info)
{
	u32 additional = 0, i;

	for (i = 0; i < info->num_regs; i++)
		additional += 24 + tpr_tid_len(&info->regs[i].nexus);
	add_header(d, info, additional);
	for (i = 0; i < info->num_regs && d->len < d->cap; i++)
		full_status(d, info, i);
}

struct tpr_result tpr_in(const struct tcmu_pr_info *info, const u8 *cdb,
			 u8 *buf, u32 cap, u32 *len)
{
	u32 alloc = tpr_be16(cdb + 7);
	struct data d = { .buf = buf, .cap = cap < alloc ? cap : alloc };

	*len = 0;
	if (info->scsi2_held)
		return tpr_conflict();
	switch (cdb[1] & 0x1f) {
	case TPR_IN_READ_KEYS:
		read_keys(&d, info);
		break;
	case TPR_IN_READ_RESERVATION:
		read_reservation(&d, info);
		break;
	case TPR_IN_REPORT_CAPABILITIES:
		report_capabilities(&d, info);
		break;
	case TPR_IN_READ_FULL_STATUS:
		read_full_status(&d, info);
		break;
	default:
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	}
	*len = d.len < d.cap ? d.len : d.cap;
	return tpr_good();
}
