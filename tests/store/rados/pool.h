/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Ceph cluster for the tests of the RADOS store, which run.py has made, and
 * images in it.
 */
#ifndef TESTS_STORE_RADOS_POOL_H
#define TESTS_STORE_RADOS_POOL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>
#include <rados/librados.h>

#include "store.h"

#define INFO "metadata_tcmu_pr_info"
#define VERSION "metadata_tcmu_pr_version"

static const struct store_ops *const ops = &store_rados_ops;

/* Of client.admin, in the pool "rbd". */
extern rados_t pool_cluster;
extern rados_ioctx_t pool_io;

int pool_setup(void **state);
int pool_teardown(void **state);
/* Removes the gateways, the images and what is left beside them. */
int pool_clear(void **state);

/* As the user that gateways are to have. */
struct store *pool_open(const char *gateway, uint64_t incarnation);
/* The logical unit of @image, one of sixteen at a time. */
const char *pool_lu(const char *image);
/* An image of 4 MiB, and its logical unit. */
const char *pool_image(const char *image);
/* Its id. */
const char *pool_id(const char *image);
/* The header's name, and that of our object beside it. */
const char *pool_header(const char *image);
const char *pool_own(const char *image);

/* Runs a shell's command; its output, to be freed.  Fails if it fails. */
char *pool_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
void pool_do(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Exit status. */
int pool_try(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Keys of an object: NULL if there is none; else of malloc(). */
char *pool_get(const char *oid, const char *key);
void pool_set(const char *oid, const char *key, const char *val);
void pool_unset(const char *oid, const char *key);
void pool_remove(const char *oid);

/* Processes of the cluster: "osd", "mon". */
void pool_signal(const char *kind, int number);
void pool_restart(const char *kind);

int pool_swap(struct store *store, const char *lu, uint64_t expected,
	      const char *str);
/* The version that is loaded, or the error; the string, if @str. */
long long pool_load(struct store *store, const char *lu, char **str);
void pool_expect(struct store *store, const char *lu, uint64_t seq,
		 const char *str);

struct store_beat pool_beat(uint64_t incarnation, uint64_t term,
			    uint64_t count);
int pool_beats(struct store *store, uint64_t incarnation, uint64_t term,
	       uint64_t count, uint64_t *evicted);
bool pool_gateway(struct store *store, const char *gateway,
		  struct store_gateway *found);

/* How many operations the (first) osd has answered. */
int pool_count_ops(void);
long long pool_now_ms(void);

#endif
