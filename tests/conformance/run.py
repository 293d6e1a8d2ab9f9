#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The conformance suite against a lab of its own: on gw1, on gw2, and across both; or against stock LIO.

    tests/conformance/run.py [--target pr|lio] [--build DIR] [--case PATTERN] [RUN ...]

RUN is gw1, gw2 or across; all without one. Stock LIO has no coherence between gateways, so it gets one run with
two target ports of one kernel, and its failures are a result and no error. A complete run keeps its results in
pr.json or lio.json beside this file, from which table.py makes doc/conformance.md.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]
sys.path.insert(0, str(REPO / "lab"))
sys.dont_write_bytecode = True
import labapi  # noqa: E402

RUN_SECONDS = 1500
PORT_2 = 3261
RUNS = ("gw1", "gw2", "across")
SUMMARY = re.compile(r"^(\d+) cases passed, (\d+) failed, (\d+) skipped; (\d+) asserts, (\d+) failed;.*$", re.M)
# As lab/guest/gateway makes one.
SECOND_PORT = f"""
. /lab/private/boot.env
group=/sys/kernel/config/target/iscsi/{labapi.IQN}/tpgt_2
mkdir "$group" "$group/lun/lun_0"
ln -s /sys/kernel/config/target/core/user_0/disk0 "$group/lun/lun_0/disk0"
for one in generate_node_acls=1 cache_dynamic_acls=1 demo_mode_write_protect=0 authentication=0 default_cmdsn_depth=128; do
	echo "${{one#*=}}" >"$group/attrib/${{one%=*}}"
done
mkdir "$group/np/$ADDRESS:{PORT_2}"
echo 1 >"$group/enable"
"""


def targets(target):
    """Which target ports each run uses: URLs and their relative target port identifiers."""
    first = labapi.url("gw1")
    if target == "lio":
        address = labapi.address("gw1")
        return {"ports": ([first, first.replace(address, f"{address}:{PORT_2}")], "1,2")}
    second = labapi.url("gw2")
    return {"gw1": ([first], "1"), "gw2": ([second], "2"), "across": ([first, second], "1,2")}


def run_one(options, name, urls, rtpi):
    """One run, shown as it goes; its results by case, or None if the program itself failed."""
    results = pathlib.Path(options.results) / f"{options.target}-{name}.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    argv = ["timeout", str(RUN_SECONDS), f"{options.build}/tests/conformance/conformance", "--json", str(results),
            "--rtpi", rtpi, *(["--case", options.case] if options.case else []), *urls]
    print(f"--- {options.target}: {name}", flush=True)
    output = []
    with subprocess.Popen(labapi.net_command(argv), stdout=subprocess.PIPE, text=True, errors="replace") as program:
        for line in program.stdout:
            output.append(line)
            if options.all or not line.startswith("pass"):
                print(line, end="", flush=True)
    if program.returncode not in (0, 1) or not SUMMARY.search("".join(output)) or not results.exists():
        print(f"{name}: the suite ended with {program.returncode}: 1 failed")
        return None
    return json.loads(results.read_text(encoding="utf-8"))


def keep(options, found):
    """Of all runs together: a case passes where none fails and at least one passes."""
    verdicts = {}
    for result in found.values():
        for case in result["cases"]:
            before, now = verdicts.get(case["name"]), case["result"]
            worst = "FAIL" if "FAIL" in (before, now) else "pass" if "pass" in (before, now) else now
            verdicts[case["name"]] = worst
    kept = {"runs": {name: {key: result[key] for key in ("asserts", "failed_asserts")} for name, result in found.items()},
            "cases": verdicts}
    (HERE / f"{options.target}.json").write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=("pr", "lio"), default="pr")
    parser.add_argument("--build", default=str(REPO / "build"))
    parser.add_argument("--results", default=str(REPO / "build/check/conformance"))
    parser.add_argument("--case", help="only cases whose names match this pattern")
    parser.add_argument("--all", action="store_true", help="show the cases that pass, too")
    parser.add_argument("--keep", action="store_true", help="write the results into the source tree, for table.py")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="gw1, gw2, across (default: all)")
    options = parser.parse_args()
    if set(options.runs) - set(RUNS):
        parser.error(f"RUN must be one of {', '.join(RUNS)}")
    start = time.monotonic()
    labapi.up(gateways=1 if options.target == "lio" else 2, clients=0, target=options.target)
    try:
        if options.target == "lio":
            assert labapi.exec("gw1", ["sh", "-ec", SECOND_PORT], 30).rc == 0
        chosen = {n: t for n, t in targets(options.target).items() if not options.runs or n in options.runs}
        found = {name: run_one(options, name, *target) for name, target in chosen.items()}
    finally:
        labapi.down()
    print(f"{options.target}: {', '.join(found)} in {time.monotonic() - start:.0f} s")
    complete = None not in found.values()
    if options.keep and complete and not options.case and not options.runs:
        keep(options, found)
    failed = any(case["result"] == "FAIL" for result in found.values() if result for case in result["cases"])
    return 0 if complete and (options.target == "lio" or not failed) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except labapi.LabError as error:
        sys.exit(f"conformance: {error}")
    except KeyboardInterrupt:
        os._exit(130)
