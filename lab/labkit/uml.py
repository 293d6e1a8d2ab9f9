# SPDX-License-Identifier: GPL-2.0-only
"""The debug kernel: user-mode Linux, built from Debian's linux-source-6.1 with lab/uml.config.

    CACHE/uml-VERSION-HASH/linux            the kernel, a program of the host
    CACHE/uml-VERSION-HASH/source, build    what modules are built against
    CACHE/uml-VERSION-HASH/lib/modules/     lists of what is built in
    CACHE/uml-VERSION-HASH/build.log

HASH is that of the configuration, the compiler and this recipe. The kernel is built where it stays,
for a build directory knows its own name; `linux` appears when all of the rest is there.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import kernels, network, settings
from .process import Process, read_stat, run_tool
from .settings import LabError

SOURCE_PACKAGE = "linux-source-6.1"
SOURCE_ARCHIVE = pathlib.Path("/usr/src") / f"{SOURCE_PACKAGE}.tar.xz"
CONFIG = settings.REPO / "lab" / "uml.config"
# For the kernel, and for its tcmu-runner.
SHIMS = ("umlfp", "umlio")
MAKE = ("make", "ARCH=um", "SUBARCH=x86_64")
JOBS = 2
BUILD_SECONDS = 3600
PROGRESS_SECONDS = 20
# Sources that no configuration of user-mode Linux compiles: half of the archive. Their Kconfig files are needed.
UNUSED = ("drivers/gpu/*.[ch]", "drivers/net/ethernet/*.[ch]", "drivers/net/wireless/*.[ch]", "drivers/media/*.[ch]",
          "drivers/staging/*.[ch]", "sound/*.[ch]", "tools/testing/*", "tools/perf/*", "Documentation/devicetree/*",
          "Documentation/admin-guide/*", "Documentation/translations/*")
MEMORY_MIB = 640
# The first tap byte tells vector devices nothing: they have no offloads in this lab.
NETWORK_DEVICE = "vec0:transport=tap,ifname={name},mac={mac},depth=64"


def source_version():
    """The installed version of the source package."""
    found = run_tool(["dpkg-query", "-W", "-f", "${Version}", SOURCE_PACKAGE], check=False).stdout.strip()
    if not found or not SOURCE_ARCHIVE.exists():
        raise LabError(f"--kernel debug needs {SOURCE_PACKAGE}; run: scripts/deps")
    return found


def place_of(cache):
    """Where the kernel of this package, configuration and compiler belongs."""
    compiler = run_tool(["gcc", "--version"]).stdout.splitlines()[0]
    words = [CONFIG.read_text(encoding="ascii"), compiler, *UNUSED]
    return cache / f"uml-{source_version()}-{hashlib.sha256(repr(words).encode()).hexdigest()[:12]}"


def prepare(say):
    """The debug kernel, built if it is not in the cache."""
    cache = settings.cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    place = place_of(cache)
    with open(f"{place}.lock", "w", encoding="ascii") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (place / "linux").exists():
            build(place, say)
        for name in SHIMS:
            build_shim(place, name)
    release = (place / "build/include/config/kernel.release").read_text(encoding="ascii").strip()
    return kernels.Kernel(release, place / "linux", place / "lib" / "modules" / release, "uml")


def build(place, say):
    """Unpack, configure, compile. An earlier try that was interrupted is thrown away."""
    say(f"kernel: building {SOURCE_PACKAGE} {source_version()} as user-mode Linux in {place}")
    shutil.rmtree(place, ignore_errors=True)
    (place / "build").mkdir(parents=True)
    begin = time.monotonic()
    excluded = [f"--exclude={SOURCE_PACKAGE}/{name}" for name in UNUSED]
    run_tool(["tar", "-xJf", SOURCE_ARCHIVE, "-C", place, *excluded], BUILD_SECONDS)
    os.rename(place / SOURCE_PACKAGE, place / "source")
    make = [*MAKE, "-C", place / "source", f"O={place / 'build'}"]
    run_tool([*make, f"KCONFIG_ALLCONFIG={CONFIG}", "allnoconfig"], BUILD_SECONDS)
    check_config((place / "build/.config").read_text(encoding="ascii"))
    say(f"kernel: unpacked and configured after {time.monotonic() - begin:.0f} s, compiling")
    compile_kernel([*make, f"-j{JOBS}", "linux", "modules"], place / "build.log", say)
    list_modules(place)
    run_tool(["strip", "-g", place / "build/linux", "-o", place / "linux.new"])
    os.rename(place / "linux.new", place / "linux")
    say(f"kernel: built after {time.monotonic() - begin:.0f} s")


def build_shim(place, name):
    """What lab/NAME.c says, if it is not there or older than its source."""
    shim, source = place / f"{name}.so", settings.REPO / "lab" / f"{name}.c"
    if not shim.exists() or shim.stat().st_mtime < source.stat().st_mtime:
        run_tool(["gcc", "-O2", "-Wall", "-fPIC", "-shared", "-o", place / f"{name}.new", source])
        os.rename(place / f"{name}.new", shim)


def check_config(got):
    """Kconfig drops silently what it cannot have; a debug kernel without KASAN must not be mistaken for one."""
    lines = set(got.splitlines())
    wanted = [line for line in CONFIG.read_text(encoding="ascii").splitlines() if re.match(r"(# )?CONFIG_\w+(=| is not set)", line)]
    missing = [line for line in wanted if line not in lines]
    if missing:
        raise LabError(f"{CONFIG}: the kernel did not take: {', '.join(missing)}")


def compile_kernel(command, log, say):
    """make, with a line of progress now and then; nothing of it outlives us."""
    begin = said = time.monotonic()
    with open(log, "wb") as output:
        child = subprocess.Popen(["nice", *map(os.fspath, command)], stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=output, start_new_session=True)
        try:
            while child.poll() is None:
                time.sleep(0.2)
                now = time.monotonic()
                if now > begin + BUILD_SECONDS:
                    raise LabError(f"the kernel is not built after {BUILD_SECONDS} s")
                if now > said + PROGRESS_SECONDS:
                    said = now
                    count = log.read_bytes().count(b"\n  CC ")
                    say(f"kernel: {count} files compiled after {now - begin:.0f} s")
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    if child.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise LabError("the kernel does not build:\n" + "\n".join(f"    {line}" for line in tail) + f"\n  (log: {log})")


def list_modules(place):
    """/lib/modules: modprobe and tcmu-runner look there."""
    run_tool([*MAKE, "-C", place / "source", f"O={place / 'build'}", f"INSTALL_MOD_PATH={place}", "modules_install"], BUILD_SECONDS)


def build_module(kernel, say):
    """tcmu_pr.ko against this kernel; make does only what has changed."""
    tree = kernel.image.parent / "build"
    say(f"module: building for {kernel.release}")
    run_tool(["make", "--no-print-directory", f"kmod-{kernel.release}", f"KERNEL_TREE={tree}", "KERNEL_MAKE=ARCH=um SUBARCH=x86_64"],
             BUILD_SECONDS, cwd=settings.REPO)


# Running it

def launch(guest, kernel, log):
    """Start the guest and what connects its serial lines with the agent's sockets. The process of the kernel."""
    listeners, ours, theirs = [], [], []
    with contextlib.ExitStack() as stack:
        for number in range(settings.EXEC_PORTS):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            host, line = socket.socketpair()
            stack.enter_context(host)
            stack.enter_context(line)
            listener.bind(os.fspath(guest.directory / f"lab.{number}"))
            listener.listen(1)
            listeners.append(listener.fileno())
            ours.append(host.fileno())
            theirs.append(line.fileno())
        command = network.enter(guest.options["namespace"]) + mount_read_only(guest) + arguments(guest, kernel, theirs)
        with open(guest.console, "ab") as console:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=log, cwd="/",
                                     start_new_session=True, pass_fds=theirs, env=dict(os.environ, TMPDIR="/dev/shm"))
        process = Process(child.pid)
        child.returncode = 0            # Process reaps it
        # In the network namespace too, so that `down` finds what an interrupted `up` has left.
        bridge = network.enter(guest.options["namespace"]) + [
            sys.executable, "-I", "-S", "-B", os.fspath(settings.REPO / "lab/labkit/umlbridge.py"),
            ",".join(map(str, listeners)), ",".join(map(str, ours))]
        other = subprocess.Popen(bridge, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
                                 pass_fds=[*listeners, *ours])
        other.returncode = 0            # it ends when the kernel does; nobody waits for it
    return process


