"""Layers of compressed-tensors that the available versions do not write (tool_compressed_tensors.py runs them), by its
formulas in numpy: short last groups, block structures as text, transforms that are refused.

made_compressed_tensors.py [FROM], where FROM is ct_quip2 of llm-compressor 0.14, cut to two layers."""
import os
import sys

import ml_dtypes
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(12)


def one(name, group, tensors, value):
    config = {"quant_method": "compressed-tensors", "quantization_status": "compressed", "ignore": ["lm_head"],
              "config_groups": {"group_0": group}}
    files.folder(f"{HERE}/compressed_tensors_{name}", {"model_type": "llama", "quantization_config": config}, tensors,
                 {"m.l": value}, {"method": "compressed-tensors", "tool": "compressed-tensors 0.20", "plain": ""})


def weights(bits, strategy, group=None, kind="int", fmt="pack-quantized", **more):
    return {"format": fmt, "targets": ["Linear"], "input_activations": None, "output_activations": None,
            "weights": {"num_bits": bits, "type": kind, "strategy": strategy, "group_size": group,
                        "symmetric": True, "dynamic": False, "actorder": None, "block_structure": None, **more}}


def scales(*shape, kind=ml_dtypes.bfloat16):
    """Three significant bits, so that weights fit 16 bits."""
    return (rng.integers(4, 8, shape) * 2.0 ** -rng.integers(7, 10, shape)).astype(kind)


def words(fields, bits):
    """Rows of fields in words of 32 bits; missing fields of a last word are 0."""
    per = 32 // bits
    fields = np.pad(fields.astype(np.uint32), ((0, 0), (0, -fields.shape[1] % per)))
    return sum(fields[:, i::per] << np.uint32(bits * i) for i in range(per)).astype(np.uint32).view(np.int32)


def packed(layer, n, k):
    """A layer of pack-quantized, 4 bits in groups of 32, and its weights."""
    codes, scale = rng.integers(-8, 8, (n, k)), scales(n, -(-k // 32))
    tensors = {"weight_packed": files.tensor(words(codes + 8, 4)), "weight_scale": files.tensor(scale),
               "weight_shape": files.tensor(np.array([n, k], np.int64))}
    return {f"{layer}.{part}": tensor for part, tensor in tensors.items()}, \
        codes * scale.astype(np.float32)[:, np.arange(k) // 32]


one("short_group", weights(4, "group", 32), *packed("m.l", 2, 4304))

# Block structures as text, as 0.11 and earlier wrote them.
floats = rng.standard_normal((160, 200)).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
scale = scales(2, 2)
whole = np.repeat(np.repeat(scale.astype(np.float32), 128, 0), 128, 1)[:160, :200]
one("fp8_block_text", weights(8, "block", kind="float", fmt="float-quantized", block_structure="128x128"),
    {"m.l.weight": files.tensor(floats), "m.l.weight_scale": files.tensor(scale)}, floats.astype(np.float32) * whole)


def hadamard(k):
    matrix = np.ones((1, 1))
    while len(matrix) < k:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def scheme(kind, **args):
    apply = {"targets": ["re:.*down$"], "ignore": [], "location": "input", "inverse": False, **args}
    return {"type": kind, "randomize": False, "head_dim": None, "requires_grad": False,
            "apply": [apply, {**apply, "location": "weight_input", "inverse": True}]}


def refused(name, scheme, lines, **stored):
    down, _ = packed("m.down", 8, 64)
    config = {"quant_method": "compressed-tensors", "config_groups": {"group_0": weights(4, "group", 32)},
              "transform_config": {"config_groups": {"R4": scheme}}}
    files.folder(f"{HERE}/refused_compressed_tensors_{name}", {"quantization_config": config}, {**down, **stored},
                 refused=lines)


signs = rng.integers(0, 2, 64) * 2.0 - 1
refused("random_matrix", scheme("random-matrix"), ["m.down", "R4", "hadamard", "random-matrix"])
refused("randomize", scheme("hadamard") | {"randomize": True}, ["m.down", "R4", "randomize"])
refused("no_matrix", scheme("random-hadamard"), ["m.down", "R4", "a stored matrix"])
refused("other_matrix", scheme("hadamard"), ["m.down", "R4", "another matrix"],
        **{"m.down.R4_input.weight": files.tensor((signs * hadamard(64)).astype(np.float32))})
refused("pattern", scheme("hadamard", targets=["re:(?!x).*"]), ["m.down", "a plain pattern", "(?!x)"])

if len(sys.argv) > 1:
    metadata, tensors = files.read(sys.argv[1] + "/model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if ".q_proj." in name or ".k_proj." in name}
    expected = {}
    for layer in ("q_proj", "k_proj"):
        layer = f"model.layers.0.self_attn.{layer}"
        fields = np.frombuffer(kept[f"{layer}.weight_packed"][2], np.uint32).reshape(-1, 16)
        codes = np.stack([fields >> np.uint32(4 * i) & 15 for i in range(8)], -1).reshape(-1, 128) - 8.0
        scale = np.frombuffer(kept[f"{layer}.weight_scale"][2], ml_dtypes.bfloat16).reshape(-1, 4)
        x = rng.standard_normal((2, 128)).astype(np.float32)
        y = x @ hadamard(128) / 128 ** 0.5 @ (codes * np.repeat(scale.astype(np.float32), 32, 1)).T
        expected |= {layer + ".x": x, layer + ".y": y.astype(np.float32)}
    files.folder(HERE + "/compressed_tensors_quip", sys.argv[1] + "/config.json", kept, expected,
                 {"method": "compressed-tensors", "tool": "llm-compressor 0.14"}, metadata=metadata)
