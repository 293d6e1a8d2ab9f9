# SPDX-License-Identifier: GPL-2.0-only
"""Two hosts that are logged in to two gateways: what they send, what they are answered, and what is on the disk."""

import base64
import concurrent.futures
import itertools
import pathlib
import re
import sys
import typing

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "lab"))
sys.dont_write_bytecode = True
import labapi  # noqa: E402
from store import STORE  # noqa: E402

HOSTS = ("client1", "client2")
TYPES = {1: "Write Exclusive", 3: "Exclusive Access", 5: "Write Exclusive, registrants only",
         6: "Exclusive Access, registrants only", 7: "Write Exclusive, all registrants", 8: "Exclusive Access, all registrants"}
ALL_REGISTRANTS = (7, 8)
LIMIT = 180                             # seconds for one command: a host with much else to do is slow
BLOCK = 512
MARK = "=== "
GOOD, CONFLICT = "good", "conflict"

FIND_DISKS = """
for s in /sys/class/iscsi_session/session*; do
	for b in $s/device/target*/*:0/block/*; do
		echo gw$(cat $s/tpgt) ${b##*/} ${s##*/session} $(cat $s/initiatorname)
	done
done
"""


def run(host, argv, stdin=b"", timeout=LIMIT):
    """A command in a guest: its exit code and all that it said."""
    result = labapi.exec(host, argv, timeout, stdin)
    return result.rc, (result.out + result.err).decode(errors="replace")


def sh(host, script, check=True, timeout=LIMIT):
    rc, text = run(host, ["sh", "-c", script], timeout=timeout)
    assert not check or rc == 0, f"{host}: {script}\n{text}"
    return text


class Path(typing.NamedTuple):
    """One nexus: a host's disk behind a gateway."""
    host: str
    gateway: str
    device: str
    session: int
    initiator: str

    @property
    def tid(self):
        """The initiator port's name: open-iscsi makes the ISID of its own prefix and the session's number."""
        return f"{self.initiator},i,0x00023d{self.session:06x}"

    @property
    def rtpi(self):
        return int(self.gateway[2:])

    def persist(self, *words):
        return run(self.host, ["sg_persist", "-n", *words, self.device])

    def out(self, *words, rk=None, sark=None, kind=None):
        """PERSISTENT RESERVE OUT: good, conflict, or the additional sense."""
        options = [f"--{name}={value:x}" for name, value in (("param-rk", rk), ("param-sark", sark), ("prout-type", kind))
                   if value is not None]
        rc, text = self.persist("-v", "--out", *words, *options)
        sense = re.search(r"Additional sense: (.+)", text)
        assert (rc == 0) == (sense is None and rc != 24), text
        return {0: GOOD, 24: CONFLICT}.get(rc) or (sense[1] if sense else text)


class Disks(dict):
    """The four paths by name: a1 is client1's through gw1, b2 client2's through gw2."""

    def learn(self):
        self.clear()
        for letter, host in zip("ab", HOSTS):
            for line in sh(host, FIND_DISKS).splitlines():
                gateway, disk, session, initiator = line.split()
                self[letter + gateway[2:]] = Path(host, gateway, f"/dev/{disk}", int(session), initiator)
        assert sorted(self) == ["a1", "a2", "b1", "b2"], self

    def each(self, snippet):
        """Run a piece of shell for each path, both hosts at once; what each said, by name. In it, $d is the disk and
        $name the path's name."""
        def ask(host):
            paths = [(name, path) for name, path in self.items() if path.host == host]
            script = "".join(f"name={name} d={path.device}; echo '{MARK}{name}'\n{snippet}\n" for name, path in paths)
            said = sh(host, f"exec 2>&1\n{script}")
            return dict(part.split("\n", 1) for part in said.split(MARK)[1:])
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = list(pool.map(ask, HOSTS))
        return {name: text for answer in answers for name, text in answer.items()}


# What the four paths answer

