/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the directory store share.  Start with store_dir.c, the
 * layout and the rules are explained there.
 */
#ifndef TCMU_PR_STORE_DIR_INT_H
#define TCMU_PR_STORE_DIR_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "store.h"

enum sd_limits {
	SD_GATEWAY_MAX = STORE_GATEWAY_MAX,
	SD_LU_MAX = 200,
	SD_KEEP = 16, /* versions that stay when a newer one is stored */
	SD_STRING_MAX = 8 << 20,
	SD_RECORD_MAX = 128, /* bytes of a member's record */
	SD_LOCKS = 64,
	SD_VERSION_CAP = 22, /* "v", 20 digits, NUL */
	SD_TMP_CAP = 160,
	SD_LIST_LOOKS = 50, /* tries to read a directory that changes */
};

struct store {
	int root; /* WHERE */
	int lu; /* WHERE/lu */
	int gw; /* WHERE/gw */
	int wake; /* eventfd */
	/* A call may be made again on the wire, after it was done: NFS. */
	bool replays;
	uint64_t incarnation;
	char gateway[SD_GATEWAY_MAX + 1];
	atomic_ullong counter; /* of temporary files */
	atomic_llong active; /* when there was news last, ms */
	/* Of news() alone, which one thread at a time calls. */
	struct {
		int fd; /* the inbox, -1: not open */
		struct statx_timestamp changed; /* as last seen */
		long long seen; /* when it was seen to be another, ms */
		long long read; /* when it was read last, ms */
	} inbox;
	struct {
		pthread_mutex_t one; /* beat() at a time; around lock */
		bool lasting; /* the last one succeeded; under one */
		pthread_mutex_t lock; /* of the rest; held for no I/O */
		bool begun; /* there was a call of beat() */
		struct store_beat known; /* ours, as last seen or written */
	} beat;
	/* Serialise read-modify-write of our own member records, by lu. */
	pthread_mutex_t member[SD_LOCKS];
};

/* A temporary file, complete and on stable storage. */
struct sd_tmp {
	char name[SD_TMP_CAP];
	uint64_t ino;
};

struct sd_stat {
	uint64_t ino;
	uint64_t size;
	uint32_t nlink;
	uint32_t mode;
};

/* store_dir_fs.c: all return 0 (or a descriptor) or a negative errno. */
int sd_errno(void);
bool sd_name_ok(const char *name, size_t max);
int sd_fsync(int fd);
/* The file system of a store may cache what other machines change. */
void sd_set_caching(void);
int sd_open_dir(int parent, const char *name);
int sd_make_dir(int parent, const char *name);
int sd_stat(int dir, const char *name, struct sd_stat *st);
int sd_unlink(int dir, const char *name);
int sd_each(int dir, int (*fn)(void *arg, const char *name), void *arg);
int sd_read_file(int dir, const char *name, size_t max, char **str,
		 size_t *len);
/* Of a file that others replace.  -EBADMSG if it is too long. */
int sd_read_small(int dir, const char *name, size_t max, char **str,
		  size_t *len);
int sd_tmp_write(struct store *store, int dir, uint64_t target,
		 const char *data, size_t len, struct sd_tmp *tmp);
/* The same without making it durable. */
int sd_tmp_write_lazy(struct store *store, int dir, const char *data,
		      size_t len, struct sd_tmp *tmp);
bool sd_tmp_is_ours(const struct store *store, const char *name);
void sd_clean_dir(const struct store *store, int dir);
uint64_t sd_tmp_target(const char *name);
void sd_version_name(char name[SD_VERSION_CAP], uint64_t seq);
uint64_t sd_version_seq(const char *name);
bool sd_parse_u64(const char **text, uint64_t *value);

/* store_dir_open.c */
int sd_open(struct store **store, const char *where, const char *gateway,
	    uint64_t incarnation, char **err);
void sd_close(struct store *store);

/* store_dir_swap.c */
int sd_load(struct store *store, const char *lu, char **str, size_t *len,
	    uint64_t *seq);
int sd_swap(struct store *store, const char *lu, uint64_t expected,
	    const char *str, size_t len);
int sd_mark_lost(struct store *store, const char *lu, uint64_t seq,
		 const char *str, size_t len);

/* store_dir_member.c */
int sd_join(struct store *store, const char *lu, uint64_t term);
int sd_leave(struct store *store, const char *lu);
int sd_forget(struct store *store, const char *lu, const char *gateway);
int sd_ack(struct store *store, const char *lu, uint64_t term, uint64_t seq,
	   uint64_t ended);
int sd_members(struct store *store, const char *lu, struct store_member **list,
	       size_t *count);

/* store_dir_gateway.c */
int sd_beat(struct store *store, const struct store_beat *beat,
	    uint64_t *evicted);
int sd_gateways(struct store *store, struct store_gateway **list,
		size_t *count);
int sd_evict(struct store *store, const char *gateway, uint64_t term);
int sd_fence(struct store *store, const char *gateway, uint64_t term);

/* store_dir_news.c */
int sd_inbox(struct store *store, const char *gateway);
int sd_announce(struct store *store, const char *lu, const char *gateway,
		const struct store_message *message);
int sd_news(struct store *store, int timeout_ms, store_news_fn *fn, void *arg);
void sd_wake(struct store *store);

#endif
