// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strings: whatever is decoded is valid and is encoded to the same bytes;
 * whatever is refused leaves an empty state.  Whatever orders a string
 * remembers, stepping through them leads from valid states to valid states, or
 * is refused.  Three of four mutations make the CRC fit again, else nothing
 * would ever get past it.
 */
#include "fuzz.h"

enum {
	CRC_LEN = 18,
};

/* Not by tpr_info_valid(): the core is not its own judge. */
static void check_registrations(const struct tcmu_pr_info *info)
{
	const struct tpr_reg *r = info->regs;
	u32 i;

	for (i = 0; i < info->num_regs; i++) {
		CHECK(r[i].key);
		CHECK(r[i].all_tg_pt == !strlen(r[i].nexus.target));
		CHECK(!i || tpr_reg_cmp(&r[i - 1], &r[i]) < 0);
	}
	if (info->rsv.type >= TPR_WRITE_EXCLUSIVE_AR || !info->rsv.type)
		CHECK(info->rsv.holder == TPR_HOLDER_ALL);
	else
		CHECK(info->rsv.holder < info->num_regs);
	CHECK(info->seq && info->changes[0].seq == info->seq);
	CHECK(!info->scsi2_held || !info->num_regs);
	CHECK(info->scsi2_held == !!info->scsi2_gateway[0]);
}

/*
 * The state of @now as if it had been there @back versions ago: any
 * registrations before any orders.
 */
static struct tcmu_pr_info *earlier(const struct tcmu_pr_info *now, u32 back,
				    u32 room)
{
	struct tcmu_pr_info *info = empty_state(room);
	u32 i;

	CHECK(!tpr_info_copy(info, now));
	if (back == info->seq) {
		tpr_info_init(info, room);
		return info;
	}
	info->seq -= back;
	if (info->num_changes > info->seq)
		info->num_changes = (u32)info->seq;
	for (i = 0; i < info->num_changes; i++) {
		u32 from = i + back;

		if (from >= now->num_changes)
			from = now->num_changes - 1;
		info->changes[i] = now->changes[from];
		info->changes[i].seq = info->seq - i;
	}
	CHECK(tpr_info_valid(info));
	return info;
}

static void check_attention(const struct tcmu_pr_info *old,
			    const struct tcmu_pr_info *now,
			    const struct tpr_nexus *n)
{
	switch (tpr_unit_attention(old, now, n)) {
	case TPR_ASC_NONE:
		break;
	case TPR_ASC_LU_RESET:
		CHECK(tpr_must_abort(old, now, n));
		break;
	case TPR_ASC_REG_PREEMPTED:
	case TPR_ASC_RSV_PREEMPTED:
	case TPR_ASC_RSV_RELEASED:
		CHECK(tpr_find(old, n) >= 0);
		break;
	default:
		CHECK(!"a unit attention");
	}
	CHECK(!tpr_unit_attention(now, now, n));
	CHECK(!tpr_must_abort(now, now, n));
}

static void check_attentions(const struct tcmu_pr_info *old,
			     const struct tcmu_pr_info *now)
{
	u32 i;

	for (i = 0; i < old->num_regs && i < 16; i++)
		check_attention(old, now, &old->regs[i].nexus);
	for (i = 0; i < now->num_changes; i++)
		check_attention(old, now, &now->changes[i].order.nexus);
}

/*
 * From any registrations by the orders of @info.  A newest one that changes
 * next to nothing hides from tpr_step() that they do not lead to where they
 * should.
 */
static void check_steps(const struct tcmu_pr_info *info, u32 back, u32 room)
{
	struct tcmu_pr_info *state = earlier(info, back, room), *before;
	struct tcmu_pr_info *now = clone(info);
	struct tpr_writer w = {"later", 0, 0};
	int ret;

	tpr_stamp(now, &w, &(struct tpr_order){.action = TPR_ACT_LU_RESET});
	check_attentions(state, info);
	check_attentions(state, now);
	do {
		before = clone(state);
		ret = tpr_step(state, now);
		if (!ret) {
			CHECK(state->seq == before->seq + 1);
			CHECK(state->max_regs == room);
			CHECK(tpr_info_valid(state));
			check_registrations(state);
			check_attentions(before, state);
		}
		free(before);
	} while (!ret);
	CHECK(ret == -EINVAL || ret == -ENOSPC);
	free(now);
	free(state);
}

