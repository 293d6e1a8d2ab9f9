# SPDX-License-Identifier: GPL-2.0-only
"""One guest: its process, QEMU or user-mode Linux, and what is known about it in the state directory."""

import os
import pathlib
import shlex
import signal
import subprocess
import time

from . import kernels, network, settings, state, tsc, uml
from .channel import Channel
from .process import Process
from .settings import LabError, UsageError

# tsc=reliable: the only clock of the guest that neither wraps nor stops during a pause of QEMU.
# tsc_early_khz, below: how fast it counts. A kernel that has to find out takes for that what the emulated timer does in a few
# ms, and on a busy host its clock was seen to go nine times too fast from then on.
# maxcpus=1: emulated CPUs that wait for each other on busy host CPUs make a boot three times as long, so a guest
# takes its second CPU only when it is set up (lab/guest/gateway and client do that).
# no_timer_check: on a busy host the emulated timer may not tick in the 40 ms that the kernel gives it, and panics then.
# oops=panic and panic=-1 with -no-reboot: a kernel that oopses is a dead guest, not a half-dead one.
KERNEL_ARGUMENTS = ("console=ttyS0 loglevel=5 panic=-1 oops=panic mitigations=off nowatchdog maxcpus=1 tsc=reliable clocksource=tsc "
                    "no_timer_check random.trust_cpu=on rcupdate.rcu_cpu_stall_timeout=120")


