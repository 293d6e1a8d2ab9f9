# SPDX-License-Identifier: GPL-2.0-only
"""What real hosts use, over two gateways: sg_persist, dm-multipath with mpathpersist, Pacemaker's fence agents.

    client1 --- a1 --- gw1 ---+
          \\--- a2 --- gw2 ---+--- one device
    client2 --- b1 --- gw1 ---+
          \\--- b2 --- gw2 ---+

Two hosts with Debian's stock kernel, each logged in to both gateways: four nexuses. Whatever one gateway is told,
all four paths must answer alike, and nothing but what is expected: a unit attention that no test has fetched fails
the next command. One lab for the whole file. The tests that need multipathd come last, for its path checker fetches
unit attentions.

TARGET=lio runs the same against stock LIO, one gateway with two portal groups: for looking at a test, not for passing.
"""

import concurrent.futures
import hashlib
import os
import re
import time

import pytest

pytest.register_assert_rewrite("hosts")
from gateways import ALARMS, GATEWAYS  # noqa: E402
from hosts import (ALL_REGISTRANTS, BLOCK, CONFLICT, GOOD, HOSTS, TYPES, Disks, Registration, access, attentions, expected,  # noqa: E402
                   generation_of, image_read, labapi, rights, run, sh, state, write_done, write_refused)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab must be run by root")

TARGET = os.environ.get("TARGET", "pr")
KEYS = {"client1": 0xa1, "client2": 0xb2}
WRITE_EXCLUSIVE, REGISTRANTS = (1, 5, 7), (5, 6, 7, 8)
PREEMPTED, RELEASED, UNREGISTERED = "Reservations preempted", "Reservations released", "Registrations preempted"
INVALID_RELEASE = "Invalid release of persistent reservation"
MAP = "/dev/mapper/mpatha"
MAP_BLOCK = 72                          # written through the map, or one path, by whoever is or is not fenced
# For TARGET=lio: the second gateway is another portal group of the first.
SECOND_GROUP = """
set -e
. /lab/private/boot.env
group=/sys/kernel/config/target/iscsi/$IQN/tpgt_2
mkdir $group $group/lun/lun_0
ln -s /sys/kernel/config/target/core/user_0/disk0 $group/lun/lun_0/disk0
echo 1 >$group/attrib/generate_node_acls
echo 1 >$group/attrib/cache_dynamic_acls
echo 0 >$group/attrib/demo_mode_write_protect
echo 0 >$group/attrib/authentication
mkdir $group/np/$ADDRESS:3261
echo 1 >$group/enable
"""
SECOND_LOGIN = """
. /lab/private/boot.env
iscsiadm -m node -o new -T $IQN -p 10.77.0.1:3261,2 && iscsiadm -m node -T $IQN -p 10.77.0.1:3261 -l && sleep 2
"""


def host_of(gateway):
    return "gw1" if TARGET == "lio" else gateway


# The lab

