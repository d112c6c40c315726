"""llama.cpp for scripts: tools on the PATH, or Debian sid's package in a chroot tree."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def quantize_binary():
    """The example `quantize`, built now unless LOWBIT_QUANTIZE names one."""
    if named := os.environ.get("LOWBIT_QUANTIZE"):
        return Path(named).resolve()
    subprocess.run(["cargo", "build", "--release", "--example", "quantize"], cwd=ROOT, check=True)
    return TARGET / "release/examples/quantize"


def tree(*packages):
    """The tree of Debian sid (see scripts/sid), with these packages. Takes root and a Debian."""
    made = subprocess.run([ROOT / "scripts/sid", "need", *packages], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        sys.exit(made.returncode)
    return Path(made.stdout.strip())


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
        """The exit code and the output of a run in `inside`, so that file names are the same for both tools."""
        if self.prefix:
            command, here = [ROOT / "scripts/sid", "run", inside, self.name], None
        else:
            command, here = [self.found], inside
        done = subprocess.run([*command, *map(str, args)], cwd=here, capture_output=True, text=True, errors="replace")
        return done.returncode, done.stdout + done.stderr
