// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "print.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_text(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

/* Adds the string in @path to @request, if it is one. */
static int add_file(struct json_object *request, const char *path)
{
	struct tpr_string_error err;
	struct tcmu_pr_info *info;
	size_t len;
	char *str = file_read(path, &len);

	if (!str)
		return -1;
	info = state_decode(str, len, &err);
	if (info)
		json_object_object_add(
			request, "string",
			json_object_new_string_len(str, (int)len));
	else
		fprintf(stderr, "%s:%u: %s\n", path, err.line, err.what);
	free(str);
	free(info);
	return info ? 0 : -1;
}

/* NULL after saying what is wrong. */
static struct json_object *request_of(const struct arguments *args)
{
	struct json_object *request = request_new("repair");

	add_text(request, "device", args->operand);
	add_text(request, "how",
		 args->empty   ? "empty"
		 : args->last  ? "last"
		 : args->adopt ? "adopt"
			       : "string");
	json_object_object_add(request, "force",
			       json_object_new_boolean(args->force));
	if (!args->file || !add_file(request, args->file))
		return request;
	json_object_put(request);
	return NULL;
}

/* What stands there before, in one line. */
static void print_before(struct json_object *reply, const char *device)
{
	unsigned long long seq = member_number(reply, "string_seq");
	const char *str = member_text(reply, "string");
	struct tpr_string_error err;
	struct tcmu_pr_info *info = state_decode(str, strlen(str), &err);

	if (member_true(reply, "lost"))
		printf("%s: %s\n", device, member_text(reply, "reason"));
	else if (!str[0])
		printf("%s: no string in the store: %s\n", device,
		       member_text(reply, "string_error"));
	else if (!info)
		printf("%s: version %llu is corrupt, line %u: %s\n", device,
		       seq, err.line, err.what);
	else
		printf("%s: version %llu is good, with %u registrations\n",
		       device, seq, info->num_regs);
	free(info);
}

static int show_before(const struct arguments *args)
{
	struct json_object *reply =
		ask_device(args->socket, "show", args->operand);

	if (!reply)
		return EXIT_FAILED;
	print_before(reply, args->operand);
	printf("%s: to be replaced by %s%s\n", args->operand,
	       args->empty   ? "no registrations and no reservation"
	       : args->last  ? "the newest state that this gateway had"
	       : args->adopt ? "what that string says, as this device's own"
			     : "the string in ",
	       args->file ? args->file : "");
	fflush(stdout);
	json_object_put(reply);
	return EXIT_SUCCESS;
}

static int show_after(const struct arguments *args, unsigned long long seq)
{
	struct json_object *reply =
		ask_device(args->socket, "show", args->operand);
	struct tcmu_pr_info *info;

	if (!reply)
		return EXIT_FAILED;
	info = state_of(reply, args->operand);
	json_object_put(reply);
	if (!info)
		return EXIT_FAILED;
	printf("%s: version %llu is in force on all its gateways:\n",
	       args->operand, seq);
	state_print(info);
	free(info);
	return finish_output();
}

int repair_main(int argc, char **argv)
{
	const struct argp_option options[] = {
		option_empty, option_last,   option_adopt, option_file,
		option_force, option_socket, {0}};
	struct json_object *request, *reply;
	struct arguments args;
	int rc;

	arguments_parse(&args, options, "DEVICE",
			"Replace the persistent reservation information of "
			"DEVICE, which is lost, on all gateways.\vOne of "
			"--empty, --last, --adopt and --file is needed.  It "
			"ends well when all members enforce the new state.",
			argc, argv);
	if (args.empty + args.last + args.adopt + !!args.file != 1) {
		fputs("tcmu-pr repair: one of --empty, --last, --adopt and "
		      "--file is needed\n",
		      stderr);
		return EXIT_USAGE;
	}
	request = request_of(&args);
	if (!request)
		return EXIT_FAILED;
	rc = show_before(&args);
	if (rc) {
		json_object_put(request);
		return rc;
	}
	reply = ask(args.socket, request);
	if (!reply)
		return EXIT_FAILED;
	rc = show_after(&args, member_number(reply, "seq"));
	json_object_put(reply);
	return rc;
}
