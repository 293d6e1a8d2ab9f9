# SPDX-License-Identifier: GPL-2.0-only
"""Everything that can break, broken on purpose, while initiators write tagged blocks, register, reserve, preempt and
clear through both gateways (tests/iscsi/storm.c); then tests/lincheck/judge says whether one device could have answered so,
and whether a write of a fenced nexus got to the disk.

One lab for the whole file; gw2 is what is broken, gw1 what has to go on. A row for each fault goes to
build/check/faults.md (faults-rados.md with the store on Ceph). LEASE is the gateways' lease in seconds (15), FAULTS the
names of the faults to try (all), SEED the storm's.

How the store is broken, each in its own way, is in store.py.
"""

import concurrent.futures
import contextlib
import functools
import os
import subprocess
import time

import pytest

import gateways
from gateways import CLI, DAEMON, GATEWAYS, REPO, labapi, sh
from labkit import bringup, settings, state, vm
from store import KIND, STORE
from storm import GAVE_UP, GOOD, LINEARIZABLE, PR_IN, PR_OUT, READ, TIMEOUT, VIOLATION, WRITE, Storm

KEEPS_LAB = True                        # see conftest.py
LEASE = float(os.environ.get("LEASE", "15"))
MARGIN = max(0.5, min(2.0, LEASE / 4)) if LEASE != 15 else 2
SEED = int(os.environ.get("SEED", "1"))
WANTED = os.environ.get("FAULTS", "").split()
CHECK = REPO / "build/check"
TABLE = "faults.md" if KIND == "dir" else f"faults-{KIND}.md"
HEALTHY = ("gw1",)
# What emulation on a busy machine adds to a lease and a margin before PR OUT works again.
SLACK = float(os.environ.get("SLACK", "25"))
READY_SECONDS = 90
# Of each storm, before and after the fault, in seconds.
CALM = 2
# Of one without tcmu-pr, and how many of them there are to find a violation in.
STOCK = 20
STOCKS = 5
# Twice: the healthy gateway counts anew when its own reading of the store has stood still for a few beats.
EVICTION_SECONDS = 2 * (LEASE + MARGIN) + SLACK
FENCE_PORT = 5405
# With the seconds since the guest's boot in front of each line.
START = f"""
setsid sh -c '{DAEMON} --foreground --config /lab/private/tcmu-prd.conf 2>&1 |
	while read -r line; do read -r up rest </proc/uptime; echo "$up $line"; done' \\
	>>/lab/private/log/tcmu-prd.log 2>&1 </dev/null &
"""
STOP = "pkill -TERM -x tcmu-prd || true; while pgrep -x tcmu-prd; do sleep 0.1; done"
faults = {}
logged = {}


def fault(title, healthy=HEALTHY, kind=KIND):
    """A function that is one fault: it returns when the fault is over. @healthy: gateways that must not notice much. @kind:
    of the store that can break so."""
    def add(function):
        if kind == KIND:
            faults[function.__name__] = (title, healthy, function)
        return function
    return add