READ_ALL = "for what in keys reservation full-status; do echo '--- '; sg_persist -n --in --read-$what $d; done"
LIST_FORM = re.compile(r"  PR generation=0x([0-9a-f]+), (?:there are NO registered reservation keys|"
                       r"(\d+) registered reservation keys? follows?:)\n((?:    0x[0-9a-f]+\n)*)")
NOT_HELD_FORM = re.compile(r"  PR generation=0x([0-9a-f]+), there is NO reservation held *\n")
HELD_FORM = re.compile(r"  PR generation=0x([0-9a-f]+), Reservation follows:\n    Key=0x([0-9a-f]+)\n"
                       r"    scope: LU_SCOPE,  type: (.+)\n")
FULL_FORM = re.compile(r"  PR generation=0x([0-9a-f]+)\n(  No full status descriptors\n|.*)", re.S)
DESCRIPTOR_FORM = re.compile(r"    Key=0x([0-9a-f]+)\n"
                             r"      All target ports bit (?:(set)|clear\n      Relative port address: 0x([0-9a-f]+))\n"
                             r"      (?:not reservation holder|<< Reservation holder >>\n      scope: LU_SCOPE,  type: (.+))\n"
                             r"      Transport Id of initiator:\n"
                             r"        iSCSI world wide unique port id: (\S+)\n")


class Registration(typing.NamedTuple):
    """A descriptor of READ FULL STATUS; rtpi is None for all target ports, kind for a nexus that is no holder."""
    key: int
    tid: str
    rtpi: typing.Optional[int]
    kind: typing.Optional[str]


class State(typing.NamedTuple):
    generation: int
    registrations: tuple
    reservation: typing.Optional[tuple]    # key and type


def parse(text):
    """What one path has answered to READ KEYS, READ RESERVATION and READ FULL STATUS; no byte is left over."""
    head, keys, held, full = text.split("--- \n")
    keys, full = LIST_FORM.fullmatch(keys), FULL_FORM.fullmatch(full)
    held = HELD_FORM.fullmatch(held) or NOT_HELD_FORM.fullmatch(held)
    assert not head and keys and held and full, text
    descriptors = list(DESCRIPTOR_FORM.finditer(full[2]))
    assert full[2] == ("".join(found[0] for found in descriptors) or "  No full status descriptors\n"), text
    registrations = tuple(sorted((Registration(int(key, 16), tid, None if everywhere else int(rtpi, 16), kind)
                                  for key, everywhere, rtpi, kind, tid in (found.groups() for found in descriptors)), key=repr))
    listed = [int(key, 16) for key in keys[3].split()]
    assert len(listed) == int(keys[2] or 0), text
    assert sorted(listed) == sorted(registration.key for registration in registrations), text
    assert keys[1] == held[1] == full[1], text
    return State(int(keys[1], 16), registrations, (int(held[2], 16), held[3]) if held.re is HELD_FORM else None)


def state(disks):
    """What all four paths say, once: they have to agree."""
    states = {name: parse(text) for name, text in disks.each(READ_ALL).items()}
    assert len(states) == 4 and len(set(states.values())) == 1, states
    return states["a1"]


def generation_of(disks):
    """PRGENERATION, before a test; that all paths agree is what state() is for."""
    rc, text = disks["a1"].persist("--in", "--read-keys")
    found = LIST_FORM.fullmatch(text)
    assert rc == 0 and found, text
    return int(found[1], 16)


def attentions(disks):
    """The unit attentions that TEST UNIT READY fetches until there are no more: {path's name: [additional sense]}."""
    said = disks.each("for i in 1 2 3 4 5; do sg_turs $d && break; done")
    return {name: re.findall(r"Sense key: Unit Attention\nAdditional sense: (.+)\n", text) for name, text in said.items() if text}


