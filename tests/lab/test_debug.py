# SPDX-License-Identifier: GPL-2.0-only
"""The module on the debug kernel: KASAN, lockdep, PROVE_RCU, UBSAN and kmemleak watch, allocations fail, nonsense comes.

Two gateways of user-mode Linux with one CPU each, and no clients. What is wrong is in the kernel's log, which must be
silent after each test; and at the end kmemleak finds nothing of the module's. ROUNDS, CYCLES, FUZZ_SECONDS and SEED
are for more, or less, of it; ALL=1 has all of libiscsi's suites and more faults; ALLOCATIONS=1 also fails each allocation
of the module.
"""

import concurrent.futures
import contextlib
import os
import re
import subprocess
import time

import pytest

import failing
import test_faults
import test_lost
import test_pr
from gateways import ALL
from initiator import INFO_LOST, REPLACE_LOST
from test_pr import (CLEAR, CLI, CONFLICT, GOOD, REGISTER_IGNORE, RELEASE_6, REPO, RESERVE, RESERVE_6, TIMEOUT, Initiator, cu,
                     labapi, sh, start_daemon, wait_ready)
from store import KIND, STORE
from storm import GAVE_UP, LINEARIZABLE, Storm

# The debug kernel looks at the module, and that does not know which store there is.
pytestmark = pytest.mark.skipif(KIND != "dir", reason="debug gateways have the store in a directory")

ROUNDS = int(os.environ.get("ROUNDS", "30"))
CYCLES = int(os.environ.get("CYCLES", "6"))
# Seconds, of the gateways in the fault table.
LEASE, MARGIN = 5, 1.25
FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
# However slow the machine is, which has sent twice as many in that time.
FUZZ_LEAST = int(FUZZ_SECONDS * 500)
SEED = int(os.environ.get("SEED", "1"))
GATEWAYS = ("gw1", "gw2")
# Whatever the kernel's debugging says begins, or goes on, with one of these.
ALARMS = re.compile(r"BUG:|KASAN|UBSAN|WARNING|INFO: (task|rcu|trying)|kmemleak: \d+ new|possible (circular|recursive|irq)|"
                    r"inconsistent lock|suspicious RCU|sleeping function|Call Trace|ODEBUG|Oops|Kernel panic|"
                    r"refcount_t|list_(add|del) corruption|ring is broken|still under way|Unbalanced|bad unlock|DEBUG_LOCKS")
MODULE = "build/kmod-$(uname -r)/tcmu_pr.ko"
STOP_DAEMON = f"{CLI} detach disk0 2>/dev/null || true; pkill -TERM -x tcmu-prd || true; while pgrep -x tcmu-prd; do sleep 0.1; done"
READY_SECONDS = 60
LEAKS = "/sys/kernel/debug/kmemleak"
# A kmemleak report: "unreferenced object ADDRESS (size N):", its task, a hex dump, and the stack.
# Without a name is what a module did that is not there any more.
OURS = re.compile(r"\[tcmu_pr\]|tpr_|\] 0x[0-9a-f]+$", re.M)


def alarms(gateway):
    return [line for line in sh(gateway, "dmesg").split("\n") if ALARMS.search(line)]


def listen(gateway):
    """After its boot: what it says from now on is ours; and kmemleak looks when it is told to, for that takes its one CPU."""
    # At its first exec this user-mode Linux walks a new process's maple tree unlocked, and says so: not ours.
    said = sh(gateway, "dmesg")
    assert not re.search(r"KASAN: |UBSAN: |BUG: |\[tcmu_pr\]| tpr_", said), said[-20000:]
    sh(gateway, "mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; "
       f"echo scan=off >{LEAKS}; echo clear >{LEAKS}; dmesg -C; grep -q 'debug_locks: *1' /proc/lockdep_stats")


@pytest.fixture(scope="module")
def lab():
    labapi.up(gateways=2, clients=0, kernel="debug", target="pr", say=lambda line: print(line, flush=True))
    try:
        for gateway in GATEWAYS:
            listen(gateway)
        yield labapi
    finally:
        labapi.down()


@pytest.fixture(autouse=True)
def silent(lab):
    """After each test both gateways serve, and their kernels have said nothing."""
    yield
    for gateway in GATEWAYS:
        found = alarms(gateway)
        if found:
            print(sh(gateway, "dmesg")[-20000:])
        assert found == [], gateway
        wait_ready(gateway, READY_SECONDS)


