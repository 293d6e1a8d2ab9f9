// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_spc2.h"
#include "tpr_opcode.h"

/* Byte 1 of the commands, SPC-2 tables 72, 74, 77 and 79. */
enum {
	EXTENT = 0x01, /* of SCSI-2, obsolete */
	LONGID = 0x02, /* only the longer commands */
	THIRD_PARTY = 0x10,
};

/* Asks for more than a reservation of the whole unit for this nexus. */
static bool asks_too_much(const u8 *cdb)
{
	bool is_long = cdb[0] == TPR_OP_RESERVE10 || cdb[0] == TPR_OP_RELEASE10;

	return cdb[1] & (EXTENT | THIRD_PARTY | (is_long ? LONGID : 0));
}

static bool is_holder(const struct tcmu_pr_info *info,
		      const struct tpr_nexus *nexus)
{
	return info->scsi2_held && !tpr_nexus_cmp(&info->scsi2_holder, nexus);
}

/* The exceptions of compatible reservation handling, SPC-4 5.13.3. */
static bool is_compatible(const struct tcmu_pr_info *info,
			  const struct tpr_nexus *nexus)
{
	int idx = tpr_find(info, nexus);

	return idx >= 0 && (tpr_is_holder(info, (u32)idx) ||
			    tpr_type_shared(info->rsv.type));
}

bool tpr_spc2_end(struct tcmu_pr_info *info)
{
	bool held = info->scsi2_held;

	info->scsi2_held = false;
	memset(&info->scsi2_holder, 0, sizeof(info->scsi2_holder));
	memset(info->scsi2_gateway, 0, sizeof(info->scsi2_gateway));
	return held;
}

static struct tpr_result reserve(struct tcmu_pr_info *info,
				 const struct tpr_nexus *nexus,
				 const char *gateway, bool *changed)
{
	if (info->scsi2_held && !is_holder(info, nexus))
		return tpr_conflict();
	/* A nexus may move to another gateway that exports the same port. */
	if (info->scsi2_held && !strcmp(info->scsi2_gateway, gateway))
		return tpr_good();
	if (!tpr_nexus_valid(nexus) || !tpr_gateway_valid(gateway))
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_RSV_RESOURCES);
	tpr_spc2_end(info);
	info->scsi2_held = true;
	info->scsi2_holder = *nexus;
	memcpy(info->scsi2_gateway, gateway, strlen(gateway));
	*changed = true;
	return tpr_good();
}

/* SPC-2 7.24 to 7.27, as SPC-4 5.13.3 lets them. */
static struct tpr_result execute(struct tcmu_pr_info *info,
				 const struct tpr_nexus *nexus,
				 const char *gateway, bool release,
				 bool *changed)
{
	/* The two kinds do not meet: PERSISTENT RESERVE OUT conflicts now. */
	if (!info->scsi2_held && is_compatible(info, nexus))
		return tpr_good();
	if (!info->scsi2_held && info->num_regs)
		return tpr_conflict();
	if (!release)
		return reserve(info, nexus, gateway, changed);
	if (is_holder(info, nexus))
		*changed = tpr_spc2_end(info);
	return tpr_good();
}

struct tpr_result tpr_spc2(struct tcmu_pr_info *info,
			   const struct tpr_nexus *nexus, const char *gateway,
			   const u8 *cdb, bool *changed,
			   struct tpr_order *order)
{
	struct tpr_result res;
	bool release;

	*changed = false;
	*order = (struct tpr_order){ 0 };
	switch (cdb[0]) {
	case TPR_OP_RESERVE6:
	case TPR_OP_RESERVE10:
		release = false;
		break;
	case TPR_OP_RELEASE6:
	case TPR_OP_RELEASE10:
		release = true;
		break;
	default:
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_OPCODE);
	}
	if (asks_too_much(cdb))
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	res = execute(info, nexus, gateway, release, changed);
	if (*changed) {
		order->action = release ? TPR_ACT_SPC2_RELEASE :
					  TPR_ACT_SPC2_RESERVE;
		order->nexus = *nexus;
	}
	return res;
}

int tpr_spc2_redo(struct tcmu_pr_info *info, const struct tpr_order *order,
		  const char *gateway)
{
	bool release = order->action == TPR_ACT_SPC2_RELEASE;
	bool changed = false;

	if (order->action == TPR_ACT_NEXUS_LOSS)
		return tpr_spc2_end(info) ? 0 : -EINVAL;
	if (!tpr_nexus_valid(&order->nexus))
		return -EINVAL;
	execute(info, &order->nexus, gateway, release, &changed);
	return changed ? 0 : -EINVAL;
}
