"""What llama.cpp itself makes of every preset: writes tests/gguf/presets.txt, which tests/gguf/presets.rs
compares with. Not a part of `./test`. Takes gguf and numpy, and a libllama that exports
llama_model_quantize, such as the one in llama-cpp-py-sync (which wants glibc 2.38):

    pip install gguf==0.19.0 numpy llama-cpp-py-sync==0.11739
    python3 tests/gguf_presets.py FOLDER_OF_LIBLLAMA [models/stories15M/stories15M.f32.gguf]

Models are a few rows of random weights with the names and counts that the rule reads.
"""

import ctypes
import re
import sys
import tempfile
from itertools import groupby
from pathlib import Path

import gguf
import numpy as np

PRESETS = {
    "F32": 0, "F16": 1, "BF16": 32, "Q4_0": 2, "Q4_1": 3, "Q5_0": 8, "Q5_1": 9, "Q8_0": 7, "Q2_K": 10, "Q2_K_S": 21,
    "Q3_K_S": 11, "Q3_K_M": 12, "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18,
    "IQ1_S": 24, "IQ1_M": 31, "IQ2_XXS": 19, "IQ2_XS": 20, "IQ2_S": 28, "IQ2_M": 29, "IQ3_XXS": 23, "IQ3_XS": 22,
    "IQ3_S": 26, "IQ3_M": 27, "IQ4_NL": 25, "IQ4_XS": 30, "TQ1_0": 36, "TQ2_0": 37, "MXFP4_MOE": 38, "NVFP4": 39,
    "Q1_0": 40, "Q2_0": 41,
}  # fmt: skip

# name: architecture, layers, heads, heads of k and v, experts, output of its own, [k, hidden]
MODELS = {
    "gqa4": ("llama", 32, 8, 2, 0, True, (256, 512)),
    "gqa1": ("llama", 32, 8, 8, 0, True, (256, 512)),
    "tied": ("llama", 20, 8, 8, 0, False, (256, 512)),
    "falcon": ("falcon", 32, 8, 8, 0, True, (256, 512)),
    "experts8": ("llama", 16, 8, 2, 8, True, (256, 512)),
    "experts4": ("llama", 8, 8, 8, 4, True, (256, 512)),
    "llama70b": ("llama", 80, 64, 8, 0, True, (256, 512)),
    "bert": ("bert", 6, 12, 12, 0, False, (384, 1536)),
    "odd": ("llama", 8, 4, 4, 0, True, (288, 100)),
}


class Imatrix(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.c_float)), ("size", ctypes.c_size_t)]


class Params(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in ("nthread", "ftype", "output_type", "token_embedding_type")),
        *((name, ctypes.c_bool) for name in ("requantize", "output", "copy", "pure", "keep_split", "dry_run")),
        ("imatrix", ctypes.POINTER(Imatrix)),
        *((name, ctypes.c_void_p) for name in ("overrides", "types", "prune")),
        ("max_buffer", ctypes.c_size_t),
    ]  # fmt: skip


class Llama:
    def __init__(self, folder):
        for name in ("libggml-base.so.0", "libggml-cpu.so.0", "libggml-rpc.so.0", "libggml.so.0"):
            ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
        self.lib = ctypes.CDLL(str(folder / "libllama.so.0"))
        self.lib.llama_model_quantize_default_params.restype = Params
        self.lib.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
        self.said = []
        log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self.log = log(lambda level, message, _: self.said.append(message.decode(errors="replace")))
        self.lib.llama_log_set(self.log, None)
        self.lib.llama_backend_init()

    def quantize(self, source, target, file_type, importance=None):
        """None on success, otherwise the error text."""
        params = self.lib.llama_model_quantize_default_params()
        params.nthread, params.ftype, params.requantize = 1, file_type, True
        if importance is not None:
            entries = (Imatrix * (len(importance) + 1))()
            for entry, (name, values) in zip(entries, importance.items()):
                pointer = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
                entry.name, entry.data, entry.size = name.encode(), pointer, values.size
            params.imatrix = entries
        self.said.clear()
        failed = self.lib.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params))
        return "".join(self.said) if failed else None


def tensors(arch, layers, heads, kv_heads, experts, untied, dims):
    """(name, numpy shape) in llama.cpp's order."""
    k, hidden = dims
    kv = k // heads * kv_heads
    if untied:
        yield "output.weight", (4, k)
    yield "output_norm.weight", (k,)
    yield "token_embd.weight", (4, k)
    if arch == "bert":
        yield "position_embd.weight", (4, k)
        yield "token_types.weight", (2, k)
    for i in range(layers):
        fused = arch == "falcon"
        parts = {"attn_qkv": (k + 2 * kv, k)} if fused else {"attn_q": (k, k), "attn_k": (kv, k), "attn_v": (kv, k)}
        parts |= {"attn_output": (k, k), "attn_norm": (k,)}
        if experts:
            parts |= {"ffn_gate_inp": (experts, k), "ffn_gate_exps": (experts, 4, k)}
            parts |= {"ffn_up_exps": (experts, 4, k), "ffn_down_exps": (experts, 4, hidden)}
        else:
            parts |= {"ffn_up": (4, k), "ffn_down": (4, hidden)}
            parts |= {} if arch in ("falcon", "bert") else {"ffn_gate": (4, k)}
        for name in sorted(parts):
            yield f"blk.{i}.{name}.weight", parts[name]


