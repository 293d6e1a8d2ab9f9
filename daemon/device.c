// SPDX-License-Identifier: GPL-2.0-only
#include "device.h"
#include "attach.h"
#include "home.h"
#include "lease.h"
#include "log.h"
#include "work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LU_MAX = 4096,
};

/* The engine's actions */

static uint64_t op_now(void *arg)
{
	struct device *dev = arg;

	return uv_now(&dev->daemon->loop);
}

static void on_timer(uv_timer_t *timer)
{
	struct device *dev = timer->data;

	engine_timer(dev->engine);
}

static void op_timer(void *arg, uint64_t at)
{
	struct device *dev = arg;
	uint64_t now = uv_now(&dev->daemon->loop);

	if (dev->daemon->stopping)
		return;
	if (at == ENGINE_NEVER)
		uv_timer_stop(&dev->timer);
	else
		uv_timer_start(&dev->timer, on_timer, at > now ? at - now : 0,
			       0);
}

static void store_done(void *arg, const struct engine_reply *reply)
{
	struct device *dev = arg;

	if (dev->daemon->stopping) {
		free(reply->str);
	} else {
		times_store_done(&dev->times, dev->name, reply);
		engine_store_done(dev->engine, reply);
	}
}

static void op_store(void *arg, const struct engine_call *call)
{
	struct device *dev = arg;
	struct daemon *d = dev->daemon;

	/* At the end nothing is begun any more, and not missed either. */
	if (d->stopping)
		return;
	times_store(&dev->times, call);
	work_store(&d->loop, d->ops, d->store, dev->lu, call, store_done, dev);
}

static void op_push(void *arg, uint64_t seq, bool settled, const char *str,
		    size_t len)
{
	struct device *dev = arg;

	netlink_push(dev->daemon->nl, dev->name, seq, settled, str, len);
}

static void op_invalidate(void *arg, int status)
{
	struct device *dev = arg;

	netlink_invalidate(dev->daemon->nl, dev->name, status);
}

static void op_get_done(void *arg, uint64_t cookie, int status, uint64_t seq,
			const char *str, size_t len)
{
	struct device *dev = arg;

	times_get_done(&dev->times);
	netlink_get_done(dev->daemon->nl, dev->name, cookie, status, seq, str,
			 len);
}

static void op_set_done(void *arg, uint64_t cookie, int status)
{
	struct device *dev = arg;

	times_set_done(&dev->times);
	netlink_set_done(dev->daemon->nl, dev->name, cookie, status);
	/* Writing it is not in the time. */
	if (!status)
		times_log(&dev->times, dev->name);
}

static void op_repair_done(void *arg, int status, uint64_t seq)
{
	struct device *dev = arg;
	void (*done)(void *arg, int status, uint64_t seq) = dev->repair_done;

	dev->repair_done = NULL;
	if (done)
		done(dev->repair_arg, status, seq);
}

static void op_log(void *arg, enum engine_level level, uint64_t seq,
		   const char *text)
{
	struct device *dev = arg;

	log_line((enum log_level)level, dev->name, seq, "%s", text);
}

static void device_free(uv_handle_t *handle)
{
	struct device *dev = handle->data;

	engine_free(dev->engine);
	free(dev->backstore);
	free(dev->lu);
	free(dev->refused);
	free(dev);
}

/* Lists */

static void list_add(struct device **head, struct device *dev,
		     enum device_list list)
{
	struct device_link *link = &dev->link[list];

	link->next = *head;
	link->at = head;
	if (*head)
		(*head)->link[list].at = &link->next;
	*head = dev;
}

static void list_del(struct device *dev, enum device_list list)
{
	struct device_link *link = &dev->link[list];

	if (!link->at)
		return;
	*link->at = link->next;
	if (link->next)
		link->next->link[list].at = link->at;
	link->at = NULL;
}

static unsigned int bucket(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash % DEVICE_BUCKETS;
}

/* Out of the lists; freed by the loop, when the engine is not on the stack. */
static void device_close(struct device *dev)
{
	int list;

	op_repair_done(dev, ENODEV, 0);
	for (list = 0; list < DEVICE_LISTS; list++)
		list_del(dev, (enum device_list)list);
	uv_close((uv_handle_t *)&dev->timer, device_free);
}

static void op_gone(void *arg)
{
	struct device *dev = arg;

	log_line(LOG_LEVEL_INFO, dev->name, 0, "left the store");
	device_close(dev);
}

static const struct engine_ops device_ops = {
	.now = op_now,
	.timer = op_timer,
	.store = op_store,
	.push = op_push,
	.invalidate = op_invalidate,
	.get_done = op_get_done,
	.set_done = op_set_done,
	.repair_done = op_repair_done,
	.gone = op_gone,
	.log = op_log,
};

