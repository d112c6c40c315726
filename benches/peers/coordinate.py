"""Times lowbit and its peers on one driver, alternately, and prints tables in markdown.

Started by `benches/peers/run`. Each contender runs in its own process, a worker. A worker prints a
line that says what it is, then reads one command a line and answers each with one line:

    data FORMAT N K M      lowbit's only: writes the files `w`, `w-f32`, `x` and `y` -> written
    prepare FORMAT N K M PRECISION ROTATE   -> ready BYTES COPIES HOW, or: unsupported WHY
                           (as many copies of the weights, BYTES each, as make ROTATE bytes take turns)
    run REPS               -> wall seconds, and those of the device's clock where it has one
    check                  writes the file `y-NAME` -> written
    formats                lowbit's only -> the formats that it can quantize to; and the others
    copy BYTES             lowbit's and torch's -> bytes that the device copies a second

Every product is compared with f64 sums before it is timed. CPU time is read here, from the
operating system's clock of the worker's process, so that all workers have the same clock.
"""

import argparse
import array
import os
import platform
import statistics
import subprocess
import sys
import time

from products import PRODUCTS

# Numbers in a row of `y`, which the n outputs repeat; benches/peers/data.rs says why.
DISTINCT = 61
# The largest root mean square error of each mode, relative to the root mean square of the products.
# "own" is the peer's choice, int8 inputs at the coarsest.
BOUNDS = {
    "f32": 1e-5, "f16": 5e-3, "i8": 1e-2, "own": 2e-2,
    # torch's
    "bf16": 1e-2, "int4": 1e-2, "int8": 2e-2, "int8w": 2e-2, "gemlite": 1e-2,
}
# About how many outputs are compared; where there are more, only those of some rows of x.
COMPARED = 1 << 20

HERE = os.path.dirname(os.path.abspath(__file__))


def command(name, options):
    python = [sys.executable, "-u"]
    lowbit = [options.lowbit]
    kernel = f":{options.kernel}" if options.kernel else ""
    ggml = [options.ggml] if options.ggml else None
    threads = [str(options.threads)]
    return {
        "lowbit": lowbit + ["gpu" + kernel],
        "lowbit-cpu": lowbit + ["cpu"],
        "ggml-vulkan": ggml and ggml + ["vulkan"] + threads,
        "ggml-vulkan-f32": ggml and ggml + ["vulkan"] + threads,
        "ggml-cpu": ggml and ggml + ["cpu"] + threads,
        "ggml-cpu-repack": ggml and ggml + ["cpu-repack"] + threads,
        "onnx-webgpu": python + [f"{HERE}/onnx_worker.py", "webgpu"] + threads,
        "onnx-cpu": python + [f"{HERE}/onnx_worker.py", "cpu"] + threads,
        "openblas": python + [f"{HERE}/openblas.py"],
        "candle": options.candle and [options.candle],
        "torch": python + [f"{HERE}/torch_worker.py"],
    }[name]


# Seconds between two contenders: threads of onnxruntime and OpenBLAS spin on all cores while they wait for work.
SETTLE = 0.1