def both(function, names=GATEWAYS):
    """On both gateways at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(function, names))


wait_ready = functools.partial(gateways.wait_ready, seconds=READY_SECONDS)


def configure(gateway, more=""):
    """The lease that is asked for, and more; with a new daemon."""
    text = f"lease {{ duration = {LEASE:g} margin = {MARGIN:g} }}\n{more}"
    sh(gateway, f"sed -i -e '/^lease/d' -e '/^fence/d' /lab/private/tcmu-prd.conf\n"
       f"printf '%s\\n' '{text}' >>/lab/private/tcmu-prd.conf\n{STOP}\n{START}")
    wait_ready(gateway)


@pytest.fixture(scope="module")
def lab():
    with gateways.two_gateways(keep=False) as running:
        STORE.isolate(lambda: both(lambda gateway: sh(gateway, STOP)))
        both(configure)
        yield running


HEAD = ("fault", "PR OUT at most, s", "without PR, s", "without I/O, s", "commands", "no answer", "PREEMPT AND ABORT GOOD",
        "and refused (08h/01h)", "violations")
rows = []
# Of all faults together: how many PREEMPT AND ABORTs were GOOD, and refused while a gateway was not fenced.
aborts = {GOOD: 0, TIMEOUT: 0}


def add_row(row):
    """Written at once: what comes next may break everything."""
    rows.append(row)
    with open(CHECK / TABLE, "w", encoding="utf-8") as out:
        out.write(f"Lease {LEASE:g} s, margin {MARGIN:g} s; times of the healthy gateway.\n\n")
        for line in (HEAD, ["---"] * len(HEAD), *rows):
            out.write(f"| {' | '.join(str(word) for word in line)} |\n")


def said(gateway):
    """By its daemon since keep_log()."""
    log = labapi.directory(gateway) / "private/log/tcmu-prd.log"
    return log.read_bytes()[logged.get(gateway, 0):] if log.exists() else b""


# The faults

def wait_said(gateway, text, seconds):
    deadline = time.monotonic() + seconds
    while text.encode() not in said(gateway):
        assert time.monotonic() < deadline, f"{gateway} does not say: {text}"
        time.sleep(0.2)


def start(gateway):
    sh(gateway, START)


def restart(*names):
    """Boot them anew, all at once, and give them the configuration again."""
    lab = state.load()
    guests = [vm.find(lab, name) for name in names]
    for guest in guests:
        guest.kill()
    with state.lock(lab[0]):
        bringup.Bringup(guests, labapi.silent).run()
    both(configure, names)


def unfenced(storm):
    """For the block somebody is out, and only the administrator could have it fenced."""
    return contextlib.nullcontext() if STORE.fences else storm.unfenced()


@fault("none")
def nothing(_storm):
    time.sleep(4)


@fault("daemon killed (SIGKILL), started 3 s later")
def daemon_killed(_storm):
    sh("gw2", "pkill -KILL -x tcmu-prd")
    time.sleep(3)
    start("gw2")
    wait_ready("gw2")


@fault("daemon replaced twice (SIGTERM, start)")
def daemon_upgraded(_storm):
    for _ in range(2):
        sh("gw2", f"{STOP}\n{START}")
        wait_ready("gw2")
        time.sleep(1)


@fault("gateway paused for less than a lease")
def paused_shortly(_storm):
    labapi.pause("gw2")
    time.sleep(LEASE * 0.4)
    labapi.resume("gw2")
    wait_ready("gw2")


@fault("gateway paused for more than a lease, then resumed")
def paused_long(storm):
    labapi.pause("gw2")
    storm.abort_often()
    with unfenced(storm):
        wait_said("gw1", "gw2 has ended", EVICTION_SECONDS)
        time.sleep(4)
    labapi.resume("gw2")
    wait_ready("gw2")


@fault("store cut from one gateway")
def store_cut(storm):
    with STORE.cut("gw2"):
        storm.abort_often()
        with unfenced(storm):
            wait_said("gw1", "gw2 has ended", EVICTION_SECONDS)
            time.sleep(4)
    wait_ready("gw2")


@fault("store full", healthy=GATEWAYS)
def store_full(_storm):
    with STORE.full():
        time.sleep(4)


@fault("store read-only" if KIND == "dir" else "all I/O of the cluster paused (`ceph osd pause`)", healthy=GATEWAYS)
def store_read_only(_storm):
    with STORE.read_only():
        time.sleep(4)


@fault("store slow (each call 100 ms)", healthy=GATEWAYS)
def store_slow(_storm):
    with STORE.slow(GATEWAYS):
        time.sleep(12)


@fault("network cut from one gateway for 10 s")
def network_cut(_storm):
    subprocess.run(labapi.net_command(["ip", "link", "set", "gw2", "down"]), check=True)
    time.sleep(10)
    subprocess.run(labapi.net_command(["ip", "link", "set", "gw2", "up"]), check=True)
    time.sleep(3)


@fault("clock stepped by an hour, and back")
def clock_stepped(_storm):
    for step in (3600, -3600):
        sh("gw2", f"date -s @$(($(date +%s) + {step}))")
        time.sleep(4)
        wait_ready("gw2")


@fault("gateway killed")
def gateway_killed(storm):
    """Until a PREEMPT AND ABORT has waited in vain for somebody to fence it, or the store has done it."""
    labapi.kill("gw2")
    storm.abort_often()
    if STORE.fences:
        storm.wait_abort("gw1", "GOOD", 3 * EVICTION_SECONDS)
        return
    with storm.unfenced():
        wait_said("gw1", "they are not fenced: gw2", 3 * EVICTION_SECONDS)


@fault("gateway paused; the fence command cuts its power", kind="dir")
def paused_and_fenced(storm):
    """Until a PREEMPT AND ABORT is GOOD because of that."""
    since = time.monotonic()
    labapi.pause("gw2")
    storm.abort_often()
    with storm.unfenced(since + LEASE):
        time.sleep(LEASE)
    storm.wait_abort("gw1", "GOOD", 2 * EVICTION_SECONDS)


@fault("all gateways killed at once and started", healthy=())
def all_killed(storm):
    since = time.monotonic()
    both(labapi.kill)
    restart(*GATEWAYS)
    storm.power_lost(since)
    time.sleep(CALM)


# Of the cluster: no gateway is healthy while it has none, and none may be wrong afterwards.

@fault("osd killed (SIGKILL) three times, started 2 s later", healthy=GATEWAYS, kind="rados")
def osd_killed(_storm):
    for _ in range(3):
        labapi.kill("osd")
        time.sleep(2)
        labapi.restart("osd")
        time.sleep(4)


@fault("osd stopped for less than a lease, longer than an op may take", healthy=GATEWAYS, kind="rados")
def osd_paused_shortly(_storm):
    labapi.pause("osd")
    time.sleep(min(8.0, LEASE * 0.6))
    labapi.resume("osd")
    both(wait_ready)


@fault("osd stopped for longer than a lease", healthy=GATEWAYS, kind="rados")
def osd_paused_long(_storm):
    labapi.pause("osd")
    time.sleep(LEASE + MARGIN + 5)
    labapi.resume("osd")
    both(wait_ready)


@fault("mon away (SIGKILL) for longer than a lease", healthy=GATEWAYS, kind="rados")
def mon_away(_storm):
    labapi.kill("mon")
    time.sleep(LEASE + MARGIN + 5)
    labapi.restart("mon")


@fault("both daemons of the cluster killed at once, started 2 s later", healthy=GATEWAYS, kind="rados")
def cluster_killed(_storm):
    for name in ("mon", "osd"):
        labapi.kill(name)
    time.sleep(2)
    for name in ("mon", "osd"):
        labapi.restart(name)
    both(wait_ready)


@fault("network between one gateway and the cluster cut for less than a lease, and healed", kind="rados")
def cluster_cut_shortly(_storm):
    with STORE.cut("gw2"):
        time.sleep(min(8.0, LEASE * 0.6))
    wait_ready("gw2")


@fault("what the cluster says to one gateway is lost, what that says is not", kind="rados")
def cluster_mute(storm):
    labapi.cut("gw2", replies_only=True)
    try:
        storm.abort_often()
        with unfenced(storm):
            wait_said("gw1", "gw2 has ended", EVICTION_SECONDS)
            time.sleep(4)
    finally:
        labapi.heal("gw2")
    wait_ready("gw2")


@fault("gateway paused for more than a lease, blocklisted, killed, started", kind="rados")
def blocklisted_restarted(storm):
    labapi.pause("gw2")
    storm.abort_often()
    wait_said("gw1", "gw2 has ended", EVICTION_SECONDS)
    STORE.wait_blocklisted(labapi.address("gw2"), EVICTION_SECONDS)
    labapi.kill("gw2")
    restart("gw2")


# What is asked of each

@contextlib.contextmanager
def power_switch():
    """gw1 can have others' power cut."""
    argv = labapi.net_command([REPO / "tests/lab/fence.py", str(FENCE_PORT)])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as switch:
        try:
            assert switch.stdout.readline() == "serving\n"
            command = f"{REPO}/tests/lab/fence.sh {settings.HOST_ADDRESS} {FENCE_PORT}"
            configure("gw1", f'fence {{ command = "{command}" }}')
            yield
        finally:
            switch.terminate()
            configure("gw1")