@pytest.fixture(scope="module", name="tell")
def progress(request):
    """Prints a line at once: the whole takes minutes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(text):
        with capture.global_and_fixture_disabled():
            print(f"clients: {text}", flush=True)
    return tell


@pytest.fixture(scope="module", name="lab")
def running_lab(tell):
    began = time.monotonic()
    labapi.up(gateways=1 if TARGET == "lio" else 2, clients=2, target=TARGET)
    try:
        if TARGET == "lio":
            sh("gw1", SECOND_GROUP)
            for host in HOSTS:
                sh(host, SECOND_LOGIN)
        disks = Disks()
        disks.learn()
        tell(f"lab up after {time.monotonic() - began:.0f} s: " +
             ", ".join(f"{name} {path.device} {path.tid}" for name, path in sorted(disks.items())))
        yield disks
    finally:
        labapi.down()


def wipe(disks):
    """Nobody registered, no unit attention pending."""
    path = disks["a1"]
    for words in (("--register-ignore", "--param-sark=c1ea"), ("--clear", "--param-rk=c1ea")):
        for _ in range(4):
            rc, text = path.persist("--out", *words)
            if rc != 6:
                break
        assert rc == 0, text
    attentions(disks)


@pytest.fixture(name="disks")
def clean_disks(lab, tell, request):
    """The four paths, in a state without registrations."""
    wipe(lab)
    began = time.monotonic()
    yield lab
    tell(f"{request.node.name}: {time.monotonic() - began:.0f} s")


def register(path, key):
    assert path.out("--register", sark=key) == GOOD


# sg_persist

def test_names(disks, tell):
    """Initiator names and ISIDs: four nexuses of two hosts, found by their names on every gateway."""
    assert {path.initiator for path in disks.values()} == {f"iqn.2026-11.org.tcmu-pr:{host}" for host in HOSTS}
    assert len({path.tid for path in disks.values()}) == 4
    generation = generation_of(disks)
    for key, path in enumerate(disks.values(), 1):
        register(path, key)
    told = state(disks)
    assert told == expected(generation + 4, [(path, key) for key, path in enumerate(disks.values(), 1)])
    tell(", ".join(f"{row.tid} port {row.rtpi}" for row in told.registrations))


def test_register(disks):
    """REGISTER and REGISTER AND IGNORE EXISTING KEY: new, changed, wrong, removed; PRGENERATION counts the good ones."""
    a1, a2, b2 = disks["a1"], disks["a2"], disks["b2"]
    generation = generation_of(disks)
    assert a1.out("--register", sark=0xa1) == GOOD
    assert a2.out("--register", rk=0xa1, sark=0xa2) == CONFLICT          # a2 is another nexus, and not registered
    assert state(disks) == expected(generation + 1, [(a1, 0xa1)])
    assert a2.out("--register", sark=0xa2) == GOOD
    assert a1.out("--register", rk=0xa1, sark=0xa3) == GOOD
    assert a1.out("--register", rk=0xa1, sark=0xa4) == CONFLICT
    assert b2.out("--register-ignore", rk=0xdead, sark=0xb2) == GOOD
    assert b2.out("--register-ignore", sark=0xfedcba9876543210) == GOOD
    assert state(disks) == expected(generation + 5, [(a1, 0xa3), (a2, 0xa2), (b2, 0xfedcba9876543210)])
    assert b2.out("--register", rk=0xfedcba9876543210, sark=0) == GOOD
    assert a2.out("--register-ignore", sark=0) == GOOD
    assert state(disks) == expected(generation + 7, [(a1, 0xa3)])


CAPABILITIES = """\
Report capabilities response:
  Replace Lost Reservation Capable(RLR_C): 1
  Compatible Reservation Handling(CRH): 1
  Specify Initiator Ports Capable(SIP_C): 1
  All Target Ports Capable(ATP_C): 1
  Persist Through Power Loss Capable(PTPL_C): 1
  Type Mask Valid(TMV): 1
  Allow Commands: 4
  Persist Through Power Loss Active(PTPL_A): {aptpl}
    Support indicated in Type mask:
      Write Exclusive, all registrants: 1
      Exclusive Access, registrants only: 1
      Write Exclusive, registrants only: 1
      Exclusive Access: 1
      Write Exclusive: 1
      Exclusive Access, all registrants: 1
