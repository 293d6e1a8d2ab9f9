#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Throws nonsense at the module over netlink, in a gateway whose daemon is stopped.

    nlfuzz.py SECONDS SEED DEVICE STRING [LEAST]

For SECONDS, or longer, until LEAST messages are sent. As a fake daemon: all commands, known and not, with random attributes, sizes and orders; with leases; the valid
string in the file STRING, and mutations of it with their checksums made right again, pushed and given as answers.
Then the same as a process without CAP_NET_ADMIN and as one that is not the daemon: they must be refused always.
Last come the good string and no lease. Prints what it sent and how often each answer came; exit code 1 if
anybody was heard who should not be.
"""

import collections
import contextlib
import os
import pathlib
import random
import select
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from fakedaemon import NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, Netlink, attr  # noqa: E402

UAPI = pathlib.Path(__file__).resolve().parents[2] / "include/uapi/tcmu_pr.h"
BATCH = 32
PART = 32768
EPERM, EBUSY = 1, 16
ALIEN_SECONDS = 2
# So many times as long as it should take.
PATIENCE = 10


def uapi_enum(name):
    """The numbers of an enum of the header, in order."""
    text = UAPI.read_text(encoding="ascii").partition(f"enum {name} {{")[2].partition("}")[0]
    words = [line.split(",")[0].split("/*")[0].strip() for line in text.splitlines()]
    return {word: number for number, word in enumerate(word for word in words if word and word.isidentifier())}


COMMANDS = {name.removeprefix("TCMU_PR_").removeprefix("TCMU_").removeprefix("CMD_"): n
            for name, n in uapi_enum("tcmu_pr_cmd").items()}
ATTRS = {name.removeprefix("TCMU_ATTR_PR_"): n for name, n in uapi_enum("tcmu_pr_attr").items()}
PROTOCOL = next(int(line.split()[2]) for line in UAPI.read_text(encoding="ascii").splitlines()
                if line.startswith("#define TCMU_PR_PROTOCOL"))

CRC_TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
    CRC_TABLE.append(byte)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def sealed(body):
    """The string with the right checksum: without it the decoder looks no further."""
    return body + b"crc32c=0x%08x\n" % crc32c(body)


def u64(value):
    return struct.pack("=Q", value & (1 << 64) - 1)


class Fuzzer:
    def __init__(self, seed, device, string):
        self.random = random.Random(seed)
        self.device = device.encode() + b"\0"
        self.string = string
        self.body = string[:string.rindex(b"crc32c=")]
        self.cookies = [0]
        self.seqs = [1]
        self.sent = 0
        self.answers = collections.Counter()

    # What is sent

    def mutated_string(self):
        """One to four small changes; most with a right checksum."""
        rng, data = self.random, bytearray(self.body)
        for _ in range(rng.randint(1, 4)):
            how, at = rng.randrange(7), rng.randrange(len(data) + 1)
            lines = bytes(data).split(b"\n")
            if how == 0 and at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            elif how == 1:
                data[at:at] = bytes([rng.choice(b"\n=0x19af \0\xff,:")])
            elif how == 2:
                del data[at:at + rng.randint(1, 40)]
            elif how == 3:
                lines.insert(rng.randrange(len(lines)), rng.choice(lines))
                data = bytearray(b"\n".join(lines))
            elif how == 4 and len(lines) > 2:
                i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
                data = bytearray(b"\n".join(lines))
            elif how == 5:
                i = rng.randrange(len(lines))
                name = lines[i].partition(b"=")[0]
                value = rng.choice([b"0", b"1", b"4096", b"4097", b"4294967295", b"18446744073709551615", b"99999999999999999999",
                                    b"-1", b"none", b"0x", b"0x" + b"f" * 17, b"a" * 300, b""])
                lines[i] = name + b"=" + value
                data = bytearray(b"\n".join(lines))
            elif how == 6:
                data = data[:at]
            if not data:
                data = bytearray(self.body)
        return sealed(bytes(data)) if rng.random() < 0.9 else bytes(data) + self.string[len(self.body):]

    def any_string(self):
        rng = self.random
        how = rng.random()
        if how < 0.15:
            return self.string
        if how < 0.9:
            return self.mutated_string()
        return rng.randbytes(rng.choice([0, 1, 7, 4096, PART, 3 * PART]))

    def info(self):
        """The string in one part, or in several, or in one that is too long."""
        string, rng = self.any_string(), self.random
        size = PART if rng.random() < 0.8 else rng.randint(1, 200)
        if rng.random() < 0.02:
            size = PART + 4096
        parts = [string[i:i + size] for i in range(0, len(string), size)][:120]
        return b"".join(attr(ATTRS["INFO"], part) for part in parts)

    def number(self):
        rng = self.random
        return rng.choice([0, 1, 2, rng.choice(self.seqs), rng.choice(self.seqs) + 1, 1 << 31, (1 << 32) - 1, 1 << 63,
                           (1 << 64) - 1, rng.getrandbits(64)])

    def value(self, name):
        """A value that may be right."""
        rng = self.random
        if name == "DEVICE":
            return self.device if rng.random() < 0.9 else rng.choice([b"", b"\0", b"x\0", b"d" * 63 + b"\0", self.device[:-1]])
        if name == "GATEWAY":
            return rng.choice([b"fuzz\0", b"fuzz\0", b"\0", b"gw/../x\0", b"g" * 64 + b"\0", b"g" * 300])
        if name == "COOKIE":
            return u64(rng.choice(self.cookies) if rng.random() < 0.7 else self.number())
        if name == "STATUS":
            return struct.pack("=I", rng.choice([0, 0, 0, 5, 11, 74, 110, 115, 4095, 4096, 0x80000000, 0xffffffff]))
        if name == "SETTLED":
            return bytes([rng.choice([0, 1, 1, 1, 2, 255])])
        if name == "PROTOCOL":
            return struct.pack("=I", rng.choice([PROTOCOL, PROTOCOL, PROTOCOL, 0, 1, 0xffffffff]))
        if name == "LEASE_MS":
            return struct.pack("=I", rng.choice([0, 1, 1000, 15000, 600000, 600001, 0xffffffff]))
        if name == "UNTIL":
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            return u64(rng.choice([0, 1, now, now + 10**9, now + 15 * 10**9, now - 10**9, now + 10**15, (1 << 64) - 1]))
        if name == "TERM":
            return u64(rng.choice([0, 1, 1, 1, 2, 3]) if rng.random() < 0.99 else 4)
        return u64(self.number())

    def attribute(self, name):
        rng = self.random
        if name == "INFO":
            return self.info()
        value = self.value(name)
        if rng.random() < 0.05:
            # Not for a term: after one that is huge the module takes no other.
            value = rng.randbytes(rng.choice([0, 1, 3, 4, 7, 64, 300, 5000] + [8, 9] * (name != "TERM")))
        return attr(ATTRS[name] | (0x8000 if rng.random() < 0.01 else 0), value)

    WANTED = {"HELLO": ("GATEWAY", "INCARNATION", "PROTOCOL", "LEASE_MS"), "LEASE": ("TERM", "UNTIL"),
              "GET_PR_INFO_DONE": ("DEVICE", "COOKIE", "STATUS", "SEQ", "INFO"),
              "SET_PR_INFO_DONE": ("DEVICE", "COOKIE", "STATUS"),
              "PUSH_PR_INFO": ("DEVICE", "SEQ", "SETTLED", "INFO"), "INVALIDATE": ("DEVICE", "STATUS")}

    def message(self):
        """One netlink message: mostly a command with its attributes, some of them wrong."""
        rng = self.random
        name = rng.choice([*self.WANTED, "PUSH_PR_INFO", "PUSH_PR_INFO"])
        number = COMMANDS[name] if rng.random() < 0.95 else rng.choice([0, rng.randrange(32), rng.randrange(256)])
        names = [one for one in self.WANTED[name] if rng.random() > 0.04]
        if rng.random() < 0.1:
            names += rng.choices(list(ATTRS), k=rng.randint(1, 4))
            rng.shuffle(names)
        body = b"".join(self.attribute(one) for one in names)
        if rng.random() < 0.05:         # lengths that lie
            body = bytearray(body or b"\0\0\0\0")
            for _ in range(rng.randint(1, 3)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            body = bytes(body[:rng.randint(1, len(body))]) if rng.random() < 0.3 else bytes(body)
        return struct.pack("=BBH", number, rng.choice([1, 1, 1, 0, 255]), 0) + body

    # How it is sent

    def send(self, link, flags=NLM_F_REQUEST | NLM_F_ACK):
        """A batch of messages in one call, as netlink allows it."""
        batch = bytearray()
        for _ in range(BATCH):
            payload = self.message()
            length = 16 + len(payload)
            if len(batch) + length > 180000:
                break
            batch += struct.pack("=IHHII", length, link.family, flags, self.sent & 0xffffffff, 0) + payload + bytes(-length % 4)
            self.sent += 1
        with contextlib.suppress(OSError):
            link.sock.send(batch)

    def drain(self, link, answers):
        """Count acknowledgments, and remember what the module asks for."""
        while select.select([link.sock], [], [], 0)[0]:
            try:
                data = link.sock.recv(1 << 20)
            except OSError:
                continue
            at = 0
            while at + 16 <= len(data):
                length, kind = struct.unpack("=IH", data[at:at + 6])
                if kind == NLMSG_ERROR:
                    answers[-struct.unpack("=i", data[at + 16:at + 20])[0]] += 1
                elif kind == link.family:
                    self.learn(data[at + 20:at + length])
                at += max(16, (length + 3) & ~3)

    def learn(self, data):
        at = 0
        while at + 4 <= len(data):
            length, kind = struct.unpack("=HH", data[at:at + 4])
            if length == 12 and kind in (ATTRS["COOKIE"], ATTRS["SEQ"]):
                target = self.cookies if kind == ATTRS["COOKIE"] else self.seqs
                target.append(struct.unpack("=Q", data[at + 4:at + 12])[0])
                del target[:-8]
            at += max(4, (length + 3) & ~3)

    def as_daemon(self, seconds, least):
        """For so long, and until so many messages are sent. Half a second of each life; the last one leaves the good string
        behind."""
        begun = time.monotonic()
        end = begun + seconds
        while time.monotonic() < end:
            link = Netlink()
            link.call(COMMANDS["HELLO"], self.hello())
            life = time.monotonic() + self.random.choice([0.05, 0.5, 2])
            while time.monotonic() < min(life, end):
                self.send(link)
                self.drain(link, self.answers)
            link.sock.close()
            if self.sent < least and time.monotonic() >= end:
                end = min(time.monotonic() + 1, begun + PATIENCE * seconds)

    def hello(self):
        return (attr(ATTRS["GATEWAY"], b"fuzz\0") + attr(ATTRS["INCARNATION"], u64(1)) +
                attr(ATTRS["PROTOCOL"], struct.pack("=I", PROTOCOL)) + attr(ATTRS["LEASE_MS"], struct.pack("=I", 1000)))

    def refused(self, seconds, allowed):
        """Send as somebody who must not be heard; the answers that should not have come."""
        answers, end, link = collections.Counter(), time.monotonic() + seconds, Netlink()
        while time.monotonic() < end:
            self.send(link)
            self.drain(link, answers)
        link.sock.close()
        print(f"refused: {dict(answers)}", flush=True)
        return {error: count for error, count in answers.items() if error in allowed}


def in_child(function):
    """Its result is the child's exit code: for what cannot be taken back."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = function()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    seconds, seed, device = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    fuzzer = Fuzzer(seed, device, pathlib.Path(sys.argv[4]).read_bytes())
    began = time.monotonic()
    fuzzer.as_daemon(seconds, int(sys.argv[5]) if len(sys.argv) > 5 else 0)
    took = time.monotonic() - began
    print(f"sent {fuzzer.sent} messages in {took:.1f} s, {fuzzer.sent / took:.0f}/s, answers {dict(sorted(fuzzer.answers.items()))}",
          flush=True)
    daemon = Netlink()
    if daemon.call(COMMANDS["HELLO"], fuzzer.hello()):
        print("the module does not take a daemon any more")
        return 1

    def without_rights():
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        return 1 if fuzzer.refused(ALIEN_SECONDS, {0}) else 0

    def not_the_daemon():
        return 1 if fuzzer.refused(ALIEN_SECONDS, {0}) else 0

    wrong = in_child(without_rights) | in_child(not_the_daemon)
    print("aliens: " + ("HEARD" if wrong else "refused"), flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
