// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void print_lease(struct json_object *reply)
{
	unsigned long long left = member_number(reply, "lease_ms_left");

	if (left)
		printf("for %llu.%llu s", left / 1000, left % 1000 / 100);
	else
		printf("none: %s", member_text(reply, "lease_reason"));
}

static void print_gateway(struct json_object *gateway,
			  struct json_object *reply)
{
	const char *name = member_text(gateway, "gateway");

	printf("%s\t%llu\t%s\t%llu\t%s\t", name, member_number(gateway, "term"),
	       member_text(gateway, "life"), member_number(gateway, "quiet_ms"),
	       member_true(gateway, "fenced") ? "fenced" : "-");
	if (strcmp(name, member_text(reply, "gateway"))) {
		puts("-");
		return;
	}
	fputs("lease ", stdout);
	print_lease(reply);
	putchar('\n');
}

int gateways_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_json, option_socket, {0}};
	struct json_object *reply, *list;
	struct arguments args;
	size_t i;

	arguments_parse(&args, options, NULL,
			"List the gateways that use the store, one a line, "
			"with tabs between NAME, TERM, LIFE, QUIET (ms), "
			"FENCED, and for this gateway its LEASE.",
			argc, argv);
	reply = ask(args.socket, request_new("gateways"));
	if (!reply)
		return EXIT_FAILED;
	if (args.json)
		json_print(reply);
	else if (json_object_object_get_ex(reply, "gateways", &list))
		for (i = 0; i < json_object_array_length(list); i++)
			print_gateway(json_object_array_get_idx(list, i),
				      reply);
	json_object_put(reply);
	return finish_output();
}
