# SPDX-License-Identifier: GPL-2.0-only
"""Processes by identity, and running tools for a bounded time.

A process number can come to mean another process; number and start time together cannot.
"""

import os
import signal
import subprocess
import time

from . import settings


def read_stat(pid):
    """The fields of /proc/PID/stat after the name: state first, threads 17 further, start time 19. None if gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


class Process:
    """One process that somebody, not necessarily we, started."""

    def __init__(self, pid, start=None):
        self.pid = pid
        fields = read_stat(pid)
        self.start = start if start is not None else (int(fields[19]) if fields else -1)

    def state(self):
        """One letter as in ps(1), None when it is gone, or a zombie, which is as good: but not while the first thread is one and
        others are still about to end. They have its files: a network device, a socket."""
        fields = read_stat(self.pid)
        if not fields or int(fields[19]) != self.start or fields[0] == b"X" or (fields[0] == b"Z" and int(fields[17]) <= 1):
            return None
        return fields[0].decode()

    def send(self, number):
        """Signal it if it is still itself. True if it was."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if self.state() is None:
                return False
            signal.pidfd_send_signal(handle, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)

    def wait_for(self, wanted, seconds):
        """Wait until wanted(state()) holds. True if it came to."""
        deadline = time.monotonic() + seconds
        while not wanted(self.state()):
            if time.monotonic() > deadline:
                return False
            self._reap()
            time.sleep(0.01)
        self._reap()
        return True

    def _reap(self):
        try:
            os.waitpid(self.pid, os.WNOHANG)
        except (ChildProcessError, PermissionError):
            pass

    def kill(self):
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        if not self.wait_for(lambda state: state is None, settings.KILL_SECONDS):
            raise settings.LabError(f"process {self.pid} does not die")


def run_tool(argv, seconds=settings.TOOL_SECONDS, check=True, text_in="", **options):
    """Run a program of the host for a bounded time; its words are in the error if it fails."""
    environment = dict(os.environ, PATH=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin", LC_ALL="C.UTF-8")
    argv = [os.fspath(argument) for argument in argv]
    try:
        done = subprocess.run(argv, input=text_in, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=seconds, env=environment, check=False, **options)
    except subprocess.TimeoutExpired as error:
        raise settings.LabError(f"{' '.join(argv)}: not done after {seconds} s") from error
    if check and done.returncode != 0:
        raise settings.LabError(f"{' '.join(argv)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done
