// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides which allocation of tcmu_pr.ko fails: see tpr_fail.h.
 *
 *	/sys/module/tpr_fail/parameters/fresh	1: the next allocation fails
 *						that comes by a path by which
 *						none has failed; reads 0 then
 *	/sys/kernel/debug/tpr_fail		FILE:LINE CALLS FAILED PATH
 *
 * A path is the allocation and the functions of the module that called it, up
 * to DEPTH of them: what one caller does about a failure says nothing about
 * another.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/stacktrace.h>

#include "tpr_fail.h"

enum {
	TRAILS_MAX = 256,
	DEPTH = 3,
	STACK_MAX = 24,
	TEXT_MAX = 128,
};

struct trail {
	char file[24];
	int line;
	unsigned long callers[DEPTH];
	unsigned int calls, failed;
	char text[TEXT_MAX];
};

static DEFINE_SPINLOCK(lock);
static struct trail trails[TRAILS_MAX];
static struct dentry *report;

static uint fresh;
module_param(fresh, uint, 0644);

/* By their distance from @mod, which is the same wherever it is loaded. */
static void find_callers(const struct module *mod, struct trail *p)
{
	unsigned long stack[STACK_MAX];
	unsigned int i, n, used = 0;
	size_t at = 0;

	n = stack_trace_save(stack, STACK_MAX, 0);
	for (i = 0; i < n && used < DEPTH; i++) {
		if (!within_module_core(stack[i], mod))
			continue;
		p->callers[used++] = stack[i] - (unsigned long)mod;
		at += scnprintf(p->text + at, TEXT_MAX - at, " %ps",
				(void *)stack[i]);
	}
}

/* The names are copied: tcmu_pr.ko comes and goes, the counts stay. */
static struct trail *find_trail(const struct trail *key)
{
	struct trail *p;

	for (p = trails; p < trails + TRAILS_MAX; p++) {
		if (!p->calls) {
			*p = *key;
			return p;
		}
		if (p->line == key->line && !strcmp(p->file, key->file) &&
		    !memcmp(p->callers, key->callers, sizeof(p->callers)))
			return p;
	}
	return NULL;
}

bool tpr_fail_here(const struct module *mod, const char *file, int line)
{
	struct trail key = { .line = line };
	unsigned long flags;
	struct trail *p;
	bool fail;

	strscpy(key.file, kbasename(file), sizeof(key.file));
	find_callers(mod, &key);
	spin_lock_irqsave(&lock, flags);
	p = find_trail(&key);
	fail = fresh && p && !p->failed;
	if (fail)
		fresh--;
	if (p) {
		p->calls++;
		p->failed += fail;
	}
	spin_unlock_irqrestore(&lock, flags);
	return fail;
}
EXPORT_SYMBOL_GPL(tpr_fail_here);

static int report_show(struct seq_file *m, void *v)
{
	struct trail *p;

	for (p = trails; p < trails + TRAILS_MAX && p->calls; p++)
		seq_printf(m, "%s:%d %u %u%s\n", p->file, p->line, p->calls,
			   p->failed, p->text);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(report);

static int __init tpr_fail_init(void)
{
	report = debugfs_create_file("tpr_fail", 0444, NULL, NULL,
				     &report_fops);
	return 0;
}

static void __exit tpr_fail_exit(void)
{
	debugfs_remove(report);
}

module_init(tpr_fail_init);
module_exit(tpr_fail_exit);
MODULE_DESCRIPTION("Makes allocations of tcmu_pr.ko fail");
MODULE_LICENSE("GPL");
