# SPDX-License-Identifier: GPL-2.0-only
"""What only the store on Ceph has: two gateways whose reservations are on the RBD image that they export.

One lab for the whole file. ROUNDS and KILLS are how often two commands race, and how often the osd is killed in between
(1000 and 10 is what was asked for; the defaults are what make check has time for).
"""

import concurrent.futures
import json
import os
import re
import subprocess
import time

import pytest

import gateways
from gateways import CLI, DAEMON, GATEWAYS, REPO, labapi, sh, wait_ready
from initiator import CLEAR, CONFLICT, GOOD, INFO_LOST, REGISTER_IGNORE, RESERVE, Initiator
from store import KIND, STORE

KEEPS_LAB = True                        # see conftest.py
pytestmark = pytest.mark.skipif(KIND != "rados", reason="TCMU_PR_LAB_STORE=rados")

ROUNDS = int(os.environ.get("ROUNDS", "100"))
KILLS = int(os.environ.get("KILLS", "3"))
READY_SECONDS = 60
DOWN_SECONDS = 1
AFTER_SECONDS = 2                       # of races, after the last kill
# $1: its name; $2: dev_config; $3: unit serial number; $4: bytes.
ADD_DISK = """
disk=/sys/kernel/config/target/core/user_0/$1
mkdir $disk
echo "dev_config=$2,dev_size=$4,hw_block_size=512" >$disk/control
echo "$3" >$disk/wwn/vpd_unit_serial
echo 1 >$disk/enable
"""


@pytest.fixture(scope="module")
def lab():
    with gateways.two_gateways() as running:
        gateways.be_patient()
        yield running


@pytest.fixture(autouse=True)
def quiet_kernels(lab):
    """After each test: nothing in either kernel's log, and both gateways serve."""
    yield
    for gateway in GATEWAYS:
        wait_ready(gateway, READY_SECONDS)
        assert gateways.alarms(gateway) == []


def clear():
    one = Initiator("cleaner", "gw1")
    assert one.status(REGISTER_IGNORE.format(0xc1ea)) == GOOD
    assert one.status(CLEAR.format(0xc1ea)) == GOOD


@pytest.fixture
def reserved(lab):
    """A and B are registered, A holds a reservation; nobody is registered before and afterwards."""
    a, b = Initiator("a", "gw1"), Initiator("b", "gw2")
    clear()
    for one, key in ((a, 0xa), (b, 0xb)):
        assert one.status(REGISTER_IGNORE.format(key)) == GOOD
    assert a.status(RESERVE.format(5, 0xa)) == GOOD
    yield a, b
    clear()


