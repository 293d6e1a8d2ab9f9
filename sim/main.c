// SPDX-License-Identifier: GPL-2.0-only
/* The command line: one history, many of them, or the smallest that fails. */
#include "sim.h"
#include "run.h"

#include <argp.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	OPT_MIX = 256,
	OPT_BUG,
	OPT_LIST,
	OPT_SHRINK,
	OPT_GO_ON,
	OPT_QUIET,
};

static const struct argp_option options[] = {
	{"seed", 's', "N", 0, "Replay the history of seed N and print it", 0},
	{"count", 'n', "N", 0, "Run N histories", 0},
	{"first", 'f', "S", 0, "The seed of the first one (1)", 0},
	{"jobs", 'j', "N", 0, "Run in N processes (1)", 0},
	{"mix", OPT_MIX, "NAME", 0, "What happens: a name of --list (all)", 0},
	{"bug", OPT_BUG, "NAME", 0, "Break the code first, on purpose", 0},
	{"list", OPT_LIST, NULL, 0, "List the mixes", 0},
	{"list-bugs", OPT_LIST + 100, NULL, 0, "List the deliberate bugs", 0},
	{"shrink", OPT_SHRINK, NULL, 0,
	 "With --seed: leave out all that is not needed to fail, then print", 0},
	{"go-on", OPT_GO_ON, NULL, 0, "Do not stop at the first that fails", 0},
	{"quiet", 'q', NULL, 0, "Print the verdict only", 0},
	{0},
};

struct args {
	struct run run;
	bool one, shrink, quiet;
	const char *bug;
};

static u64 number(const char *arg, struct argp_state *state)
{
	char *end;
	u64 n = strtoull(arg, &end, 0);

	if (!*arg || *end)
		argp_error(state, "not a number: %s", arg);
	return n;
}

static void list_mixes(void)
{
	const struct mix *m;

	for (m = mixes; m->name; m++)
		printf("%-10s %s\n", m->name, m->what);
	exit(0);
}

static void list_bugs(void)
{
	int i;

	for (i = 1; i < BUG_COUNT; i++)
		printf("%-24s %s\n", bug_names[i].name, bug_names[i].what);
	exit(0);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *a = state->input;

	switch (key) {
	case 's':
		a->one = true;
		a->run.first = number(arg, state);
		return 0;
	case 'n':
		a->run.count = number(arg, state);
		return 0;
	case 'f':
		a->run.first = number(arg, state);
		return 0;
	case 'j':
		a->run.jobs = (int)number(arg, state);
		if (a->run.jobs < 1 || a->run.jobs > JOBS_MAX)
			argp_error(state, "jobs: 1 to %d", JOBS_MAX);
		return 0;
	case OPT_MIX:
		a->run.mix = mix_find(arg);
		if (!a->run.mix)
			argp_error(state, "no mix has the name %s", arg);
		return 0;
	case OPT_BUG:
		a->bug = arg;
		return 0;
	case OPT_LIST:
		list_mixes();
		return 0;
	case OPT_LIST + 100:
		list_bugs();
		return 0;
	case OPT_SHRINK:
		a->shrink = true;
		return 0;
	case OPT_GO_ON:
		a->run.go_on = true;
		return 0;
	case 'q':
		a->quiet = true;
		return 0;
	case ARGP_KEY_END:
		if (!a->one && !a->run.count)
			argp_error(state, "give --seed or --count");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Simulates gateways and judges what they answered.\v"
	       "Exit status: 0 all histories passed, 1 one was unsafe (or ended the program), 2 one did not become live again, 3 one could not be judged, 64 usage.",
};

/* The code that has the bugs in it is another program, beside this one. */
static void choose_bug(const char *name, char **argv)
{
	int i;

	for (i = 1; i < BUG_COUNT; i++)
		if (!strcmp(bug_names[i].name, name))
			break;
	if (i == BUG_COUNT) {
		fprintf(stderr, "no bug has the name %s\n", name);
		exit(64);
	}
#ifdef TPR_BUGS
	(void)argv;
	sim_bug = i;
#else
	char self[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	snprintf(path, sizeof(path), "%s/sim-bugs", dirname(self));
	execv(path, argv);
	perror(path);
	exit(64);
#endif
}

int main(int argc, char **argv)
{
	struct args a = {.run = {.first = 1, .jobs = 1, .mix = mixes}};
	enum verdict v;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	if (a.bug)
		choose_bug(a.bug, argv);
	if (a.shrink)
		v = run_shrink(&a.run);
	else if (a.one)
		v = run_one(&a.run, a.quiet ? NULL : stdout);
	else
		v = run_many(&a.run);
	fflush(stdout);
	return v == SIM_PASS ? 0 : v == SIM_UNSAFE ? 1 : v == SIM_STUCK ? 2 : 3;
}