"""


def test_capabilities_and_aptpl(disks):
    """--report-capabilities through every path; --param-aptpl told to one gateway shows on the other."""
    a1, b2 = disks["a1"], disks["b2"]
    for path in disks.values():
        assert path.persist("--in", "--report-capabilities") == (0, CAPABILITIES.format(aptpl=0))
    assert a1.out("--register", "--param-aptpl", sark=0xa1) == GOOD
    assert b2.persist("--in", "--report-capabilities") == (0, CAPABILITIES.format(aptpl=1))
    assert a1.out("--register", rk=0xa1, sark=0xa1) == GOOD
    assert b2.persist("--in", "--report-capabilities") == (0, CAPABILITIES.format(aptpl=0))


@pytest.mark.parametrize("kind", TYPES)
def test_reserve_and_release(disks, kind):
    """All six types: who holds, who may read and write, who may release, and who hears of it."""
    a1, a2, b2 = (disks[name] for name in ("a1", "a2", "b2"))
    holder, other, names = (a1, b2, ("a1", "b2")) if kind % 2 else (b2, a1, ("b2", "a1"))
    register(a1, 0xa1)
    register(b2, 0xb2)
    generation = generation_of(disks)
    both, key = [(a1, 0xa1), (b2, 0xb2)], {a1: 0xa1, b2: 0xb2}
    assert holder.out("--reserve", rk=key[holder], kind=kind) == GOOD
    assert holder.out("--reserve", rk=key[holder], kind=kind) == GOOD
    assert holder.out("--reserve", rk=key[holder], kind=1 if kind != 1 else 3) == CONFLICT
    assert holder.out("--reserve", rk=0xbad, kind=kind) == CONFLICT
    assert other.out("--reserve", rk=key[other], kind=kind) == (GOOD if kind in ALL_REGISTRANTS else CONFLICT)
    assert a2.out("--reserve", rk=key[holder], kind=kind) == CONFLICT

    readable = "r" if kind in WRITE_EXCLUSIVE else ""
    assert access(disks) == rights(readable, **{names[0]: "rw", names[1]: "rw" if kind in REGISTRANTS else readable})

    assert holder.out("--release", rk=key[holder], kind=1 if kind != 1 else 3) == INVALID_RELEASE
    if kind not in ALL_REGISTRANTS:
        assert other.out("--release", rk=key[other], kind=kind) == GOOD      # not a holder: nothing to release
    assert state(disks) == expected(generation, both, holder, kind)
    last, told = (other, names[0]) if kind in ALL_REGISTRANTS else (holder, names[1])
    assert last.out("--release", rk=key[last], kind=kind) == GOOD
    assert attentions(disks) == ({told: [RELEASED]} if kind in REGISTRANTS else {})
    assert state(disks) == expected(generation, both)


def test_clear(disks):
    a1, b2 = disks["a1"], disks["b2"]
    register(a1, 0xa1)
    register(b2, 0xb2)
    assert b2.out("--reserve", rk=0xb2, kind=6) == GOOD
    generation = generation_of(disks)
    assert a1.out("--clear", rk=0xb2) == CONFLICT
    assert a1.out("--clear", rk=0xa1) == GOOD
    assert attentions(disks) == {"b2": [PREEMPTED]}
    assert state(disks) == expected(generation + 1, [])


@pytest.mark.parametrize("action", ["--preempt", "--preempt-abort"])
def test_preempt(disks, action):
    """First the victim holds and both its paths go, then it is a plain registrant."""
    a1, a2, b1, b2 = (disks[name] for name in ("a1", "a2", "b1", "b2"))
    for path, key in ((a1, 0xa1), (a2, 0xa1), (b1, 0xb1), (b2, 0xb1)):
        register(path, key)
    assert b1.out("--reserve", rk=0xb1, kind=5) == GOOD
    generation = generation_of(disks)
    assert a2.out(action, rk=0xa1, sark=0xdead, kind=5) == CONFLICT
    assert a2.out(action, rk=0xa1, sark=0xb1, kind=5) == GOOD
    assert attentions(disks) == {"b1": [UNREGISTERED], "b2": [UNREGISTERED]}
    assert state(disks) == expected(generation + 1, [(a1, 0xa1), (a2, 0xa1)], a2, 5)
    assert b2.out(action, rk=0xb1, sark=0xa1, kind=5) == CONFLICT
    assert access(disks) == rights("r", a1="rw", a2="rw")

    register(b1, 0xb3)
    register(b2, 0xb4)
    assert a1.out(action, rk=0xa1, sark=0xb4, kind=5) == GOOD
    assert attentions(disks) == {"b2": [UNREGISTERED]}
    assert state(disks) == expected(generation + 4, [(a1, 0xa1), (a2, 0xa1), (b1, 0xb3)], a2, 5)
    # The holder's key, and another type: who stays registered hears of that.
    register(b2, 0xb4)
    assert b1.out(action, rk=0xb3, sark=0xa1, kind=8) == GOOD
    assert attentions(disks) == {"a1": [UNREGISTERED], "a2": [UNREGISTERED], "b2": [RELEASED]}
    assert state(disks) == expected(generation + 6, [(b1, 0xb3), (b2, 0xb4)], b1, 8)


def move(path, target, *words, rk, sark):
    return path.out("--register-move", f"--transport-id={target.tid}", f"--relative-target-port={target.rtpi}", *words,
                    rk=rk, sark=sark)


@pytest.mark.parametrize("kind", [1, 6])
def test_register_and_move(disks, kind):
    """From a1 to b2, another host's nexus through the other gateway, and with --unreg back to a2."""
    a1, a2, b2 = (disks[name] for name in ("a1", "a2", "b2"))
    register(a1, 0xa1)
    register(a2, 0xa2)
    assert a1.out("--reserve", rk=0xa1, kind=kind) == GOOD
    generation = generation_of(disks)
    assert move(a2, b2, rk=0xa2, sark=0xb2) == CONFLICT
    assert move(a1, b2, rk=0xa1, sark=0) == "Invalid field in parameter list"
    assert move(a1, a1, rk=0xa1, sark=0xb2) == "Invalid field in parameter list"
    assert move(a1, b2, rk=0xa1, sark=0xb2) == GOOD
    assert state(disks) == expected(generation + 1, [(a1, 0xa1), (a2, 0xa2), (b2, 0xb2)], b2, kind)
    assert access(disks) == (rights("", a1="rw", a2="rw", b2="rw") if kind == 6 else rights("r", b2="rw"))
    assert move(b2, a2, "--unreg", rk=0xb2, sark=0xa5) == GOOD
    assert state(disks) == expected(generation + 2, [(a1, 0xa1), (a2, 0xa5)], a2, kind)
    assert access(disks) == (rights("", a1="rw", a2="rw") if kind == 6 else rights("r", a2="rw"))
    assert attentions(disks) == {}


