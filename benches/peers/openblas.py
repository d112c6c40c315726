"""numpy's f32 product, by OpenBLAS, as a worker of `coordinate.py`: sgemv for m = 1, sgemm for more."""

import sys
import time

import numpy as np


def main():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    print(f"{blas['name']} {blas['version']} (numpy {np.__version__})", flush=True)
    for line in sys.stdin:
        command, *values = line.split()
        if command == "prepare":
            form, n, k, m, _, _ = values
            n, k, m = int(n), int(k), int(m)
            w = np.resize(np.fromfile("w-f32", np.float32), (n, k))
            x = np.fromfile("x", np.float32)[: m * k].reshape(m, k)
            x = x[0] if m == 1 else x.T.copy()
            y = np.empty(n if m == 1 else (n, m), np.float32)
            answer = f"ready {w.nbytes} 1 " + ("sgemv" if m == 1 else "sgemm")
        elif command == "run":
            start = time.perf_counter()
            for _ in range(int(values[0])):
                np.dot(w, x, out=y)
            answer = f"{time.perf_counter() - start:.9f}"
        elif command == "check":
            np.dot(w, x, out=y)
            y.T.astype(np.float32).tofile("y-openblas")
            answer = "written"
        else:
            raise ValueError(line)
        print(answer, flush=True)


if __name__ == "__main__":
    main()
