// SPDX-License-Identifier: GPL-2.0-only
/*
 * The conflict table: each command, under each type, from an unregistered
 * nexus of either gateway, a registrant, and the holder.
 *
 * The rules behind all columns of the standard's table: a command is free for
 * all, or reads, or writes.  What reads conflicts under Exclusive Access, what
 * writes under both.  Registrants are exempt under the registrants-only and
 * all-registrants types, the holder always.  A command that the backstore does
 * not know may fail, as long as it is for that reason and not for a conflict.
 */
#include "conf.h"
#include "why.h"

#include <stdio.h>
#include <string.h>

enum class { FREE, READS, WRITES };

enum {
	MUST_WORK = 1,		/* GOOD for who may: the backstore has it */
	ONLY_REFUSED = 2,	/* never send it where it is allowed */
	NAME_ROOM = 64,
};

struct command {
	const char *name;
	enum class class;
	uint8_t cdb_length;
	enum direction direction;
	int bytes;
	unsigned int flags;
	uint8_t cdb[16];
	const char *why;
	const char *defect;
};

#define SPC "SPC-4 5.13.1 table 65"
#define SBC "SBC-4 4.17 table 13"
#define LBA16 0, 0, 0, 0, TEST_LBA

static const struct command spc[] = {
#include "commands_spc.inc"
};

static const struct command sbc[] = {
#include "commands_sbc.inc"
};

static const struct type {
	uint8_t type;
	const char *name;
} types[] = {
	{ WE, "we" }, { EA, "ea" }, { WERO, "wero" }, { EARO, "earo" }, { WEAR, "wear" },
	{ EAAR, "eaar" },
};

enum {
	SPC_COMMANDS = sizeof(spc) / sizeof(spc[0]),
	COMMANDS = SPC_COMMANDS + sizeof(sbc) / sizeof(sbc[0]),
	TYPES = sizeof(types) / sizeof(types[0]),
	STEPS_MAX = 5,
};

static struct row {
	struct test test;
	struct step steps[STEPS_MAX];
	char name[NAME_ROOM];
} rows[TYPES][COMMANDS];

static bool may(const struct command *c, uint8_t type, enum nexus_id n)
{
	bool exclusive = type == EA || type == EARO || type == EAAR;
	bool registrants = type >= WERO;

	if (n == A || (n == B && registrants))
		return true;
	return c->class == FREE || (c->class == READS && !exclusive);
}

static struct step step_of(const struct command *c, enum nexus_id n, bool allowed)
{
	struct step s = {
		.kind = COMMAND, .n = (uint8_t)n, .cdb_length = c->cdb_length,
		.direction = c->direction, .bytes = c->bytes,
	};

	memcpy(s.cdb, c->cdb, sizeof(s.cdb));
	if (!allowed)
		s.want.status = ST_CONFLICT;
	else
		s.want.not_conflict = !(c->flags & MUST_WORK);
	return s;
}

static void make_row(struct row *row, const struct type *type, const struct command *c, bool is_spc)
{
	static const enum nexus_id roles[] = { D, C, B, A };
	size_t i, n = 0;

	snprintf(row->name, sizeof(row->name), "conflict.%s.%s", c->name, type->name);
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		bool allowed = may(c, type->type, roles[i]);

		if (!allowed || !(c->flags & ONLY_REFUSED))
			row->steps[n++] = step_of(c, roles[i], allowed);
	}
	row->test = (struct test){
		.name = row->name, .clause = is_spc ? SPC : SBC, .defect = c->defect, .why = c->why,
		.start = { HOLDER(A, KA), R(B, KB) }, .type = type->type, .steps = row->steps,
	};
}

size_t conflict_count(void)
{
	return (size_t)TYPES * COMMANDS;
}

/* All of one type follow each other: then they share their start. */
const struct test *conflict_case(size_t index)
{
	size_t t = index / COMMANDS, c = index % COMMANDS;
	struct row *row = &rows[t][c];
	bool is_spc = c < SPC_COMMANDS;

	if (!row->test.name)
		make_row(row, &types[t], is_spc ? &spc[c] : &sbc[c - SPC_COMMANDS], is_spc);
	return &row->test;
}