def revive():
    """Who is off, or stopped, serves again: whatever became of the test."""
    states = {name: vm.find(state.load(), name).state() for name in GATEWAYS}
    off = [name for name in GATEWAYS if states[name] == "dead"]
    if off:
        restart(*off)
    for name in GATEWAYS:
        if states[name] == "paused":
            labapi.resume(name)
    both(wait_ready)


def keep_log(gateway, name):
    """What the daemon has said since the last time, for who wants to know why."""
    new = said(gateway)
    (CHECK / f"faults-{name}-{gateway}.log").write_bytes(new)
    logged[gateway] = logged.get(gateway, 0) + len(new)


def works(gateway):
    """A registration comes and goes through it."""
    argv = [REPO / "build/tests/iscsi/prcmd", labapi.url(gateway), f"iqn.2026-11.org.tcmu-pr:after-{gateway}",
            "tur", "tur", "tur", "out:6:0:0:f", "out:0:0:f:0"]
    result = labapi.run_net([str(word) for word in argv], 90)
    words = [line.split()[1] for line in result.out.decode().splitlines()]
    assert result.rc == 0 and words[-2:] == ["00", "00"], result


@pytest.mark.parametrize("name", [name for name in faults if not WANTED or name in WANTED])
def test_fault(lab, name, capfd):
    title, healthy, break_it = faults[name]
    CHECK.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        if name == "paused_and_fenced":
            stack.enter_context(power_switch())
        stack.callback(revive)
        with Storm(CHECK / f"faults-{name}.history", SEED) as storm:
            time.sleep(CALM)
            break_it(storm)
            time.sleep(CALM)
    for answer in aborts:
        aborts[answer] += len(storm.aborts(answer))
    row = [title, f"{storm.longest_out(healthy):.1f}", f"{storm.longest_gap(healthy, (PR_IN, PR_OUT)):.1f}" if healthy else "-",
           f"{storm.longest_gap(healthy, (READ, WRITE)):.1f}" if healthy else "-", len(storm.commands),
           sum(1 for command in storm.commands if command[4] is None), len(storm.aborts(GOOD)), len(storm.aborts(TIMEOUT)),
           "SEE HISTORY" if storm.good_unfenced() else
           {LINEARIZABLE: 0, GAVE_UP: "0 known, gave up"}.get(storm.verdict, "SEE HISTORY")]
    add_row(row)
    with capfd.disabled():
        print(f"\n{' | '.join(str(word) for word in row)}", flush=True)
    for gateway in GATEWAYS:
        keep_log(gateway, name)
    assert storm.verdict in (LINEARIZABLE, GAVE_UP), storm.said
    assert storm.good_unfenced() == []
    both(works)
    for gateway in GATEWAYS:
        assert gateways.alarms(gateway) == []
    if healthy == HEALTHY:
        assert storm.longest_gap(healthy, (PR_IN, PR_OUT)) < EVICTION_SECONDS


@pytest.mark.skipif(bool(WANTED), reason="not all faults were tried")
def test_aborts_ended_both_ways():
    """Or else that none was GOOD when it must not be says nothing."""
    assert aborts[GOOD] and (STORE.fences or aborts[TIMEOUT]), aborts


def test_without_tcmu_pr(lab, capfd):
    """The same storm through the target core's own persistent reservations: the judge must find what is wrong with it."""
    both(lambda gateway: sh(gateway, f"{CLI} detach disk0\n{STOP}\nrmmod tcmu_pr"))
    for number in range(STOCKS):
        with Storm(CHECK / "faults-stock.history", SEED + number) as storm:
            time.sleep(STOCK)
        if storm.verdict == VIOLATION:
            break
    with capfd.disabled():
        print(f"\n{storm.said[-1500:]}", flush=True)
    add_row(["none, but without tcmu-pr", "-", "-", "-", len(storm.commands), "-", len(storm.aborts(GOOD)), "-",
             "found" if storm.verdict == VIOLATION else "NONE FOUND"])
    assert storm.verdict == VIOLATION
