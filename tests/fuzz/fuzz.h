/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TPR_FUZZ_H
#define TPR_FUZZ_H

#include "build.h"

/* Ends the run: the fuzzer keeps the input, and ./run tells how to replay. */
#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s: does not hold\n",          \
				__FILE__, __LINE__, #condition);               \
			abort();                                               \
		}                                                              \
	} while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size,
			       unsigned int seed);

#endif
