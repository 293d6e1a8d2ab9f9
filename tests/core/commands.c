// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes doc/commands.md from the opcode table: what each command gets is
 * asked of the core, with a state of each kind.
 *
 *	commands >doc/commands.md
 *	commands FILE		exit code 1 unless FILE is what it would write
 */
#include "build.h"

enum {
	VIEWS = 5,
	PAGE_MAX = 64 * 1024,
};

/* C is not registered, B is, A holds the reservation. */
static const struct {
	const char *text;
	char who;
	bool spc2;
} views[VIEWS] = {
	{"A1 B2 /1A", 'C', false}, {"A1 B2 /3A", 'C', false},
	{"A1 B2 /1A", 'B', false}, {"A1 B2 /5A", 'B', false},
	{"A1 B2", 'B', true},
};

static const char intro[] =
	"# Commands\n"
	"\n"
	"How a reservation of another I_T nexus treats each command: `yes` is\n"
	"executed, `no` ends with RESERVATION CONFLICT. Written by\n"
	"`tests/core/commands.c` from `core/tpr_opcodes.def`; a test sees to it\n"
	"that the two agree. After a change of the table:\n"
	"`build/tests/core/commands >doc/commands.md`.\n"
	"\n"
	"* **WE**, **EA**: Write Exclusive and Exclusive Access, whichever of\n"
	"  the three types each, to a nexus that is not registered\n"
	"* **WE reg**: plain Write Exclusive to a registered nexus that does not\n"
	"  hold it. Under plain Exclusive Access a registered nexus gets what\n"
	"  **EA** says.\n"
	"* **RO, AR**: Registrants Only and All Registrants to a registered nexus\n"
	"* **SPC-2**: a reservation made with RESERVE(6) or RESERVE(10)\n"
	"\n"
	"`own`: the command's own rules decide. PERSISTENT RESERVE IN conflicts\n"
	"with no persistent reservation; REGISTER and REGISTER AND IGNORE EXISTING\n"
	"KEY are open to all, the other service actions of PERSISTENT RESERVE OUT\n"
	"to registered nexuses, REGISTER AND MOVE only to the holder, and RESERVE\n"
	"conflicts unless the holder repeats it. RESERVE and RELEASE follow SPC-2,\n"
	"with the exceptions of SPC-4 5.13.3.\n"
	"\n"
	"A code is the opcode and, behind the slash, the service action: byte 1,\n"
	"bits 4 to 0; bytes 8 and 9 for 7Fh. No other bit of the command counts,\n"
	"except in START STOP UNIT (POWER CONDITION, START) and PREVENT ALLOW MEDIUM\n"
	"REMOVAL (PREVENT).\n"
	"\n"
	"| code | command | WE | EA | WE reg | RO, AR | SPC-2 | standard |\n"
	"|---|---|---|---|---|---|---|---|\n";

static char page[PAGE_MAX];
static size_t used;

#define ADD(...) (used += (size_t)snprintf(page + used, sizeof(page) - used, \
					   __VA_ARGS__))

static u8 allowed(size_t view)
{
	struct tcmu_pr_info *info = state(views[view].text);
	struct tpr_nexus who = nexus(views[view].who);
	u8 mask;

	if (views[view].spc2) {
		info->scsi2_held = true;
		info->scsi2_holder = nexus('A');
	}
	mask = tpr_allowed(info, &who);
	free(info);
	return mask;
}

static void add_row(const char *code, const char *name, u8 class,
		    const char *clause)
{
	const u8 own = TPR_CLASS_PR_IN | TPR_CLASS_PR_OUT | TPR_CLASS_SPC2;
	size_t i;

	ADD("| %s | %s |", code, name);
	for (i = 0; i < VIEWS; i++)
		ADD(" %s |", class & own	   ? "own"
			     : class & allowed(i) ? "yes"
						  : "no");
	ADD(" %s |\n", clause);
}

static void add_opcode(const struct tpr_opcode *row)
{
	char code[32];

	if (row->where == TPR_BY_BYTE_1 && !row->rest)
		snprintf(code, sizeof(code), "%02Xh/%02Xh", row->opcode,
			 row->value);
	else if (row->where == TPR_BY_BYTE_8 && !row->rest)
		snprintf(code, sizeof(code), "%02Xh/%04Xh", row->opcode,
			 row->value);
	else
		snprintf(code, sizeof(code), "%02Xh", row->opcode);
	add_row(code, row->name, row->class, row->clause);
}

static int compare(const char *name)
{
	static char text[PAGE_MAX];
	FILE *f = fopen(name, "r");
	size_t len, i, line = 1;

	if (!f) {
		perror(name);
		return 1;
	}
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (len == used && !memcmp(text, page, len))
		return 0;
	for (i = 0; i < len && i < used && text[i] == page[i]; i++)
		line += text[i] == '\n';
	fprintf(stderr, "%s:%zu: not what the opcode table says\n", name, line);
	return 1;
}

int main(int argc, char **argv)
{
	static const u8 unknown[] = {0xc0}; /* a vendor's */
	const struct tpr_opcode *row;
	u32 count, i;

	row = tpr_opcodes(&count);
	ADD("%s", intro);
	for (i = 0; i < count; i++)
		add_opcode(&row[i]);
	add_row("others", "every opcode that is not above",
		tpr_classify(unknown, sizeof(unknown)), "");
	if (used >= sizeof(page))
		return 1;
	if (argc > 1)
		return compare(argv[1]);
	fputs(page, stdout);
	return 0;
}
