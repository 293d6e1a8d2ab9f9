/* SPDX-License-Identifier: GPL-2.0-only */
/* What cutting gateways off needs of its own. */
#ifndef TCMU_PR_STORE_RADOS_CUT_H
#define TCMU_PR_STORE_RADOS_CUT_H

#include "store_rados_int.h"

enum { SR_HOSTS_TEXT = SR_HOSTS_MAX * (SR_IP_CAP + 1) + 1 };

/* store_rados_hosts.c */
bool sr_hosts_have(const struct sr_hosts *hosts, const char *ip);
int sr_hosts_add(struct sr_hosts *hosts, const char *ip);
void sr_hosts_print(const struct sr_hosts *hosts, char text[SR_HOSTS_TEXT]);
int sr_hosts_parse(struct sr_hosts *hosts, const char *text);
/* Adds those of this host now, as the cluster of @place sees them. */
int sr_hosts_own(struct sr_place *place, struct sr_hosts *hosts);
/* What @gateway wrote down.  -ENOENT: nothing. */
int sr_clients_read(struct sr_place *home, const char *gateway,
		    struct sr_hosts *hosts);

/* store_rados_mon.c: what the mons do. */
/* Everything that client @ip (all of it if @nonce is "0") asks is refused. */
int sr_blocklist_add(struct sr_place *place, const struct sr_addr *addr);
/* Takes the hosts in @hosts from the list, if they are on it: *@count. */
int sr_blocklist_lift(struct sr_place *place, const struct sr_hosts *hosts,
		      unsigned int *count);
/* *@text, to be freed: what a mon answers; without it, nothing. */
int sr_mon(rados_t cluster, const char *command, char **text);
/* That of @place's pool. */
int sr_pg_num(struct sr_place *place, uint64_t *count);
/*
 * All placement groups of @place's pool act by the newest map that this
 * client has, when this returns 0.
 */
int sr_pgs_reach(struct sr_place *place);

/* store_rados_sockets.c */
/*
 * Nothing that this machine has sent to OSDs of the cluster is under way any
 * more when this returns 0.  -EBUSY: there still is something.
 */
int sr_sockets_drain(rados_t cluster);

#endif
