"""onnxruntime's MatMulNBits as a worker of `coordinate.py`: `onnx_worker.py webgpu|cpu THREADS`.

On WebGPU a `run` is one run of a model with REPS nodes, all of which multiply the same x. x is copied to
the device once a run. Only the last output is fetched, which waits for all of them.
On the processor every node would keep its own packed copy of the weights, and none would stay in a cache:
there a `run` is REPS runs of a model with one node.
"""

import os
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

BLOCK = 32
PROVIDERS = {"webgpu": "WebGpuExecutionProvider", "cpu": "CPUExecutionProvider"}
# accuracy_level, which says what a product may round: 4 is int8 inputs. f16 needs inputs and scales in f16.
LEVELS = {"f32": 0, "i8": 4, "f16": 0}


def repack(data, n, k):
    """Q4_0 blocks: an f16 scale, then weight j in the low half of byte j and 16 + j in the high one.
    MatMulNBits has weight 2j in the low half of byte j."""
    blocks = np.frombuffer(data, np.uint8).reshape(n * k // BLOCK, 18)
    scales = blocks[:, :2].copy().view(np.float16).reshape(n, k // BLOCK)
    codes = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    packed = codes[:, ::2] | codes[:, 1::2] << 4
    return packed.reshape(n, k // BLOCK, BLOCK // 2), scales


class Product:
    def __init__(self, kind, threads, n, k, m, precision, rotate):
        self.kind, self.threads, self.precision = kind, threads, precision
        self.n, self.k, self.m = n, k, m
        self.float = np.float16 if precision == "f16" else np.float32
        self.codes, self.scales = repack(open("w", "rb").read(), n, k)
        self.bytes = self.codes.nbytes + self.scales.astype(self.float).nbytes
        self.copies = min(64, max(1, -(-rotate // self.bytes))) if kind == "webgpu" else 1
        self.x = np.fromfile("x", np.float32)[: m * k].reshape(m, k).astype(self.float)
        self.nodes = self.session = self.binding = None

    def model(self, reps):
        kind = TensorProto.FLOAT16 if self.precision == "f16" else TensorProto.FLOAT
        weights = []
        for i in range(min(self.copies, reps)):
            codes, scales = self.codes, self.scales.astype(self.float).reshape(-1)
            weights += [
                helper.make_tensor(f"w{i}", TensorProto.UINT8, codes.shape, codes.tobytes(), raw=True),
                helper.make_tensor(f"s{i}", kind, scales.shape, scales.tobytes(), raw=True),
            ]
        def node(i):
            w = i % self.copies
            return helper.make_node(
                "MatMulNBits", ["x", f"w{w}", f"s{w}"], [f"y{i}"], domain="com.microsoft",
                K=self.k, N=self.n, bits=4, block_size=BLOCK, accuracy_level=LEVELS[self.precision])
        graph = helper.make_graph(
            [node(i) for i in range(reps)],
            "products",
            [helper.make_tensor_value_info("x", kind, [self.m, self.k])],
            [helper.make_tensor_value_info(f"y{i}", kind, [self.m, self.n]) for i in range(reps)],
            weights,
        )
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()

    def build(self, reps):
        """Builds the session that `reps` products need."""
        nodes = reps if self.kind == "webgpu" else 1
        if nodes == self.nodes:
            return
        # Free the weights of the last model before loading the next, and outputs before the session that
        # owns their memory.
        self.binding = None
        self.session = None
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        # Optimizers would merge equal products.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(self.model(nodes), options, [PROVIDERS[self.kind]])
        if session.get_providers()[0] != PROVIDERS[self.kind]:
            raise RuntimeError(f"{PROVIDERS[self.kind]} is not there")
        binding = session.io_binding()
        binding.bind_cpu_input("x", self.x)
        for i in range(nodes):
            binding.bind_output(f"y{i}", self.kind if i + 1 < nodes else "cpu")
        self.nodes, self.session, self.binding = nodes, session, binding
        session.run_with_iobinding(binding)

    def run(self, reps):
        self.build(reps)
        start = time.perf_counter()
        for _ in range(reps // self.nodes):
            self.session.run_with_iobinding(self.binding)
        return time.perf_counter() - start

    def result(self):
        self.build(1)
        return self.session.run(None, {"x": self.x})[0].astype(np.float32)


def main():
    # Libraries print too: their output goes to the log, so that standard output holds only answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    kind, threads = sys.argv[1], int(sys.argv[2])
    print(f"onnxruntime {ort.__version__}, {PROVIDERS[kind]}", file=answers)
    product = None
    for line in sys.stdin:
        command, *values = line.split()
        if command == "prepare":
            form, n, k, m, precision, rotate = values
            if form != "q4_0":
                answer = "unsupported this worker makes MatMulNBits of Q4_0 only"
            else:
                try:
                    product = Product(kind, threads, int(n), int(k), int(m), precision, int(rotate))
                    product.run(1)
                    how = "one model" if kind == "webgpu" else "a run each"
                    answer = f"ready {product.bytes} {product.copies} {how}"
                except Exception as why:  # onnxruntime raises many types; every message says why
                    answer = "unsupported " + str(why).replace("\n", " ")[:200]
        elif command == "run":
            answer = f"{product.run(int(values[0])):.9f}"
        elif command == "check":
            product.result().tofile(f"y-onnx-{kind}")
            answer = "written"
        else:
            raise ValueError(line)
        print(answer, file=answers)


if __name__ == "__main__":
    main()
