# SPDX-License-Identifier: GPL-2.0-only
"""The store that the lab's gateways have, as tests see it and break it: a directory that they share, or a Ceph cluster.

TCMU_PR_LAB_STORE says which; `store.STORE` is that one. Everything that is special to it is here. `disk` is the image
behind the logical unit as well, for on Ceph it is in the same cluster.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "lab"))
import labapi  # noqa: E402
from labkit import settings  # noqa: E402

KIND = os.environ.get("TCMU_PR_LAB_STORE") or "dir"
IMAGE = str(REPO / "build/tests/iscsi/image")
BLOCK = 512
STORE_BYTES = 16 << 20
LIMIT = 120


@contextlib.contextmanager
def straced(guest, script):
    """While the script's strace is attached in the guest; then it has let go by itself."""
    with labapi.start(guest, ["sh", "-c", script]) as strace:
        said = bytearray()
        while b"attached" not in said:
            assert strace.step(said.extend, said.extend), said
        try:
            yield
        finally:
            strace.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 60
            while strace.step(said.extend, said.extend) and time.monotonic() < deadline:
                pass


SLOW_THREADS = """
for task in /proc/$(pgrep -x tcmu-runner)/task/*; do
	case $(cat $task/comm) in
	@NAME@*) tasks="$tasks -p ${task##*/}" ;;
	esac
done
exec strace -o /dev/null $tasks -e trace=@CALL@ -e inject=@CALL@:delay_enter=@MICROSECONDS@
"""


class Store:
    """What both have in common. `thread` and `call` are how tcmu-runner's handler writes, and `slow_us` is how slow that
    has to be for 32 writes to be found in flight; `fences`: the store can keep a gateway that has ended from writing to
    the disk, and does."""
    thread = call = slow_us = None
    fences = False

    def image(self):
        """The disk, as tests/iscsi/image.h names it."""
        raise NotImplementedError

    def read(self, block, count=1):
        """Blocks as they stand on the disk, past all targets."""
        result = labapi.run_net([IMAGE, self.image(), str(block), str(count)], LIMIT)
        assert result.rc == 0 and len(result.out) == count * BLOCK, result
        return result.out

    def unfinished(self):
        """What the store has begun for its clients, and not ended: for who waits in vain."""
        return []

    def slow_handler(self, gateway, microseconds):
        """For the block: each write of the gateway's handler takes so long at least."""
        return straced(gateway, SLOW_THREADS.replace("@NAME@", self.thread).replace("@CALL@", self.call)
                       .replace("@MICROSECONDS@", str(microseconds)))


class Dir(Store):
    """What it does when it is full or read-only, it really does: the directory is a file system of its own (on the host),
    from isolate() on. That it is slow, or cannot be reached, is done to the daemon's system calls instead."""
    thread, call, slow_us = "aio-", "pwritev", 10000
    CALLS = "%file,getdents64,fsync"
    TRACE = "exec strace -f -o /dev/null -p $(pgrep -x tcmu-prd) -e trace={calls} -e inject={calls}:{what}"

    def image(self):
        return str(labapi.shared() / settings.IMAGE_NAME)

    def string(self):
        """The newest one."""
        return self.versions()[-1].read_bytes()

    def versions(self):
        """All that are there, oldest first."""
        return sorted(labapi.shared().glob("pr/lu/*/v*"))

    def put(self, text):
        """In the place of the newest one."""
        self.versions()[-1].write_bytes(text)

    def lose(self):
        """All versions go."""
        for version in self.versions():
            version.unlink()

    def make_disk(self, name):
        """Another image for all gateways, like the lab's own; its dev_config."""
        # Preallocated: gateways that share it never change its metadata.
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=full",
                        str(labapi.shared() / f"{name}.qcow2"), str(labapi.IMAGE_BYTES)], check=True)
        return f"qcow//lab/shared/{name}.qcow2"

    def isolate(self, stop):
        """Before any fault: @stop ends all daemons, and whoever calls this starts them."""
        path, aside = labapi.shared() / "pr", labapi.shared() / "pr.aside"
        stop()
        path.rename(aside)
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={STORE_BYTES}", "store", path], check=True)
        shutil.copytree(aside, path, dirs_exist_ok=True)
        shutil.rmtree(aside)

    def cut(self, gateway):
        """For the block the gateway's daemon cannot reach the store."""
        return straced(gateway, self.TRACE.format(calls=self.CALLS, what="error=EIO"))

    @contextlib.contextmanager
    def slow(self, names):
        """For the block each call takes 100 ms."""
        with contextlib.ExitStack() as stack:
            for gateway in names:
                stack.enter_context(straced(gateway, self.TRACE.format(calls=self.CALLS, what="delay_enter=100000")))
            yield

    @contextlib.contextmanager
    def full(self):
        filler = labapi.shared() / "pr" / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as out:
            while True:
                out.write(bytes(1 << 16))
        try:
            yield
        finally:
            filler.unlink()

    @contextlib.contextmanager
    def read_only(self):
        remount = ["mount", labapi.shared() / "pr", "-o"]
        deadline = time.monotonic() + 60
        # Not while somebody has just a file open for writing.
        while subprocess.run([*remount, "remount,ro"], check=time.monotonic() > deadline,
                             stderr=subprocess.DEVNULL).returncode:
            time.sleep(0.05)
        try:
            yield
        finally:
            subprocess.run([*remount, "remount,rw"], check=True)


