// SPDX-License-Identifier: GPL-2.0-only
/* What must hold at each moment, and after the fact. */
#include "world.h"

#include <assert.h>
#include <stdlib.h>

char *world_string(uint64_t seq, const char *identity, size_t *len)
{
	struct tcmu_pr_info *info = malloc(tpr_info_size(2));
	struct tpr_writer writer = {.gateway = "elsewhere"};
	char *buf = malloc(tpr_encoded_max(0));
	long n;

	tpr_info_init(info, 2);
	strcpy(info->device, identity);
	while (info->seq < seq) {
		writer.count++;
		tpr_stamp(info, &writer,
			  &(struct tpr_order){.action = TPR_ACT_REGISTER});
	}
	n = tpr_encode(info, buf, tpr_encoded_max(0));
	assert(n > 0);
	*len = (size_t)n;
	free(info);
	return buf;
}

struct tcmu_pr_info *world_decode(const char *str, size_t len)
{
	struct tcmu_pr_info *info = malloc(tpr_info_size(2));

	tpr_info_init(info, 2);
	if (str && !tpr_decode(info, str, len, NULL))
		return info;
	free(info);
	return NULL;
}

int world_action(const char *str, size_t len)
{
	struct tcmu_pr_info *info = world_decode(str, len);
	int action = info ? info->changes[0].order.action : -1;

	free(info);
	return action;
}

/* NULL: it is lost. */
static struct tcmu_pr_info *version(struct world *w, uint64_t seq)
{
	return world_decode(w->versions[seq].str, w->versions[seq].len);
}

struct tcmu_pr_info *world_newest(struct world *w)
{
	return version(w, w->newest);
}

/*
 * The claim that the project lives from: @seq is settled, so no member can
 * execute a command by the leave of an older state.
 */
void check_settled(struct world *w, uint64_t seq)
{
	int i;

	for (i = 0; i < GATEWAYS; i++)
		assert(!gw_admits(w, i) || w->gw[i].kernel.passed >= seq);
	if (seq > w->settled)
		w->settled = seq;
}

void check_admits(struct gateway *g)
{
	const struct kernel *k = &g->kernel;

	assert(!gw_admits(g->w, g->index) || k->enforced >= g->w->settled ||
	       g->w->settled <= g->w->damaged);
}

void check_aborted(struct world *w, uint64_t seq)
{
	int i;

	for (i = 0; i < GATEWAYS; i++) {
		const struct kernel *k = &w->gw[i].kernel;

		assert(!k->attached || (k->drained >= seq && k->late >= seq));
	}
}

/* No kernel enforces a settled state: nobody has been told of one. */
void check_power_loss(struct world *w, const struct gateway *g)
{
	int i;

	assert(!g->kernel.enforced);
	for (i = 0; i < GATEWAYS; i++)
		assert(!gw_admits(w, i) || !w->gw[i].kernel.settled);
	w->power_losses++;
}

/* A state that is told of as settled has not been dropped before. */
void check_not_dropped(struct world *w, uint64_t seq)
{
	uint64_t s;

	for (s = seq + 1; s <= w->newest; s++)
		assert(world_action(w->versions[s].str, w->versions[s].len) !=
		       TPR_ACT_POWER_LOSS);
}

/* Number of versions that @token wrote; they must all be @seq. */
static unsigned int written(struct world *w, const struct tpr_writer *token,
			    uint64_t seq)
{
	unsigned int count = 0;
	uint64_t s;

	for (s = 1; s <= w->newest; s++) {
		struct tcmu_pr_info *info = version(w, s);
		const struct tpr_writer *by;

		if (!info)
			continue;
		by = &info->changes[0].writer;
		if (by->count == token->count &&
		    by->incarnation == token->incarnation &&
		    !strcmp(by->gateway, token->gateway)) {
			assert(s == seq);
			count++;
		}
		free(info);
	}
	return count;
}

/* PRGENERATION that the version after @prev has to have. */
static uint32_t gen_after(const struct tcmu_pr_info *prev,
			  const struct tcmu_pr_info *info)
{
	if (info->changes[0].order.action == TPR_ACT_POWER_LOSS)
		return 0;
	/* Not of ours: by an engine, which leaves the state as it is. */
	if (info->changes[0].order.action == TPR_ACT_REPAIR)
		return prev->gen;
	return prev->gen + 1;
}

/* Each version is its predecessor with one change: nothing was lost. */
static void check_history(struct world *w)
{
	struct tcmu_pr_info *prev = NULL, *info;
	uint64_t s = w->damaged > w->foreign ? w->damaged : w->foreign;

	while (++s <= w->newest) {
		info = version(w, s);
		if (info && prev)
			assert(info->gen == gen_after(prev, info));
		assert(!info || info->seq == s);
		free(prev);
		prev = info;
	}
	free(prev);
}

/* A test took it away by hand. */
static bool lost(struct world *w, uint64_t seq)
{
	struct tcmu_pr_info *info = version(w, seq);

	free(info);
	return !info && seq <= w->newest;
}

void world_check(struct world *w)
{
	size_t i;

	check_history(w);
	for (i = 0; i < w->writes_count; i++) {
		const struct write_record *rec = &w->writes[i];
		unsigned int n = written(w, &rec->token, rec->seq);

		if (rec->seq <= w->damaged || lost(w, rec->seq))
			continue;
		if (!rec->status || rec->status == ETIMEDOUT)
			assert(n == 1);
		else if (rec->status == EINPROGRESS)
			assert(n <= 1);
		else
			assert(n == 0);
	}
}
