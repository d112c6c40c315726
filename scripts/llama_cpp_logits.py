"""What scripts/loads_in_llama_cpp runs in the chroot tree: compares transformers with libllama.

    llama_cpp_logits.py weights FOLDER            writes random weights of the shapes in shapes.json
    llama_cpp_logits.py compare FOLDER FILE.gguf..  JSON: error of logits by file, whether a text has the same tokens
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

TEXT = "The thin thing in the inn: 12345 things, she'll see.\n\n  Then\tthe end \u00e9\u4e2d\U0001f600"


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)), ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)), ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))), ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]  # fmt: skip


class Params(ctypes.Structure):
    """Parameters of either kind, larger than both: they are passed in memory, where excess size does no harm."""

    _fields_ = [("bytes", ctypes.c_uint64 * 128)]


class Llama:
    def __init__(self):
        self.lib = ctypes.CDLL("libllama.so.0")
        self.said = []
        log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self.log = log(lambda level, message, _: self.said.append(message.decode(errors="replace")))
        self.lib.llama_log_set(self.log, None)
        ctypes.CDLL("libggml.so.0").ggml_backend_load_all()
        for name, result in (
            ("llama_model_default_params", Params), ("llama_context_default_params", Params), ("llama_batch_init", Batch),
            ("llama_model_load_from_file", ctypes.c_void_p), ("llama_init_from_model", ctypes.c_void_p),
            ("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float)), ("llama_model_get_vocab", ctypes.c_void_p),
        ):  # fmt: skip
            getattr(self.lib, name).restype = result
        self.lib.llama_backend_init()

    def load(self, path):
        self.said.clear()
        model = self.lib.llama_model_load_from_file(str(path).encode(), self.lib.llama_model_default_params())
        return ctypes.c_void_p(model) if model else sys.exit("".join(self.said))

    def logits(self, model, tokens, vocabulary):
        context = self.lib.llama_init_from_model(model, self.lib.llama_context_default_params())
        context = ctypes.c_void_p(context) if context else sys.exit("".join(self.said))
        batch = self.lib.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
            batch.seq_id[i][0] = 0
        if self.lib.llama_decode(context, batch):
            sys.exit("".join(self.said))
        rows = [np.ctypeslib.as_array(self.lib.llama_get_logits_ith(context, i), (vocabulary,)) for i in range(len(tokens))]
        return np.stack(rows)

    def tokens(self, model, text, special):
        vocabulary = ctypes.c_void_p(self.lib.llama_model_get_vocab(model))
        out = (ctypes.c_int32 * 1024)()
        data = text.encode()
        count = self.lib.llama_tokenize(vocabulary, data, len(data), out, 1024, special, True)
        return list(out[: max(count, 0)])


def weights(folder):
    shapes = json.loads((folder / "shapes.json").read_text())
    torch.manual_seed(0)
    made = {}
    for name, shape in shapes.items():
        values = torch.randn(shape)
        if "norm" in name:
            values = 1 + values / 8
        elif len(shape) == 1:
            values = values / 4
        elif "embed" not in name:
            # Keeps the standard deviation of outputs near that of inputs.
            values = values / shape[-1] ** 0.5
        made[name] = values.to(torch.bfloat16)
    save_file(made, folder / "model.safetensors", {"format": "pt"})


def tokenized(folder):
    """The tokens of TEXT, and whether they include special tokens such as BOS and EOS."""
    if (folder / "tokenizer.model").exists():
        from sentencepiece import SentencePieceProcessor

        return SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).encode(TEXT), False
    if (folder / "tokenizer.json").exists():
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(folder)(TEXT)["input_ids"], True
    return None


def compare(folder, files):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    vocabulary = model.config.vocab_size
    # Past a sliding window the two differ, and quantize warns about it.
    window = getattr(model.config, "sliding_window", None) or model.config.max_position_embeddings
    count = min(48, window, model.config.max_position_embeddings)
    tokens = np.random.default_rng(1).integers(3, vocabulary, count).tolist()
    with torch.inference_mode():
        wanted = model(torch.tensor([tokens])).logits[0].numpy().astype(np.float64)
    llama = Llama()
    errors, same = [], None
    for path in files:
        loaded = llama.load(path)
        got = llama.logits(loaded, tokens, vocabulary)
        errors.append(float(np.sqrt(np.mean((got - wanted) ** 2)) / wanted.std()))
        if same is None and (found := tokenized(folder)):
            ours, special = found
            theirs = llama.tokens(loaded, TEXT, special)
            same = ours == theirs
            if not same:
                print(f"transformers {ours}\nllama.cpp    {theirs}", file=sys.stderr)
    print(json.dumps({"errors": errors, "tokens": same}))


if __name__ == "__main__":
    given, *paths = map(Path, sys.argv[2:])
    weights(given) if sys.argv[1] == "weights" else compare(given, paths)
