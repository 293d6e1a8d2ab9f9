# SPDX-License-Identifier: GPL-2.0-only
"""Boots guests, all at once, and sets each up: gateways first, then the logins of clients.

Each guest has a thread; the main thread only waits, so that an interrupt reaches it. On a failure or
an interrupt it cancels: threads start nothing more, and killing the QEMUs ends their waits.
"""

import os
import threading
import time

from . import settings, state
from .channel import RemoteCommand
from .settings import LabError

TAIL_LINES = 15
JOIN_SECONDS = 20


class Cancelled(Exception):
    """Another guest failed, or the user has interrupted."""


def run_setup(guest, script, *arguments):
    """Run one of lab/guest in the guest, with its output in setup.log."""
    deadline = time.monotonic() + settings.SETUP_SECONDS
    with open(guest.setup_log, "ab", buffering=0) as log:
        log.write(f"--- {script} {' '.join(arguments)}\n".encode())
        with RemoteCommand(guest, [f"lab/guest/{script}", *arguments]) as command:
            while command.step(log.write, log.write):
                if time.monotonic() > deadline:
                    raise LabError(f"{guest.name}: {script} is not done after {settings.SETUP_SECONDS} s")
    if command.code != 0:
        raise LabError(f"{guest.name}: {script} failed, exit {command.code}")


def describe_failure(guest, error, logs):
    """The error, and the end of the log that most likely tells why: that of the stage it was in."""
    relative = guest.setup_log if guest.setup_log.exists() else guest.console
    log = logs / relative.relative_to(guest.lab)
    text = f"{error}"
    for path in (log, log.with_name("qemu.log")):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        except OSError:
            continue
        if lines:
            text += f"\n  the end of {path}:\n" + "\n".join(f"    {line}" for line in lines)
    return text


class Bringup:
    """The boot of some guests of one lab."""

    def __init__(self, guests, say):
        self.guests = guests
        self.say = say
        self.cancelled = threading.Event()
        self.gateways_left = sum(guest.is_gateway for guest in guests)
        self.gateways_ready = threading.Event()
        self.counter = threading.Lock()
        self.failures = []              # (guest, error), the first one first
        if not self.gateways_left:
            self.gateways_ready.set()

    def run(self):
        """Boot all. Raises the first failure; the caller tears down or not."""
        threads = [threading.Thread(target=self._guard, args=(guest,), daemon=True) for guest in self.guests]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)
        except BaseException:
            self.cancel(threads)
            raise
        if self.failures:
            raise self.failures[0][1]

    def cancel(self, threads):
        """End all that is under way; returns when no thread can start a process any more."""
        self._stop()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in threads:
            while thread.is_alive() and time.monotonic() < deadline:
                for guest in self.guests:
                    guest.kill()
                thread.join(0.1)

    def _stop(self):
        self.cancelled.set()
        self.gateways_ready.set()

    def _guard(self, guest):
        try:
            self._boot(guest)
        except Cancelled:
            pass
        except Exception as error:      # whatever it is, the main thread reports it
            with self.counter:
                self.failures.append((guest, error))
            self._stop()
            for other in self.guests:
                if other is not guest:
                    other.kill()

    def _boot(self, guest):
        begin = time.monotonic()
        self._check()
        self.say(f"{guest.name}: booting")
        guest.start()
        self._check()
        release = guest.ping(settings.BOOT_SECONDS)
        if release != guest.kernel.release:
            raise LabError(f"{guest.name}: runs {release}, not {guest.kernel.release}")
        if guest.is_gateway:
            run_setup(guest, "gateway")
            self._gateway_done()
        else:
            run_setup(guest, "client", "start")
            self.gateways_ready.wait(settings.BOOT_SECONDS + settings.SETUP_SECONDS)
            self._check()
            run_setup(guest, "client", "login")
        state.write_file(guest.directory / "ready", f"{os.getpid()}\n")
        self.say(f"{guest.name}: ready after {time.monotonic() - begin:.1f} s")

    def _gateway_done(self):
        with self.counter:
            self.gateways_left -= 1
            if self.gateways_left == 0:
                self.gateways_ready.set()

    def _check(self):
        if self.cancelled.is_set():
            raise Cancelled
