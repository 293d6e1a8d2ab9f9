// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_string.h"

/*
 * The encoder and the decoder walk the same fields in the same order; keep
 * their functions side by side, pair by pair.
 */

/* There is always a next one. */
#define SEQ_MAX (~0ULL - 1)

static const char *const action_names[TPR_ACT_MAX] = {
	[TPR_ACT_CREATE] = "create",
	[TPR_ACT_REGISTER] = "register",
	[TPR_ACT_REGISTER_IGNORE] = "register-ignore",
	[TPR_ACT_RESERVE] = "reserve",
	[TPR_ACT_RELEASE] = "release",
	[TPR_ACT_CLEAR] = "clear",
	[TPR_ACT_PREEMPT] = "preempt",
	[TPR_ACT_REPAIR] = "repair",
	[TPR_ACT_PREEMPT_ABORT] = "preempt-abort",
	[TPR_ACT_REGISTER_MOVE] = "register-move",
	[TPR_ACT_REPLACE_LOST] = "replace-lost",
	[TPR_ACT_SPC2_RESERVE] = "spc2-reserve",
	[TPR_ACT_SPC2_RELEASE] = "spc2-release",
	[TPR_ACT_NEXUS_LOSS] = "nexus-loss",
	[TPR_ACT_LU_RESET] = "lu-reset",
	[TPR_ACT_POWER_LOSS] = "power-loss",
};

enum {
	/* Lines but for change= and reg=, with their longest values. */
	HEAD_MAX = 256 + TPR_DEVICE_MAX + TPR_GATEWAY_MAX,
	/* NAME,i,0xISID NAME,t,0xTAG PROTOCOL RTPI */
	PORTS_MAX = 2 * TPR_NAME_MAX + 40,
	CHANGE_MAX = 120 + TPR_GATEWAY_MAX + PORTS_MAX,
	REG_MAX = 32 + PORTS_MAX,
	CRC_LINE_LEN = 18, /* crc32c=0x12345678 LF */
};

const char *tpr_action_name(u8 action)
{
	return action < TPR_ACT_MAX ? action_names[action] : NULL;
}

static bool is_graph(char c)
{
	return c >= 0x21 && c <= 0x7e;
}

static bool device_valid(const char *device)
{
	size_t len = 0;

	while (len <= TPR_DEVICE_MAX && is_graph(device[len]))
		len++;
	return len > 0 && len <= TPR_DEVICE_MAX && !device[len];
}

/* Four bits at a time: a table of 64 bytes, for strings of up to 2 MiB. */
u32 tpr_crc32c(u32 crc, const void *data, size_t len)
{
	static const u32 table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const u8 *p = data;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

size_t tpr_encoded_max(u32 num_regs)
{
	return HEAD_MAX + PORTS_MAX +
	       (size_t)TPR_CHANGES_MAX * CHANGE_MAX +
	       (size_t)num_regs * REG_MAX;
}

/* A buffer to write to; once it overflows nothing is written any more. */
struct writer {
	char *buf;
	size_t len, cap;
	bool overflow;
};

static void put_mem(struct writer *w, const char *s, size_t len)
{
	if (w->overflow || len > w->cap - w->len) {
		w->overflow = true;
		return;
	}
	memcpy(w->buf + w->len, s, len);
	w->len += len;
}

static void put(struct writer *w, const char *s)
{
	put_mem(w, s, strlen(s));
}

static void put_dec(struct writer *w, u64 v)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put_mem(w, digits + n, sizeof(digits) - n);
}

static void put_hex(struct writer *w, u64 v, unsigned int width)
{
	char digits[18] = "0x";
	unsigned int i;

	for (i = 0; i < width; i++)
		digits[2 + i] =
			"0123456789abcdef"[(v >> 4 * (width - 1 - i)) & 15];
	put_mem(w, digits, 2 + width);
}

