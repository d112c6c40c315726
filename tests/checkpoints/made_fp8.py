"""Layers of 8-bit floats as transformers 5 and DeepSeek save them, and what lies next to them in such models, by
the formulas of transformers' integrations/finegrained_fp8.py and mxfp4.py: weight = element * scale."""
import os
import sys

import ml_dtypes
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(13)
E4M3, BF16 = ml_dtypes.float8_e4m3fn, ml_dtypes.bfloat16
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
FP4 = np.concatenate([FP4, -FP4])


def model(name, settings, tensors, expected, plain="", method="fp8"):
    config = {"quantization_config": {"quant_method": method, **settings}}
    files.folder(f"{HERE}/{name}", config, tensors, expected,
                 {"method": "mxfp4" if method == "mxfp4" else "fp8", "tool": "transformers 5", "plain": plain})


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32).astype(E4M3)


def scales(*shape):
    """Three significant bits, so that weights fit 16 bits."""
    return (rng.integers(4, 8, shape) * 2.0 ** -rng.integers(2, 5, shape)).astype(np.float32)


def powers(*shape):
    """Powers of two: their bytes and their values."""
    stored = rng.integers(120, 130, shape).astype(np.uint8)
    return stored, np.exp2(stored.astype(np.float32) - 127)


def over(blocks, rows, columns, n, k):
    """Repeats each scale for all weights of its block."""
    return np.repeat(np.repeat(blocks, rows, -2), columns, -1)[..., :n, :k]


def nibbles(*shape):
    codes = rng.integers(0, 16, shape)
    return codes, (codes[..., ::2] | codes[..., 1::2] << 4).astype(np.uint8)


