// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <json-c/json.h>
#include <stdlib.h>

int attach_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_name, option_socket, {0}};
	struct json_object *request, *reply;
	struct arguments args;

	arguments_parse(&args, options, "BACKSTORE",
			"Let the TCMU backstore BACKSTORE, as user_0/disk0, "
			"have persistent reservations that all gateways "
			"share.\vWithout --name the device is called as in "
			"the daemon's configuration, or as the backstore.",
			argc, argv);
	request = request_new("attach");
	json_object_object_add(request, "backstore",
			       json_object_new_string(args.operand));
	if (args.name)
		json_object_object_add(request, "name",
				       json_object_new_string(args.name));
	reply = ask(args.socket, request);
	if (!reply)
		return EXIT_FAILED;
	json_object_put(reply);
	return EXIT_SUCCESS;
}