/* A string to read from; err->what is set by the first thing that is wrong. */
struct reader {
	const char *p, *end;
	struct tpr_string_error *err;
	bool failed;
};

static void fail(struct reader *r, const char *what)
{
	if (r->failed)
		return;
	r->failed = true;
	r->err->what = what;
}

static void expect(struct reader *r, const char *s)
{
	size_t len = strlen(s);

	if (r->failed)
		return;
	if ((size_t)(r->end - r->p) < len || memcmp(r->p, s, len)) {
		fail(r, "not the text that belongs here");
		return;
	}
	r->p += len;
}

/* True, and @s is behind us, if it stands here. */
static bool accept(struct reader *r, const char *s)
{
	size_t len = strlen(s);

	if (r->failed || (size_t)(r->end - r->p) < len ||
	    memcmp(r->p, s, len))
		return false;
	r->p += len;
	return true;
}

/* Begins the line of field @name. */
static void begin(struct reader *r, const char *name)
{
	if (r->failed)
		return;
	r->err->line++;
	if (!accept(r, name) || !accept(r, "="))
		fail(r, "another field was expected in this line");
}

static void end_line(struct reader *r)
{
	if (!r->failed && !accept(r, "\n"))
		fail(r, "the line does not end where it should");
}

static u64 get_dec(struct reader *r, u64 max)
{
	const char *start = r->p;
	u64 v = 0;

	if (r->failed)
		return 0;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
		u64 digit = (u64)(*r->p - '0');

		if (v > (~0ULL - digit) / 10) {
			fail(r, "number too large");
			return 0;
		}
		v = v * 10 + digit;
		r->p++;
	}
	if (r->p == start)
		fail(r, "a decimal number was expected");
	else if (*start == '0' && r->p - start > 1)
		fail(r, "a decimal number has no leading zero");
	else if (v > max)
		fail(r, "number too large");
	return r->failed ? 0 : v;
}

static u64 get_hex(struct reader *r, unsigned int width)
{
	u64 v = 0;

	if (r->failed)
		return 0;
	if (!accept(r, "0x")) {
		fail(r, "a hexadecimal number was expected");
		return 0;
	}
	while (width--) {
		char c = r->p < r->end ? *r->p : 0;

		if (c >= '0' && c <= '9') {
			v = v << 4 | (u64)(c - '0');
		} else if (c >= 'a' && c <= 'f') {
			v = v << 4 | (u64)(c - 'a' + 10);
		} else {
			fail(r, "bad hexadecimal number");
			return 0;
		}
		r->p++;
	}
	return v;
}

/* Copies bytes up to @stop, a line's end or @cap - 1 of them; NUL-terminates. */
static void get_word(struct reader *r, char stop, char *word, size_t cap,
		     bool (*valid)(const char *))
{
	size_t len = 0;

	word[0] = 0;
	if (r->failed)
		return;
	while (r->p + len < r->end && r->p[len] != stop &&
	       r->p[len] != '\n' && r->p[len] && len < cap)
		len++;
	if (len == cap) {
		fail(r, "name too long");
		return;
	}
	memcpy(word, r->p, len);
	word[len] = 0;
	r->p += len;
	if (!valid(word))
		fail(r, "bad name");
}

static void put_ports(struct writer *w, const struct tpr_nexus *n)
{
	u64 isid = 0;
	u32 i;

	put(w, n->initiator);
	if (n->proto == TPR_PROTO_ISCSI) {
		for (i = 0; i < TPR_ISID_LEN; i++)
			isid = isid << 8 | n->isid[i];
		put(w, ",i,");
		put_hex(w, isid, 2 * TPR_ISID_LEN);
	}
	put(w, " ");
	if (n->target[0]) {
		put(w, n->target);
		put(w, ",t,");
		put_hex(w, n->tag, 4);
	} else {
		put(w, "*");
	}
	put(w, " ");
	put_dec(w, n->proto);
	put(w, " ");
	put_dec(w, n->rtpi);
}

