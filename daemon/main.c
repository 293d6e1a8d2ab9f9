// SPDX-License-Identifier: GPL-2.0-only
#include "attach.h"
#include "control.h"
#include "device.h"
#include "home.h"
#include "lease.h"
#include "lift.h"
#include "log.h"
#include "news.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define CONFIGFS "/sys/kernel/config"

enum {
	EXIT_USAGE = 2,
	/* Longest wait for store calls that hang, at the end. */
	STOP_S = 3,
	/* Between looks for a device that tells where the store is. */
	HOME_WAIT_S = 1,
};

const char *argp_program_version = "tcmu-prd " TCMU_PR_VERSION;

struct arguments {
	const char *config;
	bool foreground;
	bool lift;
	const char *where;
};

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0, "Read FILE instead of " CONFIG_FILE, 0},
	{"foreground", 'f', NULL, 0, "Stay in the foreground, as under systemd",
	 0},
	{"lift", 'l', "WHERE", OPTION_ARG_OPTIONAL,
	 "Let a host that has booted in again at Ceph, and exit", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case 'c':
		args->config = arg;
		return 0;
	case 'f':
		args->foreground = true;
		return 0;
	case 'l':
		args->lift = true;
		args->where = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "there are no arguments: %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Keep the persistent reservations of TCMU devices the same on "
	       "all gateways.\vExit status: 0 after SIGTERM or SIGINT, 1 on "
	       "failure, 2 if the command line or the configuration is "
	       "wrong.",
};

/* The end */

/* A thread may hang in the store, and the loop's wait for it. */
static void on_overdue(int number)
{
	static const char text[] =
		"the store does not answer; leaving all the same\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_FAILURE);
	_exit(EXIT_SUCCESS);
}

static void stop(struct daemon *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	log_line(LOG_LEVEL_INFO, NULL, 0, "stopping");
	signal(SIGALRM, on_overdue);
	alarm(STOP_S);

	devices_stop(d);
	control_close(d->control);
	lease_close(d->lease);
	netlink_close(d->nl);
	attach_close(d->attacher);
	news_stop(d->news);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	stop(handle->data);
}

static void signal_watch(struct daemon *d, uv_signal_t *handle, int number)
{
	uv_signal_init(&d->loop, handle);
	handle->data = d;
	uv_signal_start(handle, on_signal, number);
	uv_unref((uv_handle_t *)handle);
}

/* The beginning */

/*
 * Where the store is, as soon as that can be known; -EINTR: told to stop
 * before.
 */
static int home_wait(struct daemon *d)
{
	const struct timespec pause = {.tv_sec = HOME_WAIT_S};
	char error[HOME_ERROR_MAX];
	bool said = false;
	sigset_t ends;
	int rc;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	while ((rc = home_find(d->config, CONFIGFS, &d->where, error)) ==
	       -EAGAIN) {
		if (!said)
			log_line(LOG_LEVEL_INFO, NULL, 0,
				 "waiting for a TCMU device that tells which "
				 "Ceph cluster and user to use (or set conf "
				 "and id in section store)");
		said = true;
		if (sigtimedwait(&ends, NULL, &pause) >= 0) {
			rc = -EINTR;
			break;
		}
	}
	sigprocmask(SIG_UNBLOCK, &ends, NULL);
	if (rc && rc != -EINTR)
		log_line(LOG_LEVEL_ERROR, NULL, 0, "store: %s", error);
	return rc;
}

static int store_start(struct daemon *d)
{
	char *err = NULL;
	int rc;

	d->ops = d->config->store;
	d->engine.gateway = d->config->gateway;
	d->engine.member_timeout_ms = d->config->member_timeout_ms;
	d->engine.carries = d->ops->carries;
	if (getrandom(&d->engine.incarnation, sizeof(d->engine.incarnation),
		      0) != sizeof(d->engine.incarnation)) {
		log_line(LOG_LEVEL_ERROR, NULL, 0, "getrandom: %s",
			 strerror(errno));
		return -EIO;
	}
	rc = home_wait(d);
	if (rc)
		return rc;
	rc = d->ops->open(&d->store, d->where, d->config->gateway,
			  d->engine.incarnation, &err);
	/* The text names the place. */
	if (rc)
		log_line(LOG_LEVEL_ERROR, NULL, 0, "store %s",
			 err ? err : strerror(-rc));
	else
		lift_remember(d->config, LIFT_FILE, d->where);
	free(err);
	return rc;
}

static int parts_start(struct daemon *d)
{
	int rc = control_open(d);

	if (!rc)
		rc = lease_open(d);
	if (rc)
		return rc;
	d->attacher = attach_open(&d->loop, CONFIGFS, d->config);
	d->news = news_start(&d->loop, d->ops, d->store, device_news, d);
	if (!d->attacher || !d->news)
		return -ENOMEM;
	d->nl = netlink_open(&d->loop, &device_events, d, d->config->gateway,
			     d->engine.incarnation, d->config->lease_ms);
	return d->nl ? 0 : -ENOMEM;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int run(struct daemon *d)
{
	uv_signal_t term, interrupt;
	int rc;

	signal_watch(d, &term, SIGTERM);
	signal_watch(d, &interrupt, SIGINT);
	rc = parts_start(d);
	if (rc)
		stop(d);
	else
		log_line(LOG_LEVEL_INFO, NULL, 0,
			 "gateway %s, incarnation 0x%016llx, store %s",
			 d->config->gateway,
			 (unsigned long long)d->engine.incarnation, d->where);
	uv_run(&d->loop, UV_RUN_DEFAULT);

	/* No store call is in flight any more. */
	devices_drop(d);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	lease_free(d->lease);
	uv_walk(&d->loop, on_walk, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	return rc;
}

/*
 * A heartbeat must not wait until memory is read from a disk.  What is not used
 * of the threads' stacks need not be there.
 */
static void memory_lock(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_line(LOG_LEVEL_INFO, NULL, 0, "cannot lock memory: %s",
			 strerror(errno));
}

static int start(const struct config *config)
{
	static struct daemon d;
	int rc;

	d.config = config;
	signal(SIGPIPE, SIG_IGN);
	memory_lock();
	rc = uv_loop_init(&d.loop);
	if (rc) {
		log_line(LOG_LEVEL_ERROR, NULL, 0, "event loop: %s",
			 uv_strerror(rc));
		return rc;
	}
	rc = store_start(&d);
	if (!rc) {
		rc = run(&d);
		d.ops->close(d.store);
	} else if (rc == -EINTR) {
		rc = 0;
	}
	free(d.where);
	if (uv_loop_close(&d.loop))
		log_line(LOG_LEVEL_DEBUG, NULL, 0, "loop: handles are left");
	return rc;
}

int main(int argc, char **argv)
{
	struct arguments args = {0};
	struct config *config;
	int rc;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	config = config_read(args.config ? args.config : CONFIG_FILE,
			     !args.config);
	if (!config)
		return EXIT_USAGE;
	log_init(config->log_level);
	if (args.lift) {
		rc = lift_host(config, CONFIGFS, LIFT_FILE, args.where);
		config_free(config);
		return rc ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	/* The parent says nothing of what becomes of the child: see the log. */
	if (!args.foreground && daemon(0, 1)) {
		fprintf(stderr, "tcmu-prd: %s\n", strerror(errno));
		config_free(config);
		return EXIT_FAILURE;
	}
	/* Store calls block: enough threads that one slow device stays alone.
	 */
	setenv("UV_THREADPOOL_SIZE", "16", 0);
	rc = start(config);
	config_free(config);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
