# SPDX-License-Identifier: GPL-2.0-only
"""up, down, restart, status: what concerns a lab as a whole."""

import contextlib
import os
import re
import shutil
import signal
import threading
import time

from . import bringup, ceph, initramfs, kernels, network, packages, settings, state, uml, vm
from .process import run_tool
from .settings import LabError, UsageError

PING_SECONDS = 10
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def uninterrupted():
    """Cleaning up is not to be interrupted: a second Ctrl-C must not leave half of a lab."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_options(gateways, clients, store, kernel, target):
    """Refuse what cannot be, and what is not yet, each in its own words."""
    for name, value, low, high in (("gateways", gateways, 1, settings.GATEWAYS_MAX), ("clients", clients, 0, settings.CLIENTS_MAX)):
        if not low <= value <= high:
            raise UsageError(f"--{name} must be between {low} and {high}, not {value}")
    for name, value, known in (("store", store, settings.STORES), ("kernel", kernel, settings.KERNELS),
                               ("target", target, dict.fromkeys(settings.TARGETS))):
        if value not in known:
            raise UsageError(f"--{name} must be one of {', '.join(known)}, not `{value}`")
        if known[value]:
            raise UsageError(known[value])


def check_build(release):
    """--target pr needs what `make` makes; stock LIO needs nothing of it."""
    wanted = [name % release if "%s" in name else name for name in settings.PR_FILES]
    missing = [name for name in wanted if not (settings.REPO / name).exists()]
    if missing:
        raise LabError(f"--target pr needs {', '.join(missing)}; run `make` in {settings.REPO} first (or use --target lio)")


def up(gateways, clients, store, kernel, target, say):
    """Bring a lab up, wholly or not at all."""
    check_options(gateways, clients, store, kernel, target)
    settings.require_root()
    settings.require_tools()
    path = state.create()
    with state.lock(path):
        options = {"gateways": gateways, "clients": clients, "store": store, "target": target,
                   "namespace": settings.namespace_name(path)}
        try:
            options["kernels"] = prepare_kernels(kernel, clients, say)
            if store == "rados":
                ceph.require_tools()
            if target == "pr":
                prepare_module(kernels.restored(options["kernels"]["gateway"]), say)
            if clients:
                options["tools"] = os.fspath(packages.prepare_clients(say))
            boot_all(path, options, say)
        except BaseException:
            with uninterrupted():
                tear_down(path)
            raise


def prepare_kernels(kind, clients, say):
    """The kernels of gateways and clients, as lists of strings. Debugged are gateways only: clients are stock then."""
    gateway = uml.prepare(say) if kind == "debug" else kernels.prepare(kind, say)
    client = kernels.prepare("stock", say) if kind == "debug" and clients else gateway
    return {role: [os.fspath(word) for word in kernel] for role, kernel in (("gateway", gateway), ("client", client))}


def prepare_module(kernel, say):
    """The module for this kernel: for Debian's `make` has built it, for ours the lab does."""
    if kernel.machine == "uml":
        uml.build_module(kernel, say)
    check_build(kernel.release)


def boot_all(path, options, say):
    """Network, disk and guests of a new lab. A failure moves the logs to where they outlive it."""
    shutil.rmtree(state.failed_directory(path), ignore_errors=True)
    (path / "shared" / "pr").mkdir(parents=True)
    guests = vm.all_guests((path, options))
    network.create(options["namespace"], vm.names(options), [guest.name for guest in guests if guest.kernel.machine == "uml"])
    if options["store"] == "rados":
        make_cluster((path, options), say)
    else:
        make_image(path / "shared" / settings.IMAGE_NAME)
    state.save(path, options)
    for kernel in {guest.kernel for guest in guests}:
        initramfs.build(kernel, vm.initramfs(path, kernel))
    boot = bringup.Bringup(guests, say)
    try:
        boot.run()
    except Exception as error:
        with uninterrupted():
            logs = state.keep_logs(path)
        if boot.failures:
            raise LabError(bringup.describe_failure(*boot.failures[0], logs)) from error
        raise


