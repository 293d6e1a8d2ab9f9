// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"
#include "tpr_string.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET "/run/tcmu-prd.sock"

const struct argp_option option_name = {
	"name", 'n', "NAME", 0, "Call the device NAME", 0};
const struct argp_option option_socket = {
	"socket",
	's',
	"PATH",
	0,
	"Talk to the daemon at PATH instead of " SOCKET,
	0};
const struct argp_option option_json = {"json", 'j', NULL, 0, "Print JSON", 0};

const struct argp_option option_empty = {
	"empty", 'e', NULL, 0, "Replace it by no registrations", 0};
const struct argp_option option_last = {
	"last", 'l', NULL, 0, "Replace it by what this gateway had last", 0};
const struct argp_option option_adopt = {
	"adopt", 'a', NULL, 0, "Replace it by what another device's string says",
	0};
const struct argp_option option_file = {
	"file", 'f', "FILE", 0, "Replace it by the string in FILE", 0};
const struct argp_option option_force = {
	"force", 'F', NULL, 0, "Also if it is not lost", 0};
const struct argp_option option_off = {
	"yes-it-is-off", 'y', NULL, 0, "GATEWAY executes nothing any more", 0};

struct parsing {
	struct arguments *args;
	const char *args_doc;
};

static int two(const struct parsing *parsing)
{
	return parsing->args_doc && strchr(parsing->args_doc, ' ');
}

static void take_operand(struct argp_state *state, char *arg)
{
	struct parsing *parsing = state->input;

	if (parsing->args_doc && !parsing->args->operand)
		parsing->args->operand = arg;
	else if (two(parsing) && !parsing->args->second)
		parsing->args->second = arg;
	else
		argp_error(state, "too many arguments: %s", arg);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parsing *parsing = state->input;

	switch (key) {
	case 'n':
		parsing->args->name = arg;
		return 0;
	case 's':
		parsing->args->socket = arg;
		return 0;
	case 'j':
		parsing->args->json = 1;
		return 0;
	case 'e':
		parsing->args->empty = 1;
		return 0;
	case 'l':
		parsing->args->last = 1;
		return 0;
	case 'a':
		parsing->args->adopt = 1;
		return 0;
	case 'f':
		parsing->args->file = arg;
		return 0;
	case 'F':
		parsing->args->force = 1;
		return 0;
	case 'y':
		parsing->args->off = 1;
		return 0;
	case ARGP_KEY_ARG:
		take_operand(state, arg);
		return 0;
	case ARGP_KEY_END:
		if ((parsing->args_doc && !parsing->args->operand) ||
		    (two(parsing) && !parsing->args->second))
			argp_error(state, "%s is missing", parsing->args_doc);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void arguments_parse(struct arguments *args, const struct argp_option *options,
		     const char *args_doc, const char *doc, int argc,
		     char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = args_doc,
		.doc = doc,
	};
	struct parsing parsing = {args, args_doc};

	memset(args, 0, sizeof(*args));
	args->socket = SOCKET;
	argp_parse(&argp, argc, argv, 0, NULL, &parsing);
}

const char *member_text(struct json_object *obj, const char *key)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(obj, key, &value))
		return "";
	text = json_object_get_string(value);
	return text ? text : "";
}

unsigned long long member_number(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value))
		return 0;
	return json_object_get_uint64(value);
}

int member_true(struct json_object *obj, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(obj, key, &value) &&
	       json_object_get_boolean(value);
}

/* All of @in; NULL with errno when it cannot be read. */
static char *slurp(FILE *in, size_t *len)
{
	/* One byte too many shows that it is too long. */
	size_t cap = tpr_encoded_max(TPR_REGS_MAX) + 1;
	char *buf = malloc(cap);

	if (!buf)
		return NULL;
	*len = fread(buf, 1, cap, in);
	if (!ferror(in))
		return buf;
	free(buf);
	return NULL;
}

char *file_read(const char *path, size_t *len)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *buf = in ? slurp(in, len) : NULL;

	if (!buf)
		fprintf(stderr, "tcmu-pr: %s: %s\n", path, strerror(errno));
	if (in && in != stdin)
		fclose(in);
	return buf;
}

int finish_output(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return EXIT_SUCCESS;
	fprintf(stderr, "tcmu-pr: cannot write: %s\n", strerror(errno));
	return EXIT_FAILED;
}