class Rados(Store):
    """One mon and one osd in the lab's network; tcmu-runner reaches its image in the same cluster."""
    # All that waits goes out with one call, so that writes are slowed down by the dozen.
    thread, call, slow_us = "msgr-worker", "sendmsg", 300000
    fences = True
    POOL, DISK = "rbd", "disk0"
    KEYS = ("metadata_tcmu_pr_info", "metadata_tcmu_pr_version")
    # An op is given on three times inside of the osd.
    DELAY_SECONDS = 0.033

    def ceph(self, *words, stdin=b"", seconds=LIMIT):
        """Run ceph, rbd or rados as the administrator; what it printed."""
        result = labapi.run_net(words, seconds, stdin)
        assert result.rc == 0, (words, result)
        return result.out

    def image(self, name=DISK):
        return f"rbd:{labapi.cluster().conf}:admin:{self.POOL}/{name}"

    def header(self, name=DISK):
        """The object that has the string."""
        return "rbd_header." + json.loads(self.ceph("rbd", "info", "--format=json", f"{self.POOL}/{name}"))["id"]

    def string(self, name=DISK):
        path = labapi.shared() / "string"
        self.ceph("rados", "-p", self.POOL, "getomapval", self.header(name), self.KEYS[0], str(path))
        return path.read_bytes()

    def put(self, text, name=DISK):
        self.ceph("rados", "-p", self.POOL, "setomapval", self.header(name), self.KEYS[0], stdin=text)

    def lose(self, name=DISK):
        for key in self.KEYS:
            self.ceph("rados", "-p", self.POOL, "rmomapkey", self.header(name), key)

    def unfinished(self):
        socket = str(labapi.cluster().directory / "osd.asok")
        try:
            result = labapi.run_net(["ceph", "--admin-daemon", socket, "dump_ops_in_flight"], 10)
        except TimeoutError as error:   # it is stopped
            return [str(error)]
        if result.rc:
            return [f"the osd does not say: {result}"]
        return [f"{op['type_data']['flag_point']}: {op['description']}" for op in json.loads(result.out)["ops"]]

    def dev_config(self, name):
        """As lab/guest/gateway has it for its own."""
        return f"rbd/{self.POOL}/{name};id={settings.CEPH_USER.removeprefix('client.')};osd_op_timeout=3600"

    def make_disk(self, name):
        mine = json.loads(self.ceph("rbd", "info", "--format=json", f"{self.POOL}/{self.DISK}"))
        self.ceph("rbd", "create", f"--size={labapi.IMAGE_BYTES}B", f"--image-feature={','.join(mine['features'])}",
                  f"{self.POOL}/{name}")
        return self.dev_config(name)

    def isolate(self, stop):
        stop()

    @contextlib.contextmanager
    def cut(self, gateway):
        """Its tcmu-runner cannot reach the cluster either."""
        labapi.cut(gateway)
        try:
            yield
        finally:
            labapi.heal(gateway)

    def wait_blocklisted(self, address, seconds):
        """Until a client at @address is."""
        deadline = time.monotonic() + seconds
        while f"{address}:" not in self.ceph("ceph", "osd", "blocklist", "ls").decode():
            assert time.monotonic() < deadline, f"nobody of {address} is on the blocklist"
            time.sleep(0.5)

    def configure_osd(self, **values):
        for name, value in values.items():
            self.ceph("ceph", "tell", "osd.0", "config", "set", name, str(value))

    @contextlib.contextmanager
    def slow(self, _names):
        """For everybody, the data included."""
        self.configure_osd(osd_debug_inject_dispatch_delay_duration=self.DELAY_SECONDS,
                           osd_debug_inject_dispatch_delay_probability=1)
        try:
            yield
        finally:
            self.configure_osd(osd_debug_inject_dispatch_delay_probability=0)

    def set_full_ratio(self, ratio):
        """The osd takes the largest of the three."""
        for name in ("nearfull", "backfillfull", "full"):
            self.ceph("ceph", "osd", f"set-{name}-ratio", str(ratio))

    @contextlib.contextmanager
    def full(self):
        """Every pool of the cluster; the osd tells within a second."""
        self.set_full_ratio(0.00001)
        try:
            deadline = time.monotonic() + 120
            while "full" not in json.loads(self.ceph("ceph", "osd", "dump", "--format=json"))["osds"][0]["state"]:
                assert time.monotonic() < deadline, "the pools do not become full"
                time.sleep(0.2)
            yield
        finally:
            self.set_full_ratio(0.95)

    @contextlib.contextmanager
    def read_only(self):
        """Ceph has no such state: here it serves nothing at all, reads included, and answers nothing."""
        self.ceph("ceph", "osd", "pause")
        try:
            yield
        finally:
            self.ceph("ceph", "osd", "unpause")


STORES = {"dir": Dir, "rados": Rados}
STORE = STORES[KIND]()


def choose(kind):
    """For programs that are told otherwise than by the environment, before anybody else imports STORE."""
    global KIND, STORE
    KIND, STORE = kind, STORES[kind]()
