// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tab or line feed in a reason would break the table. */
static void put_text(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < ' ' ? ' ' : *text);
}

static void put_members(struct json_object *device)
{
	struct json_object *members, *member;
	size_t i;

	if (!json_object_object_get_ex(device, "members", &members))
		return;
	for (i = 0; i < json_object_array_length(members); i++) {
		member = json_object_array_get_idx(members, i);
		printf("\t%s=%llu", member_text(member, "gateway"),
		       member_number(member, "installed"));
	}
}

static void put_device(struct json_object *device)
{
	const char *reason = member_text(device, "reason");

	printf("%s\t%s\t%s", member_text(device, "name"),
	       member_text(device, "backstore"), member_text(device, "state"));
	if (reason[0]) {
		fputs(": ", stdout);
		put_text(reason);
	}
	printf("\t%llu", member_number(device, "seq"));
	put_members(device);
	putchar('\n');
}

int list_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_json, option_socket, {0}};
	struct json_object *reply, *devices;
	struct arguments args;
	size_t i;

	arguments_parse(&args, options, NULL,
			"List the devices, one a line, with tabs between "
			"NAME, BACKSTORE, STATE, SEQ and one GATEWAY=SEQ for "
			"each member.",
			argc, argv);
	reply = ask(args.socket, request_new("list"));
	if (!reply)
		return EXIT_FAILED;
	if (args.json)
		json_print(reply);
	else if (json_object_object_get_ex(reply, "devices", &devices))
		for (i = 0; i < json_object_array_length(devices); i++)
			put_device(json_object_array_get_idx(devices, i));
	json_object_put(reply);
	return finish_output();
}
