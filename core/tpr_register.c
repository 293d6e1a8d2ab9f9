// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_register.h"
#include "tpr_bytes.h"
#include "tpr_opcode.h"
#include "tpr_tid.h"

enum {
	/* TRANSPORTID PARAMETER DATA LENGTH and what it counts. */
	LIST_LEN_AT = 24,
	LIST_AT = 28,
	/* REGISTER AND MOVE: RTPI, TRANSPORTID LENGTH, TransportID. */
	MOVE_RTPI_AT = 18,
	MOVE_LEN_AT = 20,
	MOVE_TID_AT = 24,
	/*
	 * Ports that a list may name, each as often as it does: enough for
	 * all registrations and as many repetitions, and an end to the work
	 * that a list of nothing but repetitions makes.
	 */
	LISTED_MAX = 2 * TPR_REGS_MAX,
};

static struct tpr_result bad_list(void)
{
	return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_FIELD);
}

static struct tpr_result no_resources(void)
{
	return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_REG_RESOURCES);
}

static struct tpr_result bad_length(void)
{
	return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_LEN);
}

static bool same_device(const struct tpr_nexus *a, const struct tpr_nexus *b)
{
	return a->proto == b->proto && !strcmp(a->initiator, b->initiator);
}

/* Makes @nexus stand for its initiator port through all target ports. */
static void to_all_tg_pt(struct tpr_nexus *nexus)
{
	memset(nexus->target, 0, sizeof(nexus->target));
	nexus->tag = 0;
	nexus->rtpi = 0;
}

/* Makes the registrations from @first up to @end one, which is @merged. */
static void merge(struct tcmu_pr_info *info, u32 first, u32 end,
		  const struct tpr_nexus *merged, u64 key)
{
	struct tpr_reg *reg = &info->regs[first];
	u32 gone = end - first - 1;

	reg->key = key;
	reg->all_tg_pt = true;
	reg->nexus = *merged;
	memmove(reg + 1, &info->regs[end],
		(info->num_regs - end) * sizeof(*reg));
	info->num_regs -= gone;
	if (info->rsv.holder == TPR_HOLDER_ALL || info->rsv.holder <= first)
		return;
	info->rsv.holder = info->rsv.holder < end ? first :
						    info->rsv.holder - gone;
}

/*
 * First registration of the initiator port of @nexus, whatever the target port;
 * -1 if it has none.
 */
static int first_of_port(const struct tcmu_pr_info *info,
			 const struct tpr_nexus *nexus)
{
	struct tpr_nexus all = *nexus;
	u32 idx;

	to_all_tg_pt(&all);
	idx = tpr_lower_bound(info, &all);
	if (idx == info->num_regs ||
	    !tpr_same_initiator_port(&info->regs[idx].nexus, nexus))
		return -1;
	return (int)idx;
}

/*
 * Registers the initiator port of @nexus for all target ports.  Registrations
 * that it has become part of that one, and so does a reservation that one of
 * them holds.
 */
static bool add_all_tg_pt(struct tcmu_pr_info *info,
			  const struct tpr_nexus *nexus, u64 key)
{
	struct tpr_nexus all = *nexus;
	int first = first_of_port(info, nexus);
	u32 end = (u32)first;

	to_all_tg_pt(&all);
	if (first < 0)
		return tpr_reg_add(info, &all, key, true) >= 0;
	while (end < info->num_regs &&
	       tpr_same_initiator_port(&info->regs[end].nexus, nexus))
		end++;
	merge(info, (u32)first, end, &all, key);
	return true;
}

/* False, and nothing is changed: no room, or no way to name it. */
static bool add(struct tcmu_pr_info *info, const struct tpr_nexus *nexus,
		u64 key, bool all_tg_pt)
{
	if (!tpr_nexus_valid(nexus))
		return false;
	if (all_tg_pt)
		return add_all_tg_pt(info, nexus, key);
	return tpr_reg_add(info, nexus, key, false) >= 0;
}

/* Gives the registration @idx, found for @nexus, another key. */
static void change_key(struct tcmu_pr_info *info, int idx,
		       const struct tpr_nexus *nexus, u64 key)
{
	struct tpr_reg *reg = &info->regs[idx];

	reg->key = key;
	if (!reg->all_tg_pt)
		reg->nexus.rtpi = nexus->rtpi;
}

