// SPDX-License-Identifier: GPL-2.0-only
/* Names of RBD images, as tcmu-runner reads them, and hostile ones. */
#include "cmocka_all.h"
#include "rbd_config.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text, *pool, *ns, *image, *conf, *id;
	unsigned int timeout;
	const char *lu;
} good[] = {
	{"rbd/rbd/disk0", "rbd", "", "disk0", "", "", 0, "rbd/disk0"},
	{"rbd/p/i;osd_op_timeout=30", "p", "", "i", "", "", 30,
	 "p/i;osd_op_timeout=30"},
	{"rbd/p/n/i", "p", "n", "i", "", "", 0, "p/n/i"},
	/* options in any order; the last one of a name counts */
	{"rbd/p/n/i;id=u;osd_op_timeout=7;conf=/c", "p", "n", "i", "/c", "u", 7,
	 "p/n/i;conf=/c;id=u;osd_op_timeout=7"},
	{"rbd/p/i;id=a;id=b;conf=/a;conf=/b;osd_op_timeout=1;osd_op_timeout=2",
	 "p", "", "i", "/b", "b", 2, "p/i;conf=/b;id=b;osd_op_timeout=2"},
	/* unknown and empty options */
	{"rbd/p/i;;colour=red;;ID=x;idx;id=u;;", "p", "", "i", "", "u", 0,
	 "p/i;id=u"},
	/* what does not count in front of a name */
	{"rbd//p/i", "p", "", "i", "", "", 0, "p/i"},
	{"rbd////p/;;i", "p", "", "i", "", "", 0, "p/i"},
	/* there are images and pools like that */
	{"rbd/a b.c/d=e@f:g,h%i\"'\\", "a b.c", "", "d=e@f:g,h%i\"'\\", "", "",
	 0, "a b.c/d=e@f:g,h%i\"'\\"},
	{"rbd/\xc3\xa4/\xe6\x97\xa5", "\xc3\xa4", "", "\xe6\x97\xa5", "", "", 0,
	 "\xc3\xa4/\xe6\x97\xa5"},
	{"rbd/p/conf=x;conf=a/b=c;id=d/e=f", "p", "", "conf=x", "a/b=c",
	 "d/e=f", 0, "p/conf=x;conf=a/b=c;id=d/e=f"},
	{"rbd/.././..", "..", ".", "..", "", "", 0, ".././.."},
	/* seconds */
	{"rbd/p/i;osd_op_timeout=0", "p", "", "i", "", "", 0, "p/i"},
	{"rbd/p/i;osd_op_timeout=x", "p", "", "i", "", "", 0, "p/i"},
	{"rbd/p/i;osd_op_timeout=-3", "p", "", "i", "", "", 0, "p/i"},
	{"rbd/p/i;osd_op_timeout=9s", "p", "", "i", "", "", 9,
	 "p/i;osd_op_timeout=9"},
	{"rbd/p/i;osd_op_timeout=30.9", "p", "", "i", "", "", 30,
	 "p/i;osd_op_timeout=30"},
	{"rbd/p/i;osd_op_timeout=0.01", "p", "", "i", "", "", 1,
	 "p/i;osd_op_timeout=1"},
	{"rbd/p/i;osd_op_timeout=.0", "p", "", "i", "", "", 0, "p/i"},
	{"rbd/p/i;osd_op_timeout=99999999999999999999999", "p", "", "i", "", "",
	 86400, "p/i;osd_op_timeout=86400"},
};

static void assert_same(const struct rbd_config *a, const struct rbd_config *b)
{
	assert_string_equal(a->pool, b->pool);
	assert_string_equal(a->ns, b->ns);
	assert_string_equal(a->image, b->image);
	assert_string_equal(a->conf, b->conf);
	assert_string_equal(a->id, b->id);
	assert_int_equal(a->osd_op_timeout, b->osd_op_timeout);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct rbd_config rbd, again;
		char lu[RBD_NAME_MAX];

		if (rbd_config_parse(good[i].text, &rbd))
			fail_msg("%s is refused", good[i].text);
		assert_string_equal(rbd.pool, good[i].pool);
		assert_string_equal(rbd.ns, good[i].ns);
		assert_string_equal(rbd.image, good[i].image);
		assert_string_equal(rbd.conf, good[i].conf);
		assert_string_equal(rbd.id, good[i].id);
		assert_int_equal(rbd.osd_op_timeout, good[i].timeout);
		assert_int_equal(rbd_config_lu(&rbd, lu, sizeof(lu)), 0);
		assert_string_equal(lu, good[i].lu);
		assert_int_equal(rbd_config_parse_lu(lu, &again), 0);
		assert_same(&rbd, &again);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"r",
		"rbd",
		"rbd/",
		"rbd/p",
		"rbd//",
		"rbd/p/",
		"rbd/p/;",
		"rbd/p;/i",
		"rbd/p;id=u/i",
		"rbd/p//i",
		"rbd/p/n/",
		"rbd/p/n//i",
		"rbd/p/a/b/c",
		"rbd/p//",
		"RBD/p/i",
		" rbd/p/i",
		"rbdx/p/i",
		"qcow//a/b.qcow2",
		"file/p/i",
		"rb/p/i",
		"rbd/p/i;conf=",
		"rbd/p/i;id=",
		"rbd/p/i;id=;conf=/c",
		"rbd/p/i;osd_op_timeout=",
		"rbd/p/i\n",
		"rbd/p\t/i",
		"rbd/p/i;id=\x1b[2J",
		"rbd/p/i\x7f",
		"rbd/p/i;x=\x01",
	};
	struct rbd_config rbd;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (rbd_config_parse(bad[i], &rbd) != -EINVAL)
			fail_msg("%s is not refused", bad[i]);
	assert_int_equal(rbd_config_parse_lu("/i", &rbd), -EINVAL);
	assert_int_equal(rbd_config_parse_lu("p", &rbd), -EINVAL);
	assert_int_equal(rbd_config_parse_lu("", &rbd), -EINVAL);
}

