// SPDX-License-Identifier: GPL-2.0-only
/*
 * A qcow2 image that somebody else writes to: only of a kind that needs no
 * metadata to change, fully allocated, without snapshots or compression.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "session.h"

enum {
	/* Byte offsets in the header. */
	CLUSTER_BITS_AT = 20,
	L1_AT = 40,
};

#define OFFSET_MASK 0x00fffffffffffe00ull

static const unsigned char *image;
static uint64_t image_len;

static uint64_t be(uint64_t at, int len)
{
	uint64_t value = 0;

	if (at + (uint64_t)len > image_len)
		die("the image ends too early");
	while (len--)
		value = value << 8 | image[at++];
	return value;
}

void qcow_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("%s: %s", path, strerror(errno));
	image_len = (uint64_t)st.st_size;
	image = mmap(NULL, image_len, PROT_READ, MAP_SHARED, fd, 0);
	if (image == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	close(fd);
	if (be(0, 4) != 0x514649fb)
		die("%s: no qcow2 image", path);
}

static const unsigned char *block(unsigned int lba)
{
	uint64_t at = (uint64_t)lba * BLOCK;
	unsigned int bits = (unsigned int)be(CLUSTER_BITS_AT, 4);
	uint64_t cluster = at >> bits;
	uint64_t table = be(be(L1_AT, 8) + (cluster >> (bits - 3)) * 8, 8) &
			 OFFSET_MASK;
	uint64_t data;

	if (!table)
		die("block %u is not allocated", lba);
	data = be(table + (cluster & ((1ull << (bits - 3)) - 1)) * 8, 8) &
	       OFFSET_MASK;
	if (!data)
		die("block %u is not allocated", lba);
	data += at & ((1ull << bits) - 1);
	if (data + BLOCK > image_len)
		die("block %u is beyond the image", lba);
	return image + data;
}

void qcow_read(unsigned int lba, unsigned int count, unsigned char *data)
{
	for (; count--; lba++, data += BLOCK)
		memcpy(data, block(lba), BLOCK);
}
