/* SPDX-License-Identifier: GPL-2.0-only */
/* Talking to the daemon; the messages are described in uapi tcmu_pr.h. */
#ifndef TCMU_PR_NETLINK_H
#define TCMU_PR_NETLINK_H

#include "tcmu_pr_dev.h"

int tpr_nl_register(void);
void tpr_nl_unregister(void);

/* True while a daemon has said hello and its socket is open.  Any context. */
bool tpr_nl_connected(void);

/*
 * The token for the next change: the gateway's name from the daemon's hello,
 * this module's incarnation, a count.  -ENOTCONN before the first hello.
 */
int tpr_nl_writer(struct tpr_writer *writer);

/* True if tpr_nl_writer() made @writer in this life of the module. */
bool tpr_nl_is_own(const struct tpr_writer *writer);

/* This gateway's name, "" before the first hello. */
void tpr_nl_gateway(char name[TPR_GATEWAY_MAX + 1]);

/*
 * Asks for the newest settled state.  0 with the string, to be kvfree()d; or
 * -ENOTCONN, -ETIMEDOUT (no answer within the reply timeout), -ESHUTDOWN (the
 * lease ended first), or what the daemon answered.  With -EBADMSG, *@lost is
 * the number of the version that is lost, 0 if the daemon does not tell.  May
 * sleep; one at a time for each device.
 */
int tpr_nl_get(struct tpr_dev *dev, char **str, size_t *len, u64 *lost);

/*
 * Swaps the stored string, @expected being its number now.  As tpr_nl_get(),
 * but no answer, or a daemon that went away meanwhile, is -EINPROGRESS: it may
 * have happened.
 */
int tpr_nl_set(struct tpr_dev *dev, u64 expected, const char *str, size_t len);

/* Ends what tpr_nl_get() or tpr_nl_set() wait for with @err.  Any context. */
void tpr_nl_fail_request(struct tpr_dev *dev, int err);

/*
 * Notifications to the daemon, dropped when there is none.  May sleep.
 * Those that return something say if that went wrong: -ENOTCONN, -ENOMEM,
 * -EBUSY (the daemon sees that it has missed something).
 */
int tpr_nl_device_added(struct tpr_dev *dev);
void tpr_nl_device_removed(struct tpr_dev *dev);
int tpr_nl_push_done(struct tpr_dev *dev, u64 seq, int err);
void tpr_nl_settle(struct tpr_dev *dev);
/* @cmd is one that carries a term and nothing else. */
int tpr_nl_term(u8 cmd, u64 term);

#endif