def race(capfd, meanwhile=None):
    """tests/iscsi/race, and what somebody does to the store meanwhile, for as long as that takes; ROUNDS rounds, or more."""
    argv = ["timeout", str(300 + 5 * ROUNDS), str(REPO / "build/tests/iscsi/race"), str(ROUNDS), "1",
            *[labapi.url(gateway) for gateway in GATEWAYS], *(["faults"] if meanwhile else [])]
    lines = []
    began = time.monotonic()
    with capfd.disabled(), concurrent.futures.ThreadPoolExecutor(1) as pool, \
            subprocess.Popen(labapi.net_command(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True) as process:
        other = pool.submit(meanwhile, process) if meanwhile else None
        for line in process.stdout:
            lines.append(line)
            if "wrong" in line or "done" in line or len(lines) % 6 == 1:
                print(f"race: {line.rstrip()}", flush=True)
        if other:
            other.result()
        print(f"race: {time.monotonic() - began:.0f} s", flush=True)
    assert process.returncode == 0, lines
    last = re.fullmatch(r"(\d+) rounds, PRGENERATION \d+, 0 wrong\n", lines[-1])
    assert last and int(last[1]) >= ROUNDS, lines


def test_race(lab, capfd):
    race(capfd)


def test_race_while_the_osd_is_killed(lab, capfd):
    """Whatever was on its way then: no update is lost, no answer is wrong."""
    killed = []

    def kill(process):
        pause = max(2, ROUNDS * 0.12 / KILLS)
        try:
            while len(killed) < KILLS and process.poll() is None:
                time.sleep(pause)
                labapi.kill("osd")
                time.sleep(DOWN_SECONDS)
                labapi.restart("osd")
                killed.append(time.monotonic())
            time.sleep(AFTER_SECONDS)
        finally:
            process.stdin.close()
    race(capfd, kill)
    assert len(killed) == KILLS, killed


# Copies of the image

def add_disk(name, serial):
    """A device of that image, on gw1 alone."""
    size = json.loads(STORE.ceph("rbd", "info", "--format=json", f"{STORE.POOL}/{name}"))["size"]
    result = labapi.exec("gw1", ["sh", "-euc", ADD_DISK, "sh", name, STORE.dev_config(name), serial, str(size)], 60)
    assert result.rc == 0, result


def remove_disk(name):
    sh("gw1", f"{CLI} detach {name} || true; rmdir /sys/kernel/config/target/core/user_0/{name}")
    STORE.ceph("rbd", "snap", "purge", f"{STORE.POOL}/{name}")
    STORE.ceph("rbd", "rm", f"{STORE.POOL}/{name}")


def listed(name):
    """Its line of `tcmu-pr list`, once it says ready or why not."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        found = re.search(rf"^{name}\t\S+\t(ready|error)\b.*", sh("gw1", f"{CLI} list", check=False), re.M)
        if found:
            return found[0]
        assert time.monotonic() < deadline, sh("gw1", f"{CLI} list", check=False)
        time.sleep(0.2)


@pytest.fixture
def copy(reserved):
    """A copy of the image with all that is in it, as another device."""
    STORE.ceph("rbd", "cp", f"{STORE.POOL}/{STORE.DISK}", f"{STORE.POOL}/copy")
    assert STORE.string("copy") == STORE.string()
    add_disk("copy", "a-copy")
    yield reserved
    remove_disk("copy")


@pytest.mark.parametrize("how", ["--adopt", "--empty"])
def test_copy_of_the_image(copy, how):
    """Its string came along: recognised, not obeyed, and adopted or dropped; the first image's is what it was."""
    before = STORE.string()
    assert re.search(r"\terror: another image's string", listed("copy")), listed("copy")
    assert labapi.exec("gw1", [CLI, "show", "copy"]).rc == 1
    result = labapi.exec("gw1", [CLI, "repair", "copy", how], 60)
    assert result.rc == 0, result
    assert re.search(r"\tready\b", listed("copy")), listed("copy")
    text = STORE.string("copy").decode()
    assert f"num_regs={2 if how == '--adopt' else 0}\n" in text, text
    assert STORE.string() == before
    # Its own from now on, also for a daemon that starts anew.
    sh("gw1", f"{CLI} detach copy; {CLI} attach user_0/copy")
    assert re.search(r"\tready\b", listed("copy")), listed("copy")


def test_restored_image(reserved):
    """What an older version of the disk is restored from brings an older string along: lost, for newer ones were there."""
    a, _ = reserved
    old = STORE.string()
    assert a.status(REGISTER_IGNORE.format(0xaa)) == GOOD
    STORE.put(old)
    assert a.status(REGISTER_IGNORE.format(0xab)) == INFO_LOST
    result = labapi.exec("gw1", [CLI, "repair", "disk0", "--last"], 60)
    assert result.rc == 0, result
    wait_ready("gw1", READY_SECONDS)


# What the administrator sees and does

def test_string_is_image_metadata(reserved):
    said = STORE.ceph("rbd", "image-meta", "get", f"{STORE.POOL}/{STORE.DISK}", "tcmu_pr_info").decode()
    for gateway in GATEWAYS:
        assert sh(gateway, f"{CLI} string disk0").strip() == said.strip()


def test_image_renamed_and_resized(reserved):
    """While it is attached: the same image, and the same reservation."""
    a, b = reserved
    c = Initiator("c", "gw2")
    STORE.ceph("rbd", "mv", f"{STORE.POOL}/{STORE.DISK}", f"{STORE.POOL}/renamed")
    try:
        STORE.ceph("rbd", "resize", f"--size={labapi.IMAGE_BYTES * 2}B", f"{STORE.POOL}/renamed")
        assert b.status(REGISTER_IGNORE.format(0xbb)) == GOOD
        assert c.status("write:9:44") == CONFLICT and a.status("write:9:45") == GOOD
    finally:
        STORE.ceph("rbd", "resize", "--allow-shrink", f"--size={labapi.IMAGE_BYTES}B", f"{STORE.POOL}/renamed")
        STORE.ceph("rbd", "mv", f"{STORE.POOL}/renamed", f"{STORE.POOL}/{STORE.DISK}")
    assert a.status("in:0") == b.status("in:0")


@pytest.mark.parametrize("section", ["", 'store { type = rados pool = "rbd" conf = "/etc/ceph/ceph.conf" id = "tcmu-pr" }\n'],
                         ids=["inferred", "configured"])
def test_configuration(reserved, section):
    """One that does not name a store has that of the device's dev_config, and so has the other gateway."""
    a, b = reserved
    before = a.status("in:0")
    stop = "pkill -TERM -x tcmu-prd; while pgrep -x tcmu-prd; do sleep 0.1; done"
    start = f"setsid {DAEMON} --foreground --config %s >>/lab/private/log/tcmu-prd.log 2>&1 </dev/null &"
    sh("gw2", f"{stop}\ncat >/run/another.conf <<'END'\ngateway {{ name = \"gw2\" }}\n{section}log_level = debug\nEND\n"
       + start % "/run/another.conf")
    try:
        wait_ready("gw2", READY_SECONDS)
        assert b.status("in:0") == before
        assert b.status(REGISTER_IGNORE.format(0xbc)) == GOOD
        assert a.status("in:0") == b.status("in:0") != before
    finally:
        sh("gw2", stop + "\n" + start % "/lab/private/tcmu-prd.conf")
        wait_ready("gw2", READY_SECONDS)
