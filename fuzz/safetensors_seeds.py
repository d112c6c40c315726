"""Writes the seeds of the target `safetensors`: a small layer of every method that lowbit reads.

python3 fuzz/safetensors_seeds.py, without packages. fuzz/src/checkpoint.rs documents the inputs.
"""

import json
import struct
from pathlib import Path

OUT = Path(__file__).parent / "corpus" / "safetensors"
# The bits of 1.0 in each type, since values are given as integers.
F16, BF16, F32 = 15360, 16256, 1065353216
DATA = bytes(range(1, 120, 3))


def seed(name, config, lines):
    text = json.dumps(config) if config is not None else ""
    (OUT / name).write_bytes(b"\0".join([text.encode(), "\n".join(lines).encode(), DATA]))


def method(name, **settings):
    return {"quantization_config": {"quant_method": name, **settings}}


def compressed(form, **weights):
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    return method("compressed-tensors", format=form, ignore=["lm_head"], config_groups=groups)


def bits_of(floats):
    return " ".join(str(struct.unpack("<i", struct.pack("<f", x))[0]) for x in floats)


# bitsandbytes' NF4 levels; the reader compares those in a file with them.
NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
]


def state(kind, **more):
    return "'" + json.dumps({"quant_type": kind, "blocksize": 64, "shape": [4, 64], **more})


OUT.mkdir(parents=True, exist_ok=True)
seed("plain", None, [
    f"a.weight F32 2,4 {F32}", f"b.weight BF16 1,3 {BF16}", f"b.bias BF16 1 {BF16}", f"n.weight F16 3 {F16}",
])
for bits in (2, 3, 4, 8):
    form = "gptq" if bits == 4 else "gptq_v2"
    order = ["a.g_idx I32 64 0 1"] if bits == 8 else []
    seed(f"gptq_{bits}", method("gptq", bits=bits, group_size=32, checkpoint_format=form), [
        f"a.qweight I32 {2 * bits},32", f"a.qzeros I32 2,{bits}", f"a.scales F16 2,32 {F16}",
        f"a.bias F16 32 {F16}", *order,
    ])
seed("gptq_dynamic", method("gptq", bits=4, group_size=-1, dynamic={".*a": {"bits": 8}}),
     ["a.qweight I32 8,8", "a.qzeros I32 1,2", f"a.scales F16 1,8 {F16}"])
seed("awq", method("awq", bits=4, group_size=32, version="gemm", zero_point=True),
     ["a.qweight I32 64,2", "a.qzeros I32 2,2", f"a.scales F16 2,16 {F16}"])

seed("bnb_nf4", method("bitsandbytes", load_in_4bit=True), [
    "a.weight U8 128,1", f"a.weight.absmax F32 4 {F32}", "a.weight.quant_map F32 16 " + bits_of(NF4),
    "a.weight.quant_state.bitsandbytes__nf4 U8 * " + state("nf4"),
])
seed("bnb_fp4", method("bitsandbytes", load_in_4bit=True), [
    "a.weight U8 128,1", f"a.weight.absmax F32 4 {F32}",
    "a.weight.quant_state.bitsandbytes__fp4 U8 * " + state("fp4"),
])
seed("bnb_nested", None, [
    "a.weight U8 128,1", "a.weight.absmax U8 4", f"a.weight.nested_absmax F32 1 {F32}",
    f"a.weight.nested_quant_map F32 256 {F32}",
    "a.weight.quant_state.bitsandbytes__nf4 U8 * " + state("nf4", nested_blocksize=256, nested_offset=0.5),
])
seed("bnb_int8", method("bitsandbytes", load_in_8bit=True),
     ["a.weight I8 4,16", f"a.SCB F32 4 {F32}", "a.weight_format U8  0"])

for bits in (3, 4, 8):
    more = ["a.weight_zero_point I32 1,2", "a.weight_g_idx I32 64 0 1"] if bits == 4 else []
    seed(f"ct_pack_{bits}", compressed("pack-quantized", num_bits=bits), [
        f"a.weight_packed I32 8,{2 * bits}", f"a.weight_scale F32 8,2 {F32}", "a.weight_shape I64 2 8 64", *more,
    ])
seed("ct_int", compressed("int-quantized"),
     ["a.weight I8 4,16", f"a.weight_scale F32 4,1 {F32}", "a.weight_zero_point I8 4,1 1"])
seed("ct_fp8", compressed("float-quantized"), ["a.weight F8_E4M3 4,16", f"a.weight_scale F32 4,1 {F32}"])
seed("ct_fp8_block", compressed("float-quantized", block_structure=[2, 8]),
     ["a.weight F8_E5M2 4,16", f"a.weight_scale F32 2,2 {F32}"])