@contextlib.contextmanager
def short_leases():
    """On both gateways, and for test_faults.py, whose faults are used here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_faults, "LEASE", LEASE)
        patch.setattr(test_faults, "MARGIN", MARGIN)
        test_faults.both(test_faults.configure)
        yield
    test_faults.both(test_faults.configure)


@pytest.fixture
def clean(lab):
    """Nobody is registered, nothing is reserved."""
    clear()


def clear():
    words = Initiator("cleaner", "gw1").run("tur", "tur", REGISTER_IGNORE.format(0xc1ea), CLEAR.format(0xc1ea), timeout=300)
    assert [word[0] for word in words[2:]] == [GOOD, GOOD], words


def test_debug_kernel(lab):
    """It is one: each of its eyes is open."""
    for gateway in GATEWAYS:
        assert sh(gateway, "uname -r").strip().endswith("-tcmu-pr-debug")
        symbols = sh(gateway, "cat /proc/kallsyms")
        for symbol in ("kasan_report", "lock_acquire", "lockdep_rcu_suspicious", "kmemleak_scan", "__ubsan_handle_out_of_bounds",
                       "should_failslab"):
            assert re.search(rf" {symbol}$", symbols, re.M), symbol
    assert "[tcmu_pr]" in sh("gw1", "cat /proc/kallsyms")


def test_iscsi_test_cu(lab):
    """With one URL: with two, MultipathIO reads and writes for longer than five minutes here."""
    # The eleven others of ProutReserve take longer than all the rest.
    slow = "ProutReserve", "PrinReportCapabilities"
    few = [suite for suite in test_pr.SUITES if suite not in slow] + ["ProutReserve.Simple", "ProutReserve.AccessEAAR"]
    counts, rc, text = cu("gw1", suites=test_pr.SUITES if ALL else few)
    print(counts)
    assert rc == 0 and all(failed == 0 for _, failed in counts.values()), text[-5000:]
    assert counts["tests"][0] >= (30 if ALL else 18)


def test_race(lab):
    argv = ["timeout", "300", str(REPO / "build/tests/iscsi/race"), str(ROUNDS), str(SEED), labapi.url("gw1"), labapi.url("gw2")]
    result = labapi.run_net(argv, 310)
    text = result.out.decode()
    print(text[-300:])
    assert result.rc == 0 and re.search(rf"{ROUNDS} rounds, .* 0 wrong", text), text


def reserve_for(b, a):
    """B has the reservation, A is registered."""
    assert a.status(REGISTER_IGNORE.format(0xa)) == GOOD
    assert b.status(REGISTER_IGNORE.format(0xb)) == GOOD
    assert b.status(RESERVE.format(5, 0xb)) == GOOD


def preempt_writer(a, b):
    """A aborts what B is writing, and B writes until it is told; what A is answered."""
    argv = [str(REPO / "build/tests/iscsi/prcmd"), labapi.url(b.gateway), b.name, *["tur"] * 2, *["write:8:77"] * 6,
            "stream:9:500", "write:10:77"]
    with subprocess.Popen(labapi.net_command(argv), stdout=subprocess.PIPE, text=True) as victim:
        for _ in range(8):
            victim.stdout.readline()
        answer = a.status("out:5:5:a:b")
        stream, last = victim.stdout.read().splitlines()
    good, _, other, late = map(int, stream.split()[1:5])
    assert good and other and late == 0, stream
    assert re.search(r" 18 \d+$", last), last
    return answer


def test_preempt_and_abort_under_load(clean):
    """PREEMPT AND ABORT through the other gateway while the victim writes."""
    a, b = Initiator("a", "gw1"), Initiator("b", "gw2")
    for _ in range(4):
        reserve_for(b, a)
        assert preempt_writer(a, b) == GOOD
        clear()


def test_daemon_killed_and_restarted(clean):
    a = Initiator("a", "gw1")
    assert a.status(REGISTER_IGNORE.format(0xa)) == GOOD
    load = test_pr.perf_start("gw1", 300)
    for number in ("KILL", "TERM", "KILL"):
        sh("gw1", f"pkill -{number} -x tcmu-prd; while pgrep -x tcmu-prd; do sleep 0.1; done")
        start_daemon("gw1")
        wait_ready("gw1", READY_SECONDS)
    assert a.status(RESERVE.format(1, 0xa)) == GOOD
    load.send_signal(2)
    load.communicate(timeout=60)


def test_attach_detach_and_unload_under_load(lab):
    load = test_pr.perf_start("gw1", 600)
    try:
        for done in range(1, CYCLES + 1):
            sh("gw1", f"{CLI} detach disk0")
            if done % 3 == 0:
                sh("gw1", f"rmmod tcmu_pr && insmod {MODULE}")
            sh("gw1", f"for i in $(seq 150); do {CLI} attach user_0/disk0 && exit 0; sleep 0.2; done; exit 1")
            assert load.poll() is None, load.communicate()[0]
    finally:
        load.send_signal(2)
        load.communicate(timeout=60)


@pytest.fixture
def no_daemon(lab):
    """gw1 attached, with no daemon; a good string of the device in a file. Afterwards the daemon is back."""
    clear()
    words = Initiator("keeper", "gw1").run(REGISTER_IGNORE.format(0x4ee9), RESERVE.format(5, 0x4ee9))
    assert [word[0] for word in words] == [GOOD, GOOD], words
    text = STORE.string()
    assert b"\nrsv=5" in text, text
    assert labapi.exec("gw1", ["sh", "-c", "cat >/tmp/string"], 60, stdin=text).rc == 0
    sh("gw1", STOP_DAEMON)
    yield
    sh("gw1", "rm -f /sys/kernel/config/tcmu_pr/disk0/backstore; "
       f"rmdir /sys/kernel/config/tcmu_pr/disk0; rmmod tcmu_pr; rmmod tpr_fail 2>/dev/null; insmod {MODULE}", check=False)
    start_daemon("gw1")
    wait_ready("gw1", READY_SECONDS)


DISK = "/sys/kernel/config/tcmu_pr/disk0"
ATTACH = f"mkdir -p {DISK}; ln -s /sys/kernel/config/target/core/user_0/disk0 {DISK}/backstore"


def test_fuzz(no_daemon):
    """Nonsense over netlink while commands come; then it serves again, with the state that it had."""
    sh("gw1", ATTACH)
    load = test_pr.perf_start("gw1", 600)
    text = sh("gw1", f"/usr/bin/python3 tests/lab/nlfuzz.py {FUZZ_SECONDS} {SEED} disk0 /tmp/string {FUZZ_LEAST}", FUZZ_SECONDS * 10 + 120)
    load.send_signal(2)
    load.communicate(timeout=60)
    print(text)
    assert re.search(r"^aliens: refused$", text, re.M)
    assert int(re.search(r"sent (\d+) messages", text)[1]) >= FUZZ_LEAST


def test_failslab(no_daemon):
    """Every allocation in each system call that drives the module."""
    text = sh("gw1", f"/usr/bin/python3 tests/lab/failnth.py {MODULE} /tmp/string", 300)
    print(text)
    assert len(re.findall(r"^\S.*: \d+ allocations failed", text, re.M)) == 15, text
    # The allocator itself says so, with a trace, when vmalloc() fails for a module's text; that, and no more.
    said = sh("gw1", "dmesg")
    assert said.count("Call Trace") == len(re.findall(r"vmalloc error|page allocation failure", said)), said[-10000:]
    assert [line for line in alarms("gw1") if "Call Trace" not in line] == []
    sh("gw1", "dmesg -C")


# By name: what A sends before, and the command.
PREPARE = [REGISTER_IGNORE.format(0xa)]
HOLD = [*PREPARE, RESERVE.format(5, 0xa)]
OPERATIONS = {
    "REGISTER AND IGNORE": ([], "out:6:0:0:a"),
    "RESERVE": (PREPARE, RESERVE.format(5, 0xa)),
    "RELEASE": (HOLD, "out:2:5:a:0"),
    "CLEAR": (PREPARE, CLEAR.format(0xa)),
    "PREEMPT AND ABORT": (HOLD, "out:5:6:a:a"),
    "READ KEYS": (PREPARE, "in:0"),
    "READ FULL STATUS": (HOLD, "in:3"),
    "RESERVE(6)": ([], RESERVE_6),
    "write": (HOLD, "write:9:44"),
}
# What of its own kind is slow: a lost answer is waited for, then asked for.
PATIENCE = {"reply_timeout_ms": 4000, "command_timeout_ms": 12000}


def state(gateway):
    """Keys without PRGENERATION, and reservation, as that gateway answers."""
    words = Initiator("observer", gateway).run("in:0", "in:1", timeout=300)
    return tuple(" ".join([word[0], word[1][8:]]) for word in words)


def states():
    """Both gateways': they have to agree."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = list(pool.map(state, GATEWAYS))
    assert found[0] == found[1]
    return found[0]


