# SPDX-License-Identifier: GPL-2.0-only
"""4,096 registrations with the longest names: what tests/iscsi/many.c says, the memory, and what reads cost.

One lab for the whole file. PAIRS and SECONDS are how often and how long reads are measured, with all registrations
and with one.
"""

import os
import re
import statistics
import subprocess

import pytest

import gateways
from gateways import CLI, GATEWAYS, REPO, labapi, sh
from store import STORE

KEEPS_LAB = True                        # see conftest.py
PAIRS = int(os.environ.get("PAIRS", "5"))
SECONDS = int(os.environ.get("SECONDS", "3"))
MANY = str(REPO / "build/tests/iscsi/many")
REGISTRATIONS = 4096
LIMIT = 900
MEMORY = r"""
awk '/^(MemAvailable|Slab|VmallocUsed):/ { print $1, $2 }' /proc/meminfo
awk '/^(VmRSS|VmHWM):/ { print $1, $2 }' /proc/$(pgrep -x tcmu-prd)/status
awk '{ print "CPU:", ($14 + $15) * 10 }' /proc/$(pgrep -x tcmu-prd)/stat
"""


@pytest.fixture(scope="module")
def lab():
    with gateways.two_gateways() as running:
        gateways.be_patient()
        yield running


def print_memory(when):
    for gateway in GATEWAYS:
        words = sh(gateway, MEMORY).split()
        cpu_ms = words.pop()
        sizes = [f"{name} {int(kib) / 1024:.1f} MiB" for name, kib in zip(words[:-1:2], words[1::2])]
        print(f"  {gateway}, {when}: {', '.join(sizes)}; CPU time of tcmu-prd {cpu_ms} ms", flush=True)


def check_command_line():
    """tcmu-pr tells every registration, and the same on both gateways."""
    told = [sh(gateway, f"{CLI} show disk0") for gateway in GATEWAYS]
    for text in told:
        numbers = re.findall(r"iqn\.2026-11\.org\.tcmu-pr:many-(\d{4})-x+", text)
        assert len(set(numbers)) == REGISTRATIONS, text[:2000]


def test_many(lab, capfd):
    argv = ["timeout", str(LIMIT), MANY, str(PAIRS), str(SECONDS), *[labapi.url(gateway) for gateway in GATEWAYS]]
    said = []
    with capfd.disabled(), subprocess.Popen(labapi.net_command(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT, text=True) as process:
        print(flush=True)
        for line in process.stdout:
            said.append(line)
            print(f"  {line.rstrip()}", flush=True)
            if line.strip() in ("empty", "full", "cleared", "again full", "read"):
                print_memory(line.strip())
                if line.strip() == "full":
                    check_command_line()
                    print(f"  the string: {len(STORE.string())} bytes", flush=True)
                process.stdin.write("\n")
                process.stdin.flush()
        print_memory("at the end")
        rates = [(int(many), int(one)) for many, one in
                 re.findall(r"READs a second: (\d+) with 4096 registrations, (\d+) with 1", "".join(said))]
        ratios = [many / one for many, one in rates]
        print(f"  reads with {REGISTRATIONS} registrations / with 1: {[f'{ratio:.3f}' for ratio in ratios]}, "
              f"median {statistics.median(ratios):.3f}" if ratios else "  no rates", flush=True)
    assert process.returncode == 0, "".join(said)
    assert len(ratios) == PAIRS
    # The check of a command does not look at the registrations; the rest is this machine's noise.
    assert statistics.median(ratios) > 0.5
    for gateway in GATEWAYS:
        assert gateways.alarms(gateway) == []
