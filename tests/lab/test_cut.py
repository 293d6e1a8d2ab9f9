# SPDX-License-Identifier: GPL-2.0-only
"""A gateway is stopped with writes in flight, evicted, and its host blocklisted; then it is resumed. None of those writes may
reach the image after that, whatever it does, until it has returned; and it returns by itself.

For the store on Ceph only. Two ways to have writes in flight: the guest is stopped while they run; or it loses the cluster
first, so that all of them are in the send queues of its kernel, and come as soon as it is resumed.
"""

import contextlib
import json
import os
import subprocess
import time

import pytest

import gateways
import store
from gateways import CLI, DAEMON, GATEWAYS, REPO, labapi, sh
from store import STORE

pytestmark = pytest.mark.skipif(store.KIND != "rados", reason="the blocklist is Ceph's")
KEEPS_LAB = True                        # see conftest.py
FLOOD = str(REPO / "build/tests/iscsi/flood")
DEPTH, SPAN = 64, 256
PAUSE_SECONDS = float(os.environ.get("PAUSE", "60"))
QUIET_SECONDS = 15
RETURN_SECONDS = 90
EVICTION_SECONDS = 90
STOP = "pkill -TERM -x tcmu-prd || true; while pgrep -x tcmu-prd; do sleep 0.1; done"
said = {}


@pytest.fixture(scope="module")
def lab():
    with gateways.two_gateways(keep=False) as running:
        yield running


def configure(blocklist):
    for gateway in GATEWAYS:
        said[gateway] = log(gateway).stat().st_size
        sh(gateway, f"sed -i -e '/^fence/d' /lab/private/tcmu-prd.conf\n"
           f"echo 'fence {{ blocklist = {blocklist} }}' >>/lab/private/tcmu-prd.conf\n{STOP}")
        gateways.start_daemon(gateway)
    for gateway in GATEWAYS:
        gateways.wait_ready(gateway)


def flood(gateway, tag, count):
    """So many numbered writes, all of which must be GOOD."""
    result = labapi.run_net([FLOOD, labapi.url(gateway), tag, "16", str(SPAN), str(count)], 120)
    assert result.rc == 0, result
    return result.out


def tags():
    """How many blocks on the disk are of which flood, read past all gateways."""
    data, found = STORE.read(0, SPAN), {}
    for at in range(0, len(data), store.BLOCK):
        tag = data[at:at + store.BLOCK].split(b" ")[0].decode(errors="replace")
        found[tag] = found.get(tag, 0) + 1
    return found


def blocked():
    """The hosts on the blocklist."""
    listed = json.loads(STORE.ceph("ceph", "osd", "blocklist", "ls", "--format=json").split(b"]")[0] + b"]")
    return [entry["addr"] for entry in listed if entry["addr"].endswith(":0/0")]


def wait(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not after {seconds} s: {what}"
        time.sleep(0.3)


def log(gateway):
    return labapi.directory(gateway) / "private/log/tcmu-prd.log"


def wait_said(gateway, text):
    """By its daemon, since the last configure()."""
    wait(lambda: text in log(gateway).read_bytes()[said[gateway]:].decode(), EVICTION_SECONDS, f"{gateway} says: {text}")


@contextlib.contextmanager
def stopped(how, tag):
    """gw2, for a minute, in the midst of writes."""
    with subprocess.Popen(labapi.net_command([FLOOD, labapi.url("gw2"), tag, str(DEPTH), str(SPAN)]),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout.readline() == "ready\n"
            time.sleep(1)
            if how == "queued":
                labapi.cut("gw2")
                time.sleep(2)
            labapi.pause("gw2")
            try:
                if how == "queued":
                    labapi.heal("gw2")
                yield time.monotonic()
            finally:
                labapi.resume("gw2")
        finally:
            writer.kill()


def ready():
    """A guest that was just resumed may be too busy to say so."""
    with contextlib.suppress(labapi.LabError, TimeoutError):
        return "\tready\t" in sh("gw2", f"{CLI} list", check=False)
    return False


def returns(tag):
    """It serves again by itself: writes through it are GOOD, and are on the disk."""
    wait(ready, RETURN_SECONDS, "gw2 ready")
    wait(lambda: not blocked(), RETURN_SECONDS, "gw2 taken off the blocklist")
    deadline = time.monotonic() + RETURN_SECONDS
    while labapi.run_net([FLOOD, labapi.url("gw2"), tag, "4", str(SPAN), str(SPAN)], 60).rc:
        assert time.monotonic() < deadline, "gw2 does not write"
        time.sleep(1)
    assert tags() == {tag: SPAN}


def play(how, blocklist):
    """How many writes of gw2 reach the disk late."""
    with stopped(how, "old") as since:
        wait_said("gw1", "gw2 was fenced" if blocklist else "gw2 has ended")
        assert bool(blocked()) == blocklist
        flood("gw1", "new", SPAN)
        time.sleep(max(0, since + PAUSE_SECONDS - time.monotonic()))
        assert tags() == {"new": SPAN}
    time.sleep(QUIET_SECONDS)
    return tags().get("old", 0)


@pytest.mark.parametrize("how", ("running", "queued"))
def test_nothing_arrives_late(lab, how, capfd):
    configure("yes")
    assert play(how, True) == 0
    began = time.monotonic()
    returns("back")
    with capfd.disabled():
        print(f"\n  {how}: none late; {time.monotonic() - began:.0f} s later gw2 wrote again")
    for gateway in GATEWAYS:
        assert gateways.alarms(gateway) == []


@pytest.mark.skipif(not gateways.ALL, reason="the same with the other result: ALL=1")
def test_without_it_they_arrive(lab, capfd):
    """That the test above sees what it looks for."""
    configure("no")
    late = play("queued", False)
    with capfd.disabled():
        print(f"\n  without the blocklist: {late} of at most {DEPTH} arrive late")
    assert late
    configure("yes")
    returns("back")


def test_power_cut_and_booted(lab):
    """What the blocklist has of a host that boots is lifted before its tcmu-runner needs the image."""
    labapi.kill("gw2")
    wait(blocked, 60, "gw2 blocklisted")
    labapi.restart("gw2")
    returns("boot")
    sh("gw2", f"pgrep -x {DAEMON.rsplit('/', 1)[-1]}")
