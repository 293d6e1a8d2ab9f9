#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""test_judge.py JUDGE: what judge says of small histories, one right and each other wrong in one way."""

import pathlib
import subprocess
import sys
import tempfile

JUDGE = sys.argv[1]
HEAD = """history 1
start 0
nexus 0 gw1 a iqn.2026-11.test:a 400019560001 iqn.2026-11.test:t 1 1
nexus 1 gw2 b iqn.2026-11.test:b 400019560001 iqn.2026-11.test:t 2 2
"""
GOOD, CONFLICT, NOT_READY, NONE = "00", "18", "02.02.040b", "none"


class History:
    def __init__(self):
        self.text, self.count = HEAD, 0

    def op(self, nexus, call, ret, cdb, param, answer):
        self.text += f"op {self.count} {nexus} {call} {ret} {cdb} {param} {answer} -\n"
        self.count += 1

    def out(self, nexus, call, ret, action, key, action_key, answer=GOOD):
        self.op(nexus, call, ret, f"5f{action:02x}0500000000001800", f"{key:016x}{action_key:016x}{0:016x}", answer)

    def write(self, nexus, call, ret, lba, answer):
        self.op(nexus, call, ret, f"2a00{lba:08x}00000100", "-", answer)

    def read(self, nexus, call, ret, lba, tag):
        self.op(nexus, call, ret, f"2800{lba:08x}00000100", "-", GOOD)
        self.text += f"read {self.count - 1} {tag}\n"

    def end(self, *blocks, landed=()):
        self.text += "".join(f"landed {preempt} {write} {here}\n" for preempt, write, here in landed)
        self.text += "".join(f"block {lba} {tag}\n" for lba, tag in blocks) + "end 1000\n"
        return self.text


def fenced(answer=NONE, ret="-"):
    """Both register, b reserves and writes (3) into a PREEMPT AND ABORT (4) of a's."""
    history = History()
    history.out(0, 0, 10, 6, 0, 0xA)
    history.out(1, 0, 10, 6, 0, 0xB)
    history.out(1, 20, 30, 1, 0xB, 0)
    history.write(1, 40, ret, 7, answer)
    history.out(0, 50, 60, 5, 0xA, 0xB)
    return history


def seen(history, tag, landed=None, call=70):
    history.read(0, call, call + 10, 7, tag)
    return history.end((7, tag), landed=[(4, 3, landed)] if landed is not None else [])


def after_fence(answer):
    history = fenced(GOOD, 45)
    history.write(1, 70, 80 if answer != NONE else "-", 8, answer)
    return history.end((7, 3), (8, 5))


CASES = {  # name: history, exit code, what is said
    "landed before": (seen(fenced(), 3, 1), 0, "linearizable"),
    "never landed": (seen(fenced(), -1, 0), 0, "linearizable"),
    "landed after": (seen(fenced(), 3, 0), 1, "landed after the GOOD of the PREEMPT AND ABORT"),
    "refused, and not there": (seen(fenced(NOT_READY, 45), -1), 0, "linearizable"),
    "refused, but there": (seen(fenced(NOT_READY, 45), 3), 1, "a write that was refused is on the disk"),
    "refused without a reason": (seen(fenced(CONFLICT, 45), -1), 1, "nothing explains the answer"),
    "lost": (fenced(GOOD, 45).end((7, -1)), 1, "a write was GOOD and is not on the disk"),
    "lost to a reader": (seen(fenced(GOOD, 45), -1), 1, "a later read does not see it"),
    "of nobody": (seen(fenced(GOOD, 45), -2), 1, "holds what nobody wrote there"),
    "GOOD after the fence": (after_fence(GOOD), 1, "nothing explains the answer"),
    "on the disk after the fence": (after_fence(NONE), 1, "nothing explains the answer"),
    "no history": ("history 1\n", 2, "no end"),
}


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for name, (text, code, says) in CASES.items():
            path = pathlib.Path(directory, "history")
            path.write_text(text, encoding="ascii")
            done = subprocess.run([JUDGE, path], capture_output=True, text=True, timeout=60)
            said = done.stdout + done.stderr
            if done.returncode != code or says not in said:
                failed += 1
                print(f"{name}: exit code {done.returncode}, expected {code} and `{says}`:\n{said}")
    print(f"{len(CASES)} histories, {failed} judged wrongly")
    return 1 if failed else 0


sys.exit(main())
