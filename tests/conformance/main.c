// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance of persistent reservations, as an initiator sees it.
 *
 *	conformance [OPTION]... URL [URL]
 *
 * One URL: all nexuses through one gateway (target port); two: in turn.
 */
#include "conf.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	CASE_SECONDS = 200,
	SLOW_SECONDS = 5,
	CASES_MAX = 4096,
};

static const struct group *const groups[] = {
	&group_register, &group_reserve, &group_preempt, &group_in, &group_lists, &group_ua,
	&group_nexus, &group_windows, &group_spec, &group_alltg, &group_move, &group_spc2,
};

static struct {
	const char *pattern;
	const char *json;
	int turns;
	bool list;
	unsigned int rtpi[URLS_MAX];
} options = { .turns = -1, .rtpi = { 1, 2 } };

enum verdict { NOT_RUN, PASS, FAIL, SKIP };
static const char *const verdicts[] = { "not run", "pass", "FAIL", "skip" };
static enum verdict results[CASES_MAX];
static const struct test *tests[CASES_MAX];
static size_t ntests;

static void collect(void)
{
	size_t g, i;

	for (g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (i = 0; i < groups[g]->count; i++)
			tests[ntests++] = &groups[g]->tests[i];
	for (i = 0; i < conflict_count(); i++)
		tests[ntests++] = conflict_case(i);
}

static void json_text(FILE *f, const char *name, const char *text, const char *end)
{
	fprintf(f, "\"%s\": \"", name);
	for (; text && *text; text++)
		fprintf(f, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fprintf(f, "\"%s", end);
}

static void json_case(FILE *f, size_t i, const char *end)
{
	fprintf(f, "  {");
	json_text(f, "name", tests[i]->name, ", ");
	json_text(f, "clause", tests[i]->clause, ", ");
	json_text(f, "defect", tests[i]->defect, ", ");
	json_text(f, "why", tests[i]->why, ", ");
	json_text(f, "result", verdicts[results[i]], "");
	fprintf(f, "}%s\n", end);
}

static void write_json(void)
{
	FILE *f = options.json ? fopen(options.json, "w") : NULL;
	size_t i;

	if (options.json && !f)
		perror(options.json);
	if (!f)
		return;
	fprintf(f, "{\"asserts\": %u, \"failed_asserts\": %u, \"cases\": [\n", run.all_asserts,
		run.all_failed);
	for (i = 0; i < ntests; i++)
		json_case(f, i, i + 1 < ntests ? "," : "");
	fprintf(f, "]}\n");
	fclose(f);
}

/* No hang is possible: one command is bounded, and so is a case. */
static void watchdog(int signal_number)
{
	static const char text[] = "\nconformance: a case does not end\n";

	(void)signal_number;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static bool possible(const struct test *t)
{
	const struct step *s;
	const struct reg *r;

	if (t->needs & NEED_TWO_PORTS && !two_ports())
		return false;
	for (r = t->start; r < t->start + REGS_MAX && r->key; r++)
		if (!nexus_possible(r->n))
			return false;
	for (s = t->steps; s->kind != END; s++)
		if (!nexus_possible(s->n))
			return false;
	return true;
}

/*
 * Of several runs that go on at the same time, one that measures time goes on
 * alone: it has the room for itself.  One enters at a time, so that those who
 * share the room cannot keep it waiting for ever.
 */
enum turn { DOOR, ROOM };

static void turn(enum turn which, short how)
{
	struct flock lock = {
		.l_type = how, .l_whence = SEEK_SET, .l_start = which, .l_len = 1,
	};

	while (options.turns >= 0 && fcntl(options.turns, F_SETLKW, &lock))
		if (errno != EINTR) {
			perror("conformance: --turns");
			exit(2);
		}
}

static bool measures_time(const struct test *t)
{
	const struct step *s;

	for (s = t->steps; s->kind != END; s++)
		if (s->kind == ENDS_WITHIN)
			return true;
	return false;
}

static void turn_begin(const struct test *t)
{
	turn(DOOR, F_WRLCK);
	turn(ROOM, measures_time(t) ? F_WRLCK : F_RDLCK);
	turn(DOOR, F_UNLCK);
}

static enum verdict run_case(const struct test *t)
{
	if (!possible(t))
		return SKIP;
	turn_begin(t);
	nexus_keep_alive();
	run.test = t;
	run.step = 0;
	run.asserts = run.failed = 0;
	alarm(CASE_SECONDS);
	if (check(state_start(t), NULL, "the state to start from could not be reached")) {
		run_steps(t->steps);
		state_leave_spc2();
		check_nothing_pending();
	}
	if (run.changed || run.failed)
		state_forget();
	alarm(0);
	turn(ROOM, F_UNLCK);
	run.all_asserts += run.asserts;
	run.all_failed += run.failed;
	return run.failed ? FAIL : PASS;
}

static bool chosen(const struct test *t)
{
	return !options.pattern || !fnmatch(options.pattern, t->name, 0);
}

/* The case that starts from what is there with the least work, or the first. */
static size_t next_case(void)
{
	size_t best = ntests, best_cost = 0, i;

	if (run.changed)
		state_look();
	for (i = 0; i < ntests; i++) {
		size_t cost;

		if (results[i] != NOT_RUN || !chosen(tests[i]))
			continue;
		cost = state_cost(tests[i]);
		if (best == ntests || cost < best_cost) {
			best = i;
			best_cost = cost;
		}
	}
	return best;
}

static int run_all(void)
{
	static const struct step no_steps[] = { { .kind = END } };
	static const struct test nothing = { .name = "end", .steps = no_steps };
	unsigned int count[4] = { 0 };
	time_t start = time(NULL), before;
	size_t i;

	run.changed = true;
	while ((i = next_case()) < ntests) {
		before = time(NULL);
		results[i] = run_case(tests[i]);
		count[results[i]]++;
		printf("%s %s", verdicts[results[i]], tests[i]->name);
		if (time(NULL) - before >= SLOW_SECONDS)
			printf(" (%ld s)", (long)(time(NULL) - before));
		printf("\n");
		fflush(stdout);
	}
	/* Nobody is registered afterwards. */
	state_forget();
	state_start(&nothing);
	nexus_close_all();
	write_json();
	printf("%u cases passed, %u failed, %u skipped; %u asserts, %u failed; "
	       "%u commands, %u PERSISTENT RESERVE OUT (%u done, %u between cases), %u logins, %ld s\n",
	       count[PASS], count[FAIL], count[SKIP], run.all_asserts, run.all_failed, commands,
	       pr_outs, pr_outs_done, pr_outs_start, logins, (long)(time(NULL) - start));
	return count[FAIL] || !count[PASS] ? 1 : 0;
}

static void print_list(void)
{
	size_t i;

	for (i = 0; i < ntests; i++)
		if (chosen(tests[i]))
			printf("%s\t%s\t%s\n", tests[i]->name, tests[i]->clause, tests[i]->defect);
}

static void __attribute__((noreturn)) usage(int rc)
{
	fprintf(rc ? stderr : stdout,
		"usage: conformance [OPTION]... URL [URL]\n"
		"\n"
		"Asserts what persistent reservations must answer, on one gateway or two.\n"
		"It changes blocks near the end of the first 64 MiB, and all registrations.\n"
		"\n"
		"  --case PATTERN  only cases whose names match, such as 'preempt.*'\n"
		"  --json FILE     write the result of each case\n"
		"  --list          list the cases: name, clause, defect of others\n"
		"  --rtpi N[,N]    relative target port identifiers of the URLs (1,2)\n"
		"  --turns FILE    pause while another run with FILE measures time\n"
		"  --verbose       show each step\n"
		"\n"
		"Exit codes: 0 all passed, 1 not all, 2 bad arguments, 3 a case did not end.\n");
	exit(rc);
}

static int turns_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "case", required_argument, NULL, 'c' }, { "json", required_argument, NULL, 'j' },
		{ "list", no_argument, NULL, 'l' }, { "rtpi", required_argument, NULL, 'r' },
		{ "turns", required_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (c == 'c')
			options.pattern = optarg;
		else if (c == 'j')
			options.json = optarg;
		else if (c == 'l')
			options.list = true;
		else if (c == 'v')
			verbose = true;
		else if (c == 't')
			options.turns = turns_open(optarg);
		else if (c != 'r' || sscanf(optarg, "%u,%u", &options.rtpi[0], &options.rtpi[1]) < 1)
			usage(c == 'h' ? 0 : 2);
	}
}

int main(int argc, char **argv)
{
	int n;

	parse(argc, argv);
	collect();
	if (options.list) {
		print_list();
		write_json();
		return 0;
	}
	n = argc - optind;
	if (n < 1 || n > URLS_MAX)
		usage(2);
	signal(SIGALRM, watchdog);
	signal(SIGPIPE, SIG_IGN);
	nexus_targets((const char *const *)argv + optind, options.rtpi, (size_t)n);
	return run_all();
}
