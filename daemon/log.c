// SPDX-License-Identifier: GPL-2.0-only
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 1024,
};

static enum log_level limit = LOG_LEVEL_INFO;
static int journal;

static const struct {
	const char *word;
	int priority; /* as syslog and sd-daemon(3) count them */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", 3},
	[LOG_LEVEL_WARNING] = {"warning", 4},
	[LOG_LEVEL_INFO] = {"info", 6},
	[LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_init(enum log_level level)
{
	limit = level;
	/* systemd sets it when stderr goes to the journal. */
	journal = getenv("JOURNAL_STREAM") != NULL;
}

static int head(char *buf, size_t cap, enum log_level level, const char *device,
		uint64_t seq)
{
	char number[32] = "";

	if (seq)
		snprintf(number, sizeof(number), " seq %llu",
			 (unsigned long long)seq);
	if (journal)
		return snprintf(buf, cap, "<%d>%s%s%s", levels[level].priority,
				device ? device : "", number,
				device || seq ? ": " : "");
	return snprintf(buf, cap, "tcmu-prd: %s: %s%s%s", levels[level].word,
			device ? device : "", number,
			device || seq ? ": " : "");
}

void log_line(enum log_level level, const char *device, uint64_t seq,
	      const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t len;
	va_list ap;

	if (level > limit)
		return;
	len = (size_t)head(line, sizeof(line), level, device, seq);
	va_start(ap, fmt);
	len += (size_t)vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	line[len++] = '\n';
	/* One write, so that lines of several threads do not mix. */
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* there is no other place to complain to */
}
