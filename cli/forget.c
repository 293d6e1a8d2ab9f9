// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

int forget_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_off, option_socket, {0}};
	struct json_object *request, *reply;
	struct arguments args;

	arguments_parse(&args, options, "DEVICE GATEWAY",
			"Remove GATEWAY, which is off, from the members of "
			"DEVICE, so that changes do not wait for it.\vA "
			"gateway that still runs would go on executing what "
			"the others forbid: be sure that it is off.  When it "
			"comes back it joins by itself.",
			argc, argv);
	if (!args.off) {
		fprintf(stderr,
			"tcmu-pr forget: if %s still runs, hosts that are "
			"fenced can go on writing through it; make sure that "
			"it is off, and say so with --yes-it-is-off\n",
			args.second);
		return EXIT_USAGE;
	}
	request = request_new("forget");
	json_object_object_add(request, "device",
			       json_object_new_string(args.operand));
	json_object_object_add(request, "gateway",
			       json_object_new_string(args.second));
	reply = ask(args.socket, request);
	if (!reply)
		return EXIT_FAILED;
	json_object_put(reply);
	return EXIT_SUCCESS;
}
