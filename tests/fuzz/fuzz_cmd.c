// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands.  The input's first byte tells how many commands of five bytes
 * build a state, each compared with the model; then come a byte of switches,
 * a CDB of 16 bytes and a parameter list, as raw as they are.
 */
#include "fuzz.h"
#include "model.h"

enum {
	ROOM = 6,
	OP_LEN = 5,
	CDB_LEN = 16,
	/* As many registrations as an input can list, and then some. */
	LISTED_MAX = 256,
	/* Switches. */
	GOOD_LEN = 0x01, /* the CDB announces 24 bytes */
	GOOD_KEY = 0x02, /* the RESERVATION KEY is the nexus's own */
	SMALL_CAP = 0x04,
	IS_LOST = 0x08,
	WHOLE_LEN = 0x10, /* the CDB announces what there is */
	/* Of a command's first byte. */
	IS_SPC2 = 0x80,
};

/* The order is enough to get from @before to @info, if it says so. */
static void check_redo(struct tcmu_pr_info *before,
		       const struct tcmu_pr_info *info,
		       const struct tpr_order *order)
{
	int ret = tpr_redo(before, order, "gw-1");

	if (order->flags & SPEC_I_PT ||
	    order->action == TPR_ACT_REGISTER_MOVE ||
	    order->action == TPR_ACT_REPLACE_LOST) {
		CHECK(ret == -EINVAL);
		return;
	}
	CHECK(ret == 0);
	CHECK(before->num_regs == info->num_regs);
	CHECK(!memcmp(before, info, tpr_info_size(info->num_regs)));
}

static void spc2_step(struct tcmu_pr_info *info, const u8 *p)
{
	static const u8 opcodes[] = {0x16, 0x17, 0x56, 0x57};
	struct tpr_nexus n = nexus((char)('A' + p[0] % NEXUSES));
	u8 cdb[10] = {opcodes[p[1] & 3], p[2]};
	struct tcmu_pr_info *before = clone(info);
	struct tpr_result res;
	struct tpr_order order;
	bool changed;

	res = tpr_spc2(info, &n, "gw-1", cdb, &changed, &order);
	CHECK(tpr_info_valid(info));
	if (changed) {
		CHECK(res.status == TPR_GOOD);
		check_redo(before, info, &order);
	} else {
		CHECK(!memcmp(info, before, tpr_info_size(info->max_regs)));
	}
	free(before);
}

/* TransportIDs whose registrations have letters: see model_spec_i_pt(). */
static const char *some_tids(const struct op *op, char who, u8 n)
{
	static const char *const moves[] = {"A", "B", "C", "D",
					    "E", "F", "G", "H"};
	static const char *const lists[] = {NULL, "",	"B",   "EB",
					    "A",  "AB", "BBE", "EE"};
	static const char *const all[] = {NULL, "",   "B",   "CH",
					  "A",	"FD", "EAB", "HBCDE"};

	if (op->sa == TPR_OUT_REGISTER_MOVE)
		return moves[n];
	if (op->sa != TPR_OUT_REGISTER || !(op->flags & SPEC_I_PT))
		return NULL;
	if (op->flags & ALL_TG_PT)
		return all[n];
	return strchr("ABE", who) ? lists[n] : NULL;
}

static void model_step(struct tcmu_pr_info *info, const u8 *p)
{
	char who = (char)('A' + p[0] % NEXUSES);
	struct tcmu_pr_info *before = clone(info);
	char want[TEXT_MAX], got[TEXT_MAX];
	struct tpr_result res;
	struct answer a;
	struct model m;
	struct op op = {
		.sa = p[1] & 15,
		.type = p[2] & 15,
		.scope = p[2] >> 7,
		.sa_key = p[3] & 7,
		.flags = p[3] >> 5 | (p[1] & 0x10 ? SPEC_I_PT : 0),
		.force = p[2] & 0x40,
		.lost = (p[2] & 0x30) == 0x30,
	};

	model_of(&m, info);
	op.key = p[4] & 0x10 ? p[4] & 3 : model_key(&m, who);
	op.tids = some_tids(&op, who, p[1] >> 5);
	res = verdict_result(model_out_room(&m, who, &op, ROOM));
	a = run(info, who, &op);
	CHECK(!memcmp(&res, &a.res, sizeof(res)));
	model_text(&m, want);
	state_text(info, got);
	CHECK(!strcmp(want, got));
	CHECK(tpr_info_valid(info));
	if (a.changed)
		check_redo(before, info, &a.order);
	free(before);
}

static void check_in(const struct tcmu_pr_info *info, const u8 *cdb, u8 small)
{
	u32 cap = small ? cdb[10] : 4096, len = 12345, alloc;
	u8 *buf = malloc(cap);
	struct tpr_result res = tpr_in(info, cdb, buf, cap, &len);

	alloc = tpr_be16(cdb + 7);
	CHECK(len <= cap && len <= alloc);
	if (info->scsi2_held) {
		CHECK(res.status == TPR_RESERVATION_CONFLICT && !len);
	} else if ((cdb[1] & 0x1f) > 3) {
		CHECK(res.status == TPR_CHECK_CONDITION && !len);
	} else {
		CHECK(res.status == TPR_GOOD && !res.key && !res.asc);
		CHECK(len >= 8 || len == (cap < alloc ? cap : alloc));
	}
	free(buf);
}

