#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A daemon that answers nonsense: what the module makes of it is tested.

    fakedaemon.py MODE

It says hello, pushes nothing, and answers each GET_PR_INFO as MODE says:

    mute        not at all
    garbage     with bytes that are no string
    empty       with status 0 and no string
    errno       with an error number beyond all
    stale       with another cookie
    foreign     with a valid string of another device
    hello       only says hello; exit code is the errno of the answer

All numbers and names are those of include/uapi/tcmu_pr.h.
"""

import os
import socket
import struct
import sys

NETLINK_GENERIC = 16
GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
HELLO, GET, GET_DONE = 1, 4, 5
DEVICE, GATEWAY, INCARNATION, PROTOCOL, COOKIE, STATUS, SEQ, SETTLED, INFO = 2, 6, 7, 8, 9, 10, 11, 12, 13


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def foreign_string():
    body = (b"vers=1\nseq=1\nscsi2_rsv=none\ngen=0\nrsv=none\nnum_regs=0\naptpl=0\ndevice=somebody-else\n"
            b"num_changes=1\nchange=1 create gw9 0x0000000000000001 1 none\n")
    return body + b"crc32c=0x%08x\n" % crc32c(body)


def attr(kind, data):
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + bytes(-length % 4)


class Netlink:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.family = GENL_ID_CTRL
        answer = self.call(CTRL_CMD_GETFAMILY, attr(CTRL_ATTR_FAMILY_NAME, b"TCMU-PR\0"), ack=False)
        self.family = struct.unpack("=H", attributes(answer)[CTRL_ATTR_FAMILY_ID])[0]

    def send(self, command, attrs, flags):
        message = struct.pack("=BBH", command, 1, 0) + attrs
        self.sock.send(struct.pack("=IHHII", 16 + len(message), self.family, NLM_F_REQUEST | flags, 1, 0) + message)

    def receive(self):
        """One message: its type and what follows the netlink header."""
        data = self.sock.recv(1 << 17)
        return struct.unpack("=H", data[4:6])[0], data[16:]

    def call(self, command, attrs, ack=True):
        """Sends and waits; with ack the errno, without it the answer."""
        self.send(command, attrs, NLM_F_ACK if ack else 0)
        while True:
            kind, data = self.receive()
            if kind == NLMSG_ERROR:
                error = -struct.unpack("=i", data[:4])[0]
                if ack:
                    return error
                raise OSError(error, os.strerror(error))
            if not ack:
                return data


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
        attrs += attr(INFO, foreign_string())
    return attrs


def main():
    mode = sys.argv[1]
    nl = Netlink()
    error = nl.call(HELLO, attr(GATEWAY, b"nonsense\0") + attr(INCARNATION, struct.pack("=Q", 1)) +
                    attr(PROTOCOL, struct.pack("=I", 1)))
    print(f"hello: {error}", flush=True)
    if mode == "hello" or error:
        return error
    while True:
        kind, data = nl.receive()
        if kind == nl.family and data[0] == GET and mode != "mute":
            found = attributes(data)
            nl.send(GET_DONE, answer(mode, found[DEVICE], found[COOKIE]), 0)


if __name__ == "__main__":
    sys.exit(main())