static void get_ports(struct reader *r, struct tpr_nexus *n)
{
	bool has_isid = false, iscsi;
	u64 isid = 0;
	u32 i;

	memset(n, 0, sizeof(*n));
	/* A name ends at its comma, or at the blank when there is none. */
	for (i = 0; r->p + i < r->end && r->p[i] != ' ' && r->p[i] != '\n';)
		if (r->p[i++] == ',')
			has_isid = true;
	get_word(r, has_isid ? ',' : ' ', n->initiator, sizeof(n->initiator),
		 tpr_name_valid);
	if (has_isid) {
		expect(r, ",i,");
		isid = get_hex(r, 2 * TPR_ISID_LEN);
	}
	for (i = TPR_ISID_LEN; i-- > 0; isid >>= 8)
		n->isid[i] = (u8)isid;
	expect(r, " ");
	if (!accept(r, "* ")) {
		get_word(r, ',', n->target, sizeof(n->target), tpr_name_valid);
		expect(r, ",t,");
		n->tag = (u16)get_hex(r, 4);
		expect(r, " ");
	}
	n->proto = (u8)get_dec(r, 15);
	expect(r, " ");
	n->rtpi = (u16)get_dec(r, 0xffff);
	iscsi = n->proto == TPR_PROTO_ISCSI;
	if (has_isid != iscsi)
		fail(r, "an ISID belongs to iSCSI and only there");
}

/* Commands come on one target port; only a registration can be for all. */
static void get_one_port(struct reader *r, struct tpr_nexus *n)
{
	get_ports(r, n);
	if (!n->target[0])
		fail(r, "one target port was expected");
}

static void put_scsi2(struct writer *w, const struct tcmu_pr_info *info)
{
	put(w, "scsi2_rsv=");
	if (info->scsi2_held) {
		put(w, info->scsi2_gateway);
		put(w, " ");
		put_ports(w, &info->scsi2_holder);
	} else {
		put(w, "none");
	}
	put(w, "\n");
}

static void get_scsi2(struct reader *r, struct tcmu_pr_info *info)
{
	begin(r, "scsi2_rsv");
	if (accept(r, "none\n"))
		return;
	info->scsi2_held = true;
	get_word(r, ' ', info->scsi2_gateway, sizeof(info->scsi2_gateway),
		 tpr_gateway_valid);
	expect(r, " ");
	get_one_port(r, &info->scsi2_holder);
	end_line(r);
}

static void put_rsv(struct writer *w, const struct tpr_rsv *rsv)
{
	put(w, "rsv=");
	if (rsv->type == TPR_NO_RESERVATION) {
		put(w, "none\n");
		return;
	}
	put_dec(w, rsv->type);
	put(w, " ");
	if (rsv->holder == TPR_HOLDER_ALL)
		put(w, "all");
	else
		put_dec(w, rsv->holder);
	put(w, "\n");
}

static void get_rsv(struct reader *r, struct tpr_rsv *rsv)
{
	begin(r, "rsv");
	rsv->holder = TPR_HOLDER_ALL;
	if (accept(r, "none\n"))
		return;
	rsv->type = (u8)get_dec(r, 15);
	expect(r, " ");
	if (!accept(r, "all"))
		rsv->holder = (u32)get_dec(r, TPR_REGS_MAX - 1);
	end_line(r);
	if (!tpr_type_valid(rsv->type))
		fail(r, "unknown reservation type");
	else if (tpr_type_ar(rsv->type) != (rsv->holder == TPR_HOLDER_ALL))
		fail(r, "the holder does not fit the reservation type");
}

static void put_order(struct writer *w, const struct tpr_order *o)
{
	if (!o->nexus.initiator[0]) {
		put(w, "none");
		return;
	}
	put_hex(w, o->sa_key, 16);
	put(w, " ");
	put_dec(w, o->scope_type);
	put(w, " ");
	put_dec(w, o->flags);
	put(w, " ");
	put_ports(w, &o->nexus);
}

