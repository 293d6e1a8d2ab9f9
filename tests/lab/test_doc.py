# SPDX-License-Identifier: GPL-2.0-only
"""The commands in doc/ceph.md that begin with `$ lab/lab` do what they are there for: each succeeds, in that order."""

import re
import subprocess

import pytest

import gateways
from gateways import REPO, wait_ready
from store import KIND

KEEPS_LAB = True                        # see conftest.py
pytestmark = pytest.mark.skipif(KIND != "rados", reason="TCMU_PR_LAB_STORE=rados")

COMMANDS = re.findall(r"^    \$ (lab/lab .*)$", (REPO / "doc/ceph.md").read_text(), re.M)
COMMANDS_AT_LEAST = 11                  # so that a change of their form is noticed
SECONDS = 120


@pytest.fixture(scope="module")
def lab():
    with gateways.two_gateways() as running:
        wait_ready("gw1")
        yield running


def test_there_are_some():
    assert len(COMMANDS) >= COMMANDS_AT_LEAST


@pytest.mark.parametrize("command", COMMANDS)
def test_command(lab, command):
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=REPO, capture_output=True, text=True, timeout=SECONDS,
                            check=False)
    assert result.returncode == 0, (command, result)
    assert result.stdout or ">" in command or "blocklist ls" in command, (command, result)
