"""Layers as compressed-tensors 0.20 (and 0.11, sparse) saves them under each preset of its, written by its
formulas in numpy: weight = (code - zero) * scale, or element * scale / global scale; x @ H / sqrt(k) under a
transform. made_compressed_tensors.py [FROM], where FROM is ct_quip2 of llm-compressor 0.14, cut to two layers."""
import os
import sys

import ml_dtypes
import numpy as np

import files

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(12)
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
FP4 = np.concatenate([FP4, -FP4])


def model(name, groups, tensors, expected, plain="", **more):
    config = {"quant_method": "compressed-tensors", "quantization_status": "compressed", "ignore": ["lm_head"],
              "config_groups": {f"group_{i}": group for i, group in enumerate(groups)}, **more}
    files.folder(f"{HERE}/compressed_tensors_{name}", {"model_type": "llama", "quantization_config": config}, tensors,
                 expected, {"method": "compressed-tensors", "tool": "compressed-tensors 0.20", "plain": plain})


def weights(bits, strategy, group=None, symmetric=True, kind="int", targets=("Linear",), fmt="pack-quantized", **more):
    return {"format": fmt, "targets": list(targets), "input_activations": None, "output_activations": None,
            "weights": {"num_bits": bits, "type": kind, "strategy": strategy, "group_size": group,
                        "symmetric": symmetric, "dynamic": False, "actorder": None, "block_structure": None, **more}}


def scales(*shape, kind=ml_dtypes.bfloat16):
    """Of three significant bits, so that weights fit 16 bits."""
    return (rng.integers(4, 8, shape) * 2.0 ** -rng.integers(7, 10, shape)).astype(kind)


def words(fields, bits):
    """Rows of fields in words of 32 bits, those of a last word that are missing 0."""
    per = 32 // bits
    fields = np.pad(fields.astype(np.uint32), ((0, 0), (0, -fields.shape[1] % per)))
    return sum(fields[:, i::per] << np.uint32(bits * i) for i in range(per)).astype(np.uint32).view(np.int32)


