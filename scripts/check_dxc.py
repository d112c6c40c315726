#!/usr/bin/env python3
"""Compiles HLSL with DXC, as wgpu does on DirectX 12: scripts/check_dxc.py LIBRARY FOLDER

LIBRARY is a libdxcompiler.so with the COM layout of DXC 1.7 (PyPI's compushady 0.17.5 has one); FOLDER has files
NAME.PROFILE.hlsl, where PROFILE names a shader model (cs_6_7). It compiles every file, on all cores, and prints the
failures; any failure makes the exit code 1. ./test dxc fetches the library and writes the files.
"""

import ctypes
import os
import re
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMPILER_CLASS = uuid.UUID("73e22d93-e6ce-47f3-b5bf-f0664f39c1b0").bytes_le
COMPILER = uuid.UUID("228b4687-5a6a-4730-900c-9702b2203f54").bytes_le
RESULT = uuid.UUID("58346cda-dde7-4497-9461-6f87af5e0659").bytes_le
UTF8 = 65001
# DXC prints this for every shader where DXIL.dll is missing, which exists only for Windows.
UNSIGNED = "warning: DXIL.dll not found.  Resulting DXIL will not be signed for use in release environments."

# Indices into the vtables. Off Windows two destructors follow AddRef and Release.
RELEASE = 2
COMPILE = 5  # IDxcCompiler3
STATUS, OBJECT, ERRORS = 5, 6, 7  # IDxcResult
POINTER, SIZE = 5, 6  # IDxcBlob


class Buffer(ctypes.Structure):
    _fields_ = [("pointer", ctypes.c_char_p), ("size", ctypes.c_size_t), ("encoding", ctypes.c_uint32)]


def call(this, place, result, *arguments):
    """Calls a method of a COM object; arguments are ctypes values."""
    table = ctypes.cast(this, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
    kind = ctypes.CFUNCTYPE(result, ctypes.c_void_p, *map(type, arguments))
    return kind(table[place])(this, *arguments)


def succeeded(what, code):
    if code < 0:
        raise OSError(f"{what}: HRESULT {code & 0xFFFFFFFF:#010x}")


def blob(result, place):
    """The bytes of one blob of a result."""
    found = ctypes.c_void_p()
    succeeded("blob of a result", call(result, place, ctypes.c_int32, ctypes.pointer(found)))
    if not found:
        return b""
    size = call(found, SIZE, ctypes.c_size_t)
    content = ctypes.string_at(call(found, POINTER, ctypes.c_void_p), size)
    call(found, RELEASE, ctypes.c_uint32)
    return content


class Compiler:
    """One for each thread: only one thread at a time may use a compiler of DXC."""

    def __init__(self, library):
        self.this = ctypes.c_void_p()
        create = library.DxcCreateInstance
        create.restype = ctypes.c_int32
        succeeded("DxcCreateInstance", create(COMPILER_CLASS, COMPILER, ctypes.byref(self.this)))

    def compile(self, text, profile):
        """DXC's errors; empty if it compiles."""
        # As in wgpu-hal 30.0.1, dx12/shader_compilation.rs. `Gpu` asks for f16 wherever the shader model has it.
        arguments = ["-E", "main", "-T", profile, "-HV", "2018", "-no-warnings", "-Ges"]
        if profile >= "cs_6_2":
            arguments.append("-enable-16bit-types")
        listed = (ctypes.c_wchar_p * len(arguments))(*arguments)
        source = Buffer(text, len(text), UTF8)
        result = ctypes.c_void_p()
        code = call(
            self.this, COMPILE, ctypes.c_int32,
            ctypes.pointer(source), listed, ctypes.c_uint32(len(arguments)), ctypes.c_void_p(),
            ctypes.c_char_p(RESULT), ctypes.pointer(result),
        )  # fmt: skip
        succeeded("IDxcCompiler3::Compile", code)
        status = ctypes.c_int32()
        succeeded("IDxcResult::GetStatus", call(result, STATUS, ctypes.c_int32, ctypes.pointer(status)))
        # As in wgpu, any message is a failure.
        errors = blob(result, ERRORS).rstrip(b"\0").decode(errors="replace")
        errors = "\n".join(line for line in errors.splitlines() if line != UNSIGNED)
        if not errors and status.value < 0:
            errors = f"fails without a word, HRESULT {status.value & 0xFFFFFFFF:#010x}"
        if not errors and not blob(result, OBJECT).startswith(b"DXBC"):
            errors = "makes no DXIL container"
        call(result, RELEASE, ctypes.c_uint32)
        return errors


# DXC must refuse this, or it checks nothing: an argument without a semantic, as naga writes subgroup_size in a struct.
UNSET = b"""struct Lanes { uint size; };
RWByteAddressBuffer y : register(u0);
[numthreads(8, 1, 1)] void main(Lanes lanes) { y.Store(0, lanes.size); }
"""

# A bug of DXC until May 2025 (microsoft/DirectXShaderCompiler#7400): a literal as the third argument selects a 64-bit
# overload, which does not exist. naga writes that literal (gfx-rs/wgpu#7651).
LITERAL = re.compile(rb"(dot4add_[iu]8packed\([^()]*), 0\)")
TYPED = rb"\1, int(0))"
PRODUCT = b"""RWByteAddressBuffer y : register(u0);
[numthreads(8, 1, 1)] void main(uint i : SV_GroupIndex) { y.Store(4 * i, uint(dot4add_i8packed(y.Load(0), y.Load(4), 0))); }
"""


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    library = ctypes.CDLL(sys.argv[1])
    # The longest first, so that no core is left with a long one at the end.
    files = sorted(Path(sys.argv[2]).glob("*.hlsl"), key=lambda file: file.stat().st_size, reverse=True)
    if not files:
        sys.exit(f"{sys.argv[2]}: no *.hlsl")
    own = threading.local()

    def check(text, profile):
        if not hasattr(own, "compiler"):
            own.compiler = Compiler(library)
        return own.compiler.compile(text, profile)

    if not check(UNSET, "cs_6_0"):
        sys.exit("DXC takes an argument that nothing sets: it checks nothing")
    faulty = bool(check(PRODUCT, "cs_6_4"))
    typed = []

    def check_file(file):
        text = file.read_bytes()
        if faulty and LITERAL.search(text):
            typed.append(file.name)
            text = LITERAL.sub(TYPED, text)
        return file.name, check(text, file.suffixes[-2][1:])

    start = time.monotonic()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        failures = [(name, errors) for name, errors in pool.map(check_file, files) if errors]
    for name, errors in failures:
        print(f"{name}: {errors}", file=sys.stderr)
    print(f"{len(files)} shaders, {len(failures)} refused by DXC, {time.monotonic() - start:.0f} s")
    if typed:
        print(f"of {len(typed)} the literal that this DXC cannot take, as newer ones can, was given a type (DXC #7400)")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
