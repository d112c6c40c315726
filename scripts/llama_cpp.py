"""llama.cpp for scripts: tools on the PATH, or Debian sid's package in a chroot tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MIRROR = "http://deb.debian.org/debian"


def quantize_binary():
    """The example `quantize`, built now unless LOWBIT_QUANTIZE names one."""
    if named := os.environ.get("LOWBIT_QUANTIZE"):
        return Path(named).resolve()
    subprocess.run(["cargo", "build", "--release", "--example", "quantize"], cwd=ROOT, check=True)
    return TARGET / "release/examples/quantize"


def tree(*packages):
    """A tree of Debian sid with these packages: LOWBIT_LLAMA_TREE, or one in the target folder, made by debootstrap
    (or out of the tree that LOWBIT_SID names) and kept. Takes root and a Debian."""
    named = os.environ.get("LOWBIT_LLAMA_TREE")
    place = Path(named or TARGET / "sid-llama")
    missing = [p for p in packages if not (place / "var/lib/dpkg/info" / f"{p}.list").exists()]
    missing = [p for p in missing if not list((place / "var/lib/dpkg/info").glob(f"{p}:*.list"))]
    if not missing:
        return place
    if named and not place.exists():
        sys.exit(f"LOWBIT_LLAMA_TREE={named} is no folder")
    if os.geteuid():
        sys.exit(f"{place} lacks {' '.join(missing)}: only root may make it, and chroot into it")
    if not place.exists():
        part = Path(f"{place}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        base = os.environ.get("LOWBIT_SID")
        command = ["cp", "-a", base, part] if base else ["debootstrap", "--variant=minbase", "sid", part, MIRROR]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        part.rename(place)
    shutil.copy("/etc/resolv.conf", place / "etc/resolv.conf")
    # A clock that runs ahead of the mirror is no reason to stop.
    apt = "apt-get -qy -o Acquire::Check-Valid-Until=false"
    install = f"{apt} update && DEBIAN_FRONTEND=noninteractive {apt} install --no-install-recommends {' '.join(missing)}"
    subprocess.run(["chroot", place, "sh", "-c", install], check=True, stdout=subprocess.DEVNULL)
    return place


class Tool:
    """A tool of llama.cpp, which sees `folder` under the same name as this process does."""

    def __init__(self, name):
        self.name = name
        self.found = os.environ.get(name.upper().replace("-", "_")) or shutil.which(name)
        self.prefix = "" if self.found else str(tree("llama.cpp-tools"))

    def folder(self, name):
        """An empty folder that both see, and its name for the tool."""
        inside = f"/tmp/lowbit-{os.getpid()}-{name}"
        outside = Path(self.prefix + inside)
        shutil.rmtree(outside, ignore_errors=True)
        outside.mkdir(parents=True)
        return outside, inside

    def run(self, *args, inside="/"):
        """The exit code and what is said, run in a folder, so that names of files are the same for both."""
        if self.prefix:
            command, here = ["chroot", self.prefix, "env", "-C", inside, self.name], None
        else:
            command, here = [self.found], inside
        done = subprocess.run([*command, *map(str, args)], cwd=here, capture_output=True, text=True, errors="replace")
        return done.returncode, done.stdout + done.stderr
