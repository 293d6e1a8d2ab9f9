#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A power switch for the lab's guests, and the fence command of its gateways.

    fence.py serve              on the host, in the lab's network: cuts the power of whom it is told to
    fence.py GATEWAY TERM       in a guest: asks for it; exits 0 only if the power is off
"""

import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))
import labapi  # noqa: E402
from labkit import settings  # noqa: E402

PORT = 5405
ANSWER_SECONDS = 30


def serve():
    """One request at a time, for ever."""
    with socket.create_server((settings.HOST_ADDRESS, PORT)) as server:
        print("serving", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(ANSWER_SECONDS)
                try:
                    gateway, term = connection.makefile().readline().split()
                    labapi.kill(gateway)
                    print(f"{gateway} is off, evicted from term {term}", flush=True)
                    connection.sendall(b"off\n")
                except (OSError, ValueError, labapi.LabError) as error:
                    print(f"refused: {error}", flush=True)


def ask(gateway, term):
    with socket.create_connection((settings.HOST_ADDRESS, PORT), ANSWER_SECONDS) as connection:
        connection.sendall(f"{gateway} {term}\n".encode())
        return connection.makefile().readline() == "off\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    sys.exit(0 if ask(*sys.argv[1:]) else 1)
