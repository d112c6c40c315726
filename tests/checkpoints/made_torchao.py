"""Layers as torchao 0.18 saves them in safetensors (prototype/safetensors): parts of a weight, and in the metadata
of the file the class that they are of. Int4Tensor, whose kernels need a GPU: weight = scale * code + zero_point, as
mslk's int4_row_quantize_zp makes them."""
import json
import os

import ml_dtypes
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(16)
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
FP4 = np.concatenate([FP4, -FP4])


def model(name, kind, attributes, parts, expected=None, refused=None):
    says = {"_type": kind, "_data": attributes, "_tensor_data_names": list(parts)}
    config = {"quantization_config": {"quant_method": "torchao", "quant_type": {"default": {"_type": kind}}}}
    tensors = {f"m.l._weight_{part}": part_of if isinstance(part_of, tuple) else files.tensor(part_of)
               for part, part_of in parts.items()}
    folder = f"{HERE}/refused_torchao_{name}" if refused else f"{HERE}/torchao_{name}"
    metadata = {"format": "pt", "tensor_names": json.dumps(["m.l.weight"]), "m.l.weight": json.dumps(says)}
    files.folder(folder, config, tensors, expected, {"method": "torchao", "tool": "torchao 0.18"}, refused, metadata)


def scales(*shape, kind=np.float32):
    """Of three significant bits, so that weights fit 16 bits."""
    return (rng.integers(4, 8, shape) * 2.0 ** -rng.integers(2, 5, shape)).astype(kind)


weight = rng.standard_normal((16, 64)).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
scale = scales(16, 1)
model("float8", "Float8Tensor", {"block_size": [1, 64]}, {"qdata": weight, "scale": scale},
      {"m.l": weight.astype(np.float32) * scale})
codes = rng.integers(-128, 128, (16, 64)).astype(np.int8)
model("int8", "Int8Tensor", {"block_size": [1, 64]}, {"qdata": codes, "scale": scale}, {"m.l": codes * scale})

codes = rng.integers(-8, 8, (16, 64))
scale, zero = scales(2, 16, kind=ml_dtypes.bfloat16), scales(2, 16, kind=ml_dtypes.bfloat16)
value = codes * np.repeat(scale.astype(np.float32), 32, 0).T + np.repeat(zero.astype(np.float32), 32, 0).T
inputs = scales(64, kind=ml_dtypes.bfloat16)
x = rng.standard_normal((2, 64)).astype(np.float32)
y = (x * inputs.astype(np.float32)).astype(np.float64) @ value.T
packed = (codes[:, ::2] & 15 | (codes[:, 1::2] & 15) << 4).astype(np.uint8)
int4 = {"block_size": [1, 32], "shape": [16, 64]}
parts = {"qdata": packed, "scale": scale, "zero_point": zero}
model("int4", "Int4Tensor", int4, parts, {"m.l": value})
model("int4_awq", "Int4Tensor", int4, {**parts, "act_pre_scale": inputs}, {"m.l.x": x, "m.l.y": y.astype(np.float32)})

codes = rng.integers(0, 16, (8, 64))
pairs = (codes[:, ::2] | codes[:, 1::2] << 4).astype(np.uint8)
power = rng.integers(118, 124, (8, 2)).astype(np.uint8)
mx = {"elem_dtype": "torch.float4_e2m1fn_x2", "block_size": 32, "is_swizzled_scales": False}
parts = {"qdata": pairs, "scale": files.tensor(power, "F8_E8M0")}
model("mxfp4", "MXTensor", mx, parts, {"m.l": FP4[codes] * np.repeat(np.exp2(power.astype(np.float32) - 127), 32, 1)})
small, whole = scales(8, 4, kind=ml_dtypes.float8_e4m3fn), np.float32(0.25)
parts = {"qdata": pairs, "scale": small, "per_tensor_scale": whole}
nvfp4 = {"block_size": 16, "is_swizzled_scales": False}
model("nvfp4", "NVFP4Tensor", nvfp4, parts, {"m.l": FP4[codes] * (np.repeat(small.astype(np.float32), 16, 1) * whole)})

model("swizzled", "NVFP4Tensor", {**nvfp4, "is_swizzled_scales": True}, parts, refused=["m.l", "is_swizzled_scales"])
model("tile_packed", "Int4TilePackedTo4dTensor", {}, parts, refused=["Int4TilePackedTo4dTensor", "Int4Tensor"])
