# SPDX-License-Identifier: GPL-2.0-only
"""The module under leases: one gateway, and a daemon that does as it is told (fakedaemon.py script)."""

import contextlib
import functools
import re
import time

import pytest

import gateways
from gateways import REPO, labapi

PRCMD = str(REPO / "build/tests/iscsi/prcmd")
CONFIG = "/sys/kernel/config/tcmu_pr"
STANDBY, TIMEOUT, CONFLICT, GOOD = "02 02 040b", "02 0b 0801", "18", "00"
REGISTER = "out:6:0:0:a"
RESERVE_6 = "cdb:160000000000"
EINVAL, EPROTO, EBUSY, ESTALE, EAGAIN = 22, 71, 16, 116, 11
NONE = 0x7fffffff
# What a lease's end may take to be noticed by what waits, in emulation beside other guests.
PROMPT_MS = 1500
LONG = 100000
SOON = 1000


sh = functools.partial(gateways.sh, "gw1")


class Fake:
    """The daemon; its terms go on where the last one's were."""
    term = 0
    seq = 0

    def __init__(self, command):
        self.command, self.text, self.events = command, "", []

    def lines(self, seconds=0.2):
        out = bytearray()
        alive = self.command.step(out.extend, out.extend, seconds)
        self.text += out.decode()
        *lines, self.text = self.text.split("\n")
        assert alive or lines, "the fake daemon is gone"
        return lines

    def say(self, *words):
        """One command; the words of its answer."""
        self.command.give_input((" ".join(map(str, words)) + "\n").encode())
        deadline = time.monotonic() + 30
        answer = None
        while answer is None:
            assert time.monotonic() < deadline, (words, self.events, self.text)
            for line in self.lines():
                mark, _, rest = line.partition(" ")
                if mark == "=":
                    answer = [word if word == "-" else int(word) for word in rest.split()]
                else:
                    assert mark == "!", line
                    self.events.append(rest.split())
        return answer

    def wait(self, *event):
        """For what the module says; what it said before that is forgotten."""
        deadline = time.monotonic() + 30
        wanted = [str(word) for word in event]
        while wanted not in self.events:
            assert time.monotonic() < deadline, (event, self.events)
            for line in self.lines():
                assert line.startswith("! "), line
                self.events.append(line[2:].split())
        del self.events[:self.events.index(wanted) + 1]

    def lease(self, ms, new=False):
        """Until when, ns."""
        Fake.term += new
        error, until, _ = self.say("lease", Fake.term, ms)
        assert error == 0
        return until

    def push(self, what="free", settled=1, new=True):
        Fake.seq += new
        assert self.say("push", Fake.seq, settled, what) == [0]
        self.wait("push-done", Fake.seq, 0)


@contextlib.contextmanager
def daemon(lease_ms=LONG):
    with labapi.start("gw1", ["/usr/bin/python3", "tests/lab/fakedaemon.py", "script"]) as command:
        fake = Fake(command)
        assert fake.say("hello", lease_ms) == [0]
        fake.wait("welcome", Fake.term)
        yield fake
        command.send_signal(9)
        while command.step(lambda _: None, lambda _: None):
            pass


def initiator(*commands, name="one"):
    """In the guest, where the clock is the same: the answers as lists of words, the last word is ms."""
    argv = [PRCMD, labapi.url("gw1"), f"iqn.2026-11.org.tcmu-pr:{name}", "tur", "tur", *commands]
    result = labapi.exec("gw1", argv, 60)
    assert result.rc == 0, (commands, result)
    return [line.split()[1:] for line in result.out.decode().splitlines()[2:]]


def answers(*commands):
    return [" ".join(words[:-1]) for words in initiator(*commands)]