def sweep(name, switch, untouched):
    """The command, with each allocation that it leads to failing. A GOOD must mean what it always means; an error, that
    it was done or not; a conflict, that not. @untouched: states before, by what made them."""
    before, command = OPERATIONS[name]
    a, seen = Initiator("a", "gw1"), []

    def prepare():
        words = a.run(REGISTER_IGNORE.format(0xa), CLEAR.format(0xa), *before, timeout=300)
        assert all(word[0] == GOOD for word in words), (name, words)
        if str(before) not in untouched:
            untouched[str(before)] = states()

    def do():
        # In one session, with which the reservation would end.
        words = a.run(command, *([RELEASE_6] if command == RESERVE_6 else []), timeout=300)[0]
        seen.append([" ".join(words[:-1]) if len(words) > 2 else words[0]])

    def look():
        seen[-1].append(states())
        print(f"{name}: {seen[-1][0]}", flush=True)

    failed = switch.each(do, prepare, look)
    words, good = seen[-1]
    assert words.startswith(GOOD), (name, words)
    undone = untouched[str(before)]
    for words, found in seen:
        allowed = (good,) if words.startswith(GOOD) else (undone,) if words == CONFLICT else (good, undone)
        assert found in allowed, (name, words, found, allowed)
    return failed


@pytest.mark.skipif(not os.environ.get("ALLOCATIONS"), reason="now and then the victim is too fast for a place: ALLOCATIONS=1")
def test_every_allocation_fails(no_daemon, capfd):
    """Whatever context it is in: by a build of the module that asks tpr_fail.ko before each allocation."""
    began = time.monotonic()

    def tell(text):
        with capfd.disabled():
            print(f"{time.monotonic() - began:.0f} s: {text}", flush=True)
    failing.build(sh("gw1", "uname -r").strip())
    sh("gw1", f"rmmod tcmu_pr; insmod {failing.FAIL_MODULE}")
    tell("built")
    with failing.Switch("gw1") as switch:
        fail_all(switch, tell)
    report = [line.split(maxsplit=3) for line in sh("gw1", "cat /sys/kernel/debug/tpr_fail").splitlines()]
    for line in report:
        print(*line)
    missed = failing.without({site for site, _, count, *_ in report if int(count)})
    total = len(failing.sites())
    tell(f"allocation sites: {total}, failed: {total - len(missed)}, not failed: {missed}; "
         f"with their callers: {len(report)}, failed: {sum(line[2] != '0' for line in report)}")
    # A detach that waits for long is no alarm, where so much goes wrong.
    assert [line for line in alarms("gw1") if "still under way" not in line] == []
    sh("gw1", "dmesg -C")
    # With the module still there: kmemleak names functions when it is asked.
    assert leaks("gw1") == []
    assert missed == []
    sh("gw1", STOP_DAEMON)


