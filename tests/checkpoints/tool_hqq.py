"""Runs HQQ 0.2.8 (PyPI hqq) on the processor: every number of bits, both axes, whole rows, and words viewed as floats.
It dequantizes in f32, so that only what lowbit rounds too is rounded.

python3 tool_hqq.py"""
import torch
from hqq.core.quantize import BaseQuantizeConfig, HQQLinear, Quantizer

import tool

torch.manual_seed(26)


def layer(bits, group, axis, as_float=False, n=16, k=128):
    settings = BaseQuantizeConfig(nbits=bits, group_size=group, axis=axis, view_as_float=as_float)
    linear = torch.nn.Linear(k, n, bias=True, dtype=torch.float16)
    made = HQQLinear(linear, settings, compute_dtype=torch.float16, device="cpu")
    wide = {part: made.meta[part].float() for part in ("scale", "zero")} | {"compute_dtype": torch.float32}
    return made.state_dict(), Quantizer.dequantize(made.W_q, {**made.meta, **wide}), settings


def model(name, layers, config, drop=()):
    tensors = {f"{at}.{part}": value for at, (parts, _, _) in layers.items() for part, value in parts.items()
               if part not in drop}
    tool.folder(name, {"model_type": "llama", "quantization_config": {"quant_method": "hqq", **config}}, tensors,
                {at: weights for at, (_, weights, _) in layers.items()}, {"method": "hqq", "tool": "hqq 0.2.8"})


layers = {f"m.b{bits}_axis{axis}": layer(bits, 64, axis) for bits in (1, 2, 3, 4, 8) for axis in (0, 1)}
layers |= {"m.whole": layer(4, None, 1), "m.floats": layer(4, 64, 1, True)}
model("hqq", layers, {"quant_config": layers["m.b4_axis1"][2], "skip_modules": ["lm_head"]})
# As transformers writes it if kinds of layers have their own settings, which the tensors then lack.
made = {"model.language_model.layers.0.self_attn.q_proj": layer(4, 64, 1)}
kind = {"language_model.self_attn.q_proj": made["model.language_model.layers.0.self_attn.q_proj"][2]}
model("hqq_by_kind", made, {"quant_config": kind, "skip_modules": ["lm_head"]}, ("nbits", "group_size", "axis"))