class Background:
    """The same in the background; it has logged in when `with` begins."""

    def __init__(self, *commands, name="two"):
        argv = [PRCMD, labapi.url("gw1"), f"iqn.2026-11.org.tcmu-pr:{name}", "tur", "tur", *commands]
        self.command, self.out = labapi.start("gw1", argv), bytearray()

    def __enter__(self):
        self.command.__enter__()
        while self.out.count(b"\n") < 2:
            assert self.command.step(self.out.extend, self.out.extend), self.out
        return self

    def __exit__(self, *_):
        self.command.__exit__()

    def go_on(self):
        """After `wait`."""
        self.command.give_input(b"\n")

    def finish(self):
        while self.command.step(self.out.extend, self.out.extend):
            pass
        assert self.command.code == 0, self.out
        return [line.split()[1:] for line in self.out.decode().splitlines()[2:]]


def attach():
    sh(f"mkdir {CONFIG}/disk0 && ln -s /sys/kernel/config/target/core/user_0/disk0 {CONFIG}/disk0/backstore")


@pytest.fixture(scope="module")
def lab():
    labapi.up(gateways=1, clients=0, target="lio")
    try:
        sh(f"insmod {REPO}/build/kmod-$(uname -r)/tcmu_pr.ko; cat {CONFIG}/lease_term {CONFIG}/lease_ms_left")
        attach()
        yield labapi
    finally:
        labapi.down()


@pytest.fixture
def fake(lab):
    """A daemon with a long lease in a new term, and no reservation."""
    with daemon() as one:
        one.wait("added", Fake.seq)
        one.lease(LONG, new=True)
        one.push()
        yield one
        assert gateways.alarms("gw1") == []


def test_nothing_before_the_first_lease(lab):
    """A push without a lease lets nothing pass; the attributes say so."""
    state = f"cat {CONFIG}/disk0/state {CONFIG}/lease_term {CONFIG}/lease_ms_left"
    with daemon() as fake:
        fake.wait("added", 0)
        assert sh(state).split("\n")[:3] == ["no lease", "0", "0"]
        fake.push()
        assert answers("read:0", "write:9:11", "in:0", REGISTER, RESERVE_6, "tur") == [STANDBY] * 5 + [GOOD]
        fake.lease(-1, new=True)
        assert answers("read:0", "write:9:11", "in:0", REGISTER, RESERVE_6, "tur") == [STANDBY] * 5 + [GOOD]
        fake.lease(LONG)
        assert sh(state).split("\n")[:2] == ["joining", "1"]
        assert answers("read:0", "write:9:11") == [STANDBY] * 2  # pushed in another term
        fake.push(new=False)
        assert sh(state).startswith("ready\n1\n")
        assert answers("read:0", "write:9:11") == [GOOD] * 2
        left = int(sh(f"cat {CONFIG}/lease_ms_left"))
        assert LONG - 60000 < left < LONG


def test_bad_messages(lab):
    """Exactly these errors, and the lease stays as it was."""
    with daemon() as fake:
        assert fake.say("hello", "-") == [EINVAL]
        assert fake.say("hello", 600001) == [EINVAL]
        assert fake.say("hello", LONG, 1) == [EPROTO]
        until = fake.lease(LONG, new=True)
        fake.push()
        for term, ms in ((0, LONG), (Fake.term - 1, LONG), (Fake.term, 600500), (Fake.term + 1, 700000), ("-", LONG),
                         (Fake.term, "-")):
            assert fake.say("lease", term, ms)[0] == EINVAL, (term, ms)
        assert int(sh(f"cat {CONFIG}/lease_term")) == Fake.term
        left = int(sh(f"cat {CONFIG}/lease_ms_left"))
        assert abs(fake.say("now")[0] + left * 1000000 - until) < 2e9
        assert sh("/usr/bin/python3 tests/lab/fakedaemon.py hello || true") == f"hello: {EBUSY}\n"
        assert answers("write:9:12") == [GOOD]


