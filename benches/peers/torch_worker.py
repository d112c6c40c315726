"""torch's products as a worker of `coordinate.py`, on CUDA where available: `torch_worker.py`.

What each PRECISION means here:
    bf16     torch.mm, which is cuBLAS on CUDA
    int4     torch.ops.aten._weight_int4pack_mm, with Q4_0's codes and scales
    int8     torch._int_mm, with int8 weights and inputs; rounding the inputs is not timed
    int8w    torch.ops.aten._weight_int8pack_mm, with int8 weights and bf16 inputs
    gemlite  gemlite's linear layer, with Q4_0's codes and scales and f16 inputs

On CUDA a `run` is one replay of a graph of REPS products, timed by events.
"""

import os
import sys
import time

import numpy as np
import torch

GROUP = 32
CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"


def sync():
    if CUDA:
        torch.cuda.synchronize()


def q4_0(n, k):
    """Codes of 0 to 15, w = (code - 8) * scale, and the scales: tensors of n rows."""
    blocks = np.fromfile("w", np.uint8).reshape(n * k // GROUP, 18)
    scales = blocks[:, :2].copy().view(np.float16).reshape(n, k // GROUP)
    codes = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1).reshape(n, k)
    return torch.from_numpy(codes).to(DEVICE), torch.from_numpy(scales).to(DEVICE)


def decoded(n, k):
    rows = torch.from_numpy(np.fromfile("w-f32", np.float32).reshape(-1, k)).to(DEVICE)
    return rows.repeat(-(-n // len(rows)), 1)[:n]


def rounded(rows):
    """int8 with a scale for each row."""
    scales = rows.abs().amax(1, keepdim=True) / 127
    return (rows / scales).round().to(torch.int8), scales


# Each returns (one copy of the weights, or a function that makes one; the product by a copy; its result as f32).


def bf16(n, k, x):
    w, x = decoded(n, k).bfloat16(), x.bfloat16()
    return w, lambda w: torch.mm(x, w.t()), lambda y: y.float()


def int4(n, k, x):
    codes, scales = q4_0(n, k)
    x = x.bfloat16()
    pairs = torch.stack([scales.t(), torch.zeros_like(scales.t())], 2).bfloat16().contiguous()
    ops = torch.ops.aten
    if CUDA:
        w = ops._convert_weight_to_int4pack(codes[:, ::2] << 4 | codes[:, 1::2], 8)
        return (w, pairs), lambda w: ops._weight_int4pack_mm(x, w[0], GROUP, w[1]), lambda y: y.float()
    w = ops._convert_weight_to_int4pack_for_cpu(codes.int(), 1)
    return (w, pairs), lambda w: ops._weight_int4pack_mm_for_cpu(x, w[0], GROUP, w[1]), lambda y: y.float()


def int8(n, k, x):
    (w, scales), (x, x_scales) = rounded(decoded(n, k)), rounded(x)
    return w, lambda w: torch._int_mm(x, w.t()), lambda y: y.float() * x_scales * scales.t()


def int8w(n, k, x):
    w, scales = rounded(decoded(n, k))
    x, scales = x.bfloat16(), scales.flatten().bfloat16()
    return w, lambda w: torch.ops.aten._weight_int8pack_mm(x, w, scales), lambda y: y.float()


def gemlite(n, k, x):
    import gemlite as library

    if not CUDA:
        raise RuntimeError("gemlite needs CUDA")
    codes, scales = q4_0(n, k)
    x = x.half()
    half = library.DType.FP16

    def layer():
        made = library.GemLiteLinear(4, group_size=GROUP, in_features=k, out_features=n,
                                     input_dtype=half, output_dtype=half)
        made.pack(codes, scales, torch.full_like(scales, 8), None)
        return made

    return layer, lambda layer: layer(x), lambda y: y.float()


MODES = {"bf16": bf16, "int4": int4, "int8": int8, "int8w": int8w, "gemlite": gemlite}


def copied(weights):
    """Another copy of the weights, and its bytes."""
    if callable(weights):  # each call makes a layer with its own tensors
        layer = weights()
        return layer, sum(t.nbytes for t in layer.state_dict().values() if torch.is_tensor(t) and t.numel() > 1)
    if isinstance(weights, tuple):
        return tuple(w.clone() for w in weights), sum(w.nbytes for w in weights)
    return weights.clone(), weights.nbytes


class Product:
    def __init__(self, n, k, m, mode, rotate):
        x = torch.from_numpy(np.fromfile("x", np.float32)[: m * k].reshape(m, k)).to(DEVICE)
        weights, self.multiply, self.decode = MODES[mode](n, k, x)
        first, self.bytes = copied(weights)
        copies = min(64, max(1, -(-rotate // self.bytes)))
        self.copies = [first] + [copied(weights)[0] for _ in range(copies - 1)]
        self.reps = self.graph = None
        self.multiply(first)  # the first call may compile and tune
        sync()

    def all(self, reps):
        for i in range(reps):
            self.multiply(self.copies[i % len(self.copies)])

    def build(self, reps):
        if CUDA and reps != self.reps:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.all(reps)
            self.reps = reps

    def run(self, reps):
        """Wall seconds, and those of the device's clock where it has one."""
        self.build(reps)
        sync()
        start = time.perf_counter()
        if not CUDA:
            self.all(reps)
            return [time.perf_counter() - start]
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        self.graph.replay()
        end.record()
        sync()
        return [time.perf_counter() - start, begin.elapsed_time(end) / 1000]

    def result(self):
        return self.decode(self.multiply(self.copies[0])).cpu().numpy()


def bandwidth(size):
    """Bytes read and written a second by a copy of `size` bytes."""
    a = torch.ones(size, dtype=torch.uint8, device=DEVICE)
    b = torch.empty_like(a)
    b.copy_(a)
    times = []
    for _ in range(11):
        sync()
        start = time.perf_counter()
        for _ in range(8):
            b.copy_(a)
        sync()
        times.append((time.perf_counter() - start) / 8)
    return 2 * size / sorted(times)[5]


def main():
    # Libraries print too: their output goes to the log, so that standard output holds only answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name = torch.cuda.get_device_name() if CUDA else "the processor"
    print(f"torch {torch.__version__} on {name}", file=answers)
    product = None
    for line in sys.stdin:
        command, *values = line.split()
        if command == "prepare":
            form, n, k, m, mode, rotate = values
            try:
                product = Product(int(n), int(k), int(m), mode, int(rotate))
                answer = f"ready {product.bytes} {len(product.copies)} {'CUDA graph' if CUDA else 'calls'}"
            except Exception as why:  # the type differs by mode where this torch or this device lacks it
                answer = "unsupported " + str(why).replace("\n", " ")[:200]
        elif command == "run":
            answer = " ".join(f"{t:.9f}" for t in product.run(int(values[0])))
        elif command == "check":
            product.result().tofile("y-torch")
            answer = "written"
        elif command == "copy":
            answer = bandwidth(int(values[0]))
        else:
            raise ValueError(line)
        print(answer, file=answers)


if __name__ == "__main__":
    main()
