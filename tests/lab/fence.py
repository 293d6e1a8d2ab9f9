#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""A power switch for the lab's guests, on the host in the lab's network: cuts the power of whom it is told to.

    fence.py PORT               serves one request at a time, for ever; fence.sh asks
"""

import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))
import labapi  # noqa: E402
from labkit import settings  # noqa: E402

ANSWER_SECONDS = 30


def serve(port):
    with socket.create_server((settings.HOST_ADDRESS, port)) as server:
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


if __name__ == "__main__":
    serve(int(sys.argv[1]))