class Worker:
    def __init__(self, name, options):
        self.name = name
        env = dict(os.environ)
        # These take the number of threads from the environment, the others from arguments.
        if name in ("lowbit-cpu", "openblas", "candle"):
            env["RAYON_NUM_THREADS"] = env["OPENBLAS_NUM_THREADS"] = str(options.threads)
        # ggml skips CPU devices, such as software drivers, that are not named.
        env["GGML_VK_VISIBLE_DEVICES"] = "0"
        if name == "ggml-vulkan-f32":
            # On lavapipe, ggml's f16 products of several rows take up to 2.3 times as long.
            env["GGML_VK_DISABLE_F16"] = "1"
        # numpy's wheel contains OpenBLAS.
        paths = {"onnx-webgpu": options.onnx_webgpu, "onnx-cpu": options.onnx_cpu, "openblas": options.onnx_cpu,
                 "torch": options.gemlite}
        if paths.get(name):
            env["PYTHONPATH"] = paths[name]
        log = open(f"log-{name}", "ab")
        self.process = subprocess.Popen(
            command(name, options), env=env, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        # Both settings of ggml run one program, which writes one file.
        self.file = name.removesuffix("-f32")
        self.banner = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            said = open(f"log-{self.name}", errors="replace").read().split("\n")
            last = [line for line in said if line.strip()][-1:]
            code = self.process.wait()
            raise RuntimeError(f"it ended with code {code}: {' '.join(last) or 'it said nothing'}")
        return line.strip()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        return self.read()

    def cpu_seconds(self):
        # clock_getcpuclockid(3): the clock of all threads of a process.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def run(self, reps):
        """Seconds a product: wall time, CPU time, and device time where the device has a clock."""
        before = self.cpu_seconds()
        wall, *device = map(float, self.ask(f"run {reps}").split())
        cpu = self.cpu_seconds() - before
        return wall / reps, cpu / reps, device[0] / reps if device else None

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


class Bench:
    def __init__(self, options):
        self.options = options
        self.pool, self.banners, self.notes, self.data = {}, {}, [], None
        self.n, self.k = options.n, options.k
        self.failed = False
        self.end = time.monotonic() + options.limit

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print(f"note: {text}", file=sys.stderr)

    def fail(self, contender, slot, why):
        """Drops a worker that ended or gave a wrong result; the others go on."""
        c = contender
        self.note(f"FAILED: {c.label()}, {c.form}, {self.n} x {self.k}, m = {c.m}: {why}")
        self.failed = True
        worker = self.pool.pop((c.worker, slot), None)
        if worker:
            worker.process.kill()

    def worker(self, name, slot):
        """The `slot`th process of this name; None where it cannot be started."""
        if (name, slot) not in self.pool:
            try:
                if command(name, self.options) is None:
                    raise RuntimeError("not installed for this driver")
                worker = Worker(name, self.options)
                self.banners[name] = worker.banner
            except (OSError, RuntimeError) as why:
                worker = None
                self.note(f"not run: {name}: {why}")
            self.pool[name, slot] = worker
        return self.pool[name, slot]

    def shape(self, n, k):
        self.n, self.k = n, k

    def write_data(self, form, m):
        data = f"data {form} {self.n} {self.k} {m}"
        if self.data != data:
            self.worker("lowbit-cpu", "data").ask(data)
            self.data = data

    def error(self, name, m):
        """The root mean square error of a worker's output, relative to that of the products."""
        got, want = array.array("f"), array.array("d")
        got.frombytes(open(f"y-{name}", "rb").read())
        want.frombytes(open("y", "rb").read())
        if len(got) != m * self.n:
            raise RuntimeError(f"{name} wrote {len(got)} outputs, not {m} x {self.n}")
        off = size = 0.0
        for row in range(0, m, -(-m * self.n // COMPARED)):
            right = want[row * DISTINCT : (row + 1) * DISTINCT]
            for start in range(0, self.n, DISTINCT):
                end = min(start + DISTINCT, self.n)
                part = got[row * self.n + start : row * self.n + end]
                off += sum((a - b) ** 2 for a, b in zip(part, right))
            size += sum(b * b for b in right)
        return (off / size / (self.n / DISTINCT)) ** 0.5

    def make_ready(self, contender, slot, m):
        """Prepares and checks; False where this contender has no such product."""
        worker = self.worker(contender.worker, slot)
        if worker is None:
            return False
        c, o = contender, self.options
        self.write_data(c.form, m)
        precision = "f32" if c.precision == "own" else c.precision
        answer = worker.ask(f"prepare {c.form} {self.n} {self.k} {c.m} {precision} {o.rotate}")
        if not answer.startswith("ready "):
            why = answer.removeprefix("unsupported ")
            self.note(f"not run: {c.label()}, {c.form}, {self.n} x {self.k}, m = {c.m}: {why}")
            return False
        _, size, copies, c.how = answer.split(" ", 3)
        c.bytes, c.copies = int(size), int(copies)
        worker.ask("check")
        c.error = self.error(worker.file, c.m)
        if not c.error <= BOUNDS[c.precision]:
            raise RuntimeError(f"its error, {c.error:.2e}, is over {BOUNDS[c.precision]}")
        return True

    def time(self, contenders):
        """Runs them alternately; returns those that could be run, with their times."""
        o = self.options
        contenders = [c for c in contenders if not o.only or c.worker in o.only]
        if time.monotonic() > self.end:
            for c in contenders:
                self.note(f"not run: {c.label()}, {c.form}, {self.n} x {self.k}, m = {c.m}: no time left")
            return []
        m = max(c.m for c in contenders)
        ready = []
        for slot, c in enumerate(contenders):
            try:
                if self.make_ready(c, slot, m):
                    worker = self.worker(c.worker, slot)
                    once = min(worker.run(1)[0] for _ in range(2))
                    reps = max(1, min(o.most, round(o.seconds / once)))
                    worker.run(reps)  # builds what this many need, and warms up
                    ready.append((c, worker, reps))
            except RuntimeError as why:
                self.fail(c, slot, why)
        for _ in range(o.rounds):
            for c, worker, reps in ready:
                # Threads of the previous contender still spin for a while, and this one's are asleep.
                time.sleep(SETTLE)
                worker.run(max(1, reps // 8))
                wall, cpu, device = worker.run(reps)
                c.wall.append(wall)
                c.cpu.append(cpu)
                if device is not None:
                    c.device.append(device)
        for c, _, reps in ready:
            print(f"{c.form} m={c.m} {c.label()}: {self.speeds(c)} {reps} a run", file=sys.stderr)
        return [c for c, _, _ in ready]

    def seconds(self, contender):
        """The median time of one product, by the device's clock where it has one, and which clock."""
        times, clock = (contender.device, "device") if contender.device else (contender.wall, "wall")
        return statistics.median(times), clock

    def speeds(self, contender):
        """GFLOP/s by wall time and by CPU time, medians of the rounds."""
        gf = 2e-9 * self.n * self.k * contender.m
        return gf / statistics.median(contender.wall), gf / statistics.median(contender.cpu)


def machine():
    model = platform.processor()
    try:
        with open("/proc/cpuinfo") as lines:
            model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{os.cpu_count()} cores of {model}, load average {os.getloadavg()[0]:.2f} at the start"


def main():
    names = lambda text: text.split(",")
    numbers = lambda text: [int(part) for part in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lowbit", required=True, help="the built bench program")
    parser.add_argument("--ggml", help="the built harness")
    parser.add_argument("--candle", help="the built worker")
    parser.add_argument("--onnx-webgpu", help="the folder that onnxruntime-webgpu is in")
    parser.add_argument("--onnx-cpu", help="the folder that onnxruntime is in")
    parser.add_argument("--title", default="", help="the command, for the table's head")
    parser.add_argument("--products", type=names, default=["gpu", "cpu", "ladder", "formats"])
    parser.add_argument("--m", type=numbers, default=[1, 32, 128])
    parser.add_argument("--formats", type=names)
    parser.add_argument("--only", type=names, help="these workers, such as lowbit,ggml-vulkan")
    parser.add_argument("--kernel", help="lowbit's kernel, instead of the one that it chooses")
    parser.add_argument("--n", type=int, default=4096)
    parser.add_argument("--k", type=int, default=4096)
    parser.add_argument("--rotate", type=int, default=1, help="bytes of all copies of the weights, which take turns")
    parser.add_argument("--gemlite", help="the folder that gemlite is in")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of each library on the processor")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds after which nothing new starts")
    parser.add_argument("--quick", action="store_true", help="3 short rounds: a first look")
    options = parser.parse_args()
    options.rounds, options.seconds, options.most = (3, 0.15, 64) if options.quick else (9, 0.3, 256)
    unknown = set(options.products) - set(PRODUCTS)
    if unknown:
        parser.error(f"no product {unknown}; there are {', '.join(PRODUCTS)}")
    at_start = machine()
    bench = Bench(options)
    tables = [PRODUCTS[name](bench) for name in options.products]
    for worker in bench.pool.values():
        if worker:
            worker.end()
    print(f"`{options.title}`, {at_start}.\n")
    print(f"Weights of {options.n} x {options.k} where no other shape is named. Threads of each library on the processor: "
          f"{options.threads}. Medians of {options.rounds} rounds in "
          "which the contenders take turns; each result was first compared with f64 sums: error is the root mean "
          "square, as a share of the products'. CPU time is that of the process, all its threads.\n")
    for name, banner in sorted(bench.banners.items()):
        print(f"- {name}: {banner}")
    for text in bench.notes:
        print(f"- {text}")
    for text in tables:
        print("\n" + text)
    sys.exit(bench.failed)


if __name__ == "__main__":
    main()
