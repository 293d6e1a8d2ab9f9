# SPDX-License-Identifier: GPL-2.0-only
"""The lab itself, with stock LIO: one lab for the tests that need it up, and short ones for those that do not.

Goal: what tests of tcmu-pr rely on. Commands run with true exit codes and bytes, power cuts and pauses are
what they claim, and nothing of a lab is left, however it ends.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
LAB = REPO / "lab" / "lab"
PR_SUITES = ",".join(f"ALL.{name}" for name in (
    "PrinReadKeys", "PrinServiceactionRange", "PrinReportCapabilities", "ProutRegister", "ProutReserve", "ProutClear", "ProutPreempt"))
UP_SECONDS = 240

sys.path.insert(0, str(LAB.parent))
sys.dont_write_bytecode = True
import labapi  # noqa: E402
from labkit import frames, settings  # noqa: E402
from labkit.process import Process  # noqa: E402

BASE = f"{settings.memory_directory()}/tcmu-pr-lab-test-{os.getpid()}"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab must be run by root")


def command(*words, state=BASE, **options):
    """Run lab/lab as a user would."""
    environment = dict(os.environ, TCMU_PR_LAB=state)
    done = subprocess.run([LAB, *words], env=environment, capture_output=True, timeout=UP_SECONDS, check=False, **options)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def remains(state):
    """What is left of a lab on the host: files, namespace, mounts, processes."""
    found = [str(path) for path in pathlib.Path(state).parent.glob(pathlib.Path(state).name + "*")]
    namespace = settings.namespace_name(pathlib.Path(state))
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    found += [line for line in mounts.splitlines() if state in line or namespace in line]
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if state.encode() in entry.read_bytes():
                found.append(str(entry))
        except OSError:
            continue
    return found + ([namespace] if pathlib.Path("/run/netns", namespace).exists() else [])


@pytest.fixture(scope="module", name="lab")
def running_lab():
    """Two gateways and a client, for all tests that do not end it."""
    os.environ["TCMU_PR_LAB"] = BASE
    try:
        labapi.up(target="lio", store="dir")
        yield labapi
    finally:
        labapi.down()
        del os.environ["TCMU_PR_LAB"]
    assert remains(BASE) == []


# Without guests

def test_frames_survive_any_bytes_and_any_cut():
    """A torn frame, garbage and other sessions' frames must not hide or change what follows."""
    payload = bytes(range(256)) * 3
    stream = frames.encode(1, b"O", payload)[:100] + b"\xdb" + frames.encode(2, b"R", payload) + frames.encode(3, b"Q", b"0")
    for step in (1, 7, len(stream)):
        decoder = frames.Decoder()
        got = [frame for at in range(0, len(stream), step) for frame in decoder.feed(stream[at:at + step])]
        assert got == [(2, b"R", payload), (3, b"Q", b"0")]
    groups = [[b"a", b"", b"\n"], [], [b"X=1"]]
    assert frames.unpack_strings(frames.pack_strings(*groups)) == groups


def test_a_process_is_not_gone_before_its_last_thread():
    """As a QEMU that was killed, on a busy host."""
    script = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(1,)).start(); ctypes.CDLL(None).syscall(60, 0)"
    child = subprocess.Popen([sys.executable, "-c", script])
    process = Process(child.pid)
    assert process.wait_for(lambda state: state == "Z", 10)
    assert process.wait_for(lambda state: state is None, 10)
    child.wait()


@pytest.mark.parametrize("words, text", [
    (["up", "--gateways", "0"], b"--gateways must be"), (["up", "--clients", "99"], b"--clients must be"),
    (["up", "--store", "x"], b"must be one of"),
    (["up", "--kernel", "5.10"], b"must be one of"), (["up", "--target", "x"], b"must be one of"),
    (["nonsense"], b"invalid choice"), ([], b"required"), (["exec", "gw1"], b"no command")])
def test_bad_arguments_exit_2(words, text):
    done = command(*words, state=BASE + "-none")
    assert (done.returncode, text in done.stderr) == (2, True), done.stderr
    assert remains(BASE + "-none") == []


@pytest.mark.parametrize("name", ["up", "exec", "kill", "pause", "resume", "restart", "cut", "heal", "status", "down"])
def test_help_of_each_command(name):
    done = command(name, "--help")
    assert done.returncode == 0 and name.encode() in done.stdout


def test_without_a_lab():
    """down has nothing to do; the rest says that no lab is up."""
    state = BASE + "-none"
    assert command("down", state=state).returncode == 0
    assert command("status", state=state).returncode == 1
    assert command("exec", "gw1", "--", "true", state=state).returncode == 125
    assert command("exec", "net", "--", "true", state=state).returncode == 125