def packed(layer, n, k, bits, group, symmetric=True, order=None):
    """A layer of pack-quantized, and its weights."""
    groups = -(-k // group)
    low = -(1 << (bits - 1))
    codes = rng.integers(low, -low, (n, k))
    scale = scales(n, groups)
    of = np.arange(k) // group if order is None else order
    tensors = {"weight_packed": files.tensor(words(codes - low, bits)), "weight_scale": files.tensor(scale),
               "weight_shape": files.tensor(np.array([n, k], np.int64))}
    zero = np.zeros((n, groups), np.int64)
    if not symmetric:
        zero = rng.integers(low, -low, (n, groups))
        # Packed down the outputs.
        tensors["weight_zero_point"] = files.tensor(np.ascontiguousarray(words((zero - low).T, bits).T))
    if order is not None:
        tensors["weight_g_idx"] = files.tensor(of.astype(np.int32))
    value = (codes - zero[:, of]) * scale.astype(np.float32)[:, of]
    return {f"{layer}.{part}": tensor for part, tensor in tensors.items()}, value


def one(name, group, parts, **more):
    tensors, value = parts
    model(name, [group], tensors, {"m.l": value}, **more)


one("w4a16", weights(4, "group", 128), packed("m.l", 16, 256, 4, 128))
one("w4a16_asym", weights(4, "group", 128, False), packed("m.l", 16, 256, 4, 128, False))
one("w8a16", weights(8, "channel"), packed("m.l", 16, 96, 8, 96))
one("short_group", weights(4, "group", 32), packed("m.l", 2, 4304, 4, 32))
order = rng.permutation(np.arange(256) // 64)
one("actorder_group", weights(4, "group", 64, actorder="group"), packed("m.l", 16, 256, 4, 64, order=order))
one("actorder_weight", weights(4, "group", 64, False, actorder="weight"), packed("m.l", 16, 256, 4, 64, False))

# Several groups, a layer that is ignored, scales of a cache, which are no layer's.
four, first = packed("m.mlp.up", 16, 256, 4, 128)
eight, second = packed("m.attn.q", 16, 256, 8, 256)
model("several_groups", [weights(4, "group", 128, targets=["re:.*mlp.*"]), weights(8, "channel", targets=["re:.*q$"])],
      {**four, **eight, "lm_head.weight": files.tensor(scales(4, 256)),
       "m.attn.k_scale": files.tensor(np.float32([0.5])), "m.attn.v_scale": files.tensor(np.float32([0.25]))},
      {"m.mlp.up": first, "m.attn.q": second}, "lm_head",
      kv_cache_scheme={"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False, "symmetric": True})


def bytewise(name, group, codes, scale, value, **parts):
    tensors = {"m.l.weight": files.tensor(codes), "m.l.weight_scale": files.tensor(scale)}
    tensors |= {f"m.l.{part}": files.tensor(array) for part, array in parts.items()}
    one(name, group, (tensors, value))


codes = rng.integers(-128, 128, (16, 64)).astype(np.int8)
scale = scales(16, 1)
value = codes * scale.astype(np.float32)
bytewise("w8a8", weights(8, "channel", fmt="int-quantized"), codes, scale, value)
zero = rng.integers(-128, 128, (16, 1)).astype(np.int8)
value = (codes.astype(np.float32) - zero) * scale.astype(np.float32)
bytewise("w8a8_asym", weights(8, "channel", None, False, fmt="int-quantized"), codes, scale, value,
         weight_zero_point=zero)
codes = rng.integers(-8, 8, (16, 256)).astype(np.int8)
scale = scales(16, 2)
bytewise("w4a8", weights(4, "group", 128, fmt="int-quantized"), codes, scale,
         codes * np.repeat(scale.astype(np.float32), 128, 1))

floats = rng.standard_normal((160, 200)).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
small = floats[:16, :64]
scale = scales(1)
bytewise("fp8", weights(8, "tensor", kind="float", fmt="float-quantized"), small, scale,
         small.astype(np.float32) * scale.astype(np.float32), input_scale=np.float32([1]))
scale = scales(16, 1)
bytewise("fp8_dynamic", weights(8, "channel", kind="float", fmt="float-quantized"), small, scale,
         small.astype(np.float32) * scale.astype(np.float32))
for name, structure in (("fp8_block", [128, 128]), ("fp8_block_text", "128x128")):
    scale = scales(2, 2)
    whole = np.repeat(np.repeat(scale.astype(np.float32), 128, 0), 128, 1)[:160, :200]
    bytewise(name, weights(8, "block", kind="float", fmt="float-quantized", block_structure=structure), floats, scale,
             floats.astype(np.float32) * whole)


def fp4(n, k):
    codes = rng.integers(0, 16, (n, k))
    return codes, (codes[:, ::2] | codes[:, 1::2] << 4).astype(np.uint8)


for name, activations in (("nvfp4", {"num_bits": 4, "type": "float", "strategy": "tensor_group"}), ("nvfp4a16", None)):
    codes, pairs = fp4(8, 64)
    scale = scales(8, 4, kind=ml_dtypes.float8_e4m3fn)
    group = weights(4, "tensor_group", 16, kind="float", fmt="nvfp4-pack-quantized")
    group["input_activations"] = activations
    one(name, group, ({"m.l.weight_packed": files.tensor(pairs), "m.l.weight_scale": files.tensor(scale),
                       "m.l.weight_global_scale": files.tensor(np.float32([48.0])),
                       "m.l.input_global_scale": files.tensor(np.float32([12.0]))},
                      FP4[codes] * np.repeat(scale.astype(np.float32), 16, 1) / np.float32(48)))
codes, pairs = fp4(8, 64)
power = rng.integers(118, 124, (8, 2)).astype(np.uint8)
one("mxfp4", weights(4, "group", 32, kind="float", fmt="mxfp4-pack-quantized"),
    ({"m.l.weight_packed": files.tensor(pairs), "m.l.weight_scale": files.tensor(power)},
     FP4[codes] * np.repeat(np.exp2(power.astype(np.float32) - 127), 32, 1)))

# Sparse: 8-bit floats of which two of four stay, and whatever stays of bf16.
sparsity = {"format": "sparse-24-bitmask", "sparsity_structure": "2:4", "targets": ["Linear"], "ignore": []}
mask = np.zeros((16, 16, 4), bool)
np.put_along_axis(mask, rng.permuted(np.tile(np.arange(4), (16, 16, 1)), axis=2)[..., :2], True, axis=2)
mask = mask.reshape(16, 64)
scale = scales(16, 1)
dense = np.where(mask, small.astype(np.float32), 0)


def sparse(mask, values):
    return {"m.l.shape": files.tensor(np.array([*mask.shape], np.int64).reshape(-1, 1)),
            "m.l.bitmask": files.tensor(np.packbits(mask, axis=-1, bitorder="little")),
            "m.l.compressed": files.tensor(values)}


one("sparse24_fp8", weights(8, "channel", kind="float", fmt="float-quantized"),
    ({**sparse(mask, small[mask].reshape(16, 32)), "m.l.weight_scale": files.tensor(scale)},
     dense * scale.astype(np.float32)), sparsity_config=sparsity)
values = np.where(rng.random((9, 20)) < 0.3, scales(9, 20), 0).astype(ml_dtypes.bfloat16)
mask = values != 0
model("sparse_bitmask", [],
      {**sparse(mask, values[mask]), "m.l.row_offsets": files.tensor(np.cumsum(mask.sum(1)) - mask.sum(1))},
      {"m.l": values.astype(np.float32)}, format="dense", sparsity_config={**sparsity, "format": "sparse-bitmask"})


# Transforms: products, since weights turned back are rounded.
def hadamard(k):
    matrix = np.ones((1, 1))
    while len(matrix) < k:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def scheme(kind, **args):
    apply = {"targets": ["re:.*down$"], "ignore": [], "location": "input", "inverse": False, **args}
    return {"type": kind, "randomize": False, "head_dim": None, "requires_grad": False,
            "apply": [apply, {**apply, "location": "weight_input", "inverse": True}]}


def transformed(name, matrix, stored, scheme):
    down, value = packed("m.down", 8, 64, 4, 32)
    up, plain = packed("m.up", 8, 64, 4, 32)
    x = rng.standard_normal((2, 64)).astype(np.float32)
    blocks = x.reshape(2, -1, len(matrix)) @ matrix / len(matrix) ** 0.5
    expected = {"m.up": plain, "m.down.x": x, "m.down.y": (blocks.reshape(2, 64) @ value.T).astype(np.float32)}
    model(name, [weights(4, "group", 32)], {**down, **up, **stored}, expected,
          transform_config={"config_groups": {"R4": scheme}})


H = hadamard(64)
transformed("r4_hadamard", H, {}, scheme("hadamard"))
transformed("r4_head_dim", hadamard(16), {}, scheme("hadamard") | {"head_dim": 16})
signs = rng.integers(0, 2, 64) * 2.0 - 1
# Stored once, by the first of the layers that share it.
matrix = {"m.other.R4_input.weight": files.tensor((signs[:, None] * H).astype(np.float32))}
transformed("r4_random_hadamard", signs[:, None] * H, matrix, scheme("random-hadamard"))


def refused(name, scheme, lines, **stored):
    down, _ = packed("m.down", 8, 64, 4, 32)
    config = {"quant_method": "compressed-tensors", "config_groups": {"group_0": weights(4, "group", 32)},
              "transform_config": {"config_groups": {"R4": scheme}}}
    files.folder(f"{HERE}/refused_compressed_tensors_{name}", {"quantization_config": config}, {**down, **stored},
                 refused=lines)


refused("random_matrix", scheme("random-matrix"), ["m.down", "R4", "hadamard", "random-matrix"])
refused("randomize", scheme("hadamard") | {"randomize": True}, ["m.down", "R4", "randomize"])
refused("no_matrix", scheme("random-hadamard"), ["m.down", "R4", "a stored matrix"])
refused("other_matrix", scheme("hadamard"), ["m.down", "R4", "another matrix"],
        **{"m.down.R4_input.weight": files.tensor((signs[None] * H).astype(np.float32))})
refused("pattern", scheme("hadamard", targets=["re:(?!x).*"]), ["m.down", "a plain pattern", "(?!x)"])

if len(sys.argv) > 1:
    metadata, tensors = files.read(sys.argv[1] + "/model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if ".q_proj." in name or ".k_proj." in name}
    expected = {}
    for layer in ("q_proj", "k_proj"):
        layer = f"model.layers.0.self_attn.{layer}"
        fields = np.frombuffer(kept[f"{layer}.weight_packed"][2], np.uint32).reshape(-1, 16)
        codes = np.stack([fields >> np.uint32(4 * i) & 15 for i in range(8)], -1).reshape(-1, 128) - 8.0
        scale = np.frombuffer(kept[f"{layer}.weight_scale"][2], ml_dtypes.bfloat16).reshape(-1, 4)
        x = rng.standard_normal((2, 128)).astype(np.float32)
        y = x @ hadamard(128) / 128 ** 0.5 @ (codes * np.repeat(scale.astype(np.float32), 32, 1)).T
        expected |= {layer + ".x": x, layer + ".y": y.astype(np.float32)}
    files.folder(HERE + "/compressed_tensors_quip", sys.argv[1] + "/config.json", kept, expected,
                 {"method": "compressed-tensors", "tool": "llm-compressor 0.14"}, metadata=metadata)
