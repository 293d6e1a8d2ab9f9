# SPDX-License-Identifier: GPL-2.0-only
"""The module built so that its allocations can fail one by one (failalloc/), and what fails them."""

import re
import subprocess
import time

from gateways import REPO, labapi

SOURCES = REPO / "tests/lab/failalloc"
PLACE = REPO / "build" / "kfail"
FAIL_MODULE, PR_MODULE = PLACE / "fail/tpr_fail.ko", PLACE / "pr/tcmu_pr.ko"
ANSWER_SECONDS = 60
# A process for each word would take a good part of the time that it all takes.
LOOP = """
cd /sys/module/tpr_fail/parameters
while read -r word; do
	read -r left <fresh
	echo $word >fresh
	echo "$left"
done
"""


def build(release):
    """tpr_fail.ko, and tcmu_pr.ko with tpr_fail.h in every file, against the debug kernel."""
    from labkit import uml
    tree = uml.place_of(labapi.settings.cache_directory()) / "build"
    for name, sources in (("fail", SOURCES), ("pr", REPO / "build" / f"kmod-{release}")):
        (PLACE / name).mkdir(parents=True, exist_ok=True)
        for source in [*sources.glob("*.[ch]"), *sources.glob("*.def"), sources / "Kbuild"]:
            if not source.name.endswith(".mod.c"):
                link = PLACE / name / source.name
                link.unlink(missing_ok=True)
                link.symlink_to(source.resolve())
    make = [*uml.MAKE, "-j2", "-C", str(tree)]
    subprocess.run([*make, f"M={PLACE}/fail", "modules"], check=True, stdout=subprocess.DEVNULL)
    flags = [f"CFLAGS_{path.stem}.o=-include {SOURCES}/tpr_fail.h" for path in (REPO / "kernel").glob("*.c")]    # core/ allocates nothing
    subprocess.run([*make, f"M={PLACE}/pr", *flags, f"KBUILD_EXTRA_SYMBOLS={PLACE}/fail/Module.symvers", "modules"],
                   check=True, stdout=subprocess.DEVNULL)


class Switch:
    """tpr_fail.ko's, in a gateway; with `with`."""

    def __init__(self, gateway):
        self.command = labapi.start(gateway, ["sh", "-c", LOOP])

    def __enter__(self):
        self.command.__enter__()
        return self

    def __exit__(self, *_):
        self.command.__exit__()

    def _turn(self, number):
        """What it was until now."""
        self.command.give_input(b"%d\n" % number)
        out, deadline = bytearray(), time.monotonic() + ANSWER_SECONDS
        while not out.endswith(b"\n"):
            assert self.command.step(out.extend, out.extend) and time.monotonic() < deadline, out
        return int(out)

    def arm(self):
        """The next allocation fails that comes by a path by which none has failed."""
        self._turn(1)

    def disarm(self):
        """True if one has failed."""
        return self._turn(0) == 0

    def each(self, do, before=lambda: None, after=lambda: None, limit=40):
        """Do it until no allocation of it fails for the first time; how many did."""
        for failed in range(limit):
            before()
            self.arm()
            do()
            fired = self.disarm()
            after()
            if not fired:
                return failed
        raise AssertionError(f"after {limit} failures there are still more")


def sites():
    """FILE:LINE of every allocation in the module's sources."""
    pattern = re.compile(r"\b(kmalloc|kzalloc|kcalloc|kvmalloc|kvzalloc|kmemdup|kstrdup|get_zeroed_page|genlmsg_new|alloc_workqueue|"
                         r"ida_alloc|init_srcu_struct)\(")
    return {f"{path.name}:{number}" for path in (REPO / "kernel").glob("*.c")
            for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1)
            if pattern.search(line) and not line.lstrip().startswith("*")}


def without(failed):
    """The sites at which nothing has failed. A call that goes over lines counts as one of them."""
    def nearby(site):
        name, _, line = site.partition(":")
        return {f"{name}:{int(line) + more}" for more in range(3)}
    return sorted(site for site in sites() if failed.isdisjoint(nearby(site)))
