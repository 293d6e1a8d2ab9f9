# SPDX-License-Identifier: GPL-2.0-only
"""Stands between the agent's sockets and a user-mode Linux guest's serial lines, as QEMU does for its guests.

    umlbridge.py LISTENERS LINES            lists of file descriptors, equally long

One connection at a time on a socket. A serial line cannot say that the other end has closed, so its end is
told to the agent in a frame of its own. Ends when the guest's kernel has closed a line.
"""

import os
import select
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from labkit import frames  # noqa: E402

READ_SIZE = 32 * 1024
NO_SESSION = 0


class GuestGone(Exception):
    """The kernel has closed its end."""


class Line:
    """A listening socket, a serial line, and at most one connection."""

    def __init__(self, listener, line):
        self.listener = socket.socket(fileno=listener)
        self.line = socket.socket(fileno=line)
        self.line.setblocking(False)
        self.client = None
        self.to_guest = bytearray()
        self.to_client = bytearray()

    def interests(self):
        """What to wait for: lists to read and to write."""
        readers = [self.line] if len(self.to_client) < READ_SIZE else []
        writers = [self.line] if self.to_guest else []
        if self.client is None:
            readers.append(self.listener)
        else:
            if len(self.to_guest) < READ_SIZE:
                readers.append(self.client)
            if self.to_client:
                writers.append(self.client)
        return readers, writers

    def work(self, readable, writable):
        if self.listener in readable:
            self.client, _ = self.listener.accept()
            self.client.setblocking(False)
            self.to_client.clear()
        if self.line in readable:
            self.from_line()
        if self.client is not None and self.client in readable:
            self.from_client()
        if self.line in writable:
            self.push(self.line, self.to_guest)
        if self.client is not None and self.client in writable:
            try:
                self.push(self.client, self.to_client)
            except OSError:
                self.hang_up()

    def from_line(self):
        try:
            data = self.line.recv(READ_SIZE)
        except OSError as error:
            raise GuestGone from error
        if not data:
            raise GuestGone
        if self.client is not None:     # nobody else waits for it
            self.to_client += data

    def from_client(self):
        try:
            data = self.client.recv(READ_SIZE)
        except OSError:
            data = b""
        self.to_guest += data
        if not data:
            self.hang_up()

    def hang_up(self):
        self.client.close()
        self.client = None
        self.to_client.clear()
        self.to_guest += frames.encode(NO_SESSION, b"H")

    @staticmethod
    def push(target, data):
        try:
            del data[:target.send(data)]
        except BlockingIOError:
            pass


def main():
    listeners, ends = ([int(word) for word in argument.split(",")] for argument in sys.argv[1:])
    lines = [Line(listener, end) for listener, end in zip(listeners, ends)]
    try:
        while True:
            readers, writers = [], []
            for line in lines:
                more_readers, more_writers = line.interests()
                readers += more_readers
                writers += more_writers
            readable, writable, _ = select.select(readers, writers, [])
            for line in lines:
                line.work(readable, writable)
    except GuestGone:
        pass


if __name__ == "__main__":
    main()
