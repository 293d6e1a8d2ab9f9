# SPDX-License-Identifier: GPL-2.0-only
"""What needs librados to set a cluster up: run by ceph.py, in the cluster's network.

    cephsetup.py CONF SECONDS osd UUID      make osd.0 known, before it starts
    cephsetup.py CONF SECONDS images JSON   pools, namespaces and images
    cephsetup.py CONF SECONDS ask mon|osd   wait until it serves
"""

import json
import signal
import sys
import time

import rados

FEATURES = 1 | 32                       # layering, deep-flatten
LOCK_FEATURES = 4 | 8 | 16              # exclusive-lock, and what needs it: object-map, fast-diff
POLL_SECONDS = 0.02


class Failed(Exception):
    """Text for the user."""


def command(cluster, **words):
    """One command to the mon; what it answers."""
    code, out, text = cluster.mon_command(json.dumps(words | {"format": "json"}), b"")
    if code:
        raise Failed(f"{words}: {code} {text}")
    return json.loads(out) if out else None


def set_up_osd(cluster, uuid):
    command(cluster, prefix="osd new", uuid=uuid)
    command(cluster, prefix="osd crush add", id=0, weight=1.0, args=["root=default"])


def set_up_images(cluster, wanted):
    import rbd                          # half of the time of the other verbs
    for pool in dict.fromkeys(image.split("/")[0] for image in wanted["images"]):
        command(cluster, prefix="osd pool create", pool=pool)
        command(cluster, prefix="osd pool application enable", pool=pool, app="rbd")
    for image in wanted["images"]:
        pool, *namespace, name = image.split("/") if "/" in image else (image, "")
        with cluster.open_ioctx(pool) as ioctx:
            if namespace and namespace[0] not in rbd.RBD().namespace_list(ioctx):
                rbd.RBD().namespace_create(ioctx, namespace[0])
            ioctx.set_namespace(namespace[0] if namespace else "")
            if name:
                rbd.RBD().create(ioctx, name, wanted["size"], old_format=False, features=FEATURES | (LOCK_FEATURES if wanted["lock"] else 0))


def ask_osd(cluster):
    """An osd that was killed counts as up until it is back, so only an answer of its own tells."""
    while True:
        pools = cluster.list_pools()
        if not pools:
            return
        with cluster.open_ioctx(pools[0]) as ioctx:
            try:
                ioctx.stat("no such object")
            except rados.ObjectNotFound:
                return
            except rados.Error:
                time.sleep(POLL_SECONDS)


def main():
    conf, seconds, verb, word = sys.argv[1:]
    signal.setitimer(signal.ITIMER_REAL, float(seconds))        # whatever blocks: the end of the process is the end of it
    options = {"client_mount_timeout": seconds, "rados_mon_op_timeout": seconds, "mon_client_hunt_interval": "0.1"}
    cluster = rados.Rados(conffile=conf, rados_id="admin", conf=options)
    try:
        cluster.connect(float(seconds))
        if verb == "osd":
            set_up_osd(cluster, word)
        elif verb == "images":
            set_up_images(cluster, json.loads(word))
        elif word == "osd":
            ask_osd(cluster)
        else:
            command(cluster, prefix="osd dump")
    except (Failed, rados.Error) as error:
        print(f"{verb}: {error}", file=sys.stderr)
        return 1
    finally:
        cluster.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