/* A way through the list of TransportIDs, and what to do with each port. */
struct walk {
	struct tcmu_pr_info *info;
	const struct tpr_out_args *o;
	enum {
		LOOK, /* may all of them be registered? */
		ADD,
		UNDO,
	} pass;
	u32 seen;
};

static bool for_all_tg_pt(const struct walk *w)
{
	return w->o->flags & TPR_PARAM_ALL_TG_PT;
}

static struct tpr_result visit(struct walk *w, struct tpr_nexus *nexus)
{
	int idx;

	/* The sender comes last, once, whether or not it is listed. */
	if (tpr_same_initiator_port(nexus, w->o->req->nexus))
		return tpr_good();
	if (w->pass == UNDO) {
		idx = tpr_find(w->info, nexus);
		if (idx >= 0)
			tpr_reg_remove(w->info, (u32)idx);
		return tpr_good();
	}
	if (++w->seen > LISTED_MAX)
		return no_resources();
	if (w->pass == LOOK) {
		idx = for_all_tg_pt(w) ? first_of_port(w->info, nexus) :
					 tpr_find(w->info, nexus);
		return idx < 0 ? tpr_good() : bad_list();
	}
	if (tpr_find(w->info, nexus) < 0 &&
	    !add(w->info, nexus, w->o->sa_key, for_all_tg_pt(w)))
		return no_resources();
	return tpr_good();
}

/* The ports of the initiator device @nexus that have sessions. */
static struct tpr_result visit_sessions(struct walk *w,
					struct tpr_nexus *nexus, bool *found)
{
	const struct tpr_ports *ports = w->o->req->ports;
	struct tpr_result res = tpr_good();
	u32 n;

	if (!ports || !ports->initiator)
		return res;
	for (n = 0; res.status == TPR_GOOD; n++) {
		if (!ports->initiator(ports->arg, nexus->initiator, n,
				      nexus->isid))
			break;
		*found = true;
		res = visit(w, nexus);
	}
	return res;
}

/*
 * Those that are registered.  What a visit adds or removes is among them: what
 * is added is met once more, and then it is registered already.
 */
static struct tpr_result visit_registered(struct walk *w,
					  struct tpr_nexus *nexus, bool *found)
{
	struct tcmu_pr_info *info = w->info;
	struct tpr_result res = tpr_good();
	struct tpr_nexus first = *nexus;
	u32 i, before;

	memset(first.isid, 0, sizeof(first.isid));
	to_all_tg_pt(&first);
	i = tpr_lower_bound(info, &first);
	while (res.status == TPR_GOOD && i < info->num_regs &&
	       same_device(&info->regs[i].nexus, nexus)) {
		memcpy(nexus->isid, info->regs[i].nexus.isid,
		       sizeof(nexus->isid));
		before = info->num_regs;
		*found = true;
		res = visit(w, nexus);
		if (info->num_regs >= before)
			i++;
	}
	return res;
}

/* TPID FORMAT 00b: all ports of the device that are known, SPC-4 7.6.4.6. */
static struct tpr_result visit_device(struct walk *w, struct tpr_nexus *nexus)
{
	bool found = false;
	struct tpr_result res = visit_sessions(w, nexus, &found);

	if (res.status == TPR_GOOD)
		res = visit_registered(w, nexus, &found);
	if (res.status == TPR_GOOD && !found && w->pass != UNDO)
		return bad_list();
	return res;
}

/* A TransportID of another protocol is of no port that this target has. */
static bool protocol_fits(const struct walk *w, const struct tpr_nexus *nexus)
{
	return for_all_tg_pt(w) || nexus->proto == w->o->req->nexus->proto;
}

static struct tpr_result walk_list(struct walk *w)
{
	const u8 *tid = w->o->req->param + LIST_AT;
	u32 left = tpr_be32(w->o->req->param + LIST_LEN_AT);
	struct tpr_nexus nexus = *w->o->req->nexus;
	struct tpr_result res = tpr_good();

	w->seen = 0;
	while (left && res.status == TPR_GOOD) {
		bool any_port;
		int len = tpr_tid_get(tid, left, &nexus, &any_port);

		if (len < 0 || !protocol_fits(w, &nexus))
			return bad_list();
		res = any_port ? visit_device(w, &nexus) : visit(w, &nexus);
		tid += len;
		left -= (u32)len;
	}
	return res;
}