seed("ct_nvfp4", compressed("nvfp4-pack-quantized"), [
    "a.weight_packed U8 4,16", "a.weight_scale F8_E4M3 4,2", f"a.weight_global_scale F32 1 {F32}",
])
seed("ct_mxfp4", compressed("mxfp4-pack-quantized"), ["a.weight_packed U8 4,32", "a.weight_scale U8 4,2 127"])
seed("ct_mxfp6", compressed("mxfp6-pack-quantized"), ["a.weight_packed U8 4,48", "a.weight_scale U8 4,2 127"])
seed("ct_mxfp8", compressed("mxfp8-quantized"), ["a.weight F8_E4M3 4,64", "a.weight_scale U8 4,2 127"])
sparse = ["a.shape I64 2,1 2 16", "a.bitmask U8 2,2 51 204"]
seed("ct_sparse", compressed("dense"), [*sparse, f"a.compressed F16 2,8 {F16}"])
seed("ct_sparse_fp8", compressed("float-quantized"),
     [*sparse, "a.compressed F8_E4M3 2,8", f"a.weight_scale F32 2,1 {F32}"])
rotated = compressed("int-quantized")
rotated["quantization_config"]["transform_config"] = {"config_groups": {"R": {
    "type": "random-hadamard", "head_dim": 2,
    "apply": [{"targets": ["re:.*a$"], "ignore": ["b"], "location": "input", "inverse": True}]}}}
seed("ct_rotated", rotated, ["a.weight I8 4,16", f"a.weight_scale F32 4,1 {F32}",
                             "a.R_input.weight F32 2,2 " + bits_of([1, 1, 1, -1])])

for bits in (8, 4, 3, 2, 1):
    # 16 groups of 8, packed along the first dimension; ten codes of 3 bits to a word.
    per = 10 if bits == 3 else 8 // bits
    for axis, rows, columns, count in ((0, 8, 16, "1,16"), (1, 16, 8, "16,1")):
        seed(f"hqq_{bits}_{axis}", method("hqq", quant_config={}), [
            f"a.W_q {'I32' if bits == 3 else 'U8'} {-(-rows // per)},{columns}",
            f"a.scale F32 {count} {F32}", f"a.zero F32 {count} {F32}", "a.shape I64 2 8 16",
            f"a.nbits I32  {bits}", "a.group_size I32  8", f"a.axis I32  {axis}",
        ])
seed("hqq_config", method("hqq", quant_config={"weight_quant_params": {"nbits": 4, "group_size": 8, "axis": 1}}),
     ["a.W_q U8 8,8", f"a.scale F16 16,1 {F16}", f"a.zero F16 16,1 {F16}", "a.shape I64 2 8 16"])

for bits in (2, 4):
    seed(f"quanto_{bits}", method("quanto"), [
        f"a.weight._data._data U8 {bits},16", f"a.weight._scale F32 8,1 {F32}", f"a.weight._shift F32 8,1 {F32}",
        f"a.bias F32 4 {F32}",
    ])
# The shape is [4, 128], which only a call of `linear_of` can say.
seed("quanto_of", method("quanto"),
     ["a.weight._data U8 4,64", f"a.weight._scale F32 8,1 {F32}", f"a.weight._shift F32 8,1 {F32}"])
seed("quanto_int8", method("optimum-quanto"), ["a.weight._data I8 4,16", f"a.weight._scale F32 4,1 {F32}"])
seed("quanto_fp8", method("quanto"), ["a.weight._data F8_E4M3 4,16", f"a.weight._scale F32 4,1 {F32}"])

bitnet = ["a.weight U8 2,16 36 0 90", f"a.weight_scale F32 1 {F32}"]
seed("bitnet", method("bitnet", linear_class="autobitlinear"), bitnet)
seed("bitnet_online", method("bitnet", linear_class="autobitlinear", quantization_mode="online"),
     [f"a.weight F16 2,8 {F16} 0 {F16}", f"a.bias F16 2 {F16}"])