def fail_all(switch, tell):
    """By what leads to them."""
    parameters = " ".join(f"{name}={value}" for name, value in PATIENCE.items())
    insmod = f"insmod {failing.PR_MODULE} {parameters} 2>/dev/null"
    attach = f"{{ rm -f {DISK}/backstore; rmdir {DISK}; {ATTACH}; }} 2>/dev/null"
    for name, script in (("insmod", insmod), ("attach", attach)):
        tell(f"{name}: {switch.each(lambda: sh('gw1', script, check=False))} allocations failed")
    sh("gw1", f"[ -e {DISK}/backstore ]")
    start_daemon("gw1")
    wait_ready("gw1", READY_SECONDS)
    untouched = {}
    for name in OPERATIONS:
        tell(f"{name}: {sweep(name, switch, untouched)} allocations failed")
    clear()
    for what, how in (("PREEMPT AND ABORT of a writer", {"do": preempt, "before": victim_writes, "after": clear}),
                      ("new daemon", {"do": new_daemon}), ("attach in use", {"do": attach_anew}),
                      ("REPLACE LOST RESERVATION", {"do": replace_lost, "before": lose, "after": replaced})):
        tell(f"{what}: {switch.each(**how)} allocations failed")
    with short_leases():
        tell(f"versions missed: {switch.each(catch_up, before=fall_behind)} allocations failed")