/*
 * All or nothing: the sender, which is not registered, and all that it lists.
 * The sender's own may become one with others, which cannot be undone: so it
 * is the last.
 */
static struct tpr_result register_list(struct tcmu_pr_info *info,
				       const struct tpr_out_args *o)
{
	struct walk w = { .info = info, .o = o, .pass = LOOK };
	struct tpr_result res = walk_list(&w);

	if (res.status != TPR_GOOD)
		return res;
	w.pass = ADD;
	res = walk_list(&w);
	if (res.status == TPR_GOOD &&
	    !add(info, o->req->nexus, o->sa_key, for_all_tg_pt(&w)))
		res = no_resources();
	if (res.status != TPR_GOOD) {
		w.pass = UNDO;
		walk_list(&w);
	}
	return res;
}

/* SPC-4 5.13.7: a key for who has none, or another one. */
static struct tpr_result set_key(struct tcmu_pr_info *info,
				 const struct tpr_out_args *o)
{
	bool all = o->flags & TPR_PARAM_ALL_TG_PT;

	if (o->self >= 0 && (!all || info->regs[o->self].all_tg_pt)) {
		change_key(info, o->self, o->req->nexus, o->sa_key);
		return tpr_good();
	}
	return add(info, o->req->nexus, o->sa_key, all) ? tpr_good() :
							  no_resources();
}

/* Takes back the sender's registration, or all of its initiator port. */
static void unregister(struct tcmu_pr_info *info, const struct tpr_out_args *o)
{
	int idx = o->self;

	if (!(o->flags & TPR_PARAM_ALL_TG_PT)) {
		tpr_reg_remove(info, (u32)idx);
		return;
	}
	while ((idx = first_of_port(info, o->req->nexus)) >= 0)
		tpr_reg_remove(info, (u32)idx);
}

/* Nothing is registered that the command is about, and nothing shall be. */
static bool nothing_to_do(const struct tcmu_pr_info *info,
			  const struct tpr_out_args *o)
{
	if (o->self >= 0 || o->sa_key)
		return false;
	return o->sa == TPR_OUT_REGISTER ||
	       !(o->flags & TPR_PARAM_ALL_TG_PT) ||
	       first_of_port(info, o->req->nexus) < 0;
}

struct tpr_result tpr_register(struct tcmu_pr_info *info,
			       const struct tpr_out_args *o)
{
	u64 key = o->self < 0 ? 0 : info->regs[o->self].key;
	bool spec_i_pt = o->flags & TPR_PARAM_SPEC_I_PT;
	struct tpr_result res = tpr_good();

	if (o->sa == TPR_OUT_REGISTER_IGNORE && spec_i_pt)
		return bad_list();
	if (o->sa == TPR_OUT_REGISTER && o->key != key)
		return tpr_conflict();
	if (nothing_to_do(info, o))
		return res;
	if (spec_i_pt)
		res = o->self < 0 ? register_list(info, o) : bad_list();
	else if (o->sa_key)
		res = set_key(info, o);
	else
		unregister(info, o);
	if (res.status == TPR_GOOD)
		info->aptpl = o->flags & TPR_PARAM_APTPL;
	return res;
}

/*
 * When the list of TransportIDs matters: with a key in RESERVATION KEY the
 * command ends in RESERVATION CONFLICT, or is refused for being from a
 * registered nexus; without any key there is nothing to do.
 */
static bool list_matters(const struct tpr_out_req *req)
{
	return !tpr_be64(req->param) && tpr_be64(req->param + 8);
}

struct tpr_result tpr_spec_i_pt_check(const struct tpr_out_req *req)
{
	u32 len = tpr_be32(req->cdb + 5), left;
	struct tpr_nexus nexus;
	const u8 *tid;
	bool any_port;
	int tid_len;

	if (req->param_len < len)
		return bad_length();
	if (!list_matters(req))
		return tpr_good();
	if (len < LIST_AT || len - LIST_AT < tpr_be32(req->param + LIST_LEN_AT))
		return bad_length();
	tid = req->param + LIST_AT;
	left = tpr_be32(req->param + LIST_LEN_AT);
	while (left) {
		tid_len = tpr_tid_get(tid, left, &nexus, &any_port);
		if (tid_len < 0)
			return bad_list();
		tid += tid_len;
		left -= (u32)tid_len;
	}
	return tpr_good();
}