@pytest.mark.skipif((REPO / "build/cli/tcmu-pr").exists(), reason="tcmu-pr is built")
def test_target_pr_asks_for_make():
    state = BASE + "-make"
    done = command("up", state=state)
    assert done.returncode == 1 and b"make" in done.stderr
    assert remains(state) == []


# Commands in guests

def test_exit_codes(lab):
    cases = [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["sh", "-c", "kill -15 $$"], 143)]
    for argv, code in cases:
        assert lab.exec("gw1", argv).rc == code
        assert lab.exec("net", argv).rc == code
        assert command("exec", "gw1", "--", *argv).returncode == code
        assert command("exec", "net", "--", *argv).returncode == code
    assert command("exec", "gw1", "--", "no-such-program").returncode == 127
    assert command("exec", "gw1", "--", "/etc/passwd").returncode == 126
    assert command("exec", "--timeout", "0.5", "gw1", "--", "sleep", "60").returncode == 124
    assert command("exec", "gw7", "--", "true").returncode == 2


def test_arguments_arrive_as_they_are(lab):
    words = ["a b", "c'd", 'e"f', "$HOME", "", "*", "\\", "line\nline", b"\xff\xfe\xc0\xdb"]
    want = b"".join(os.fsencode(word) + b"\0" for word in words)
    assert lab.exec("gw1", ["printf", r"%s\0", *words]).out == want
    assert command("exec", "gw1", "--", "printf", r"%s\0", *words).stdout == want


def test_streams_are_apart_and_directory_is_the_repository(lab):
    done = command("exec", "client1", "--", "sh", "-c", "echo out; echo err >&2; pwd")
    assert (done.stdout, done.stderr) == (f"out\n{REPO}\n".encode(), b"err\n")


def test_many_bytes_both_ways(lab):
    data = os.urandom(1_500_000)
    done = command("exec", "-i", "gw1", "--", "cat", input=data)
    assert (hashlib.sha256(done.stdout).digest(), done.returncode) == (hashlib.sha256(data).digest(), 0)
    assert lab.exec("gw1", ["wc", "-c"], stdin=data).out == b"1500000\n"
    assert lab.exec("gw1", ["true"], stdin=data).rc == 0


def test_commands_at_the_same_time(lab):
    count = settings.EXEC_PORTS + 4
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        jobs = [pool.submit(lab.exec, "gw1", ["sh", "-c", f"sleep 0.5; echo {number}"]) for number in range(count)]
        assert [job.result().out for job in jobs] == [f"{number}\n".encode() for number in range(count)]


