# SPDX-License-Identifier: GPL-2.0-only
"""Lost persistent reservation information on two real gateways: told, and replaced by an initiator or by hand.

One lab for the whole file.
"""

import concurrent.futures
import re

import pytest

import gateways
from gateways import CLI, GATEWAYS, alarms, labapi, sh
from initiator import CLEAR, CONFLICT, GOOD, INFO_LOST, REGISTER_IGNORE, REPLACE_LOST, RESERVE, Initiator
from store import STORE

KEEPS_LAB = True                        # see conftest.py
A, B, C = Initiator("a", "gw1"), Initiator("b", "gw2"), Initiator("c", "gw1")
TEST_UNIT_READY, INQUIRY = "tur", "cdb:120000000000"
NOT_LOST = "02 05 2604"
TYPE = 5
READY_SECONDS = 60


@pytest.fixture(scope="module")
def lab():
    with gateways.two_gateways() as running:
        yield running


def wait_ready():
    for gateway in GATEWAYS:
        gateways.wait_ready(gateway, READY_SECONDS)


@pytest.fixture
def reserved(lab):
    """A and B are registered, A holds a reservation for registrants; nobody is registered afterwards."""
    for one, key in ((A, 0xa), (B, 0xb)):
        assert one.status(REGISTER_IGNORE.format(key)) == GOOD
    assert A.status(RESERVE.format(TYPE, 0xa)) == GOOD
    assert C.status("write:8:5a") == CONFLICT
    yield
    wait_ready()
    assert C.status(REGISTER_IGNORE.format(0xc)) == GOOD
    assert C.status(CLEAR.format(0xc)) == GOOD
    for gateway in GATEWAYS:
        assert alarms(gateway) == []


def corrupt():
    text = STORE.string()
    STORE.put(text.replace(b"num_regs=2", b"num_regs=3"))
    assert STORE.string() != text


def notice():
    """Through both gateways: the change that finds it out, and from then on whatever is not allowed."""
    for one in (A, B):
        assert one.status(REGISTER_IGNORE.format(0xd)) == INFO_LOST
        for command in ("in:0", "in:1", "in:2", "in:3", "read:8", "write:8:5b", TEST_UNIT_READY, CLEAR.format(0xa)):
            assert one.status(command) == INFO_LOST, command
        assert one.status(INQUIRY) == GOOD
        listed = sh(one.gateway, f"{CLI} list")
        assert re.search(r"^disk0\t\S+\terror: (string corrupt|version \d+ is lost)", listed, re.M), listed
        assert labapi.exec(one.gateway, [CLI, "show", "disk0"]).rc == 1


def state():
    """READ KEYS, READ RESERVATION and READ FULL STATUS, which both gateways answer alike."""
    answers = [[one.status(f"in:{action}") for action in (0, 1, 3)] for one in (A, B)]
    assert answers[0] == answers[1]
    return answers[0]


def keys(text):
    """PRGENERATION, and the keys."""
    data = bytes.fromhex(text.split()[1])
    return int.from_bytes(data[:4], "big"), [int.from_bytes(data[at:at + 8], "big") for at in range(8, len(data), 8)]


def test_replaced_by_an_initiator(reserved):
    """A string that cannot be read; a nexus that is not registered replaces it through the other gateway."""
    before = state()
    assert B.status(REPLACE_LOST.format(1, 0xb)) == NOT_LOST and C.status(REPLACE_LOST.format(1, 0xc)) == CONFLICT
    assert state() == before
    corrupt()
    notice()
    stranger = Initiator("stranger", "gw2")
    assert stranger.status(REPLACE_LOST.format(3, 0xe)) == GOOD
    wait_ready()
    assert keys(state()[0]) == (0, [0xe])
    assert stranger.status("write:8:5c") == GOOD
    for one in (A, B, C):
        assert one.status("read:8") == CONFLICT and one.status("write:8:5d") == CONFLICT
    assert stranger.status(REPLACE_LOST.format(3, 0xe)) == NOT_LOST
    # Written anew: nothing is remembered of what is lost.
    assert b"\nnum_changes=1\nchange=" in STORE.string()


def test_replaced_by_two_at_once(reserved):
    """All versions are gone: one of two wins, and both gateways obey the same."""
    STORE.lose()
    notice()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda one: one[0].status(REPLACE_LOST.format(1, one[1])), ((A, 0xa), (B, 0xb))))
    assert sorted(ends) == [GOOD, CONFLICT]
    wait_ready()
    winner, loser, key = (A, B, 0xa) if ends[0] == GOOD else (B, A, 0xb)
    assert keys(state()[0]) == (0, [key])
    assert winner.status("write:8:5e") == GOOD and loser.status("write:8:5f") == CONFLICT


@pytest.mark.parametrize("how, lose", [("--last", corrupt), ("--file", STORE.lose), ("--empty", corrupt)])
def test_repaired(reserved, how, lose):
    """By the administrator, with what one gateway had, with what was saved, or with nothing."""
    before = state()
    saved = sh("gw2", f"{CLI} string disk0")
    refused = labapi.exec("gw1", [CLI, "repair", "disk0", "--empty"])
    assert refused.rc == 1 and b"not lost" in refused.err, refused
    lose()
    notice()
    words = ["--file=-"] if how == "--file" else [how]
    result = labapi.exec("gw1", [CLI, "repair", "disk0", *words], 60, stdin=saved.encode())
    assert result.rc == 0, result
    wait_ready()
    if how == "--empty":
        assert keys(state()[0])[1] == [] and C.status("write:8:60") == GOOD
    else:
        assert state() == before
        assert C.status("write:8:60") == CONFLICT and B.status("write:8:61") == GOOD
