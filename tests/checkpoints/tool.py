"""Folders of tests from tensors of torch, for the scripts that run the tools themselves (tool_*.py)."""
import json
import os

import numpy as np
import torch
from safetensors.torch import save_file

import files

HERE = os.path.dirname(os.path.abspath(__file__))


def array(value):
    return value.detach().cpu().float().numpy() if isinstance(value, torch.Tensor) else np.asarray(value, np.float32)


def scales(*shape):
    """Three significant bits, so that weights of 8 bits fit f16 and the files stay small."""
    return torch.randint(4, 8, shape) / 256


def folder(name, config, tensors, expected, says, metadata=None, beside=None, rounded=None, refused=None):
    """`tensors` are what the tool saves, `expected` its weights and products, `beside` other files of settings,
    `rounded` the type that the tool rounds weights to, `refused` the lines of an error instead of them."""
    path = f"{HERE}/{name}"
    os.makedirs(path, exist_ok=True)
    save_file({tensor: value.contiguous() for tensor, value in tensors.items()}, path + "/model.safetensors",
              metadata or {"format": "pt"})
    settings(name, config, beside)
    if not refused:
        return expect(name, expected, says, rounded)
    with open(path + "/refused.txt", "w") as out:
        out.write("".join(line + "\n" for line in refused))


def settings(name, config, beside=None):
    for file, value in {"config.json": config, **(beside or {})}.items():
        with open(f"{HERE}/{name}/{file}", "w") as out:
            json.dump(value, out)
            out.write("\n")


def expect(name, expected, says, rounded=None):
    """Weights in the type they were rounded to or the smallest that holds them, products in f32."""
    stored = {key: files.tensor(array(value)) if key.endswith((".x", ".y")) else files.smallest(array(value), rounded)
              for key, value in expected.items()}
    files.write(f"{HERE}/{name}/expected.safetensors", stored, says)
