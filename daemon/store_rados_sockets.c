// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this machine has begun to send to OSDs and they have not got.
 *
 * A client of Ceph gives a write up after a time limit.  Its bytes may be in
 * the kernel's send queue even so, also when the client is gone, and would be
 * sent again and again, until the network works: for minutes.  A gateway that
 * was cut off must not return before they are gone.  So we make the kernel
 * forget such connections.  Clients that live make new ones.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "store_rados_cut.h"

enum {
	SR_TCP_TIME_WAIT = 6,
	SR_TCP_LISTEN = 10,
	SR_DRAIN_TRIES = 20,
	SR_DRAIN_MS = 50,
	SR_HEX_CAP = 33,
};

struct sr_end {
	uint32_t ip[4]; /* as in the packet; only the first for IPv4 */
	unsigned int port;
};

/* As the kernel prints it: words of the packet as numbers of this machine. */
static void sr_end_parse(const char *hex, struct sr_end *end)
{
	for (size_t i = 0; i < 4 && strlen(hex) >= 8 * (i + 1); i++) {
		char word[9] = {0};

		memcpy(word, hex + 8 * i, 8);
		end->ip[i] = strtoul(word, NULL, 16);
	}
}

/* Is it in what a mon says about the OSDs? */
static bool sr_end_is_osd(const char *osds, int family, const struct sr_end *end)
{
	const uint32_t *ip = end->ip;
	struct sr_addr addr;
	char text[SR_IP_CAP];

	if (family == AF_INET6 && !ip[0] && !ip[1] && ip[2] == htonl(0xffff)) {
		family = AF_INET;
		ip += 3;
	}
	if (!inet_ntop(family, ip, text, sizeof(text)))
		return false;
	while (sr_addr_next(&osds, &addr))
		if ((unsigned int)atoi(addr.port) == end->port &&
		    !strcmp(addr.ip, text))
			return true;
	return false;
}

static int sr_socket_forget(int family, const struct sr_end *from,
			    const struct sr_end *to)
{
	char buf[256];
	struct nlmsghdr *msg = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl = mnl_socket_open(NETLINK_SOCK_DIAG);
	struct inet_diag_req_v2 *req;
	int ret = 0;

	if (!nl)
		return -errno;
	msg->nlmsg_type = SOCK_DESTROY;
	msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));
	req->sdiag_family = family;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_states = ~0U;
	req->id.idiag_sport = htons(from->port);
	req->id.idiag_dport = htons(to->port);
	memcpy(req->id.idiag_src, from->ip, sizeof(from->ip));
	memcpy(req->id.idiag_dst, to->ip, sizeof(to->ip));
	req->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	req->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (mnl_socket_sendto(nl, msg, msg->nlmsg_len) < 0 ||
	    (ret = mnl_socket_recvfrom(nl, buf, sizeof(buf))) < 0 ||
	    mnl_cb_run(buf, ret, 0, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		ret = -errno;
	else
		ret = 0;
	mnl_socket_close(nl);
	return ret;
}

/* How many there are that still have something to send. */
static int sr_sockets_of(const char *path, int family, const char *osds,
			 unsigned int *busy)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int ret = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), file)) {
		struct sr_end from = {0}, to = {0};
		char from_ip[SR_HEX_CAP], to_ip[SR_HEX_CAP];
		unsigned int state, queued;

		if (sscanf(line,
			   " %*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %x:",
			   from_ip, &from.port, to_ip, &to.port, &state,
			   &queued) != 6)
			continue;
		if (!queued || state == SR_TCP_TIME_WAIT ||
		    state == SR_TCP_LISTEN)
			continue;
		sr_end_parse(from_ip, &from);
		sr_end_parse(to_ip, &to);
		if (!sr_end_is_osd(osds, family, &to))
			continue;
		++*busy;
		ret = sr_socket_forget(family, &from, &to);
		if (ret && ret != -ENOENT)
			log_line(LOG_LEVEL_WARNING, NULL, 0,
				 "cannot end a connection to an osd that has "
				 "%u bytes to send: %s; waiting for it",
				 queued, strerror(-ret));
	}
	fclose(file);
	return 0;
}

int sr_sockets_drain(rados_t cluster)
{
	const struct timespec pause = {.tv_nsec = SR_DRAIN_MS * 1000000};
	unsigned int busy = 0;
	char *osds;
	int ret = sr_mon(cluster, "{\"prefix\": \"osd dump\"}", &osds);

	if (ret)
		return ret;
	for (int i = 0; i < SR_DRAIN_TRIES; i++) {
		busy = 0;
		ret = sr_sockets_of("/proc/thread-self/net/tcp", AF_INET, osds,
				    &busy);
		if (!ret)
			ret = sr_sockets_of("/proc/thread-self/net/tcp6",
					    AF_INET6, osds, &busy);
		if (ret || !busy)
			break;
		nanosleep(&pause, NULL);
	}
	free(osds);
	return ret ? ret : busy ? -EBUSY : 0;
}