def test_specify_initiator_ports(disks):
    """a1 registers b1 too, by its TransportID: through this gateway's port, and through no other."""
    a1, b1 = disks["a1"], disks["b1"]
    generation = generation_of(disks)
    assert a1.out("--register", f"--transport-id={b1.tid}", sark=0xaa) == GOOD
    assert state(disks) == expected(generation + 1, [(a1, 0xaa), (b1, 0xaa)])
    assert b1.out("--reserve", rk=0xaa, kind=6) == GOOD
    assert state(disks) == expected(generation + 1, [(a1, 0xaa), (b1, 0xaa)], b1, 6)
    assert access(disks) == rights("", a1="rw", b1="rw")


def test_all_target_ports(disks):
    """ALL_TG_PT told to gw1, with the TransportID of client1's session with gw2: both its paths are registrants.

    Without that TransportID a2 is not: open-iscsi gives each session an ISID of its own, so they are two initiator
    ports, and a registration is one port's."""
    a1, a2 = disks["a1"], disks["a2"]
    generation = generation_of(disks)
    assert a1.out("--register", "--param-alltgpt", sark=0xa1) == GOOD
    assert state(disks) == expected(generation + 1, [(a1, 0xa1, "all")])
    assert a1.out("--reserve", rk=0xa1, kind=6) == GOOD
    assert access(disks) == rights("", a1="rw")
    assert a1.out("--clear", rk=0xa1) == GOOD
    assert a1.out("--register", "--param-alltgpt", f"--transport-id={a2.tid}", sark=0xa1) == GOOD
    assert a2.out("--reserve", rk=0xa1, kind=6) == GOOD
    assert state(disks) == expected(generation + 3, [(a1, 0xa1, "all"), (a2, 0xa1, "all")], a2, 6)
    assert access(disks) == rights("", a1="rw", a2="rw")


