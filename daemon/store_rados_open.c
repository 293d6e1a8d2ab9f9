// SPDX-License-Identifier: GPL-2.0-only
/* Opening and closing the RADOS store, and its connections. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store_rados_int.h"

enum {
	SR_PAUSE_MS = 1000, /* after a connection could not be made */
};

/* Connections */

static int sr_conn_set(rados_t cluster, const char *name, const char *format,
		       unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), format, value);
	return rados_conf_set(cluster, name, text);
}

/*
 * No operation may wait for ever.  The objecter looks every second after what
 * it waits for, and asks for a new map soon: else it would take ten to notice
 * that an OSD is back.
 */
static int sr_conn_configure(const struct sr_conn *conn)
{
	rados_t cluster = conn->cluster;
	int ret = rados_conf_read_file(cluster,
				       conn->conf[0] ? conn->conf : NULL);

	if (!ret)
		ret = sr_conn_set(cluster, "rados_osd_op_timeout", "%u",
				  conn->timeout_s);
	if (!ret)
		ret = sr_conn_set(cluster, "rados_mon_op_timeout", "%u",
				  conn->timeout_s);
	if (!ret)
		ret = sr_conn_set(cluster, "client_mount_timeout", "%u",
				  SR_TIMEOUT_S);
	if (!ret)
		ret = sr_conn_set(cluster, "objecter_tick_interval", "%u", 1);
	if (!ret)
		ret = sr_conn_set(cluster, "objecter_timeout", "%u", 1);
	return ret;
}

static int sr_conn_connect(struct sr_conn *conn)
{
	int ret = rados_create(&conn->cluster, conn->id[0] ? conn->id : NULL);

	if (ret)
		return ret;
	ret = sr_conn_configure(conn);
	if (!ret)
		ret = rados_connect(conn->cluster);
	if (!ret) {
		ret = rados_cluster_fsid(conn->cluster, conn->fsid,
					 sizeof(conn->fsid));
		ret = ret < 0 ? ret : 0;
	}
	if (ret)
		rados_shutdown(conn->cluster);
	return ret;
}

static bool sr_conn_is(const struct sr_conn *conn,
		       const struct sr_target *target)
{
	return !strcmp(conn->conf, target->name.conf) &&
	       !strcmp(conn->id, target->name.id) &&
	       conn->timeout_s == target->timeout_s;
}

static void sr_conn_name(struct sr_conn *conn, const struct sr_target *target)
{
	strcpy(conn->conf, target->name.conf);
	strcpy(conn->id, target->name.id);
	conn->timeout_s = target->timeout_s;
}

/* A reference more; NULL: there is none that is of use. */
static struct sr_conn *sr_conn_find(struct store *store,
				    const struct sr_target *target)
{
	struct sr_conn *conn;

	pthread_mutex_lock(&store->lock);
	for (conn = store->conns; conn; conn = conn->next)
		if (!conn->dead && sr_conn_is(conn, target))
			break;
	if (conn)
		conn->refs++;
	pthread_mutex_unlock(&store->lock);
	return conn;
}

static void sr_conn_put(struct store *store, struct sr_conn *conn)
{
	struct sr_conn **at;
	bool last;

	pthread_mutex_lock(&store->lock);
	last = !--conn->refs;
	for (at = &store->conns; last && *at; at = &(*at)->next) {
		if (*at == conn) {
			*at = conn->next;
			break;
		}
	}
	pthread_mutex_unlock(&store->lock);
	if (!last)
		return;
	rados_shutdown(conn->cluster);
	free(conn);
}

/*
 * Under store->connect.  When a cluster does not answer, those who waited here
 * meanwhile are not to find that out one after the other.
 */
static int sr_conn_make(struct store *store, const struct sr_target *target,
			struct sr_conn **out)
{
	struct sr_conn *conn;
	int ret;

