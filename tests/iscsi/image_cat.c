// SPDX-License-Identifier: GPL-2.0-only
/* image IMAGE LBA COUNT: prints so many blocks, as image.h has them. */
#include <stdio.h>
#include <stdlib.h>

#include "image.h"
#include "session.h"

int main(int argc, char **argv)
{
	unsigned char data[BLOCK];
	unsigned int lba, end;

	if (argc != 4)
		die("usage: image IMAGE LBA COUNT");
	image_open(argv[1]);
	lba = (unsigned int)strtoul(argv[2], NULL, 10);
	end = lba + (unsigned int)strtoul(argv[3], NULL, 10);
	for (; lba < end; lba++) {
		image_read(lba, 1, data);
		fwrite(data, BLOCK, 1, stdout);
	}
	return fflush(stdout) ? 1 : 0;
}