def test_end_and_extension(fake):
    """Before the end all goes on, after it nothing; ALWAYS and INFO always; and again when it is extended."""
    tries = ("read:0", "write:9:21", "in:0", REGISTER, RESERVE_6, "tur", "cdb:120000002400")
    fake.push("reserved")
    assert answers("write:9:21", "read:0", "tur") == [CONFLICT, GOOD, GOOD]
    for _ in range(3):
        fake.lease(-1)
        words = initiator(*tries)
        assert [" ".join(one[:-1]) for one in words] == [STANDBY] * 5 + [GOOD] * 2
        assert all(int(one[-1]) < PROMPT_MS for one in words), words
        assert sh(f"cat {CONFIG}/disk0/state") == "no lease\n"
        fake.lease(LONG)
        assert answers("write:9:21", "read:0", "in:1", "tur") == [
            CONFLICT, GOOD, "00 0000000000000010" + "00000000000000aa" + "00000000" + "00010000", GOOD]


def test_lease_ends_by_itself(fake):
    """A stream of writes: the last one that was done was sent before the end, and none after."""
    for ms in (1500, 2500):
        began = fake.say("now")[0]
        with Background("stream:9:1000") as stream:
            until = fake.lease(ms)
            good, standby, other, late, sent, refused = map(int, stream.finish()[0])
        print(f"lease of {ms} ms: {good} GOOD, the last sent {(until - sent) / 1e6:.3f} ms before the end; {standby} "
              f"refused, the first answered {(refused - until) / 1e6:.3f} ms after it")
        assert good > 1 and standby > 1 and other == 0 and late == 0
        assert began < sent < until < refused
        fake.lease(LONG)
        assert answers("write:9:22") == [GOOD]


def end(fake, how):
    """The lease ends, soon by time, or now by word or with a new term. When that is, ns."""
    if how == "time":
        return fake.lease(SOON)
    until = fake.say("now")[0]
    fake.lease(-1, new=how == "term")
    return until


def test_held_commands_end_with_the_lease(fake):
    """Writes that wait for a state to be settled, when the lease ends by time, by word, and with a new term."""
    for how in ("time", "word", "term"):
        fake.push("free")
        fake.push("reserved", settled=0)
        with Background("stream:9:500") as stream:
            fake.wait("settle", Fake.seq)
            until = end(fake, how)
            good, standby, other, late, sent, refused = map(int, stream.finish()[0])
        print(f"{how}: the held command was answered {(refused - until) / 1e6:.1f} ms after the end of the lease")
        assert good == 0 and standby > 0 and other == 0
        assert until < refused < until + PROMPT_MS * 1e6
        fake.lease(LONG)
        fake.push("reserved", new=False)
        assert answers("write:9:23", "read:0") == [CONFLICT, GOOD]


@pytest.mark.parametrize("what, mute, want", [
    ("in:0", True, STANDBY), (REGISTER, True, STANDBY), (RESERVE_6, True, STANDBY), (REGISTER, False, TIMEOUT)],
    ids=["in", "out", "reserve", "out-sent"])
def test_reservation_commands_end_with_the_lease(fake, what, mute, want):
    """The daemon does not answer GET, or SET: the one that waits for it, and those in the queue, end."""
    assert fake.say("answer", "mute" if mute else "free") == []
    fake.push("free", settled=0)
    for how in ("time", "word", "term"):
        # All have logged in before the time counts.
        with Background("wait", what) as first, Background("wait", "in:1", name="three") as second, \
                Background("wait", REGISTER, name="four") as third:
            until = fake.lease(5000 if how == "time" else LONG)
            first.go_on()
            fake.wait("get")
            if not mute:
                fake.wait("set", Fake.seq)
            second.go_on()
            third.go_on()
            time.sleep(0.3)
            if how != "time":
                until = end(fake, how)
            words = [command.finish()[0] for command in (first, second, third)]
            late = (fake.say("now")[0] - until) / 1e6
        print(f"{how}: the answers were there {late:.0f} ms after the end of the lease")
        assert [" ".join(one[:-1]) for one in words] == [want, STANDBY, STANDBY]
        assert 0 < late < 3 * PROMPT_MS
        fake.lease(LONG)
        fake.push("free", settled=0, new=False)


