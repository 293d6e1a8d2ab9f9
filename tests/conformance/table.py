#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes doc/conformance.md of the suite's list and of the results in pr.json and lio.json.

    tests/conformance/table.py PROGRAM            write it
    tests/conformance/table.py --check PROGRAM    exit 1 if it is not up to date, or if a result is missing
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DOC = HERE.parents[1] / "doc/conformance.md"

GROUPS = {
    "register": "Registering", "generation": "PRGENERATION", "reserve": "RESERVE", "release": "RELEASE",
    "unregister": "Unregistering and the reservation", "clear": "CLEAR", "preempt": "PREEMPT",
    "preempt-abort": "PREEMPT AND ABORT", "in": "PERSISTENT RESERVE IN", "lists": "Parameter lists",
    "ua": "Unit attentions", "nexus": "I_T nexuses", "cluster": "Cluster software", "spec": "SPEC_I_PT",
    "all-ports": "ALL_TG_PT", "move": "REGISTER AND MOVE", "spc2": "SPC-2 reservations",
    "crh": "SPC-2 commands under a persistent reservation",
}

HEAD = """# Conformance

What `tests/conformance` asserts, a row for each case: exact status, sense key, ASC and ASCQ, every byte of data, and
that no unit attention comes that is not named. It is written in C on libiscsi, from the standards, and shares no code
with the rest. `make conformance` runs it on two real gateways: on the first, on the second, and across, where the
nexuses take turns; `make conformance TARGET=lio` runs it on the stock target of Debian 12's kernel, with two target
ports of one machine. `tests/conformance/run.py --help` tells how to run a part of it.

"Ours" is all three runs together; cases with two target ports are skipped on a single gateway. "LIO" is the stock
target; where it differs, the last column says in what. "Defect" names what the case keeps from happening here: a
defect seen in another implementation (L: LIO, S: SCST, P: SPDK's SCSI target, N: SPDK's NVMe target), as numbered in
the project's notes. [commands.md](commands.md) shows the rules for every command. This file is made by
`tests/conformance/table.py`; do not edit it.
"""


def cases(program):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([program, "--list", "--json", file.name], check=True, stdout=subprocess.DEVNULL)
        return json.loads(pathlib.Path(file.name).read_text(encoding="utf-8"))["cases"]


def results(target):
    return json.loads((HERE / f"{target}.json").read_text(encoding="utf-8"))


def cell(verdict):
    return {"pass": "pass", "FAIL": "**differs**", "skip": "-"}.get(verdict, "not run")


def totals(which, result, known):
    verdicts = [result["cases"].get(case["name"]) for case in known]
    runs = "; ".join(f"{name}: {run['asserts']} asserts, {run['failed_asserts']} failed"
                     for name, run in result["runs"].items())
    return (f"| {which} | {verdicts.count('pass')} | {verdicts.count('FAIL')} | {verdicts.count('skip')} | {runs} |\n")


def rows(known, ours, lio):
    text = "| case | clause | defect | ours | LIO | LIO ... |\n|---|---|---|---|---|---|\n"
    for case in known:
        name = case["name"]
        differs = lio["cases"].get(name) == "FAIL"
        text += (f"| {name.split('.', 1)[1]} | {case['clause']} | {case['defect']} | {cell(ours['cases'].get(name))} | "
                 f"{cell(lio['cases'].get(name))} | {case['why'] if differs else ''} |\n")
    return text


def conflict_cell(result, names):
    wrong = [name.rsplit(".", 1)[1] for name in names if result["cases"].get(name) != "pass"]
    return "pass" if not wrong else "**differs**" if len(wrong) == len(names) else "**differs**: " + ", ".join(wrong)


def conflict_rows(known, ours, lio):
    text = ("Each command under each of the six types, from an unregistered nexus of either gateway, from a registrant, and "
            "from the holder;\na difference names the types, as `we` for Write Exclusive.\n\n"
            "| command | clause | ours | LIO | LIO ... |\n|---|---|---|---|---|\n")
    commands = {}
    for case in known:
        commands.setdefault(case["name"].split(".")[1], []).append(case)
    for command, of_types in commands.items():
        names = [case["name"] for case in of_types]
        theirs = conflict_cell(lio, names)
        text += (f"| {command} | {of_types[0]['clause']} | {conflict_cell(ours, names)} | {theirs} | "
                 f"{of_types[0]['why'] if theirs != 'pass' else ''} |\n")
    return text


def document(known, ours, lio):
    text = HEAD + "\n| | pass | differ | skipped | |\n|---|---|---|---|---|\n"
    text += totals("ours", ours, known) + totals("LIO", lio, known)
    for group, title in GROUPS.items():
        text += f"\n## {title}\n\n" + rows([c for c in known if c["name"].split(".")[0] == group], ours, lio)
    text += "\n## The conflict table\n\n" + conflict_rows([c for c in known if c["name"].startswith("conflict.")], ours, lio)
    return text


def problems(known, ours, lio):
    names = {case["name"] for case in known}
    for target, result in (("pr", ours), ("lio", lio)):
        for name in sorted(names ^ set(result["cases"])):
            yield f"{target}.json and the suite differ in {name}: run `make conformance` with CONFORMANCE=--keep"
    for case in known:
        if case["name"].split(".")[0] not in {*GROUPS, "conflict"}:
            yield f"no title for the group of {case['name']}"
        if lio["cases"].get(case["name"]) == "FAIL" and not case["why"]:
            yield f"{case['name']}: stock LIO differs, and the case does not say why"


def main():
    check = sys.argv[1:2] == ["--check"]
    if len(sys.argv) != 2 + check or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    known, ours, lio = cases(sys.argv[-1]), results("pr"), results("lio")
    before = DOC.read_text(encoding="utf-8") if DOC.exists() else ""
    after = document(known, ours, lio)
    found = list(problems(known, ours, lio))
    if check and after != before:
        found.append(f"{DOC.name} is not what table.py makes of the results: run tests/conformance/table.py {sys.argv[-1]}")
    print(*found, sep="\n", end="\n" if found else "")
    if not check:
        DOC.write_text(after, encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
