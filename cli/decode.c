// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

static void print(const struct tcmu_pr_info *info, int json)
{
	struct json_object *obj;

	if (!json) {
		state_print(info);
		return;
	}
	obj = json_object_new_object();
	state_json(info, obj);
	json_print(obj);
	json_object_put(obj);
}

int decode_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_json, {0}};
	struct tpr_string_error err;
	struct tcmu_pr_info *info;
	struct arguments args;
	size_t len;
	char *str;

	arguments_parse(&args, options, "FILE",
			"Check the string in FILE (- for standard input) as "
			"strictly as the daemon does, and print what it "
			"says.\vIt needs no daemon.",
			argc, argv);
	str = file_read(args.operand, &len);
	if (!str)
		return EXIT_FAILED;
	info = state_decode(str, len, &err);
	free(str);
	if (!info) {
		fprintf(stderr, "%s:%u: %s\n", args.operand, err.line,
			err.what);
		return EXIT_FAILED;
	}
	print(info, args.json);
	free(info);
	return finish_output();
}
