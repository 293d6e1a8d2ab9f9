// SPDX-License-Identifier: GPL-2.0-only
/* The rules of store.h in a directory. */
#include "area.h"
#include "rules.h"

#include <stdio.h>

static const char *lu(void)
{
	return LU;
}

static bool marked(const char *name)
{
	(void)name;
	return area_exists("lu/" LU "/created");
}

static void unmark(const char *name)
{
	(void)name;
	area_remove("lu/" LU "/created");
}

/* No version is left: the one before would be the newest. */
static void lose(const char *name)
{
	char path[64];

	(void)name;
	for (int seq = 1; seq < 50; seq++) {
		snprintf(path, sizeof(path), "lu/" LU "/v%020d", seq);
		area_remove(path);
	}
}

static void wipe(const char *name)
{
	(void)name;
	area_remove("lu/" LU);
}

static const char *path_of(const char *kind, const char *gateway,
			   const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s/%s", kind, gateway, name);
	return path;
}

static void spoil_member(const char *name, const char *gateway)
{
	(void)name;
	area_write(path_of("lu/" LU "/m", gateway, "state"), "nonsense");
}

static void spoil_beat(const char *gateway)
{
	area_write(path_of("gw", gateway, "beat"), "nonsense");
	area_write(path_of("gw", gateway, "began"), "nonsense");
}

static void drop_beat(const char *gateway)
{
	area_remove(path_of("gw", gateway, "beat"));
	area_remove(path_of("gw", gateway, "began"));
}

static void spoil_mark(const char *gateway)
{
	area_write(path_of("gw", gateway, "evicted.nonsense"), "");
}

static void mend_mark(const char *gateway)
{
	area_remove(path_of("gw", gateway, "evicted.nonsense"));
}

static int clear(void **state)
{
	(void)state;
	area_clear();
	return 0;
}

int main(void)
{
	const struct rules_place place = {
		.ops = &store_dir_ops,
		.where = area_where,
		.lu = lu,
		.marked = marked,
		.unmark = unmark,
		.lose = lose,
		.wipe = wipe,
		.spoil_member = spoil_member,
		.spoil_beat = spoil_beat,
		.drop_beat = drop_beat,
		.spoil_mark = spoil_mark,
		.mend_mark = mend_mark,
		.clear = clear,
	};

	return rules_run(&place, area_setup, area_teardown);
}
