/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The conformance suite's own terms.  It is a second opinion on persistent
 * reservations: nothing in it comes from core/.
 *
 * A case is a row of data: a starting state and a list of steps, each a
 * command from one I_T nexus and exactly what it must answer.  What every
 * case gets for nothing: PRGENERATION is counted along and compared in each
 * PERSISTENT RESERVE IN, and any command that expects GOOD, like the TEST
 * UNIT READY that ends the case on every nexus, fails on a unit attention that
 * no step has named.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BLOCK = 512,
	LIST_MAX = 16384,	/* bytes of a parameter list */
	DATA_MAX = 65535,	/* bytes of a PERSISTENT RESERVE IN answer */
	REGS_MAX = 8,		/* registrations that a step or a start names */
	TIDS_MAX = 40,		/* TransportIDs of one parameter list */
	NAME_MAX_BYTES = 223,	/* of an iSCSI name */
};

/*
 * The nexuses.  The gateways take turns when there are two, so that "across"
 * puts each nexus on the other gateway than the one before.  E is A's
 * initiator with another ISID, F is A's very initiator port through the other
 * gateway, G has the longest name, Z only looks and tidies up.
 */
enum nexus_id { A, B, C, D, E, F, G, H, Z, NEXUSES };

enum {
	WE = 1, EA = 3, WERO = 5, EARO = 6, WEAR = 7, EAAR = 8,
};

/* Keys that show a wrong byte order. */
#define KA UINT64_C(0xa1a2a3a4a5a6a7a8)
#define KB UINT64_C(0xb1b2b3b4b5b6b7b8)
#define KC UINT64_C(0xc1c2c3c4c5c6c7c8)
#define KD UINT64_C(0xd1d2d3d4d5d6d7d8)
#define KE UINT64_C(0xe1e2e3e4e5e6e7e8)
#define KN UINT64_C(0x0102030405060708)
#define KX UINT64_C(0xffffffffffffffff)

enum sa_out {
	SA_REGISTER, SA_RESERVE, SA_RELEASE, SA_CLEAR, SA_PREEMPT, SA_PREEMPT_ABORT,
	SA_REGISTER_IGNORE, SA_REGISTER_MOVE, SA_REPLACE_LOST,
};

enum sa_in { SA_KEYS, SA_RESERVATION, SA_CAPABILITIES, SA_FULL };

enum kind {
	END,
	PR_OUT,
	PR_IN,
	COMMAND,	/* any CDB */
	UNIT_ATTENTION,	/* TEST UNIT READY that must report it */
	LOGIN,
	LOGOUT,
	DROP,		/* the TCP connection, without a logout */
	LUN_RESET,
	TARGET_RESET,
	DRAIN,		/* take all unit attentions, whatever they are; NEXUSES: on all */
	ENDS_WITHIN,	/* a command goes from CONFLICT to GOOD in time */
	MANY_KEYS,	/* READ KEYS must list what a step before registered */
};

enum direction { NONE, IN, OUT };

enum { ST_GOOD = 0x00, ST_CHECK = 0x02, ST_BUSY = 0x08, ST_CONFLICT = 0x18 };

/* A status; not_conflict instead: whatever it is, but no conflict. */
struct want {
	uint8_t status;
	uint8_t key;
	uint16_t asc;
	uint16_t or_asc;	/* where the standard leaves the choice */
	bool not_conflict;
};

/* An iSCSI TransportID, or one that is wrong in a way. */
struct tid {
	uint8_t nexus;		/* whose initiator port */
	uint8_t qualifier;	/* not 0: with this ISID instead */
	uint8_t format0;	/* the name alone: any ISID */
	uint8_t fault;		/* enum tid_fault */
};

enum tid_fault {
	TID_FINE,
	TID_PROTOCOL,		/* a protocol that this target port has not */
	TID_FORMAT,		/* format 11b */
	TID_LENGTH,		/* additional length beyond the list */
	TID_ODD,		/* additional length no multiple of 4 */
	TID_NO_NUL,		/* the name is not terminated */
	TID_NO_SEPARATOR,	/* format 01b without ",i,0x" */
};

/* A registration; key 0 ends a list. */
struct reg {
	uint8_t n;
	uint64_t key;
	bool holder;
	bool all_tg_pt;
	uint8_t via;	/* 1 + the nexus whose target port it is; 0: its own */
};

