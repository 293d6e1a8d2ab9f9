// SPDX-License-Identifier: GPL-2.0-only
/*
 * The addresses that this gateway's clients of Ceph have, for others to know
 * when it has to be cut off: key clients.GATEWAY of the gateways' object, the
 * IP addresses with a blank behind each.
 *
 * A client has one address, whichever daemon it speaks to: the one by which it
 * reached its first mon.  Ours knows its own; tcmu-runner's could have begun
 * with another mon, so we add the one that the host has for each.  Everything
 * that we ever had in this process counts: tcmu-runner may be the older one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store_rados_cut.h"

enum {
	SR_HOSTS_LOOK_MS = 10000,
	SR_HOSTS_TRIES = 10,
};

bool sr_hosts_have(const struct sr_hosts *hosts, const char *ip)
{
	for (unsigned int i = 0; i < hosts->count; i++)
		if (!strcmp(hosts->ip[i], ip))
			return true;
	return false;
}

int sr_hosts_add(struct sr_hosts *hosts, const char *ip)
{
	if (sr_hosts_have(hosts, ip))
		return 0;
	if (hosts->count == SR_HOSTS_MAX)
		return -EOVERFLOW;
	snprintf(hosts->ip[hosts->count++], SR_IP_CAP, "%s", ip);
	return 0;
}

/* Nothing but what sr_hosts_print() writes. */
int sr_hosts_parse(struct sr_hosts *hosts, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");
		char ip[SR_IP_CAP];
		unsigned char raw[sizeof(struct in6_addr)];
		int ret;

		if (!len || len >= sizeof(ip) || text[len] != ' ')
			return -EBADMSG;
		memcpy(ip, text, len);
		ip[len] = '\0';
		if (inet_pton(strchr(ip, ':') ? AF_INET6 : AF_INET, ip, raw) !=
		    1)
			return -EBADMSG;
		ret = sr_hosts_add(hosts, ip);
		if (ret)
			return ret;
		text += len + 1;
	}
	return 0;
}

void sr_hosts_print(const struct sr_hosts *hosts, char text[SR_HOSTS_TEXT])
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned int i = 0; i < hosts->count; i++)
		len += snprintf(text + len, SR_HOSTS_TEXT - len, "%s ",
				hosts->ip[i]);
}

/* The address that this host sends from to @mon; none if it cannot. */
static void sr_hosts_towards(struct sr_hosts *hosts, const struct sr_addr *mon)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to = {0}, from = {0};
	const bool v6 = strchr(mon->ip, ':');
	socklen_t len = v6 ? sizeof(to.v6) : sizeof(to.v4);
	char ip[SR_IP_CAP];
	int fd;

	to.any.sa_family = v6 ? AF_INET6 : AF_INET;
	inet_pton(to.any.sa_family, mon->ip,
		  v6 ? (void *)&to.v6.sin6_addr : (void *)&to.v4.sin_addr);
	/* The ports are at the same place in both. */
	to.v4.sin_port = htons(9);
	fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (!connect(fd, &to.any, len) && !getsockname(fd, &from.any, &len) &&
	    inet_ntop(from.any.sa_family,
		      v6 ? (void *)&from.v6.sin6_addr
			 : (void *)&from.v4.sin_addr,
		      ip, sizeof(ip)))
		sr_hosts_add(hosts, ip);
	close(fd);
}

int sr_hosts_own(struct sr_place *place, struct sr_hosts *hosts)
{
	rados_t cluster = place->conn->cluster;
	struct sr_addr addr;
	const char *at;
	char *text;
	int ret = rados_getaddrs(cluster, &text);

	if (ret)
		return ret;
	for (at = text; sr_addr_next(&at, &addr);)
		ret = ret ? ret : sr_hosts_add(hosts, addr.ip);
	rados_buffer_free(text);
	if (ret)
		return ret;
	ret = sr_mon(cluster, "{\"prefix\": \"mon dump\"}", &text);
	if (ret)
		return ret;
	for (at = text; sr_addr_next(&at, &addr);)
		sr_hosts_towards(hosts, &addr);
	free(text);
	return hosts->count ? 0 : -EADDRNOTAVAIL;
}

/* Writing them down */

static int sr_clients_write(struct store *store, const struct sr_hosts *hosts)
{
	struct sr_value old, new = {0};
	char key[SR_OID_CAP], text[SR_HOSTS_TEXT];
	const char *keys[] = {key};
	struct sr_place *home;
	int ret = sr_key(key, "clients", store->gateway);

	sr_hosts_print(hosts, text);
	if (!ret)
		ret = sr_value_take(&new, text, strlen(text));
	if (!ret)
		ret = sr_place_get(store, &store->home, &home);
	if (ret)
		goto out;
	for (int i = 0; i < SR_HOSTS_TRIES; i++) {
		ret = sr_read(home, sr_gateways_oid, keys, 1, SR_HOSTS_TEXT,
			      &old);
		if (ret)
			break;
		if (sr_value_same(&old, &new)) {
			sr_value_free(&old);
			break;
		}
		ret = sr_cas(home, sr_gateways_oid, true, &old, keys, &new, 1);
		sr_value_free(&old);
		if (ret != -ECANCELED)
			break;
	}
	sr_place_put(store, home);
out:
	sr_value_free(&new);
	return ret;
}

int sr_clients_publish(struct store *store, struct sr_place *place)
{
	struct sr_clients *clients = &store->clients;
	struct sr_conn *conn = place->conn;
	struct sr_hosts hosts;
	int ret = 0;

	pthread_mutex_lock(&clients->lock);
	if (conn->looked && sr_now_ms() - conn->looked < SR_HOSTS_LOOK_MS)
		goto out;
	hosts = clients->hosts;
	ret = sr_noted(place, sr_hosts_own(place, &hosts));
	if (!ret && hosts.count != clients->hosts.count) {
		ret = sr_clients_write(store, &hosts);
		if (!ret)
			clients->hosts = hosts;
	}
	if (!ret)
		conn->looked = sr_now_ms();
out:
	pthread_mutex_unlock(&clients->lock);
	return ret;
}

int sr_clients_read(struct sr_place *home, const char *gateway,
		    struct sr_hosts *hosts)
{
	char key[SR_OID_CAP];
	const char *keys[] = {key};
	struct sr_value value;
	int ret = sr_key(key, "clients", gateway);

	if (!ret)
		ret = sr_read(home, sr_gateways_oid, keys, 1, SR_HOSTS_TEXT,
			      &value);
	if (ret)
		return ret;
	ret = value.data ? sr_hosts_parse(hosts, value.data) : -ENOENT;
	sr_value_free(&value);
	return ret;
}