static void get_order(struct reader *r, struct tpr_order *o)
{
	if (accept(r, "none"))
		return;
	o->sa_key = get_hex(r, 16);
	expect(r, " ");
	o->scope_type = (u8)get_dec(r, 0xff);
	expect(r, " ");
	o->flags = (u8)get_dec(r, 0xff);
	expect(r, " ");
	get_one_port(r, &o->nexus);
}

static void put_change(struct writer *w, const struct tpr_change *c)
{
	put(w, "change=");
	put_dec(w, c->seq);
	put(w, " ");
	put(w, action_names[c->order.action]);
	put(w, " ");
	put(w, c->writer.gateway);
	put(w, " ");
	put_hex(w, c->writer.incarnation, 16);
	put(w, " ");
	put_dec(w, c->writer.count);
	put(w, " ");
	put_order(w, &c->order);
	put(w, "\n");
}

static u8 get_action(struct reader *r)
{
	u8 i;

	for (i = 0; i < TPR_ACT_MAX; i++) {
		const char *start = r->p;

		if (accept(r, action_names[i]) && accept(r, " "))
			return i;
		r->p = start;
	}
	fail(r, "unknown action");
	return 0;
}

static void get_change(struct reader *r, struct tpr_change *c)
{
	begin(r, "change");
	c->seq = get_dec(r, ~0ULL);
	expect(r, " ");
	c->order.action = get_action(r);
	get_word(r, ' ', c->writer.gateway, sizeof(c->writer.gateway),
		 tpr_gateway_valid);
	expect(r, " ");
	c->writer.incarnation = get_hex(r, 16);
	expect(r, " ");
	c->writer.count = get_dec(r, ~0ULL);
	expect(r, " ");
	get_order(r, &c->order);
	end_line(r);
}

static void put_reg(struct writer *w, const struct tpr_reg *reg)
{
	put(w, "reg=");
	put_hex(w, reg->key, 16);
	put(w, " ");
	put_ports(w, &reg->nexus);
	put(w, "\n");
}

static void get_reg(struct reader *r, struct tpr_reg *reg)
{
	begin(r, "reg");
	reg->key = get_hex(r, 16);
	expect(r, " ");
	get_ports(r, &reg->nexus);
	end_line(r);
	reg->all_tg_pt = !reg->nexus.target[0];
	if (!reg->key)
		fail(r, "a registration has a key");
}

static void put_field(struct writer *w, const char *name, u64 v)
{
	put(w, name);
	put(w, "=");
	put_dec(w, v);
	put(w, "\n");
}

static u64 get_field(struct reader *r, const char *name, u64 max)
{
	u64 v;

	begin(r, name);
	v = get_dec(r, max);
	end_line(r);
	return v;
}

/* A version that is stored was made by a change. */
static bool storable(const struct tcmu_pr_info *info)
{
	return info->num_changes && tpr_info_valid(info);
}

static bool encodable(const struct tcmu_pr_info *info)
{
	u32 i;

	if (!storable(info) || !device_valid(info->device))
		return false;
	for (i = 0; i < info->num_changes; i++)
		if (!tpr_gateway_valid(info->changes[i].writer.gateway))
			return false;
	return true;
}

long tpr_encode(const struct tcmu_pr_info *info, char *buf, size_t cap)
{
	struct writer w = { .buf = buf, .cap = cap };
	u32 i;

	if (!encodable(info))
		return -EINVAL;
	put_field(&w, "vers", info->vers);
	put_field(&w, "seq", info->seq);
	put_scsi2(&w, info);
	put_field(&w, "gen", info->gen);
	put_rsv(&w, &info->rsv);
	put_field(&w, "num_regs", info->num_regs);
	put_field(&w, "aptpl", info->aptpl);
	put(&w, "device=");
	put(&w, info->device);
	put(&w, "\n");
	put_field(&w, "num_changes", info->num_changes);
	for (i = 0; i < info->num_changes; i++)
		put_change(&w, &info->changes[i]);
	for (i = 0; i < info->num_regs; i++)
		put_reg(&w, &info->regs[i]);
	if (w.overflow)
		return -ENOSPC;
	i = tpr_crc32c(0, buf, w.len);
	put(&w, "crc32c=");
	put_hex(&w, i, 8);
	put(&w, "\n");
	return w.overflow ? -ENOSPC : (long)w.len;
}

