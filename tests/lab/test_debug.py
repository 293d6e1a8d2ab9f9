# SPDX-License-Identifier: GPL-2.0-only
"""The module on the debug kernel: KASAN, lockdep, PROVE_RCU, UBSAN and kmemleak watch, allocations fail, nonsense comes.

Two gateways of user-mode Linux with one CPU each, and no clients. What is wrong is in the kernel's log, which must be
silent after each test; and at the end kmemleak finds nothing of the module's. ROUNDS, CYCLES, FUZZ_SECONDS and SEED
are for more, or less, of it.
"""

import os
import re
import subprocess
import time

import pytest

import test_pr
from test_pr import (CLEAR, CLI, CONFLICT, GOOD, PREEMPT, REGISTER_IGNORE, RELEASE_6, REPO, RESERVE, RESERVE_6, Initiator, cu,
                     labapi, sh, start_daemon, wait_ready)

ROUNDS = int(os.environ.get("ROUNDS", "30"))
CYCLES = int(os.environ.get("CYCLES", "6"))
FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("SEED", "1"))
GATEWAYS = ("gw1", "gw2")
FAIL = REPO / "tests/lab/failalloc"
# Whatever the kernel's debugging says begins, or goes on, with one of these.
ALARMS = re.compile(r"BUG:|KASAN|UBSAN|WARNING|INFO: (task|rcu|trying)|kmemleak: \d+ new|possible (circular|recursive|irq)|"
                    r"inconsistent lock|suspicious RCU|sleeping function|Call Trace|ODEBUG|Oops|Kernel panic|"
                    r"refcount_t|list_(add|del) corruption|ring is broken|still under way|Unbalanced|bad unlock|DEBUG_LOCKS")
MODULE = "build/kmod-$(uname -r)/tcmu_pr.ko"
STOP_DAEMON = f"{CLI} detach disk0 2>/dev/null || true; pkill -TERM -x tcmu-prd || true; while pgrep -x tcmu-prd; do sleep 0.1; done"
READY_SECONDS = 60
LEAKS = "/sys/kernel/debug/kmemleak"
# A kmemleak report: "unreferenced object ADDRESS (size N):", its task, a hex dump, and the stack.
OURS = re.compile(r"\[tcmu_pr\]|tpr_")


def alarms(gateway):
    return [line for line in sh(gateway, "dmesg").split("\n") if ALARMS.search(line)]


@pytest.fixture(scope="module")
def lab():
    labapi.up(gateways=2, clients=0, kernel="debug", target="pr", say=lambda line: print(line, flush=True))
    try:
        for gateway in GATEWAYS:
            # At its first exec this user-mode Linux walks a new process's maple tree unlocked, and says so: not ours.
            sh(gateway, "mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug; "
               f"echo clear >{LEAKS}; dmesg -C; grep -q 'debug_locks: *1' /proc/lockdep_stats")
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


@pytest.mark.parametrize("gateways", [("gw1",), ("gw1", "gw2")], ids="+".join)
def test_iscsi_test_cu(lab, gateways):
    counts, rc, text = cu(*gateways)
    print(f"{'+'.join(gateways)}: {counts}")
    assert rc == 0 and all(failed == 0 for _, failed in counts.values()), text[-5000:]
    assert counts["tests"][0] >= 30


def test_race(lab):
    argv = ["timeout", "300", str(REPO / "build/tests/iscsi/race"), str(ROUNDS), str(SEED), labapi.url("gw1"), labapi.url("gw2")]
    result = labapi.run_net(argv, 310)
    text = result.out.decode()
    print(text[-300:])
    assert result.rc == 0 and re.search(rf"{ROUNDS} rounds, .* 0 wrong", text), text


def test_preempt_and_abort_under_load(clean):
    """PREEMPT AND ABORT through the other gateway while the victim writes."""
    a, b = Initiator("a", "gw1"), Initiator("b", "gw2")
    writes = [f"write:{lba}:77" for lba in range(8, 40)]
    for _ in range(4):
        assert a.status(REGISTER_IGNORE.format(0xa)) == GOOD
        assert b.status(REGISTER_IGNORE.format(0xb)) == GOOD
        assert b.status(RESERVE.format(5, 0xb)) == GOOD
        argv = [str(REPO / "build/tests/iscsi/prcmd"), labapi.url("gw2"), b.name, *["tur"] * 2, *writes * 20]
        with subprocess.Popen(labapi.net_command(argv), stdout=subprocess.PIPE, text=True) as victim:
            for _ in range(8):
                victim.stdout.readline()
            assert a.status("out:5:5:a:b") == GOOD
            rest = victim.stdout.read()
        assert re.search(r" 18 \d+$", rest.splitlines()[-1]), rest[-300:]
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
    sh("gw1", "cp \"$(grep -rl ^crc32c= /lab/shared/pr/lu | sort | tail -n 1)\" /tmp/string; grep -q ^rsv=5 /tmp/string || cat /tmp/string")
    sh("gw1", STOP_DAEMON)
    yield
    sh("gw1", "rm -f /sys/kernel/config/tcmu_pr/disk0/backstore; "
       f"rmdir /sys/kernel/config/tcmu_pr/disk0; rmmod tcmu_pr; rmmod tpr_fail 2>/dev/null; insmod {MODULE}", check=False)
    start_daemon("gw1")
    wait_ready("gw1", READY_SECONDS)


