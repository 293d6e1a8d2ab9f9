// SPDX-License-Identifier: GPL-2.0-only
#include "lift.h"
#include "configfs.h"
#include "home.h"
#include "store.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

void lift_remember(const struct config *config, const char *file,
		   const char *where)
{
	char name[PATH_MAX], directory[PATH_MAX];
	FILE *out;
	int rc;

	if (!config->store->lift)
		return;
	snprintf(directory, sizeof(directory), "%s", file);
	mkdir(dirname(directory), 0755);
	if (snprintf(name, sizeof(name), "%s.new", file) >= (int)sizeof(name))
		return;
	out = fopen(name, "we");
	rc = !out || fprintf(out, "%s\n", where) < 0 || fflush(out) ||
	     fsync(fileno(out));
	if (out && fclose(out))
		rc = 1;
	if (rc || rename(name, file))
		log_line(LOG_LEVEL_WARNING, NULL, 0, "%s: %s", file,
			 strerror(errno));
}

static char *remembered(const char *file)
{
	FILE *in = fopen(file, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (!in)
		return NULL;
	len = getline(&line, &cap, in);
	fclose(in);
	if (len <= 1) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int lift_at(const struct config *config, const char *where)
{
	const struct store_ops *ops = config->store;
	uint64_t incarnation;
	struct store *store;
	char *err = NULL;
	int rc;

	if (getrandom(&incarnation, sizeof(incarnation), 0) !=
	    sizeof(incarnation))
		return -EIO;
	rc = ops->open(&store, where, config->gateway, incarnation, &err);
	if (rc) {
		log_line(LOG_LEVEL_ERROR, NULL, 0, "store %s",
			 err ? err : strerror(-rc));
		free(err);
		return rc;
	}
	rc = ops->lift(store, UINT64_MAX);
	if (rc)
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "store %s: whether this host is cut off cannot be "
			 "changed: %s", where, strerror(-rc));
	ops->close(store);
	return rc;
}

static void on_device(void *arg, const char *backstore)
{
	(void)backstore;
	++*(unsigned int *)arg;
}

int lift_host(const struct config *config, const char *configfs,
	      const char *file, const char *where)
{
	char error[HOME_ERROR_MAX], *found = NULL;
	unsigned int devices = 0;
	int rc = configfs_each(configfs, on_device, &devices);

	if ((rc && rc != -ENOENT) || devices || !config->store->lift)
		return rc == -ENOENT ? 0 : rc;
	if (!where) {
		rc = home_find(config, configfs, &found, error);
		if (rc == -EAGAIN)
			found = remembered(file);
		else if (rc)
			log_line(LOG_LEVEL_ERROR, NULL, 0, "store: %s", error);
		if (rc && rc != -EAGAIN)
			return rc;
		where = found;
	}
	rc = where ? lift_at(config, where) : 0;
	free(found);
	return rc;
}
