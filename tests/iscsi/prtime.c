// SPDX-License-Identifier: GPL-2.0-only
/*
 * prtime URL COUNT: one initiator registers again and again, each time with
 * another key, and says how many microseconds each PERSISTENT RESERVE OUT took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "session.h"

enum {
	REGISTER_AND_IGNORE = 6,
};

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void register_key(struct session *s, unsigned long long key)
{
	unsigned int sense;
	int status = session_out(s, REGISTER_AND_IGNORE, 0, 0, key, &sense);

	if (status)
		die("key %llx: status %#x, sense %#x", key,
		    (unsigned int)status, sense);
}

int main(int argc, char **argv)
{
	struct session s = { .name = "iqn.2026-11.org.tcmu-pr:prtime" };
	int i, count;

	if (argc != 3)
		die("usage: prtime URL COUNT");
	count = atoi(argv[2]);
	session_open(&s, argv[1]);
	/* The first waits for what the gateways do at the start. */
	register_key(&s, 0xf);
	for (i = 0; i < count; i++) {
		long long sent = now_us();

		register_key(&s, 0xa + (unsigned int)i % 2);
		printf("%lld\n", now_us() - sent);
	}
	register_key(&s, 0);
	session_close(&s);
	return 0;
}
