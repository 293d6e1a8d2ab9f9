# SPDX-License-Identifier: GPL-2.0-only
"""For tests with gateways and clients at several addresses of this machine."""

import ipaddress
import os
import pathlib
import queue
import re
import subprocess
import sys
import threading

SECONDS = 120
CLIENT = pathlib.Path(__file__).with_name("client.py")
SHUT = -108


class Child:
    """A process that answers lines by lines; `host` is its address."""

    def __init__(self, host, *words, preload=False):
        environment = os.environ | {"BIND_TO": host} | ({"LD_PRELOAD": os.environ["BIND_TO_SO"]} if preload else {})
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


def entry(host, nonce=0):
    """As it is on the blocklist; without a nonce, all of a host."""
    return f"{host}:0/{nonce}" if ipaddress.ip_address(host).version == 4 else f"[{host}]:0/{nonce}"


def address(client):
    """That of a client, as it would be on the blocklist."""
    return re.search(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):\d+/\d+", client.first).group()