/* The list */

struct device *device_find(struct daemon *d, const char *name)
{
	struct device *dev;

	for (dev = d->by_name[bucket(name)]; dev;
	     dev = dev->link[DEVICES_BY_NAME].next)
		if (dev->present && !strcmp(dev->name, name))
			return dev;
	return NULL;
}

static struct device *device_of_lu(struct daemon *d, const char *lu)
{
	struct device *dev;

	for (dev = d->by_lu[bucket(lu)]; dev;
	     dev = dev->link[DEVICES_BY_LU].next)
		if (dev->engine && !strcmp(dev->lu, lu))
			return dev;
	return NULL;
}

static struct device *device_new(struct daemon *d, const char *lu)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->daemon = d;
	if (lu) {
		dev->lu = strdup(lu);
		dev->engine = engine_new(&device_ops, dev, &d->engine);
	}
	if (lu && (!dev->lu || !dev->engine)) {
		engine_free(dev->engine);
		free(dev->lu);
		free(dev);
		return NULL;
	}
	uv_timer_init(&d->loop, &dev->timer);
	dev->timer.data = dev;
	list_add(&d->devices, dev, DEVICES_ALL);
	if (lu)
		list_add(&d->by_lu[bucket(lu)], dev, DEVICES_BY_LU);
	return dev;
}

/* Added */

static bool device_name(struct device *dev, const struct netlink_device *added)
{
	char *backstore = strdup(added->backstore);

	list_del(dev, DEVICES_BY_NAME);
	snprintf(dev->name, sizeof(dev->name), "%s", added->name);
	list_add(&dev->daemon->by_name[bucket(dev->name)], dev,
		 DEVICES_BY_NAME);
	if (!backstore)
		return false;
	free(dev->backstore);
	dev->backstore = backstore;
	dev->present = true;
	dev->orphan = false;
	return true;
}

/* The kernel refuses what a reservation could forbid; "list" tells why. */
static void refuse(struct daemon *d, const struct netlink_device *added,
		   const char *why)
{
	struct device *dev = device_new(d, NULL);

	log_line(LOG_LEVEL_ERROR, added->name, 0, "not served: %s", why);
	netlink_invalidate(d->nl, added->name, EIO);
	if (!dev)
		return;
	dev->refused = strdup(why);
	if (!device_name(dev, added) || !dev->refused)
		device_close(dev);
}

static void serve(struct daemon *d, const struct netlink_device *added,
		  const char *lu, struct device *dev)
{
	int rc = -ENOMEM;

	if (!dev)
		dev = device_new(d, lu);
	if (dev && device_name(dev, added)) {
		log_line(LOG_LEVEL_INFO, dev->name, added->seq,
			 "serving %s, in the store %s", dev->backstore, lu);
		rc = engine_added(dev->engine, added->serial, added->seq);
	}
	if (!rc)
		return;
	log_line(LOG_LEVEL_ERROR, added->name, 0, "not served: %s",
		 strerror(-rc));
	netlink_invalidate(d->nl, added->name, EIO);
}

/* 0 with the store's name for the device in @lu, or a reason. */
static const char *lu_of(struct daemon *d, const struct netlink_device *added,
			 char *lu)
{
	const struct config_device *conf =
		config_device(d->config, added->backstore);
	const char *why =
		home_refuses(d->config, added->backstore, added->config);
	int rc;

	if (why)
		return why;
	if (conf && conf->lu) {
		if (strlen(conf->lu) >= LU_MAX)
			return "the lu in the configuration is too long";
		strcpy(lu, conf->lu);
		return NULL;
	}
	rc = d->ops->lu_name(added->config, lu, LU_MAX);
	if (!rc)
		return NULL;
	return rc == -ENAMETOOLONG
		       ? "the store has no name for so long a configuration"
		       : "the store has no name for the device's configuration; "
			 "set lu in its device section";
}

static void on_added(void *arg, const struct netlink_device *added)
{
	struct device *old = device_find(arg, added->name), *same;
	struct daemon *d = arg;
	char lu[LU_MAX];
	const char *why = lu_of(d, added, lu);

	attach_note(d->attacher, added->backstore, true);
	/* Known by that name, but as something else. */
	if (old && (why || !old->engine || strcmp(old->lu, lu))) {
		device_events.removed(d, added->name);
		attach_note(d->attacher, added->backstore, true);
	}
	same = why ? NULL : device_of_lu(d, lu);
	if (same && same->present && strcmp(same->name, added->name))
		why = "another device of this gateway is the same logical "
		      "unit in the store";
	if (why)
		refuse(d, added, why);
	else
		serve(d, added, lu, same);
}

/* Removed */

