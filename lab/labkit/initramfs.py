# SPDX-License-Identifier: GPL-2.0-only
"""The initramfs of guests: busybox, lab/guest/init, and the modules that reach the root file system."""

import lzma
import shutil

from . import settings
from .settings import LabError

MODULES = ("virtio_pci", "virtio_net", "virtio_console", "9pnet_virtio", "9p", "overlay")
MODE_DIRECTORY = 0o040755
MODE_PROGRAM = 0o100755


def module_order(modules):
    """Paths of MODULES and all they depend on, each after what it needs."""
    needs, built_in = {}, set()
    for line in (modules / "modules.dep").read_text(encoding="ascii").splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    for line in (modules / "modules.builtin").read_text(encoding="ascii").splitlines():
        built_in.add(module_name(line))
    by_name = {module_name(path): path for path in needs}
    order = []
    for name in MODULES:
        if name in built_in:
            continue
        if name not in by_name:
            raise LabError(f"{modules}: no module {name}")
        for path in [*reversed(needs[by_name[name]]), by_name[name]]:
            if path not in order:
                order.append(path)
    return order


def module_name(path):
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def module_bytes(path):
    """The plain module: busybox insmod unpacks nothing."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix != ".ko":
        raise LabError(f"{path}: do not know how to unpack it")
    return data


def newc(number, name, mode, data):
    """One entry of a cpio archive in the "newc" format."""
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    entry = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    entry += b"\0" * (-len(entry) % 4) + data
    return entry + b"\0" * (-len(entry) % 4)


def build(kernel, target):
    """Write the archive for this kernel."""
    order = module_order(kernel.modules) if kernel.machine == "qemu" else []       # the other has all built in
    files = [("init", (settings.REPO / "lab/guest/init").read_bytes()), ("bin/busybox", read_busybox()),
             ("modules/order", "".join(module_name(path) + "\n" for path in order).encode())]
    files += [(f"modules/{module_name(path)}", module_bytes(kernel.modules / path)) for path in order]
    entries = [(name, MODE_DIRECTORY, b"") for name in ("bin", "dev", "modules")]
    entries += [(name, MODE_PROGRAM, data) for name, data in files]
    entries.append(("TRAILER!!!", 0, b""))
    target.write_bytes(b"".join(newc(number, *entry) for number, entry in enumerate(entries, 1)))


def read_busybox():
    """The static one: a dynamic busybox would find no libraries in the initramfs."""
    place = shutil.which("busybox", path="/usr/bin:/bin")
    with open(place, "rb") as file:
        data = file.read()
    if b"/ld-linux" in data[:4096]:
        raise LabError(f"{place} is not static; install busybox-static")
    return data