def victim_writes():
    """It is gw1's, where allocations fail."""
    reserve_for(Initiator("b", "gw1"), Initiator("a", "gw2"))


def preempt():
    assert preempt_writer(Initiator("a", "gw2"), Initiator("b", "gw1")) in (GOOD, TIMEOUT)


def new_daemon():
    sh("gw1", "pkill -KILL -x tcmu-prd; while pgrep -x tcmu-prd; do sleep 0.1; done")
    start_daemon("gw1")
    wait_ready("gw1", READY_SECONDS)


def attach_anew():
    """While a session is there, so that what it has in flight is looked at."""
    load = test_pr.perf_start("gw1", 600)
    try:
        sh("gw1", f"{CLI} detach disk0", check=False)
        sh("gw1", f"for i in $(seq 150); do {CLI} list | grep -q disk0 && exit 0; {CLI} attach user_0/disk0 && exit 0; "
           "sleep 0.2; done; exit 1")
        wait_ready("gw1", READY_SECONDS)
    finally:
        load.send_signal(2)
        load.communicate(timeout=60)


def lose():
    """The store's newest version cannot be read, and gw1 has noticed."""
    clear()
    for one, key in ((Initiator("a", "gw1"), 0xa), (Initiator("b", "gw2"), 0xb)):
        assert one.status(REGISTER_IGNORE.format(key)) == GOOD
    test_lost.corrupt()
    assert Initiator("a", "gw1").status(REGISTER_IGNORE.format(0xd)) == INFO_LOST


def replace_lost():
    Initiator("a", "gw1").status(REPLACE_LOST.format(1, 0xa))


def replaced():
    assert Initiator("a", "gw1").status(REPLACE_LOST.format(1, 0xa)) in (GOOD, test_lost.NOT_LOST)
    wait_ready("gw1", READY_SECONDS)


def fall_behind():
    """gw1's daemon stands still, its lease ends, and the other gateway goes on."""
    sh("gw1", "pkill -STOP -x tcmu-prd")
    words = Initiator("b", "gw2").run(*[REGISTER_IGNORE.format(key) for key in (0xb1, 0xb2, 0xb3)], timeout=300)
    assert [word[0] for word in words] == [GOOD] * 3, words


def catch_up():
    sh("gw1", "pkill -CONT -x tcmu-prd")
    wait_ready("gw1", READY_SECONDS)


# Of the fault table, what one CPU can do: by its name there. A store that is cut off takes too long here.
FAULTS = ("paused_long", *["daemon_killed", "gateway_killed"] * ALL)


@pytest.fixture(scope="module")
def short_lease(lab):
    with short_leases():
        yield


@pytest.mark.parametrize("name", FAULTS)
def test_fault(short_lease, name, capfd):
    title, healthy, break_it = test_faults.faults[name]
    test_faults.CHECK.mkdir(parents=True, exist_ok=True)
    with Storm(test_faults.CHECK / f"debug-{name}.history", SEED) as storm:
        time.sleep(test_faults.CALM)
        break_it(storm)
        time.sleep(test_faults.CALM)
    gap = storm.longest_gap(healthy, ("5e", "5f"))
    with capfd.disabled():
        print(f"\n{title}: {len(storm.commands)} commands, without PR {gap:.1f} s, PR OUT at most {storm.longest_out(healthy):.1f} s, "
              f"verdict {storm.verdict}", flush=True)
    assert alarms("gw1") == []
    dead = [row["name"] for row in labapi.status() if row["state"] == "dead"]
    test_faults.revive()
    for gateway in dead:
        listen(gateway)
    assert storm.verdict in (LINEARIZABLE, GAVE_UP), storm.said
    assert gap < LEASE + MARGIN + test_faults.SLACK
    for gateway in GATEWAYS:
        test_faults.works(gateway)


def leaks(gateway):
    """Reports of kmemleak that have the module in their stacks."""
    sh(gateway, f"echo scan >{LEAKS}")
    time.sleep(6)                       # kmemleak takes nothing for a leak that is younger than five seconds
    sh(gateway, f"echo scan >{LEAKS}")
    reports = sh(gateway, f"cat {LEAKS}").split("unreferenced object")[1:]
    return [report for report in reports if OURS.search(report)]


def test_zz_no_leaks(lab):
    for gateway in GATEWAYS:
        assert leaks(gateway) == []
        # Lockdep looks away after what it has found once.
        sh(gateway, "grep -q 'debug_locks: *1' /proc/lockdep_stats")
