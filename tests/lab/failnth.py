#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""failslab and fail_page_alloc against what one task does: the N-th allocation of a system call fails, N = 1, 2, ...,
until the call needs no N-th one. In a gateway whose daemon is stopped and whose module is loaded and detached.

    failnth.py MODULE STRING

MODULE is the file of the module, STRING that of a good string. For each operation: how many calls had an
allocation that failed, and how many of those succeeded all the same. After each failure the operation must
pass when it is tried again.
"""

import ctypes
import errno
import os
import pathlib
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fakedaemon import NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, Netlink, attr  # noqa: E402
from nlfuzz import ATTRS, COMMANDS, PART, PROTOCOL, u64  # noqa: E402

FAULTS = pathlib.Path("/sys/kernel/debug")
CONFIG = "/sys/kernel/config/tcmu_pr"
BACKSTORE = "/sys/kernel/config/target/core/user_0/disk0"
SYS_FINIT_MODULE, SYS_DELETE_MODULE = 313, 176
LIMIT = 2000
LEASE_SECONDS = 30

libc = ctypes.CDLL(None, use_errno=True)
fail_nth = os.open("/proc/thread-self/fail-nth", os.O_RDWR)


def arm_all():
    """All allocations can fail, not only those that may not wait; nothing is said about it in the log."""
    for name in ("failslab", "fail_page_alloc"):
        for option, value in (("ignore-gfp-wait", "N"), ("verbose", "0"), ("probability", "0")):
            (FAULTS / name / option).write_text(value)
    (FAULTS / "fail_page_alloc/min-order").write_text("0")
    (FAULTS / "fail_page_alloc/ignore-gfp-highmem").write_text("N")


def with_failure(number, function):
    """Call it with its number-th allocation failing: its errno (0: good), and whether there was such an allocation."""
    error = 0
    word = b"%d" % number
    try:
        os.write(fail_nth, word)
        function()
    except OSError as failure:
        error = failure.errno
    left = os.pread(fail_nth, 16, 0)
    os.write(fail_nth, b"0")
    return error, int(left) == 0


def syscall(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Module:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)

    def load(self):
        syscall(SYS_FINIT_MODULE, self.fd, b"", 0)

    def unload(self):
        syscall(SYS_DELETE_MODULE, b"tcmu_pr", os.O_NONBLOCK)


def attach():
    os.mkdir(f"{CONFIG}/disk0")


def link():
    os.symlink(BACKSTORE, f"{CONFIG}/disk0/backstore")


def unlink():
    os.unlink(f"{CONFIG}/disk0/backstore")


def detach():
    os.rmdir(f"{CONFIG}/disk0")


class Sender:
    """Commands as the daemon sends them; the message is made before the failure is armed."""

    def __init__(self, string):
        self.link = Netlink()
        self.string = string

    def message(self, name, *attrs):
        body = struct.pack("=BBH", COMMANDS[name], 1, 0) + b"".join(attr(ATTRS[kind], value) for kind, value in attrs)
        return struct.pack("=IHHII", 16 + len(body), self.link.family, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body

    def call(self, message):
        """Send and wait for the acknowledgment. Without it, for want of memory, we do not know."""
        self.link.sock.send(message)
        self.link.sock.setblocking(False)
        try:
            while True:
                data = self.link.sock.recv(1 << 17)
                if struct.unpack("=H", data[4:6])[0] == NLMSG_ERROR:
                    error = -struct.unpack("=i", data[16:20])[0]
                    if error:
                        raise OSError(error, os.strerror(error))
                    return
        except BlockingIOError as failure:
            raise OSError(errno.ENOBUFS, "no acknowledgment") from failure
        finally:
            self.link.sock.setblocking(True)

    def messages(self):
        until = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + LEASE_SECONDS * 10**9
        info = [("INFO", self.string[i:i + PART]) for i in range(0, len(self.string), PART)]
        seq = int(self.string.partition(b"\nseq=")[2].partition(b"\n")[0])
        device = ("DEVICE", b"disk0\0")
        return {
            "HELLO": self.message("HELLO", ("GATEWAY", b"fuzz\0"), ("INCARNATION", u64(1)), ("PROTOCOL", struct.pack("=I", PROTOCOL)),
                                  ("LEASE_MS", struct.pack("=I", 60000))),
            "LEASE": self.message("LEASE", ("TERM", u64(1)), ("UNTIL", u64(until))),
            "LEASE, new term": self.message("LEASE", ("TERM", u64(2)), ("UNTIL", u64(until))),
            "PUSH": self.message("PUSH_PR_INFO", device, ("SEQ", u64(seq)), ("SETTLED", b"\1"), *info),
            "PUSH, known": self.message("PUSH_PR_INFO", device, ("SEQ", u64(seq)), ("SETTLED", b"\1")),
            "INVALIDATE": self.message("INVALIDATE", device, ("STATUS", struct.pack("=I", 5))),
            "GET_DONE": self.message("GET_PR_INFO_DONE", device, ("COOKIE", u64(1)), ("STATUS", struct.pack("=I", 0)), *info),
            "SET_DONE": self.message("SET_PR_INFO_DONE", device, ("COOKIE", u64(1)), ("STATUS", struct.pack("=I", 0))),
        }


def sweep(name, function, undo=None, expected=()):
    """Fail each allocation of the operation in turn; leaves the operation done."""
    failed = passed = 0
    for number in range(1, LIMIT):
        error, fired = with_failure(number, function)
        if not fired and error not in (0, *expected):
            raise SystemExit(f"{name}: {os.strerror(error)} without a failure")
        if not fired:
            break
        failed += 1
        if error == 0 or error in expected:
            passed += 1
        else:
            if error not in (errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN):
                print(f"{name}: allocation {number} failed: {os.strerror(error)}", flush=True)
            continue
        if undo:
            undo()
    else:
        raise SystemExit(f"{name}: {LIMIT} allocations")
    print(f"{name}: {failed} allocations failed, {passed} of these without an error", flush=True)


def main():
    module, string = Module(sys.argv[1]), pathlib.Path(sys.argv[2]).read_bytes()
    arm_all()
    if os.path.exists("/sys/module/tcmu_pr"):
        sweep("rmmod", module.unload, module.load)
    sweep("insmod", module.load, module.unload)
    sweep("mkdir", attach, detach)
    sweep("attach", link, unlink)
    sender = Sender(string)
    for name, message in sender.messages().items():
        expected = (errno.ESTALE,) if name.endswith("_DONE") else ()
        sweep(name, lambda message=message: sender.call(message), None, expected)
        sender.call(sender.messages()["HELLO"])
    sender.link.sock.close()
    sweep("detach", unlink, link)
    sweep("rmdir", detach, attach)
    sweep("rmmod", module.unload, module.load)
    module.load()


if __name__ == "__main__":
    main()
