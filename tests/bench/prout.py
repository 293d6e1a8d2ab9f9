#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a PERSISTENT RESERVE OUT costs through one of two healthy gateways, and its parts.

    make all && tests/bench/prout.py [--store dir|rados] [COUNT]    (as root; COUNT is 1000; no part of make check)

Brings up a lab of two gateways and takes it down again. One initiator sends COUNT times REGISTER AND IGNORE EXISTING KEY
through gw1, with another key each time: so each is a change that gw2 has to install before it is GOOD. The daemons' log at
level debug tells the parts, which are those of daemon/times.c (a tenth as many at level info show what telling costs):

    read         gw1's kernel asks for the newest state, the daemon loads it from the store
    decide       the kernel makes the next state of it, and hands that to the daemon
    swap         the daemon makes it the newest one in the store
    announce     until gw2 has been told; with rados, until it has answered, which it does when it has installed it
    acknowledge  until all members have recorded in the store that they enforce it; with rados, until that is not needed
    rest         of what the initiator measures: iSCSI, gw1's kernel, netlink

and, while gw1 waits for the acknowledgment,

    own kernel   from the swap until gw1's kernel enforces the new state
    gw2 load     from when gw2's daemon has seen that there is news until it has loaded it; with rados, that came with it
    gw2 kernel   until gw2's kernel enforces it
    gw2 record   until that stands in the store; with rados, gw1 does not wait for that

