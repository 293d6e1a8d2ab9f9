// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table remembers what is known of each backstore, so that a scan has
 * nothing to do for it.  The table is the loop's; the calls into configfs,
 * which can block for as long as a device takes to become quiet, are made by
 * worker threads, on jobs that share nothing.
 */
#include "attach.h"
#include "configfs.h"
#include "home.h"
#include "log.h"
#include "work.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SCAN_MS = 1000,
	/* Pause before a backstore that failed is tried again. */
	AGAIN_MS = 5000,
};

enum what {
	SEEN, /* not attached: try when it is enabled */
	ATTACHED, /* the kernel says so */
	DETACHED, /* the administrator wants it so */
};

struct known {
	struct known *next;
	enum what what;
	bool busy; /* a job is working on it */
	uint64_t again_at;
	uint64_t seen; /* number of the last scan that saw it */
	char *error; /* last one that was logged */
	char backstore[];
};

struct attacher {
	uv_loop_t *loop;
	const struct config *config;
	char *configfs;
	uv_timer_t timer;
	bool running; /* the module is there */
	bool scanning;
	bool closing;
	unsigned int jobs; /* in flight */
	uint64_t scans;
	struct known *first;
	void *tree; /* tsearch(3), of struct known by backstore */
};

struct job {
	struct job *next;
	struct attacher *at;
	char *backstore;
	char *name;
	attach_fn fn;
	void *arg;
	int rc;
	char error[CONFIGFS_ERROR_MAX];
	char detached[CONFIGFS_BACKSTORE_MAX];
};

struct name {
	struct name *next;
	char backstore[];
};

struct scan {
	struct attacher *at;
	struct name *first;
	int rc;
};

/* The table */

static int known_cmp(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->backstore,
		      ((const struct known *)b)->backstore);
}

/* What is known of @backstore, made if it is new; NULL without memory. */
static struct known *known_get(struct attacher *at, const char *backstore)
{
	size_t len = strlen(backstore) + 1;
	struct known *known = calloc(1, sizeof(*known) + len);
	struct known **found;

	if (!known)
		return NULL;
	memcpy(known->backstore, backstore, len);
	found = tsearch(known, &at->tree, known_cmp);
	if (!found || *found != known) {
		free(known);
		return found ? *found : NULL;
	}
	known->next = at->first;
	known->seen = at->scans;
	at->first = known;
	return known;
}

static void known_free(struct attacher *at, struct known *known)
{
	tdelete(known, &at->tree, known_cmp);
	free(known->error);
	free(known);
}

/* What is gone is forgotten, and with it that it was not to be attached. */
static void known_sweep(struct attacher *at)
{
	struct known **link = &at->first, *known;

	while ((known = *link)) {
		if (known->seen == at->scans || known->busy) {
			link = &known->next;
			continue;
		}
		*link = known->next;
		known_free(at, known);
	}
}

void attach_note(struct attacher *at, const char *backstore, bool attached)
{
	struct known *known = known_get(at, backstore);

	if (!known)
		return;
	if (attached)
		known->what = ATTACHED;
	else if (known->what == ATTACHED)
		known->what = SEEN;
}

/* Jobs */

static void job_free(struct job *job)
{
	free(job->backstore);
	free(job->name);
	free(job);
}

static void attacher_free(struct attacher *at)
{
	if (at->jobs || at->scanning)
		return;
	while (at->first) {
		struct known *known = at->first;

		at->first = known->next;
		known_free(at, known);
	}
	free(at->configfs);
	free(at);
}

static struct job *job_new(struct attacher *at, const char *backstore,
			   const char *name, attach_fn fn, void *arg)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->at = at;
	job->fn = fn;
	job->arg = arg;
	job->backstore = strdup(backstore);
	job->name = name ? strdup(name) : NULL;
	if (job->backstore && (job->name || !name))
		return job;
	job_free(job);
	return NULL;
}

