# SPDX-License-Identifier: GPL-2.0-only
"""Frames between the lab and the agent in a guest, over one virtio-serial port.

A port is a byte stream that outlives its users: a lab command can die in the middle of a frame,
and the next one gets the same port. So a frame is delimited by a byte that occurs nowhere else
(SLIP escaping), carries the id of its session, and is dropped when its checksum is wrong.

    END | escape( session:4 | kind:1 | payload | crc32:4 ) | END

Host to guest: P ping, X execute (see pack_strings), I data for stdin, E end of stdin, S signal number.
Guest to host: P pong, B begun, O data of stdout, R data of stderr, Q exit code, F could not start.
"""

import binascii
import struct

END = b"\xc0"
ESC = b"\xdb"
ESC_END = b"\xdb\xdc"
ESC_ESC = b"\xdb\xdd"

PAYLOAD_MAX = 32 * 1024
FRAME_MAX = 4 * 1024 * 1024         # a command line can be long; garbage can be longer
HEADER = struct.Struct(">I1s")
CHECK = struct.Struct(">I")


def encode(session, kind, payload=b""):
    """One frame as bytes. Both ends carry END, so that it also ends a torn frame before it."""
    body = HEADER.pack(session, kind) + bytes(payload)
    body += CHECK.pack(binascii.crc32(body))
    return END + body.replace(ESC, ESC_ESC).replace(END, ESC_END) + END


class Decoder:
    """Takes bytes as they come, gives whole frames; drops what is torn or damaged."""

    def __init__(self):
        self.tail = b""

    def feed(self, data):
        """The (session, kind, payload) of each frame that data completes."""
        *chunks, self.tail = (self.tail + data).split(END)
        if len(self.tail) > FRAME_MAX:
            self.tail = b""
        frames = (self._open(chunk) for chunk in chunks if chunk)
        return [frame for frame in frames if frame is not None]

    @staticmethod
    def _open(chunk):
        body = chunk.replace(ESC_END, END).replace(ESC_ESC, ESC)
        if len(body) < HEADER.size + CHECK.size:
            return None
        content, (check,) = body[:-CHECK.size], CHECK.unpack(body[-CHECK.size:])
        if binascii.crc32(content) != check:
            return None
        session, kind = HEADER.unpack_from(content)
        return session, kind, content[HEADER.size:]


def pack_strings(*groups):
    """Lists of byte strings as one payload: none of them can hold a NUL, so NUL ends each."""
    return b"\0".join(b"%d\0" % len(group) + b"".join(s + b"\0" for s in group) for group in groups)


def unpack_strings(payload):
    """The lists that pack_strings was given."""
    groups, rest = [], payload.split(b"\0")
    while rest and rest[0]:
        count = int(rest[0])
        groups.append(rest[1:1 + count])
        rest = rest[2 + count:]
    return groups