The floor is the least that a change is in that store. dir: what the file system takes for one swap, in gw1: write a file of
the same size, fsync it, link it, unlink the first name, fsync the directory. rados: one compare-and-swap of the same size
in gw1, and one notify that a watcher in gw2 acknowledges (floor.c). The ratio to it is of swap, announce and acknowledge
together: what the daemon does from being handed the next state to its answer.
"""

import argparse

import os
import pathlib
import re
import statistics
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "lab"), str(REPO / "tests/lab")]
sys.dont_write_bytecode = True
import labapi  # noqa: E402
import store  # noqa: E402
from gateways import CLI, GATEWAYS, sh  # noqa: E402

PRTIME = REPO / "build/tests/iscsi/prtime"
DAEMON = REPO / "build/daemon/tcmu-prd"
# In the guest's memory: one in the lab's directory would cost as much as the store.
LOG = "/run/tcmu-prd.log"
# The lease goes on meanwhile, and the kernel's state stays.
RESTART = """
pkill -TERM -x tcmu-prd
while pgrep -x tcmu-prd; do sleep 0.1; done
sed -i 's/^log_level = .*/log_level = {level}/' /lab/private/tcmu-prd.conf
setsid {daemon} --foreground --config /lab/private/tcmu-prd.conf >{log} 2>&1 </dev/null &
"""
READY_SECONDS = 60
WRITER = re.compile(r"^tcmu-prd: debug: disk0 seq (\d+): microseconds: read (\d+), decide (\d+), swap (\d+), announce (\d+), "
                    r"acknowledge (\d+); own kernel (\d+) after", re.M)
MEMBER = re.compile(r"^tcmu-prd: debug: disk0 seq (\d+): microseconds: load (\d+), kernel (\d+), record (\d+)", re.M)
FLOOR = """
import os, time
path, text = "/lab/shared/floor", b"x" * {size}
os.mkdir(path)
where = os.open(path, os.O_RDONLY)
for i in range({count}):
    begin = time.monotonic()
    fd = os.open("tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=where)
    os.write(fd, text)
    os.fsync(fd)
    os.close(fd)
    os.link("tmp", f"v{{i}}", src_dir_fd=where, dst_dir_fd=where)
    os.unlink("tmp", dir_fd=where)
    os.fsync(where)
    print(int((time.monotonic() - begin) * 1e6))
"""


def wait_ready(gateway):
    deadline = time.monotonic() + READY_SECONDS
    while not re.search(r"^disk0\t\S+\tready\t", sh(gateway, f"{CLI} list || true"), re.M):
        assert time.monotonic() < deadline, f"{gateway}: disk0 is not ready"
        time.sleep(0.3)


def log_at(level):
    for gateway in GATEWAYS:
        sh(gateway, RESTART.format(level=level, daemon=DAEMON, log=LOG))
    for gateway in GATEWAYS:
        wait_ready(gateway)


def numbers(text):
    return [int(line) for line in text.split()]


def send(count):
    """What the initiator measured, in microseconds."""
    result = labapi.run_net([PRTIME, labapi.url("gw1"), str(count)], 60 + count)
    assert result.rc == 0, result
    return numbers(result.out.decode())


def floor_dir(count):
    """In microseconds, of each round."""
    size = max(path.stat().st_size for path in labapi.shared().glob("pr/lu/*/v*"))
    result = labapi.exec("gw1", ["python3", "-c", FLOOR.format(size=size, count=count)], 300)
    assert result.rc == 0, result
    show("floor: the file system", quantiles(numbers(result.out)), count)
    return statistics.median(numbers(result.out))


def floor_rados(count):
    """Both halves, then the whole."""
    program = [str(REPO / "build/tests/bench/floor"), "-c", f"{store.settings.CEPH_IN_GUEST}/ceph.conf", "-i", "tcmu-pr"]
    size = len(store.STORE.string())
    with labapi.start("gw2", [*program, "watch", store.Rados.POOL]) as watcher:
        said = bytearray()
        while b"watching" not in said:
            assert watcher.step(said.extend, said.extend), said
        result = labapi.exec("gw1", [*program, "swap", store.Rados.POOL, str(size), str(count)], 300)
    assert result.rc == 0, result
    found = {}
    for line in result.out.decode().splitlines():
        what, *found[what] = line.split()
        median, low, high = (int(word) for word in found[what])
        show("floor" if what == "both" else f"  {what}, {size} bytes" if what == "swap" else f"  {what}", (median, low, high), count)
    return int(found["both"][0])


def rows(pattern, gateway):
    """The numbers of each line of the daemon's log: {version: microseconds}."""
    log = sh(gateway, f"cat {LOG}")
    return {int(found[1]): [int(word) for word in found.groups()[1:]] for found in pattern.finditer(log)}


def quantiles(values):
    tenths = statistics.quantiles(values, n=10)
    return statistics.median(values), tenths[0], tenths[-1]


def show(what, values, count):
    print(f"{what:<28} {' '.join(f'{value / 1000:8.2f}' for value in values)}   {count}", flush=True)


def show_all(what, values):
    show(what, quantiles(values), len(values))


def show_parts(whole, writer, member):
    """@whole in the order of the versions, but for the first and the last one, which are not measured. Returns the daemon's
    own time, the median."""
    versions = sorted(writer)[1:-1]
    assert len(versions) == len(whole), (len(versions), len(whole))
    parts = [writer[version] for version in versions]
    daemon = [sum(part[2:5]) for part in parts]
    show_all("whole", whole)
    for number, what in enumerate(("read", "decide", "swap", "announce", "acknowledge")):
        show_all(f"  {what}", [part[number] for part in parts])
    show_all("  rest", [us - sum(part[:5]) for us, part in zip(whole, parts)])
    show_all("own kernel", [part[5] for part in parts])
    heard = [member[version] for version in versions if version in member]
    for number, what in enumerate(("load", "kernel", "record")):
        show_all(f"gw2 {what}", [part[number] for part in heard])
    show_all("swap to acknowledge", daemon)
    return statistics.median(daemon)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("dir", "rados"), default="dir")
    parser.add_argument("count", nargs="?", type=int, default=1000, metavar="COUNT")
    options = parser.parse_args()
    count = options.count
    store.choose(options.store)
    os.nice(5)
    labapi.up(gateways=2, clients=0, store=options.store, target="pr")
    try:
        print(f"{options.store}: {count} changes, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
        print(f"{'milliseconds':<28} {'median':>8} {'10 %':>8} {'90 %':>8}   of")
        log_at("info")
        show_all("whole, without the parts", send(count // 10))
        log_at("debug")
        whole = send(count)
        daemon = show_parts(whole, rows(WRITER, "gw1"), rows(MEMBER, "gw2"))
        least = floor_rados(count) if options.store == "rados" else floor_dir(count)
        print(f"swap to acknowledge / floor {daemon / least:21.2f}")
        print(f"load average at the end {os.getloadavg()[0]:.1f}")
    finally:
        labapi.down()


if __name__ == "__main__":
    main()
