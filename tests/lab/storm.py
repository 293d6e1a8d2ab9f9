# SPDX-License-Identifier: GPL-2.0-only
"""tests/iscsi/storm in the lab's network, and what its history says."""

import signal
import subprocess
import time

import gateways
from gateways import REPO, labapi

STORM = str(REPO / "build/tests/iscsi/storm")
JUDGE = str(REPO / "build/tests/lincheck/judge")
LONGEST = 300                           # seconds; it is ended before
HOSTS = 2
LINEARIZABLE, VIOLATION, GAVE_UP = 0, 1, 3


class Storm:
    """Runs from `with` to the end of the block; then history, verdict and what judge said are there."""

    def __init__(self, path, seed):
        self.path, self.seed = path, seed
        self.events = []
        self.verdict = self.said = None

    def __enter__(self):
        argv = [STORM, str(LONGEST), str(self.seed), str(HOSTS), str(labapi.shared() / "disk0.qcow2"), str(self.path),
                *[labapi.url(gateway) for gateway in gateways.GATEWAYS]]
        self.process = subprocess.Popen(labapi.net_command(argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        first = self.process.stdout.readline()
        assert first.startswith("running"), first + self.process.communicate()[0]
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGINT)
        self.output = self.process.communicate(timeout=60)[0]
        if kind:
            return
        assert self.process.returncode == 0, self.output
        with open(self.path, "a", encoding="ascii") as history:
            history.writelines(f"{line}\n" for line in self.events)
        done = subprocess.run([JUDGE, str(self.path)], capture_output=True, text=True, timeout=120)
        self.verdict, self.said = done.returncode, done.stdout + done.stderr
        self.read()

    def power_lost(self, since):
        """All gateways were without power at some time from @since (time.monotonic()) to now."""
        self.events.append(f"power {int(since * 1e6)} {int(time.monotonic() * 1e6)}")

    def read(self):
        """(gateway, opcode, service action, call, return or None, answer) of each command; times in seconds."""
        nexuses, self.commands = {}, []
        with open(self.path, encoding="ascii") as history:
            for words in (line.split() for line in history):
                if words[0] == "nexus":
                    nexuses[words[1]] = words[2]
                elif words[0] == "op":
                    ended = None if words[4] == "-" else int(words[4]) / 1e6
                    self.commands.append((nexuses[words[2]], words[5][:2], int(words[5][2:4], 16), int(words[3]) / 1e6, ended,
                                          words[7]))

    def longest_out(self, among):
        """Of the PERSISTENT RESERVE OUTs that were answered; 0 if there was none."""
        return max((ended - call for gateway, opcode, _, call, ended, _ in self.commands
                    if gateway in among and opcode == "5f" and ended), default=0)

    def longest_gap(self, among, opcodes):
        """The longest time in which no command of these was served: executed, or refused for a reservation."""
        longest = 0
        for one in among:
            mine = [command for command in self.commands if command[0] == one and command[1] in opcodes]
            served = sorted(ended for _, _, _, _, ended, answer in mine if answer in ("00", "18"))
            begin, end = min(call for _, _, _, call, _, _ in self.commands), max(call for _, _, _, call, _, _ in self.commands)
            moments = [begin, *[moment for moment in served if moment < end], end]
            longest = max(longest, *(b - a for a, b in zip(moments, moments[1:])))
        return longest

    def count(self, opcode, action=None, answer="00"):
        return sum(1 for _, code, service, _, _, said in self.commands
                   if code == opcode and action in (None, service) and said == answer)
