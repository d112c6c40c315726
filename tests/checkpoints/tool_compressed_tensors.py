"""Runs compressed-tensors 0.20 (PyPI compressed-tensors, torch) on the processor: each of its presets, compressed,
saved with its own configuration, and decompressed by itself; products where a transform runs.

python3 tool_compressed_tensors.py"""
import json
import os

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config, preset_name_to_scheme
from compressed_tensors.quantization.quant_scheme import PRESET_SCHEMES
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from compressed_tensors.transform import TransformConfig, apply_transform_config

import tool

torch.manual_seed(27)


def model_of(shapes, dtype):
    """Modules nested as their names say, from names to [n, k]."""
    model = torch.nn.Module()
    for name, (n, k) in shapes.items():
        *parents, last = name.split(".")
        at = model
        for parent in parents:
            if not hasattr(at, parent):
                setattr(at, parent, torch.nn.Module())
            at = getattr(at, parent)
        linear = torch.nn.Linear(k, n, bias=True, dtype=dtype)
        linear.weight.data = torch.randn(n, k).to(dtype) / 8
        setattr(at, last, linear)
    return model


def observe(module):
    """Scales and zero points from the smallest and largest weight, as an observer of llm-compressor computes them."""
    args, weight = module.quantization_scheme.weights, module.weight.data
    if args.strategy in ("group", "tensor_group"):
        parts = weight.split(args.group_size, 1)
        low, high = (torch.stack([getattr(part, of)(1) for part in parts], 1) for of in ("amin", "amax"))
    elif args.strategy == "channel":
        low, high = weight.amin(1, True), weight.amax(1, True)
    elif args.strategy == "block":
        rows, columns = args.block_structure
        blocks = [[block for block in row.split(columns, 1)] for row in weight.split(rows, 0)]
        low, high = (torch.stack([torch.stack([getattr(block, of)() for block in row]) for row in blocks])
                     for of in ("amin", "amax"))
    else:
        low, high = weight.amin(), weight.amax()
    whole = None
    if hasattr(module, "weight_global_scale"):
        whole = generate_gparam(weight.amin().float(), weight.amax().float())
        module.weight_global_scale.data = whole
    if hasattr(module, "input_global_scale"):
        module.input_global_scale.data = torch.tensor([12.0])
    if hasattr(module, "input_scale"):
        module.input_scale.data.fill_(1)
    scale, zero = calculate_qparams(low, high, args, whole)
    module.weight_scale.data = scale.to(module.weight_scale.dtype) if whole is None else scale
    if hasattr(module, "weight_zero_point"):
        module.weight_zero_point.data = zero.to(module.weight_zero_point.dtype)


def folder(name, groups, shapes, transform=None, dtype=torch.bfloat16, ignore=("lm_head",), **more):
    model = model_of(shapes, dtype)
    if transform:
        apply_transform_config(model, TransformConfig(config_groups=transform))
    apply_quantization_config(model, QuantizationConfig(config_groups=groups, ignore=list(ignore), **more), show_progress=False)
    quantized = {name: module for name, module in model.named_modules() if hasattr(module, "quantization_scheme")}
    for module in quantized.values():
        observe(module)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    # Shared matrices of transforms are saved once, as save_pretrained does.
    tensors, seen = {}, set()
    for tensor, value in model.state_dict().items():
        if value.data_ptr() not in seen or value.numel() == 0:
            tensors[tensor] = value.clone()
            seen.add(value.data_ptr())
    path = f"{tool.HERE}/compressed_tensors_{name}"
    os.makedirs(path, exist_ok=True)
    if os.path.exists(path + "/config.json"):
        os.remove(path + "/config.json")
    compressor.update_config(path)
    with open(path + "/config.json") as file:
        config = {"model_type": "llama", **json.load(file)}
    compressor.decompress_model(model)
    expected = {}
    for layer, module in quantized.items():
        if not transform:
            expected[layer] = module.weight.data
            continue
        x = torch.randn(2, module.in_features)
        with torch.no_grad():
            expected |= {layer + ".x": x, layer + ".y": module(x)}
    plain = " ".join(set(shapes) - set(quantized))
    tool.folder(f"compressed_tensors_{name}", config, tensors, expected,
                {"method": "compressed-tensors", "tool": "compressed-tensors 0.20", "plain": plain},
                rounded=None if transform else "BF16")


def preset(name, *targets, **weights):
    scheme = preset_name_to_scheme(name, list(targets) or ["Linear"])
    for key, value in weights.items():
        setattr(scheme.weights, key, value)
    return scheme


# Each preset that packs weights, all in one model.
names = [name for name, scheme in PRESET_SCHEMES.items() if scheme and name != "FP8_BLOCK"]
folder("presets", {name: preset(name, f"m.{name.lower()}") for name in names}, {f"m.{name.lower()}": (8, 128) for name in names})
# And alone, with settings for the whole model.
for name in ("W4A16", "W4A16_ASYM", "W8A16", "W8A8", "W4A8", "FP8", "FP8_DYNAMIC", "FP8_BLOCK", "NVFP4", "NVFP4A16", "MXFP4"):
    folder(name.lower(), {"group_0": preset(name)}, {"m.l": (136, 256) if name == "FP8_BLOCK" else (16, 256)})
folder("w8a8_asym", {"group_0": preset("W8A8", symmetric=False)}, {"m.l": (16, 64)})
folder("actorder_weight", {"group_0": preset("W4A16_ASYM", group_size=64, actorder="weight")}, {"m.l": (16, 256)})
folder("several_groups", {"group_0": preset("W4A16", "re:.*mlp.*"), "group_1": preset("W8A16", "re:.*q$")},
       {"m.mlp.up": (16, 256), "m.attn.q": (16, 256), "lm_head": (4, 256)})


def transform(kind, *apply, **more):
    return {"type": kind, "apply": list(apply), **more}


def at(location, inverse=False, targets="re:.*(q|o)$"):
    return {"targets": [targets], "location": location, "inverse": inverse}


# QuIP: V on the inputs and U on the outputs, each with its inverse in the weights.
four = {"group_0": preset("W4A16", group_size=32)}
shapes = {"m.q": (32, 64), "m.k": (32, 64), "m.o": (64, 64)}
for name, kind, more in (("hadamard", "hadamard", {}), ("random_hadamard", "random-hadamard", {}),
                         ("head_dim", "hadamard", {"head_dim": 16}), ("random_head_dim", "random-hadamard", {"head_dim": 16})):
    # lowbit reads no order of random Hadamard matrices of 32.
    sizes = {layer: (64, k) for layer, (n, k) in shapes.items()} if name == "random_hadamard" else shapes
    folder(f"quip_{name}", four, sizes, {
        "v": transform(kind, at("input"), at("weight_input", True), **more),
        "u": transform(kind, at("weight_output"), at("output", True), **more)}, torch.float32)
# Also the reverse: outputs that are rotated and not rotated back, and a transform without inputs.
folder("output", four, {"m.q": (64, 64), "m.k": (64, 64)}, {
    "u": transform("random-hadamard", at("output"), at("weight_output", True))}, torch.float32)
# SpinQuant's R4.
for name, kind, more in (("hadamard", "hadamard", {}), ("random_hadamard", "random-hadamard", {}),
                         ("head_dim", "hadamard", {"head_dim": 16})):
    folder(f"r4_{name}", four, {"m.down": (8, 64), "m.up": (8, 64)}, {
        "R4": transform(kind, at("input", targets="re:.*down$"), at("weight_input", True, "re:.*down$"), **more)},
           torch.float32)
