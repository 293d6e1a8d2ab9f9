#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Cutting a gateway off that owns the exclusive locks of images, as a real librbd does, and letting it return."""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True

from hosts import CLIENT, SHUT, Child, address, entry, expect, listed, run  # noqa: E402

IPV4 = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def owner(image):
    """Address of the client that has the lock, None: nobody."""
    found = json.loads(run("rbd", "lock", "ls", "--format", "json", f"rbd/{image}"))
    return found[0]["address"] if found else None


class Stuck:
    """A connection to the stopped osd with something to send, as of a client of `host` that has given up."""

    def __init__(self, host):
        subprocess.run([*shlex.split(os.environ["POOL_TOOL"]), "signal", "osd", str(int(signal.SIGSTOP))], check=True)
        osd = json.loads(run("ceph", "osd", "dump", "--format", "json"))["osds"][0]["public_addrs"]["addrvec"][0]["addr"]
        ip, port = osd.rsplit(":", 1)
        self.socket = socket.create_connection((ip.strip("[]"), int(port)), 10, (host, 0))
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.socket.send(bytes(1 << 16))

    def is_gone(self):
        try:
            self.socket.send(b"x")
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    def end(self):
        self.socket.close()
        subprocess.run([*shlex.split(os.environ["POOL_TOOL"]), "signal", "osd", str(int(signal.SIGCONT))], check=True)


def check_stuck(gateway, host):
    """What is under way is so no more after lift()."""
    stuck = Stuck(host)
    try:
        expect("something is under way", stuck.is_gone(), False)
        gateway.ask("lift 2")
        expect("lift has put an end to that", stuck.is_gone())
    finally:
        stuck.end()


def test(start, us, victim, third):
    conf = os.environ["CEPH_CONF"]

    def gateway(name, host):
        child = start(host, os.environ["CUTTER"], f"rbd;conf={conf};id=tcmu-pr", name, "1")
        expect(f"the store of {name}", child.first.split()[0], "0")
        return child

    def client(image, host):
        child = start(host, "/usr/bin/python3", "-B", "-s", CLIENT, image, preload=True)
        expect(f"client of {image} at {host}", address(child), entry(host, address(child).split("/")[1]))
        return child

    gateways = {name: gateway(name, host) for name, host in (("a", us), ("b", victim))}
    for image in ("taken", "kept", "other"):
        run("rbd", "create", "--size", "4M", "--image-feature", "layering,exclusive-lock", f"rbd/{image}")
        for child in gateways.values():
            expect("join", child.ask(f"join rbd/{image};conf={conf};id=tcmu-pr 1"), 0)
    owners = {image: client(image, third if image == "other" else victim) for image in ("taken", "kept", "other")}
    for image, child in owners.items():
        expect(f"first write of {image}", child.ask("first"), 0)
        expect(f"owner of {image}", owner(image), address(child))
    nobody = client("taken", victim)

    # One that is told of nothing until all is over.
    owners["kept"].process.send_signal(signal.SIGSTOP)
    expect("cut", gateways["a"].ask("cut b 1"), 0)
    entries = listed()
    expect("the owners and their host are on the list, nobody else is", entries,
           {entry(victim), address(owners["taken"]), address(owners["kept"])})
    expect("one that has no lock is cut off", nobody.ask("nothing"), SHUT)
    expect("an owner is cut off", owners["taken"].ask("late"), SHUT)
    expect("a client of another host is not", owners["other"].ask("second"), 0)
    taker = client("taken", us)
    expect("another one takes the lock and writes", taker.ask("taken"), 0)
    expect("and has it", owner("taken"), address(taker))

    if os.geteuid() == 0:       # nobody else may end connections
        check_stuck(gateways["b"], victim)
    expect("lift", gateways["b"].ask("lift 2"), 0)
    expect("the owners stay on the list, their host does not", listed(), entries - {entry(victim)})
    owners["kept"].process.send_signal(signal.SIGCONT)
    for image in ("taken", "kept"):
        expect(f"the owner of {image} stays cut off", owners[image].ask("later"), SHUT)
    new = client("kept", victim)
    expect("a new client of that host takes the lock and writes", new.ask("new"), 0)
    expect("and has it", owner("kept"), address(new))


def main(*hosts):
    with contextlib.ExitStack() as stack:
        def start(*words, **options):
            child = Child(*words, **options)
            stack.callback(child.end)
            return child
        test(start, *hosts)


if __name__ == "__main__":
    main(*IPV4)