class Guest:
    """A gateway or a client, by name."""

    def __init__(self, lab, name):
        self.lab, self.options = lab
        self.name = name
        self.is_gateway = name.startswith("gw")
        words = self.options.get("kernels", {}).get("gateway" if self.is_gateway else "client")
        self.kernel = words and kernels.restored(words)
        self.number = int(name.removeprefix("gw").removeprefix("client"))
        host = self.number if self.is_gateway else settings.CLIENT_ADDRESS_BASE + self.number
        self.address = f"{settings.NETWORK}.{host}"
        self.directory = self.lab / name
        self.private = self.directory / "private"
        self.console = self.directory / "console.log"
        self.setup_log = self.directory / "setup.log"

    # What it is doing

    def process(self):
        """Its QEMU or kernel, or None if it was never started."""
        try:
            pid, start = (self.directory / "pid").read_text(encoding="ascii").split()
            return Process(int(pid), int(start))
        except (FileNotFoundError, ValueError):
            return None

    def state(self):
        """running, paused or dead."""
        process = self.process()
        letter = process.state() if process else None
        if letter is None:
            return "dead"
        return "paused" if letter in "Tt" else "running"

    def is_ready(self):
        return (self.directory / "ready").exists()

    def require_running(self):
        if self.state() != "running":
            raise LabError(f"{self.name} is {self.state()}")

    def ping(self, seconds):
        """Wait for its agent; the kernel release."""
        with Channel(self) as channel:
            return channel.ping(seconds)

    # What can be done to it

    def start(self):
        """Write what it reads at boot, and start its process. Progress is seen by ping()."""
        self.private.mkdir(parents=True, exist_ok=True)
        (self.directory / "ready").unlink(missing_ok=True)
        for path in self.directory.glob("lab.*[0-9]"):
            path.unlink()
        state.write_file(self.private / "boot.env", self.boot_variables())
        with open(self.directory / "qemu.log", "ab") as log:
            # From here to the pid file only SIGKILL can come between; then `down` finds it by its namespace.
            process = uml.launch(self, self.kernel, log) if self.kernel.machine == "uml" else self._launch_qemu(log)
        state.write_file(self.directory / "pid", f"{process.pid} {process.start}\n")
        self._wait_for_ports(process)

    def _launch_qemu(self, log):
        command = network.enter(self.options["namespace"]) + self.qemu_arguments(self.kernel)
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        child.returncode = 0            # Process reaps it; keep Popen from warning about it
        return Process(child.pid)

    def _wait_for_ports(self, process):
        """QEMU makes the sockets of the agent first of all; until then nobody can connect."""
        last = self.directory / f"lab.{settings.EXEC_PORTS - 1}"
        deadline = time.monotonic() + settings.START_SECONDS
        while not last.exists():
            if process.state() is None:
                raise LabError(f"{self.name}: its process ended at once")
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: QEMU has no sockets after {settings.START_SECONDS} s")
            time.sleep(0.02)

    def kill(self):
        """SIGKILL: what a power cut is."""
        (self.directory / "ready").unlink(missing_ok=True)
        process = self.process()
        if process:
            uml.kill(process)           # no more than process.kill() for a QEMU: its session is that one process

    def pause(self):
        """SIGSTOP: nothing of the guest runs, and its clock goes on."""
        self._signal("running", signal.SIGSTOP, lambda letter: letter is None or letter in "Tt")

    def resume(self):
        self._signal("paused", signal.SIGCONT, lambda letter: letter is None or letter not in "Tt")

    def _signal(self, needed, number, wanted):
        if self.state() != needed:
            raise LabError(f"{self.name} is {self.state()}, not {needed}")
        process = self.process()
        if not process.send(number) or not process.wait_for(wanted, settings.KILL_SECONDS):
            raise LabError(f"{self.name}: signal {number} had no effect")

    # How it is started

    def boot_variables(self):
        """Shell assignments that the scripts in lab/guest read."""
        options = self.options
        variables = {"NAME": self.name, "NUMBER": self.number, "ADDRESS": self.address, "NETWORK": settings.NETWORK,
                     "PORT": settings.PORT, "IQN": settings.IQN, "GATEWAYS": options["gateways"], "TARGET": options["target"],
                     "REPO": settings.REPO, "IMAGE": f"/lab/shared/{settings.IMAGE_NAME}", "IMAGE_BYTES": settings.IMAGE_BYTES,
                     "SERIAL": settings.UNIT_SERIAL, "STORE": settings.STORE_IN_GUEST, "STORE_TYPE": options["store"],
                     "RBD_IMAGE": settings.RBD_IMAGE, "RBD_USER": settings.CEPH_USER.removeprefix("client."),
                     "CEPH_DIRECTORY": settings.CEPH_IN_GUEST,
                     "INITIATOR": f"iqn.2026-11.org.tcmu-pr:{self.name}", "TOOLS": options.get("tools", ""),
                     "AGENT_LINES": settings.EXEC_PORTS if self.kernel.machine == "uml" else "",
                     "RUNNER_PRELOAD": self.kernel.image.with_name("umlio.so") if self.kernel.machine == "uml" else ""}
        return "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in variables.items())

    def mac(self):
        return f"52:54:00:4d:{1 if self.is_gateway else 2:02x}:{self.number:02x}"

    def qemu_arguments(self, kernel):
        memory = settings.GATEWAY_MEMORY_MIB if self.is_gateway else settings.CLIENT_MEMORY_MIB
        words = ["qemu-system-x86_64", "-name", self.name, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-machine", "pc", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off",
                 "-smp", str(settings.GUEST_CPUS), "-m", str(memory),
                 "-kernel", os.fspath(kernel.image), "-initrd", os.fspath(initramfs(self.lab, kernel)), "-append", kernel_arguments(),
                 "-chardev", f"file,id=console,append=on,path={quote(self.console)}", "-serial", "chardev:console",
                 "-netdev", f"tap,id=net,ifname={self.name},script=no,downscript=no,vhost=off",
                 "-device", f"virtio-net-pci,netdev=net,mac={self.mac()},romfile="]
        words += self.share_arguments(kernel) + ["-device", f"virtio-serial-pci,max_ports={settings.EXEC_PORTS + 1}"]
        for number in range(settings.EXEC_PORTS):
            words += ["-chardev", f"socket,id=lab{number},server=on,wait=off,path={quote(self.directory / f'lab.{number}')}",
                      "-device", f"virtserialport,chardev=lab{number},name=lab.{number}"]
        return words

    def share_arguments(self, kernel):
        """9p shares. Of the host only the lab's own directories can be written."""
        shares = [("host", "/", "readonly=on"), ("repo", settings.REPO, "readonly=on"), ("modules", kernel.modules, "readonly=on"),
                  ("shared", self.lab / "shared", "readonly=off"), ("private", self.private, "readonly=off")]
        words = []
        for tag, path, mode in shares:
            words += ["-virtfs", f"local,path={quote(path)},mount_tag={tag},security_model=none,multidevs=remap,{mode}"]
        return words


def kernel_arguments():
    khz = tsc.khz()
    return KERNEL_ARGUMENTS + (f" tsc_early_khz={khz}" if khz else "")


def quote(path):
    """A path inside a QEMU option, where a comma ends the value."""
    return os.fspath(pathlib.Path(path)).replace(",", ",,")


def initramfs(lab, kernel):
    """The initramfs for a kernel in this lab."""
    return lab / f"initramfs-{kernel.machine}"


def names(options):
    """The names of all guests of a lab."""
    gateways = [f"gw{number}" for number in range(1, options["gateways"] + 1)]
    return gateways + [f"client{number}" for number in range(1, options["clients"] + 1)]


def all_guests(lab):
    return [Guest(lab, name) for name in names(lab[1])]


def find(lab, name, gateway_only=False):
    """The guest of this name; a wrong name is the caller's mistake."""
    known = [known for known in names(lab[1]) if not gateway_only or known.startswith("gw")]
    if name not in known:
        raise UsageError(f"no guest `{name}` in this lab; there are: {' '.join(known)}")
    return Guest(lab, name)