/* TransportIDs of a parameter list; count 0 with SPEC_I_PT: none follows. */
struct tids {
	uint8_t count;
	bool sequence;	/* tid[0]'s initiator with qualifiers 100, 101, ... */
	struct tid tid[2];
};

struct step {
	enum kind kind;
	uint8_t n;
	uint8_t sa;
	uint8_t type;
	uint8_t scope;
	uint64_t rk, sark;
	bool aptpl, all_tg_pt, spec_i_pt, unreg;
	struct tids tids;
	uint8_t rtpi_of;	/* REGISTER AND MOVE to this nexus's port */
	uint16_t rtpi;		/* or to this one */
	int length;		/* PARAMETER LIST LENGTH, ALLOCATION LENGTH + 1; 0: the right one */
	int sent;		/* bytes that really come + 1; 0: all */
	int tid_length;		/* TRANSPORTID PARAMETER DATA LENGTH + 1 */
	uint8_t cdb[16];	/* COMMAND; XOR mask of the CDB for the others */
	uint8_t cdb_length;
	enum direction direction;
	int bytes;
	uint8_t fill;		/* data out; data in: what each byte must be */
	bool check_fill;
	struct want want;
	struct reg regs[REGS_MAX];	/* READ KEYS, READ FULL STATUS */
	uint64_t key;			/* READ RESERVATION */
	bool aptpl_active;	/* REPORT CAPABILITIES: PTPL_A */
	bool same_gen;		/* a PR OUT that does not count */
};

enum need {
	NEED_TWO_PORTS = 1,	/* two target ports: not on one gateway */
};

struct test {
	const char *name;	/* group.what */
	const char *clause;
	const char *defect;	/* L1, S3 ... of other implementations, or "" */
	const char *why;	/* of stock LIO's answer, where it differs */
	unsigned int needs;
	struct reg start[REGS_MAX];	/* registrations; holder marks it */
	uint8_t type;			/* of the reservation; 0: none */
	const struct step *steps;
};

struct group {
	const struct test *tests;
	size_t count;
};

/* The cases, a file each; main.c lists them too. */
extern const struct group group_register, group_reserve, group_preempt, group_in,
	group_lists, group_move, group_spec, group_alltg, group_spc2, group_ua,
	group_nexus, group_windows;

/* conflict.c: the cases of the conflict table, made from two lists. */
size_t conflict_count(void);
const struct test *conflict_case(size_t index);

/* The steps, one word each; what follows are assignments to struct step. */
#define STEPS(...) (const struct step[]){ __VA_ARGS__, { .kind = END } }
#define P_OUT(nx, action, ...) { .kind = PR_OUT, .n = nx, .sa = action, __VA_ARGS__ }
#define REGISTER(nx, k, new, ...) P_OUT(nx, SA_REGISTER, .rk = k, .sark = new, __VA_ARGS__)
#define IGNORE(nx, new, ...) P_OUT(nx, SA_REGISTER_IGNORE, .sark = new, __VA_ARGS__)
#define RESERVE(nx, k, ty, ...) P_OUT(nx, SA_RESERVE, .rk = k, .type = ty, __VA_ARGS__)
#define RELEASE(nx, k, ty, ...) P_OUT(nx, SA_RELEASE, .rk = k, .type = ty, __VA_ARGS__)
#define CLEAR(nx, k, ...) P_OUT(nx, SA_CLEAR, .rk = k, __VA_ARGS__)
#define PREEMPT(nx, k, victim, ty, ...) \
	P_OUT(nx, SA_PREEMPT, .rk = k, .sark = victim, .type = ty, __VA_ARGS__)
#define PREEMPT_ABORT(nx, k, victim, ty, ...) \
	P_OUT(nx, SA_PREEMPT_ABORT, .rk = k, .sark = victim, .type = ty, __VA_ARGS__)
/* To the initiator port of nexus `to`, through `to`'s target port. */
#define MOVE(nx, k, new, to, ...) \
	P_OUT(nx, SA_REGISTER_MOVE, .rk = k, .sark = new, .rtpi_of = to, \
	      .tids = { .count = 1, .tid = { { .nexus = to } } }, __VA_ARGS__)

