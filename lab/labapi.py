# SPDX-License-Identifier: GPL-2.0-only
"""The lab for programs: what `lab/lab` does, as functions. Tests import this.

    import labapi
    labapi.up(target="lio")
    result = labapi.exec("gw1", ["uname", "-r"])        # result.rc, result.out, result.err
    labapi.run_net(["iscsi-ls", labapi.url("gw1")])
    labapi.down()

The lab is the one whose state directory is $TCMU_PR_LAB, or tcmu-pr-lab in /run or /dev/shm. Every function raises
LabError (UsageError for a bad argument) with a text for the user.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import typing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from labkit import lifecycle, network, settings, state, vm  # noqa: E402
from labkit.channel import LostError, NotStarted, RemoteCommand  # noqa: E402,F401
from labkit.settings import IQN, LabError, UsageError  # noqa: E402,F401

IMAGE_BYTES = settings.IMAGE_BYTES
GRACE_SECONDS = 2


class Result(typing.NamedTuple):
    """How a command ended. rc is 128 + n after signal n; out and err are bytes."""
    rc: int
    out: bytes
    err: bytes


def silent(_line):
    """A `say` that says nothing."""


def default_kernel():
    """What `up` boots when it is not told: so tests can be run on another kernel than the stock one."""
    return os.environ.get("TCMU_PR_LAB_KERNEL") or "stock"


def default_store():
    """What `up` takes when it is not told: so tests can be run on another store than the directory."""
    return os.environ.get("TCMU_PR_LAB_STORE") or "dir"


def up(gateways=2, clients=1, store=None, kernel=None, target="pr", say=silent):
    """Bring a lab up; returns when every guest is set up, and leaves nothing when it fails."""
    lifecycle.up(gateways, clients, store or default_store(), kernel or default_kernel(), target, say)


def down(say=silent):
    """Remove the lab, whatever state it is in."""
    lifecycle.down(say)


def status():
    """A list of dicts with name, state, address, kernel, target, store."""
    return lifecycle.status()


def kill(name):
    """Cut a guest's power, or SIGKILL for a daemon of the cluster (mon, osd)."""
    lifecycle.find(state.load(), name).kill()


def pause(name):
    """Stop a guest while its clock goes on, or a daemon."""
    lifecycle.find(state.load(), name).pause()


def resume(name):
    """Let a paused guest or daemon go on."""
    lifecycle.find(state.load(), name).resume()


def restart(name, say=silent):
    """Boot a guest anew, or start a daemon; returns when it is set up."""
    lifecycle.restart(name, say)


def cluster():
    """The labkit.ceph.Cluster of the lab, None if its store is not rados."""
    return lifecycle.cluster_of(state.load())


def cut(name, replies_only=False):
    """Let nothing through between a guest and the cluster, or nothing that the cluster says. Nobody is told."""
    lab = state.load()
    guest = vm.find(lab, name)
    _require_cluster(lab)
    network.heal(lab[1]["namespace"], guest.address)
    network.cut(lab[1]["namespace"], guest.address, settings.CLUSTER_ADDRESS, replies_only)


def heal(name):
    """End the cut of a guest; no cut is no error."""
    lab = state.load()
    guest = vm.find(lab, name)
    _require_cluster(lab)
    network.heal(lab[1]["namespace"], guest.address)


def _require_cluster(lab):
    if not lifecycle.cluster_of(lab):
        raise LabError("this lab has no cluster (it was brought up without --store rados)")


def shared():
    """The directory that gateways see as /lab/shared."""
    return state.load()[0] / "shared"


def directory(name):
    """The directory with a guest's logs; its /lab/private is `private` in it."""
    return vm.find(state.load(), name).directory


def address(name):
    """The address of a guest."""
    return vm.find(state.load(), name).address


def url(name):
    """What libiscsi's tools call the logical unit behind a gateway."""
    return f"iscsi://{vm.find(state.load(), name, gateway_only=True).address}/{IQN}/0"


def start(name, argv, variables=None, cwd=None):
    """A RemoteCommand, to be used with `with`: for those who want to drive a command themselves."""
    return RemoteCommand(vm.find(state.load(), name), argv, variables, cwd)


def exec(name, argv, timeout=None, stdin=b"", variables=None, cwd=None):  # the name of the command, not of the builtin
    """Run argv in a guest and wait. TimeoutError after that many seconds: the command is killed then."""
    if name == "net":
        return run_net(argv, timeout, stdin)
    deadline = None if timeout is None else time.monotonic() + timeout
    out, err = bytearray(), bytearray()
    with start(name, argv, variables, cwd) as command:
        feeder = threading.Thread(target=_feed, args=(command, stdin), daemon=True)
        feeder.start()
        while command.step(out.extend, err.extend):
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"{name}: {argv[0]} still runs after {timeout} s")
    return Result(command.code, bytes(out), bytes(err))


def _feed(command, data):
    """A thread of its own: a command that does not read must not keep us from reading its output."""
    with contextlib.suppress(LabError):
        if data:
            command.give_input(data)
        command.give_input(b"")


def net_command(argv):
    """argv, put into the lab's network namespace, where ceph, rbd and rados find the cluster if there is one."""
    lab = state.load()
    found = lifecycle.cluster_of(lab)
    variables = [f"{name}={value}" for name, value in found.environment().items()] if found else []
    return network.enter(lab[1]["namespace"]) + (["env", *variables] if found else []) + [os.fspath(word) for word in argv]


def run_net(argv, timeout=None, stdin=b""):
    """Run argv on the host inside the lab's network, in the repository's directory."""
    command = net_command(argv)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=settings.REPO,
                          start_new_session=True) as child:
        try:
            out, err = child.communicate(stdin, timeout)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimeoutError(f"{argv[0]} still runs after {timeout} s") from error
            raise
    return Result(child.returncode if child.returncode >= 0 else 128 - child.returncode, out, err)


def repository():
    """The top directory of the project; the same path in every guest."""
    return pathlib.Path(settings.REPO)
