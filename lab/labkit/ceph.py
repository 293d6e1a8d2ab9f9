# SPDX-License-Identifier: GPL-2.0-only
"""A Ceph cluster of one mon and one osd in a directory, without systemd: for the lab and for unit tests.

    cluster = ceph.Cluster(directory)
    cluster.create(["rbd/disk0"], address="127.0.0.1")  # about 1.5 s
    subprocess.run(["rbd", "ls"], env=os.environ | cluster.environment())
    cluster.kill("osd")
    cluster.restart("osd")
    cluster.remove()

The osd is BlueStore on a sparse file, so what a client was promised outlives `kill`. Authentication is on; besides
client.admin there is settings.CEPH_USER, with no more than a gateway needs. Processes are found by the name of their
configuration file, so nothing about them has to be written down, or can be wrong after a crash.

    ceph.conf              for the cluster and for clients on this machine
    client.NAME.keyring    of client.admin and the gateways' user
    mon/ osd/ log/         data and logs; osd/block is the device
    KIND.out               standard output and error of both daemons
"""

import base64
import errno
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid

from . import settings
from .process import Process, run_tool
from .settings import LabError, UsageError

KINDS = ("mon", "osd")
IDS = {"mon": "a", "osd": "0"}
SETUP = pathlib.Path(__file__).with_name("cephsetup.py")
BLOCK_BYTES = 3 << 30
START_SECONDS = 60
STOP_SECONDS = 20
ANSWER_SECONDS = 3
PORT_LOW, PORT_TRIES = 10000, 100

# What the gateways' user may do. The mon's `profile rbd` lets it add to the blocklist; from it, it may take whole hosts only.
USER_CAPS = {"mon": 'profile rbd, allow command "osd blocklist" with blocklistop=rm addr regex "^[^/]+:0/0$"', "osd": "{osd}"}

# The read lease: an osd that stood still for longer than the lease on which it lets a placement group be read (by default 16 s,
# 0.8 of osd_heartbeat_grace) takes the group for laggy if something comes for it before the osd has renewed the lease. Only
# another osd's acknowledgement ends that in Ceph 16, so a group with one osd stands still for ever. With 30 it is 600 s.
CONF = """\
[global]
fsid = {fsid}
mon_host = v2:{host}:{port}
ms_bind_msgr1 = false
ms_bind_ipv4 = {v4}
ms_bind_ipv6 = {v6}
public_addr = {address}
cluster_addr = {address}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_pool_default_read_lease_ratio = 30
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
crash_dir = {directory}/log
log_to_stderr = false
log_flush_on_exit = false

[mon]
mon_data = {directory}/mon
log_file = {directory}/log/mon.log
mon_cluster_log_file = {directory}/log/cluster.log
admin_socket = {directory}/mon.asok
auth_allow_insecure_global_id_reclaim = false
mon_warn_on_pool_no_redundancy = false
mon_data_avail_warn = 2
mon_data_avail_crit = 1
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
debug_rocksdb = 1

[osd]
osd_data = {directory}/osd
log_file = {directory}/log/osd.log
admin_socket = {directory}/osd.asok
debug_rocksdb = 1
osd_objectstore = bluestore
bluestore_block_size = {block_bytes}
bluestore_fsck_on_mount = false
bluestore_fsck_on_umount = false
bluestore_fsck_on_mkfs = false
bluestore_cache_autotune = false
bluestore_cache_size = 33554432
bluestore_rocksdb_options = {rocksdb}
bdev_aio_poll_ms = 10
osd_mclock_skip_benchmark = true
osd_crush_update_on_start = false
osd_class_update_on_start = false
osd_crush_initial_weight = 1

[client]
keyring = {directory}/$name.keyring
{client}
"""

# A restarted osd is found in 1 s, not 10.
CLIENT_CONF = """\
objecter_tick_interval = 1
objecter_timeout = 1
"""

# Without a limit the log of the key-value store fills a small device, and the osd aborts.
ROCKSDB = ("compression=kNoCompression,max_write_buffer_number=4,min_write_buffer_number_to_merge=1,recycle_log_file_num=0,"
           "write_buffer_size=16777216,max_total_wal_size=67108864,max_background_compactions=2")


