// SPDX-License-Identifier: GPL-2.0-only
/* What cutting off asks of mons and placement groups. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "store_rados_cut.h"

enum {
	/* Whoever resumes a machine after months has to boot it. */
	SR_BLOCKLIST_S = 365 * 86400,
	SR_POOL_CAP = 256,
};

int sr_mon(rados_t cluster, const char *command, char **text)
{
	char *out = NULL, *status = NULL;
	size_t len = 0, status_len = 0;
	int ret = rados_mon_command(cluster, &command, 1, "", 0, &out, &len,
				    &status, &status_len);

	/* That the cluster does not answer, others say. */
	if (ret && ret != -ETIMEDOUT && ret != -EINTR)
		log_line(LOG_LEVEL_WARNING, NULL, 0,
			 "Ceph refuses %s: %.*s (%s)", command,
			 (int)status_len, status ? status : "",
			 strerror(-ret));
	if (!ret && text) {
		*text = malloc(len + 1);
		if (*text) {
			memcpy(*text, out ? out : "", len);
			(*text)[len] = '\0';
		} else {
			ret = -ENOMEM;
		}
	}
	rados_buffer_free(out);
	rados_buffer_free(status);
	return ret;
}

static const char *sr_user(const struct sr_place *place)
{
	return place->conn->id[0] ? place->conn->id : "admin";
}

static void sr_addr_text(const struct sr_addr *addr, char *text, size_t cap)
{
	const bool v6 = strchr(addr->ip, ':');

	snprintf(text, cap, "%s%s%s:%s/%s", v6 ? "[" : "", addr->ip,
		 v6 ? "]" : "", addr->port, addr->nonce);
}

int sr_blocklist_add(struct sr_place *place, const struct sr_addr *addr)
{
	char text[sizeof(*addr) + 8];
	int ret;

	sr_addr_text(addr, text, sizeof(text));
	ret = rados_blocklist_add(place->conn->cluster, text, SR_BLOCKLIST_S);
	if (ret)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "cannot blocklist %s: %s (user client.%s needs the "
			 "mon capability \"profile rbd\")", text,
			 strerror(-ret), sr_user(place));
	return ret;
}

static int sr_blocklist_rm(struct sr_place *place, const struct sr_addr *addr)
{
	char text[sizeof(*addr) + 8], command[sizeof(text) + 80];
	int ret;

	sr_addr_text(addr, text, sizeof(text));
	snprintf(command, sizeof(command),
		 "{\"prefix\": \"osd blocklist\", \"blocklistop\": \"rm\", "
		 "\"addr\": \"%s\"}", text);
	ret = sr_mon(place->conn->cluster, command, NULL);
	if (ret == -EACCES || ret == -EPERM)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "%s is blocklisted, and client.%s may not change that: "
			 "give it the mon capability allow command "
			 "\"osd blocklist\" with blocklistop=rm, or run "
			 "`ceph osd blocklist rm %s`", text, sr_user(place),
			 text);
	return ret;
}

int sr_blocklist_lift(struct sr_place *place, const struct sr_hosts *hosts,
		      unsigned int *count)
{
	struct sr_addr addr;
	const char *at;
	char *text;
	int ret = sr_sockets_drain(place->conn->cluster);

	*count = 0;
	if (!ret)
		ret = sr_mon(place->conn->cluster,
			     "{\"prefix\": \"osd blocklist ls\"}", &text);
	if (ret)
		return ret;
	for (at = text; !ret && sr_addr_next(&at, &addr);) {
		if (!sr_addr_is_host(&addr) || !sr_hosts_have(hosts, addr.ip))
			continue;
		ret = sr_blocklist_rm(place, &addr);
		++*count;
	}
	free(text);
	return ret;
}

/* Placement groups */

int sr_pg_num(struct sr_place *place, uint64_t *count)
{
	struct json_object *command = json_object_new_object();
	char name[SR_POOL_CAP], *text;
	const char *at;
	int ret = rados_ioctx_get_pool_name(place->io, name, sizeof(name));

	if (ret < 0)
		goto out;
	json_object_object_add(command, "prefix",
			       json_object_new_string("osd pool get"));
	json_object_object_add(command, "pool", json_object_new_string(name));
	json_object_object_add(command, "var",
			       json_object_new_string("pg_num"));
	ret = sr_mon(place->conn->cluster,
		     json_object_to_json_string(command), &text);
	if (ret)
		goto out;
	at = strstr(text, "pg_num: ");
	if (at)
		at += strlen("pg_num: ");
	if (!at || !sr_parse_u64(&at, count) || !*count)
		ret = -EBADMSG;
	free(text);
out:
	json_object_put(command);
	return ret;
}

/*
 * One reading that the group of slice @i answers: a list of at most one of its
 * objects.  The group waits until its own map is as new as that of the client.
 */
static int sr_pg_reach(struct sr_place *place, size_t n, size_t i)
{
	rados_object_list_cursor begin, end, from = NULL, to = NULL, next = NULL;
	rados_object_list_item item;
	int ret;

	begin = rados_object_list_begin(place->io);
	end = rados_object_list_end(place->io);
	from = rados_object_list_begin(place->io);
	to = rados_object_list_begin(place->io);
	next = rados_object_list_begin(place->io);
	rados_object_list_slice(place->io, begin, end, i, n, &from, &to);
	ret = rados_object_list(place->io, from, to, 1, NULL, 0, &item, &next);
	if (ret > 0)
		rados_object_list_free(ret, &item);
	rados_object_list_cursor_free(place->io, begin);
	rados_object_list_cursor_free(place->io, end);
	rados_object_list_cursor_free(place->io, from);
	rados_object_list_cursor_free(place->io, to);
	rados_object_list_cursor_free(place->io, next);
	return sr_noted(place, ret < 0 ? ret : 0);
}

/*
 * Slices are of the space of hash values, which is divided by powers of two:
 * with as many, each group begins at the beginning of one.
 */
int sr_pgs_reach(struct sr_place *place)
{
	uint64_t count, n = 1;
	int ret = sr_pg_num(place, &count);

	if (ret)
		return ret;
	while (n < count)
		n *= 2;
	for (uint64_t i = 0; i < n && !ret; i++)
		ret = sr_pg_reach(place, n, i);
	return ret;
}