def make_image(path):
    """Fully preallocated: gateways share it, so no write may ever have to change its metadata."""
    run_tool(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=full", path, str(settings.IMAGE_BYTES)])


def cluster_of(lab):
    """The cluster of a lab with --store rados, None if it has another store."""
    path, options = lab
    return ceph.Cluster(path / "ceph", network.enter(options["namespace"])) if options["store"] == "rados" else None


def make_cluster(lab, say):
    """A Ceph cluster with the image, and what gateways need to reach it."""
    begin = time.monotonic()
    say(f"ceph: starting, with the image {settings.RBD_IMAGE}")
    cluster = cluster_of(lab)
    cluster.create([settings.RBD_IMAGE], settings.IMAGE_BYTES, settings.CLUSTER_ADDRESS, settings.CLUSTER_PORT)
    cluster.export(lab[0] / "shared" / "ceph", settings.CEPH_IN_GUEST)
    say(f"ceph: ready after {time.monotonic() - begin:.1f} s")


def find(lab, name):
    """The guest or daemon of this name: something that can be killed, paused, resumed, restarted."""
    cluster = cluster_of(lab)
    if cluster and name in ceph.KINDS:
        return ceph.Daemon(cluster, name)
    known = vm.names(lab[1]) + list(ceph.KINDS if cluster else ())
    if name not in known:
        raise UsageError(f"no guest `{name}` in this lab; there are: {' '.join(known)}")
    return vm.find(lab, name)


def mounted_below(path):
    """The mount points in the directory, the latest first. The kernel tells them without symbolic links."""
    base = os.fsencode(path.parent.resolve() / path.name) + b"/"
    found = []
    with open("/proc/self/mountinfo", "rb") as mounts:
        for line in mounts:
            point = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), line.split()[4])
            if point.startswith(base):
                found.append(point)
    return found[::-1]


def unmount_below(path):
    """Else the removal would fail there, or empty what is mounted. True if there was anything."""
    points = mounted_below(path)
    for point in points:
        run_tool(["umount", "--lazy", "--no-canonicalize", os.fsdecode(point)])
    return bool(points)


def tear_down(path):
    """Remove all of a lab, whatever state it is in. True if there was anything."""
    namespace = settings.namespace_name(path)
    found = False
    for record in path.glob("*/pid"):
        vm.Guest((path, {}), record.parent.name).kill()
        found = True
    found |= ceph.Cluster(path / "ceph").remove()
    found |= network.destroy(namespace)
    found |= unmount_below(path)
    if path.exists():
        shutil.rmtree(path)
        found = True
    return found


def down(say):
    """End the lab. Nothing to do is not an error."""
    settings.require_root()
    path = settings.state_directory()
    shutil.rmtree(state.failed_directory(path), ignore_errors=True)
    with contextlib.ExitStack() as stack:
        if path.exists():
            stack.enter_context(state.lock(path))
        with uninterrupted():
            found = tear_down(path)
    say("lab: down" if found else "lab: nothing was up")


def restart(name, say):
    """Boot one guest anew, or start a daemon of the cluster, as after a power cut."""
    lab = state.load()
    guest = find(lab, name)
    with state.lock(lab[0]):
        say(f"{name}: {guest.state()}, killing" if guest.state() != "dead" else f"{name}: dead")
        guest.kill()
        if isinstance(guest, ceph.Daemon):
            guest.restart()
            say(f"{name}: {guest.state()}")
            return
        if guest.is_gateway and lab[1]["target"] == "pr":
            prepare_module(guest.kernel, say)
        boot = bringup.Bringup([guest], say)
        try:
            boot.run()
        except Exception as error:
            if boot.failures:
                raise LabError(bringup.describe_failure(guest, boot.failures[0][1], lab[0])) from error
            raise


def status():
    """A row for each guest and daemon: name, state, address, kernel, target, store. State as in `lab status --help`."""
    lab = state.load()
    rows = []
    for guest in vm.all_guests(lab):
        rows.append({"name": guest.name, "state": judge(guest), "address": guest.address, "kernel": guest.kernel.release,
                     "target": lab[1]["target"] if guest.is_gateway else "-", "store": lab[1]["store"] if guest.is_gateway else "-"})
    cluster = cluster_of(lab)
    for kind in ceph.KINDS if cluster else ():
        rows.append({"name": kind, "state": cluster.judge(kind), "address": settings.CLUSTER_ADDRESS, "kernel": "-", "target": "-",
                     "store": "-"})
    return rows


def judge(guest):
    """running only if its agent answers and its setup is done."""
    found = guest.state()
    if found != "running":
        return found
    if not guest.is_ready():
        return "booting"
    try:
        guest.ping(PING_SECONDS)
    except LabError:
        return guest.state() if guest.state() != "running" else "hung"
    return "running"