def mount_read_only(guest):
    """Words in front of the kernel: in its own mount namespace the host's / can be written in the lab's directory only."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && ulimit -c 0 && shim=$1 && shift && exec env LD_PRELOAD="$shim" "$@"'
    return ["unshare", "--mount", "--", "sh", "-c", script, os.fspath(guest.lab), os.fspath(guest.kernel.image.with_name("umlfp.so"))]


def arguments(guest, kernel, lines):
    """The kernel and its command line. Words with a `=` that it does not know become the environment of init."""
    mac = guest.mac()
    words = [os.fspath(kernel.image), f"mem={MEMORY_MIB}M", f"umid={guest.name}", f"uml_dir={guest.directory}/",
             f"initrd={guest.lab}/initramfs-uml", "con=null", "con0=null,fd:1", "loglevel=5", "panic=-1", "oops=panic",
             "kasan_multi_shot", "hung_task_timeout_secs=120", NETWORK_DEVICE.format(name=guest.name, mac=mac)]
    words += [f"ssl{number}=fd:{line}" for number, line in enumerate(lines)]
    shares = {"HOST": "/", "REPO": settings.REPO, "MODULES": kernel.modules, "SHARED": guest.lab / "shared", "PRIVATE": guest.private}
    return words + [f"LAB_{name}={path}" for name, path in shares.items()]


def kill(process):
    """The kernel, then the processes that it made for its own processes: SIGKILL does not reach those by itself."""
    process.kill()
    session = str(process.pid).encode()
    for entry in os.listdir("/proc"):
        fields = read_stat(int(entry)) if entry.isdigit() else None
        if fields and fields[3] == session and int(fields[19]) >= process.start:
            Process(int(entry), int(fields[19])).kill()