def test_replace_lost_reservation_with_nothing_lost(disks):
    """The action is there (RLR_C), and is refused while the state is whole."""
    a1, b2 = disks["a1"], disks["b2"]
    register(a1, 0xa1)
    generation = generation_of(disks)
    assert a1.out("--replace-lost", sark=0xa2, kind=5) == INVALID_RELEASE
    assert b2.out("--replace-lost", sark=0xb2, kind=5) == CONFLICT
    assert state(disks) == expected(generation, [(a1, 0xa1)])


def test_new_login_is_a_new_nexus(disks):
    """A registration outlives its session; open-iscsi's next session has another ISID and is not registered."""
    a1, a2 = disks["a1"], disks["a2"]
    register(a2, 0xa2)
    register(a1, 0xa1)
    assert a2.out("--reserve", rk=0xa2, kind=5) == GOOD
    generation = generation_of(disks)
    sh("client1", f""". /lab/private/boot.env
        portal=$(iscsiadm -m session | sed -n 's/^tcp: .{a2.session}. \\([0-9.:]*\\),.*/\\1/p')
        iscsiadm -m node -T $IQN -p $portal -u && iscsiadm -m node -T $IQN -p $portal -l
        for i in $(seq 600); do [ $(find /sys/block -name 'sd*' | wc -l) -eq 2 ] && break; sleep 0.1; done""")
    disks.learn()
    assert disks["a1"] == a1 and disks["a2"].tid != a2.tid and disks["a2"].gateway == a2.gateway
    attentions(disks)                    # the target core tells a new session of the old one's loss
    assert state(disks) == expected(generation, [(a1, 0xa1), (a2, 0xa2)], a2, 5)
    assert access(disks) == rights("r", a1="rw")


# Fence agents with a path each: client1 through gw1, client2 through gw2

CLUSTER = "lab"
# What corosync would tell the agent of the cluster, which derives the nodes' keys from that.
CMAPCTL = f"""#!/bin/sh
case $1 in
totem.cluster_name) echo "totem.cluster_name (str) = {CLUSTER}" ;;
nodelist) for n in 1 2; do echo "nodelist.node.$n.name (str) = client$n"; done ;;
esac
"""


@pytest.fixture(scope="module", name="agents")
def with_agents(lab):
    for host in HOSTS:
        sh(host, f"lab/guest/client-multipath tools; cat >/run/cmapctl <<'EOF'\n{CMAPCTL}EOF\nchmod +x /run/cmapctl")


def fence_scsi_key(host):
    cluster = hashlib.md5(CLUSTER.encode(), usedforsecurity=False).hexdigest()
    return int(f"{cluster[:4]}000{host[-1]}", 16)


def fence(agent, host, action, node, device, tell):
    """A fence agent as Pacemaker's fencer runs it on `host`: its exit code and words."""
    plug = f"{KEYS[node]:x}" if agent == "fence_mpath" else node
    options = [] if agent == "fence_mpath" else ["--corosync-cmap-path=/run/cmapctl"]
    rc, text = run(host, [agent, f"--action={action}", f"--plug={plug}", f"--devices={device}", *options])
    tell(f"{host}: {agent} {action} {node}: exit {rc} {text.strip()!r}")
    return rc, text


ON, OFF, IS_ON, IS_OFF = (0, "Success: Powered ON\n"), (0, "Success: Powered OFF\n"), (0, "Status: ON\n"), (2, "Status: OFF\n")


