#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""test_owner.py over IPv6, where nothing has an address of another kind: with a cluster and a network of its own."""

import os
import pathlib
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True

import test_owner  # noqa: E402
from cluster import ceph  # noqa: E402

HOSTS = ("fd00:1::1", "fd00:1::2", "fd00:1::3")
TOOL = pathlib.Path(__file__).with_name("cluster.py")


def main():
    if os.geteuid():
        print("not run: needs root, for a network of its own")
        return
    if "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv, "--inside"])
    for words in ("link set lo up", *(f"addr add {host}/128 dev lo nodad" for host in HOSTS)):
        subprocess.run(["ip", *words.split()], check=True)
    # Beside that of run.py, which removes both.
    cluster = ceph.Cluster(pathlib.Path(os.environ["CEPH_CONF"]).parent.with_name("v6"))
    cluster.create(["rbd"], address=HOSTS[0])
    os.environ.update(cluster.environment(), POOL_TOOL=shlex.join([sys.executable, os.fspath(TOOL), os.fspath(cluster.directory)]))
    test_owner.main(*HOSTS)


main()
