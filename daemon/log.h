/* SPDX-License-Identifier: GPL-2.0-only */
/* Log lines to stderr, where systemd collects them.  Callable from any thread.
 */
#ifndef TPR_LOG_H
#define TPR_LOG_H

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Lines above @level are dropped. */
void log_init(enum log_level level);

/* @device NULL and @seq 0: does not apply. */
__attribute__((format(printf, 4, 5))) void log_line(enum log_level level,
						    const char *device,
						    uint64_t seq,
						    const char *fmt, ...);

#endif
