"""Reads a file that lowbit wrote with the reference reader, and writes it again with the reference
writer: the bytes must be equal. Not a part of `./test`, since it takes packages from PyPI.

    cargo test --release --test gguf
    python3 -m venv target/gguf_venv
    target/gguf_venv/bin/pip install gguf==0.19.0 numpy
    target/gguf_venv/bin/python tests/gguf_reference.py target/tmp/written.gguf

The file is written by `a_file_for_the_reference_reader`, under $CARGO_TARGET_DIR if that is set.
"""

import os
import sys
import tempfile

import gguf


def main(path):
    reader = gguf.GGUFReader(path)
    again = os.path.join(tempfile.mkdtemp(), "again.gguf")
    # No architecture here: it is written in its place, as a key like the others.
    writer = gguf.GGUFWriter(again, "")
    writer.kv_data[0].clear()
    keys = 0
    for name, field in reader.fields.items():
        if name.startswith("GGUF."):
            continue  # the header's own numbers
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, sub_type=sub)
        keys += 1
    # Sets the alignment of the data too, which the key does not.
    writer.data_alignment = reader.alignment
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        if tensor.tensor_type not in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.Q1_0):
            gguf.quants.dequantize(tensor.data, tensor.tensor_type)  # its shape is one it can decode
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    ours, theirs = open(path, "rb").read(), open(again, "rb").read()
    if ours != theirs:
        first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), None)
        sys.exit(f"{path}: {len(ours)} bytes, {len(theirs)} by the reference, first difference at {first}")
    print(f"{path}: {keys} keys, {len(reader.tensors)} tensors, {len(ours)} bytes, equal")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
