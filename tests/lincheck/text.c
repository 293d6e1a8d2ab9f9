// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "text.h"
#include "tpr_check.h"

enum {
	DATA_MAX = 8192,
	WORDS_MAX = 10,
};

static const char *file;
static unsigned long line_number;

static void __attribute__((noreturn)) malformed(const char *what)
{
	fprintf(stderr, "%s:%lu: %s\n", file, line_number, what);
	exit(2);
}

static u64 number(const char *word)
{
	char *end;
	u64 value = strtoull(word, &end, 10);

	if (*end || end == word)
		malformed("not a number");
	return value;
}

static u32 index_below(const char *word, u32 count)
{
	u64 value = number(word);

	if (value >= count)
		malformed("no such number");
	return (u32)value;
}

static u32 hex(const char *word, u8 *data, u32 cap)
{
	u32 len = 0;

	if (!strcmp(word, "-"))
		return 0;
	for (; *word; word += 2, len++) {
		unsigned int byte;

		if (len == cap || sscanf(word, "%2x", &byte) != 1 || !word[1])
			malformed("not hexadecimal, or too long");
		data[len] = (u8)byte;
	}
	return len;
}

static struct tpr_result result_of(const char *word)
{
	unsigned int status, key = 0, asc = 0;

	if (sscanf(word, "%2x.%2x.%4x", &status, &key, &asc) < 1)
		malformed("no answer");
	return (struct tpr_result){ (u8)status, (u8)key, (u16)asc };
}

static void on_start(struct text *t, char **w)
{
	struct tcmu_pr_info info;

	tpr_info_init(&info, 0);
	info.gen = (u32)number(w[1]);
	t->history = lc_new(&info);
}

static void on_nexus(struct text *t, char **w)
{
	struct tpr_nexus nexus = { .proto = TPR_PROTO_ISCSI };

	if (strlen(w[4]) > TPR_NAME_MAX || strlen(w[6]) > TPR_NAME_MAX)
		malformed("name too long");
	strcpy(nexus.initiator, w[4]);
	strcpy(nexus.target, w[6]);
	if (hex(w[5], nexus.isid, sizeof(nexus.isid)) != sizeof(nexus.isid))
		malformed("no ISID");
	nexus.tag = (u16)number(w[7]);
	nexus.rtpi = (u16)number(w[8]);
	if (lc_nexus(t->history, &nexus, w[2], w[3]) != number(w[1]))
		malformed("nexus out of order, or twice");
}

static void on_op(struct text *t, char **w)
{
	static u8 data[DATA_MAX];
	u8 cdb[OP_CDB_MAX], param[DATA_MAX];
	u32 cdb_len = hex(w[5], cdb, sizeof(cdb));
	u32 param_len = hex(w[6], param, sizeof(param));
	u32 nexus = index_below(w[2], t->history->num_nexuses), op;

	if (cdb_len < 6)
		malformed("no CDB");
	op = lc_call(t->history, number(w[3]), nexus, cdb, cdb_len, param,
		     param_len);
	if (op != number(w[1]))
		malformed("operation out of order");
	t->tags = lc_room(t->tags, op, &t->cap_tags, sizeof(*t->tags));
	t->tags[op] = -1;
	t->num_commands = op + 1;
	if (strcmp(w[7], "none"))
		lc_return(t->history, op, number(w[4]), result_of(w[7]), data,
			  hex(w[8], data, sizeof(data)));
}

static long tag_of(const char *word)
{
	char *end;
	long tag = strtol(word, &end, 10);

	if (*end || end == word || tag < -2)
		malformed("no tag");
	return tag;
}

static void on_landed(struct text *t, char **w)
{
	t->landed = lc_room(t->landed, t->num_landed, &t->cap_landed,
			    sizeof(*t->landed));
	t->landed[t->num_landed++] = (struct landed){
		index_below(w[1], t->num_commands),
		index_below(w[2], t->num_commands), number(w[3]) != 0
	};
}

static void on_block(struct text *t, char **w)
{
	t->blocks = lc_room(t->blocks, t->num_blocks, &t->cap_blocks,
			    sizeof(*t->blocks));
	t->blocks[t->num_blocks++] = (struct block){ (u32)number(w[1]),
						     tag_of(w[2]) };
}

static void on_line(struct text *t, char **w, u32 words)
{
	if (!t->history && strcmp(w[0], "history") && strcmp(w[0], "start"))
		malformed("no history");
	if (!strcmp(w[0], "history") && words == 2 && number(w[1]) == 1)
		return;
	if (!strcmp(w[0], "start") && words == 2 && !t->history)
		on_start(t, w);
	else if (!strcmp(w[0], "nexus") && words == 9)
		on_nexus(t, w);
	else if (!strcmp(w[0], "op") && words == 9)
		on_op(t, w);
	else if (!strcmp(w[0], "read") && words == 3)
		t->tags[index_below(w[1], t->num_commands)] = tag_of(w[2]);
	else if (!strcmp(w[0], "loss") && words == 3)
		lc_event(t->history, LC_NEXUS_LOSS, number(w[2]), LC_FOREVER,
			 index_below(w[1], t->history->num_nexuses));
	else if (!strcmp(w[0], "power") && words == 3)
		lc_event(t->history, LC_POWER_LOSS, number(w[1]), number(w[2]),
			 0);
	else if (!strcmp(w[0], "landed") && words == 4)
		on_landed(t, w);
	else if (!strcmp(w[0], "block") && words == 3)
		on_block(t, w);
	else if (!strcmp(w[0], "end") && words == 2)
		t->end = number(w[1]);
	else
		malformed("not understood");
}

void text_read(struct text *t, const char *path)
{
	char *line = NULL, *words[WORDS_MAX];
	size_t cap = 0;
	FILE *f = fopen(path, "r");

	memset(t, 0, sizeof(*t));
	file = path;
	line_number = 0;
	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (getline(&line, &cap, f) > 0) {
		char *rest = line, *word;
		u32 n = 0;

		line_number++;
		while ((word = strsep(&rest, " \n")) && n < WORDS_MAX)
			if (*word)
				words[n++] = word;
		if (!n)
			malformed("empty line");
		on_line(t, words, n);
	}
	if (!t->end)
		malformed("no end");
	free(line);
	fclose(f);
}

void text_free(struct text *t)
{
	lc_free(t->history);
	free(t->tags);
	free(t->landed);
	free(t->blocks);
}
