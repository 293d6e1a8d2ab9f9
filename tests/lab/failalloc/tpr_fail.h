/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compiled into every file of tcmu_pr.ko (gcc -include) for one kind of test:
 * each allocation of the module first asks tpr_fail.ko whether it fails.
 *
 * failslab alone cannot do that: /proc/PID/fail-nth reaches what a known task
 * does, and most of what this module does is done by whatever kworker or
 * iSCSI thread comes along.
 */
#ifndef TPR_FAIL_H
#define TPR_FAIL_H

#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

bool tpr_fail_here(const struct module *mod, const char *file, int line);

#define TPR_FAILS tpr_fail_here(THIS_MODULE, __FILE__, __LINE__)
#define TPR_OR_NULL(call) (TPR_FAILS ? NULL : (call))
#define TPR_OR_ENOMEM(call) (TPR_FAILS ? -ENOMEM : (call))

#define kmalloc(...) TPR_OR_NULL((kmalloc)(__VA_ARGS__))
#define kzalloc(...) TPR_OR_NULL((kzalloc)(__VA_ARGS__))
#define kcalloc(...) TPR_OR_NULL((kcalloc)(__VA_ARGS__))
#define kvmalloc(...) TPR_OR_NULL((kvmalloc)(__VA_ARGS__))
#define kvzalloc(...) TPR_OR_NULL((kvzalloc)(__VA_ARGS__))
#define kmemdup(...) TPR_OR_NULL((kmemdup)(__VA_ARGS__))
#define kstrdup(...) TPR_OR_NULL((kstrdup)(__VA_ARGS__))
#define get_zeroed_page(...) (TPR_FAILS ? 0 : (get_zeroed_page)(__VA_ARGS__))
#define genlmsg_new(...) TPR_OR_NULL((genlmsg_new)(__VA_ARGS__))
#define alloc_workqueue(...) TPR_OR_NULL((alloc_workqueue)(__VA_ARGS__))
#define ida_alloc(...) TPR_OR_ENOMEM((ida_alloc)(__VA_ARGS__))

#undef init_srcu_struct
#define init_srcu_struct(ssp) ({ \
	static struct lock_class_key __key; \
	TPR_OR_ENOMEM(__init_srcu_struct((ssp), #ssp, &__key)); \
})

#endif