def test_output_streams_while_the_command_runs(lab):
    seen = []
    with lab.start("gw1", ["sh", "-c", "echo first; sleep 60"]) as running:
        deadline = time.monotonic() + 20
        while not seen and time.monotonic() < deadline:
            running.step(seen.append, seen.append)
        assert seen == [b"first\n"] and running.code is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_lab_exec_ends_the_command(lab, number):
    """Ctrl-C, a polite and an impolite end: the remote command dies, even one that ignores SIGINT."""
    mark = f"60.{int(number)}"
    argv = [LAB, "exec", "gw1", "--", "sh", "-c", f"trap '' INT; echo begun; sleep {mark}"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as running:
        assert running.stdout.readline() == b"begun\n"
        running.send_signal(number)
        assert running.wait(60) == (-9 if number == signal.SIGKILL else 130)
    deadline = time.monotonic() + 60
    while lab.exec("gw1", ["pgrep", "-f", f"^sleep {mark}"]).rc == 0:
        assert time.monotonic() < deadline, "the remote command lives on"


def test_exec_is_fast(lab):
    """The best of five: other work on the host must not fail this."""
    times = []
    for _ in range(5):
        begin = time.monotonic()
        assert command("exec", "gw1", "--", "true").returncode == 0
        times.append(time.monotonic() - begin)
    assert min(times) < 1


# The gateways

def test_guests_are_what_they_should_be(lab):
    rows = {row["name"]: row for row in lab.status()}
    assert list(rows) == ["gw1", "gw2", "client1"] and {row["state"] for row in rows.values()} == {"running"}
    assert command("status").returncode == 0
    assert lab.exec("gw1", ["uname", "-r"]).out.decode().strip() == rows["gw1"]["kernel"]
    assert lab.exec("gw1", ["nproc"]).out == b"2\n"
    assert b"Linux version" in lab.exec("gw1", ["dmesg"]).out


def uptime(lab, name):
    """The guest's clock, and the host's before and after it was asked: that can take long."""
    before = time.monotonic()
    guest = float(lab.exec(name, ["cut", "-d", " ", "-f", "1", "/proc/uptime"]).out)
    return guest, before, time.monotonic()


def went_by(begin, end):
    """By the guest's clock; by the host's, at least and at most."""
    return end[0] - begin[0], end[1] - begin[2], end[2] - begin[1]


def test_clocks_of_guests_go_as_the_host_s(lab):
    """A guest is told how fast its counter is. What it finds out by itself is, on a busy host, wrong at one boot in some."""
    names = [row["name"] for row in lab.status()]
    before = {name: uptime(lab, name) for name in names}
    time.sleep(4)
    for name in names:
        guest, least, most = went_by(before[name], uptime(lab, name))
        assert 0.7 * least < guest < 1.3 * most, name


def test_stock_lio_passes_the_pr_suites(lab):
    done = lab.run_net(["iscsi-test-cu", "-d", "-s", "-t", PR_SUITES, lab.url("gw1")], timeout=120)
    assert done.rc == 0, done.out.decode(errors="replace")[-3000:]


def test_gateways_share_target_and_disk_but_not_portal_group(lab):
    for number in (1, 2):
        listing = lab.run_net(["iscsi-ls", f"iscsi://{lab.address(f'gw{number}')}"], timeout=30)
        assert f"Target:{lab.IQN} Portal:{lab.address(f'gw{number}')}:3260,{number}".encode() in listing.out
        enabled = lab.exec("gw1", ["cat", f"/sys/kernel/config/target/iscsi/{lab.IQN}/tpgt_{number}/enable"])
        assert enabled.out == (b"1\n" if number == 1 else b"0\n")
    pages = [lab.run_net(["iscsi-inq", "-e", "1", "-c", "128", lab.url(name)], timeout=30).out for name in ("gw1", "gw2")]
    assert pages[0] == pages[1] and settings.UNIT_SERIAL.encode() in pages[0]


def test_client_has_a_disk_for_each_gateway_and_sees_one_content(lab):
    disks = lab.exec("client1", ["sh", "-c", "ls -d /sys/block/sd*"]).out.split()
    assert len(disks) == 2
    first, second = (f"/dev/{os.path.basename(disk.decode())}" for disk in disks)
    data = os.urandom(8192)
    assert lab.exec("client1", ["dd", f"of={first}", "bs=8192", "count=1", "oflag=direct", "conv=fsync"], stdin=data).rc == 0
    assert lab.exec("client1", ["dd", f"if={second}", "bs=8192", "count=1", "iflag=direct"]).out == data
    assert lab.exec("client1", ["sg_persist", "-k", first]).rc == 0


def test_a_guest_cannot_change_the_host(lab):
    """Its / takes writes and keeps them; a second, writable mount of the host's export is refused by QEMU."""
    name = f"written-by-a-guest-{os.getpid()}"
    for place in ("/etc", "/usr", "/var/tmp", "/tmp", "/root", "/run"):
        assert lab.exec("gw1", ["sh", "-c", f"echo x >{place}/{name} && cat {place}/{name}"]).out == b"x\n"
        assert not os.path.exists(f"{place}/{name}")
    script = f"mkdir /tmp/m; mount -t 9p -o trans=virtio,version=9p2000.L host /tmp/m && echo mounted; echo x >/tmp/m/etc/{name}"
    done = lab.exec("client1", ["sh", "-c", script])
    assert done.rc != 0 and not os.path.exists(f"/etc/{name}")
    assert lab.exec("gw1", ["touch", f"{REPO}/{name}"]).rc != 0 and not (REPO / name).exists()


def test_there_is_no_cluster_without_the_store(lab):
    missing = b"lab: this lab has no cluster (it was brought up without --store rados)\n"
    for words, code, text in ((["kill", "osd"], 2, b"lab: no guest `osd` in this lab; there are: gw1 gw2 client1\n"),
                              (["cut", "gw1"], 1, missing), (["heal", "gw1"], 1, missing)):
        done = command(*words)
        assert (done.returncode, done.stderr) == (code, text)
    assert lab.cluster() is None


def test_second_up_is_refused(lab):
    done = command("up", "--target", "lio")
    assert done.returncode == 1 and b"up already" in done.stderr
    assert command("status").returncode == 0


def test_two_labs_at_once(lab):
    state = BASE + "-second"
    try:
        done = command("up", "--target", "lio", "--gateways", "1", "--clients", "0", state=state)
        assert done.returncode == 0, done.stderr
        assert command("status", state=state).returncode == 0
        assert lab.exec("gw1", ["true"]).rc == 0
    finally:
        assert command("down", state=state).returncode == 0
    assert remains(state) == []


def test_pause_stops_all_but_time(lab):
    before = uptime(lab, "gw2")
    lab.pause("gw2")
    assert command("status").returncode == 1
    assert {row["name"]: row["state"] for row in lab.status()}["gw2"] == "paused"
    assert command("exec", "gw2", "--", "true").returncode == 125
    with pytest.raises(labapi.LabError):
        lab.pause("gw2")
    time.sleep(4)
    lab.resume("gw2")
    guest, least, most = went_by(before, uptime(lab, "gw2"))
    assert least - 3 < guest < most + 3
    assert command("status").returncode == 0


def test_kill_and_restart(lab):
    """A power cut: commands in it are lost, files in both shared directories are not, disks come back."""
    lab.exec("gw1", ["sh", "-c", "echo kept >/lab/private/file; echo kept >/lab/shared/pr/file"])
    with lab.start("gw1", ["sleep", "60"]) as running:
        lab.kill("gw1")
        with pytest.raises(labapi.LostError):
            while running.step(print, print):
                pass
    assert {row["name"]: row["state"] for row in lab.status()}["gw1"] == "dead"
    assert command("exec", "gw1", "--", "true").returncode == 125
    assert lab.exec("gw2", ["cat", "/lab/shared/pr/file"]).out == b"kept\n"
    lab.restart("gw1")
    assert lab.exec("gw1", ["cat", "/lab/private/file", "/lab/shared/pr/file"]).out == b"kept\nkept\n"
    assert command("status").returncode == 0
    assert lab.run_net(["iscsi-inq", lab.url("gw1")], timeout=30).rc == 0


# The end of a lab, last for the lab that the others use ends with the module

@pytest.mark.parametrize("number, delay, code", [(signal.SIGINT, 0.0, 130), (signal.SIGTERM, 3.0, 130), (signal.SIGKILL, 1.0, -9)])
def test_interrupted_up_leaves_nothing(number, delay, code):
    """Early and late; after SIGKILL it takes a `down`, and a second one has nothing to do."""
    state = BASE + "-cut"
    argv = [LAB, "up", "--target", "lio", "--store", "dir", "--gateways", "2", "--clients", "0"]
    with subprocess.Popen(argv, env=dict(os.environ, TCMU_PR_LAB=state), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as up:
        assert b"booting" in up.stdout.readline()
        assert b"at work" in command("up", "--target", "lio", state=state).stderr
        time.sleep(delay)
        up.send_signal(number)
        assert up.wait(90) == code
    if number == signal.SIGKILL:
        assert remains(state) != []
        assert b"lab: down" in command("down", state=state).stdout
        assert b"nothing" in command("down", state=state).stdout
    assert remains(state) == []


def test_down_unmounts_what_is_mounted_in_the_lab():
    """Below its directory, and nowhere else: not where a symbolic link points, nor in what is bound from elsewhere."""
    state = pathlib.Path(BASE + "-mount")
    beside = pathlib.Path(BASE + "-mount-beside")
    places = [state / "shared/pr", state / "shared/pr/a b", beside / "kept"]
    try:
        for place in places:
            place.mkdir(parents=True)
            subprocess.run(["mount", "-t", "tmpfs", "lab-test", place], check=True)
        (beside / "kept/file").write_text("kept", encoding="ascii")
        (state / "link").symlink_to(beside / "kept")
        (state / "bound").mkdir()
        subprocess.run(["mount", "--bind", beside / "kept", state / "bound"], check=True)
        (state / "shared/pr/a b/file").write_text("gone", encoding="ascii")
        with open(state / "shared/pr/busy", "w", encoding="ascii"):
            done = command("down", state=str(state))
        assert (done.returncode, done.stdout) == (0, b"lab: down\n"), done.stderr
        assert (beside / "kept/file").read_text(encoding="ascii") == "kept"
        assert not state.exists() and f"{state}/" not in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    finally:
        for place in (state / "bound", *reversed(places)):
            subprocess.run(["umount", "-l", place], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(state, ignore_errors=True)
        shutil.rmtree(beside, ignore_errors=True)
    assert remains(str(state)) == []


def test_down_after_a_crash_of_everything():
    """Guests dead, namespace gone, files damaged: down still removes all."""
    state = BASE + "-crash"
    assert command("up", "--target", "lio", "--gateways", "1", "--clients", "0", state=state).returncode == 0
    with subprocess.Popen([LAB, "exec", "net", "--", "sleep", "600"], env=dict(os.environ, TCMU_PR_LAB=state)):
        time.sleep(0.5)
        pathlib.Path(state, "lab.json").write_text("{", encoding="ascii")
        pathlib.Path(state, "gw1", "pid").unlink()
        assert command("status", state=state).returncode == 1
        done = command("down", state=state)
    assert done.returncode == 0, done.stderr
    assert remains(state) == []
