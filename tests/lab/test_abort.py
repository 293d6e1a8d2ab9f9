# SPDX-License-Identifier: GPL-2.0-only
"""PREEMPT AND ABORT with 32 slow writes of everyone in flight through each gateway: what tests/iscsi/abort.c says.

The handlers are made slow from outside: strace delays what tcmu-runner's threads write with (see store.py), in the
guests. One lab for the whole file; the numbers are printed as they come.

TARGET=lio runs the cases on one gateway with stock LIO: for looking at the test, which must fail there.
"""

import contextlib
import os
import subprocess
import time

import pytest

import gateways
from gateways import REPO, labapi, sh
from initiator import GOOD, REGISTER_IGNORE, Initiator
from store import STORE

TARGET = os.environ.get("TARGET", "pr")
GATEWAYS = gateways.GATEWAYS if TARGET == "pr" else ("gw1",)
DELAY_US = int(os.environ.get("DELAY_US") or STORE.slow_us)
ABORT = str(REPO / "build/tests/iscsi/abort")
TOO_SLOW, TOO_FAST = 3, 4
LEASE_AND_MARGIN = 17
TRIES = 6
CASES = [  # type, victim, the preemptor's gateway, means: as tests/iscsi/abort.c has them
    (5, "holder", 1, "plain"), (5, "registrant", 2, "plain"), (6, "holder", 2, "plain"), (6, "registrant", 1, "plain"),
    (6, "third", 1, "plain"), (7, "all", 2, "plain"), (5, "registrant", 1, "task"), (6, "holder", 2, "reset")]


@pytest.fixture(scope="module")
def lab():
    labapi.up(gateways=len(GATEWAYS), clients=0, target=TARGET)
    try:
        if TARGET == "pr":
            gateways.be_patient()
        yield labapi
    finally:
        labapi.down()


def start_abort(case):
    """tests/iscsi/abort, whose output is to be read line by line."""
    reservation, victim, preemptor, means = case
    argv = ["timeout", "200", ABORT, STORE.image(), str(reservation), victim,
            str(min(preemptor, len(GATEWAYS))), means, *[labapi.url(gateway) for gateway in GATEWAYS]]
    return subprocess.Popen(labapi.net_command(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def play(case, at=None):
    """Run it, with the actions of @at at its pauses; exit code and output."""
    said = []
    with start_abort(case) as process:
        for line in process.stdout:
            said.append(line)
            print(f"  {line.rstrip()}", flush=True)
            if line.strip() in ("ready", "answered"):
                (at or {}).get(line.strip(), lambda: None)()
                process.stdin.write("\n")
                process.stdin.flush()
    return process.returncode, "".join(said)


@pytest.fixture(autouse=True)
def quiet_kernels(lab):
    """After each test: nothing in either kernel's log."""
    yield
    for gateway in GATEWAYS:
        assert gateways.alarms(gateway) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(word) for word in case))
def test_nothing_lands_after_good(case, capfd):
    """A try in which PREEMPT AND ABORT timed out, or came too late to abort anything, shows nothing: again then."""
    delay = DELAY_US
    with capfd.disabled():
        for _ in range(TRIES):
            print(f"\nPREEMPT AND ABORT, type {case[0]}, victim: {case[1]}, preemptor on gw{case[2]}, {case[3]}, "
                  f"writes delayed by {delay} us:", flush=True)
            with contextlib.ExitStack() as stack:
                for gateway in GATEWAYS:
                    stack.enter_context(STORE.slow_handler(gateway, delay))
                code, said = play(case)
            if code not in (TOO_SLOW, TOO_FAST):
                break
            delay = delay // 2 if code == TOO_SLOW else delay * 2
    assert code == 0, said


def test_handler_stopped(capfd):
    """Longer than the command can wait: an error, never GOOD; the other gateway's changes go on meanwhile; and when
    the handler goes on, all is as it should be."""
    if TARGET != "pr":
        pytest.skip("one gateway")

    def stop():
        sh("gw2", "pkill -STOP -x tcmu-runner")

    def go_on():
        sh("gw2", "pkill -CONT -x tcmu-runner")

    def others_then_go_on():
        other = Initiator("other", "gw1")
        for key in (0x77, 0x77, 0x77, 0):
            began = time.monotonic()
            assert other.status(REGISTER_IGNORE.format(key)) == GOOD
            took = time.monotonic() - began
            print(f"  REGISTER through gw1: {took:.1f} s", flush=True)
            assert took < LEASE_AND_MARGIN
        go_on()

    try:
        with capfd.disabled():
            print("\nPREEMPT AND ABORT, the handler of gw2 stopped:", flush=True)
            code, said = play((5, "registrant", 1, "stuck"), {"ready": stop, "answered": others_then_go_on})
    finally:
        go_on()
    assert code == 0, said
    with capfd.disabled():
        print("\nPREEMPT AND ABORT once it goes on:", flush=True)
        code, said = play((5, "holder", 1, "plain"))
    assert code in (0, TOO_FAST), said
