/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connection to tcmu_pr.ko, see tcmu_pr.h.  It waits for the module to be
 * loaded, says HELLO, and begins anew whenever the connection or the module
 * goes away.
 */
#ifndef TPR_NETLINK_H
#define TPR_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct netlink;

struct netlink_device {
	const char *name;
	const char *backstore;
	const char *config;
	const char *serial;
	uint64_t seq;
};

/* What the module says.  None may call netlink_close(). */
struct netlink_events {
	/* HELLO was accepted; WELCOME and DEVICE_ADDED follow. */
	void (*up)(void *arg);
	/* The kernel's term; ahead of all devices. */
	void (*welcome)(void *arg, uint64_t term);
	/* Nothing of terms before @term is under way in the kernel. */
	void (*quiet)(void *arg, uint64_t term);
	/* The answer to netlink_lease(); in the order of the calls. */
	void (*lease_done)(void *arg, int status);
	/* Those that HELLO gave rise to have arrived, none was lost. */
	void (*named)(void *arg);
	/* No messages until the next up(); @unloaded: the module is gone. */
	void (*down)(void *arg, bool unloaded);
	void (*added)(void *arg, const struct netlink_device *device);
	void (*removed)(void *arg, const char *device);
	void (*get)(void *arg, const char *device, uint64_t cookie);
	void (*set)(void *arg, const char *device, uint64_t cookie,
		    uint64_t seq, const char *str, size_t len);
	/* PUSH_PR_INFO_DONE, or the module refused the push. */
	void (*push_done)(void *arg, const char *device, uint64_t seq,
			  int status);
	void (*settle)(void *arg, const char *device, uint64_t seq);
};

struct netlink *netlink_open(uv_loop_t *loop,
			     const struct netlink_events *events, void *arg,
			     const char *gateway, uint64_t incarnation,
			     uint32_t lease_ms);
/* Frees itself in the loop. */
void netlink_close(struct netlink *nl);
bool netlink_is_up(const struct netlink *nl);

/*
 * To the module.  What cannot be sent because the connection is down is
 * dropped: all begins anew with up().
 */
void netlink_push(struct netlink *nl, const char *device, uint64_t seq,
		  bool settled, const char *str, size_t len);
/* @until_ns: CLOCK_BOOTTIME. */
void netlink_lease(struct netlink *nl, uint64_t term, uint64_t until_ns);
void netlink_invalidate(struct netlink *nl, const char *device, int status);
void netlink_get_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status, uint64_t seq, const char *str, size_t len);
void netlink_set_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status);

#endif
