// SPDX-License-Identifier: GPL-2.0-only
/* The client: what a kernel does with a PR OUT. */
#include "world.h"

#include <assert.h>
#include <stdlib.h>

static void client_begin(struct world *w, struct gateway *g)
{
	struct client *c = &g->client;

	c->cookie++;
	c->floor = w->promised;
	c->get_status = -1;
	c->set_status = -1;
	engine_get(g->lu, c->cookie);
}

void client_get(struct world *w, int i)
{
	w->gw[i].client.busy = false;
	w->gw[i].client.replace = false;
	client_begin(w, &w->gw[i]);
}

void client_write(struct world *w, int i)
{
	w->gw[i].client.busy = true;
	w->gw[i].client.replace = false;
	w->gw[i].client.abort = false;
	w->gw[i].client.reset = false;
	w->gw[i].client.began_at = w->now;
	client_begin(w, &w->gw[i]);
}

void client_abort(struct world *w, int i)
{
	client_write(w, i);
	w->gw[i].client.abort = true;
}

void client_reset(struct world *w, int i)
{
	client_write(w, i);
	w->gw[i].client.reset = true;
}

void client_replace(struct world *w, int i)
{
	w->gw[i].client.busy = true;
	w->gw[i].client.replace = true;
	w->gw[i].client.abort = false;
	w->gw[i].client.reset = false;
	client_begin(w, &w->gw[i]);
}

/*
 * The next string: one PRGENERATION more, so that a lost update shows.
 * Without @str the state before is lost.
 */
static void client_decide(struct gateway *g, const char *str, size_t len)
{
	struct client *c = &g->client;
	struct tcmu_pr_info *info = malloc(tpr_info_size(2));
	struct tpr_order order = {.action = !str      ? TPR_ACT_REPLACE_LOST
					    : c->abort ? TPR_ACT_PREEMPT_ABORT
					    : c->reset ? TPR_ACT_LU_RESET
						       : TPR_ACT_REGISTER};
	long n;

	tpr_info_init(info, 2);
	if (str) {
		assert(!tpr_decode(info, str, len, NULL));
	} else {
		strcpy(info->device, IDENTITY);
		strcpy(c->token.gateway, g->name);
		while (info->seq < c->get_seq) {
			c->token.count = ++g->writes;
			tpr_stamp(info, &c->token, &order);
		}
	}
	strcpy(c->token.gateway, g->name);
	/* The kernel's own, not the daemon's. */
	c->token.incarnation = 1000000 + g->conf.incarnation;
	c->token.count = ++g->writes;
	info->gen++;
	tpr_stamp(info, &c->token, &order);
	c->seq = info->seq;
	free(c->str);
	c->str = malloc(tpr_encoded_max(2));
	n = tpr_encode(info, c->str, tpr_encoded_max(2));
	assert(n > 0);
	c->len = (size_t)n;
	free(info);
}

void client_get_done(struct gateway *g, uint64_t cookie, int status,
		     uint64_t seq, const char *str, size_t len)
{
	struct client *c = &g->client;
	struct tcmu_pr_info *info;

	if (cookie != c->cookie)
		return;
	c->get_status = status;
	c->get_seq = seq;
	if (status == EBADMSG && seq && c->busy && c->replace) {
		client_decide(g, NULL, 0);
		return;
	}
	if (status) {
		c->busy = false;
		return;
	}
	info = malloc(tpr_info_size(2));
	tpr_info_init(info, 2);
	assert(!tpr_decode(info, str, len, NULL));
	assert(info->seq == seq);
	free(info);
	assert(c->get_seq >= c->floor || c->floor <= g->w->damaged);
	check_settled(g->w, c->get_seq);
	if (c->busy && c->replace)
		c->busy = false; /* another gateway did */
	else if (c->busy)
		client_decide(g, str, len);
}

void client_set_done(struct gateway *g, uint64_t cookie, int status)
{
	struct world *w = g->w;
	struct client *c = &g->client;
	struct write_record *rec;

	if (cookie != c->cookie)
		return;
	c->busy = false;
	c->set_status = status;
	c->done_at = w->now;
	rec = &w->writes[w->writes_count++];
	assert(w->writes_count < WRITES_MAX);
	rec->token = c->token;
	rec->seq = c->seq;
	rec->status = status;
	if (status)
		return;
	check_settled(w, c->seq);
	if (c->abort)
		check_aborted(w, c->seq);
	if (c->seq > w->promised)
		w->promised = c->seq;
}

/* The kernel's next request, outside of the engine's own actions. */
void client_step(struct gateway *g)
{
	struct client *c = &g->client;

	bool replace = c->replace && c->get_status == EBADMSG && c->get_seq;

	if (c->busy && (!c->get_status || replace) && c->str &&
	    c->set_status == -1) {
		c->set_status = -2;
		engine_set(g->lu, c->cookie, c->seq - 1, c->str, c->len);
	} else if (c->again && c->set_status == EAGAIN) {
		c->busy = true;
		client_begin(g->w, g);
	}
}