ATTACH = ("mkdir -p /sys/kernel/config/tcmu_pr/disk0; "
          "ln -s /sys/kernel/config/target/core/user_0/disk0 /sys/kernel/config/tcmu_pr/disk0/backstore")


def test_fuzz(no_daemon):
    """Nonsense over netlink while commands come; then it serves again, with the state that it had."""
    sh("gw1", ATTACH)
    load = test_pr.perf_start("gw1", 600)
    text = sh("gw1", f"/usr/bin/python3 tests/lab/nlfuzz.py {FUZZ_SECONDS} {SEED} disk0 /tmp/string", FUZZ_SECONDS + 120)
    load.send_signal(2)
    load.communicate(timeout=60)
    print(text)
    assert re.search(r"^aliens: refused$", text, re.M)
    assert int(re.search(r"sent (\d+) messages", text)[1]) > 1000 * FUZZ_SECONDS * 0.5


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
OPERATIONS = {
    "REGISTER AND IGNORE": ([], "out:6:0:0:a"),
    "REGISTER": ([], "out:0:0:0:a"),
    "RESERVE": (PREPARE, RESERVE.format(5, 0xa)),
    "RELEASE": ([*PREPARE, RESERVE.format(5, 0xa)], "out:2:5:a:0"),
    "CLEAR": (PREPARE, CLEAR.format(0xa)),
    "PREEMPT": ([*PREPARE, RESERVE.format(5, 0xa)], PREEMPT.format(6, 0xa, 0xa)),
    "PREEMPT AND ABORT": ([*PREPARE, RESERVE.format(5, 0xa)], "out:5:6:a:a"),
    "READ KEYS": (PREPARE, "in:0"),
    "READ RESERVATION": ([*PREPARE, RESERVE.format(5, 0xa)], "in:1"),
    "REPORT CAPABILITIES": ([], "in:2"),
    "READ FULL STATUS": ([*PREPARE, RESERVE.format(5, 0xa)], "in:3"),
    "RESERVE(6)": ([], RESERVE_6),
    "write": (PREPARE, "write:9:44"),
    "read": (PREPARE, "read:9"),
}


def state(gateway):
    """Keys without PRGENERATION, and reservation, as that gateway answers."""
    words = Initiator("observer", gateway).run("tur", "tur", "in:0", "in:1", timeout=300)[2:]
    return tuple(" ".join([word[0], word[1][8:]]) for word in words)


def fail_at(number):
    sh("gw1", f"echo {number} >/sys/module/tpr_fail/parameters/nth")


def left():
    return int(sh("gw1", "cat /sys/module/tpr_fail/parameters/nth"))


def attempt(name, number):
    """Fail the number-th allocation (0: none) of the command and its session: the answer, both gateways' state, fired."""
    before, command = OPERATIONS[name]
    clear()
    fail_at(0)
    a = Initiator("a", "gw1")
    if before:
        words = a.run(*before, timeout=300)
        assert all(word[0] == GOOD for word in words), (name, words)
    untouched = state("gw2") if number == 0 else None
    fail_at(number)
    words = a.run(command, timeout=300)[0]
    fired = number and left() == 0
    fail_at(0)
    found = state("gw2")
    assert found == state("gw1"), (name, number, words)
    if command == RESERVE_6:
        a.status(RELEASE_6)
    return words, found, untouched, fired


def sweep(name):
    """Each allocation in turn. A GOOD must mean what it always means; an error, that it was done or not; a conflict, that not."""
    words, good, untouched, _ = attempt(name, 0)
    assert words[0] == GOOD, (name, words)
    for number in range(1, 60):
        words, found, _, fired = attempt(name, number)
        if words[0] == GOOD:
            assert found == good, (name, number, words, found, good)
        else:
            assert found in ((untouched,) if words[0] == CONFLICT else (good, untouched)), (name, number, words, found)
        print(f"{name}: {number}: {' '.join(words)}{'' if fired else ', none failed'}", flush=True)
        if not fired:
            return number - 1
    raise AssertionError(f"{name}: still allocating")