static void job_run(struct job *job, void (*fn)(void *arg),
		    void (*done)(void *arg))
{
	job->at->jobs++;
	if (!work_run(job->at->loop, fn, done, job))
		return;
	job->rc = -ENOMEM;
	snprintf(job->error, sizeof(job->error), "no memory");
	done(job);
}

/* Tells who asked, and lets go of @job. */
static void job_end(struct job *job)
{
	struct attacher *at = job->at;

	if (job->fn)
		job->fn(job->arg, job->rc ? job->error : NULL);
	job_free(job);
	at->jobs--;
	if (at->closing)
		attacher_free(at);
}

/* Attach */

/*
 * Attached, a device that cannot be served would only answer with errors: it
 * is left as it is.
 */
static int add_check(struct job *job)
{
	char text[HOME_CONFIG_MAX];
	const char *why;

	/* What is wrong with its name, attaching finds out. */
	if (configfs_config(job->at->configfs, job->backstore, text,
			    sizeof(text)))
		return 0;
	why = home_refuses(job->at->config, job->backstore, text);
	if (!why)
		return 0;
	snprintf(job->error, sizeof(job->error), "%s", why);
	return -EINVAL;
}

static void add_work(void *arg)
{
	struct job *job = arg;

	/* A request by hand finds out what is wrong; a scan waits for it. */
	if (!job->fn && !configfs_enabled(job->at->configfs, job->backstore))
		job->rc = -EAGAIN;
	else
		job->rc = add_check(job);
	if (!job->rc)
		job->rc = configfs_attach(job->at->configfs, job->backstore,
					  job->name, job->error);
}

static void add_log(struct known *known, const struct job *job)
{
	if (!job->rc) {
		log_line(LOG_LEVEL_INFO, NULL, 0, "attached %s",
			 job->backstore);
		free(known->error);
		known->error = NULL;
		return;
	}
	if (known->error && !strcmp(known->error, job->error))
		return;
	free(known->error);
	known->error = strdup(job->error);
	log_line(LOG_LEVEL_WARNING, NULL, 0, "cannot attach %s: %s%s",
		 job->backstore, job->error, job->fn ? "" : "; trying on");
}

static void add_done(void *arg)
{
	struct job *job = arg;
	struct attacher *at = job->at;
	struct known *known = known_get(at, job->backstore);

	if (known) {
		known->busy = false;
		known->again_at = uv_now(at->loop);
		/* Not enabled yet: look again at the next scan. */
		if (job->rc != -EAGAIN)
			add_log(known, job);
		if (job->rc && job->rc != -EAGAIN)
			known->again_at += AGAIN_MS;
		if (!job->rc)
			known->what = ATTACHED;
	}
	job_end(job);
}

static const char *name_configured(const struct attacher *at,
				   const char *backstore)
{
	const struct config_device *conf = config_device(at->config, backstore);

	return conf ? conf->name : NULL;
}

void attach_add(struct attacher *at, const char *backstore, const char *name,
		attach_fn fn, void *arg)
{
	struct known *known = known_get(at, backstore);
	struct job *job;

	if (!name)
		name = name_configured(at, backstore);
	job = known ? job_new(at, backstore, name, fn, arg) : NULL;
	if (!job) {
		if (fn)
			fn(arg, "no memory");
		return;
	}
	if (known->what == DETACHED)
		known->what = SEEN;
	known->busy = true;
	job_run(job, add_work, add_done);
}

/* Detach */

static void del_work(void *arg)
{
	struct job *job = arg;

	job->rc = configfs_detach(job->at->configfs, job->name, job->detached,
				  job->error);
}

static void del_done(void *arg)
{
	struct job *job = arg;
	const char *backstore =
		job->backstore[0] ? job->backstore : job->detached;
	struct known *known =
		backstore[0] ? known_get(job->at, backstore) : NULL;

	if (known && backstore == job->backstore)
		known->busy = false;
	if (known && !job->rc)
		known->what = DETACHED;
	else if (known && known->what == DETACHED)
		known->what = ATTACHED;
	job_end(job);
}

