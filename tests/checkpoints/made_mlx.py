"""Runs MLX (PyPI mlx 0.32.4, on the processor) and saves what it makes as mlx-lm does."""
import json
import os

import mlx.core as mx
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
mx.random.seed(12)
tensors, expected, own = {}, {}, {}
for bits, group in ((2, 32), (3, 64), (4, 64), (5, 64), (6, 32), (8, 128)):
    layer = f"model.layers.0.b{bits}"
    # A text model inside another: its tensors have a prefix that its settings lack.
    name = f"language_model.{layer}" if bits == 6 else layer
    weight = mx.random.normal((8, 128)).astype(mx.float16)
    packed, scales, biases = mx.quantize(weight, group_size=group, bits=bits)
    for part, value in (("weight", packed), ("scales", scales), ("biases", biases)):
        tensors[f"{name}.{part}"] = files.tensor(np.array(value))
    # In f32, so that only what lowbit rounds too is rounded.
    wide = (value.astype(mx.float32) for value in (scales, biases))
    expected[name] = files.tensor(np.array(mx.dequantize(packed, *wide, group_size=group, bits=bits)))
    if (bits, group) != (4, 64):
        own[layer] = {"bits": bits, "group_size": group}
path = os.path.join(HERE, "mlx_quantization_config")
os.makedirs(path, exist_ok=True)
with open(path + "/config.json", "w") as out:
    json.dump({"model_type": "llama", "quantization_config": {"group_size": 64, "bits": 4, **own}}, out)
    out.write("\n")
files.write(path + "/model.safetensors", tensors, {"format": "mlx"})
files.write(path + "/expected.safetensors", expected, {"method": "mlx", "tool": "mlx 0.32.4"})
