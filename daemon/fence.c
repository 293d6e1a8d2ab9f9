// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command runs as the leader of a new session, so that it can be killed
 * with all that it has started; without a shell; with an environment of our
 * making, as ours depends on how the daemon was started; what it prints goes
 * where the log goes.
 */
#include "fence.h"
#include "log.h"
#include "store.h" /* STORE_GATEWAY_MAX, nothing else */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	TERM_CAP = 24, /* bytes of a term as text, with its NUL */
};

struct fences {
	uv_loop_t *loop;
	const struct fences_conf *conf;
	struct run *runs;
	bool freed;
};

/* One command. */
struct run {
	struct run *next;
	struct fences *fences;
	uv_process_t process;
	uv_timer_t timer;
	int handles; /* not closed yet */
	bool spawned;
	bool late; /* was killed for it */
	int status; /* errno of the attempt to start it */
	uint64_t term;
	char gateway[STORE_GATEWAY_MAX + 1];
	char term_text[TERM_CAP];
};

static void run_unlink(struct run *run)
{
	struct run **at = &run->fences->runs;

	while (*at != run)
		at = &(*at)->next;
	*at = run->next;
}

static void on_closed(uv_handle_t *handle)
{
	struct run *run = handle->data;
	struct fences *fences = run->fences;

	if (--run->handles)
		return;
	run_unlink(run);
	free(run);
	if (fences->freed && !fences->runs)
		free(fences);
}

static void run_close(struct run *run)
{
	if (uv_is_closing((uv_handle_t *)&run->timer))
		return;
	uv_close((uv_handle_t *)&run->timer, on_closed);
	if (run->spawned)
		uv_close((uv_handle_t *)&run->process, on_closed);
}

static void run_done(struct run *run, int status)
{
	const struct fences_conf *conf = run->fences->conf;

	run_close(run);
	conf->done(conf->arg, run->gateway, run->term, status);
}

static void on_exit_of(uv_process_t *process, int64_t code, int number)
{
	struct run *run = process->data;

	if (run->late) {
		run_done(run, ETIMEDOUT);
		return;
	}
	if (number)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "fence command for %s: ended by signal %d",
			 run->gateway, number);
	else if (code)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "fence command for %s: exit status %" PRId64,
			 run->gateway, code);
	run_done(run, number || code ? EIO : 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct run *run = timer->data;

	log_line(LOG_LEVEL_ERROR, NULL, 0,
		 "fence command for %s: not done after %" PRIu32 " s: killed",
		 run->gateway, run->fences->conf->timeout_ms / 1000);
	run->late = true;
	/* With what it has started; those that left the session stay. */
	kill(-run->process.pid, SIGKILL);
}

/* The words of the command and the two of this run; NULL: no memory. */
static char **run_words(struct run *run)
{
	char *const *words = run->fences->conf->words;
	char **argv;
	size_t n = 0;

	while (words[n])
		n++;
	argv = calloc(n + 3, sizeof(*argv));
	if (!argv)
		return NULL;
	memcpy(argv, words, n * sizeof(*argv));
	argv[n] = run->gateway;
	argv[n + 1] = run->term_text;
	return argv;
}

static int run_spawn(struct run *run)
{
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		      "/sbin:/bin";
	char *env[] = {path, NULL};
	uv_stdio_container_t stdio[3] = {
		{.flags = UV_IGNORE},
		{.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
		{.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
	};
	char **argv = run_words(run);
	uv_process_options_t options = {
		.exit_cb = on_exit_of,
		.args = argv,
		.env = env,
		.cwd = "/",
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};
	int rc;

	if (!argv)
		return -ENOMEM;
	options.file = argv[0];
	/* The handle wants to be closed even if this fails. */
	run->spawned = true;
	run->handles++;
	rc = uv_spawn(run->fences->loop, &run->process, &options);
	free(argv);
	return rc;
}

struct fences *fences_new(uv_loop_t *loop, const struct fences_conf *conf)
{
	struct fences *fences = calloc(1, sizeof(*fences));

	if (!fences)
		return NULL;
	fences->loop = loop;
	fences->conf = conf;
	return fences;
}

static void on_failed(uv_timer_t *timer)
{
	struct run *run = timer->data;

	run_done(run, run->status);
}

void fences_run(struct fences *fences, const char *gateway, uint64_t term)
{
	struct run *run = calloc(1, sizeof(*run));

	/* Who asks counts on an answer, and later. */
	if (!run)
		abort();
	run->fences = fences;
	run->next = fences->runs;
	fences->runs = run;
	run->term = term;
	snprintf(run->gateway, sizeof(run->gateway), "%s", gateway);
	snprintf(run->term_text, sizeof(run->term_text), "%" PRIu64, term);
	uv_timer_init(fences->loop, &run->timer);
	run->handles = 1;
	run->timer.data = run;
	run->process.data = run;
	run->status = -run_spawn(run);
	if (run->status)
		uv_timer_start(&run->timer, on_failed, 0, 0);
	else
		uv_timer_start(&run->timer, on_timer, fences->conf->timeout_ms,
			       0);
}

void fences_free(struct fences *fences)
{
	struct run *run;

	if (!fences)
		return;
	fences->freed = true;
	for (run = fences->runs; run; run = run->next)
		run_close(run);
	if (!fences->runs)
		free(fences);
}
