# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages, fetched and unpacked into the cache without installing them on the host.

Kernels come that way, and what only clients run: installed, multipathd would start and take the host's disks
in hand, and the fence agents would bring a hundred megabytes of libraries for clouds.

    CACHE/clients_NAME_VERSION.../usr/      what lab/guest/client-multipath copies into a client
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import tempfile

from . import settings
from .process import run_tool
from .settings import LabError

DOWNLOAD_SECONDS = 600


@contextlib.contextmanager
def locked_cache():
    """The cache, for one lab at a time."""
    cache = settings.cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield cache


def unpack(name, place, tree):
    """Download a package into the directory `place` and unpack it into `tree`."""
    run_tool(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name], DOWNLOAD_SECONDS, cwd=place)
    archives = list(pathlib.Path(place).glob("*.deb"))
    if len(archives) != 1:
        raise LabError(f"apt-get download {name} left {len(archives)} files")
    run_tool(["dpkg", "-x", archives[0], tree], DOWNLOAD_SECONDS)
    archives[0].unlink()


def candidate(name):
    """The version of a package that apt would fetch now."""
    text = run_tool(["apt-cache", "show", "--no-all-versions", name], check=False).stdout
    found = re.search(r"^Version: (\S+)$", text, re.M)
    if not found:
        raise LabError(f"apt-cache knows no {name}; run: apt-get update")
    return found[1].replace(":", ".")


def prepare_clients(say):
    """The tree of settings.CLIENT_PACKAGES, fetched into the cache if it is not there."""
    parts = [f"{name}_{candidate(name)}" for name in settings.CLIENT_PACKAGES]
    with locked_cache() as cache:
        target = cache / "_".join(["clients", *parts])
        if not target.exists():
            say(f"clients: fetching {', '.join(settings.CLIENT_PACKAGES)} into {target}")
            with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as place:
                tree = pathlib.Path(place) / "tree"
                for name in settings.CLIENT_PACKAGES:
                    unpack(name, place, tree)
                merge_usr(tree)
                os.rename(tree, target)
    return target


def merge_usr(tree):
    """Bring /lib and /sbin under /usr, where Debian's links in / point, and drop what nobody reads in a guest."""
    for name in ("lib", "sbin"):
        if (tree / name).exists():
            shutil.copytree(tree / name, tree / "usr" / name, symlinks=True, dirs_exist_ok=True)
    for name in ("doc", "man"):
        shutil.rmtree(tree / "usr" / "share" / name, ignore_errors=True)
