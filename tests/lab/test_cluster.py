# SPDX-License-Identifier: GPL-2.0-only
"""The lab's Ceph cluster, with stock LIO, and the same cluster without a lab.

Goal: what tests of the store on Ceph rely on. What a client writes is in the RBD image, nothing that was promised is lost
with the power, a cut is a cut, the gateways' user may do no more than it should, and nothing is left behind.
"""

import concurrent.futures
import contextlib
import errno
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from test_lab import BASE, LAB, REPO, labapi, remains, settings
from test_lab import command as lab_command

STATE = f"{BASE}-rados"
CEPH = REPO / "lab" / "ceph"
SECONDS = 120
USER = ["-n", settings.CEPH_USER]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab must be run by root")


def run(*words, **options):
    """A program of the host; its result, with text."""
    return subprocess.run([os.fspath(word) for word in words], capture_output=True, text=True, timeout=SECONDS, check=False, **options)


# A cluster without a lab

@pytest.fixture(scope="module", name="cluster")
def small_cluster():
    """A cluster on the loopback, in its directory; its environment is the second value."""
    directory = pathlib.Path(f"{BASE}-ceph")
    done = run(CEPH, "up", directory, "--image", "rbd/disk0", "--image", "rbd/inner/disk1", "--image", "other/disk2", "--image", "empty")
    try:
        assert done.returncode == 0, done.stderr
        yield directory, dict(os.environ, CEPH_CONF=str(directory / "ceph.conf"))
    finally:
        assert run(CEPH, "down", directory).returncode == 0
    assert remains(str(directory)) == []


def test_cluster_has_what_was_asked_for(cluster):
    _, environment = cluster
    assert sorted(run("rados", "lspools", env=environment).stdout.split()) == ["empty", "other", "rbd"]
    for image in ("rbd/disk0", "rbd/inner/disk1", "other/disk2"):
        told = json.loads(run("rbd", *USER, "info", "--format=json", image, env=environment).stdout)
        assert (told["size"], told["features"]) == (settings.IMAGE_BYTES, ["layering", "deep-flatten"])
    assert json.loads(run("ceph", "-s", "--format=json", env=environment).stdout)["health"]["status"] == "HEALTH_OK"


def test_cluster_knows_its_users(cluster):
    """Nobody without a key; the gateways' user reaches the images, and changes nothing of the cluster."""
    directory, environment = cluster
    wrong = directory / "wrong.keyring"
    wrong.write_text(f"[{settings.CEPH_USER}]\n\tkey = AQBH0ANravwEABAAsz6jKAKjjgUvNBB9NrNqaw==\n", encoding="ascii")
    assert run("rbd", *USER, f"--keyring={wrong}", "info", "rbd/disk0", env=environment).returncode == errno.EACCES
    for words in (["ceph", *USER, "osd", "pool", "create", "mine"], ["ceph", *USER, "auth", "get", "client.admin"],
                  ["ceph", *USER, "osd", "down", "0"]):
        assert run(*words, env=environment).returncode != 0, words


def test_cluster_keeps_what_it_promised(cluster):
    """kill -9 of both, again and again: each value that was stored is there."""
    directory, environment = cluster
    for number in range(3):
        assert run("rbd", "image-meta", "set", "rbd/disk0", "key", str(number), env=environment).returncode == 0
        for verb, kind in (("kill", "osd"), ("kill", "mon"), ("restart", "mon"), ("restart", "osd")):
            done = run(CEPH, verb, directory, kind)
            assert done.returncode == 0, done.stderr
        assert run("rbd", "image-meta", "get", "rbd/disk0", "key", env=environment).stdout == f"{number}\n"


