// SPDX-License-Identifier: GPL-2.0-only
/* Connections that are lost, and made again as soon as that works. */
#include <stdio.h>
#include <string.h>

#include "storm.h"

enum {
	/* Microseconds. */
	PING_EVERY = 1000000,
	SILENCE = 6000000, /* then the connection is given up */
	LOGIN_TIME = 5000000,
	RETRY_AFTER = 300000,
	ISID_EN = 6486,
	ISID_QUALIFIER = 1,
};

static void logged_in(struct iscsi_context *iscsi, int status, void *data,
		      void *private_data)
{
	struct actor *a = private_data;

	(void)iscsi;
	(void)data;
	if (status) {
		a->drop = true;
		return;
	}
	a->state = UP;
	a->heard = now_us();
	a->pinged = a->heard;
}

static void connected(struct iscsi_context *iscsi, int status, void *data,
		      void *private_data)
{
	struct actor *a = private_data;

	(void)data;
	if (status || iscsi_login_async(iscsi, logged_in, a))
		a->drop = true;
}

static void open_session(struct actor *a, long long now)
{
	struct session *s = &a->session;
	struct iscsi_url *url;

	s->iscsi = iscsi_create_context(s->name);
	if (!s->iscsi)
		die("no iSCSI context");
	url = iscsi_parse_full_url(s->iscsi, a->url);
	if (!url)
		die("%s", iscsi_get_error(s->iscsi));
	iscsi_set_isid_en(s->iscsi, ISID_EN, ISID_QUALIFIER);
	iscsi_set_session_type(s->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_timeout(s->iscsi, 0);
	iscsi_set_noautoreconnect(s->iscsi, 1);
	a->state = CONNECTING;
	a->drop = false;
	a->heard = now;
	s->lun = url->lun;
	if (iscsi_set_targetname(s->iscsi, url->target) ||
	    iscsi_connect_async(s->iscsi, url->portal, connected, a))
		a->drop = true;
	iscsi_destroy_url(url);
}

/* What is on its way ends without an answer. */
void session_drop(struct actor *a)
{
	struct iscsi_context *iscsi = a->session.iscsi;

	if (!iscsi)
		return;
	if (a->state == UP && !storm.ending) {
		printf("%lld %s: connection lost\n", now_us(), a->label);
		history_loss(a, a->heard);
	}
	a->session.iscsi = NULL;
	a->state = DOWN;
	a->retry = now_us() + RETRY_AFTER;
	iscsi_destroy_context(iscsi);
}

static void pong(struct iscsi_context *iscsi, int status, void *data,
		 void *private_data)
{
	struct actor *a = private_data;

	(void)iscsi;
	(void)data;
	if (status == SCSI_STATUS_GOOD)
		a->heard = now_us();
}

void session_tend(struct actor *a, long long now)
{
	if (a->state == DOWN) {
		if (now >= a->retry && !storm.ending)
			open_session(a, now);
		return;
	}
	if (a->drop ||
	    now - a->heard > (a->state == UP ? SILENCE : LOGIN_TIME)) {
		session_drop(a);
		return;
	}
	if (a->state == UP && now - a->pinged > PING_EVERY) {
		static unsigned char ping[] = "storm";

		a->pinged = now;
		if (iscsi_nop_out_async(a->session.iscsi, pong, ping,
					sizeof(ping), a))
			a->drop = true;
	}
}
