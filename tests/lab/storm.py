# SPDX-License-Identifier: GPL-2.0-only
"""tests/iscsi/storm in the lab's network, and what its history says."""

import contextlib
import signal
import subprocess
import threading
import time

import gateways
from gateways import REPO, labapi
from store import STORE

STORM = str(REPO / "build/tests/iscsi/storm")
JUDGE = str(REPO / "build/tests/lincheck/judge")
LONGEST = 300                           # seconds; it is ended before
END_SECONDS = 120                       # for its last commands
HOSTS = 2
LINEARIZABLE, VIOLATION, GAVE_UP = 0, 1, 3
GOOD, CONFLICT, TIMEOUT = "00", "18", "02.0b.0801"
PR_IN, PR_OUT, READ, WRITE = "5e", "5f", "28", "2a"
PREEMPT_AND_ABORT = 5


class Storm:
    """Runs from `with` to the end of the block; then history, verdict and what judge said are there."""

    def __init__(self, path, seed):
        self.path, self.seed = path, seed
        self.events, self.not_fenced = [], []
        self.verdict = self.said = None
        self.lines, self.told = [], threading.Condition()

    def __enter__(self):
        argv = [STORM, str(LONGEST), str(self.seed), str(HOSTS), STORE.image(), str(self.path),
                *[labapi.url(gateway) for gateway in gateways.GATEWAYS]]
        self.process = subprocess.Popen(labapi.net_command(argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        first = self.process.stdout.readline()
        assert first.startswith("running"), first + self.process.communicate()[0]
        self.reader = threading.Thread(target=self.listen, daemon=True)
        self.reader.start()
        return self

    def listen(self):
        for line in self.process.stdout:
            with self.told:
                self.lines.append(line)
                self.told.notify_all()

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError("\n".join([f"commands have no end after {END_SECONDS} s; in the store:", *STORE.unfinished()])) from error
        finally:
            self.process.kill()
            self.reader.join()
            self.process.stdout.close()
        if kind:
            return
        self.output = "".join(self.lines)
        assert self.process.returncode == 0, self.output
        with open(self.path, "a", encoding="ascii") as history:
            history.writelines(f"{line}\n" for line in self.events)
        done = subprocess.run([JUDGE, str(self.path)], capture_output=True, text=True, timeout=300)
        self.verdict, self.said = done.returncode, done.stdout + done.stderr
        self.read()

    def abort_often(self):
        """From now on PREEMPT AND ABORT is what initiators like best."""
        self.process.send_signal(signal.SIGUSR1)

    def wait_abort(self, gateway, answer, seconds):
        """For a PREEMPT AND ABORT through @gateway, from now on, that ends so: GOOD, or the words of the sense data."""
        def is_there():
            return any(f"/{gateway}: PREEMPT AND ABORT: {answer}\n" in line for line in self.lines[begin:])
        begin = len(self.lines)
        with self.told:
            assert self.told.wait_for(is_there, seconds), f"no PREEMPT AND ABORT through {gateway} ended with {answer}"

    def power_lost(self, since):
        """All gateways were without power at some time from @since (time.monotonic()) to now."""
        self.events.append(f"power {int(since * 1e6)} {int(time.monotonic() * 1e6)}")

    @contextlib.contextmanager
    def unfenced(self, until=float("inf")):
        """In the block a gateway can neither confirm anything nor is it fenced: no PREEMPT AND ABORT may be GOOD. @until: it can
        be fenced after that, however long the block takes."""
        since = time.monotonic()
        yield
        self.not_fenced.append((since, min(until, time.monotonic())))

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
                    if gateway in among and opcode == PR_OUT and ended), default=0)

    def longest_gap(self, among, opcodes):
        """The longest time in which no command of these was served: executed, or refused for a reservation."""
        longest = 0
        for one in among:
            mine = [command for command in self.commands if command[0] == one and command[1] in opcodes]
            served = sorted(ended for _, _, _, _, ended, answer in mine if answer in (GOOD, CONFLICT))
            begin, end = min(call for _, _, _, call, _, _ in self.commands), max(call for _, _, _, call, _, _ in self.commands)
            moments = [begin, *[moment for moment in served if moment < end], end]
            longest = max(longest, *(b - a for a, b in zip(moments, moments[1:])))
        return longest

    def aborts(self, answer):
        """The times, call and return, of the PREEMPT AND ABORTs that ended so."""
        return [(call, ended) for _, opcode, service, call, ended, said in self.commands
                if (opcode, service, said) == (PR_OUT, PREEMPT_AND_ABORT, answer)]

    def good_unfenced(self):
        """Of the PREEMPT AND ABORTs that were GOOD, those that began and ended while a gateway was not fenced."""
        return [(call, ended) for call, ended in self.aborts(GOOD) for since, until in self.not_fenced
                if since <= call and ended <= until]
