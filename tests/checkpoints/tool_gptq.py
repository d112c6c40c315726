"""Runs the packing and the reading of GPTQModel 7.7 or 5.0 (PyPI gptqmodel, its source), or of AutoGPTQ 0.7.1 (PyPI
auto-gptq), on the processor. Some zero points are 0, which v1 stores below 0.

python3 tool_gptq.py gptqmodel_7|gptqmodel_5|autogptq FOLDER_OF_THE_PACKAGE"""
import os
import sys
import types

import torch

import tool

torch.manual_seed(24)
which, source = sys.argv[1:3]
sys.path.insert(0, source)
# GPTQModel 5 fails to import on fewer cores.
os.cpu_count = lambda: 8
N = 32


def numbers(k, group, bits, act_order=False, symmetric=False):
    """A layer whose weights are levels, its scales and zero points, [n, groups], and the group of each input."""
    of = torch.arange(k) // group
    groups = int(of[-1]) + 1
    if act_order:
        of = of[torch.randperm(k)]
    scale = tool.scales(N, groups)
    zero = torch.randint(0, 1 << bits, scale.shape).float()
    zero[:, 0][::3] = 0
    if symmetric:
        zero[:] = 1 << (bits - 1)
    linear = torch.nn.Linear(k, N, bias=False)
    linear.weight.data = (torch.randint(0, 1 << bits, (N, k)) - zero[:, of]) * scale[:, of]
    return linear, scale, zero, of.int()


def model(name, settings, layers, says, tensors=None, plain=""):
    made = tensors or {}
    made |= {f"{layer}.{part}": value for layer, (parts, _) in layers.items() for part, value in parts.items()}
    config = {"model_type": "llama", "quantization_config": {"quant_method": "gptq", **settings}}
    tool.folder(name, config, made, {layer: weights for layer, (_, weights) in layers.items()},
                {"method": "gptq", "tool": says, "plain": plain})


SETTINGS = {"bits": 4, "group_size": 32, "sym": False, "desc_act": False, "checkpoint_format": "gptq"}
BY_BITS = {f".*b{bits}": {"bits": bits, "group_size": 32} for bits in (2, 3, 8)}


def gptqmodel(major):
    from gptqmodel.nn_modules.qlinear import torch as kernel
    from gptqmodel.quantization.config import QuantizeConfig, dynamic_get
    from gptqmodel.utils.model import convert_gptq_v1_to_v2_format_module, convert_gptq_v2_to_v1_format_module

    class_of = kernel.TorchLinear if major == 7 else kernel.TorchQuantLinear
    version = {7: "7.7.0", 5: "5.0.0"}[major]

    def packed(k, group, bits, v1, **more):
        """What is saved, and the weights that the tool decodes after loading it."""
        linear, scale, zero, of = numbers(k, group if group > 0 else k, bits, **more)
        layer = class_of(bits=bits, group_size=group, sym=more.get("symmetric", False), desc_act=True, in_features=k,
                         out_features=N, register_buffers=False)
        layer.pack_original(linear, scale, zero, of)
        layer.qzero_format(format=2)
        settings = QuantizeConfig(bits=bits, group_size=group)
        if v1:
            convert_gptq_v2_to_v1_format_module(layer, settings)
        saved = {part: value.clone() for part, value in layer.state_dict().items() if value is not None}
        if v1:
            convert_gptq_v1_to_v2_format_module(layer, bits, torch.int32)
        # In f32, so that only what lowbit rounds too is rounded.
        layer.scales = layer.scales.float()
        layer.post_init()
        weights = layer.dequantize_weight().T.float()
        assert torch.allclose(weights, linear.weight.data) or (v1 and bits == 3 and major == 5)
        return saved, weights

    meta = {"meta": {"quantizer": ["optimum:1.24.0", f"gptqmodel:{version}"]}}
    says = f"gptqmodel {version}"
    model(f"gptq_v1_gptqmodel_{major}", {**SETTINGS, **meta, "dynamic": BY_BITS},
          {f"m.b{bits}": packed(64, 32, bits, True) for bits in (2, 3, 4, 8)}, says)
    if major == 5:
        return
    model("gptq_v2", {**SETTINGS, **meta, "checkpoint_format": "gptq_v2", "dynamic": BY_BITS},
          {f"m.b{bits}": packed(64, 32, bits, False) for bits in (2, 3, 4, 8)}, says)
    model("gptq_sym", {**SETTINGS, **meta, "sym": True, "dynamic": BY_BITS},
          {f"m.b{bits}": packed(64, 32, bits, True, symmetric=True) for bits in (2, 3, 4, 8)}, says)
    # Groups that do not divide k, with and without act-order, and layers with other bits and groups.
    dynamic = {"+:.*b8$": {"bits": 8, "group_size": 32}, "m\\.whole": {"group_size": -1}, "-:.*skipped": {}}
    assert dynamic_get(dynamic, "m.skipped") is False
    layers = {}
    for name, k, act_order in (("m.a", 224, False), ("m.act", 224, True), ("m.b8", 96, False), ("m.b8_not", 224, True),
                               ("m.whole", 96, False)):
        bits, group = (dynamic_get(dynamic, name, key, value) for key, value in (("bits", 4), ("group_size", 128)))
        layers[name] = packed(k, group, bits, True, act_order=act_order)
    skipped = {"m.skipped.weight": torch.randn(8, 32).half()}
    model("gptq_dynamic", {**SETTINGS, **meta, "group_size": 128, "dynamic": dynamic}, layers, says, skipped, "m.skipped")


def autogptq():
    # Without the package's __init__, which imports models from old versions of transformers.
    for name in ("auto_gptq", "auto_gptq.nn_modules", "auto_gptq.nn_modules.qlinear"):
        package = types.ModuleType(name)
        package.__path__ = [f"{source}/{name.replace('.', '/')}"]
        sys.modules[name] = package
    from auto_gptq.nn_modules.qlinear import qlinear_cuda_old

    def packed(bits):
        linear, scale, zero, of = numbers(64, 32, bits)
        layer = qlinear_cuda_old.QuantLinear(bits, 32, 64, N, False, weight_dtype=torch.float32)
        layer.pack(linear, scale, zero, of)
        saved = {**layer.state_dict(), "scales": layer.scales.half()}
        # Products with unit vectors: the weights that it reads from its own file.
        return saved, layer(torch.eye(64)).T

    for bits in (2, 3, 4, 8):
        model(f"gptq_v1_autogptq{'' if bits == 4 else f'_{bits}'}", {**SETTINGS, "bits": bits}, {"m.a": packed(bits)},
              "AutoGPTQ 0.7.1")


autogptq() if which == "autogptq" else gptqmodel(int(which[-1]))
