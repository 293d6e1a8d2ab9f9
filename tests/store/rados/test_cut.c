// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting gateways off by the RADOS store: what is put on the blocklist and
 * taken from it.  All gateways here have one address, so those that are cut off
 * are made up; that nothing of theirs arrives is seen in tests/lab/test_cut.py.
 */
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_addr.h"
#include "store_rados_cut.h"

#define GATEWAYS "tcmu_pr_gateways"

/* Addresses */

static void check(const char *text, const char *want)
{
	char got[512] = "";
	struct sr_addr addr;

	while (sr_addr_next(&text, &addr))
		snprintf(got + strlen(got), sizeof(got) - strlen(got),
			 "%s %s %s,", addr.ip, addr.port, addr.nonce);
	assert_string_equal(got, want);
}

static void test_addresses(void **state)
{
	(void)state;
	check("", "");
	check("10.77.0.2:0/1970105375", "10.77.0.2 0 1970105375,");
	check("[v2:10.77.0.1:3300/0,v1:10.77.0.1:6789/0] mon.a",
	      "10.77.0.1 3300 0,10.77.0.1 6789 0,");
	check("v2:[2001:DB8:0::1]:0/77", "2001:db8::1 0 77,");
	check("[v2:[::1]:6800/1,v1:[::1]:6801/1]", "::1 6800 1,::1 6801 1,");
	check("10.9.9.9:0/0 2026-12-23T05:39:05.297278+0000\n"
	      "listed 1 entries", "10.9.9.9 0 0,");
	check("1/2 10.9.9:0/0 x:0/0 :0/0 10.9.9.9:/0 10.9.9.9:0/ 10.9.9.9/1",
	      "");
	check("300.1.1.1:0/1 [10.1.1.1]:0/1 1.1.1.1:123456/1", "");
}

static void test_host(void **state)
{
	const char *text = "1.1.1.1:0/0 1.1.1.1:0/10 1.1.1.1:3300/0";
	struct sr_addr addr;

	(void)state;
	assert_true(sr_addr_next(&text, &addr) && sr_addr_is_host(&addr));
	assert_true(sr_addr_next(&text, &addr) && !sr_addr_is_host(&addr));
	assert_true(sr_addr_next(&text, &addr) && !sr_addr_is_host(&addr));
}

static void test_hosts(void **state)
{
	struct sr_hosts hosts = {0}, more = {0};
	char text[SR_HOSTS_TEXT];

	(void)state;
	assert_int_equal(sr_hosts_add(&hosts, "10.0.0.1"), 0);
	assert_int_equal(sr_hosts_add(&hosts, "::1"), 0);
	assert_int_equal(sr_hosts_add(&hosts, "10.0.0.1"), 0);
	sr_hosts_print(&hosts, text);
	assert_string_equal(text, "10.0.0.1 ::1 ");
	assert_int_equal(sr_hosts_parse(&more, text), 0);
	assert_int_equal(more.count, 2);
	assert_true(sr_hosts_have(&more, "::1"));
	assert_int_equal(sr_hosts_parse(&more, "10.0.0.1"), -EBADMSG);
	assert_int_equal(sr_hosts_parse(&more, " "), -EBADMSG);
	assert_int_equal(sr_hosts_parse(&more, "host "), -EBADMSG);
	for (int i = 0; i < SR_HOSTS_MAX - 2; i++) {
		snprintf(text, sizeof(text), "10.0.1.%d ", i);
		assert_int_equal(sr_hosts_parse(&more, text), 0);
	}
	assert_int_equal(sr_hosts_parse(&more, "10.0.2.1 "), -EOVERFLOW);
}

/* The blocklist */

static bool listed(const char *addr)
{
	char *text = pool_run("ceph osd blocklist ls 2>/dev/null");
	const size_t len = strlen(addr);
	bool found = false;

	for (const char *at = text; (at = strstr(at, addr)); at += len)
		found = found || ((at == text || at[-1] == '\n') &&
				  at[len] == ' ');
	free(text);
	return found;
}

static int clear(void **state)
{
	pool_do("ceph osd blocklist clear");
	return pool_clear(state);
}