def expected(generation, registrations, holder=None, kind=None):
    """A state: registrations are [(path, key)] or [(path, key, "all")], the holder is one of the paths."""
    shared = kind in ALL_REGISTRANTS
    rows = [Registration(key, path.tid, None if everywhere else path.rtpi, TYPES[kind] if kind and (shared or path == holder) else None)
            for path, key, *everywhere in registrations]
    key = 0 if shared else next((key for path, key, *_ in registrations if path == holder), None)
    return State(generation % 2**32, tuple(sorted(rows, key=repr)), (key, TYPES[kind]) if kind else None)


# Blocks on the disk: of the first, paths write one each; others are for whole maps

FIRST_BLOCK, MAP_BLOCK = 64, 72
serials = itertools.count(1)


def content(text):
    return text.encode().ljust(BLOCK)


def image_read(block, count=1):
    """Blocks as they stand in the image, read on the host past all targets."""
    return STORE.read(block, count)


DD = "bs=512 count=1 oflag=direct conv=nocreat"
REFUSED = re.compile(r"dd: (?:error )?writing (?:to )?'\S+': Invalid exchange\n1\+0 records in\n0\+0 records out\n0 bytes copied, .*\n")
WRITTEN = re.compile(r"1\+0 records in\n1\+0 records out\n512 bytes copied, .*\n")
ACCESS = f"""
printf '%-512s' "$name @" | dd of=$d {DD} seek=$((block + ${{name#?}})) && echo written
dd if=$d bs=512 count=1 skip=$((block + ${{name#?}})) iflag=direct status=none 2>&1 | base64 -w0
"""


def access(disks):
    """What each path may do, as dd does it: {name: "rw", "r" or ""}. What is refused must change nothing."""
    serial = next(serials)
    blocks = {name: FIRST_BLOCK + number for number, name in enumerate(("a1", "a2", "b1", "b2"))}
    before = image_read(FIRST_BLOCK, len(blocks))
    said = disks.each(f"block={FIRST_BLOCK - 1}; case $name in b*) block={FIRST_BLOCK + 1};; esac" + ACCESS.replace("@", str(serial)))
    after = image_read(FIRST_BLOCK, len(blocks))
    may = {}
    for name, block in blocks.items():
        begin = (block - FIRST_BLOCK) * BLOCK
        old, new = before[begin:begin + BLOCK], after[begin:begin + BLOCK]
        words, _, read = said[name].rpartition("\n")
        written = words.endswith("written")
        assert (WRITTEN if written else REFUSED).match(words + "\n"), said[name]
        assert new == (content(f"{name} {serial}") if written else old), f"{name}: dd and the image disagree"
        read = base64.b64decode(read)
        assert read == new or b"Invalid exchange" in read, read
        may[name] = ("r" if read == new else "") + ("w" if written else "")
    return may


def rights(readable, **granted):
    """What access() should say: as named, and `readable` for the other paths."""
    return {name: granted.get(name, readable) for name in ("a1", "a2", "b1", "b2")}


def write_refused(host, device, block, tell):
    """A fenced host's dd: it fails, and the block is what it was, through the other host and in the image."""
    before = image_read(block)
    result = labapi.exec(host, ["dd", f"of={device}", *DD.split(), f"seek={block}"], LIMIT, content(f"{host} is fenced"))
    text = result.err.decode()
    other = next(name for name in HOSTS if name != host)
    seen = labapi.exec(other, ["dd", f"if={device}", "bs=512", "count=1", f"skip={block}", "iflag=direct", "status=none"], LIMIT)
    after = image_read(block)
    tell(f"{host}, fenced, {device}: exit {result.rc}, {text.splitlines()[0]!r}; block {block} holds {after.strip(bytes(1) + b' ').decode()!r}")
    assert (result.rc, seen.rc) == (1, 0) and REFUSED.fullmatch(text), (text, seen)
    assert seen.out == after == before


def write_done(host, device, block, tell):
    """The same of a host that may."""
    text = f"{host} {next(serials)}"
    result = labapi.exec(host, ["dd", f"of={device}", *DD.split(), f"seek={block}"], LIMIT, content(text))
    assert result.rc == 0 and image_read(block) == content(text), result
    tell(f"{host}, {device}: block {block} holds {text!r}")
