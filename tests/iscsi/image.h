/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The blocks as they are on the disk that all gateways have, past all targets.
 * The disk is a file of the kind that image_qcow.c knows, or an RBD image:
 * rbd:CONF:USER:POOL/[NAMESPACE/]IMAGE.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>

void image_open(const char *name);
/* Waits while the disk cannot be read. */
void image_read(unsigned int lba, unsigned int count, unsigned char *data);

/* image_qcow.c */
void qcow_open(const char *path);
void qcow_read(unsigned int lba, unsigned int count, unsigned char *data);

/* image_rbd.c */
bool rbd_is(const char *name);
void rbd_open(const char *name);
void rbd_read(unsigned int lba, unsigned int count, unsigned char *data);

#endif
