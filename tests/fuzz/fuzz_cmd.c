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
	/* Switches. */
	GOOD_LEN = 0x01, /* the CDB announces 24 bytes */
	GOOD_KEY = 0x02, /* the RESERVATION KEY is the nexus's own */
	SMALL_CAP = 0x04,
};

static void model_step(struct tcmu_pr_info *info, const u8 *p)
{
	char who = (char)('A' + p[0] % NEXUSES);
	char want[TEXT_MAX], got[TEXT_MAX];
	struct tpr_result res;
	struct answer a;
	struct model m;
	struct op op = {
		.sa = p[1] & 7,
		.type = p[2] & 15,
		.scope = p[2] >> 7,
		.sa_key = p[3] & 7,
		.flags = p[3] >> 5,
	};

	model_of(&m, info);
	op.key = p[4] & 0x10 ? p[4] & 3 : model_key(&m, who);
	res = verdict_result(model_out_room(&m, who, &op, ROOM));
	a = run(info, who, &op);
	CHECK(!memcmp(&res, &a.res, sizeof(res)));
	model_text(&m, want);
	state_text(info, got);
	CHECK(!strcmp(want, got));
	CHECK(tpr_info_valid(info));
}

static void check_in(const struct tcmu_pr_info *info, const u8 *cdb, u8 small)
{
	u32 cap = small ? cdb[10] : 4096, len = 12345, alloc;
	u8 *buf = malloc(cap);
	struct tpr_result res = tpr_in(info, cdb, buf, cap, &len);

	alloc = tpr_be16(cdb + 7);
	CHECK(len <= cap && len <= alloc);
	if ((cdb[1] & 0x1f) > 3) {
		CHECK(res.status == TPR_CHECK_CONDITION && !len);
	} else {
		CHECK(res.status == TPR_GOOD && !res.key && !res.asc);
		CHECK(len >= 8 || len == (cap < alloc ? cap : alloc));
	}
	free(buf);
}

static void check_out(struct tcmu_pr_info *info, const struct tpr_nexus *n,
		      const u8 *cdb, const u8 *param, u32 len)
{
	struct tpr_out_req req = {
		.nexus = n, .cdb = cdb, .param = param, .param_len = len,
	};
	struct tcmu_pr_info *before = clone(info);
	struct tpr_result check = tpr_out_check(&req), res;
	size_t size = tpr_info_size(info->max_regs);
	bool changed = false, counts;
	struct tpr_order order = {.action = POISON};
	u8 sa = cdb[1] & 0x1f;

	res = tpr_out(info, &req, &changed, &order);
	CHECK(tpr_info_valid(info));
	if (check.status != TPR_GOOD)
		CHECK(!memcmp(&check, &res, sizeof(res)));
	if (res.status != TPR_GOOD || !changed) {
		CHECK(!changed && !memcmp(info, before, size));
	} else {
		counts = sa != TPR_OUT_RESERVE && sa != TPR_OUT_RELEASE;
		CHECK(info->gen == before->gen + counts);
		CHECK(tpr_action_name(order.action));
	}
	CHECK((res.status == TPR_CHECK_CONDITION) == (res.key != 0));
	CHECK((res.asc != 0) == (res.key != 0));
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
	if (switches & GOOD_KEY && len >= 8 && self >= 0)
		tpr_put_be64(param, info->regs[self].key);
	check_in(info, cdb, switches & SMALL_CAP);
	check_out(info, &n, cdb, param, len);
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
