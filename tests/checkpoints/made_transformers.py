"""Layers of methods built into transformers 5: Metal (integrations/metal_quantization.py) and BitNet's
(integrations/bitnet.py), by its formulas in numpy.

made_transformers.py [FROM], where FROM is a layer of AutoBitLinear with a bias, as transformers saved it."""
import os
import sys

import ml_dtypes
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(17)
BF16 = ml_dtypes.bfloat16


def model(name, settings, tensors, expected=None, plain="", refused=None):
    says = {"method": settings["quant_method"], "tool": "transformers 5.24", "plain": plain}
    tensors = {tensor: files.tensor(array) for tensor, array in tensors.items()}
    files.folder(f"{HERE}/{name}", {"quantization_config": settings}, tensors, expected, says, refused)


for bits in (2, 4, 8):
    codes = rng.integers(0, 1 << bits, (8, 128))
    per = 32 // bits
    words = sum(codes[:, i::per].astype(np.uint32) << np.uint32(bits * i) for i in range(per)).astype(np.uint32)
    scale, bias = (rng.integers(1, 8, (8, 2)) / 64).astype(BF16), (rng.integers(-64, 0, (8, 2)) / 64).astype(BF16)
    value = codes * np.repeat(scale.astype(np.float32), 64, 1) + np.repeat(bias.astype(np.float32), 64, 1)
    model(f"metal_{bits}", {"quant_method": "metal", "bits": bits, "group_size": 64},
          {"m.l.weight": words, "m.l.scales": scale, "m.l.qbiases": bias}, {"m.l": value})

auto = {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online",
        "use_rms_norm": False}


def online(weight):
    mean = np.maximum(np.abs(weight.astype(np.float32)).astype(np.float64).mean().astype(np.float32), np.float32(1e-5))
    inverse = np.float32(1) / mean
    return (np.clip(np.round(weight.astype(np.float32) * inverse), -1, 1) / inverse).astype(weight.dtype)


# 6 rows do not fill bytes of four; embeddings and the output layer stay unquantized.
weight, bias = rng.standard_normal((6, 32)).astype(BF16), rng.standard_normal(6).astype(BF16)
value = online(weight).astype(np.float32)
x = rng.standard_normal((2, 32)).astype(np.float32)
y = x.astype(np.float64) @ value.T.astype(np.float64) + bias.astype(np.float32)
kept = rng.standard_normal((4, 32)).astype(BF16)
model("bitnet_online_bias", auto,
      {"m.l.weight": weight, "m.l.bias": bias, "lm_head.weight": kept, "m.embed_tokens.weight": kept},
      {"m.l": value, "m.l.x": x, "m.l.y": y.astype(np.float32)}, "lm_head m.embed_tokens")
model("bitnet_online_kept", {**auto, "modules_to_not_convert": ["m.gate", "layers.1.*"]},
      {"m.gate.weight": kept, "layers.1.up.weight": kept, "lm_head.weight": weight},
      {"m.gate": kept.astype(np.float32), "layers.1.up": kept.astype(np.float32),
       "lm_head": online(weight).astype(np.float32)})
# Levels that are already unpacked.
levels = rng.integers(-1, 2, (4, 32)).astype(BF16)
model("bitnet_unpacked", {**auto, "quantization_mode": "offline"},
      {"m.l.weight": levels, "m.l.weight_scale": np.float32([0.375])}, {"m.l": levels.astype(np.float32) * 0.375})
norm = {"m.l.weight": weight, "m.l.rms_norm.weight": np.ones(32, BF16)}
model("refused_bitnet_norm", auto, norm, refused=["m.l", "use_rms_norm", "true with", "false"])
model("refused_bitnet_no_norm", {**auto, "use_rms_norm": True}, {"m.l.weight": weight},
      refused=["m.l", "use_rms_norm", "false without", "true"])
model("refused_bitnet_class", {**auto, "linear_class": "other"}, {"m.l.weight": weight},
      refused=["linear_class", "other", "autobitlinear"])

if len(sys.argv) > 1:
    # AutoBitLinear with a bias: y = s (W x + b). The tool's own y is from inputs rounded to 8 bits.
    metadata, tensors = files.read(sys.argv[1] + "/model.safetensors")
    name = next(iter(tensors)).rsplit(".", 1)[0]
    bias, scale = (np.frombuffer(tensors[f"{name}.{part}"][2], np.float32) for part in ("bias", "weight_scale"))
    value = np.load(f"{sys.argv[1]}/expected/{name}.npy")
    x = rng.standard_normal((2, value.shape[1])).astype(np.float32)
    y = x.astype(np.float64) @ value.T + bias * scale
    files.folder(HERE + "/bitnet_bias", sys.argv[1] + "/config.json", tensors,
                 {name: value, name + ".x": x, name + ".y": y.astype(np.float32)},
                 {"method": "bitnet", "tool": "transformers 5.24"}, metadata=metadata)