seed("nested_config", {"text_config": method("bitnet")}, bitnet)
seed("fp8", method("fp8", weight_block_size=[2, 8]), ["a.weight F8_E4M3 4,16", f"a.weight_scale_inv F32 2,2 {F32}"])
seed("fp8_experts", method("fp8", weight_block_size=[2, 8]), [
    "a.up F8_E4M3 2,4,16", f"a.up_scale_inv F32 2,2,2 {F32}", "b.up I8 2,4,16", "b.up_scale_inv U8 2,4,1 127",
])
seed("fp8_fp4", method("mxfp8"), ["a.weight I8 4,16", "a.scale F8_E8M0 4,1 127"])
seed("fbgemm", method("fbgemm_fp8"), ["a.weight F8_E4M3 4,16", f"a.weight_scale F32 4,1 {F32}"])
seed("mxfp4", method("mxfp4"), ["a_blocks U8 2,2,1,16", "a_scales U8 2,2,1 127", f"a_bias F32 2,2 {F32}"])
seed("aqlm_2x8", method("aqlm", num_codebooks=2), [
    "a.codes I8 4,4,2", f"a.codebooks F16 2,256,1,8 {F16} 0 1", f"a.scales F16 4,1,1,1 {F16}",
])
seed("aqlm_1x16", method("aqlm", num_codebooks=1), [
    "a.codes I16 2,1,1", f"a.codebooks F16 1,65536,1,8 {F16} 0 1", f"a.scales F16 2,1,1,1 {F16}",
])
seed("modelopt_nvfp4", method("modelopt", quant_algo="NVFP4"), [
    "a.weight U8 4,16", "a.weight_scale F8_E4M3 4,2", f"a.weight_scale_2 F32  {F32}",
    f"a.pre_quant_scale F32 32 {F32}",
])
seed("modelopt_fp8", method("modelopt", quant_algo="FP8"), ["a.weight F8_E4M3 4,16", f"a.weight_scale F32  {F32}"])
seed("modelopt_mxfp8", method("modelopt_mxfp8"), ["a.weight F8_E4M3 4,64", "a.weight_scale U8 4,2 127"])
inputs = f"a.pre_quant_scale F32 16 {F32}"
seed("modelopt_int4", method("modelopt", quant_algo="W4A16_AWQ"),
     ["a.weight U8 2,16", f"a.weight_scale F32 4,2 {F32}", inputs])
seed("modelopt_int8", method("modelopt"), ["a.weight I8 4,16", f"a.weight_scale F32 4 {F32}", inputs])
seed("modelopt_blocks", method("modelopt"), ["a.weight F8_E4M3 4,16", f"a.weight_scale F32 2,1,2,1 {F32}"])
seed("modelopt_mxfp4", method("modelopt"), ["a.weight U8 4,32", "a.weight_scale U8 4,2 127"])
for dtype in ("int4", "uint4"):
    quark = method("quark", global_quant_config={"weight": {"dtype": dtype, "group_size": 8}})
    zeros = ["a.weight_zero_point I32 2,1"] if dtype == "uint4" else []
    seed(f"quark_{dtype}", quark, ["a.weight I32 16,1", f"a.weight_scale F32 2,8 {F32}", *zeros])
seed("metal", method("metal", bits=4, group_size=8),
     ["a.weight U32 4,2", f"a.scales F16 4,2 {F16}", f"a.qbiases F16 4,2 {F16}"])

for bits in (2, 3, 4, 5, 6, 8):
    settings = {"group_size": 32, "bits": bits, "mode": "affine"}
    seed(f"mlx_{bits}", {"quantization": settings, "quantization_config": settings},
         [f"a.weight U32 4,{2 * bits}", f"a.scales F16 4,2 {F16}", f"a.biases F16 4,2 {F16}"])
seed("mlx_own", {"quantization": {"group_size": 64, "bits": 4, "a": {"group_size": 32, "bits": 8}}},
     ["a.weight U32 2,8", f"a.scales BF16 2,1 {BF16}", f"a.biases BF16 2,1 {BF16}"])
for mode, words, groups in (("mxfp4", 8, 2), ("mxfp8", 16, 2), ("nvfp4", 8, 4)):
    settings = {"group_size": 64 // groups, "bits": 4, "mode": mode}
    seed(f"mlx_{mode}", {"quantization": settings}, [f"a.weight U32 4,{words}", f"a.scales U8 4,{groups} 120 56"])

# A whole file.
header = b'{"a.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"__metadata__":{"format":"pt"}}'
(OUT / "file").write_bytes(b"\0#" + struct.pack("<Q", len(header)) + header + b"\0\0\x80\x3f" * 2)

# torchao names the type of each tensor in the metadata.
parts = {"qdata": ("U8", [2, 8]), "scale": ("F8_E8M0", [2, 2]), "zero_point": ("F8_E8M0", [2, 2])}
header, at = {}, 0
for kind in ("Int4Tensor", "MXTensor", "Int8Tensor", "Float8Tensor", "NVFP4Tensor"):
    says = {"_type": kind, "_data": {"block_size": [1, 8], "is_swizzled_scales": False}}
    header.setdefault("__metadata__", {})[f"{kind}.weight"] = json.dumps(says)
    for part, (dtype, shape) in parts.items():
        header[f"{kind}._weight_{part}"] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + shape[0] * shape[1]]}
        at += shape[0] * shape[1]
text = json.dumps(header).encode()
(OUT / "torchao").write_bytes(json.dumps(method("torchao")).encode() + b"\0#" + struct.pack("<Q", len(text)) + text
                              + b"\x7f" * at)
