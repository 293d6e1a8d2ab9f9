# SPDX-License-Identifier: GPL-2.0-only
"""What test_abort.py and test_many.py share: two gateways that are slow on purpose."""

import pathlib
import re
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "lab"))
import labapi  # noqa: E402

GATEWAYS = ("gw1", "gw2")
CLI = str(REPO / "build/cli/tcmu-pr")
# What the kernel says when something is wrong.
ALARMS = re.compile(r"WARNING|BUG|Oops|RIP:|Call Trace|INFO: task|hung|general protection|ring is broken|"
                    r"still under way|refcount|list_(add|del) corruption")


def sh(gateway, script, timeout=60):
    """A shell script in a guest; its output."""
    result = labapi.exec(gateway, ["sh", "-ec", script], timeout)
    text = (result.out + result.err).decode(errors="replace")
    assert result.rc == 0, f"{gateway}: {script}\n{text}"
    return text


def alarms(gateway):
    return [line for line in sh(gateway, "dmesg").split("\n") if ALARMS.search(line)]


def be_patient():
    """Give commands more time on all gateways: here it is that of slow writes, or of megabytes in emulation."""
    for gateway in GATEWAYS:
        sh(gateway, "echo 60000 >/sys/module/tcmu_pr/parameters/command_timeout_ms")