#define P_IN(nx, action, ...) { .kind = PR_IN, .n = nx, .sa = action, __VA_ARGS__ }
#define KEYS(nx, ...) P_IN(nx, SA_KEYS, .regs = { __VA_ARGS__ })
#define NO_KEYS(nx) P_IN(nx, SA_KEYS, .key = 0)
#define RESERVATION(nx, ty, k, ...) P_IN(nx, SA_RESERVATION, .type = ty, .key = k, __VA_ARGS__)
#define NO_RESERVATION(nx) P_IN(nx, SA_RESERVATION, .type = 0)
#define FULL(nx, ty, ...) P_IN(nx, SA_FULL, .type = ty, .regs = { __VA_ARGS__ })
#define CAPABILITIES(nx, ...) P_IN(nx, SA_CAPABILITIES, __VA_ARGS__)

#define UA(nx, code) { .kind = UNIT_ATTENTION, .n = nx, .want = { ST_CHECK, 6, code } }
#define DO(what, nx) { .kind = what, .n = nx }
#define CDB(nx, size, dir, length_, ...) \
	{ .kind = COMMAND, .n = nx, .cdb_length = size, .direction = dir, \
	  .bytes = length_, .cdb = __VA_ARGS__ }
#define B_(...) { __VA_ARGS__ }
#define TUR(nx, ...) \
	{ .kind = COMMAND, .n = nx, .cdb_length = 6, .direction = NONE, __VA_ARGS__ }
/* One block near the end of the disk. */
#define TEST_LBA 0x00, 0x01, 0xff, 0xf0
#define READ(nx, ...) \
	{ .kind = COMMAND, .n = nx, .cdb_length = 10, .direction = IN, .bytes = BLOCK, \
	  .cdb = { 0x28, 0, TEST_LBA, 0, 0, 1, 0 }, __VA_ARGS__ }
#define WRITE(nx, byte, ...) \
	{ .kind = COMMAND, .n = nx, .cdb_length = 10, .direction = OUT, .bytes = BLOCK, \
	  .cdb = { 0x2a, 0, TEST_LBA, 0, 0, 1, 0 }, .fill = byte, __VA_ARGS__ }
/* One block that must be full of this byte. */
#define READ_IS(nx, byte) READ(nx, .fill = byte, .check_fill = true)
#define SPC2(nx, code, ...) \
	{ .kind = COMMAND, .n = nx, .direction = NONE, .cdb = { code }, \
	  .cdb_length = (code) >= 0x56 ? 10 : 6, __VA_ARGS__ }
#define RESERVE6(nx, ...) SPC2(nx, 0x16, __VA_ARGS__)
#define RELEASE6(nx, ...) SPC2(nx, 0x17, __VA_ARGS__)
#define RESERVE10(nx, ...) SPC2(nx, 0x56, __VA_ARGS__)
#define RELEASE10(nx, ...) SPC2(nx, 0x57, __VA_ARGS__)

#define CONFLICT .want = { ST_CONFLICT }
#define NOT_CONFLICT .want = { .not_conflict = true }
#define SENSE(k, code) .want = { ST_CHECK, k, code }
#define INVALID_CDB SENSE(5, 0x2400)
#define INVALID_LIST SENSE(5, 0x2600)
#define INVALID_RELEASE SENSE(5, 0x2604)
#define LIST_LENGTH SENSE(5, 0x1a00)
#define INVALID_OPCODE SENSE(5, 0x2000)
#define LEN(x) .length = (x) + 1
#define SENT(x) .sent = (x) + 1

/* Unit attentions. */
enum {
	RSV_PREEMPTED = 0x2a03, RSV_RELEASED = 0x2a04, REG_PREEMPTED = 0x2a05,
	DEVICE_RESET = 0x2903,
};

/* One case for each type. */
#define SIX(X) \
	X(WE, "we") X(EA, "ea") X(WERO, "wero") X(EARO, "earo") X(WEAR, "wear") X(EAAR, "eaar")
#define PLAIN(X) X(WE, "we") X(EA, "ea")
#define REGISTRANTS_ONLY(X) X(WERO, "wero") X(EARO, "earo")
#define ALL_REGISTRANTS(X) X(WEAR, "wear") X(EAAR, "eaar")
#define GROUP(which) \
	const struct group group_##which = { tests, sizeof(tests) / sizeof(tests[0]) }

/* A start: who is registered, and who of them holds. */
#define START(...) .start = { __VA_ARGS__ }
#define R(nx, k) { .n = nx, .key = k }
#define HOLDER(nx, k) { .n = nx, .key = k, .holder = true }

#endif