	if (store->failed_ret && sr_conn_is(&store->failed, target) &&
	    sr_now_ms() - store->failed_at < SR_PAUSE_MS)
		return store->failed_ret;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	sr_conn_name(conn, target);
	ret = sr_conn_connect(conn);
	store->failed_ret = ret;
	if (ret) {
		sr_conn_name(&store->failed, target);
		store->failed_at = sr_now_ms();
		free(conn);
		return ret;
	}
	conn->refs = 1;
	conn->made_at = sr_now_ms();
	pthread_mutex_lock(&store->lock);
	conn->next = store->conns;
	store->conns = conn;
	pthread_mutex_unlock(&store->lock);
	*out = conn;
	return 0;
}

/* Places */

static int sr_place_open(struct sr_place *place, const struct sr_target *target)
{
	rados_t cluster = place->conn->cluster;
	int ret;

	if (target->pool >= 0)
		ret = rados_ioctx_create2(cluster, target->pool, &place->io);
	else
		ret = rados_ioctx_create(cluster, target->name.pool,
					 &place->io);
	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	place->pool = rados_ioctx_get_id(place->io);
	rados_ioctx_set_namespace(place->io, target->name.ns);
	return 0;
}

/* Under store->connect. */
static int sr_place_make(struct store *store, const struct sr_target *target,
			 struct sr_place **out)
{
	struct sr_place *place = calloc(1, sizeof(*place));
	int ret = 0;

	if (!place)
		return -ENOMEM;
	place->refs = 1;
	place->conn = sr_conn_find(store, target);
	if (!place->conn)
		ret = sr_conn_make(store, target, &place->conn);
	if (!ret) {
		ret = sr_place_open(place, target);
		if (ret)
			sr_conn_put(store, place->conn);
	}
	if (ret)
		free(place);
	else
		*out = place;
	return ret;
}

struct sr_place *sr_place_hold(struct sr_place *place)
{
	place->refs++;
	return place;
}

void sr_place_put(struct store *store, struct sr_place *place)
{
	if (!place || --place->refs)
		return;
	rados_ioctx_destroy(place->io);
	sr_conn_put(store, place->conn);
	free(place);
}

/* That of @target, if it is of use. */
static struct sr_place *sr_place_there(struct store *store,
				       struct sr_target *target)
{
	struct sr_place *place;

	pthread_mutex_lock(&store->lock);
	place = target->place;
	if (place && place->conn->dead)
		place = NULL;
	if (place)
		sr_place_hold(place);
	pthread_mutex_unlock(&store->lock);
	return place;
}

static void sr_place_set(struct store *store, struct sr_target *target,
			 struct sr_place *place)
{
	struct sr_place *old;

	pthread_mutex_lock(&store->lock);
	old = target->place;
	target->place = place;
	if (place)
		target->pool = place->pool;
	pthread_mutex_unlock(&store->lock);
	sr_place_put(store, old);
}

int sr_place_get(struct store *store, struct sr_target *target,
		 struct sr_place **out)
{
	struct sr_place *place = sr_place_there(store, target);
	int ret = 0;

	if (!place) {
		pthread_mutex_lock(&store->connect);
		place = sr_place_there(store, target);
		if (!place) {
			ret = sr_place_make(store, target, &place);
			if (!ret)
				sr_place_set(store, target,
					     sr_place_hold(place));
		}
		pthread_mutex_unlock(&store->connect);
	}
	*out = place;
	return ret;
}

void sr_target_drop(struct store *store, struct sr_target *target)
{
	sr_place_set(store, target, NULL);
}

/* The store */

