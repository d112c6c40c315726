"""Makes the checkpoints whose tools are not run here: their tensors are packed as the tools' sources do it, and the
expected weights come from the numbers before packing. `made_mlx.py` runs MLX itself.

Scales have few bits, so that weights are exact in f16 and the files stay small."""
import json
import os

import ml_dtypes
import numpy as np

import files

random = np.random.default_rng(12)
HERE = os.path.dirname(os.path.abspath(__file__))


def folder(name, config, tensors, expected, tool, method, beside=None, plain="", file="model.safetensors", metadata=None):
    path = os.path.join(HERE, name)
    os.makedirs(path, exist_ok=True)
    for settings, value in {"config.json": config, **(beside or {})}.items():
        with open(os.path.join(path, settings), "w") as out:
            json.dump(value, out)
            out.write("\n")
    files.write(os.path.join(path, file), tensors, metadata)
    expected = {layer: files.smallest(weights) for layer, weights in expected.items()}
    said = {"method": method, "tool": tool, "plain": plain}
    files.write(os.path.join(path, "expected.safetensors"), expected, said)


def scales(*shape):
    return (random.integers(1, 8, shape) / 64).astype(np.float16)


def named(layer, parts):
    return {f"{layer}.{part}": files.tensor(value) for part, value in parts.items()}


def quantized(method, **settings):
    return {"model_type": "llama", "quantization_config": {"quant_method": method, **settings}}


def stream(values, bits):
    """Rows of fields as rows of 32-bit words, fields lowest first and across words."""
    ones = (values[..., None] >> np.arange(bits)) & 1
    ones = ones.astype(np.uint8).reshape(len(values), -1)
    return np.packbits(ones, axis=1, bitorder="little").view(np.uint32)


# ---- GPTQ. What is taken from the words of zero points by GPTQModel, from 7.0 on and before.
ONES = {2: [0x55555555], 4: [0x11111111], 8: [0x01010101]}
SWAPPED = {**ONES, 3: [0x24924924, 0x92492492, 0x49249249]}


