# SPDX-License-Identifier: GPL-2.0-only
"""Names, numbers and limits of the lab, all in one place."""

import hashlib
import os
import pathlib
import shutil

REPO = pathlib.Path(__file__).resolve().parent.parent.parent


def memory_directory():
    """/run if it is in memory, as it should be: a lab syncs its store to it many times a second."""
    mounts = (line.split() for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines())
    return "/run" if any(mount[1:3] == ["/run", "tmpfs"] for mount in mounts) else "/dev/shm"


DEFAULT_STATE = memory_directory() + "/tcmu-pr-lab"
DEFAULT_CACHE = "/var/cache/tcmu-pr"

NETWORK = "10.77.0"
HOST_ADDRESS = f"{NETWORK}.254"
CLUSTER_ADDRESS = f"{NETWORK}.253"   # the Ceph cluster; not the host's, so that a guest can be cut off from it alone
CLUSTER_PORT = 3300
CLIENT_ADDRESS_BASE = 100
PORT = 3260
IQN = "iqn.2026-11.org.tcmu-pr:lab"
GATEWAYS_MAX = 16
CLIENTS_MAX = 16

IMAGE_NAME = "disk0.qcow2"
IMAGE_BYTES = 64 * 1024 * 1024
UNIT_SERIAL = "7c3c1a64-0f0b-4a5e-9d6b-3f5a2b1e7d10"        # the same on all gateways: it is one unit
STORE_IN_GUEST = "/lab/shared/pr"
RBD_IMAGE = "rbd/disk0"
CEPH_IN_GUEST = "/etc/ceph"           # where lab/guest/gateway puts what /lab/shared/ceph has

GUEST_CPUS = 2
GATEWAY_MEMORY_MIB = 768
CLIENT_MEMORY_MIB = 512
EXEC_PORTS = 12                     # commands that can run in one guest at the same time

BOOT_SECONDS = 180
SETUP_SECONDS = 240
START_SECONDS = 30                  # from a request to its "begun"
KILL_SECONDS = 10
LOCK_SECONDS = 15
TOOL_SECONDS = 60

STORES = dict.fromkeys(("dir", "rados"))
KERNELS = dict.fromkeys(("stock", "6.1", "6.12", "debug"))
TARGETS = ("pr", "lio")

# What --target pr runs in a guest; %s is the kernel release.
PR_FILES = ("build/kmod-%s/tcmu_pr.ko", "build/daemon/tcmu-prd", "build/cli/tcmu-pr")

# What clients run and the host does not have installed (labkit/packages.py); what these need is in packages.txt.
CLIENT_PACKAGES = ("multipath-tools", "fence-agents")

# Programs the host side starts, and the Debian package of each.
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "ip": "iproute2", "busybox": "busybox-static",
         "depmod": "kmod", "nsenter": "util-linux", "tcmu-runner": "tcmu-runner", "dbus-daemon": "dbus",
         "iscsid": "open-iscsi"}

# The same for --store rados, and for tests of the store.
CEPH_TOOLS = {"ceph-mon": "ceph-mon", "ceph-osd": "ceph-osd", "rbd": "ceph-common"}
CEPH_USER = "client.tcmu-pr"        # what gateways are to the cluster


class LabError(Exception):
    """Something the user must know; the command line prints it and exits 1 (125 from exec)."""


class UsageError(LabError):
    """A bad argument; the command line exits 2."""


def state_directory():
    """Where the state of this lab is. Another directory is another lab."""
    return pathlib.Path(os.path.abspath(os.environ.get("TCMU_PR_LAB") or DEFAULT_STATE))


def cache_directory():
    """Where unpacked kernels are kept between labs."""
    return pathlib.Path(os.path.abspath(os.environ.get("TCMU_PR_CACHE") or DEFAULT_CACHE))


def namespace_name(state):
    """The network namespace of a lab. Bridge and taps live in it, so their names need not differ."""
    if str(state) == DEFAULT_STATE:
        return "tcmu-pr-lab"
    return "tcmu-pr-lab-" + hashlib.sha256(os.fsencode(state)).hexdigest()[:8]


def require_tools():
    """Refuse early, with the packages to install, if a program is missing."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)})
    if missing:
        raise LabError(f"missing: {' '.join(missing)}; run: apt-get install $(cat lab/packages.txt)")


def require_root():
    """Namespaces and taps need it."""
    if os.geteuid() != 0:
        raise LabError("the lab must be run by root (it makes a network namespace and tap devices)")
