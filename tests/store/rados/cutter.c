// SPDX-License-Identifier: GPL-2.0-only
/*
 * A gateway's store, driven by lines: for tests that have several gateways in
 * network namespaces of their own.  Each line is answered by one: 0, or a
 * negative errno, and how long it took.
 *
 *	join LU TERM / beat TERM / cut GATEWAY TERM / lift TERM / gateways
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "store.h"

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int run(struct store *store, uint64_t incarnation, char *line)
{
	const struct store_ops *ops = &store_rados_ops;
	const char *verb = strtok(line, " \n"), *a = strtok(NULL, " \n");
	const char *b = strtok(NULL, " \n");
	struct store_beat beat = {.incarnation = incarnation, .lease_ms = 1000};
	struct store_gateway *list;
	uint64_t evicted;
	size_t count;
	int ret;

	if (!verb)
		return -EINVAL;
	if (!strcmp(verb, "join") && b)
		return ops->join(store, a, strtoull(b, NULL, 10));
	if (!strcmp(verb, "cut") && b)
		return ops->cut(store, a, strtoull(b, NULL, 10));
	if (!strcmp(verb, "lift") && a)
		return ops->lift(store, strtoull(a, NULL, 10));
	if (!strcmp(verb, "beat") && a) {
		static uint64_t beats;

		beat.term = strtoull(a, NULL, 10);
		beat.count = ++beats;
		return ops->beat(store, &beat, &evicted);
	}
	if (strcmp(verb, "gateways"))
		return -EINVAL;
	ret = ops->gateways(store, &list, &count);
	if (!ret)
		free(list);
	return ret;
}

int main(int argc, char **argv)
{
	struct store *store;
	char line[512], *err = NULL;
	uint64_t incarnation;
	int ret;

	if (argc != 4) {
		fprintf(stderr, "usage: %s WHERE GATEWAY INCARNATION\n",
			argv[0]);
		return 2;
	}
	log_init(LOG_LEVEL_INFO);
	incarnation = strtoull(argv[3], NULL, 10);
	ret = store_rados_ops.open(&store, argv[1], argv[2], incarnation, &err);
	printf("%d %s\n", ret, err ? err : "");
	fflush(stdout);
	free(err);
	while (!ret && fgets(line, sizeof(line), stdin)) {
		long long begun = now_ms();
		int answer = run(store, incarnation, line);

		printf("%d %lld\n", answer, now_ms() - begun);
		fflush(stdout);
	}
	if (!ret)
		store_rados_ops.close(store);
	return ret != 0;
}