def test_fence_scsi(disks, agents, tell):
    """Node 1 has a path through gw1, node 2 through gw2: each is fenced by the other, and comes back."""
    a1, b2 = disks["a1"], disks["b2"]
    path, key = {"client1": a1, "client2": b2}, {host: fence_scsi_key(host) for host in HOSTS}

    def scsi(host, action, node):
        return fence("fence_scsi", host, action, node, path[host].device, tell)
    assert scsi("client1", "on", "client1") == ON
    assert scsi("client2", "on", "client2") == ON
    told = state(disks)
    assert told == expected(told.generation, [(a1, key["client1"]), (b2, key["client2"])], a1, 5)
    assert access(disks) == rights("r", a1="rw", b2="rw")
    write_done("client2", b2.device, MAP_BLOCK, tell)

    assert scsi("client1", "off", "client2") == OFF
    assert attentions(disks) == {"b2": [UNREGISTERED]}
    assert state(disks) == expected(told.generation + 1, [(a1, key["client1"])], a1, 5)
    assert access(disks) == rights("r", a1="rw")
    write_refused("client2", b2.device, MAP_BLOCK, tell)
    assert scsi("client2", "status", "client2") == IS_OFF
    assert scsi("client2", "monitor", "client2") == (0, "")
    assert scsi("client1", "status", "client1") == IS_ON

    assert scsi("client2", "on", "client2") == ON
    write_done("client2", b2.device, MAP_BLOCK, tell)
    # Now the holder is fenced, and the reservation goes over to the other node.
    assert scsi("client2", "off", "client1") == OFF
    assert attentions(disks) == {"a1": [UNREGISTERED]}
    assert state(disks) == expected(told.generation + 3, [(b2, key["client2"])], b2, 5)
    write_refused("client1", a1.device, MAP_BLOCK, tell)
    assert access(disks) == rights("r", b2="rw")


# dm-multipath over both gateways

@pytest.fixture(scope="module", name="maps")
def with_maps(lab, tell):
    """multipathd on both hosts, their keys in multipath.conf."""
    wipe(lab)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: sh(host, f"lab/guest/client-multipath {KEYS[host]:x}"), HOSTS))
    for host in HOSTS:
        text = sh(host, "multipath -ll 2>/dev/null")
        tell(f"{host}: " + " / ".join(line.strip() for line in text.splitlines()))
        assert text.count("active ready running") == 2, text


def mpath(host, *words, **values):
    options = [f"--{name.replace('_', '-')}={value:x}" for name, value in values.items()]
    return run(host, ["mpathpersist", *words, *options, MAP])


MPATH_DESCRIPTOR = re.compile(r"   Key = 0x([0-9a-f]+)\n      All target ports bit clear\n      Relative port address: 0x([0-9a-f]+)\n"
                              r"(?:      not reservation holder\n|"
                              r"      << Reservation holder >>\n      scope: LU_SCOPE,  type: (.+)\n)"
                              r"   iSCSI world wide unique port id: (\S+)\n")


def mpath_full(text):
    """--read-full-status of mpathpersist."""
    head, rest = text.split("\n", 1)
    descriptors = list(MPATH_DESCRIPTOR.finditer(rest))
    assert "".join(found[0] for found in descriptors) == rest, text
    rows = [Registration(int(key, 16), tid, int(rtpi, 16), kind) for key, rtpi, kind, tid in (found.groups() for found in descriptors)]
    return head, tuple(sorted(rows, key=repr))


def everyone(disks, **keys):
    """All paths with the keys of their hosts."""
    return [(path, keys.get(path.host, KEYS[path.host])) for path in disks.values()]


def register_maps():
    for host in HOSTS:
        assert mpath(host, "--out", "--register", param_sark=KEYS[host]) == (0, "")