def write_model(path, arch, layers, heads, kv_heads, experts, untied, dims):
    writer = gguf.GGUFWriter(path, arch)
    for add, value in (
        (writer.add_block_count, layers), (writer.add_context_length, 64), (writer.add_embedding_length, dims[0]),
        (writer.add_feed_forward_length, dims[1]), (writer.add_head_count, heads), (writer.add_head_count_kv, kv_heads),
        (writer.add_layer_norm_rms_eps, 1e-5), (writer.add_layer_norm_eps, 1e-5), (writer.add_vocab_size, 4),
        (writer.add_causal_attention, arch != "bert"),
    ):  # fmt: skip
        add(value)
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(2)
    rng = np.random.default_rng(1)
    for name, shape in tensors(arch, layers, heads, kv_heads, experts, untied, dims):
        writer.add_tensor(name, rng.standard_normal(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ones(path):
    """An importance of 1 for every column; one slice for each expert."""
    found = {}
    for t in gguf.GGUFReader(path).tensors:
        if len(t.shape) > 1:
            experts = int(t.shape[2]) if len(t.shape) > 2 else 1
            found[t.name] = np.ones(int(t.shape[0]) * experts, np.float32)
    return found


def runs(types):
    """`Q5_K*2 Q4_K*30`; one type alone has no number."""
    counted = [(kind, len(list(same))) for kind, same in groupby(types)]
    return counted[0][0] if len(counted) == 1 else " ".join(f"{kind}*{n}" for kind, n in counted)


def describe(path):
    """Roles by resulting type, over layers: `Q4_K: attn_k attn_q; ...`."""
    roles = {}
    for t in gguf.GGUFReader(path).tensors:
        layered = re.fullmatch(r"blk\.(\d+)\.(.*)\.weight", t.name)
        layer, role = (int(layered[1]), layered[2]) if layered else (0, t.name.removesuffix(".weight"))
        roles.setdefault(role, []).append((layer, t.tensor_type.name if t.tensor_type != 42 else "Q2_0"))
    by_types = {}
    for role, found in roles.items():
        by_types.setdefault(runs([kind for _, kind in sorted(found)]), []).append(role)
    return "; ".join(f"{types}: {' '.join(sorted(names))}" for types, names in sorted(by_types.items()))


def outcome(llama, source, target, file_type, importance):
    said = llama.quantize(source, target, file_type, importance)
    if said is None:
        return describe(target)
    tensor = re.search(r"offending tensor: (\S+)", said)
    if tensor:
        return f"needs importance: {tensor[1]}"
    if "invalid output file type" in said:
        return None  # NVFP4, in libraries before the one that the rule was read in
    reason = re.search(r"no tensor type fallback is defined for type (\S+)", said)
    return f"no fallback: {reason[1]}" if reason else sys.exit(f"{source}, {file_type}: {said}")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    # Version 0.19 of the package does not know the newest type.
    gguf.GGMLQuantizationType._value2member_map_.get(42) or extend()
    llama = Llama(Path(sys.argv[1]))
    lines = ["# Made by tests/gguf_presets.py: model | preset | importance | roles by type, over layers", ""]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.gguf"
        models = {}
        for name, shape in MODELS.items():
            models[name] = Path(folder) / f"{name}.gguf"
            write_model(models[name], *shape)
        if len(sys.argv) == 3:
            models["stories15M"] = Path(sys.argv[2])
        for name, source in models.items():
            importance = ones(source)
            for preset, file_type in PRESETS.items():
                without, given = (outcome(llama, source, target, file_type, i) for i in (None, importance))
                if given is None:
                    print(f"{name}: this library makes no {preset}")
                elif without == given:
                    lines.append(f"{name} | {preset} | any | {given}")
                else:
                    lines += [f"{name} | {preset} | no | {without}", f"{name} | {preset} | yes | {given}"]
            print(name, flush=True)
    out = Path(__file__).resolve().parent / "gguf" / "presets.txt"
    out.write_text("\n".join(lines) + "\n")
    print(f"{out}: {len(lines)} lines")


def extend():
    member = int.__new__(gguf.GGMLQuantizationType, 42)
    member._name_, member._value_ = "Q2_0", 42
    gguf.GGMLQuantizationType._value2member_map_[42] = member
    sizes = gguf.constants.GGML_QUANT_SIZES
    sizes[member] = (64, 18)


if __name__ == "__main__":
    main()
