"""Cuts a checkpoint of a tool down to some layers, with the tool's own weights of each next to them.

cut.py FROM INTO --method NAME --tool "NAME VERSION" LAYER=WEIGHTS ..

FROM is a folder as the tool saved it, WEIGHTS the weights that the tool decodes a layer to (.npy, or .f32 of
rows of K inputs, given as FILE.f32:K). The settings of the folder come along, whatever they are called."""
import argparse
import glob
import os
import shutil

import numpy as np

import files

parser = argparse.ArgumentParser()
parser.add_argument("source")
parser.add_argument("into")
parser.add_argument("layers", nargs="+", metavar="LAYER=WEIGHTS")
parser.add_argument("--method", required=True)
parser.add_argument("--tool", required=True)
parser.add_argument("--rounded", choices=["F16", "BF16"], help="the type that the tool rounded the weights to")
args = parser.parse_args()


def weights(path):
    if path.endswith(".npy"):
        return np.load(path)
    path, k = path.rsplit(":", 1)
    return np.fromfile(path, np.float32).reshape(-1, int(k))


layers = dict(layer.split("=", 1) for layer in args.layers)
os.makedirs(args.into, exist_ok=True)
for settings in glob.glob(args.source + "/*.json"):
    if os.path.basename(settings) != "generation_config.json":
        shutil.copyfile(settings, os.path.join(args.into, os.path.basename(settings)))
metadata, tensors = files.read(args.source + "/model.safetensors")
kept = {name: tensor for name, tensor in tensors.items()
        if any(name.startswith(layer + ".") for layer in layers)}
files.write(args.into + "/model.safetensors", kept, metadata)
expected = {layer: files.smallest(weights(path), args.rounded) for layer, path in layers.items()}
files.write(args.into + "/expected.safetensors", expected, {"method": args.method, "tool": args.tool})
