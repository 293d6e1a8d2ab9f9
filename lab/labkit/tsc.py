# SPDX-License-Identifier: GPL-2.0-only
"""How fast the host's time stamp counter counts, which under emulation is the guest's, too."""

import ctypes
import functools
import mmap
import platform
import time

SECONDS = 0.02
TRIES = 20
# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
READ = bytes.fromhex("0f31 48c1e220 4809d0 c3")


@functools.cache
def khz():
    """None where there is no such counter."""
    if platform.machine() != "x86_64":
        return None
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(READ)
        anchor = ctypes.c_char.from_buffer(page)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(anchor))
        first, count = sample(read)
        time.sleep(SECONDS)
        last, end = sample(read)
        del anchor                      # or else the page cannot be closed
    return round((end - count) * 1e6 / (last - first))


def sample(read):
    """A moment in ns, and the counter then: of some tries the one that nothing came between."""
    tries = []
    for _ in range(TRIES):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        count = read()
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        tries.append((after - before, (before + after) // 2, count))
    return min(tries)[1:]
