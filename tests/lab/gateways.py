# SPDX-License-Identifier: GPL-2.0-only
"""What the tests with gateways share: the lab, scripts in them, their daemon, and what their kernels must not say."""

import contextlib
import os
import pathlib
import re
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "lab"))
import labapi  # noqa: E402

GATEWAYS = ("gw1", "gw2")
CLI = str(REPO / "build/cli/tcmu-pr")
DAEMON = str(REPO / "build/daemon/tcmu-prd")
# Without it, "make check" leaves out what it tries in nearly the same way elsewhere.
ALL = bool(os.environ.get("ALL"))
# What the kernel says when something is wrong.
ALARMS = re.compile(r"WARNING|BUG|Oops|RIP:|Call Trace|INFO: task|hung|general protection|ring is broken|"
                    r"still under way|refcount|list_(add|del) corruption")


COMMAND_TIMEOUT = "/sys/module/tcmu_pr/parameters/command_timeout_ms"
# With KEEP_LAB=1 a lab of two gateways stays up for the next file that wants one; conftest.py takes it down.
kept = False


@contextlib.contextmanager
def two_gateways(keep=True):
    """A lab of two gateways without clients. @keep: whoever has it next finds it as it was."""
    global kept
    if not kept:
        labapi.up(gateways=2, clients=0, target="pr")
    kept = False
    try:
        before = {gateway: sh(gateway, f"cat {COMMAND_TIMEOUT}") for gateway in GATEWAYS}
        yield labapi
        if keep and os.environ.get("KEEP_LAB"):
            for gateway in GATEWAYS:
                wait_ready(gateway)
                sh(gateway, f"echo {before[gateway].strip()} >{COMMAND_TIMEOUT}")
            kept = True
    finally:
        if not kept:
            labapi.down()


def end_kept():
    global kept
    if kept:
        kept = False
        labapi.down()


def sh(guest, script, timeout=120, check=True):
    """A shell script in a guest; its output. No command of it may fail, unless @check is false."""
    result = labapi.exec(guest, ["sh", "-ec" if check else "-c", script], timeout)
    text = (result.out + result.err).decode(errors="replace")
    assert not check or result.rc == 0, f"{guest}: {script}\n{text}"
    return text


def alarms(guest):
    return [line for line in sh(guest, "dmesg").split("\n") if ALARMS.search(line)]


def wait_ready(gateway, seconds=90):
    """Until it serves the disk: that is attached, and the gateway has a lease."""
    deadline = time.monotonic() + seconds
    while True:
        listed = sh(gateway, f"{CLI} list; {CLI} gateways", check=False)
        if re.search(r"^disk0\t\S+\tready\t", listed, re.M) and "\tlease for " in listed:
            return
        assert time.monotonic() < deadline, f"{gateway}: disk0 is not ready after {seconds} s: {listed}"
        time.sleep(0.2)


def start_daemon(gateway):
    sh(gateway, f"setsid {DAEMON} --foreground --config /lab/private/tcmu-prd.conf "
       ">>/lab/private/log/tcmu-prd.log 2>&1 </dev/null & ")


def be_patient():
    """Give commands more time on all gateways: here it is that of slow writes, or of megabytes in emulation."""
    for gateway in GATEWAYS:
        sh(gateway, f"echo 60000 >{COMMAND_TIMEOUT}")