u32 tpr_spec_i_pt_room(const struct tpr_out_req *req)
{
	const u8 *tid = req->param + LIST_AT;
	struct tpr_nexus nexus;
	u32 left, room = 1;
	bool any_port;
	int len;

	if (!list_matters(req))
		return 0;
	for (left = tpr_be32(req->param + LIST_LEN_AT); left;
	     left -= (u32)len) {
		len = tpr_tid_get(tid, left, &nexus, &any_port);
		if (len < 0 || any_port || room == TPR_REGS_MAX)
			return TPR_REGS_MAX;
		tid += len;
		room++;
	}
	return room;
}

struct tpr_result tpr_move_check(const struct tpr_out_req *req)
{
	u32 len = tpr_be32(req->cdb + 5);
	u32 tid_len = tpr_be32(req->param + MOVE_LEN_AT);
	struct tpr_nexus nexus;
	bool any_port;

	if (req->param_len < len || len - MOVE_TID_AT < tid_len)
		return bad_length();
	/* A reservation has one holder: a device's name is not enough. */
	if (tpr_tid_get(req->param + MOVE_TID_AT, tid_len, &nexus,
			&any_port) != (int)tid_len || any_port)
		return bad_list();
	return tpr_good();
}

static void copy_target(struct tpr_nexus *dest, const struct tpr_nexus *src)
{
	memcpy(dest->target, src->target, sizeof(dest->target));
	dest->tag = src->tag;
	dest->rtpi = src->rtpi;
}

/* Completes @dest with the target port @rtpi, if it is known. */
static bool find_target(const struct tcmu_pr_info *info,
			const struct tpr_out_req *req, u16 rtpi,
			struct tpr_nexus *dest)
{
	const struct tpr_nexus *known = req->nexus;
	u32 i;

	if (!rtpi)
		return false;
	if (req->ports && req->ports->target &&
	    req->ports->target(req->ports->arg, rtpi, dest))
		return true;
	for (i = 0; known->rtpi != rtpi || known->proto != dest->proto; i++) {
		if (i == info->num_regs)
			return false;
		known = &info->regs[i].nexus; /* rtpi 0 for all_tg_pt */
	}
	copy_target(dest, known);
	return true;
}

/* The registration that the reservation moves to; -1: no resources. */
static int move_to(struct tcmu_pr_info *info, const struct tpr_out_args *o,
		   const struct tpr_nexus *dest)
{
	int idx;

	/* What the sender gives up makes room. */
	if (o->flags & TPR_PARAM_UNREG)
		tpr_reg_remove(info, (u32)o->self);
	idx = tpr_find(info, dest);
	if (idx < 0)
		return tpr_reg_add(info, dest, o->sa_key, false);
	change_key(info, idx, dest, o->sa_key);
	return idx;
}

/* SPC-4 5.13.8; the type in the CDB is ignored. */
struct tpr_result tpr_register_move(struct tcmu_pr_info *info,
				    const struct tpr_out_args *o)
{
	const u8 *param = o->req->param;
	u8 type = info->rsv.type;
	struct tpr_nexus dest = { .proto = 0 };
	bool any_port;
	int idx;

	if (tpr_type_ar(type) ||
	    (type != TPR_NO_RESERVATION && !tpr_is_holder(info, (u32)o->self)))
		return tpr_conflict();
	if (type == TPR_NO_RESERVATION)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	tpr_tid_get(param + MOVE_TID_AT, tpr_be32(param + MOVE_LEN_AT), &dest,
		    &any_port);
	if (!o->sa_key || tpr_same_initiator_port(&dest, o->req->nexus) ||
	    !find_target(info, o->req, tpr_be16(param + MOVE_RTPI_AT), &dest))
		return bad_list();
	if (!tpr_nexus_valid(&dest))
		return no_resources();
	idx = move_to(info, o, &dest);
	if (idx < 0)
		return no_resources();
	info->rsv.type = type;
	info->rsv.holder = (u32)idx;
	info->aptpl = o->flags & TPR_PARAM_APTPL;
	return tpr_good();
}
