// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis;
	const char *what;
} subcommands[] = {
	{"attach", attach_main, "BACKSTORE [--name=NAME]",
	 "let a TCMU backstore have persistent reservations"},
	{"detach", detach_main, "DEVICE", "undo it"},
	{"list", list_main, "[--json]", "list the devices, for scripts"},
	{"gateways", gateways_main, "[--json]",
	 "list the gateways, and who is alive"},
	{"show", show_main, "DEVICE [--json]",
	 "show a device's registrations and reservation"},
	{"string", string_main, "DEVICE",
	 "print the string as it stands in the store"},
	{"repair", repair_main, "DEVICE --empty|--last|--adopt|--file=FILE [--force]",
	 "replace a lost state"},
	{"forget", forget_main, "DEVICE GATEWAY --yes-it-is-off",
	 "remove a gateway that is off from the members"},
	{"decode", decode_main, "FILE [--json]",
	 "check and explain a string in a file, - for standard input"},
};

enum {
	COUNT = sizeof(subcommands) / sizeof(*subcommands),
};

const char *argp_program_version = "tcmu-pr " TCMU_PR_VERSION;

static void usage(FILE *to)
{
	int i;

	fputs("Usage: tcmu-pr SUBCOMMAND [ARGUMENT...]\n"
	      "Look at and manage the persistent reservations of TCMU "
	      "devices.\n\n",
	      to);
	for (i = 0; i < COUNT; i++)
		fprintf(to, "  %s %s\n        %s\n", subcommands[i].name,
			subcommands[i].synopsis, subcommands[i].what);
	fputs("\n"
	      "  -?, --help                 Give this help list; also after a "
	      "subcommand\n"
	      "  -V, --version              Print program version\n\n"
	      "Exit status: 0, 1 on failure, 2 if the command line is wrong.\n",
	      to);
}

static int run(int i, int argc, char **argv)
{
	char name[64];

	/* What the subcommand calls itself in its messages. */
	snprintf(name, sizeof(name), "tcmu-pr %s", subcommands[i].name);
	argv[1] = name;
	return subcommands[i].run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int i;

	argp_err_exit_status = EXIT_USAGE;
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?")) {
		usage(stdout);
		return finish_output();
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts(argp_program_version);
		return finish_output();
	}
	for (i = 0; i < COUNT; i++)
		if (!strcmp(argv[1], subcommands[i].name))
			return run(i, argc, argv);
	fprintf(stderr,
		"tcmu-pr: there is no subcommand %s; see "
		"\"tcmu-pr --help\"\n",
		argv[1]);
	return EXIT_USAGE;
}
