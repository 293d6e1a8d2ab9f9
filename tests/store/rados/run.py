#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the tests of the RADOS store, one program after the other, with a cluster of their own: run.py PROGRAM..."""

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

from cluster import ceph

TOOL = pathlib.Path(__file__).resolve().with_name("cluster.py")


def main():
    directory = tempfile.mkdtemp(prefix="tcmu-pr-ceph-")
    guard = subprocess.Popen([sys.executable, TOOL, directory, "guard"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        cluster = ceph.Cluster(directory)
        cluster.create(["rbd"])
        tool = shlex.join([sys.executable, os.fspath(TOOL), directory])
        environment = os.environ | cluster.environment() | {"POOL_TOOL": tool}
        failed = [program for program in sys.argv[1:] if subprocess.run([program], env=environment, check=False).returncode]
    finally:
        guard.stdin.close()
        guard.wait()
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
