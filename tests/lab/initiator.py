# SPDX-License-Identifier: GPL-2.0-only
"""An initiator for the lab's tests: commands, one word each, and the exact answers."""

import pathlib
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "lab"))
import labapi  # noqa: E402

# As many as a nexus can have unit attentions, ours and the target core's, and one more.
GREETING = ("tur",) * 6


class Initiator:
    """One initiator port on one gateway, through tests/iscsi/prcmd."""

    def __init__(self, name, gateway):
        self.name, self.gateway = f"iqn.2026-11.org.tcmu-pr:{name}", gateway

    def run(self, *commands, timeout=120):
        """Answers as lists of words: [status], [status, key, asc] or [status, data]; the last word is ms.

        The target core tells a new session of the loss of the one before, so TEST UNIT READY goes first."""
        argv = [str(REPO / "build/tests/iscsi/prcmd"), labapi.url(self.gateway), self.name, *GREETING, *commands]
        result = labapi.run_net(argv, timeout)
        assert result.rc == 0, (commands, result)
        return [line.split()[1:] for line in result.out.decode().splitlines()[len(GREETING):]]

    def status(self, command):
        """Of one command, after what unit attention may be pending."""
        for _ in range(4):
            words = self.run(command)[0]
            if words[:2] != ["02", "06"]:
                return " ".join(words[:-1])
        return "unit attention without end"


REGISTER_IGNORE, CLEAR, RESERVE, PREEMPT = "out:6:0:0:{:x}", "out:3:0:{:x}:0", "out:1:{}:{:x}:0", "out:4:{}:{:x}:{:x}"
STANDBY = "02 02 040b"
INFO_LOST = "02 07 4401"
TIMEOUT = "02 0b 0801"
CONFLICT, GOOD = "18", "00"
RESERVE_6, RELEASE_6 = "cdb:160000000000", "cdb:170000000000"
REPLACE_LOST = "out:8:{}:0:{:x}"