blocks = {"activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [128, 128]}
# Neither n nor k is a multiple of the block.
weight, scale = floats(136, 200), scales(2, 2)
wide = floats(8, 256)
wide_scale = scales(1, 2)
model("fp8_blocks", blocks,
      {"m.l.weight": files.tensor(weight), "m.l.weight_scale_inv": files.tensor(scale),
       "m.wide.weight": files.tensor(wide), "m.wide.weight_scale_inv": files.tensor(wide_scale),
       "m.gate.weight": files.tensor(scales(2, 8).astype(BF16))},
      {"m.l": weight.astype(np.float32) * over(scale, 128, 128, 136, 200),
       "m.wide": wide.astype(np.float32) * over(wide_scale, 128, 128, 8, 256)}, "m.gate")

# DeepSeek V3.1: scales are powers of two; V4: 4-bit experts next to them, and scales under another name.
stored, scale = powers(2, 2)
codes, pairs = nibbles(8, 64)
fine, fine_scale = powers(8, 2)
model("fp8_with_fp4_experts", {**blocks, "scale_fmt": "ue8m0"},
      {"m.l.weight": files.tensor(weight), "m.l.scale": files.tensor(stored, "F8_E8M0"),
       "m.experts.0.w1.weight": files.tensor(pairs.view(np.int8)),
       "m.experts.0.w1.scale": files.tensor(fine, "F8_E8M0")},
      {"m.l": weight.astype(np.float32) * over(scale, 128, 128, 136, 200),
       "m.experts.0.w1": FP4[codes] * over(fine_scale, 1, 32, 8, 64)})

# Experts in one tensor each: blocks that end with an expert, one scale for both gate and up, 4 bits.
up, scale = floats(2, 136, 136), scales(2, 2, 2)
model("fp8_experts_blocks", blocks,
      {"m.experts.gate_up_proj": files.tensor(up), "m.experts.gate_up_proj_scale_inv": files.tensor(scale)},
      {"m.experts.gate_up_proj": up.astype(np.float32) * over(scale, 128, 128, 136, 136)})
up, scale = floats(2, 16, 32), scales(2, 2, 1)
down, one = floats(2, 32, 8), scales(2, 1, 1)
model("fp8_experts_halves", {"activation_scheme": "static", "weight_block_size": None},
      {"m.experts.gate_up_proj": files.tensor(up), "m.experts.gate_up_proj_scale_inv": files.tensor(scale),
       "m.experts.gate_up_proj_activation_scale": files.tensor(scales(2)),
       "m.experts.down_proj": files.tensor(down), "m.experts.down_proj_scale_inv": files.tensor(one)},
      {"m.experts.gate_up_proj": up.astype(np.float32) * over(scale, 8, 32, 16, 32),
       "m.experts.down_proj": down.astype(np.float32) * one})
codes, pairs = nibbles(2, 8, 64)
scale = scales(2, 8, 2)
model("fp8_experts_fp4", blocks,
      {"m.experts.gate_up_proj": files.tensor(pairs.view(np.int8)),
       "m.experts.gate_up_proj_scale_inv": files.tensor(scale)},
      {"m.experts.gate_up_proj": FP4[codes] * over(scale, 1, 32, 8, 64)})

# MXFP8: the same method under another name.
weight = floats(8, 96)
stored, scale = powers(8, 3)
model("fp8_mxfp8", {"weight_block_size": [1, 32]},
      {"m.l.weight": files.tensor(weight), "m.l.weight_scale_inv": files.tensor(stored)},
      {"m.l": weight.astype(np.float32) * over(scale, 1, 32, 8, 96)}, method="mxfp8")

# gpt-oss: 4-bit experts with biases.
codes, pairs = nibbles(2, 8, 64)
stored, scale = powers(2, 8, 2)
bias = rng.standard_normal((2, 8)).astype(BF16)
value = FP4[codes] * over(scale, 1, 32, 8, 64)
x = rng.standard_normal((2, 64)).astype(np.float32)
y = x @ value.reshape(16, 64).T + bias.reshape(16).astype(np.float32)
name = "model.layers.0.mlp.experts.gate_up_proj"
model("gpt_oss_experts", {"modules_to_not_convert": ["lm_head"]},
      {name + "_blocks": files.tensor(pairs.reshape(2, 8, 2, 16)), name + "_scales": files.tensor(stored),
       name + "_bias": files.tensor(bias)},
      {name: value, name + ".x": x, name + ".y": y.astype(np.float32)}, method="mxfp4")

# What no layout supports: scales of parts of unequal lengths; packed tensors without a configuration.
weight = files.tensor(floats(48, 64))
files.folder(HERE + "/refused_fp8_fused", {"quantization_config": {"quant_method": "fp8"}},
             {"m.qkv.weight": weight, "m.qkv.weight_scale": files.tensor(scales(3))},
             refused=["m.qkv", "[3] for weights of [48, 64]"])
for name, tensor in (("weight", weight), ("bytes", files.tensor(np.ones((4, 8), np.uint8)))):
    files.folder(HERE + "/refused_packed_" + name, {}, {"m.l.weight": tensor}, refused=["m.l.weight", tensor[0]])
files.folder(HERE + "/refused_packed_words", {}, {"m.l.qweight": files.tensor(np.ones((4, 8), np.int32))},
             refused=["m.l.qweight", "I32", "GPTQ or AWQ", "none"])
files.folder(HERE + "/refused_packed_experts", {}, {"m.experts.up": files.tensor(floats(2, 8, 8))},
             refused=["m.experts.up", "F8_E4M3", "none"])

if len(sys.argv) > 1:
    # Two experts of those that transformers' Fp8Quantize made, 32 rows of each: each is one truncated block.
    metadata, tensors = files.read(sys.argv[1] + "/model.safetensors")
    name = "model.layers.0.mlp.experts.gate_up_proj"
    experts = np.frombuffer(tensors[name][2], E4M3).reshape(4, 256, 256)[1:3, :32]
    scale = np.frombuffer(tensors[name + "_scale_inv"][2], np.float32).reshape(4, 2, 2)[1:3, :1]
    with np.load(f"{sys.argv[1]}/expected/{name}.npz") as saved:
        value = saved[saved.files[0]].reshape(4, 256, 256)[1:3, :32]
    files.folder(HERE + "/fp8_experts", sys.argv[1] + "/config.json",
                 {name: files.tensor(experts), name + "_scale_inv": files.tensor(scale)}, {name: value},
                 {"method": "fp8", "tool": "transformers 5.24"}, metadata=metadata)
