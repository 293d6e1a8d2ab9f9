/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses of Ceph clients: IP:PORT/NONCE, or [IPV6]:PORT/NONCE. */
#ifndef TCMU_PR_STORE_RADOS_ADDR_H
#define TCMU_PR_STORE_RADOS_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>

enum { SR_IP_CAP = INET6_ADDRSTRLEN };

struct sr_addr {
	char ip[SR_IP_CAP]; /* in its usual form, without brackets */
	char port[6];
	char nonce[21];
};

/* The next one in *@text, which goes on behind it.  false: there is none. */
bool sr_addr_next(const char **text, struct sr_addr *addr);
/* Does it stand for all clients of that host? */
bool sr_addr_is_host(const struct sr_addr *addr);

#endif