def test_mpathpersist(disks, maps, tell):
    """Each action of mpathpersist, which sends a registration down both paths and the rest down one."""
    generation = generation_of(disks)
    register_maps()
    told = state(disks)
    assert told == expected(generation + 4, everyone(disks))
    assert mpath("client1", "--out", "--reserve", param_rk=0xa1, prout_type=5) == (0, "")
    held = state(disks)
    assert held in [expected(generation + 4, everyone(disks), disks[name], 5) for name in ("a1", "a2")]

    for host in HOSTS:
        rc, text = mpath(host, "--in", "--read-keys")
        found = re.fullmatch(r"  PR generation=0x([0-9a-f]+), \t4 registered reservation keys follow:\n((?:    0x[0-9a-f]+\n)*)", text)
        assert rc == 0 and found and int(found[1], 16) == held.generation, text
        assert sorted(found[2].split()) == ["0xa1", "0xa1", "0xb2", "0xb2"]
        assert mpath(host, "--in", "--read-reservation") == (
            0, f"  PR generation=0x{held.generation:x}, Reservation follows:\n   Key = 0xa1\n  scope = LU_SCOPE, type = {TYPES[5]}\n")
        rc, text = mpath(host, "--in", "--read-full-status")
        assert rc == 0 and mpath_full(text) == (f"  PR generation=0x{held.generation:x} ", held.registrations), text

    write_done("client1", MAP, MAP_BLOCK, tell)
    assert mpath("client2", "--out", "--preempt", param_rk=0xb2, param_sark=0xa1, prout_type=5) == (0, "")
    mine = [(path, 0xb2) for path in disks.values() if path.host == "client2"]
    assert state_quietly(disks) in [expected(generation + 5, mine, disks[name], 5) for name in ("b1", "b2")]
    write_refused("client1", MAP, MAP_BLOCK, tell)
    write_done("client2", MAP, MAP_BLOCK, tell)
    rc, text = mpath("client1", "--out", "--reserve", param_rk=0xa1, prout_type=5)
    tell(f"client1: mpathpersist --reserve, preempted: exit {rc} {text.strip()!r}")
    assert rc != 0
    assert mpath("client1", "--out", "--register", param_sark=0xa1) == (0, "")
    write_done("client1", MAP, MAP_BLOCK, tell)
    assert mpath("client2", "--out", "--release", param_rk=0xb2, prout_type=5) == (0, "")
    assert state_quietly(disks) == expected(generation + 7, everyone(disks))
    assert mpath("client1", "--out", "--clear", param_rk=0xa1) == (0, "")
    assert state_quietly(disks) == expected(generation + 8, [])
    assert mpath("client2", "--in", "--read-keys") == (0, f"  PR generation=0x{generation + 8:x}, \t0 registered reservation key.\n")


def state_quietly(disks):
    """After unit attentions that multipathd may or may not have fetched."""
    attentions(disks)
    return state(disks)


def portal(gateway, is_there):
    """Close or open a gateway's portal group: closed, its sessions end and logins are refused."""
    sh(host_of(gateway), f"echo {int(is_there)} >/sys/kernel/config/target/iscsi/{labapi.IQN}/tpgt_{gateway[2:]}/enable")


def wait_paths(host, device, want, seconds=120):
    """Until multipathd calls the path so."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        states = dict(line.split() for line in sh(host, "multipathd show paths raw format '%d %t'").splitlines())
        if states[device.removeprefix("/dev/")] == want:
            return time.monotonic() - began
        time.sleep(0.3)
    pytest.fail(f"{host}: {device} is not {want} after {seconds} s: {states}")


# Writes chunks of 64 KiB, in order and over again, until told to stop; prints how many chunks and their digest.
CHUNKS, CHUNK, CHUNKS_FROM = 64, 64 * 1024, 256
WRITER = f"""
dd if=/dev/urandom of=/run/data bs={CHUNK} count={CHUNKS} status=none
rm -f /run/stop
n=0
while [ ! -e /run/stop ]; do
	at=$((n % {CHUNKS}))
	dd if=/run/data of={MAP} bs=8K count=8 skip=$((at * 8)) seek=$((({CHUNKS_FROM} + at) * 8)) \
		oflag=direct conv=nocreat status=none || exit 1
	n=$((n + 1))
	echo $n >/run/written.new && mv /run/written.new /run/written
