#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A daemon that does as it is told: what the module makes of it is tested.

    fakedaemon.py MODE

It says hello, takes a long lease, pushes nothing, and answers each GET_PR_INFO as MODE says:

    mute        not at all
    garbage     with bytes that are no string
    empty       with status 0 and no string
    errno       with an error number beyond all
    stale       with another cookie
    foreign     with a valid string of another device
    hello       only says hello; exit code is the errno of the answer

Or MODE is "script": it does what lines on its standard input say, each answered by one line, "= " and what follows
after the colon; lines that begin with "! " tell what the module said.

    hello LEASE_MS [PROTOCOL]   : ERRNO                 LEASE_MS "-": without
    lease TERM MS               : ERRNO UNTIL TOOK_US   so long from now, may be negative; "-": without TERM, or UNTIL
    push SEQ SETTLED WHAT       : ERRNO                 WHAT: free, reserved (for nobody here), none (no string)
    invalidate ERRNO            : ERRNO
    answer WHAT                 :                       to GET from now on: mute, free, reserved (with the newest SEQ)
    now                         : CLOCK_BOOTTIME, ns

All numbers and names are those of include/uapi/tcmu_pr.h.
"""

import os
import select
import socket
import struct
import sys
import time

NETLINK_GENERIC = 16
GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
(HELLO, ADDED, REMOVED, GET, GET_DONE, SET, SET_DONE, PUSH, PUSH_DONE, INVALIDATE, SETTLE, WELCOME, LEASE,
 QUIET) = range(1, 15)
(DEVICE, BACKSTORE, CONFIG, SERIAL, GATEWAY, INCARNATION, PROTOCOL_NUMBER, COOKIE, STATUS, SEQ, SETTLED, INFO, INFO_SIZE,
 INFO_OFFSET, LEASE_MS, TERM, UNTIL) = range(2, 19)
PROTOCOL = 2
LONG_MS = 600000


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


RESERVED = (b"rsv=1 0\nnum_regs=1\n",
            b"reg=0x00000000000000aa iqn.2026-11.org.tcmu-pr:nobody,i,0x00023d000001 "
            b"iqn.2026-11.org.tcmu-pr:lab,t,0x0001 5 1\n")
FREE = b"rsv=none\nnum_regs=0\n", b""


def string(device, seq, what=FREE):
    changes = [b"change=%d %s gw9 0x0000000000000001 %d none\n" % (n, b"repair" if n > 1 else b"create", n)
               for n in range(seq, max(0, seq - 8), -1)]
    body = (b"vers=1\nseq=%d\nscsi2_rsv=none\ngen=0\n%saptpl=0\ndevice=%s\nnum_changes=%d\n%s%s" %
            (seq, what[0], device, len(changes), b"".join(changes), what[1]))
    return body + b"crc32c=0x%08x\n" % crc32c(body)


def attr(kind, data):
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + bytes(-length % 4)


class Netlink:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.family, self.seq, self.later = GENL_ID_CTRL, 0, []
        answer = self.call(CTRL_CMD_GETFAMILY, attr(CTRL_ATTR_FAMILY_NAME, b"TCMU-PR\0"), ack=False)
        self.family = struct.unpack("=H", attributes(answer)[CTRL_ATTR_FAMILY_ID])[0]

    def send(self, command, attrs, flags=0):
        self.seq += 1
        message = struct.pack("=BBH", command, 1, 0) + attrs
        self.sock.send(struct.pack("=IHHII", 16 + len(message), self.family, NLM_F_REQUEST | flags, self.seq, 0) + message)

    def receive(self):
        """One message: its type, its number and what follows the netlink header."""
        data = self.sock.recv(1 << 17)
        return *struct.unpack("=HHI", data[4:12])[::2], data[16:]

    def call(self, command, attrs, ack=True):
        """Sends and waits; with ack the errno, without it the answer. What else comes is kept in self.later."""
        self.send(command, attrs, NLM_F_ACK if ack else 0)
        while True:
            kind, seq, data = self.receive()
            if kind == NLMSG_ERROR and seq == self.seq:
                error = -struct.unpack("=i", data[:4])[0]
                if ack:
                    return error
                raise OSError(error, os.strerror(error))
            if kind == self.family and not ack:
                return data
            if kind == self.family:
                self.later.append(data)


def attributes(data):
    found, at = {}, 4
    while at + 4 <= len(data):
        length, kind = struct.unpack("=HH", data[at:at + 4])
        found[kind & 0x3fff] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def answer(mode, device, cookie):
    status = 0
    if mode == "stale":
        cookie = struct.pack("=Q", 0xdead)
    if mode == "errno":
        status = 0xfffffff0
    attrs = attr(DEVICE, device) + attr(COOKIE, cookie) + attr(STATUS, struct.pack("=I", status))
    if mode == "garbage":
        attrs += attr(INFO, bytes(range(256)) * 8)
    if mode == "foreign":
        attrs += attr(INFO, string(b"somebody-else", 1))
    return attrs


def number(kind, value, form="=Q"):
    return b"" if value == "-" else attr(kind, struct.pack(form, int(value)))


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def hello(nl, lease_ms, protocol=PROTOCOL):
    return nl.call(HELLO, attr(GATEWAY, b"nonsense\0") + number(INCARNATION, 1) + number(PROTOCOL_NUMBER, protocol, "=I") +
                   number(LEASE_MS, lease_ms, "=I"))


def lease(nl, term, ms):
    """The errno, and when the lease ends."""
    until = ms if ms == "-" else boottime() + int(ms) * 1000000
    return nl.call(LEASE, number(TERM, term) + number(UNTIL, until)), until


class Script:
    """Does what lines say."""

    def __init__(self, nl):
        self.nl, self.device, self.serial, self.newest, self.answer = nl, b"", b"", 0, "mute"

    def string(self, seq, what):
        return string(self.serial.rstrip(b"\0"), seq, RESERVED if what == "reserved" else FREE)

    def do(self, word, *args):
        if word == "hello":
            return hello(self.nl, *args)
        if word == "lease":
            began = boottime()
            error, until = lease(self.nl, *args)
            return f"{error} {until} {(boottime() - began) // 1000}"
        if word == "push":
            attrs = attr(DEVICE, self.device) + number(SEQ, args[0]) + number(SETTLED, args[1], "=B")
            if args[2] != "none":
                attrs += attr(INFO, self.string(int(args[0]), args[2]))
            self.newest = int(args[0])
            return self.nl.call(PUSH, attrs)
        if word == "invalidate":
            return self.nl.call(INVALIDATE, attr(DEVICE, self.device) + number(STATUS, args[0], "=I"))
        if word == "answer":
            self.answer = args[0]
            return ""
        return boottime()

    def heard(self, data):
        found, command = attributes(data), data[0]
        if command == ADDED:
            self.device, self.serial = found[DEVICE], found[SERIAL]
        if command == GET and self.answer != "mute":
            self.nl.send(GET_DONE, attr(DEVICE, self.device) + attr(COOKIE, found[COOKIE]) + number(STATUS, 0, "=I") +
                         number(SEQ, self.newest) + attr(INFO, self.string(self.newest, self.answer)))
        names = {ADDED: "added", REMOVED: "removed", GET: "get", SET: "set", PUSH_DONE: "push-done", SETTLE: "settle",
                 WELCOME: "welcome", QUIET: "quiet"}
        values = [struct.unpack(form, found[kind])[0] for kind, form in ((TERM, "=Q"), (SEQ, "=Q"), (STATUS, "=I"))
                  if kind in found]
        print("!", names[command], *values, flush=True)

    def run(self):
        pending = b""
        while True:
            while self.nl.later:
                self.heard(self.nl.later.pop(0))
            ready = select.select([0, self.nl.sock], [], [])[0]
            if self.nl.sock in ready:
                kind, _, data = self.nl.receive()
                if kind == self.nl.family:
                    self.heard(data)
            if 0 in ready:
                data = os.read(0, 4096)
                if not data:
                    return 0
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    print("=", self.do(*line.decode().split()), flush=True)


def main():
    mode = sys.argv[1]
    nl = Netlink()
    if mode == "script":
        return Script(nl).run()
    error = hello(nl, LONG_MS)
    print(f"hello: {error}", flush=True)
    if mode == "hello" or error:
        return error
    welcomed = struct.unpack("=Q", attributes(nl.later[0])[TERM])[0]
    print(f"lease: {lease(nl, max(welcomed, 1), LONG_MS - 1000)[0]}", flush=True)
    while True:
        kind, _, data = nl.receive()
        if kind == nl.family and data[0] == GET and mode != "mute":
            found = attributes(data)
            nl.send(GET_DONE, answer(mode, found[DEVICE], found[COOKIE]))


if __name__ == "__main__":
    sys.exit(main())
