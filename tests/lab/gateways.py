# SPDX-License-Identifier: GPL-2.0-only
"""What test_abort.py and test_many.py share: two gateways that are slow on purpose."""

import pathlib
import re
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "lab"))
import labapi  # noqa: E402

GATEWAYS = ("gw1", "gw2")
CLI = str(REPO / "build/cli/tcmu-pr")
# What the kernel says when something is wrong.
ALARMS = re.compile(r"WARNING|BUG|Oops|RIP:|Call Trace|INFO: task|hung|general protection|ring is broken|"
                    r"still under way|refcount|list_(add|del) corruption")
READY_SECONDS = 30
# The defaults are for real machines; here a command's time is that of slow writes, or of megabytes in emulation.
PATIENCE = f"""
sed -i 's/member_timeout = .* }}/member_timeout = 12 }}/' /lab/private/tcmu-prd.conf
grep -q 'member_timeout = 12' /lab/private/tcmu-prd.conf
cd /sys/module/tcmu_pr/parameters
echo 30000 >reply_timeout_ms
echo 60000 >command_timeout_ms
pkill -TERM -x tcmu-prd
while pgrep -x tcmu-prd; do sleep 0.1; done
setsid {REPO}/build/daemon/tcmu-prd --foreground --config /lab/private/tcmu-prd.conf \\
	>>/lab/private/log/tcmu-prd.log 2>&1 </dev/null &
"""


def sh(gateway, script, timeout=60):
    """A shell script in a guest; its output."""
    result = labapi.exec(gateway, ["sh", "-ec", script], timeout)
    text = (result.out + result.err).decode(errors="replace")
    assert result.rc == 0, f"{gateway}: {script}\n{text}"
    return text


def alarms(gateway):
    return [line for line in sh(gateway, "dmesg").split("\n") if ALARMS.search(line)]


def be_patient():
    """Give commands more time on all gateways."""
    for gateway in GATEWAYS:
        sh(gateway, PATIENCE)
    deadline = time.monotonic() + READY_SECONDS
    for gateway in GATEWAYS:
        while not re.search(r"^disk0\t\S+\tready\t", sh(gateway, f"{CLI} list || true"), re.M):
            assert time.monotonic() < deadline, f"{gateway}: disk0 is not ready"
            time.sleep(0.2)