def allocation_sites():
    """FILE:LINE of every allocation in the module's sources."""
    pattern = re.compile(r"\b(kmalloc|kzalloc|kcalloc|kvmalloc|kvzalloc|kmemdup|kstrdup|genlmsg_new|alloc_workqueue|ida_alloc|"
                         r"init_srcu_struct)\(")
    return {f"{path.name}:{number}" for path in (REPO / "kernel").glob("*.c")
            for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1)
            if pattern.search(line) and not line.lstrip().startswith("*")}


def nearby(site):
    """The line itself and the two after it."""
    name, _, line = site.partition(":")
    return [f"{name}:{int(line) + more}" for more in range(3)]


@pytest.mark.skipif(not os.environ.get("ALLOCATIONS"), reason="many minutes, and not yet seen through to its end: ALLOCATIONS=1")
def test_every_allocation_fails(no_daemon, capfd):
    """Whatever context it is in: by a build of the module that asks tpr_fail.ko before each allocation."""
    release = sh("gw1", "uname -r").strip()
    build_failing(release)
    place = REPO / "build" / "kfail"
    sh("gw1", f"rmmod tcmu_pr; insmod {place}/fail/tpr_fail.ko")
    for number in range(1, 20):
        fail_at(number)
        loaded = "yes" in sh("gw1", f"insmod {place}/pr/tcmu_pr.ko 2>/dev/null && echo yes", check=False)
        fired = left() == 0
        fail_at(0)
        if not fired:
            assert loaded
            break
        assert not loaded, number
    for number in range(1, 30):
        fail_at(number)
        attached = "yes" in sh("gw1", f"{ATTACH} 2>/dev/null && echo yes", check=False)
        fired = left() == 0
        fail_at(0)
        if not fired:
            assert attached
            break
        sh("gw1", "rm -f /sys/kernel/config/tcmu_pr/disk0/backstore; rmdir /sys/kernel/config/tcmu_pr/disk0", check=False)
    sh("gw1", "[ -e /sys/kernel/config/tcmu_pr/disk0/backstore ]")
    start_daemon("gw1")
    wait_ready("gw1", READY_SECONDS)
    for name in OPERATIONS:
        count = sweep(name)
        with capfd.disabled():
            print(f"{name}: {count} allocations failed", flush=True)
    daemon_and_detach()
    report = {line.split()[0]: [int(word) for word in line.split()[1:]]
              for line in sh("gw1", "cat /sys/kernel/debug/tpr_fail").splitlines()}
    sites = allocation_sites()
    # A call that goes over lines counts as one of them.
    missed = sorted(site for site in sites if not any(report.get(near, [0, 0])[1] for near in nearby(site)))
    with capfd.disabled():
        print(f"allocation sites: {len(sites)}, failed: {len(sites) - len(missed)}, not failed: {missed}", flush=True)
    sh("gw1", STOP_DAEMON)


def daemon_and_detach():
    """Restarts of the daemon, and detach, under failures at random places."""
    for number in (1, 2, 3, 4, 5, 6):
        fail_at(number)
        sh("gw1", "pkill -KILL -x tcmu-prd; while pgrep -x tcmu-prd; do sleep 0.1; done")
        start_daemon("gw1")
        wait_ready("gw1", READY_SECONDS)
        fail_at(0)
    for number in (1, 2, 3):
        fail_at(number)
        sh("gw1", f"{CLI} detach disk0", check=False)
        fail_at(0)
        sh("gw1", f"for i in $(seq 150); do {CLI} list | grep -q disk0 && exit 0; {CLI} attach user_0/disk0 && exit 0; "
           "sleep 0.2; done; exit 1")
        wait_ready("gw1", READY_SECONDS)


def build_failing(release):
    """tpr_fail.ko, and tcmu_pr.ko with tpr_fail.h in every file, against the debug kernel."""
    from labkit import uml
    tree = uml.place_of(labapi.settings.cache_directory()) / "build"
    place = REPO / "build" / "kfail"
    for name, sources in (("fail", FAIL), ("pr", REPO / "build" / f"kmod-{release}")):
        (place / name).mkdir(parents=True, exist_ok=True)
        for source in [*sources.glob("*.[ch]"), *sources.glob("*.def"), sources / "Kbuild"]:
            if not source.name.endswith(".mod.c"):
                link = place / name / source.name
                link.unlink(missing_ok=True)
                link.symlink_to(source.resolve())
    make = [*uml.MAKE, "-j2", "-C", str(tree)]
    subprocess.run([*make, f"M={place}/fail", "modules"], check=True, stdout=subprocess.DEVNULL)
    flags = [f"CFLAGS_{path.stem}.o=-include {FAIL}/tpr_fail.h" for path in (REPO / "kernel").glob("*.c")]      # core/ allocates nothing
    subprocess.run([*make, f"M={place}/pr", *flags, f"KBUILD_EXTRA_SYMBOLS={place}/fail/Module.symvers", "modules"],
                   check=True, stdout=subprocess.DEVNULL)


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