static void check_accepted(const struct tcmu_pr_info *info, const char *str,
			   size_t len)
{
	char *again = malloc(len);
	u32 back;

	CHECK(tpr_info_valid(info));
	check_registrations(info);
	CHECK(len <= tpr_encoded_max(info->num_regs));
	CHECK(tpr_peek_regs(str, len) == (int)info->num_regs);
	CHECK(again);
	CHECK(tpr_encode(info, again, len) == (long)len);
	CHECK(!memcmp(again, str, len));
	CHECK(tpr_encode(info, again, len - 1) == -ENOSPC);
	free(again);
	/* not for what only takes time */
	for (back = 0; info->num_regs < 64 && back <= info->num_changes; back++)
		check_steps(info, back, info->num_regs + back % 3);
}

static void check_refused(const struct tcmu_pr_info *info, u32 room, int ret,
			  const struct tpr_string_error *err)
{
	struct tcmu_pr_info *empty = malloc(tpr_info_size(room));

	CHECK(empty);
	tpr_info_init(empty, room);
	CHECK(!memcmp(info, empty, sizeof(*info)));
	CHECK(ret == -EINVAL || ret == -ENOSPC);
	CHECK(err->what);
	free(empty);
}

static int decode(const char *str, size_t len, u32 room)
{
	struct tcmu_pr_info *info = empty_state(room);
	struct tpr_string_error err = {12345, NULL};
	int ret = tpr_decode(info, str, len, &err);

	if (ret)
		check_refused(info, room, ret, &err);
	else
		check_accepted(info, str, len);
	free(info);
	return ret;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const char *str = (const char *)data;
	int regs = tpr_peek_regs(str, size);
	int ret = decode(str, size, regs < 0 ? 0 : (u32)regs);

	CHECK(regs <= TPR_REGS_MAX);
	/* a string that is read needs its room, and no more */
	if (!ret && regs)
		CHECK(decode(str, size, (u32)regs - 1) == -ENOSPC);
	return 0;
}

static size_t line_at(const u8 *data, size_t size, size_t at, size_t *len)
{
	size_t start = at;

	while (start > 0 && data[start - 1] != '\n')
		start--;
	while (at < size && data[at] != '\n')
		at++;
	*len = at + (at < size) - start;
	return start;
}

/* Drops a line, or puts it in another one's place or before it. */
static size_t mutate_lines(u8 *data, size_t size, size_t max_size, u32 seed)
{
	static u8 line[1024];
	size_t from_len, to_len, from, to;

	from = line_at(data, size, seed % size, &from_len);
	to = line_at(data, size, (seed >> 8) % size, &to_len);
	if (from_len > sizeof(line))
		return size;
	memcpy(line, data + from, from_len);
	if (seed >> 28 & 1)
		to_len = 0;
	if (seed >> 29 & 1)
		from_len = 0;
	if (size - to_len + from_len > max_size)
		return size;
	memmove(data + to + from_len, data + to + to_len, size - to - to_len);
	memcpy(data + to, line, from_len);
	return size - to_len + from_len;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	char crc[CRC_LEN + 1];
	u32 n = seed * 2654435761u;

	if (n % 4 == 0 || size <= CRC_LEN || max_size <= 2 * CRC_LEN)
		return LLVMFuzzerMutate(data, size, max_size);
	size -= CRC_LEN;
	max_size -= CRC_LEN;
	if (n % 4 == 1 && size > 0)
		size = mutate_lines(data, size, max_size, n >> 2);
	else
		size = LLVMFuzzerMutate(data, size, max_size);
	snprintf(crc, sizeof(crc), "crc32c=0x%08x\n",
		 tpr_crc32c(0, data, size));
	memcpy(data + size, crc, CRC_LEN);
	return size + CRC_LEN;
}
