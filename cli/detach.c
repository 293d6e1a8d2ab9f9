// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <json-c/json.h>
#include <stdlib.h>

int detach_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_socket, {0}};
	struct json_object *request, *reply;
	struct arguments args;

	arguments_parse(&args, options, "DEVICE",
			"Give the backstore of DEVICE back to LIO's own "
			"persistent reservations, which other gateways do "
			"not know.",
			argc, argv);
	request = request_new("detach");
	json_object_object_add(request, "device",
			       json_object_new_string(args.operand));
	reply = ask(args.socket, request);
	if (!reply)
		return EXIT_FAILED;
	json_object_put(reply);
	return EXIT_SUCCESS;
}
