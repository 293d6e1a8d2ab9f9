/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that the kernel has, each tied to the engine of its logical
 * unit, to the store and to the netlink connection.
 */
#ifndef TPR_DEVICE_H
#define TPR_DEVICE_H

#include "daemon.h"
#include "times.h"

/* The lists that a device is in. */
enum device_list {
	DEVICES_ALL,
	DEVICES_BY_NAME, /* in a bucket */
	DEVICES_BY_LU,
	DEVICE_LISTS,
};

struct device_link {
	struct device *next;
	struct device **at; /* what points here; NULL: not in the list */
};

struct device {
	struct device_link link[DEVICE_LISTS];
	struct daemon *daemon;
	char name[64];
	char *backstore;
	char *lu; /* the store's name for it; NULL: there is none */
	char *refused; /* why it is not served; NULL: it is */
	struct engine_lu *engine; /* NULL when refused */
	uv_timer_t timer;
	struct times times; /* for the log */
	/* Waits for the end of a repair; NULL: none is under way. */
	void (*repair_done)(void *arg, int status, uint64_t seq);
	void *repair_arg;
	bool present; /* the kernel has it; else it is leaving the store */
	bool orphan; /* the kernel had it before the connection was lost */
};

extern const struct netlink_events device_events;

/* The device that the kernel has under @name; NULL. */
struct device *device_find(struct daemon *d, const char *name);
void device_news(void *arg, const char *lu,
		 const struct store_message *message);
/*
 * At the end of the daemon.  The store goes on listing this gateway: its
 * kernel goes on enforcing, so others have to wait for it.
 */
void devices_stop(struct daemon *d);
/* engine_term() and engine_lives() of all. */
void devices_term(struct daemon *d);
void devices_lives(struct daemon *d);
/* When no store call is in flight any more. */
void devices_drop(struct daemon *d);

#endif