done
[ $n -lt {CHUNKS} ] || n={CHUNKS}
echo $n $(dd if=/run/data bs={CHUNK} count=$n status=none | sha256sum)
"""


def wait_chunks(host, more, seconds=120):
    """Until the writer has written so many more chunks; the total."""
    script = "[ -e /run/written ] && cat /run/written || echo 0"
    want, deadline = int(sh(host, script)) + more, time.monotonic() + seconds
    while (now := int(sh(host, script))) < want:
        assert time.monotonic() < deadline, f"{host}: {now} chunks written"
        time.sleep(0.2)
    return now


def test_failover(disks, maps, tell):
    """gw1's portal goes in the middle of client1's writes: they go on through gw2, and so does fencing.

    What gw2 was told while nobody could reach gw1 holds on gw1 as soon as it can be reached again."""
    a1, b1 = disks["a1"], disks["b1"]
    register_maps()
    assert mpath("client1", "--out", "--reserve", param_rk=0xa1, prout_type=5) == (0, "")
    generation = generation_of(disks)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        writer = pool.submit(sh, "client1", WRITER, True, 600)
        try:
            before = wait_chunks("client1", 3)
            portal("gw1", False)
            tell(f"client1 calls its path failed {wait_paths('client1', a1.device, 'failed'):.1f} s after gw1's portal went")
            wait_paths("client2", b1.device, "failed")
            write_done("client2", MAP, MAP_BLOCK, tell)
            assert mpath("client1", "--out", "--preempt", param_rk=0xa1, param_sark=0xb2, prout_type=5) == (0, "")
            write_refused("client2", MAP, MAP_BLOCK, tell)
            during = wait_chunks("client1", 3)
            portal("gw1", True)
            tell(f"client1 has its path again {wait_paths('client1', a1.device, 'active'):.1f} s after gw1's portal came back")
            wait_paths("client2", b1.device, "active")
            after = wait_chunks("client1", 3)
        finally:
            portal("gw1", True)
            sh("client1", "touch /run/stop")
        count, digest = writer.result().split()[:2]
    tell(f"client1 wrote {before} chunks before, {during - before} while it was away, {after - during} after")
    told = state_quietly(disks)
    mine = [(path, 0xa1) for path in disks.values() if path.host == "client1"]
    # One for PREEMPT, and one for client1's multipathd: it registers the host's key anew on a path that comes back.
    assert told in [expected(generation + 2, mine, disks[name], 5) for name in ("a1", "a2")]
    assert access(disks) == rights("r", a1="rw", a2="rw")
    write_refused("client2", MAP, MAP_BLOCK, tell)
    image = image_read(CHUNKS_FROM * CHUNK // BLOCK, int(count) * CHUNK // BLOCK)
    assert hashlib.sha256(image).hexdigest() == digest
    other = sh("client2", f"dd if={MAP} bs={CHUNK} skip={CHUNKS_FROM} count={count} iflag=direct status=none | sha256sum")
    assert other.split()[0] == digest


@pytest.mark.parametrize("agent", ["fence_scsi", "fence_mpath"])
def test_fence_agents_with_multipath(disks, agents, maps, tell, agent):
    """The agents on the map: a fenced host is out on both gateways, and back after `on`."""
    key = KEYS if agent == "fence_mpath" else {host: fence_scsi_key(host) for host in HOSTS}
    for host in HOSTS:
        assert fence(agent, host, "on", host, MAP, tell) == ON
    told = state_quietly(disks)
    assert told in [expected(told.generation, everyone(disks, **key), disks[name], 5) for name in ("a1", "a2")]
    write_done("client2", MAP, MAP_BLOCK, tell)

    assert fence(agent, "client1", "off", "client2", MAP, tell) == OFF
    mine = [(path, key["client1"]) for path in disks.values() if path.host == "client1"]
    assert state_quietly(disks) in [expected(told.generation + 1, mine, disks[name], 5) for name in ("a1", "a2")]
    write_refused("client2", MAP, MAP_BLOCK, tell)
    assert access(disks) == rights("r", a1="rw", a2="rw")
    assert fence(agent, "client2", "status", "client2", MAP, tell) == IS_OFF

    assert fence(agent, "client2", "on", "client2", MAP, tell) == ON
    assert state_quietly(disks).registrations == told.registrations
    write_done("client2", MAP, MAP_BLOCK, tell)


def test_nothing_in_the_kernels_logs(lab):
    for name in dict.fromkeys([*map(host_of, GATEWAYS), *HOSTS]):
        assert [line for line in sh(name, "dmesg").splitlines() if ALARMS.search(line)] == [], name