void attach_del(struct attacher *at, const char *name, const char *backstore,
		attach_fn fn, void *arg)
{
	struct job *job =
		job_new(at, backstore ? backstore : "", name, fn, arg);
	struct known *known = backstore ? known_get(at, backstore) : NULL;

	if (!job || (backstore && !known)) {
		if (job)
			job_free(job);
		fn(arg, "no memory");
		return;
	}
	/* At once: the kernel's word that it is gone comes first. */
	if (known) {
		known->what = DETACHED;
		known->busy = true;
	}
	job_run(job, del_work, del_done);
}

/* Scan */

static bool wanted(const struct attacher *at, const char *backstore)
{
	const struct config_device *conf = config_device(at->config, backstore);

	return conf ? conf->attach : at->config->auto_attach;
}

static void scan_found(void *arg, const char *backstore)
{
	size_t len = strlen(backstore) + 1;
	struct scan *scan = arg;
	struct name *name = malloc(sizeof(*name) + len);

	if (!name) {
		scan->rc = -ENOMEM;
		return;
	}
	memcpy(name->backstore, backstore, len);
	name->next = scan->first;
	scan->first = name;
}

static void scan_work(void *arg)
{
	struct scan *scan = arg;
	int rc = configfs_each(scan->at->configfs, scan_found, scan);

	if (rc)
		scan->rc = rc;
}

static void scan_look(struct attacher *at, const char *backstore)
{
	struct known *known = known_get(at, backstore);

	if (!known)
		return;
	known->seen = at->scans;
	if (known->what == SEEN && !known->busy && at->running &&
	    uv_now(at->loop) >= known->again_at && wanted(at, backstore))
		attach_add(at, backstore, NULL, NULL, NULL);
}

static void scan_done(void *arg)
{
	struct scan *scan = arg;
	struct attacher *at = scan->at;
	struct name *name;

	at->scanning = false;
	at->scans++;
	while ((name = scan->first)) {
		scan->first = name->next;
		if (!at->closing)
			scan_look(at, name->backstore);
		free(name);
	}
	/* Without target/core there are none; else a failed scan proves none.
	 */
	if (!scan->rc || scan->rc == -ENOENT)
		known_sweep(at);
	free(scan);
	if (at->closing)
		attacher_free(at);
}

static void on_timer(uv_timer_t *timer)
{
	struct attacher *at = timer->data;
	struct scan *scan;

	if (at->scanning)
		return;
	scan = calloc(1, sizeof(*scan));
	if (!scan)
		return;
	scan->at = at;
	at->scanning = true;
	if (work_run(at->loop, scan_work, scan_done, scan)) {
		at->scanning = false;
		free(scan);
	}
}

void attach_start(struct attacher *at)
{
	at->running = true;
	/* First let the module tell what is attached. */
	uv_timer_start(&at->timer, on_timer, SCAN_MS, SCAN_MS);
}

void attach_stop(struct attacher *at)
{
	at->running = false;
	uv_timer_stop(&at->timer);
}

struct attacher *attach_open(uv_loop_t *loop, const char *configfs,
			     const struct config *config)
{
	struct attacher *at = calloc(1, sizeof(*at));

	if (!at)
		return NULL;
	at->configfs = strdup(configfs);
	if (!at->configfs) {
		free(at);
		return NULL;
	}
	at->loop = loop;
	at->config = config;
	uv_timer_init(loop, &at->timer);
	at->timer.data = at;
	return at;
}

static void on_closed(uv_handle_t *handle)
{
	struct attacher *at = handle->data;

	at->closing = true;
	attacher_free(at);
}

void attach_close(struct attacher *at)
{
	if (!at)
		return;
	at->running = false;
	uv_close((uv_handle_t *)&at->timer, on_closed);
}