def test_cluster_verbs(cluster):
    directory, _ = cluster

    def state():
        return run(CEPH, "status", directory).stdout

    assert state() == "mon running\nosd running\n"
    assert run(CEPH, "pause", directory, "osd").returncode == 0 and state() == "mon running\nosd paused\n"
    done = run(CEPH, "pause", directory, "osd")
    assert (done.returncode, done.stderr) == (1, "ceph: osd is paused, not running\n")
    assert run(CEPH, "resume", directory, "osd").returncode == 0
    done = run(CEPH, "start", directory, "osd")
    assert (done.returncode, done.stderr) == (1, "ceph: osd is running, not dead\n")
    for verb in ("kill", "kill", "stop"):
        assert run(CEPH, verb, directory, "osd").returncode == 0 and state() == "mon running\nosd dead\n"
    done = run(CEPH, "resume", directory, "osd")
    assert (done.returncode, done.stderr) == (1, "ceph: osd is dead, not paused\n")
    assert run(CEPH, "restart", directory, "osd").returncode == 0 and state() == "mon running\nosd running\n"
    done = run(CEPH, "kill", directory, "mgr")
    assert (done.returncode, done.stderr) == (2, "ceph: no daemon `mgr` in a cluster; there are: mon osd\n")


def test_two_clusters_at_once(cluster):
    """Neither touches the other."""
    directory, environment = cluster
    second = pathlib.Path(f"{directory}-2")
    try:
        assert run(CEPH, "up", second, "--image", "rbd/mine").returncode == 0
        assert run("rbd", "ls", env=dict(environment, CEPH_CONF=str(second / "ceph.conf"))).stdout == "mine\n"
        assert run(CEPH, "up", second).returncode == 1
    finally:
        assert run(CEPH, "down", second).returncode == 0
    assert remains(str(second)) == []
    assert run("rbd", "ls", env=environment).stdout == "disk0\n"


# In a lab

@pytest.fixture(scope="module", name="lab")
def running_lab():
    """A gateway and a client, on an RBD image."""
    os.environ["TCMU_PR_LAB"] = STATE
    try:
        labapi.up(gateways=1, clients=1, store="rados", target="lio")
        yield labapi
    finally:
        labapi.down()
        del os.environ["TCMU_PR_LAB"]
    assert remains(STATE) == []


def command(*words, state=STATE):
    return lab_command(*words, state=state)


def states(lab):
    return {row["name"]: row["state"] for row in lab.status()}


def write(lab, data, seconds):
    """Whether these 4096 bytes are written to the disk's begin in that time."""
    try:
        done = lab.exec("client1", ["dd", "of=/dev/sda", "bs=4096", "oflag=direct"], seconds, stdin=data)
        if done.rc:
            print(done.err.decode())
        return done.rc == 0
    except TimeoutError:
        return False


def image_begin(lab):
    """The image's first 4096 bytes, as the cluster has them."""
    done = lab.run_net(["rbd", "export", "--no-progress", settings.RBD_IMAGE, "-"], SECONDS)
    assert done.rc == 0, done.err
    return done.out[:4096]


def wait_written(lab, data):
    """Until what was under way is in the image."""
    deadline = time.monotonic() + SECONDS
    while image_begin(lab) != data:
        assert time.monotonic() < deadline, "the write is not there"
        time.sleep(0.5)


def test_what_a_client_writes_is_in_the_image(lab):
    data = os.urandom(4096)
    assert write(lab, data, SECONDS)
    assert image_begin(lab) == data
    assert b"/dev/uio0" in lab.exec("gw1", ["sh", "-c", "ls -l /proc/$(pidof tcmu-runner)/fd"]).out
    config = lab.exec("gw1", ["cat", "/sys/kernel/config/target/core/user_0/disk0/info"]).out
    assert f"rbd/{settings.RBD_IMAGE};id=".encode() in config
    assert command("exec", "net", "--", "rbd", "ls").stdout == b"disk0\n"
    assert command("exec", "net", "--", "ceph", "health").stdout == b"HEALTH_OK\n"


def test_a_gateway_is_a_client_of_the_cluster_as_any(lab):
    """Its ceph.conf is where Ceph looks for it, and it has the key of the gateways' user, and no other."""
    listing = lab.exec("gw1", ["find", settings.CEPH_IN_GUEST, "-type", "f", "-name", "ceph.*"]).out.split()
    assert sorted(map(os.path.basename, listing)) == [b"ceph.client.tcmu-pr.keyring", b"ceph.conf"]
    done = lab.exec("gw1", ["rbd", *USER, "info", settings.RBD_IMAGE], SECONDS)
    assert done.rc == 0, done.err
    status = lab.run_net(["rbd", "status", settings.RBD_IMAGE], SECONDS).out
    assert f"watcher={lab.address('gw1')}:".encode() in status


