"""Layers as NVIDIA's Model Optimizer 0.47 exports them (export/quant_utils.py, to_quantized_weight). FROM holds
mo_int4_awq, mo_int8_sq and mo_fp8_pb, one layer of each as the tool wrote it, of which some rows are kept.

made_modelopt.py [FROM]"""
import os
import sys

import ml_dtypes
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(14)
SAYS = {"method": "modelopt", "tool": "modelopt 0.47"}
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
FP4 = np.concatenate([FP4, -FP4])


def int4(packed, scale, group):
    """Rows 2i and 2i + 1 are the low and high nibbles of row i."""
    codes = np.stack([packed & 15, packed >> 4], 1).reshape(-1, packed.shape[1]).astype(np.int8)
    return np.where(codes > 7, codes - 16, codes) * np.repeat(scale, group, 1)


def model(name, algorithm, tensors, expected):
    config = {"quantization_config": {"quant_method": "modelopt", "quant_algo": algorithm}}
    files.folder(f"{HERE}/modelopt_{name}", config, tensors, expected, SAYS)


packed = rng.integers(0, 256, (4, 256)).astype(np.uint8)
scale = rng.random((8, 2)).astype(np.float32)
inputs = (rng.random(256) + 0.5).astype(ml_dtypes.bfloat16)
x = rng.standard_normal((2, 256)).astype(np.float32)
value = int4(packed, scale, 128)
tensors = {"m.l.weight": files.tensor(packed), "m.l.weight_scale": files.tensor(scale),
           "m.l.pre_quant_scale": files.tensor(inputs), "m.l.input_scale": files.tensor(np.float32(0.5))}
y = ((x * inputs.astype(np.float32)).astype(np.float64) @ value.T.astype(np.float64)).astype(np.float32)
model("w4a8", "W4A8_AWQ", {**tensors, "m.l.weight_scale_2": files.tensor(np.float32(0.25))},
      {"m.l.x": x, "m.l.y": y})

codes = rng.integers(0, 16, (8, 64))
pairs = (codes[:, ::2] | codes[:, 1::2] << 4).astype(np.uint8)
power = rng.integers(118, 124, (8, 2)).astype(np.uint8)
model("mxfp4", "W4A8_MXFP4_FP8", {"m.l.weight": files.tensor(pairs), "m.l.weight_scale": files.tensor(power)},
      {"m.l": FP4[codes] * np.repeat(np.exp2(power.astype(np.float32) - 127), 32, 1)})
weight = rng.standard_normal((8, 64)).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
model("mxfp8", "MXFP8", {"m.l.weight": files.tensor(weight), "m.l.weight_scale": files.tensor(power)},
      {"m.l": weight.astype(np.float32) * np.repeat(np.exp2(power.astype(np.float32) - 127), 32, 1)})
scale = rng.random(8).astype(np.float32)
model("fp8_rows", "FP8_PER_CHANNEL_PER_TOKEN",
      {"m.l.weight": files.tensor(weight), "m.l.weight_scale": files.tensor(scale)},
      {"m.l": weight.astype(np.float32) * scale[:, None]})
files.folder(HERE + "/refused_modelopt_svdquant",
             {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4_SVD"}},
             {"m.l.weight": files.tensor(pairs), "m.l.weight_scale": files.tensor(weight[:, :4]),
              "m.l.weight_scale_2": files.tensor(np.float32(1)), "m.l.svdquant_lora_a": files.tensor(weight[:4])},
             refused=["m.l", "svdquant_lora_a"])
files.folder(HERE + "/refused_modelopt_experts", {"quantization_config": {"quant_method": "modelopt"}},
             {"m.experts.up": files.tensor(pairs[None]), "m.experts.up_weight_scale": files.tensor(weight[None, :, :4])},
             refused=["m.experts.up", "experts in one tensor"])


def real(name, rows, value):
    """The first rows of a layer; `value` computes its weights from its arrays."""
    folder = f"{sys.argv[1]}/mo_{name}"
    metadata, tensors = files.read(folder + "/model.safetensors")
    layer = next(iter(tensors)).rsplit(".", 1)[0]
    arrays = {}
    for full, (dtype, shape, data) in tensors.items():
        array = np.frombuffer(data, files.NAMES[dtype]).reshape(shape)
        part = full.rsplit(".", 1)[1]
        whole = part in ("pre_quant_scale", "input_scale")
        arrays[part] = array if whole else array[:rows // 2 if dtype == "U8" else rows]
    kept = {f"{layer}.{part}": files.tensor(array) for part, array in arrays.items()}
    files.folder(f"{HERE}/modelopt_{name}", folder + "/config.json", kept, value(layer, arrays), SAYS, metadata=metadata)


def int8(layer, a):
    inputs, codes = a["pre_quant_scale"].astype(np.float32), a["weight"] * a["weight_scale"][:, None]
    x = rng.standard_normal((2, len(inputs))).astype(np.float32)
    y = (x * inputs).astype(np.float64) @ codes.T.astype(np.float64)
    return {layer + ".x": x, layer + ".y": y.astype(np.float32)}


if len(sys.argv) > 1:
    real("int4_awq", 32, lambda layer, a: {layer: int4(a["weight"], a["weight_scale"], 128)})
    real("int8_sq", 32, int8)
    # There is only one block of rows, so all are kept.
    real("fp8_pb", 128, lambda layer, a: {
        layer: a["weight"].astype(np.float32) * np.repeat(np.repeat(a["weight_scale"][:, 0, :, 0], 128, 0), 128, 1)})
