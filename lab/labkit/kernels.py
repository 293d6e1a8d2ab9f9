# SPDX-License-Identifier: GPL-2.0-only
"""Debian's kernels, unpacked into the cache; nothing is installed on the host. (The debug kernel: uml.py.)

    CACHE/RELEASE/boot/vmlinuz-RELEASE      as Debian has it
    CACHE/RELEASE/boot/vmlinux-RELEASE      the same, uncompressed: an emulated CPU takes seconds for that
    CACHE/RELEASE/lib/modules/RELEASE/      (after depmod)
"""

import lzma
import os
import pathlib
import re
import shutil
import struct
import tempfile
import typing
import zlib

from . import packages
from .process import run_tool
from .settings import LabError


class Kernel(typing.NamedTuple):
    """What a guest needs of a kernel."""
    release: str
    image: pathlib.Path
    modules: pathlib.Path
    machine: str = "qemu"               # what runs it: qemu, or uml, which is itself a program


def restored(words):
    """A Kernel from what the state directory keeps of it."""
    return Kernel(words[0], pathlib.Path(words[1]), pathlib.Path(words[2]), words[3])


def package_for(kind):
    """The Debian package of a --kernel value. `stock` is what the meta-package depends on."""
    if kind in ("stock", "6.1"):
        text = run_tool(["apt-cache", "depends", "linux-image-amd64"], check=False).stdout
        found = re.findall(r"Depends: (linux-image-\S+-amd64)\s", text)
        if not found or (kind == "6.1" and not found[0].startswith("linux-image-6.1.")):
            raise LabError(f"apt-cache knows no kernel for `{kind}` (linux-image-amd64 depends on: {found}); run: apt-get update")
        return found[0]
    escaped = re.escape(kind)
    text = run_tool(["apt-cache", "search", "--names-only", f"^linux-image-{escaped}[.].*-amd64(-unsigned)?$"]).stdout
    names = [line.split()[0] for line in text.splitlines() if line]
    names = [name for name in names if re.fullmatch(rf"linux-image-{escaped}\.[^-]*(-\d+)?-amd64(-unsigned)?", name)]
    if not names:
        raise LabError(f"apt-cache knows no linux-image-{kind}.*-amd64; add bookworm-backports or -security, run: apt-get update")
    return max(names, key=newness)


def newness(name):
    """Order of package names: by numbers; of equal ones the signed package, which is what users boot."""
    return [int(number) for number in re.findall(r"\d+", name.removesuffix("-unsigned"))], not name.endswith("-unsigned")


def release_of(package):
    return package.removeprefix("linux-image-").removesuffix("-unsigned")


def prepare(kind, say):
    """The kernel of this kind, fetched into the cache if it is not there."""
    package = package_for(kind)
    with packages.locked_cache() as cache:
        target = cache / release_of(package)
        if not target.exists():
            say(f"kernel: fetching {package} into {target}")
            unpack(package, cache, target)
    release = target.name
    image = target / "boot" / f"vmlinux-{release}"
    if not image.exists():
        image = image.with_name(f"vmlinuz-{release}")       # of a compression that Python does not know
    return Kernel(release, image, target / "lib" / "modules" / release)


def uncompress(source, target):
    """Write the ELF file inside a bzImage: QEMU boots that too. Nothing is written if it is not xz or gzip.

    The offsets are those of the kernel's boot protocol (Documentation/x86/boot.rst): setup_sects,
    payload_offset, payload_length.
    """
    data = source.read_bytes()
    start, length = struct.unpack_from("<II", data, 0x248)
    start += (data[0x1f1] + 1) * 512
    payload = data[start:start + length]
    if payload.startswith(b"\xfd7zXZ"):
        target.write_bytes(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload))
    elif payload.startswith(b"\x1f\x8b"):
        target.write_bytes(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(payload))


def unpack(package, cache, target):
    """Download and unpack; the directory gets its name only when it is complete."""
    with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as place:
        tree = pathlib.Path(place) / "tree"
        packages.unpack(package, place, tree)
        run_tool(["depmod", "-b", tree, target.name])
        boot = tree / "boot"
        uncompress(boot / f"vmlinuz-{target.name}", boot / f"vmlinux-{target.name}")
        shutil.rmtree(tree / "usr", ignore_errors=True)
        os.rename(tree, target)
