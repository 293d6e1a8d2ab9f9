// SPDX-License-Identifier: GPL-2.0-only
/* How commands end. */
#include <scsi/scsi_common.h>
#include <scsi/scsi_proto.h>

#include "tcmu_pr_dev.h"

/*
 * Ends @cmd with @res.  Context: process; @cmd must not be touched after.
 * A CHECK CONDITION carries fixed format sense data, as TCMU's own do.
 */
void tpr_complete(struct se_cmd *cmd, struct tpr_result res)
{
	u8 sense[TRANSPORT_SENSE_BUFFER] = { 0 };

	if (res.status == TPR_CHECK_CONDITION) {
		scsi_build_sense_buffer(0, sense, res.key, res.asc >> 8,
					res.asc & 0xff);
		transport_copy_sense_to_cmd(cmd, sense);
	}
	target_complete_cmd(cmd, res.status);
}

/*
 * The answer to a command that cannot be judged because of @err (positive or
 * negative errno).  None of them lets anything pass.  Where another gateway
 * may do better, the sense is the one that makes multipath software go there.
 */
struct tpr_result tpr_error_result(int err)
{
	switch (abs(err)) {
	case EBADMSG: /* SPC-4 5.13.5.3 */
		return tpr_check(TPR_SK_DATA_PROTECT, TPR_ASC_PR_INFO_LOST);
	case ETIMEDOUT:
	case EINPROGRESS:
		return tpr_check(TPR_SK_ABORTED_COMMAND, TPR_ASC_LU_TIMEOUT);
	default:
		return tpr_check(TPR_SK_NOT_READY, TPR_ASC_STANDBY);
	}
}
