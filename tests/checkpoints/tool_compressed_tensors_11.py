"""Runs compressed-tensors 0.11 (PyPI compressed-tensors==0.11.0, torch) on the processor, for what 0.20 no longer writes:
act-order groups, fields that do not cross words, and weights stored with a mask of the nonzero ones.

PYTHONPATH=FOLDER_OF_0.11 python3 tool_compressed_tensors_11.py"""
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.compressors.quantized_compressors import PackedQuantizationCompressor
from compressed_tensors.compressors.sparse_compressors import BitmaskCompressor, Sparse24BitMaskCompressor
from compressed_tensors.config import BitmaskConfig, Sparse24BitMaskConfig
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
from compressed_tensors.quantization.utils import calculate_qparams

import tool

torch.manual_seed(28)


def folder(name, groups, tensors, expected, **more):
    config = {"quant_method": "compressed-tensors", "quantization_status": "compressed", "ignore": ["lm_head"],
              "config_groups": {f"group_{i}": group.model_dump(mode="json") for i, group in enumerate(groups)}, **more}
    tool.folder(f"compressed_tensors_{name}", {"model_type": "llama", "quantization_config": config}, tensors, expected,
                {"method": "compressed-tensors", "tool": "compressed-tensors 0.11"}, rounded="BF16")


def scheme(layer, **weights):
    return QuantizationScheme(targets=[layer], weights=QuantizationArgs(**weights))


def packed(layer, n=16, k=128, **weights):
    """A layer of integers in words, and its weights."""
    group = scheme(layer, strategy="group", **weights)
    args = group.weights
    weight = torch.randn(n, k).bfloat16()
    of = torch.arange(k) // args.group_size
    if args.actorder == "group":
        of = of[torch.randperm(k)]
    low, high = (torch.stack([getattr(weight[:, of == g], at)(1) for g in range(int(of.max()) + 1)], 1) for at in ("amin", "amax"))
    scale, zero = calculate_qparams(low, high, args)
    of = of.int() if args.actorder == "group" else None
    made = BaseCompressor.load_from_registry("pack-quantized").compress_weight(
        weight=weight, scale=scale, quantization_args=args, zero_point=zero, g_idx=of)
    codes = quantize(x=weight, scale=scale, zero_point=zero, args=args, dtype=torch.int8, g_idx=of)
    made |= {"weight_scale": scale} | ({} if of is None else {"weight_g_idx": of})
    tensors = {f"{layer}.{part}": value for part, value in made.items()}
    return group, tensors, dequantize(x_q=codes, scale=scale, zero_point=zero, g_idx=of)


def several(name, *layers):
    names = [group.targets[0] for group, _, _ in layers]
    tensors = {part: value for _, parts, _ in layers for part, value in parts.items()}
    folder(name, [group for group, _, _ in layers], tensors, {name: value for name, (_, _, value) in zip(names, layers)},
           format="pack-quantized")


several("actorder_group", packed("m.l", num_bits=4, group_size=32, actorder="group"),
        packed("m.asym", num_bits=4, group_size=32, actorder="group", symmetric=False))
several("words", *(packed(f"m.b{bits}{'' if symmetric else '_asym'}", num_bits=bits, group_size=32, symmetric=symmetric)
                   for bits in range(1, 9) for symmetric in (True, False)))


def pruned(n, k):
    """Two of four weights."""
    weight = torch.randn(n, k).bfloat16()
    kept = torch.zeros_like(weight).view(n, -1, 4).scatter_(2, weight.view(n, -1, 4).abs().topk(2).indices, 1)
    return weight * kept.view(n, k)


weight = pruned(16, 64)
fp8 = scheme("m.l", num_bits=8, type="float", strategy="channel")
scale = weight.abs().amax(1, True) / 448
codes = quantize(x=weight, scale=scale, zero_point=None, args=fp8.weights, dtype=torch.float8_e4m3fn)
sparsity = Sparse24BitMaskConfig(targets=["Linear"], ignore=[], global_sparsity=0.5)
made = Sparse24BitMaskCompressor(config=sparsity).compress_weight("m.l", codes)
folder("sparse24_fp8", [fp8], {**made, "m.l.weight_scale": scale}, {"m.l": dequantize(x_q=codes, scale=scale)},
       format="float-quantized", sparsity_config=sparsity.model_dump(mode="json"))
weight = torch.randn(9, 20).bfloat16() * (torch.rand(9, 20) < 0.3)
sparsity = BitmaskConfig(targets=["Linear"], ignore=[], global_sparsity=0.7)
folder("sparse_bitmask", [], BitmaskCompressor(config=sparsity).compress_weight("m.l", weight), {"m.l": weight},
       format="dense", sparsity_config=sparsity.model_dump(mode="json"))
