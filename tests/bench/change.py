#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a change costs the daemons of two gateways over RADOS, without kernels, iSCSI and emulated processors.

    make user && tests/bench/change.py [COUNT]    (COUNT is 200; no part of make check)

A cluster of one mon and one osd on this machine, and two processes with all of the daemon in them but the netlink socket
(change.c): the kernel is a fake that installs at once. From the SET that hands the daemon the next state to its answer: swap,
announce, the other gateway's installing, its acknowledgment. So it is not what an initiator waits for. Measured by turns,
five times a fifth of COUNT each:

    said         announcements carry the string, and acknowledgments come with their answers
    recorded     the other gateway loads, and the writer waits until it stands in the store, as where they carry nothing
    floor        one compare-and-swap and one notify, which another process acknowledges (floor.c)

Each of them once as fast as the answers come, and once with pauses. Without, the writing of the two records of a change, which
its answer does not wait for, still goes on when the next one is swapped; of a host that fences, there is no next one.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, os.fspath(REPO / "lab"))
sys.dont_write_bytecode = True
from labkit import ceph  # noqa: E402

BENCH = REPO / "build/tests/bench"
GUARD = REPO / "tests/store/rados/cluster.py"
TURNS = 5
STRING_BYTES = 700
PAUSE_MS = 20


def output(words, environment, other):
    """Of the program, while the other one, which says a word first, runs as well."""
    with subprocess.Popen(other, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout.readline(), "the other process has failed"
            done = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=300)
        finally:
            running.stdin.close()
    return done.stdout


def changes(conf, environment, count, plain):
    where = f"rbd;conf={conf};id=tcmu-pr"
    words = [os.fspath(BENCH / "change")]
    tail = [where, f"rbd/rbd/disk0;conf={conf};id=tcmu-pr"]
    if plain:
        environment = environment | {"CHANGE_PLAIN": "1"}
    out = output([*words, "gw1", *tail, str(count)], environment, [*words, "gw2", *tail])
    return [int(line) for line in out.split()[1:]]


def floor(conf, environment, count):
    words = [os.fspath(BENCH / "floor"), "-c", os.fspath(conf), "-i", "tcmu-pr"]
    out = output([*words, "swap", "rbd", str(STRING_BYTES), str(count)], environment, [*words, "watch", "rbd"])
    return [int(line.split()[1]) for line in out.splitlines() if line.startswith("both")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=200, metavar="COUNT")
    count = max(parser.parse_args().count // TURNS, 10)
    directory = tempfile.mkdtemp(prefix="tcmu-pr-bench-")
    # Removes the cluster, also when this is killed.
    guard = subprocess.Popen([sys.executable, GUARD, directory, "guard"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        cluster = ceph.Cluster(pathlib.Path(directory) / "cluster")
        cluster.create(["rbd/disk0"])
        environment = os.environ | cluster.environment()
        found = {pause: {"said": [], "recorded": [], "floor": []} for pause in (0, PAUSE_MS)}
        for _ in range(TURNS):
            for pause, values in found.items():
                environment["PAUSE_MS"] = str(pause)
                values["said"] += changes(cluster.conf, environment, count, False)
                values["recorded"] += changes(cluster.conf, environment, count, True)
                values["floor"] += floor(cluster.conf, environment, count)
    finally:
        guard.stdin.close()
        guard.wait()
    print(f"milliseconds, {TURNS} times {count}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    for pause, rows in found.items():
        print(f"{pause} ms apart:" if pause else "one after the other:")
        least = statistics.median(rows["floor"])
        for what, values in rows.items():
            print(f"{what:10} {statistics.median(values) / 1000:8.2f}   {statistics.median(values) / least:5.2f} floors")


if __name__ == "__main__":
    main()