def test_status_and_verbs(lab):
    rows = {row["name"]: row for row in lab.status()}
    assert list(rows) == ["gw1", "client1", "mon", "osd"] and {row["state"] for row in rows.values()} == {"running"}
    assert rows["osd"]["address"] == settings.CLUSTER_ADDRESS and rows["gw1"]["store"] == "rados"
    assert command("kill", "mon").returncode == 0 and states(lab)["mon"] == "dead"
    assert command("status").returncode == 1
    done = command("restart", "mon")
    assert (done.returncode, done.stdout) == (0, b"mon: dead\nmon: running\n")
    assert command("pause", "osd").returncode == 0 and states(lab)["osd"] == "paused"
    done = command("pause", "osd")
    assert (done.returncode, done.stderr) == (1, b"lab: osd is paused, not running\n")
    assert command("resume", "osd").returncode == 0 and states(lab)["osd"] == "running"
    assert lab.run_net(["ceph", "osd", "pause"], SECONDS).rc == 0 and states(lab)["osd"] == "hung"
    assert lab.run_net(["ceph", "osd", "unpause"], SECONDS).rc == 0 and states(lab)["osd"] == "running"
    for words, text in ((["kill", "mgr"], b"lab: no guest `mgr` in this lab; there are: gw1 client1 mon osd\n"),
                        (["cut", "osd"], b"lab: no guest `osd` in this lab; there are: gw1 client1\n"),
                        (["exec", "osd", "--", "true"], b"lab: no guest `osd` in this lab; there are: gw1 client1\n")):
        done = command(*words)
        assert (done.returncode, done.stderr) == (2, text)


@contextlib.contextmanager
def writing(lab, data):
    """A write that is under way meanwhile, and is done afterwards."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(write, lab, data, SECONDS)
        yield future
        assert future.result()


def test_osd_killed_and_restarted(lab):
    """A write waits for the osd, and is done when it is back."""
    data = os.urandom(4096)
    assert write(lab, os.urandom(4096), SECONDS)
    lab.kill("osd")
    assert states(lab)["osd"] == "dead"
    with writing(lab, data) as future:
        time.sleep(3)
        assert not future.done()
        lab.restart("osd")
        assert states(lab)["osd"] == "running"
    assert image_begin(lab) == data


@pytest.mark.parametrize("replies", [False, True])
def test_cut_and_heal(lab, replies):
    """The gateway is cut off from the cluster, not from its clients; healed, it goes on. Replies only: it is heard."""
    data = os.urandom(4096)
    assert write(lab, os.urandom(4096), SECONDS)
    lab.cut("gw1", replies)
    try:
        with writing(lab, data) as future:
            time.sleep(3)
            if replies:
                wait_written(lab, data)
            else:
                assert image_begin(lab) != data
            assert not future.done()
            assert lab.run_net(["iscsi-inq", lab.url("gw1")], SECONDS).rc == 0
            lab.heal("gw1")
    finally:
        lab.heal("gw1")
    assert image_begin(lab) == data


def test_gateway_comes_back_from_a_power_cut(lab):
    """A disk that was away for longer than its client waits is offline until the session is back."""
    data = os.urandom(4096)
    assert write(lab, data, SECONDS)
    lab.restart("gw1")
    assert image_begin(lab) == data
    deadline = time.monotonic() + SECONDS
    while not write(lab, os.urandom(4096), SECONDS):
        assert time.monotonic() < deadline


@pytest.mark.parametrize("number, delay", [(signal.SIGINT, 0.3), (signal.SIGKILL, 0.6), (signal.SIGKILL, 3.0)])
def test_interrupted_up_leaves_no_cluster(number, delay):
    state = f"{BASE}-ceph-cut"
    argv = [LAB, "up", "--target", "lio", "--store", "rados", "--gateways", "1", "--clients", "0"]
    with subprocess.Popen(argv, env=dict(os.environ, TCMU_PR_LAB=state), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as up:
        assert b"ceph: starting" in up.stdout.readline()
        time.sleep(delay)
        up.send_signal(number)
        assert up.wait(90) == (130 if number == signal.SIGINT else -9)
    if number == signal.SIGKILL:
        assert remains(state) != []
        assert b"lab: down" in command("down", state=state).stdout
    assert remains(state) == []
