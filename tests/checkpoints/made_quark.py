"""Layers as AMD's Quark 0.13 exports them (torch/utils/pack.py): 8-bit floats of a tensor, rows or blocks, bytes,
MXFP4, and 4 bits of groups in words of eight outputs, in AWQ's order ("reorder") or their own ("order")."""
import os

import ml_dtypes
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(15)
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
FP4 = np.concatenate([FP4, -FP4])


def model(name, weight, tensors, value, pack_method="reorder", layers=None):
    config = {"quant_method": "quark", "export": {"pack_method": pack_method, "weight_format": "real_quantized"},
              "global_quant_config": {"weight": weight}, "layer_quant_config": layers or {}}
    tensors = {f"m.l.{part}": files.tensor(array) for part, array in tensors.items()}
    files.folder(f"{HERE}/quark_{name}", {"quantization_config": config}, tensors, {"m.l": value},
                 {"method": "quark", "tool": "quark 0.13"})


def scales(*shape):
    """Three significant bits, so that weights fit 16 bits."""
    return (rng.integers(4, 8, shape) * 2.0 ** -rng.integers(7, 10, shape)).astype(ml_dtypes.bfloat16)


weight = rng.standard_normal((16, 64)).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
scale = scales(16)
model("ptpc_fp8", {"dtype": "fp8_e4m3", "qscheme": "per_channel"}, {"weight": weight, "weight_scale": scale},
      weight.astype(np.float32) * scale.astype(np.float32)[:, None])
scale = scales(2, 4)
model("fp8_blocks", {"dtype": "fp8_e4m3", "qscheme": "per_block", "block_size": [8, 16]},
      {"weight": weight, "weight_scale": scale},
      weight.astype(np.float32) * np.repeat(np.repeat(scale.astype(np.float32), 8, 0), 16, 1))
codes = rng.integers(-128, 128, (16, 64)).astype(np.int8)
scale = scales(16)
model("int8", {"dtype": "int8", "qscheme": "per_channel"}, {"weight": codes, "weight_scale": scale},
      codes * scale.astype(np.float32)[:, None])
codes = rng.integers(0, 16, (8, 64))
power = rng.integers(118, 124, (8, 2)).astype(np.uint8)
model("mxfp4", {"dtype": "fp4", "qscheme": "per_group", "group_size": 32, "scale_format": "e8m0"},
      {"weight": (codes[:, ::2] | codes[:, 1::2] << 4).astype(np.uint8), "weight_scale": power},
      FP4[codes] * np.repeat(np.exp2(power.astype(np.float32) - 127), 32, 1))


def words(fields, order):
    return sum((fields[:, o::8] & 15).astype(np.uint32) << np.uint32(4 * i) for i, o in enumerate(order)).view(np.int32)


for dtype, pack_method in (("uint4", "reorder"), ("uint4", "order"), ("int4", "reorder")):
    order = [0, 2, 4, 6, 1, 3, 5, 7] if pack_method == "reorder" else range(8)
    low = -8 if dtype == "int4" else 0
    codes = rng.integers(low, low + 16, (64, 16))
    zero = np.zeros((2, 16), np.int64) if low else rng.integers(0, 16, (2, 16))
    scale = scales(2, 16)
    value = (codes - np.repeat(zero, 32, 0)) * np.repeat(scale.astype(np.float32), 32, 0)
    parts = {"weight": words(codes, order), "weight_scale": scale, "weight_zero_point": words(zero, order)}
    model(f"{dtype}_{pack_method}", {"dtype": dtype, "qscheme": "per_group", "group_size": 32}, parts, value.T,
          pack_method)
