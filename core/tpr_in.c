// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_in.h"
#include "tpr_bytes.h"
#include "tpr_opcode.h"

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

/* SPC-4 table 217: what works, and nothing else. */
static void report_capabilities(struct data *d,
				const struct tcmu_pr_info *info)
{
	u8 caps[8] = {
		0, 8, /* LENGTH */
		0x01, /* PTPL_C */
		0x80 | 1 << 4, /* TMV; ALLOW COMMANDS: TEST UNIT READY */
		0xea, 0x01, /* the six types */
	};

	caps[3] |= info->aptpl; /* PTPL_A */
	add(d, caps, sizeof(caps));
}

static u8 hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (u8)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (u8)(c - 'a' + 10) : 0xff;
}

/* The hexadecimal digits of @name, whatever stands between, as @len bytes. */
static void name_to_bytes(const char *name, u8 *bytes, u32 len)
{
	u32 n = 0;

	if (!strncmp(name, "naa.", 4) || !strncmp(name, "eui.", 4))
		name += 4;
	else if (!strncmp(name, "0x", 2))
		name += 2;
	memset(bytes, 0, len);
	for (; *name && n < 2 * len; name++) {
		u8 digit = hex_digit(*name);

		if (digit == 0xff)
			continue;
		bytes[n / 2] |= (u8)(n & 1 ? digit : digit << 4);
		n++;
	}
}

/* Length of the iSCSI name, separator, ISID and NUL, padded to a dword. */
static u32 iscsi_name_len(const struct tpr_nexus *n)
{
	return ((u32)strlen(n->initiator) + 5 + 2 * TPR_ISID_LEN + 1 + 3) & ~3u;
}

static u32 transport_id_len(const struct tpr_nexus *n)
{
	return n->proto == TPR_PROTO_ISCSI ? 4 + iscsi_name_len(n) : 24;
}

/* iSCSI initiator port TransportID (format 01b), SPC-4 7.6.4.6. */
static void iscsi_transport_id(struct data *d, const struct tpr_nexus *n)
{
	static const char digits[] = "0123456789abcdef";
	char isid[2 * TPR_ISID_LEN];
	static const u8 padding[4]; /* 1 to 4 bytes of it */
	u8 head[4] = { 0x40 | TPR_PROTO_ISCSI };
	u32 len = iscsi_name_len(n), i;

	for (i = 0; i < sizeof(isid); i++)
		isid[i] = digits[n->isid[i / 2] >> (i & 1 ? 0 : 4) & 15];
	tpr_put_be16(head + 2, (u16)len);
	add(d, head, sizeof(head));
	add(d, n->initiator, (u32)strlen(n->initiator));
	add(d, ",i,0x", 5);
	add(d, isid, sizeof(isid));
	add(d, padding, len - (u32)strlen(n->initiator) - 5 - (u32)sizeof(isid));
}

/* The TransportIDs of 24 bytes, SPC-4 7.6.4.2 to .5. */
static void fixed_transport_id(struct data *d, const struct tpr_nexus *n)
{
	u8 id[24] = { n->proto };

	switch (n->proto) {
	case TPR_PROTO_FC:
		name_to_bytes(n->initiator, id + 8, 8);
		break;
	case TPR_PROTO_SRP:
		name_to_bytes(n->initiator, id + 8, 16);
		break;
	case TPR_PROTO_SAS:
		name_to_bytes(n->initiator, id + 4, 8);
		break;
	}
	add(d, id, sizeof(id));
}

/* One full status descriptor, SPC-4 table 220. */
static void full_status(struct data *d, const struct tcmu_pr_info *info,
			u32 idx)
{
	const struct tpr_reg *reg = &info->regs[idx];
	u8 desc[24] = { 0 };

	tpr_put_be64(desc, reg->key);
	if (reg->all_tg_pt)
		desc[12] |= 0x02;
	else
		tpr_put_be16(desc + 18, reg->nexus.rtpi);
	if (tpr_is_holder(info, idx)) {
		desc[12] |= 0x01; /* R_HOLDER */
		desc[13] = info->rsv.type;
	}
	tpr_put_be32(desc + 20, transport_id_len(&reg->nexus));
	add(d, desc, sizeof(desc));
	if (reg->nexus.proto == TPR_PROTO_ISCSI)
		iscsi_transport_id(d, &reg->nexus);
	else
		fixed_transport_id(d, &reg->nexus);
}

static void read_full_status(struct data *d, const struct tcmu_pr_info *info)
{
	u32 additional = 0, i;

	for (i = 0; i < info->num_regs; i++)
		additional += 24 + transport_id_len(&info->regs[i].nexus);
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