def test_new_term_needs_a_push(fake):
    """Nothing passes on the strength of an old state, whatever the lease; the number stays known."""
    fake.push("free")
    assert answers("write:9:31") == [GOOD]
    fake.lease(LONG, new=True)
    assert answers("read:0", "write:9:32", "tur") == [STANDBY, STANDBY, GOOD]
    assert fake.say("push", Fake.seq, 1, "none") == [0]
    fake.wait("push-done", Fake.seq, EINVAL)  # only that it is settled is not enough
    assert fake.say("push", Fake.seq - 1, 1, "free") == [0]
    fake.wait("push-done", Fake.seq - 1, ESTALE)
    assert answers("write:9:32") == [STANDBY]
    fake.push("free", new=False)
    assert answers("write:9:33") == [GOOD]
    # What was settled in the term before is none to compare with: all waits.
    fake.lease(LONG, new=True)
    fake.push("free", settled=0)
    with Background("write:9:34") as write:
        fake.wait("settle", Fake.seq)
        assert fake.say("push", Fake.seq, 1, "none") == [0]
        assert write.finish()[0][0] == GOOD
    # Nor is the same state as before taken for settled.
    fake.lease(LONG, new=True)
    fake.push("free", new=False, settled=0)
    with Background("write:9:37") as write:
        fake.wait("settle", Fake.seq)
        assert fake.say("push", Fake.seq, 1, "none") == [0]
        assert write.finish()[0][0] == GOOD
    assert fake.say("invalidate", EAGAIN) == [0]
    time.sleep(0.3)
    assert answers("write:9:35") == [STANDBY]
    fake.push("free", new=False)
    assert answers("write:9:36") == [GOOD]


def test_daemon_dies(fake):
    """I/O goes on until the lease ends and not one command after it; PR commands end at once."""
    until = fake.lease(4000)
    with Background("stream:9:1000") as stream:
        fake.command.send_signal(9)
        while fake.command.step(lambda _: None, lambda _: None):
            pass
        assert answers("in:0", REGISTER) == [STANDBY, STANDBY]
        good, standby, other, late, sent, refused = map(int, stream.finish()[0])
    assert good > 1 and standby > 1 and other == 0 and late == 0
    assert sent < until < refused
    print(f"{good} GOOD, the last sent {(until - sent) / 1e6:.3f} ms before the end")


def commands():
    """How many the target core has taken in for the disk, and by its doing for the module."""
    return int(sh("cat /sys/kernel/config/target/core/user_0/disk0/statistics/scsi_lu/num_cmds"))


def wait_commands(count):
    deadline = time.monotonic() + 30
    while commands() < count:
        assert time.monotonic() < deadline, count


def test_clock_that_loses_time(fake):
    """A clock source that goes round in 4.7 s while the machine stands still: it says that the lease stands.

    However long all takes: of the pause less than 4.7 s are left by that clock, which leaves 10 s for the rest."""
    source = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    before = sh(f"cat {source}; echo acpi_pm >{source}").strip()
    try:
        begun = commands()
        with Background("stream:9:300") as stream:
            wait_commands(begun + 10)
            until = fake.lease(15000)
            labapi.pause("gw1")
            time.sleep(15.5)
            labapi.resume("gw1")
            good, standby, other, late, _, refused = map(int, stream.finish()[0])
    finally:
        sh(f"echo {before} >{source}")
    print(f"{good} GOOD, then refused {(until - refused) / 1e9:.1f} s before the end by that clock")
    assert sh(f"cat {source}").strip() == before
    assert good > 0 and standby > 1 and other == 0 and late == 0
    assert refused < until
    fake.lease(LONG)
    assert answers("write:9:37") == [GOOD]


