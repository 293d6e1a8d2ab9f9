/* SPDX-License-Identifier: GPL-2.0-only */
/* The one place that knows kernel versions: 6.1 to 6.12. */
#ifndef TCMU_PR_COMPAT_H
#define TCMU_PR_COMPAT_H

#include <linux/version.h>
#include <target/target_core_base.h>

/* Relative target port identifier of the port that @lun is behind. */
static inline u16 tpr_lun_rtpi(const struct se_lun *lun)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return lun->lun_tpg->tpg_rtpi;
#else
	return lun->lun_rtpi;
#endif
}

#endif
