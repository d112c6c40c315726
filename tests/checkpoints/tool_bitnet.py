"""Runs transformers 5.24 (PyPI transformers, torch): BitNet's layers with `use_rms_norm`, which normalize inputs. Their
rounding of inputs to 8 bits is disabled for the products, which then are what lowbit computes.

TORCHDYNAMO_DISABLE=1 python3 tool_bitnet.py"""
import torch
from transformers.integrations import bitnet

import tool

torch.manual_seed(21)
N, K, EPS = 16, 64, 1e-3
x = torch.randn(3, K) * torch.tensor([[1e-2], [1.0], [30.0]])
bitnet.ActQuant.apply = lambda activation: activation
bitnet.BitLinear.activation_quant = lambda self, activation: (activation, torch.ones(1))

for name, kind, mode in (("bitlinear", bitnet.BitLinear, "offline"), ("autobitlinear", bitnet.AutoBitLinear, "offline"),
                         ("online", bitnet.AutoBitLinear, "online")):
    online = {"online_quant": True} if mode == "online" else {}
    layer = kind(K, N, bias=True, dtype=torch.float32, use_rms_norm=True, rms_norm_eps=EPS, **online)
    levels = torch.randint(-1, 2, (N, K)).float()
    state = {"weight": torch.randn(N, K).bfloat16().float() if online else levels, "bias": torch.randn(N),
             "rms_norm.weight": 1 + torch.randn(K) / 4}
    if not online:
        state["weight_scale"] = torch.tensor([2.75] if kind is bitnet.BitLinear else [0.375])
    packed = bitnet.pack_weights(levels.clone())
    saved = dict(state) if online else {**state, "weight": packed}
    layer.load_state_dict(saved if kind is bitnet.BitLinear else state)
    with torch.no_grad():
        y = layer(x)
    weights = bitnet.WeightQuant.apply(state["weight"]) if online else None
    expected = {"m.l.x": x, "m.l.y": y} | ({"m.l": weights} if online else {})
    settings = {"quant_method": "bitnet", "linear_class": name.replace("online", "autobitlinear"),
                "quantization_mode": mode, "use_rms_norm": True, "rms_norm_eps": EPS}
    tool.folder(f"bitnet_rms_{name}", {"quantization_config": settings},
                {f"m.l.{part}": value for part, value in saved.items()}, expected,
                {"method": "bitnet", "tool": "transformers 5.24"})
