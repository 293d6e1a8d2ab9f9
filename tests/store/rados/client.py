#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A client that writes an RBD image, as tcmu-runner does: client.py IMAGE. First it prints its address as the cluster sees it, then
each line of input is written at the beginning of the image, and answered by 0 or a negative errno."""

import os
import sys

import rados
import rbd


def main():
    cluster = rados.Rados(conffile=os.environ["CEPH_CONF"], rados_id="admin")
    cluster.connect()
    image = rbd.Image(cluster.open_ioctx("rbd"), sys.argv[1])
    print(cluster.get_addrs(), flush=True)
    for line in sys.stdin:
        try:
            image.write(line.encode(), 0)
            print(0, flush=True)
        except rbd.Error as error:
            print(-error.errno, flush=True)
    os._exit(0)                 # one that was cut off cannot close the image


main()
