# SPDX-License-Identifier: GPL-2.0-only
"""The state directory of a lab: what a later command needs to know, and the lock on it.

    lab.json         options, written once by `up`
    shared/          the image and the store, seen by gateways as /lab/shared
    ceph/            with --store rados: the cluster (labkit/ceph.py); what clients need of it is in shared/ceph
    GUEST/pid        process number and start time of its QEMU
    GUEST/ready      exists once the guest is set up
    GUEST/private/   seen by the guest as /lab/private; logs in private/log
    GUEST/console.log, qemu.log, setup.log, lab.N (ports of the agent)

The lock is on the directory itself, so nothing is left when the directory goes.
"""

import contextlib
import fcntl
import json
import os
import shutil
import time

from . import settings
from .settings import LabError

UNIX_PATH_MAX = 107


def create():
    """Make the state directory; a lab that is there already is an error."""
    path = settings.state_directory()
    if len(os.fsencode(path)) > UNIX_PATH_MAX - len("/client16/lab.99"):
        raise LabError(f"{path}: too long a path for unix sockets")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        raise LabError(describe_present(path)) from None
    return path


def describe_present(path):
    """Why `up` cannot go on: a running lab, an `up` in progress, or what a crash has left."""
    try:
        with lock(path, 0):
            if not (path / "lab.json").exists():
                return f"{path} holds remains of a lab; run: lab down"
            return f"a lab is up already (state in {path}); `lab status` shows it, `lab down` ends it"
    except LabError:
        return f"another `lab up` or `lab down` is at work in {path}"


@contextlib.contextmanager
def lock(path, seconds=settings.LOCK_SECONDS):
    """Hold the lab for a change of its whole; a second holder waits a bounded time."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LabError(f"another lab command is at work in {path}") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def write_file(path, text):
    """Replace a file as a whole: a reader, or a crash, never sees half of it."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def save(path, options):
    write_file(path / "lab.json", json.dumps(options, indent=1) + "\n")


def load():
    """The directory and options of the lab that is up."""
    path = settings.state_directory()
    try:
        return path, json.loads((path / "lab.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise LabError(f"no lab is up (no {path}/lab.json); run: lab up") from None
    except ValueError:
        raise LabError(f"{path}/lab.json is damaged; run: lab down") from None


def failed_directory(path):
    """Where the logs of an `up` that failed are kept, until the next `up` or `down`."""
    return path.with_name(path.name + ".failed")


def keep_logs(path):
    """Copy the logs of all guests to the failed directory, and return its path."""
    target = failed_directory(path)
    shutil.rmtree(target, ignore_errors=True)
    for log in [*path.glob("*/*.log"), *path.glob("*/private/log/*"), *path.glob("ceph/log/*"), *path.glob("ceph/*.out")]:
        place = target / log.relative_to(path)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError):
            shutil.copyfile(log, place)
    return target
