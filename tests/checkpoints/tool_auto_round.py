"""Runs the packing and the reading of AutoRound 0.16.1 (PyPI auto-round) on the processor: its own packing, that of GPTQ
and that of AWQ. The weights are a layer's outputs for unit vectors.

python3 tool_auto_round.py"""
import torch
from auto_round.export.export_to_awq.utils import WQLinear_GEMM, dequantize_gemm
from auto_round_extension.torch import qlinear_torch, qlinear_torch_zp

import tool

torch.manual_seed(25)
N = 32


def packed(kind, k, group, bits, symmetric=False):
    group = group if group > 0 else k
    scale = tool.scales(N, -(-k // group))
    zero = torch.randint(0, 1 << bits, scale.shape).float()
    of = torch.arange(k) // group
    linear = torch.nn.Linear(k, N, bias=True)
    middle = 1 << (bits - 1)
    linear.weight.data = (torch.randint(0, 1 << bits, (N, k)) - (middle if symmetric else zero[:, of])) * scale[:, of]
    linear.bias.data = linear.bias.data.half().float()
    layer = kind.QuantLinear(bits, group, k, N, bias=True)
    layer.device = "cpu"
    layer.pack(linear, scale, middle if symmetric else zero, None, device="cpu")
    saved = {part: value.clone() for part, value in layer.state_dict().items()}
    layer.scales, layer.bias = layer.scales.float(), None
    return saved, layer(torch.eye(k)).T


def model(name, settings, layers, tensors=None, plain=""):
    settings = {"quant_method": "auto-round", "bits": 4, "group_size": 32, "data_type": "int", **settings,
                "autoround_version": "0.16.1"}
    made = {**(tensors or {}), **{f"{layer}.{part}": value for layer, (parts, _) in layers.items()
                                  for part, value in parts.items()}}
    tool.folder(name, {"model_type": "llama", "quantization_config": settings}, made,
                {layer: weights for layer, (_, weights) in layers.items()},
                {"method": "auto-round", "tool": "auto-round 0.16.1", "plain": plain})


own, zp = qlinear_torch, qlinear_torch_zp
# Layers with other bits by name and by pattern, and one unquantized layer.
extra = {"m.b2": {"bits": 2, "group_size": 64}, "c\\.b5": {"bits": 5}, ".*b3.*": {"bits": 3, "group_size": 128},
         "m.skipped": {"bits": 16, "data_type": "float"}}
model("auto_round", {"sym": False, "packing_format": "auto_round", "extra_config": extra},
      {"m.a": packed(own, 64, 32, 4), "m.b2": packed(own, 64, 64, 2), "m.c.b5": packed(own, 64, 32, 5),
       "m.b3": packed(own, 128, 128, 3)}, {"m.skipped.weight": torch.randn(8, 32).half()}, "m.skipped")
for name, kind, packing in (("auto_round_bits", own, "auto_round"), ("auto_round_gptq_bits", zp, "auto_round:auto_gptq")):
    layers = {f"m.b{bits}_{'sym' if symmetric else 'asym'}": packed(kind, 64, 32, bits, symmetric)
              for bits in range(2, 9) for symmetric in (False, True)}
    bits = {f".*b{bits}_.*": {"bits": bits} for bits in range(2, 9)}
    model(name, {"sym": False, "packing_format": packing, "extra_config": bits}, layers)

scale, zero = tool.scales(N, 2), torch.randint(0, 16, (N, 2)).float()
linear = torch.nn.Linear(128, N, bias=False)
linear.weight.data = (torch.randint(0, 16, (N, 128)) - zero.repeat_interleave(64, 1)) * scale.repeat_interleave(64, 1)
layer = WQLinear_GEMM.from_linear(linear, 4, 64, scales=scale.T.contiguous(), zeros=zero.T.contiguous(), device="cpu")
weights = dequantize_gemm(layer.qweight, layer.qzeros, layer.scales.float(), 4, 64).T
model("auto_round_awq", {"group_size": 64, "packing_format": "auto_round:auto_awq"},
      {"m.q": (layer.state_dict(), weights)})
