// SPDX-License-Identifier: GPL-2.0-only
#include "image.h"
#include "session.h"

#ifdef TPR_RADOS
static bool is_rbd;

void image_open(const char *name)
{
	is_rbd = rbd_is(name);
	if (is_rbd)
		rbd_open(name);
	else
		qcow_open(name);
}

void image_read(unsigned int lba, unsigned int count, unsigned char *data)
{
	if (is_rbd)
		rbd_read(lba, count, data);
	else
		qcow_read(lba, count, data);
}
#else
void image_open(const char *name)
{
	qcow_open(name);
}

void image_read(unsigned int lba, unsigned int count, unsigned char *data)
{
	qcow_read(lba, count, data);
}
#endif
