/* SPDX-License-Identifier: GPL-2.0-only */
/* What the subcommands share. */
#ifndef TPR_CLI_H
#define TPR_CLI_H

#include <argp.h>
#include <stddef.h>

struct json_object;

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* The subcommands; argv[0] is the name to show.  They return an exit status. */
int attach_main(int argc, char **argv);
int detach_main(int argc, char **argv);
int list_main(int argc, char **argv);
int gateways_main(int argc, char **argv);
int show_main(int argc, char **argv);
int string_main(int argc, char **argv);
int decode_main(int argc, char **argv);
int repair_main(int argc, char **argv);
int forget_main(int argc, char **argv);

/* What most subcommands are told. */
struct arguments {
	const char *operand; /* the one argument */
	const char *second; /* the other one, if there are two */
	const char *name; /* --name */
	const char *socket; /* --socket */
	int json; /* --json */
	int empty; /* --empty */
	int last; /* --last */
	int adopt; /* --adopt */
	const char *file; /* --file */
	int force; /* --force */
	int off; /* --yes-it-is-off */
};

extern const struct argp_option option_name;
extern const struct argp_option option_socket;
extern const struct argp_option option_json;
extern const struct argp_option option_empty;
extern const struct argp_option option_last;
extern const struct argp_option option_adopt;
extern const struct argp_option option_file;
extern const struct argp_option option_force;
extern const struct argp_option option_off;

/*
 * Parses; @args_doc has a word for each operand that is required, at most
 * two, or is NULL.  Exits on errors.
 */
void arguments_parse(struct arguments *args, const struct argp_option *options,
		     const char *args_doc, const char *doc, int argc,
		     char **argv);

/* A request with @command; add what else it needs. */
struct json_object *request_new(const char *command);

/*
 * Sends @request, which it takes, to the daemon.  The reply, or NULL after
 * saying on stderr what failed.
 */
struct json_object *ask(const char *socket, struct json_object *request);

/* The text of member @key; "" if it has none. */
const char *member_text(struct json_object *obj, const char *key);
unsigned long long member_number(struct json_object *obj, const char *key);
int member_true(struct json_object *obj, const char *key);

/* All of the file, "-": standard input; NULL after saying why not. */
char *file_read(const char *path, size_t *len);

/* show.c: the reply to @command about @device; NULL after saying why not. */
struct json_object *ask_device(const char *socket, const char *command,
			       const char *device);
struct tcmu_pr_info;
/*
 * The state in such a reply.  NULL: it is lost, or the store did not tell,
 * which this says on stderr, with what to do.
 */
struct tcmu_pr_info *state_of(struct json_object *reply, const char *device);

/* gateways.c: prints how long this gateway's lease is good, or why not. */
void print_lease(struct json_object *reply);

/* Flushes stdout: an exit status, after saying so if that fails. */
int finish_output(void);

#endif