static void sr_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static struct store *sr_alloc(const char *gateway, uint64_t incarnation)
{
	struct store *store = calloc(1, sizeof(*store));
	uint64_t counter;

	if (!store)
		return NULL;
	/* Tokens are to differ even if somebody uses an incarnation twice. */
	if (getrandom(&counter, sizeof(counter), 0) == sizeof(counter))
		store->counter = counter >> 1;
	store->incarnation = incarnation;
	strcpy(store->gateway, gateway);
	sr_key(store->inbox, "tcmu_pr_inbox", gateway);
	store->home.timeout_s = SR_TIMEOUT_S;
	store->home.pool = -1;
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->connect, NULL);
	pthread_mutex_init(&store->news.lock, NULL);
	sr_cond_init(&store->news.cond);
	sr_cond_init(&store->news.closed);
	pthread_mutex_init(&store->post.lock, NULL);
	sr_cond_init(&store->post.cond);
	pthread_mutex_init(&store->beat.one, NULL);
	pthread_mutex_init(&store->beat.lock, NULL);
	pthread_mutex_init(&store->clients.lock, NULL);
	return store;
}

static int sr_fail(char **err, int ret, const char *where, const char *what)
{
	if (err && asprintf(err, "%s: %s: %s", where, what, strerror(-ret)) < 0)
		*err = NULL;
	return ret;
}

static int sr_create(struct sr_place *place, const char *oid)
{
	rados_write_op_t op = rados_create_write_op();
	int ret;

	rados_write_op_create(op, LIBRADOS_CREATE_IDEMPOTENT, NULL);
	ret = rados_write_op_operate2(op, place->io, oid, NULL,
				      LIBRADOS_OPERATION_FULL_TRY);
	rados_release_write_op(op);
	return ret;
}

/*
 * *@what: what could not be done.  A gateway that is cut off has been here
 * before, so the objects are there; to lift that it needs a store.
 */
static int sr_open_home(struct store *store, const char **what)
{
	struct sr_place *place;
	int ret;

	*what = "cannot reach the pool";
	ret = sr_place_get(store, &store->home, &place);
	if (ret == -ENODEV)
		*what = "there is no such pool: set another one in section "
			"store, the same on all gateways";
	if (ret)
		return ret;
	*what = "cannot make the gateways' objects";
	ret = sr_create(place, sr_gateways_oid);
	if (!ret)
		ret = sr_create(place, store->inbox);
	sr_place_put(store, place);
	if (!ret) {
		*what = "cannot watch the gateway's inbox";
		ret = sr_news_open(store);
	}
	return ret == -ESHUTDOWN ? 0 : ret;
}

int sr_open(struct store **out, const char *where, const char *gateway,
	    uint64_t incarnation, char **err)
{
	const char *what = "no memory";
	struct store *store;
	int ret;

	if (!sr_gateway_ok(gateway))
		return sr_fail(err, -EINVAL, where,
			       "bad gateway name (1 to 63 printable ASCII "
			       "characters, no '/', no dot in front)");
	store = sr_alloc(gateway, incarnation);
	if (!store)
		return sr_fail(err, -ENOMEM, where, what);
	ret = rbd_config_parse_where(where, &store->home.name);
	if (ret)
		what = "not of the form POOL[/NAMESPACE][;conf=PATH][;id=USER]";
	else
		ret = sr_open_home(store, &what);
	if (ret) {
		sr_close(store);
		return sr_fail(err, ret, where, what);
	}
	*out = store;
	return 0;
}

void sr_close(struct store *store)
{
	if (!store)
		return;
	sr_news_close(store);
	sr_post_close(store);
	sr_images_drop(store);
	sr_cut_close(store);
	sr_target_drop(store, &store->home);
	sr_value_free(&store->beat.known);
	pthread_mutex_destroy(&store->lock);
	pthread_mutex_destroy(&store->connect);
	pthread_mutex_destroy(&store->news.lock);
	pthread_cond_destroy(&store->news.cond);
	pthread_cond_destroy(&store->news.closed);
	pthread_mutex_destroy(&store->post.lock);
	pthread_cond_destroy(&store->post.cond);
	pthread_mutex_destroy(&store->beat.one);
	pthread_mutex_destroy(&store->beat.lock);
	pthread_mutex_destroy(&store->clients.lock);
	free(store);
}
