#!/usr/bin/env python3
"""Compares what the examples `quantize` and `inspect` write with the reference reader (gguf 0.19) and
with llama.cpp. Needs gguf and numpy; only `./test models` runs it.

    check_quantized.py types FILE.gguf MODEL PRESET [any|no|yes]
        Each tensor has the type that llama.cpp gave it in tests/gguf/presets.txt, the file names the
        preset, and everything decodes to finite numbers. MODEL: stories15M, or bert for MiniLM.
    check_quantized.py same FILE.gguf OTHER.gguf
        Both have the same tensors, of the same types, to the byte. OTHER is by llama.cpp.
    check_quantized.py llama FOLDER_OF_LIBLLAMA SOURCE.gguf PRESET OTHER.gguf [IMATRIX.gguf]
        Makes OTHER; tests/gguf_presets.py says where to get libllama.
    check_quantized.py inspect PATH_OF_INSPECT FILE.gguf [--gpu]
        `inspect --dequantize` gives the reference's numbers, bit for bit: one tensor of each type.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from gguf_presets import PRESETS, Llama, extend  # noqa: E402

TABLE = Path(__file__).resolve().parent.parent / "tests" / "gguf" / "presets.txt"
# Weights that the models of the table lack. By llama.cpp's rule, a weight without a role gets the
# preset's default type, or its fallback for k = 384.
OTHER = {"pooler.dense": {"Q4_K_S": "Q5_0", "Q4_K_M": "Q5_0", "Q8_0": "Q8_0"}}


def expected(model, preset, importance):
    """{role: types over layers}, from the table."""
    for line in TABLE.read_text().splitlines():
        fields = line.split(" | ")
        if fields[:2] == [model, preset] and fields[2] in ("any", importance):
            break
    else:
        sys.exit(f"{TABLE.name} has no {model} | {preset} | {importance}")
    roles = {}
    for group in fields[3].split("; "):
        runs, names = group.split(": ")
        types = []
        for run in runs.split():
            kind, _, count = run.partition("*")
            types += [kind] * int(count or 1)
        for name in names.split():
            roles[name] = types
    return roles


def check_types(path, model, preset, importance="any"):
    reader = gguf.GGUFReader(path)
    roles = expected(model, preset, importance)
    assert reader.fields["general.file_type"].contents() == PRESETS[preset]
    assert reader.fields["general.quantization_version"].contents() == 2
    seen, packed = set(), 0
    for tensor in reader.tensors:
        kind = tensor.tensor_type.name
        if tensor.name.endswith(".weight"):
            layered = re.fullmatch(r"blk\.(\d+)\.(.*)\.weight", tensor.name)
            layer, role = (int(layered[1]), layered[2]) if layered else (0, tensor.name[:-7])
            if role in OTHER:
                wanted = OTHER[role][preset]
            elif role not in roles and role.endswith("_norm"):
                wanted = "F32"
            else:
                types = roles[role]
                wanted = types[layer if len(types) > 1 else 0]
            assert kind == wanted, f"{tensor.name} should be {wanted}, is {kind}"
            seen.add(role)
        if not kind.startswith("I") or kind.startswith("IQ"):
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            assert np.isfinite(values).all(), f"{tensor.name} is not finite"
        packed += gguf.constants.GGML_QUANT_SIZES[tensor.tensor_type][0] > 1
    # Other models have other names for the norms of the table's model.
    missing = {role for role in roles if not role.endswith("_norm")} - seen
    assert not missing, f"no tensor is {missing}"
    print(f"{path}: {len(reader.tensors)} tensors, {packed} packed, types as {model} | {preset}, all finite")


def check_same(path, other):
    ours = {t.name: t for t in gguf.GGUFReader(path).tensors}
    theirs = {t.name: t for t in gguf.GGUFReader(other).tensors}
    assert ours.keys() == theirs.keys(), sorted(ours.keys() ^ theirs.keys())
    for name, tensor in ours.items():
        kinds = tensor.tensor_type.name, theirs[name].tensor_type.name
        assert kinds[0] == kinds[1], f"{name}: {kinds[0]}, llama.cpp has {kinds[1]}"
        a, b = (np.ascontiguousarray(t.data).view(np.uint8).ravel() for t in (tensor, theirs[name]))
        wrong = int((a != b).sum()) if len(a) == len(b) else max(len(a), len(b))
        assert not wrong, f"{name} ({kinds[0]}): {wrong} of {len(a)} bytes differ"
    print(f"{path}: {len(ours)} tensors, the same bytes as {other}")


def by_llama(folder, source, preset, out, imatrix=None):
    importance = None
    if imatrix:
        tensors = {t.name: t.data for t in gguf.GGUFReader(imatrix).tensors}
        names = [name.removesuffix(".in_sum2") for name in tensors if name.endswith(".in_sum2")]
        mean = lambda name: tensors[f"{name}.in_sum2"] / tensors[f"{name}.counts"]  # noqa: E731
        importance = {name: np.ascontiguousarray(mean(name), np.float32).ravel() for name in names}
    said = Llama(Path(folder)).quantize(source, out, PRESETS[preset], importance)
    sys.exit(f"llama.cpp: {said}") if said else print(f"{out}: {preset} by llama.cpp")


def check_inspect(binary, path, *flags):
    done = set()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.f32"
        for tensor in sorted(gguf.GGUFReader(path).tensors, key=lambda t: t.n_elements):
            kind = tensor.tensor_type.name
            if kind in done:
                continue
            done.add(kind)
            command = [binary, path, "--dequantize", tensor.name, str(out), *flags]
            told = subprocess.run(command, capture_output=True, text=True)
            if told.returncode:
                assert "does not decode" in told.stderr, f"{kind} {tensor.name}: {told.stderr.strip()}"
                print(f"{kind:8} {tensor.name}: {told.stderr.strip()}")
                continue
            got = np.fromfile(out, "<u4")
            wanted = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            wanted = np.ascontiguousarray(wanted, "<f4").view("<u4").ravel()
            assert len(got) == len(wanted), f"{tensor.name}: {len(got)} numbers, should be {len(wanted)}"
            wrong = int((got != wanted).sum())
            assert not wrong, f"{kind} {tensor.name}: {wrong} of {len(got)} numbers differ"
            print(f"{kind:8} {tensor.name}: {len(got)} numbers, bit for bit")


def main():
    checks = {"types": check_types, "same": check_same, "llama": by_llama, "inspect": check_inspect}
    if len(sys.argv) < 4 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    extend()
    checks[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
