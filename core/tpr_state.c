// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_state.h"
#include "tpr_spc2.h"

size_t tpr_info_size(u32 max_regs)
{
	return sizeof(struct tcmu_pr_info) +
	       (size_t)max_regs * sizeof(struct tpr_reg);
}

void tpr_info_init(struct tcmu_pr_info *info, u32 max_regs)
{
	memset(info, 0, sizeof(*info));
	info->vers = TPR_FORMAT_VERSION;
	info->rsv.holder = TPR_HOLDER_ALL;
	info->max_regs = max_regs;
}

int tpr_info_copy(struct tcmu_pr_info *dst, const struct tcmu_pr_info *src)
{
	u32 max_regs = dst->max_regs;

	if (src->num_regs > max_regs)
		return -ENOSPC;
	memcpy(dst, src, tpr_info_size(src->num_regs));
	dst->max_regs = max_regs;
	return 0;
}

static bool is_graph(char c)
{
	return c >= 0x21 && c <= 0x7e;
}

/* Length of @name if it can name a port, else 0. */
static size_t name_len(const char *name)
{
	size_t len = 0;

	while (len <= TPR_NAME_MAX && is_graph(name[len]) && name[len] != ',')
		len++;
	if (len > TPR_NAME_MAX || name[len] || !strcmp(name, "*"))
		return 0;
	return len;
}

bool tpr_name_valid(const char *name)
{
	return name_len(name) > 0;
}

static bool is_gateway_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool tpr_gateway_valid(const char *name)
{
	size_t len = 0;

	while (len <= TPR_GATEWAY_MAX && is_gateway_char(name[len]))
		len++;
	return len > 0 && len <= TPR_GATEWAY_MAX && !name[len];
}

/* What the string can say of an initiator port. */
static bool initiator_valid(const struct tpr_nexus *nexus)
{
	static const u8 no_isid[TPR_ISID_LEN];

	if (!tpr_name_valid(nexus->initiator) || nexus->proto > 15)
		return false;
	return nexus->proto == TPR_PROTO_ISCSI ||
	       !memcmp(nexus->isid, no_isid, sizeof(no_isid));
}

bool tpr_nexus_valid(const struct tpr_nexus *nexus)
{
	return initiator_valid(nexus) && tpr_name_valid(nexus->target);
}

/* The initiator port's share of the order: all its target ports are adjacent. */
static int initiator_cmp(const struct tpr_nexus *a, const struct tpr_nexus *b)
{
	int d = (int)a->proto - (int)b->proto;

	if (!d)
		d = strcmp(a->initiator, b->initiator);
	if (!d)
		d = memcmp(a->isid, b->isid, sizeof(a->isid));
	return d;
}

int tpr_nexus_cmp(const struct tpr_nexus *a, const struct tpr_nexus *b)
{
	int d = initiator_cmp(a, b);

	if (!d)
		d = strcmp(a->target, b->target);
	if (!d)
		d = (int)a->tag - (int)b->tag;
	return d;
}

/* all_tg_pt has an empty target name, so it sorts before every real port. */
int tpr_reg_cmp(const struct tpr_reg *a, const struct tpr_reg *b)
{
	return tpr_nexus_cmp(&a->nexus, &b->nexus);
}

bool tpr_same_initiator_port(const struct tpr_nexus *a,
			     const struct tpr_nexus *b)
{
	return !initiator_cmp(a, b);
}