static void device_remove(struct device *dev)
{
	struct daemon *d = dev->daemon;

	attach_note(d->attacher, dev->backstore, false);
	dev->present = false;
	dev->orphan = false;
	/* The engine may be done with it at once. */
	if (dev->engine)
		engine_removed(dev->engine);
	else
		device_close(dev);
}

static void on_removed(void *arg, const char *name)
{
	struct device *dev = device_find(arg, name);

	if (!dev)
		return;
	log_line(LOG_LEVEL_INFO, name, 0, "removed");
	device_remove(dev);
}

/* The connection */

static void orphans_remove(struct daemon *d)
{
	struct device *dev, *next;

	for (dev = d->devices; dev; dev = next) {
		next = dev->link[DEVICES_ALL].next;
		if (!dev->present || !dev->orphan)
			continue;
		log_line(LOG_LEVEL_INFO, dev->name, 0,
			 "the kernel does not have it any more");
		device_remove(dev);
	}
}

static void on_up(void *arg)
{
	struct daemon *d = arg;

	attach_start(d->attacher);
}

static void on_quiet(void *arg, uint64_t term)
{
	struct daemon *d = arg;

	lease_quiet(d->lease, term);
}

static void on_welcome(void *arg, uint64_t term)
{
	struct daemon *d = arg;

	lease_welcome(d->lease, term);
}

static void on_lease_done(void *arg, int status)
{
	struct daemon *d = arg;

	lease_done(d->lease, status);
}

/* What it has not named it does not have. */
static void on_named(void *arg)
{
	orphans_remove(arg);
}

static void on_down(void *arg, bool unloaded)
{
	struct daemon *d = arg;
	struct device *dev;

	attach_stop(d->attacher);
	lease_down(d->lease);
	for (dev = d->devices; dev; dev = dev->link[DEVICES_ALL].next)
		dev->orphan = dev->present;
	if (unloaded && !d->stopping)
		orphans_remove(d);
}

/* Events of one device */

static void on_get(void *arg, const char *name, uint64_t cookie)
{
	struct device *dev = device_find(arg, name);
	struct daemon *d = arg;

	if (dev && dev->engine) {
		times_get(&dev->times);
		engine_get(dev->engine, cookie);
	} else {
		netlink_get_done(d->nl, name, cookie, EIO, 0, NULL, 0);
	}
}

static void on_set(void *arg, const char *name, uint64_t cookie, uint64_t seq,
		   const char *str, size_t len)
{
	struct device *dev = device_find(arg, name);
	struct daemon *d = arg;

	if (dev && dev->engine) {
		times_set(&dev->times, seq);
		engine_set(dev->engine, cookie, seq, str, len);
	} else {
		netlink_set_done(d->nl, name, cookie, EIO);
	}
}

static void on_push_done(void *arg, const char *name, uint64_t seq, int status)
{
	struct device *dev = device_find(arg, name);

	if (!dev || !dev->engine)
		return;
	if (!status)
		times_push_done(&dev->times, seq);
	engine_push_done(dev->engine, seq, status);
}

static void on_settle(void *arg, const char *name, uint64_t seq)
{
	struct device *dev = device_find(arg, name);

	if (dev && dev->engine)
		engine_settle(dev->engine, seq);
}

void device_news(void *arg, const char *lu, const struct store_message *message)
{
	struct device *dev = device_of_lu(arg, lu);

	if (!dev)
		return;
	if (message && message->word == STORE_SAYS) {
		engine_says(dev->engine, &message->says);
		return;
	}
	times_news(&dev->times);
	if (!message)
		engine_news(dev->engine);
	else if (engine_told(dev->engine, message->seq, message->str,
			     message->len))
		times_told(&dev->times, message->seq);
}

const struct netlink_events device_events = {
	.up = on_up,
	.welcome = on_welcome,
	.quiet = on_quiet,
	.lease_done = on_lease_done,
	.named = on_named,
	.down = on_down,
	.added = on_added,
	.removed = on_removed,
	.get = on_get,
	.set = on_set,
	.push_done = on_push_done,
	.settle = on_settle,
};

/* An engine may be done with its device at once. */
static void devices_each(struct daemon *d, void (*fn)(struct engine_lu *lu))
{
	struct device *dev, *next;

	for (dev = d->devices; dev; dev = next) {
		next = dev->link[DEVICES_ALL].next;
		if (dev->engine)
			fn(dev->engine);
	}
}

void devices_term(struct daemon *d)
{
	devices_each(d, engine_term);
}

void devices_lives(struct daemon *d)
{
	devices_each(d, engine_lives);
}

void devices_stop(struct daemon *d)
{
	struct device *dev;

	for (dev = d->devices; dev; dev = dev->link[DEVICES_ALL].next)
		uv_timer_stop(&dev->timer);
}

void devices_drop(struct daemon *d)
{
	while (d->devices)
		device_close(d->devices);
}
