#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the tests of the RADOS store: run.py PROGRAM... Each has a cluster of its own, and two run at a time, as most of it is waiting."""

import concurrent.futures
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

from cluster import ceph

TOOL = pathlib.Path(__file__).resolve().with_name("cluster.py")
AT_A_TIME = 2


def run(program, directory):
    cluster = ceph.Cluster(pathlib.Path(directory) / pathlib.Path(program).name)
    cluster.create(["rbd"])
    tool = shlex.join([sys.executable, os.fspath(TOOL), os.fspath(cluster.directory)])
    environment = os.environ | cluster.environment() | {"POOL_TOOL": tool}
    done = subprocess.run([program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    return done.returncode == 0


def main():
    programs = sys.argv[1:]
    directory = tempfile.mkdtemp(prefix="tcmu-pr-ceph-")
    guard = subprocess.Popen([sys.executable, TOOL, directory, "guard"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            good = list(pool.map(run, programs, [directory] * len(programs)))
    finally:
        guard.stdin.close()
        guard.wait()
    if not all(good):
        sys.exit("failed: " + " ".join(program for program, is_good in zip(programs, good) if not is_good))


if __name__ == "__main__":
    main()
