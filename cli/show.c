// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

struct json_object *ask_device(const char *socket, const char *command,
			       const char *device)
{
	struct json_object *request = request_new(command);

	json_object_object_add(request, "device",
			       json_object_new_string(device));
	return ask(socket, request);
}

/* What is lost cannot be told by "show"; here is how it comes back. */
static void advise(struct json_object *reply, const char *device)
{
	fprintf(stderr,
		"Until it is replaced, commands to the device fail on all "
		"gateways that have noticed.\n"
		"An initiator replaces it by REPLACE LOST RESERVATION, the "
		"administrator by one of\n"
		"  tcmu-pr repair %s --last       what this gateway had last\n"
		"  tcmu-pr repair %s --file FILE  a string that was saved\n"
		"  tcmu-pr repair %s --empty      no registrations\n",
		device, device, device);
	if (member_true(reply, "foreign"))
		fprintf(stderr,
			"  tcmu-pr repair %s --adopt      what the other "
			"device's string says\n",
			device);
}

/* Decodes well, but is not to be believed: as the daemon says. */
static int distrusted(struct json_object *reply, const char *device)
{
	if (!member_true(reply, "lost"))
		return 0;
	fprintf(stderr,
		"tcmu-pr: %s: persistent reservation information lost: %s\n",
		device, member_text(reply, "reason"));
	return 1;
}

struct tcmu_pr_info *state_of(struct json_object *reply, const char *device)
{
	struct json_object *value;
	struct tpr_string_error err;
	struct tcmu_pr_info *info;

	if (!json_object_object_get_ex(reply, "string", &value)) {
		fprintf(stderr, "tcmu-pr: %s: no string in the store: %s\n",
			device, member_text(reply, "string_error"));
		if (member_true(reply, "lost"))
			advise(reply, device);
		return NULL;
	}
	info = state_decode(json_object_get_string(value),
			    (size_t)json_object_get_string_len(value), &err);
	if (!info)
		fprintf(stderr,
			"tcmu-pr: %s: persistent reservation information "
			"lost: version %llu, line %u: %s\n",
			device, member_number(reply, "string_seq"), err.line,
			err.what);
	if (info && !distrusted(reply, device))
		return info;
	advise(reply, device);
	free(info);
	return NULL;
}

static void print_members(struct json_object *reply)
{
	struct json_object *members, *member;
	size_t i;

	if (member_text(reply, "members_error")[0])
		printf("Members:       not known: %s\n",
		       member_text(reply, "members_error"));
	if (!json_object_object_get_ex(reply, "members", &members))
		return;
	puts("Members, the version that each enforces, and its term:");
	for (i = 0; i < json_object_array_length(members); i++) {
		member = json_object_array_get_idx(members, i);
		printf("  %s %llu (%s), term %llu, %s%s\n",
		       member_text(member, "gateway"),
		       member_number(member, "installed"),
		       member_text(member, "incarnation"),
		       member_number(member, "term"),
		       member_text(member, "life"),
		       member_true(member, "fenced") ? ", fenced" : "");
	}
}

static void print(struct json_object *reply, const struct tcmu_pr_info *info)
{
	const char *reason = member_text(reply, "reason");

	printf("Device:        %s\n", member_text(reply, "name"));
	printf("Backstore:     %s\n", member_text(reply, "backstore"));
	printf("In the store:  %s\n", member_text(reply, "lu"));
	printf("State:         %s%s%s\n", member_text(reply, "state"),
	       reason[0] ? ": " : "", reason);
	printf("Installed:     %llu\n", member_number(reply, "installed"));
	printf("Settled:       %llu\n", member_number(reply, "settled"));
	printf("Term:          %llu\n", member_number(reply, "term"));
	fputs("Lease:         ", stdout);
	print_lease(reply);
	putchar('\n');
	print_members(reply);
	if (info)
		state_print(info);
}

/* The reply, with the decoded string in place of the raw one. */
static void print_json(struct json_object *reply,
		       const struct tcmu_pr_info *info)
{
	struct json_object *string = NULL;

	if (info) {
		string = json_object_new_object();
		state_json(info, string);
	}
	json_object_object_del(reply, "string");
	json_object_object_add(reply, "pr_info", string);
	json_print(reply);
}

int show_main(int argc, char **argv)
{
	const struct argp_option options[] = {option_json, option_socket, {0}};
	struct json_object *reply;
	struct tcmu_pr_info *info;
	struct arguments args;
	int rc;

	arguments_parse(&args, options, "DEVICE",
			"Show the registrations and the reservation of DEVICE "
			"as they stand in the store, and which member "
			"enforces what.",
			argc, argv);
	reply = ask_device(args.socket, "show", args.operand);
	if (!reply)
		return EXIT_FAILED;
	info = state_of(reply, args.operand);
	if (args.json)
		print_json(reply, info);
	else
		print(reply, info);
	rc = finish_output();
	if (!info)
		rc = EXIT_FAILED;
	json_object_put(reply);
	free(info);
	return rc;
}
