#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The clusters of the RADOS store's tests, by what makes the lab's.

    cluster.py CLUSTER signal osd 19
    cluster.py CLUSTER restart osd
    cluster.py DIRECTORY guard       remove all clusters in it, and it, when standard input ends
"""

import os
import pathlib
import signal
import sys

sys.path.insert(0, os.fspath(pathlib.Path(__file__).resolve().parents[3] / "lab"))
sys.dont_write_bytecode = True

from labkit import ceph  # noqa: E402


def guard(directory):
    """Whatever becomes of the test, its clusters end with it: they are in sessions of their own, and so is this."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for cluster in pathlib.Path(directory).iterdir():
        ceph.Cluster(cluster).remove()
    os.rmdir(directory)


def main():
    directory, verb, *words = sys.argv[1:]
    if verb == "guard":
        guard(directory)
        return
    cluster = ceph.Cluster(directory)
    if verb == "restart":
        cluster.restart(*words)
    elif verb == "signal":
        process = cluster.process(words[0])
        if not process or not process.send(int(words[1])):
            sys.exit(f"no {words[0]} to signal")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