def gptq(n, k, group, bits, store="fields", act_order=False, zeros=None):
    """Zero points stored `plain` (v2), one lower by `fields`, or in whole `words` of a table."""
    groups = -(-k // group)
    of = np.arange(k) // group
    if act_order:
        of = random.permutation(of)
    codes = random.integers(0, 1 << bits, (k, n))
    zeros = random.integers(*(zeros or (0, 1 << bits)), (groups, n))
    scale = scales(groups, n)
    if store == "fields":
        qzeros = stream((zeros - 1) & ((1 << bits) - 1), bits)
    else:
        qzeros = stream(zeros, bits)
        if store != "plain":
            table = np.resize(np.array(store[bits], np.uint32), qzeros.shape[1])
            qzeros = qzeros - table
    parts = {"qweight": stream(codes.T, bits).T.view(np.int32), "qzeros": qzeros.view(np.int32), "scales": scale}
    if act_order:
        parts["g_idx"] = of.astype(np.int32)
    return (scale[of].astype(np.float32) * (codes - zeros[of])).T, parts


def layers(made):
    return {name: weights for name, (weights, _) in made.items()}, \
        {key: tensor for name, (_, parts) in made.items() for key, tensor in named(name, parts).items()}


plain = (random.integers(-8, 8, (8, 32)) / 4).astype(np.float16)
by_bits = {f".*b{bits}": {"bits": bits, "group_size": 32} for bits in (2, 3, 8)}
settings = {"bits": 4, "group_size": 32, "sym": False, "desc_act": False, "checkpoint_format": "gptq"}

# Groups that do not divide k, with and without act-order, and layers of other bits and groups.
made = {
    "m.a": gptq(32, 224, 128, 4, zeros=(1, 16)),
    "m.act": gptq(32, 224, 128, 4, act_order=True, zeros=(1, 16)),
    "m.b8": gptq(32, 96, 32, 8, zeros=(1, 256)),
    "m.whole": gptq(32, 96, 96, 4, zeros=(1, 16)),
}
expected, tensors = layers(made)
tensors["m.skipped.weight"] = files.tensor(plain)
dynamic = {"+:.*b8$": {"bits": 8, "group_size": 32}, "m\\.whole": {"group_size": -1}, "-:.*skipped": {}}
folder("gptq_dynamic", quantized("gptq", **{**settings, "group_size": 128, "dynamic": dynamic}), tensors, expected,
       "AutoGPTQ 0.7.1's packing (qlinear_cuda_old.py), GPTQModel's dynamic", "gptq", plain="m.skipped")

for name, store, meta in (
        ("gptq_v1_gptqmodel_5", SWAPPED, "gptqmodel:5.0.0"),
        ("gptq_v1_gptqmodel_7", {**ONES, 3: None}, "gptqmodel:7.7.0"),
        ("gptq_v2", None, "gptqmodel:7.7.0")):
    made = {f"m.b{bits}": gptq(32, 64, 32, bits, "plain" if store is None else store if store[bits] else "fields")
            for bits in (2, 3, 4, 8)}
    expected, tensors = layers(made)
    version = "gptq_v2" if store is None else "gptq"
    folder(name, quantized("gptq", **{**settings, "checkpoint_format": version, "dynamic": by_bits,
                                      "meta": {"quantizer": ["optimum:1.24.0", meta]}}),
           tensors, expected, f"{meta.replace(':', ' ')}'s packing (utils/model.py)", "gptq")

# Zero points of 0 as AutoGPTQ reads them: all ones.
expected, tensors = layers({"m.a": gptq(32, 64, 32, 4)})
folder("gptq_v1_autogptq", quantized("gptq", **settings), tensors, expected,
       "AutoGPTQ 0.7.1's reading (qlinear_cuda_old.py)", "gptq")

# ---- AutoRound: its own packing (zero points as they are), with layers of other bits by name and by pattern.
made = {
    "m.a": gptq(32, 64, 32, 4, "plain"),
    "m.b2": gptq(32, 64, 64, 2, "plain"),
    "m.c.b5": gptq(32, 64, 32, 5, "plain"),
    "m.b3": gptq(32, 224, 128, 3, "plain"),
}
expected, tensors = layers(made)
tensors["m.skipped.weight"] = files.tensor(plain)
extra = {"m.b2": {"bits": 2, "group_size": 64}, "c\\.b5": {"bits": 5}, ".*b3.*": {"bits": 3, "group_size": 128},
         "m.skipped": {"bits": 16, "data_type": "float"}}
folder("auto_round", quantized("auto-round", bits=4, group_size=32, sym=False, data_type="int",
                               packing_format="auto_round", autoround_version="0.16.1", extra_config=extra),
       tensors, expected, "auto-round 0.16.1's packing (qlinear_torch.py, bit_packing.py)", "auto-round",
       plain="m.skipped")

# ---- AWQ.
ORDER = [0, 2, 4, 6, 1, 3, 5, 7]


def awq(n, k, group):
    codes, zeros = random.integers(0, 16, (k, n)), random.integers(0, 16, (k // group, n))
    scale = scales(k // group, n)
    of = np.arange(k) // group
    return codes, zeros, scale, (scale[of].astype(np.float32) * (codes - zeros[of])).T


def gemm_words(values):
    return stream(values.reshape(len(values), -1, 8)[:, :, ORDER].reshape(values.shape), 4).view(np.int32)


def gemm(n, k, group):
    codes, zeros, scale, weights = awq(n, k, group)
    return weights, {"qweight": gemm_words(codes), "qzeros": gemm_words(zeros), "scales": scale}


def padded(groups, group):
    words = -(-groups // 8)
    multiple = {32: 4, 64: 2}.get(group, 1)
    return -(-words // multiple) * multiple * 8


def gemv(n, k, group):
    codes, zeros, scale, weights = awq(n, k, group)
    room = ((0, 0), (0, padded(k // group, group) - k // group))
    return weights, {"qweight": stream(codes.T, 4).view(np.int32),
                     "qzeros": stream(np.pad(zeros.T, room), 4).view(np.int32), "scales": np.pad(scale.T, room)}


def gemv_fast(n, k, group):
    codes, zeros, scale, weights = awq(n, k, group)
    # `pack_intweight` of gemv_fast.py.
    order = codes.T.reshape(n, k // 32, 4, 4, 2).transpose(0, 1, 3, 2, 4).reshape(n, k // 32, 4, 4, 2)
    order = order.transpose(0, 1, 2, 4, 3).reshape(n // 4, 4, k // 64, 64).transpose(0, 2, 1, 3)
    fours = order.reshape(n // 4, k, 4)
    qweight = (fours << np.array([0, 4, 8, 12])).sum(axis=2).astype(np.uint16).view(np.int16)
    room = ((0, padded(k // group, group) - k // group), (0, 0))
    return weights, {"qweight": qweight, "scales": np.pad(scale, room),
                     "scaled_zeros": np.pad((-scale * zeros).astype(np.float16), room)}


tool = "AutoAWQ 0.2.9's packing"
expected, tensors = layers({"m.q": gemm(32, 128, 64)})
folder("awq_gemm_format_key", quantized("awq", bits=4, group_size=64, zero_point=True, format="gemm", backend="auto"),
       tensors, expected, tool + ", transformers 5.24's settings", "awq")
folder("awq_quant_config", {"model_type": "opt"}, tensors, expected, tool + ", settings of before 0.1.6", "awq",
       beside={"quant_config.json": {"zero_point": True, "q_group_size": 64, "w_bit": 4, "version": "GEMM"}})
folder("auto_round_awq", quantized("auto-round", bits=4, group_size=64, packing_format="auto_round:auto_awq"),
       tensors, expected, tool + ", auto-round 0.16.1's settings", "auto-round")
expected, tensors = layers({"m.q": gemv(16, 256, 32)})
folder("awq_gemv_format_key", quantized("awq", bits=4, group_size=32, format="gemv"), tensors, expected,
       tool + " (gemv.py)", "awq")
expected, tensors = layers({"m.q": gemv_fast(16, 256, 64), "m.k": gemv_fast(8, 128, 64)})
folder("awq_gemv_fast", quantized("awq", bits=4, group_size=64, version="gemv_fast"), tensors, expected,
       tool + " (gemv_fast.py)", "awq")

# ---- bitsandbytes: the codes under other types, experts in one parameter, names tied by `save_model`.
NF4 = np.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
                0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
                0.7229568362236023, 1.0], np.float32)


def nf4(name, shape, storage):
    codes = random.integers(0, 16, shape)
    absmax = (2.0 ** random.integers(-3, 3, codes.size // 64)).astype(np.float32)
    state = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": list(shape)}).encode()
    pairs = codes.reshape(-1, 2)
    packed = (pairs[:, 0] << 4 | pairs[:, 1]).astype(np.uint8).view(files.NAMES[storage]).reshape(-1, 1)
    weights = (NF4[codes].reshape(-1, 64) * absmax[:, None]).reshape(shape)
    return weights, {name: files.tensor(packed), name + ".absmax": files.tensor(absmax),
                     name + ".quant_map": files.tensor(NF4),
                     name + ".quant_state.bitsandbytes__nf4": files.tensor(np.frombuffer(state, np.uint8))}


bnb = quantized("bitsandbytes", load_in_4bit=True, bnb_4bit_quant_type="nf4")
expected, tensors = {}, {}
for storage in ("F16", "F32", "U8"):
    expected[f"m.{storage}"], parts = nf4(f"m.{storage}.weight", (8, 64), storage)
    tensors.update(parts)
expected["m.experts.gate_up_proj"], parts = nf4("m.experts.gate_up_proj", (2, 8, 64), "U8")
tensors.update(parts)
tensors["m.embed.weight"] = files.tensor(plain)
folder("bitsandbytes_storages_experts", bnb, tensors, expected, "bitsandbytes 0.50.2's packing (parametrize.py)",
       "bitsandbytes", plain="m.embed lm_head", metadata={"format": "pt", "lm_head.weight": "m.embed.weight"})

# ---- HQQ as transformers saves it: one tensor for each setting, or settings by kind of layer.
codes = random.integers(0, 16, (64, 64))
scale, zero = scales(64, 1), (random.integers(0, 64, (64, 1)) / 4).astype(np.float16)
weights = ((codes - zero.astype(np.float32)) * scale).reshape(32, 128)
parts = {"W_q": (codes[:32] << 4 | codes[32:]).astype(np.uint8), "scale": scale, "zero": zero,
         "shape": np.array([32, 128], np.int64)}
name = "model.language_model.layers.0.self_attn.q_proj"
kind = {"weight_quant_params": {"nbits": 4, "group_size": 64, "axis": 1, "view_as_float": False}}
folder("hqq_by_kind", quantized("hqq", quant_config={"language_model.self_attn.q_proj": kind}, skip_modules=["lm_head"]),
       named(name, parts), {name: weights}, "hqq 0.2's packing, transformers 5.24's settings", "hqq")

# ---- What is refused by its name.
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
    parts = {"qweight": np.zeros((1, 8), np.int32), "qzeros": np.zeros((1, 1), np.int32), "scales": scales(1, 8)}
    files.write(path + "/model.safetensors", named("m.q", parts))