class Cluster:
    """The cluster in a directory, there or not. `enter` are words that, in front of a command, run it where the cluster is."""

    def __init__(self, directory, enter=()):
        self.directory = pathlib.Path(os.path.realpath(directory))
        self.enter = list(enter)
        self.conf = self.directory / "ceph.conf"

    # From nothing, and to nothing

    def create(self, images=("rbd/disk0",), size=settings.IMAGE_BYTES, address="127.0.0.1", port=None, lock=False):
        """Make and start it, with pools, namespaces and images (POOL/[NAMESPACE/]IMAGE, or a POOL alone). `lock` gives images
        the exclusive-lock feature and those that need it."""
        require_tools()
        for name in ("", "mon", "osd", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        fsid, osd_uuid = str(uuid.uuid4()), str(uuid.uuid4())
        port = port or free_port(address)
        self._write_conf(fsid, address, port)
        self._write_keyrings(sorted({image.split("/")[0] for image in images}))
        self._place_block()
        monmap = self.directory / "monmap"
        run_tool(["monmaptool", "--create", "--addv", "a", f"[v2:{bracketed(address)}:{port}]", "--fsid", fsid, monmap])
        run_tool(["ceph-mon", "--mkfs", *self._words("mon"), "--monmap", monmap, "--keyring", self.directory / "initial.keyring"])
        self._launch("mon")
        run_tool(["ceph-osd", "--mkfs", *self._words("osd"), "--osd-uuid", osd_uuid, "--no-mon-config"])
        self._setup("osd", osd_uuid)
        self._launch("osd")
        self._setup("images", json.dumps({"images": list(images), "size": size, "lock": lock}))

    def remove(self):
        """End both daemons and remove the directory. True if there was anything."""
        found = False
        for kind in KINDS:
            found |= self.process(kind) is not None
            self.kill(kind)
        block = self.directory / "osd" / "block"
        if block.is_symlink():
            pathlib.Path(os.readlink(block)).unlink(missing_ok=True)
        if self.directory.exists():
            found = True
            shutil.rmtree(self.directory)
        return found

    def _write_conf(self, fsid, address, port):
        v6 = ":" in address
        text = CONF.format(fsid=fsid, address=address, host=bracketed(address), v4=not v6, v6=v6, port=port, directory=self.directory,
                           rocksdb=ROCKSDB, client=CLIENT_CONF, block_bytes=BLOCK_BYTES)
        self.conf.write_text(text, encoding="ascii")

    def _write_keyrings(self, pools):
        """All keys are in the mon's first keyring, with their capabilities: so nothing has to be asked of the mon later."""
        osd_caps = ", ".join(f"profile rbd pool={pool}" for pool in pools)
        caps = {"mon.": {"mon": "allow *"}, "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
                "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
                settings.CEPH_USER: {kind: text.format(osd=osd_caps) for kind, text in USER_CAPS.items()}}
        everything = ""
        for name, allowed in caps.items():
            entry = f"[{name}]\n\tkey = {new_key()}\n"
            if name != "mon.":          # ceph-mon writes its own
                write_secret(self.directory / ("osd/keyring" if name == "osd.0" else f"{name}.keyring"), entry)
            escaped = {kind: text.replace('"', '\\"') for kind, text in allowed.items()}
            everything += entry + "".join(f'\tcaps {kind} = "{text}"\n' for kind, text in escaped.items())
        write_secret(self.directory / "initial.keyring", everything)

    def _place_block(self):
        """The osd reads its device past the page cache, which files in memory do not support before Linux 6.6: then it is on disk."""
        probe = self.directory / "probe"
        try:
            os.close(os.open(probe, os.O_CREAT | os.O_RDWR | os.O_DIRECT))
        except OSError:
            block = pathlib.Path("/var/tmp") / f"tcmu-pr-osd-{secrets.token_hex(8)}"
            write_secret(block, "")
            (self.directory / "osd" / "block").symlink_to(block)
        finally:
            probe.unlink(missing_ok=True)

    def _setup(self, *words, seconds=START_SECONDS):
        """Have the part with librados done by a process of its own, which can be in the cluster's network."""
        command = self.enter + ["/usr/bin/python3", "-B", "-s", SETUP, self.conf, str(seconds), *words]
        done = run_tool(command, seconds + 10, check=False)
        if done.returncode:
            raise LabError(f"Ceph in {self.directory}: {(done.stderr or done.stdout).strip()}")

    # The daemons

    def _words(self, kind):
        return ["-i", IDS[kind], "-c", os.fspath(self.conf)]

    def _launch(self, kind):
        with open(self.directory / f"{kind}.out", "ab") as log:
            command = self.enter + [f"ceph-{kind}", "-f", *self._words(kind)]
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        child.returncode = 0            # Process reaps it; keep Popen from warning about it

    def process(self, kind):
        """The running daemon, or None. One that has not come to its own program yet counts, too."""
        if kind not in KINDS:
            raise UsageError(f"no daemon `{kind}` in a cluster; there are: {' '.join(KINDS)}")
        wanted = [os.fsencode(word) for word in self._words(kind)]
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted[3] in words and wanted[1] in words and b"ceph-" + kind.encode() in map(os.path.basename, words):
                process = Process(int(entry.name))
                if process.state() is not None:
                    return process
        return None

    def state(self, kind):
        """running, paused or dead."""
        process = self.process(kind)
        letter = process.state() if process else None
        if letter is None:
            return "dead"
        return "paused" if letter in "Tt" else "running"

    def answers(self, kind, seconds=ANSWER_SECONDS):
        """True if the daemon serves clients: the mon tells its maps, the osd reads an object."""
        try:
            self._setup("ask", kind, seconds=seconds)
        except LabError:
            return False
        return True

    def judge(self, kind):
        """running only if it serves, too; hung if it does not. Without the mon nobody can tell of the osd."""
        state = self.state(kind)
        if state != "running" or (kind == "osd" and self.state("mon") != "running"):
            return state
        return "running" if self.answers(kind) else "hung"

    def kill(self, kind):
        """SIGKILL: what a power cut is. Nothing to kill is not an error."""
        process = self.process(kind)
        if process:
            process.kill()

    def stop(self, kind):
        """SIGTERM, and wait."""
        process = self.process(kind)
        if process and not (process.send(signal.SIGTERM) and process.wait_for(lambda state: state is None, STOP_SECONDS)):
            raise LabError(f"{kind}: does not end in {STOP_SECONDS} s")

    def pause(self, kind):
        """SIGSTOP."""
        self._signal(kind, "running", signal.SIGSTOP, lambda letter: letter is None or letter in "Tt")

    def resume(self, kind):
        """SIGCONT."""
        self._signal(kind, "paused", signal.SIGCONT, lambda letter: letter is None or letter not in "Tt")

    def _signal(self, kind, needed, number, wanted):
        state = self.state(kind)
        if state != needed:
            raise LabError(f"{kind} is {state}, not {needed}")
        process = self.process(kind)
        if not process or not process.send(number) or not process.wait_for(wanted, settings.KILL_SECONDS):
            raise LabError(f"{kind}: signal {number} had no effect")

    def start(self, kind):
        """Start it, without waiting for it to serve."""
        if self.process(kind):
            raise LabError(f"{kind} is {self.state(kind)}, not dead")
        self._launch(kind)

    def restart(self, kind):
        """Kill it if it runs, start it, wait until it serves (an osd can do so only with its mon)."""
        self.kill(kind)
        self._launch(kind)
        if kind == "osd" and self.state("mon") != "running":
            return
        self._setup("ask", kind)

    # For clients

    def environment(self):
        """What ceph, rbd, rados and programs with librados need in their environment to find it."""
        return {"CEPH_CONF": os.fspath(self.conf)}

    def export(self, target, directory, user=settings.CEPH_USER):
        """Write a client's ceph.conf and the keyring of its user into `target`, which it will see as `directory`."""
        target.mkdir(parents=True, exist_ok=True)
        text = self.conf.read_text(encoding="ascii")
        wanted = [line for line in text.splitlines() if line.startswith(("fsid", "mon_host"))]
        name = f"ceph.{user}.keyring"
        lines = ["[global]", *wanted, "", "[client]", f"keyring = {directory}/{name}", CLIENT_CONF]
        (target / "ceph.conf").write_text("\n".join(lines), encoding="ascii")
        write_secret(target / name, (self.directory / f"{user}.keyring").read_text(encoding="ascii"))


class Daemon:
    """One daemon of a cluster, with the verbs of a guest."""

    def __init__(self, cluster, kind):
        self.cluster = cluster
        self.name = kind

    def state(self):
        return self.cluster.state(self.name)

    def kill(self):
        self.cluster.kill(self.name)

    def pause(self):
        self.cluster.pause(self.name)

    def resume(self):
        self.cluster.resume(self.name)

    def restart(self):
        self.cluster.restart(self.name)


def new_key():
    """A key as ceph-authtool makes it: type AES, time, length, 16 bytes."""
    now = time.time_ns()
    return base64.b64encode(struct.pack("<HIIH", 1, now // 10**9, now % 10**9, 16) + secrets.token_bytes(16)).decode()


def write_secret(path, text):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def free_port(address):
    """A port nobody listens on now. In the lab's network that does not matter, outside of it another cluster may run.

    None of those that the kernel gives to clients: while the mon is away one could get it, even by trying to connect to it, and
    then the mon does not come back."""
    low = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    for _ in range(PORT_TRIES):
        port = PORT_LOW + secrets.randbelow(max(low - PORT_LOW, 1000))
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            try:
                probe.bind((address, port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:     # an address of another network namespace
                    return 3300
    raise LabError(f"no free port at {address}")


def require_tools():
    """Refuse early, with the packages to install."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    missing = [package for tool, package in settings.CEPH_TOOLS.items() if not shutil.which(tool, path=path)]
    if missing:
        raise LabError(f"missing: {' '.join(sorted(missing))}; run: apt-get install --no-install-recommends {' '.join(missing)}")