static void test_cut(void **state)
{
	struct store *store = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *text;

	(void)state;
	assert_int_equal(ops->join(store, lu, 1), 0);
	text = pool_get(GATEWAYS, "clients.a");
	assert_string_equal(text, "127.0.0.1 ");
	free(text);

	/* Nothing is known of it. */
	assert_int_equal(ops->cut(store, "b", 3), -ENOENT);
	pool_set(GATEWAYS, "clients.b", "10.9.9.9 10.9.9.8 ");
	assert_int_equal(ops->cut(store, "b", 3), 0);
	assert_true(listed("10.9.9.9:0/0") && listed("10.9.9.8:0/0"));
	text = pool_get(GATEWAYS, "cut.b");
	assert_string_equal(text, "cut 3 lifted 0 hosts 10.9.9.9 10.9.9.8 ");
	free(text);
	/* Again, also after others took it off, and of an earlier term. */
	pool_do("ceph osd blocklist clear");
	assert_int_equal(ops->cut(store, "b", 3), 0);
	assert_true(listed("10.9.9.9:0/0"));
	pool_do("ceph osd blocklist clear");
	assert_int_equal(ops->cut(store, "b", 2), 0);
	assert_true(listed("10.9.9.9:0/0"));
	/* An address that it has not any more might still be in use. */
	pool_set(GATEWAYS, "clients.b", "10.9.9.7 ");
	pool_do("ceph osd blocklist clear");
	assert_int_equal(ops->cut(store, "b", 3), 0);
	assert_true(listed("10.9.9.9:0/0") && listed("10.9.9.7:0/0"));
	/* Nothing of a term that has been lifted is under way. */
	pool_do("ceph osd blocklist clear");
	pool_set(GATEWAYS, "cut.b", "cut 3 lifted 4 hosts 10.9.9.9 ");
	assert_int_equal(ops->cut(store, "b", 4), 0);
	assert_false(listed("10.9.9.9:0/0"));
	assert_int_equal(ops->cut(store, "b", 5), 0);
	assert_true(listed("10.9.9.7:0/0"));
	assert_false(listed("10.9.9.9:0/0"));
	pool_set(GATEWAYS, "cut.b", "cut x");
	assert_int_equal(ops->cut(store, "b", 6), -EBADMSG);
	ops->close(store);
}

static void test_not_oneself(void **state)
{
	struct store *a = pool_open("a", 1);

	(void)state;
	pool_set(GATEWAYS, "clients.b", "10.9.9.9 127.0.0.1 ");
	assert_int_equal(ops->cut(a, "b", 1), -EADDRINUSE);
	assert_false(listed("10.9.9.9:0/0"));
	assert_false(listed("127.0.0.1:0/0"));
	ops->close(a);
}

static void test_lift(void **state)
{
	struct store *store = pool_open("a", 1);
	uint64_t evicted;
	char *text;

	(void)state;
	assert_int_equal(ops->lift(store, 1), 0);
	assert_int_equal(pool_beats(store, 1, 1, 1, &evicted), 0);
	pool_do("ceph osd blocklist add 10.9.9.9:0/0");
	pool_do("ceph osd blocklist add 127.0.0.1:0/4711");
	pool_do("ceph osd blocklist add 127.0.0.1:0/0");
	assert_int_equal(pool_beats(store, 1, 1, 2, &evicted), -ESHUTDOWN);
	ops->close(store);
	/* As after a boot. */
	store = pool_open("a", 2);
	assert_int_equal(ops->lift(store, UINT64_MAX), 0);
	assert_false(listed("127.0.0.1:0/0"));
	/* Not others, and no single client. */
	assert_true(listed("10.9.9.9:0/0"));
	assert_true(listed("127.0.0.1:0/4711"));
	/* What is yet to be cut off is not lifted by that. */
	text = pool_get(GATEWAYS, "cut.a");
	assert_null(text);
	assert_int_equal(ops->lift(store, 8), 0);
	text = pool_get(GATEWAYS, "cut.a");
	assert_string_equal(text, "cut 0 lifted 7 hosts ");
	free(text);
	assert_int_equal(ops->lift(store, 5), 0);
	text = pool_get(GATEWAYS, "cut.a");
	assert_string_equal(text, "cut 0 lifted 7 hosts ");
	free(text);
	/* Nor are terms that may come after a boot. */
	pool_set(GATEWAYS, "cut.a", "cut 6 lifted 7 hosts ");
	assert_int_equal(ops->lift(store, UINT64_MAX), 0);
	text = pool_get(GATEWAYS, "cut.a");
	assert_string_equal(text, "cut 6 lifted 6 hosts ");
	free(text);
	ops->close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test_teardown(test_cut, clear),
		cmocka_unit_test_teardown(test_not_oneself, clear),
		cmocka_unit_test_teardown(test_lift, clear),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