static void test_long(void **state)
{
	static const char *const form[] = {
		"rbd/%s/i",   "rbd/p/%s",	 "rbd/p/%s/i",
		"rbd/p/n/%s", "rbd/p/i;conf=%s", "rbd/p/i;id=%s",
	};
	char name[RBD_PART_MAX + 1], text[2 * RBD_PART_MAX];
	char lu[RBD_NAME_MAX];
	struct rbd_config rbd;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[RBD_PART_MAX] = '\0';
	for (size_t i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
		snprintf(text, sizeof(text), form[i], name);
		assert_int_equal(rbd_config_parse(text, &rbd), -ENAMETOOLONG);
		snprintf(text, sizeof(text), form[i], name + 1);
		assert_int_equal(rbd_config_parse(text, &rbd), 0);
		assert_int_equal(rbd_config_lu(&rbd, lu, sizeof(lu)), 0);
		assert_int_equal(rbd_config_lu(&rbd, lu, strlen(lu) + 1), 0);
		assert_int_equal(rbd_config_lu(&rbd, lu, strlen(lu)),
				 -ENAMETOOLONG);
	}
	/* all of the greatest length fit together */
	memset(&rbd, 'x', sizeof(rbd));
	rbd.pool[RBD_PART_MAX - 1] = rbd.ns[RBD_PART_MAX - 1] = '\0';
	rbd.image[RBD_PART_MAX - 1] = rbd.conf[RBD_PART_MAX - 1] = '\0';
	rbd.id[RBD_PART_MAX - 1] = '\0';
	assert_int_equal(rbd_config_lu(&rbd, lu, sizeof(lu)), 0);
	assert_int_equal(rbd_config_lu(&rbd, lu, 0), -ENAMETOOLONG);
}

static void test_where(void **state)
{
	static const struct {
		const char *text, *pool, *ns, *conf, *id, *normal;
	} places[] = {
		{"rbd", "rbd", "", "", "", "rbd"},
		{"p/n", "p", "n", "", "", "p/n"},
		{"p;id=u;conf=/c", "p", "", "/c", "u", "p;conf=/c;id=u"},
		{"p/n;conf=a/b", "p", "n", "a/b", "", "p/n;conf=a/b"},
	};
	static const char *const bad[] = {
		"",	 "/",	  "/n",	     ";id=u", "p/",	   "p/n/",
		"p/n/o", "p;id=", "p/;id=u", "p\n",   "p/n;conf=",
	};
	char where[RBD_NAME_MAX];
	struct rbd_config rbd;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		assert_int_equal(rbd_config_parse_where(places[i].text, &rbd),
				 0);
		assert_string_equal(rbd.pool, places[i].pool);
		assert_string_equal(rbd.ns, places[i].ns);
		assert_string_equal(rbd.conf, places[i].conf);
		assert_string_equal(rbd.id, places[i].id);
		assert_int_equal(rbd_config_where(&rbd, where, sizeof(where)),
				 0);
		assert_string_equal(where, places[i].normal);
		assert_int_equal(rbd_config_where(&rbd, where, strlen(where)),
				 -ENAMETOOLONG);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (rbd_config_parse_where(bad[i], &rbd) != -EINVAL)
			fail_msg("%s is not refused", bad[i]);
}

/* The bytes that matter, at random; a copy of exact size finds overruns. */
static void test_random(void **state)
{
	static const char bytes[] = "rbd//;;=.09cofidn\n\x80 \x7f"
				    "osd_op_timeout=";
	struct rbd_config rbd, again;
	unsigned int accepted = 0;
	uint64_t x = 1;

	(void)state;
	for (unsigned int round = 0; round < 200000; round++) {
		char lu[RBD_NAME_MAX], *text;
		size_t len, i, at;

		x = x * 6364136223846793005u + 1442695040888963407u;
		len = 4 + (x >> 33) % 24;
		text = malloc(len + 1);
		assert_non_null(text);
		memcpy(text, "rbd/", 4);
		for (i = 4; i < len; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			at = (x >> 33) % (sizeof(bytes) - 1);
			text[i] = bytes[at];
		}
		text[len] = '\0';
		if (!rbd_config_parse(text, &rbd)) {
			accepted++;
			assert_true(rbd.pool[0] && rbd.image[0]);
			assert_int_equal(rbd_config_lu(&rbd, lu, sizeof(lu)),
					 0);
			assert_int_equal(rbd_config_parse_lu(lu, &again), 0);
			assert_same(&rbd, &again);
		}
		free(text);
	}
	assert_true(accepted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long),   cmocka_unit_test(test_where),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
