#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Cutting a gateway off that owns the exclusive locks of images, as a real librbd does. Its host is 127.0.0.2."""

import contextlib
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading

SECONDS = 30
CLIENT = pathlib.Path(__file__).with_name("client.py")
SHUT = -108
US, VICTIM, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"


class Child:
    """A process that answers lines by lines; `host` is its address."""

    def __init__(self, host, *words, preload=False):
        environment = os.environ | ({} if host == US else {"BIND_TO": host})
        if preload and host != US:
            environment["LD_PRELOAD"] = os.environ["BIND_TO_SO"]
        self.process = subprocess.Popen([os.fspath(word) for word in words], env=environment, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.first = self.answer()

    def _read(self):
        for line in self.process.stdout:
            self.said.put(line.strip())
        self.said.put(None)

    def answer(self):
        line = self.said.get(timeout=SECONDS)
        if line is None:
            raise RuntimeError(f"{self.process.args}: ended")
        return line

    def ask(self, line):
        """The number at the beginning of the answer."""
        self.process.stdin.write(line + "\n")
        return int(self.answer().split()[0])

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


def expect(what, got, wanted=True):
    if got != wanted:
        sys.exit(f"{what}: {got!r}, not {wanted!r}")
    print("ok:", what)


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=SECONDS).stdout


def listed():
    """The blocklist's entries."""
    return set(re.findall(r"^\S+:\d+/\d+(?= )", run("ceph", "osd", "blocklist", "ls"), re.M))


def address(client):
    """That of a client, as the blocklist would have it: IP:0/NONCE."""
    return re.search(r"\d+\.\d+\.\d+\.\d+:\d+/\d+", client.first).group()


def owner(image):
    """Address of the client that has the lock, None: nobody."""
    found = json.loads(run("rbd", "lock", "ls", "--format", "json", f"rbd/{image}"))
    return found[0]["address"] if found else None


def test(start):
    conf = os.environ["CEPH_CONF"]

    def gateway(name, host):
        child = start(host, os.environ["CUTTER"], f"rbd;conf={conf};id=tcmu-pr", name, "1")
        expect(f"the store of {name}", child.first.split()[0], "0")
        return child

    def client(image, host):
        child = start(host, "/usr/bin/python3", "-B", "-s", CLIENT, image, preload=True)
        expect(f"client of {image} at {host}", address(child).split(":")[0], host)
        return child

    gateways = {name: gateway(name, host) for name, host in (("a", US), ("b", VICTIM))}
    for image in ("taken", "kept", "other"):
        run("rbd", "create", "--size", "4M", "--image-feature", "layering,exclusive-lock", f"rbd/{image}")
        for child in gateways.values():
            expect("join", child.ask(f"join rbd/{image};conf={conf};id=tcmu-pr 1"), 0)
    owners = {image: client(image, THIRD if image == "other" else VICTIM) for image in ("taken", "kept", "other")}
    for image, child in owners.items():
        expect(f"first write of {image}", child.ask("first"), 0)
        expect(f"owner of {image}", owner(image), address(child))
    nobody = client("taken", VICTIM)

    # One that is told of nothing until all is over.
    owners["kept"].process.send_signal(signal.SIGSTOP)
    expect("cut", gateways["a"].ask("cut b 1"), 0)
    entries = listed()
    expect("the owners and their host are on the list, nobody else is", entries,
           {f"{VICTIM}:0/0", address(owners["taken"]), address(owners["kept"])})
    expect("one that has no lock is cut off", nobody.ask("nothing"), SHUT)
    expect("an owner is cut off", owners["taken"].ask("late"), SHUT)
    expect("a client of another host is not", owners["other"].ask("second"), 0)
    taker = client("taken", US)
    expect("another one takes the lock and writes", taker.ask("taken"), 0)
    expect("and has it", owner("taken"), address(taker))

    expect("lift", gateways["b"].ask("lift 2"), 0)
    expect("the owners stay on the list, their host does not", listed(), entries - {f"{VICTIM}:0/0"})
    owners["kept"].process.send_signal(signal.SIGCONT)
    for image in ("taken", "kept"):
        expect(f"the owner of {image} stays cut off", owners[image].ask("later"), SHUT)
    new = client("kept", VICTIM)
    expect("a new client of that host takes the lock and writes", new.ask("new"), 0)
    expect("and has it", owner("kept"), address(new))


def main():
    with contextlib.ExitStack() as stack:
        def start(*words, **options):
            child = Child(*words, **options)
            stack.callback(child.end)
            return child
        test(start)


main()
