// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

int string_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_socket, {0}};
	struct json_object *request, *reply, *value;
	struct arguments args;
	int rc = EXIT_FAILED;

	arguments_parse(&args, options, "DEVICE",
			"Print the string of DEVICE as it stands in the store, "
			"be it good or not.",
			argc, argv);
	request = request_new("string");
	json_object_object_add(request, "device",
			       json_object_new_string(args.operand));
	reply = ask(args.socket, request);
	if (!reply)
		return EXIT_FAILED;
	if (json_object_object_get_ex(reply, "string", &value)) {
		fwrite(json_object_get_string(value), 1,
		       (size_t)json_object_get_string_len(value), stdout);
		rc = finish_output();
	} else {
		fprintf(stderr, "tcmu-pr: %s: no string in the store: %s\n",
			args.operand, member_text(reply, "string_error"));
	}
	json_object_put(reply);
	return rc;
}
