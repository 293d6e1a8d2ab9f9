// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

int string_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_socket, {0}};
	struct json_object *reply, *value;
	struct tcmu_pr_info *info;
	struct arguments args;
	int rc = EXIT_FAILED;

	arguments_parse(&args, options, "DEVICE",
			"Print the string of DEVICE as it stands in the store, "
			"be it good or not; exit status 1 if not.",
			argc, argv);
	reply = ask_device(args.socket, "string", args.operand);
	if (!reply)
		return EXIT_FAILED;
	if (json_object_object_get_ex(reply, "string", &value)) {
		fwrite(json_object_get_string(value), 1,
		       (size_t)json_object_get_string_len(value), stdout);
		rc = finish_output();
	}
	info = state_of(reply, args.operand);
	if (!info)
		rc = EXIT_FAILED;
	free(info);
	json_object_put(reply);
	return rc;
}