/* PRGENERATION after @sa, which changed something. */
static u32 generation(u32 before, u8 sa)
{
	if (sa == TPR_OUT_REPLACE_LOST)
		return 0;
	return before + (sa != TPR_OUT_RESERVE && sa != TPR_OUT_RELEASE);
}

static void check_result(const struct tcmu_pr_info *info,
			 const struct tpr_out_req *req, struct tpr_result res)
{
	struct tpr_result check = tpr_out_check(req);
	u8 sa = req->cdb[1] & 0x1f;

	CHECK((res.status == TPR_CHECK_CONDITION) == (res.key != 0));
	CHECK((res.asc != 0) == (res.key != 0));
	if (req->lost && sa != TPR_OUT_REPLACE_LOST)
		CHECK(res.key == TPR_SK_DATA_PROTECT);
	else if (!req->lost && info->scsi2_held)
		CHECK(res.status == TPR_RESERVATION_CONFLICT);
	else if (check.status != TPR_GOOD)
		CHECK(!memcmp(&check, &res, sizeof(res)));
}

/* With the room that the command says it may need, it never lacks any. */
static void check_room(const struct tcmu_pr_info *info,
		       const struct tpr_out_req *req)
{
	u32 room = tpr_out_room(req);
	struct tcmu_pr_info *large;
	struct tpr_order order;
	struct tpr_result res;
	bool changed;

	large = empty_state(info->num_regs +
			    (room > LISTED_MAX ? LISTED_MAX : room));
	CHECK(!tpr_info_copy(large, info));
	res = tpr_out(large, req, &changed, &order);
	CHECK(res.asc != TPR_ASC_REG_RESOURCES);
	CHECK(large->num_regs <= info->num_regs + room);
	CHECK(tpr_info_valid(large));
	free(large);
}

static void check_out(struct tcmu_pr_info *info, const struct tpr_nexus *n,
		      const u8 *cdb, const u8 *param, u32 len, bool lost)
{
	const struct tpr_ports ports = {
		.target = known_target, .initiator = known_session,
		.arg = "AEHFC",
	};
	struct tpr_out_req req = {
		.nexus = n, .cdb = cdb, .param = param, .param_len = len,
		.ports = &ports, .lost = lost,
	};
	struct tcmu_pr_info *before = clone(info);
	struct tpr_order order = {.action = POISON};
	struct tpr_result res;
	bool changed = false;
	u8 sa = cdb[1] & 0x1f;

	check_room(info, &req);
	res = tpr_out(info, &req, &changed, &order);
	CHECK(tpr_info_valid(info));
	check_result(before, &req, res);
	if (res.status != TPR_GOOD || !changed) {
		CHECK(!changed && info->num_regs == before->num_regs);
		CHECK(!memcmp(info, before, tpr_info_size(info->num_regs)));
	} else {
		CHECK(info->gen == generation(before->gen, sa));
		CHECK(tpr_action_name(order.action));
		check_redo(before, info, &order);
	}
	free(before);
}

static void check_class(const struct tcmu_pr_info *info, const u8 *data,
			size_t size)
{
	u8 *cdb = malloc(size), class;
	struct tpr_nexus n = nexus('A');

	memcpy(cdb, data, size);
	class = tpr_classify(cdb, (u32)size);
	CHECK(class && !(class & (class - 1)));
	if (info->rsv.type == TPR_EXCLUSIVE_ACCESS &&
	    tpr_find(info, &n) != (int)info->rsv.holder)
		CHECK(!(tpr_allowed(info, &n) &
			(TPR_CLASS_WRITE | TPR_CLASS_READ)));
	free(cdb);
}

/* The command as it comes: anything may be in it. */
static void raw_command(struct tcmu_pr_info *info, u8 switches, const u8 *data,
			size_t size)
{
	struct tpr_nexus n = nexus((char)('A' + switches / 32 % NEXUSES));
	u8 *cdb = malloc(CDB_LEN), *param = malloc(size - CDB_LEN + 1);
	u32 len = (u32)(size - CDB_LEN);
	int self = tpr_find(info, &n);

	memcpy(cdb, data, CDB_LEN);
	memcpy(param, data + CDB_LEN, len);
	param = realloc(param, len ? len : 1);
	if (switches & GOOD_LEN)
		tpr_put_be32(cdb + 5, TPR_OUT_PARAM_LEN);
	else if (switches & WHOLE_LEN)
		tpr_put_be32(cdb + 5, len);
	if (switches & GOOD_KEY && len >= 8 && self >= 0)
		tpr_put_be64(param, info->regs[self].key);
	check_in(info, cdb, switches & SMALL_CAP);
	check_out(info, &n, cdb, param, len, switches & IS_LOST);
	check_in(info, cdb, switches & SMALL_CAP);
	free(param);
	free(cdb);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct tcmu_pr_info *info = state_room("", ROOM);
	size_t ops;

	if (size > 0) {
		ops = data[0] & 15;
		for (data++, size--; ops && size >= OP_LEN; ops--) {
			if (data[0] & IS_SPC2)
				spc2_step(info, data);
			else
				model_step(info, data);
			data += OP_LEN;
			size -= OP_LEN;
		}
	}
	if (size > 0)
		check_class(info, data, size);
	if (size > CDB_LEN)
		raw_command(info, data[0], data + 1, size - 1);
	free(info);
	return 0;
}
