"""safetensors files in numpy, without torch: {name: (dtype, shape, bytes)}. Shared by the scripts here."""
import json
import os
import shutil
import struct

import ml_dtypes
import numpy as np

NAMES = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16, "F8_E4M3": ml_dtypes.float8_e4m3fn,
         "I64": np.int64, "I32": np.int32, "U32": np.uint32, "I16": np.int16, "I8": np.int8, "U8": np.uint8}


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    metadata = header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        tensors[name] = info["dtype"], info["shape"], data[start + begin:start + end]
    return metadata, tensors


def write(path, tensors, metadata=None):
    header = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def tensor(array, dtype=None):
    """An array as a tensor of its type, or of another name for the same bytes."""
    array = np.ascontiguousarray(array)
    own = next(name for name, kind in NAMES.items() if np.dtype(kind) == array.dtype)
    return dtype or own, array.shape, array.tobytes()


def smallest(values, rounded=None):
    """f32 values in the type that they were rounded to, or in the smallest that holds all of them."""
    values = np.asarray(values, np.float32)
    for kind in [rounded] if rounded else ["F16", "BF16"]:
        with np.errstate(over="ignore"):
            if np.array_equal(values.astype(NAMES[kind]).astype(np.float32), values):
                return tensor(values.astype(NAMES[kind]))
    return tensor(values)


def folder(path, config, tensors, expected=None, says=None, refused=None, metadata=None):
    """A folder of a test: `config` is what config.json holds, or the file to copy; `expected` are arrays, of
    weights and products, and `says` their metadata; `refused` are lines that an error must contain."""
    os.makedirs(path, exist_ok=True)
    if isinstance(config, dict):
        with open(path + "/config.json", "w") as file:
            json.dump(config, file)
    else:
        shutil.copyfile(config, path + "/config.json")
    write(path + "/model.safetensors", tensors, metadata)
    if refused:
        with open(path + "/refused.txt", "w") as file:
            file.write("".join(line + "\n" for line in refused))
    else:
        products = (".x", ".y")
        stored = {name: tensor(value) if name.endswith(products) else smallest(value) for name, value in expected.items()}
        write(path + "/expected.safetensors", stored, says)
