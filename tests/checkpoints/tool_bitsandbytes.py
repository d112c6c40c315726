"""Runs bitsandbytes 0.50.2 (PyPI bitsandbytes, torch) on the processor: NF4 and FP4, double quantization, codes stored
under each type, experts in one parameter, LLM.int8(), and a name tied as safetensors' save_model does it.

python3 tool_bitsandbytes.py"""
import torch
from bitsandbytes import functional

import tool

torch.manual_seed(29)


def four(name, shape, kind="nf4", storage=torch.uint8, nested=False, block=64):
    weight = torch.randn(shape).bfloat16()
    packed, state = functional.quantize_4bit(weight, blocksize=block, quant_type=kind, quant_storage=storage,
                                             compress_statistics=nested)
    parts = {name: packed, **{f"{name}.{part}": value for part, value in state.as_dict(packed=True).items()}}
    # In f32, so that only what lowbit rounds too is rounded.
    state.dtype = torch.float32
    return functional.dequantize_4bit(packed, state).reshape(shape), parts


layers = {}
for storage in (torch.uint8, torch.int8, torch.float16, torch.bfloat16, torch.float32):
    name = "m." + str(storage).split(".")[1]
    layers[name] = four(f"{name}.weight", (8, 64), storage=storage)
layers["m.fp4"] = four("m.fp4.weight", (8, 64), "fp4")
layers["m.block"] = four("m.block.weight", (8, 256), block=128)
layers["m.nested"] = four("m.nested.weight", (8, 256), nested=True)
layers["m.nested_fp4"] = four("m.nested_fp4.weight", (8, 256), "fp4", nested=True)
layers["m.experts.gate_up_proj"] = four("m.experts.gate_up_proj", (2, 8, 64))
tensors = {part: value for _, parts in layers.values() for part, value in parts.items()}
config = {"model_type": "llama", "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True,
                                                         "bnb_4bit_quant_type": "nf4"}}
tensors["m.embed.weight"] = torch.randn(8, 32).half()
says = {"method": "bitsandbytes", "tool": "bitsandbytes 0.50.2"}
tool.folder("bitsandbytes_storages_experts", config, tensors, {name: weights for name, (weights, _) in layers.items()},
            {**says, "plain": "m.embed lm_head"}, {"format": "pt", "lm_head.weight": "m.embed.weight"})

weight = torch.randn(16, 64).half()
codes, scale, _ = functional.int8_vectorwise_quant(weight)
tool.folder("bitsandbytes_int8", {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
            {"m.l.weight": codes, "m.l.SCB": scale, "m.l.weight_format": torch.tensor(0, dtype=torch.uint8)},
            {"m.l": functional.int8_vectorwise_dequant(codes, scale)}, says)
