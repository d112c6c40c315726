"""Converts a model of llama2.c to GGUF of the `llama` architecture, f32.

llama2.c rotates adjacent pairs (2i, 2i + 1), as llama.cpp's `llama` does, so q and k need no
permutation.
"""

import struct

U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5
ALIGNMENT = 32
# llama.cpp's token types.
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def key(name, kind, value):
    pack = {U32: lambda v: struct.pack("<I", v), F32: lambda v: struct.pack("<f", v), STRING: text}[kind]
    return text(name) + struct.pack("<I", kind) + pack(value)


def array(name, kind, items):
    pack = {
        F32: lambda v: struct.pack(f"<{len(v)}f", *v),
        I32: lambda v: struct.pack(f"<{len(v)}i", *v),
        STRING: lambda v: b"".join(map(text, v)),
    }[kind]
    return text(name) + struct.pack("<IIQ", ARRAY, kind, len(items)) + pack(items)


def read_tokens(path, count):
    """Tokens, scores and types; llama2.c has spaces for SentencePiece's marks and raw bytes for byte tokens."""
    data, at = path.read_bytes(), 4
    tokens, scores, kinds = [], [], []
    for index in range(count):
        score, length = struct.unpack_from("<fi", data, at)
        piece = data[at + 8 : at + 8 + length]
        at += 8 + length
        special = {0: ("<unk>", UNKNOWN), 1: ("<s>", CONTROL), 2: ("</s>", CONTROL)}
        if index in special:
            piece, kind = special[index]
        elif index < 259:
            piece, kind = f"<0x{index - 3:02X}>", BYTE
        else:
            piece, kind = piece.decode().replace(" ", "\u2581"), NORMAL
        tokens.append(piece)
        scores.append(score)
        kinds.append(kind)
    return tokens, scores, kinds


def tensors(dim, hidden, layers, kv_dim, vocabulary):
    """(name, dims in ggml's order) in the order of llama2.c's file."""
    yield "token_embd.weight", (dim, vocabulary)
    per_layer = [
        ("attn_norm", (dim,)),
        ("attn_q", (dim, dim)),
        ("attn_k", (dim, kv_dim)),
        ("attn_v", (dim, kv_dim)),
        ("attn_output", (dim, dim)),
        ("ffn_norm", (dim,)),
        ("ffn_gate", (dim, hidden)),
        ("ffn_down", (hidden, dim)),
        ("ffn_up", (dim, hidden)),
    ]
    for name, dims in per_layer:
        for layer in range(layers):
            yield f"blk.{layer}.{name}.weight", dims
    yield "output_norm.weight", (dim,)


def gguf_of_llama2c(model, tokenizer, out):
    data = model.read_bytes()
    dim, hidden, layers, heads, kv_heads, vocabulary, context = struct.unpack_from("<7i", data)
    if vocabulary < 0:
        raise SystemExit(f"{model}: an untied output head is not supported yet")
    kv_dim = dim // heads * kv_heads
    tokens, scores, kinds = read_tokens(tokenizer, vocabulary)
    keys = [
        key("general.architecture", STRING, "llama"),
        key("general.name", STRING, model.stem),
        key("general.file_type", U32, 0),
        key("llama.context_length", U32, context),
        key("llama.embedding_length", U32, dim),
        key("llama.block_count", U32, layers),
        key("llama.feed_forward_length", U32, hidden),
        key("llama.rope.dimension_count", U32, dim // heads),
        key("llama.attention.head_count", U32, heads),
        key("llama.attention.head_count_kv", U32, kv_heads),
        key("llama.attention.layer_norm_rms_epsilon", F32, 1e-5),
        key("llama.vocab_size", U32, vocabulary),
        key("tokenizer.ggml.model", STRING, "llama"),
        array("tokenizer.ggml.tokens", STRING, tokens),
        array("tokenizer.ggml.scores", F32, scores),
        array("tokenizer.ggml.token_type", I32, kinds),
        key("tokenizer.ggml.bos_token_id", U32, 1),
        key("tokenizer.ggml.eos_token_id", U32, 2),
    ]
    placed, at = {}, 28
    for name, dims in tensors(dim, hidden, layers, kv_dim, vocabulary):
        count = dims[0] * (dims[1] if len(dims) > 1 else 1)
        placed[name] = (dims, at, 4 * count)
        at += 4 * count
    if at > len(data):
        raise SystemExit(f"{model}: {len(data)} bytes, its header asks for {at}")

    # Layer by layer, as in files of llama.cpp.
    order = sorted(placed, key=lambda name: int(name.split(".")[1]) if name.startswith("blk.") else -1)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(placed), len(keys)) + b"".join(keys)
    offset = 0
    for name in order:
        dims, _, size = placed[name]
        head += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, 0, offset)
        offset += size + -size % ALIGNMENT
    with open(out, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT))
        for name in order:
            _, at, size = placed[name]
            file.write(data[at : at + size] + bytes(-size % ALIGNMENT))
