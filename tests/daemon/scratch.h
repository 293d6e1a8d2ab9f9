/* SPDX-License-Identifier: GPL-2.0-only */
/* A directory for one test. */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[] = "/tmp/tcmu-prd-test-XXXXXX";

static int scratch_make(void **state)
{
	(void)state;
	snprintf(scratch, sizeof(scratch), "/tmp/tcmu-prd-test-XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

static int scratch_remove(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	return system(command);
}

/* The path of @name in it; static. */
__attribute__((unused)) static const char *scratch_path(const char *name)
{
	static char path[4][512];
	static unsigned int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", scratch, name);
	return path[turn];
}

__attribute__((unused)) static void scratch_write(const char *name,
						  const char *text)
{
	FILE *out = fopen(scratch_path(name), "w");

	if (!out || fputs(text, out) < 0 || fclose(out))
		abort();
}

/* Sends stderr to a file, until stderr_text() gives what was written there. */
static int stderr_kept __attribute__((unused));

__attribute__((unused)) static void stderr_take(void)
{
	FILE *out = fopen(scratch_path("stderr"), "w");

	fflush(stderr);
	stderr_kept = dup(STDERR_FILENO);
	if (!out || dup2(fileno(out), STDERR_FILENO) < 0 || fclose(out))
		abort();
}

/* To be freed. */
__attribute__((unused)) static char *stderr_text(void)
{
	char *text = calloc(1, 4096);
	FILE *in;

	fflush(stderr);
	if (dup2(stderr_kept, STDERR_FILENO) < 0 || close(stderr_kept))
		abort();
	in = fopen(scratch_path("stderr"), "r");
	if (!in || !text || (!fread(text, 1, 4095, in) && ferror(in)))
		abort();
	fclose(in);
	return text;
}

#endif
