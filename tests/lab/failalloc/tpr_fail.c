// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides which allocation of tcmu_pr.ko fails: see tpr_fail.h.
 *
 *	/sys/module/tpr_fail/parameters/nth	N: the N-th from now on fails,
 *						reads 0 after it has
 *	/sys/module/tpr_fail/parameters/every	N: every N-th fails
 *	/sys/kernel/debug/tpr_fail		FILE:LINE CALLS FAILED
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>

#include "tpr_fail.h"

enum {
	SITES_MAX = 128,
};

struct site {
	char file[24];
	int line;
	unsigned int calls, failed;
};

static DEFINE_SPINLOCK(lock);
static struct site sites[SITES_MAX];
static struct dentry *report;
static unsigned int total;

static uint nth;
module_param(nth, uint, 0644);
static uint every;
module_param(every, uint, 0644);

/* The names are copied: tcmu_pr.ko comes and goes, the counts stay. */
static struct site *find_site(const char *file, int line)
{
	const char *name = kbasename(file);
	struct site *s;

	for (s = sites; s < sites + SITES_MAX; s++) {
		if (!s->calls) {
			strscpy(s->file, name, sizeof(s->file));
			s->line = line;
			return s;
		}
		if (s->line == line && !strcmp(s->file, name))
			return s;
	}
	return NULL;
}

bool tpr_fail_here(const char *file, int line)
{
	unsigned long flags;
	struct site *s;
	bool fail;

	spin_lock_irqsave(&lock, flags);
	s = find_site(file, line);
	total++;
	fail = (nth && !--nth) || (every && total % every == 0);
	if (s) {
		s->calls++;
		s->failed += fail;
	}
	spin_unlock_irqrestore(&lock, flags);
	return fail;
}
EXPORT_SYMBOL_GPL(tpr_fail_here);

static int report_show(struct seq_file *m, void *v)
{
	struct site *s;

	for (s = sites; s < sites + SITES_MAX && s->calls; s++)
		seq_printf(m, "%s:%d %u %u\n", s->file, s->line, s->calls,
			   s->failed);
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
