"""Folders of GPTQ, AWQ and AutoRound that are refused because of their settings."""
import json
import os

import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))


def quantized(method, **settings):
    return {"model_type": "llama", "quantization_config": {"quant_method": method, **settings}}


for name, config, lines in (
        ("refused_gptq_planar", quantized("gptq", bits=4, group_size=32, checkpoint_format="gptq_p"),
         ["checkpoint_format", "gptq_p"]),
        ("refused_awq_marlin", quantized("awq", bits=4, group_size=64, version="marlin"), ["AWQ version", "marlin"]),
        ("refused_auto_round_fp8", quantized("auto-round", bits=8, packing_format="auto_round:fp8_static"),
         ["packing_format", "auto_round:fp8_static"])):
    path = os.path.join(HERE, name)
    os.makedirs(path, exist_ok=True)
    with open(path + "/config.json", "w") as out:
        json.dump(config, out)
        out.write("\n")
    with open(path + "/refused.txt", "w") as out:
        out.write("\n".join(lines) + "\n")
    parts = {"qweight": np.zeros((1, 8), np.int32), "qzeros": np.zeros((1, 1), np.int32), "scales": np.ones((1, 8), np.float16)}
    files.write(path + "/model.safetensors", {f"m.q.{part}": files.tensor(value) for part, value in parts.items()})
