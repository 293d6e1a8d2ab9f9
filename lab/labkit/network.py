# SPDX-License-Identifier: GPL-2.0-only
"""The network namespace of a lab: one bridge, one tap for each guest, no way out of it."""

import os
import pathlib
import signal

from . import settings
from .process import Process, run_tool

BRIDGE = "br0"
CUT_PREFERENCE = 10                 # of the routing rules that cut a guest off


def path_of(namespace):
    return pathlib.Path("/run/netns") / namespace


def enter(namespace):
    """The words that, in front of a command, run it inside."""
    return ["nsenter", f"--net={path_of(namespace)}", "--"]


def create(namespace, taps, small=()):
    """Namespace, bridge with the host's address, and taps. The batch is one process, not one a line.

    Those in `small` get packets of their MTU only: user-mode Linux drops what the host would have its device cut up, and a
    connection that sends much to it crawls.
    """
    run_tool(["ip", "netns", "add", namespace])
    lines = ["link set lo up", f"link add {BRIDGE} type bridge forward_delay 0 mcast_snooping 0",
             f"address add {settings.HOST_ADDRESS}/24 dev {BRIDGE}", f"address add {settings.CLUSTER_ADDRESS}/24 dev {BRIDGE}",
             f"link set {BRIDGE} up"]
    for tap in taps:
        lines += [f"tuntap add dev {tap} mode tap", f"link set {tap} master {BRIDGE} up"]
        lines += [f"link set {tap} gso_max_segs 1"] if tap in small else []
    run_tool(["ip", "-n", namespace, "-batch", "-"], text_in="\n".join(lines) + "\n")


def cut(namespace, guest, cluster, replies_only=False):
    """Let nothing through between the two addresses, silently, or nothing from the cluster to the guest.

    Routing rules do so: nothing has to be installed, or loaded into the kernel, for them. The rule for the host's own
    addresses is to come after ours.
    """
    lines = [f"rule add pref {CUT_PREFERENCE} from {cluster} to {guest} blackhole"]
    if not replies_only:
        lines.append(f"rule add pref {CUT_PREFERENCE} from {guest} to {cluster} blackhole")
    if run_tool(["ip", "-n", namespace, "rule", "show"]).stdout.startswith("0:"):
        lines = ["rule add pref 100 lookup local", "rule del pref 0", *lines]
    run_tool(["ip", "-n", namespace, "-batch", "-"], text_in="\n".join(lines) + "\n")


def heal(namespace, guest):
    """The opposite of cut. True if there was a cut."""
    lines = run_tool(["ip", "-n", namespace, "rule", "show", "pref", str(CUT_PREFERENCE)]).stdout.splitlines()
    ours = [line.split(":", 1)[1] for line in lines if guest in line.split()]
    for line in ours:
        run_tool(["ip", "-n", namespace, "rule", "del", "pref", str(CUT_PREFERENCE), *line.split()])
    return bool(ours)


def processes(namespace):
    """All processes whose network namespace this is: QEMUs, and what `exec net` left behind."""
    try:
        wanted = os.stat(path_of(namespace)).st_ino
    except FileNotFoundError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if os.stat(f"/proc/{entry}/ns/net").st_ino == wanted:
                found.append(Process(int(entry)))
        except OSError:
            continue
    return [process for process in found if process.pid != os.getpid()]


def destroy(namespace):
    """End what runs inside, then remove the namespace. True if there was one."""
    if not path_of(namespace).exists():
        return False
    for process in processes(namespace):
        process.send(signal.SIGTERM)
        process.send(signal.SIGCONT)
        if not process.wait_for(lambda state: state is None, 2):
            process.kill()
    run_tool(["ip", "netns", "delete", namespace])
    return True
