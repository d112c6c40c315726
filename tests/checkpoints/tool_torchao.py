"""Runs torchao 0.18 (PyPI torchao, torch) on the processor, saves the result with its own safetensors code, and takes
its own dequantized weights. Int4Tensor is packed by one file of mslk 1.1 (mslk/quantize/shuffle.py of PyPI mslk-cuda,
which cannot be imported whole without a GPU) and has no dequantize: its weights are scale * code + zero_point, held to
those that were packed.

python3 tool_torchao.py SHUFFLE.PY"""
import importlib.util
import sys
import types

import torch
from torchao.prototype.mx_formats.mx_tensor import MXTensor
from torchao.prototype.mx_formats.nvfp4_tensor import NVFP4Tensor, per_tensor_amax_to_scale
from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
from torchao.quantization import (Float8WeightOnlyConfig, Int8DynamicActivationIntxWeightConfig, Int8WeightOnlyConfig,
                                  IntxWeightOnlyConfig, PerAxis, PerGroup, quantize_)
from torchao.quantization.quantize_.workflows.int4 import int4_tensor
from torchao.quantization.quantize_.workflows.int4.int4_tile_packed_to_4d_tensor import Int4TilePackedTo4dTensor

import tool

# The file imports this, but nothing called here needs it.
fp8 = ("mslk", "mslk.quantize", "mslk.quantize.triton", "mslk.quantize.triton.fp8_quantize")
sys.modules |= {module: types.SimpleNamespace(quantize_fp8_row=None) for module in fp8}
spec = importlib.util.spec_from_file_location("shuffle", sys.argv[1])
shuffle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shuffle)
for module in fp8:
    del sys.modules[module]
int4_tensor.int4_row_quantize, int4_tensor.int4_row_quantize_zp = shuffle.int4_row_quantize, shuffle.int4_row_quantize_zp
int4_tensor.pack_int4 = shuffle.pack_int4

torch.manual_seed(22)
N = 16


def weight(k):
    return torch.randn(N, k).bfloat16()


def model(name, tensors, expected=None, rounded=None, refused=None):
    data, metadata = flatten_tensor_state_dict({f"m.{layer}.weight": value for layer, value in tensors.items()})
    kind = {type(value).__name__ for value in tensors.values()}.pop()
    config = {"quant_method": "torchao", "quant_type": {"default": {"_type": kind}}}
    expected = expected and {f"m.{layer}": value for layer, value in expected.items()}
    tool.folder(name, {"quantization_config": config}, data, expected, {"method": "torchao", "tool": "torchao 0.18"},
                {"format": "pt", **metadata}, rounded=rounded, refused=refused)


def by_config(name, configs, k=64):
    made = {}
    for layer, config in configs.items():
        linear = torch.nn.Linear(k, N, bias=False, dtype=torch.bfloat16)
        linear.weight.data.copy_(weight(k))
        quantize_(linear, config)
        made[layer] = linear.weight.data
    model(f"torchao_{name}", made, {layer: value.dequantize() for layer, value in made.items()}, "BF16")


by_config("float8", {"rows": Float8WeightOnlyConfig()})
by_config("int8", {"rows": Int8WeightOnlyConfig()})
bits = {f"b{bits}": IntxWeightOnlyConfig(getattr(torch, f"int{bits}"), PerGroup(32)) for bits in range(1, 9)}
by_config("intx_bits", {**bits, "rows": IntxWeightOnlyConfig(torch.int4, PerAxis(0)),
                        "dynamic": Int8DynamicActivationIntxWeightConfig(torch.int4, PerGroup(32))})


def int4(w, group, activations=torch.bfloat16):
    made = int4_tensor.Int4Tensor.from_hp(w, [1, group], activations)
    pairs = made.qdata.to(torch.int32)
    codes = torch.stack([(pairs & 15 ^ 8) - 8, pairs >> 4], -1).flatten(1).float()
    scale, zero = (part.float().repeat_interleave(group, 0)[:w.shape[1]].T for part in (made.scale, made.zero_point))
    value = scale * codes + zero
    # One step, since the largest weight may be 8 steps, plus the error of rounding the scale and zero point to bf16.
    assert ((value - w.float()).abs() <= scale * (1 + 8 / 256) + zero.abs() / 256).all()
    return made, value


# The last group is short, which mslk allows.
made = {"zero_points": int4(weight(64), 32), "short": int4(weight(80), 32),
        "symmetric": int4(weight(64), 32, torch.float8_e4m3fn)}
model("torchao_int4", {layer: packed for layer, (packed, _) in made.items()}, {layer: value for layer, (_, value) in made.items()})
made["zero_points"][0].act_pre_scale = inputs = (0.5 + torch.rand(64)).bfloat16()
x = torch.randn(2, 64)
model("torchao_int4_awq", {"l": made["zero_points"][0]},
      {"l.x": x, "l.y": ((x * inputs.float()).double() @ made["zero_points"][1].double().T).float()})

w = weight(64)
for name, kind in (("mxfp4", torch.float4_e2m1fn_x2), ("mxfp8", torch.float8_e4m3fn)):
    made = MXTensor.to_mx(w, kind, 32)
    model(f"torchao_{name}", {"l": made}, {"l": made.dequantize(torch.float32)})
whole = per_tensor_amax_to_scale(w.abs().max())
made = {"two": NVFP4Tensor.to_nvfp4(w, per_tensor_scale=whole), "one": NVFP4Tensor.to_nvfp4(w)}
# Rounded as the tool does it: in f32 it multiplies the two scales first, lowbit the small scale and the weight.
model("torchao_nvfp4", made, {layer: value.dequantize() for layer, value in made.items()}, "BF16")
made = NVFP4Tensor.to_nvfp4(torch.randn(128, 64).bfloat16(), is_swizzled_scales=True)
model("refused_torchao_swizzled", {"l": made}, refused=["m.l", "is_swizzled_scales"])
made = Int4TilePackedTo4dTensor(torch.zeros(1, 4, 32, 4, dtype=torch.int32), torch.zeros(2, 8, 2), [1, 32], [8, 64])
model("refused_torchao_tile_packed", {"l": made}, refused=["Int4TilePackedTo4dTensor", "Int4Tensor"])