def test_new_daemon_takes_over(lab):
    """Its hello shortens the lease; the state goes on until that ends, and when it is extended."""
    with daemon() as first:
        first.lease(LONG, new=True)
        first.push("reserved")
    assert answers("write:9:41", "read:0") == [CONFLICT, GOOD]
    with daemon(LONG // 4) as second:
        second.wait("added", Fake.seq)
        assert 0 < int(sh(f"cat {CONFIG}/lease_ms_left")) <= LONG // 4
        second.lease(LONG)
        assert answers("write:9:41", "read:0") == [CONFLICT, GOOD]
    with daemon(500):
        time.sleep(0.6)
        assert answers("write:9:41", "read:0", "tur") == [STANDBY, STANDBY, GOOD]


def test_attach_in_use_needs_a_lease(lab):
    """A session is there: refused without a lease, and goes on as before, under the lease, with one."""
    sh(f"rm {CONFIG}/disk0/backstore; rmdir {CONFIG}/disk0")
    with daemon() as fake:
        fake.lease(-1, new=True)
        begun = commands()
        with Background("stream:9:1000") as stream:
            wait_commands(begun + 10)
            with pytest.raises(AssertionError):
                attach()
            assert "disk0: in use, and there is no lease yet" in sh("dmesg")
            sh(f"rmdir {CONFIG}/disk0")
            fake.lease(LONG)
            sh("echo 60000 >/sys/module/tcmu_pr/parameters/hold_timeout_ms")
            attach()
            until = fake.lease(500)
            good, standby, other, late, sent, refused = map(int, stream.finish()[0])
        assert good > 1 and standby > 1 and other == 0 and late == 0
        assert sent < until < refused
        fake.wait("added", 0)
        sh("echo 5000 >/sys/module/tcmu_pr/parameters/hold_timeout_ms")
        fake.lease(LONG)
        Fake.seq = 0
        fake.push()
        assert answers("write:9:51") == [GOOD]


def set_time_out(seconds):
    """Only while nothing exports the device. What it was."""
    before = sh("cat /sys/kernel/config/target/core/user_0/disk0/attrib/cmd_time_out")
    sh(f"cd /sys/kernel/config/target/iscsi/*/tpgt_1/lun/lun_0\nrm disk0\n"
       f"echo {seconds} >/sys/kernel/config/target/core/user_0/disk0/attrib/cmd_time_out\n"
       "ln -s /sys/kernel/config/target/core/user_0/disk0 disk0")
    return int(before)


def test_quiet(lab):
    """The daemon hears when all that passed in earlier terms has ended, also on a device that was detached since."""
    def not_quiet():
        time.sleep(1)
        fake.say("now")
        assert ["quiet", str(Fake.term)] not in fake.events

    before = set_time_out(30)
    with daemon() as fake:
        fake.lease(LONG, new=True)
        fake.lease(LONG, new=True)
        fake.push()
        not_quiet()
        assert "cmd_time_out is not 0, so it cannot be known" in sh("dmesg")
        set_time_out(0)
        fake.wait("quiet", Fake.term)
        try:
            with Background("wait", "write:9:61") as write:
                sh("pkill -STOP -x tcmu-runner")
                begun = commands()
                write.go_on()
                wait_commands(begun + 1)
                time.sleep(0.5)
                fake.lease(LONG, new=True)
                fake.push()
                not_quiet()
                sh(f"rm {CONFIG}/disk0/backstore; rmdir {CONFIG}/disk0")
                not_quiet()
                sh("pkill -CONT -x tcmu-runner")
                fake.wait("quiet", Fake.term)
                assert write.finish()[-1][:-1] == GOOD.split()
        finally:
            sh("pkill -CONT -x tcmu-runner")
        # Nothing of before: at once.
        fake.lease(LONG, new=True)
        fake.wait("quiet", Fake.term)
        attach()
        Fake.seq = 0
        fake.push()
    with daemon() as another:
        another.wait("added", Fake.seq)
        another.wait("quiet", Fake.term)
    set_time_out(before)


def test_module_goes(lab):
    """Nothing is left behind, and another life of the module knows of no term."""
    said = sh("dmesg")
    sh(f"rm {CONFIG}/disk0/backstore; rmdir {CONFIG}/disk0; rmmod tcmu_pr")
    assert len(re.findall(r"tcmu_pr: term \d+ begins", said)) == Fake.term
    sh(f"insmod {REPO}/build/kmod-$(uname -r)/tcmu_pr.ko")
    assert sh(f"cat {CONFIG}/lease_term {CONFIG}/lease_ms_left") == "0\n0\n"
