#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The conformance suite against a lab of its own: on gw1, on gw2, and across both; or against stock LIO.

    tests/conformance/run.py [--target pr|lio] [--store dir|rados] [--build DIR] [--case PATTERN] [RUN ...]

RUN is gw1, gw2 or across; all without one. They go on at the same time, each on a logical unit and a target of its
own: most of a run is waiting for the other gateway. Stock LIO has no coherence between gateways, so it gets one run
with two target ports of one kernel, and its failures are a result and no error. A complete run keeps its results in
pr.json or lio.json beside this file, from which table.py makes doc/conformance.md.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]
sys.path[:0] = [str(REPO / "lab"), str(REPO / "tests/lab")]
sys.dont_write_bytecode = True
# In memory: each change is synced several times, and what a loss of power leaves is not what this is about.
os.environ.setdefault("TCMU_PR_LAB", "/dev/shm/tcmu-pr-conformance")
import labapi  # noqa: E402
import store  # noqa: E402

RUN_SECONDS = 1500
PORT_2 = 3261
RUNS = ("gw1", "gw2", "across")
SUMMARY = re.compile(r"^(\d+) cases passed, (\d+) failed, (\d+) skipped; (\d+) asserts, (\d+) failed;.*$", re.M)
# As lab/guest/gateway makes them.
PORT_GROUP = f"""
. /lab/private/boot.env
configfs=/sys/kernel/config/target
port_group() {{ # TARGET NUMBER UNIT PORTAL
	group=$configfs/iscsi/$1/tpgt_$2
	mkdir -p "$configfs/iscsi/$1"
	mkdir "$group" "$group/lun/lun_0"
	ln -s "$configfs/core/user_0/$3" "$group/lun/lun_0/$3"
	for one in generate_node_acls=1 cache_dynamic_acls=1 demo_mode_write_protect=0 authentication=0 \\
		default_cmdsn_depth=128; do
		echo "${{one#*=}}" >"$group/attrib/${{one%=*}}"
	done
	[ -z "$4" ] || mkdir "$group/np/$4"
	[ -z "$4" ] || echo 1 >"$group/enable"
}}
"""
# Emulated CPUs that wait for each other cost twice the time, and here nothing is to be raced.
ONE_CPU = "for cpu in /sys/devices/system/cpu/cpu[1-9]*; do echo 0 >$cpu/online; done"
SECOND_PORT = PORT_GROUP + f'port_group "$IQN" 2 disk0 "$ADDRESS:{PORT_2}"\n'
# $1: the run that the unit is for; $2: its dev_config.
UNIT = PORT_GROUP + """
unit=$configfs/core/user_0/$1
mkdir "$unit"
echo "dev_config=$2,dev_size=$IMAGE_BYTES,hw_block_size=512" >"$unit/control"
echo "conformance-$1" >"$unit/wwn/vpd_unit_serial"
echo 1 >"$unit/enable"
for number in $(seq "$GATEWAYS"); do
	portal=
	[ "$number" != "$NUMBER" ] || portal=$ADDRESS:$PORT
	port_group "$IQN.$1" "$number" "$1" "$portal"
done
tries=300
until "$REPO/build/cli/tcmu-pr" list | grep -w "$1" | grep -qw ready; do
	tries=$((tries - 1))
	[ $tries -gt 0 ] || exit 1
	sleep 0.2
done
"""


def in_guest(gateway, script, *words):
    """Run a script in a gateway; anything but success is the end."""
    result = labapi.exec(gateway, ["sh", "-euc", script, "sh", *words], 180)
    if result.rc:
        raise labapi.LabError(f"{gateway}: {result.err.decode(errors='replace').strip()}")


def second_port():
    """Stock LIO's ports: URLs, and their relative target port identifiers."""
    in_guest("gw1", SECOND_PORT)
    first, address = labapi.url("gw1"), labapi.address("gw1")
    return [first, first.replace(address, f"{address}:{PORT_2}")], "1,2"


def unit(name):
    """A logical unit for this run behind all gateways: URLs, and the relative target port identifiers."""
    config = store.STORE.make_disk(name)
    for gateway in ("gw1", "gw2"):
        in_guest(gateway, UNIT, name, config)
    first, second = (labapi.url(gateway).replace(labapi.IQN, f"{labapi.IQN}.{name}") for gateway in ("gw1", "gw2"))
    return {"gw1": ([first], "1"), "gw2": ([second], "2"), "across": ([first, second], "1,2")}[name]


def run_one(options, name, urls, rtpi):
    """One run, what fails shown as it goes; its output and its results by case, None if the program itself failed."""
    results = pathlib.Path(options.results) / f"{options.target}-{name}.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    argv = ["timeout", str(RUN_SECONDS), f"{options.build}/tests/conformance/conformance", "--json", str(results),
            "--turns", str(results.parent / "turns"), "--rtpi", rtpi,
            *(["--case", options.case] if options.case else []), *urls]
    output = []
    with subprocess.Popen(labapi.net_command(argv), stdout=subprocess.PIPE, text=True, errors="replace") as program:
        for line in program.stdout:
            output.append(line)
            if not SUMMARY.match(line) and (options.all or not line.startswith("pass")):
                print(f"{name}: {line}", end="", flush=True)
    summary = SUMMARY.search("".join(output))
    if program.returncode not in (0, 1) or not summary or not results.exists():
        return f"{name}: the suite ended with {program.returncode}: 1 failed", None
    return summary.group(), json.loads(results.read_text(encoding="utf-8"))


def run_all(options, chosen):
    """All chosen runs at the same time; their results by name."""
    found = {}
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
        runs = {name: pool.submit(run_one, options, name, *ports) for name, ports in chosen.items()}
        for name, run in runs.items():
            summary, found[name] = run.result()
            print(f"--- {options.target}: {name}\n{summary}", flush=True)
    return found


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
    parser.add_argument("--store", choices=tuple(store.STORES), default=store.KIND)
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
    store.choose(options.store)
    gateways = ("gw1",) if options.target == "lio" else ("gw1", "gw2")
    labapi.up(gateways=len(gateways), clients=0, store=options.store, target=options.target)
    try:
        for gateway in gateways:
            in_guest(gateway, ONE_CPU)
        if options.target == "lio":
            chosen = {"ports": second_port()}
        else:
            chosen = {name: unit(name) for name in options.runs or RUNS}
        ready = time.monotonic()
        found = run_all(options, chosen)
    finally:
        labapi.down()
    print(f"{options.target}: {', '.join(found)} in {time.monotonic() - start:.0f} s, "
          f"{ready - start:.0f} s of it to bring the lab up")
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
