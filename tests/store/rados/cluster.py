#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The clusters of the RADOS store's tests, by what makes the lab's.

    cluster.py CLUSTER signal osd 19
    cluster.py CLUSTER pid osd
    cluster.py CLUSTER restart osd
    cluster.py CLUSTER second POOL   make an osd.1, and a pool that is there and nowhere else; CLUSTER signal osd1 19
    cluster.py CLUSTER beside NAME   make another cluster in the directory beside it, with a pool "rbd"
    cluster.py DIRECTORY guard       remove all clusters in it, and it, when standard input ends
"""

import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import uuid

sys.path.insert(0, os.fspath(pathlib.Path(__file__).resolve().parents[3] / "lab"))
sys.dont_write_bytecode = True

from labkit import ceph, settings  # noqa: E402
from labkit.process import Process, run_tool  # noqa: E402


class Second:
    """The second osd of a cluster, in the directory osd1."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.data = cluster.directory / "osd1"
        self.words = ["-i", "1", "-c", os.fspath(cluster.conf), "--osd-data", os.fspath(self.data), "--admin-socket",
                      f"{cluster.directory}/osd1.asok", "--log-file", f"{cluster.directory}/log/osd1.log"]

    def process(self):
        wanted = [os.fsencode(word) for word in self.words]
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"ceph-osd" in map(os.path.basename, words) and all(word in words for word in wanted):
                return Process(int(entry.name))
        return None

    def remove(self):
        process = self.process()
        if process:
            process.kill()
        block = self.data / "block"
        if block.is_symlink():
            pathlib.Path(os.readlink(block)).unlink(missing_ok=True)

    def create(self, pool):
        import rados  # pylint: disable=import-outside-toplevel
        with rados.Rados(conffile=os.fspath(self.cluster.conf), rados_id="admin") as mons:
            def command(prefix, **words):
                code, out, text = mons.mon_command(json.dumps({"prefix": prefix} | words), b"")
                if code:
                    sys.exit(f"{prefix}: {code} {text}")
                return out
            self._make(command)
            self._place(command, pool)

    def _make(self, command):
        name = str(uuid.uuid4())
        self.data.mkdir(mode=0o700)
        if (self.cluster.directory / "osd" / "block").is_symlink():
            block = pathlib.Path("/var/tmp") / f"tcmu-pr-osd-{secrets.token_hex(8)}"
            ceph.write_secret(block, "")
            (self.data / "block").symlink_to(block)
        command("osd new", uuid=name)
        keyring = command("auth get-or-create", entity="osd.1", caps=["mon", "allow profile osd", "osd", "allow *"])
        ceph.write_secret(self.data / "keyring", keyring.decode())
        run_tool(["ceph-osd", "--mkfs", *self.words, "--osd-uuid", name, "--no-mon-config"])
        command("osd crush add", id=1, weight=1.0, args=["root=second"])

    def _place(self, command, pool):
        command("osd crush rule create-replicated", name="second", root="second", type="osd")
        command("osd pool create", pool=pool, pg_num=8, pool_type="replicated", rule="second")
        command("osd pool application enable", pool=pool, app="rbd")
        caps = ceph.USER_CAPS | {"osd": f"profile rbd pool=rbd, profile rbd pool={pool}"}
        command("auth caps", entity=settings.CEPH_USER, caps=[word for item in caps.items() for word in item])
        with open(self.cluster.directory / "osd1.out", "ab") as log:
            subprocess.Popen(["ceph-osd", "-f", *self.words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                             start_new_session=True)


def guard(directory):
    """Whatever becomes of the test, its clusters end with it: they are in sessions of their own, and so is this."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for cluster in pathlib.Path(directory).iterdir():
        Second(ceph.Cluster(cluster)).remove()
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
    elif verb == "second":
        Second(cluster).create(*words)
    elif verb == "beside":
        ceph.Cluster(cluster.directory.with_name(words[0])).create(["rbd"])
    elif verb == "signal":
        process = Second(cluster).process() if words[0] == "osd1" else cluster.process(words[0])
        if not process or not process.send(int(words[1])):
            sys.exit(f"no {words[0]} to signal")
    elif verb == "pid":
        print(cluster.process(*words).pid)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
