"""Runs the packing of AutoAWQ 0.2.9 (PyPI autoawq, its source) on the processor: its three versions of a layer. The
weights are those that it packed; its own dequantize_gemm agrees for GEMM. GPTQModel 7.7 packs `llm-awq` as GEMV fast.

python3 tool_awq.py FOLDER_OF_AWQ FOLDER_OF_GPTQMODEL"""
import sys
import types

import torch

import tool

# Without the package's __init__, which imports models from old versions of transformers.
package = types.ModuleType("awq")
package.__path__ = [sys.argv[1] + "/awq"]
sys.modules["awq"] = package
linears = types.ModuleType("awq.modules.linear")
linears.__path__ = [sys.argv[1] + "/awq/modules/linear"]
sys.modules["awq.modules.linear"] = linears
sys.path.insert(0, sys.argv[2])
from awq.modules.linear.gemm import WQLinear_GEMM
from awq.modules.linear.gemv import WQLinear_GEMV
from awq.modules.linear.gemv_fast import WQLinear_GEMVFast
from awq.utils.packing_utils import dequantize_gemm
from gptqmodel.nn_modules.qlinear.gemv_fast_awq import LLMAwqLinear

torch.manual_seed(23)


def layer(n, k, group, fast):
    """A layer whose weights are levels of four bits, their scales and zero points, [n, groups]."""
    # GEMV fast gets scales for which scaled zero points are rounded.
    scale = (0.01 + torch.rand(n, k // group) / 50).half().float() if fast else tool.scales(n, k // group)
    zero, codes = torch.randint(0, 16, scale.shape).float(), torch.randint(0, 16, (n, k)).float()
    linear = torch.nn.Linear(k, n, bias=True)
    linear.weight.data = (codes - zero.repeat_interleave(group, 1)) * scale.repeat_interleave(group, 1)
    linear.bias.data = linear.bias.data.half().float()
    return linear, scale, zero


def of_fast(packed, linear, scale, zero, group=64):
    """The weights as the kernels of GEMV fast have them: the zero point is scaled and rounded before it is added."""
    wide, added = (part.repeat_interleave(group, 1) for part in (scale, -(scale * zero).half().float()))
    codes = (linear.weight.data / wide + zero.repeat_interleave(group, 1)).round()
    return codes * wide + added


def model(name, settings, shapes, group, pack, weights):
    tensors, expected = {}, {}
    for at, (n, k) in shapes.items():
        linear, scale, zero = layer(n, k, group, weights is of_fast)
        packed = pack(linear, scale, zero)
        tensors |= {f"{at}.{part}": value for part, value in packed.state_dict().items()}
        expected[at] = weights(packed, linear, scale, zero)
        x = torch.randn(2, k)
        expected |= {at + ".x": x, at + ".y": (x.double() @ expected[at].double().T + linear.bias.double()).float()}
    config = {"model_type": "llama"}
    # Before AutoAWQ 0.1.6 settings were in a separate file, under other names.
    beside = {"quant_config.json": settings} if "w_bit" in settings else None
    tool.folder(name, config if beside else {**config, "quantization_config": settings}, tensors, expected,
                {"method": "awq", "tool": "AutoAWQ 0.2.9"}, beside=beside)


def gemm(linear, scale, zero):
    return WQLinear_GEMM.from_linear(linear, 4, 64, scales=scale.T.contiguous(), zeros=zero.T.contiguous())


def of_gemm(packed, linear, scale, zero):
    weights = dequantize_gemm(packed.qweight, packed.qzeros, packed.scales.float(), 4, 64).T
    assert torch.equal(weights, linear.weight.data)
    return weights


both = {"m.q": (32, 128), "m.k": (64, 64)}
awq = {"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True}
model("awq_gemm", {**awq, "version": "gemm"}, both, 64, gemm, of_gemm)
model("awq_gemm_format_key", {**awq, "format": "gemm", "backend": "auto"}, both, 64, gemm, of_gemm)
old = {"zero_point": True, "q_group_size": 64, "w_bit": 4, "version": "GEMM"}
model("awq_quant_config", old, {"m.q": (32, 128)}, 64, gemm, of_gemm)
for key, group in (("version", 128), ("format", 32)):
    model(f"awq_gemv{'' if key == 'version' else '_format_key'}", {**awq, "group_size": group, key: "gemv"},
          {"m.q": (16, 256)}, group, lambda *parts: WQLinear_GEMV.from_linear(parts[0], 4, group, scales=parts[1], zeros=parts[2]),
          lambda packed, linear, scale, zero: linear.weight.data)
fast = {"m.q": (16, 256), "m.k": (8, 128)}
model("awq_gemv_fast", {**awq, "version": "gemv_fast"}, fast, 64,
      lambda *parts: WQLinear_GEMVFast.from_linear(parts[0], 4, 64, scales=parts[1], zeros=parts[2]),
      of_fast)


def llm_awq(linear, scale, zero):
    packed = LLMAwqLinear(bits=4, group_size=64, sym=False, desc_act=False, in_features=linear.in_features,
                          out_features=linear.out_features, bias=True, register_buffers=False)
    packed.pack(linear, scale, zero)
    return packed


model("awq_llm", {**awq, "checkpoint_format": "llm-awq"}, fast, 64, llm_awq,
      of_fast)
