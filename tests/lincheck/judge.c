// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges histories that tests/iscsi/storm has written (text.h).
 *
 *	judge FILE...
 *
 * Exit code 0: all are linearizable, and the disk agrees; 1: one is not, and
 * it is said why; 3: none is known not to be, but one was given up.
 */
#include "disk.h"

static int judge(const char *path)
{
	struct disk_report disk;
	struct lc_report report;
	struct text t;

	text_read(&t, path);
	disk_judge(&t, &disk, stdout);
	printf("%s: %u writes, %u on the disk, %u refused, %u reads; %u PREEMPT AND ABORTs were GOOD with %u writes in flight; %u violations\n",
	       path, disk.writes, disk.on_disk, disk.refused, disk.reads,
	       disk.aborts, disk.in_flight, disk.violations);
	lc_judge(t.history, NULL, &report);
	printf("%s: ", path);
	lc_explain(t.history, &report, stdout);
	text_free(&t);
	if (report.verdict == LC_NOT_LINEARIZABLE || disk.violations)
		return 1;
	return report.verdict == LC_GAVE_UP ? 3 : 0;
}

int main(int argc, char **argv)
{
	int worst = 0, i;

	if (argc < 2) {
		fprintf(stderr, "usage: judge FILE...\n");
		return 2;
	}
	for (i = 1; i < argc; i++) {
		int code = judge(argv[i]);

		if (code && worst != 1)
			worst = code;
	}
	return worst;
}