int tpr_peek_regs(const char *str, size_t len)
{
	struct tpr_string_error err = { 0 };
	struct reader r = { .p = str, .end = str ? str + len : str,
			    .err = &err };
	u64 num;

	if (get_field(&r, "vers", TPR_FORMAT_VERSION) != TPR_FORMAT_VERSION)
		return -EINVAL;
	get_field(&r, "seq", SEQ_MAX);
	/* The next lines hold names: skip them as a whole. */
	for (num = 0; num < 3; num++) {
		while (r.p < r.end && *r.p != '\n')
			r.p++;
		end_line(&r);
	}
	num = get_field(&r, "num_regs", TPR_REGS_MAX);
	return r.failed ? -EINVAL : (int)num;
}

static void check_crc(struct reader *r, const char *str)
{
	const char *body_end, *p = r->p;

	if (!str || r->end - r->p < CRC_LINE_LEN) {
		fail(r, "too short for a string");
		return;
	}
	body_end = r->end - CRC_LINE_LEN;
	r->p = body_end;
	if (!accept(r, "crc32c=") ||
	    get_hex(r, 8) != tpr_crc32c(0, str, (size_t)(body_end - str)) ||
	    !accept(r, "\n"))
		fail(r, "the CRC32C does not fit");
	r->p = p;
	r->end = body_end;
}

static void get_body(struct reader *r, struct tcmu_pr_info *info)
{
	u32 i;

	info->vers = (u32)get_field(r, "vers", 0xffffffff);
	if (info->vers != TPR_FORMAT_VERSION)
		fail(r, "unknown format version");
	info->seq = get_field(r, "seq", SEQ_MAX);
	get_scsi2(r, info);
	info->gen = (u32)get_field(r, "gen", 0xffffffff);
	get_rsv(r, &info->rsv);
	info->num_regs = (u32)get_field(r, "num_regs", TPR_REGS_MAX);
	if (info->num_regs > info->max_regs)
		fail(r, "more registrations than there is room for");
	info->aptpl = get_field(r, "aptpl", 1);
	begin(r, "device");
	get_word(r, '\n', info->device, sizeof(info->device), device_valid);
	end_line(r);
	info->num_changes =
		(u32)get_field(r, "num_changes", TPR_CHANGES_MAX);
	for (i = 0; !r->failed && i < info->num_changes; i++)
		get_change(r, &info->changes[i]);
	for (i = 0; !r->failed && i < info->num_regs; i++)
		get_reg(r, &info->regs[i]);
}

int tpr_decode(struct tcmu_pr_info *info, const char *str, size_t len,
	       struct tpr_string_error *err)
{
	struct tpr_string_error scratch;
	struct reader r = { .p = str, .end = str ? str + len : str };
	u32 max_regs = info->max_regs;
	bool room;

	r.err = err ? err : &scratch;
	r.err->line = 0;
	r.err->what = NULL;
	tpr_info_init(info, max_regs);
	check_crc(&r, str);
	if (!r.failed)
		get_body(&r, info);
	if (!r.failed && r.p != r.end) {
		r.err->line++;
		fail(&r, "text after the last registration");
	}
	room = info->num_regs <= max_regs;
	if (!r.failed && !storable(info)) {
		r.err->line = 0;
		fail(&r, "the fields contradict each other");
	}
	if (!r.failed)
		return 0;
	tpr_info_init(info, max_regs);
	return room ? -EINVAL : -ENOSPC;
}
