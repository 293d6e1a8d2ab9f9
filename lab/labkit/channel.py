# SPDX-License-Identifier: GPL-2.0-only
"""The host's end of the agent: one command in a guest, over one of its virtio-serial ports.

QEMU takes one connection at a time on a port's socket, and a lock on a file beside it keeps lab
commands from waiting for each other: each takes the first port that is free. The lock ends with the
process, and with the connection ends, in the guest, the command.
"""

import contextlib
import fcntl
import os
import select
import socket
import time

from . import frames, settings
from .settings import LabError

SLICE_SECONDS = 0.2
READ_SIZE = 64 * 1024
INPUT_SIZE = frames.PAYLOAD_MAX


class LostError(LabError):
    """The guest went away, or was told to."""


class NotStarted(LabError):
    """The guest could not execute the command; code is what a shell would return."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Channel:
    """One session with the agent of one guest."""

    def __init__(self, guest, seconds=settings.START_SECONDS):
        self.guest = guest
        self.session = int.from_bytes(os.urandom(4), "big")
        self.decoder = frames.Decoder()
        self.lock = self._take_port(seconds)

    def _take_port(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            for number in range(settings.EXEC_PORTS):
                path = self.guest.directory / f"lab.{number}"
                handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._connect(path, handle)
                    return handle
                os.close(handle)
            if time.monotonic() > deadline:
                raise LabError(f"{self.guest.name}: all {settings.EXEC_PORTS} ports are in use")
            time.sleep(0.05)

    def _connect(self, path, handle):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.connect(os.fspath(path))
        except OSError as error:
            self.socket.close()
            os.close(handle)
            raise LostError(f"{self.guest.name} is {self.guest.state()}: {error.strerror}") from error

    def close(self):
        self.socket.close()
        os.close(self.lock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, kind, payload=b""):
        try:
            self.socket.sendall(frames.encode(self.session, kind, payload))
        except OSError as error:
            raise LostError(f"{self.guest.name}: connection lost ({error.strerror})") from error

    def receive(self, seconds):
        """The frames of our session that come within the time; an empty list if none."""
        readable, _, _ = select.select([self.socket], [], [], seconds)
        if not readable:
            return []
        try:
            data = self.socket.recv(READ_SIZE)
        except OSError:
            data = b""
        if not data:
            raise LostError(f"{self.guest.name}: connection lost")
        return [(kind, payload) for session, kind, payload in self.decoder.feed(data) if session == self.session]

    def ping(self, seconds):
        """Wait for the agent; the guest's kernel release."""
        self.send(b"P")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for kind, payload in self.receive(min(SLICE_SECONDS, seconds)):
                if kind == b"P":
                    return payload.decode()
        raise LabError(f"{self.guest.name}: the agent did not answer within {seconds} s")


class RemoteCommand:
    """A command in a guest: begin, then step until it has an exit code."""

    def __init__(self, guest, argv, variables=None, directory=None):
        self.guest = guest
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                       "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **(variables or {})}
        words = [os.fsencode(f"{name}={value}") for name, value in environment.items()]
        place = [os.fsencode(directory or settings.REPO)]
        self.request = frames.pack_strings([os.fsencode(word) for word in argv], words, place)
        self.code = None
        self.channel = None

    def __enter__(self):
        self.guest.require_running()
        self.channel = Channel(self.guest)
        self.channel.send(b"X", self.request)
        self._begun = False
        self._begin_deadline = time.monotonic() + settings.START_SECONDS
        return self

    def __exit__(self, *_):
        self.channel.close()

    def step(self, on_output, on_error, seconds=SLICE_SECONDS):
        """Hand on what comes within the time. True while the command runs."""
        for kind, payload in self.channel.receive(seconds):
            self._begun = True
            if kind == b"O":
                on_output(payload)
            elif kind == b"R":
                on_error(payload)
            elif kind == b"Q":
                self.code = int(payload)
            elif kind == b"F":
                code, _, text = payload.partition(b" ")
                raise NotStarted(int(code), os.fsdecode(text))
        if not self._begun and time.monotonic() > self._begin_deadline:
            raise LabError(f"{self.guest.name}: the command did not start within {settings.START_SECONDS} s")
        return self.code is None

    def give_input(self, data):
        """Pass bytes to its stdin; b"" ends it."""
        for start in range(0, len(data), INPUT_SIZE):
            self.channel.send(b"I", data[start:start + INPUT_SIZE])
        if not data:
            self.channel.send(b"E")

    def send_signal(self, number):
        """Signal its process group."""
        self.channel.send(b"S", b"%d" % number)