u32 tpr_lower_bound(const struct tcmu_pr_info *info,
		    const struct tpr_nexus *nexus)
{
	u32 lo = 0, hi = info->num_regs;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (tpr_nexus_cmp(&info->regs[mid].nexus, nexus) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int tpr_find(const struct tcmu_pr_info *info, const struct tpr_nexus *nexus)
{
	u32 idx = tpr_lower_bound(info, nexus);

	if (idx < info->num_regs &&
	    !tpr_nexus_cmp(&info->regs[idx].nexus, nexus))
		return (int)idx;
	/* An all_tg_pt registration is the only one of its initiator port. */
	if (idx > 0 && info->regs[idx - 1].all_tg_pt &&
	    tpr_same_initiator_port(&info->regs[idx - 1].nexus, nexus))
		return (int)idx - 1;
	return -1;
}

int tpr_reg_add(struct tcmu_pr_info *info, const struct tpr_nexus *nexus,
		u64 key, bool all_tg_pt)
{
	struct tpr_reg *reg;
	u32 idx;

	if (info->num_regs >= info->max_regs ||
	    info->num_regs >= TPR_REGS_MAX)
		return -ENOSPC;
	idx = tpr_lower_bound(info, nexus);
	reg = &info->regs[idx];
	memmove(reg + 1, reg, (info->num_regs - idx) * sizeof(*reg));
	reg->key = key;
	reg->all_tg_pt = all_tg_pt;
	reg->nexus = *nexus;
	info->num_regs++;
	if (info->rsv.holder != TPR_HOLDER_ALL && info->rsv.holder >= idx)
		info->rsv.holder++;
	return (int)idx;
}

void tpr_release(struct tcmu_pr_info *info)
{
	info->rsv.type = TPR_NO_RESERVATION;
	info->rsv.holder = TPR_HOLDER_ALL;
}

void tpr_reg_remove(struct tcmu_pr_info *info, u32 idx)
{
	struct tpr_reg *reg = &info->regs[idx];
	u32 holder = info->rsv.holder;

	memmove(reg, reg + 1, (info->num_regs - idx - 1) * sizeof(*reg));
	info->num_regs--;
	if (holder == idx || !info->num_regs)
		tpr_release(info);
	else if (holder != TPR_HOLDER_ALL && holder > idx)
		info->rsv.holder--;
}

bool tpr_type_valid(u8 type)
{
	switch (type) {
	case TPR_WRITE_EXCLUSIVE:
	case TPR_EXCLUSIVE_ACCESS:
	case TPR_WRITE_EXCLUSIVE_RO:
	case TPR_EXCLUSIVE_ACCESS_RO:
	case TPR_WRITE_EXCLUSIVE_AR:
	case TPR_EXCLUSIVE_ACCESS_AR:
		return true;
	default:
		return false;
	}
}

bool tpr_type_ar(u8 type)
{
	return type == TPR_WRITE_EXCLUSIVE_AR ||
	       type == TPR_EXCLUSIVE_ACCESS_AR;
}

bool tpr_type_shared(u8 type)
{
	return type == TPR_WRITE_EXCLUSIVE_RO ||
	       type == TPR_EXCLUSIVE_ACCESS_RO || tpr_type_ar(type);
}

bool tpr_type_exclusive(u8 type)
{
	return type == TPR_EXCLUSIVE_ACCESS ||
	       type == TPR_EXCLUSIVE_ACCESS_RO ||
	       type == TPR_EXCLUSIVE_ACCESS_AR;
}

bool tpr_is_holder(const struct tcmu_pr_info *info, u32 idx)
{
	return tpr_type_ar(info->rsv.type) ||
	       (info->rsv.type != TPR_NO_RESERVATION &&
		info->rsv.holder == idx);
}

bool tpr_power_loss(struct tcmu_pr_info *info)
{
	bool changed = tpr_spc2_end(info) || info->gen;

	info->gen = 0;
	if (info->aptpl || !info->num_regs)
		return changed;
	info->num_regs = 0;
	tpr_release(info);
	return true;
}

void tpr_stamp(struct tcmu_pr_info *info, const struct tpr_writer *writer,
	       const struct tpr_order *order)
{
	if (info->num_changes < TPR_CHANGES_MAX)
		info->num_changes++;
	memmove(&info->changes[1], &info->changes[0],
		(info->num_changes - 1) * sizeof(info->changes[0]));
	info->seq++;
	info->changes[0].seq = info->seq;
	info->changes[0].order = *order;
	info->changes[0].writer = *writer;
}

void tpr_begin_anew(struct tcmu_pr_info *info, u64 seq)
{
	info->seq = seq;
	info->num_changes = 0;
	memset(info->changes, 0, sizeof(info->changes));
}

static bool writer_eq(const struct tpr_writer *a, const struct tpr_writer *b)
{
	return a->count == b->count && a->incarnation == b->incarnation &&
	       !strcmp(a->gateway, b->gateway);
}

u64 tpr_written_as(const struct tcmu_pr_info *info,
		   const struct tpr_writer *writer)
{
	u32 i;

	for (i = 0; i < info->num_changes; i++)
		if (writer_eq(&info->changes[i].writer, writer))
			return info->changes[i].seq;
	return 0;
}

static bool nexus_none(const struct tpr_nexus *n)
{
	static const u8 no_isid[TPR_ISID_LEN];

	return !n->initiator[0] && !n->target[0] && !n->proto && !n->tag &&
	       !n->rtpi && !memcmp(n->isid, no_isid, sizeof(no_isid));
}

static bool order_valid(const struct tpr_order *o)
{
	if (o->action >= TPR_ACT_MAX)
		return false;
	if (o->nexus.initiator[0])
		return tpr_nexus_valid(&o->nexus);
	return nexus_none(&o->nexus) && !o->scope_type && !o->flags &&
	       !o->sa_key;
}

static bool changes_valid(const struct tcmu_pr_info *info)
{
	u64 seq = info->seq;
	u32 i;

	if (info->num_changes > TPR_CHANGES_MAX || info->num_changes > seq)
		return false;
	for (i = 0; i < info->num_changes; i++, seq--)
		if (info->changes[i].seq != seq ||
		    !order_valid(&info->changes[i].order))
			return false;
	return true;
}

static bool reg_valid(const struct tpr_reg *reg)
{
	if (!reg->key)
		return false;
	if (!reg->all_tg_pt)
		return tpr_nexus_valid(&reg->nexus);
	return initiator_valid(&reg->nexus) && !reg->nexus.target[0] &&
	       !reg->nexus.tag;
}

static bool regs_valid(const struct tcmu_pr_info *info)
{
	u32 i;

	if (info->num_regs > info->max_regs || info->num_regs > TPR_REGS_MAX)
		return false;
	for (i = 0; i < info->num_regs; i++) {
		const struct tpr_reg *reg = &info->regs[i];

		if (!reg_valid(reg))
			return false;
		if (!i)
			continue;
		if (tpr_reg_cmp(reg - 1, reg) >= 0)
			return false;
		if (reg[-1].all_tg_pt &&
		    tpr_same_initiator_port(&reg[-1].nexus, &reg->nexus))
			return false;
	}
	return true;
}

static bool rsv_valid(const struct tcmu_pr_info *info)
{
	if (info->rsv.type == TPR_NO_RESERVATION)
		return info->rsv.holder == TPR_HOLDER_ALL;
	if (!tpr_type_valid(info->rsv.type) || !info->num_regs)
		return false;
	if (tpr_type_ar(info->rsv.type))
		return info->rsv.holder == TPR_HOLDER_ALL;
	return info->rsv.holder < info->num_regs;
}

/*
 * RESERVE is refused while anyone is registered, and PERSISTENT RESERVE OUT
 * while an SPC-2 reservation stands: never both.
 */
static bool scsi2_valid(const struct tcmu_pr_info *info)
{
	if (!info->scsi2_held)
		return nexus_none(&info->scsi2_holder) &&
		       !info->scsi2_gateway[0];
	return tpr_nexus_valid(&info->scsi2_holder) &&
	       tpr_gateway_valid(info->scsi2_gateway) && !info->num_regs;
}

bool tpr_info_valid(const struct tcmu_pr_info *info)
{
	return info->vers == TPR_FORMAT_VERSION && changes_valid(info) &&
	       regs_valid(info) && rsv_valid(info) && scsi2_valid(info);
}
