"""What `coordinate.py` times. Each function in PRODUCTS takes the bench and returns its tables."""


class Contender:
    """One worker with one product."""

    def __init__(self, worker, precision, form, m):
        self.worker, self.precision, self.form, self.m = worker, precision, form, m
        self.how = self.error = self.bytes = self.copies = None
        self.wall, self.cpu, self.device = [], [], []

    def label(self):
        return self.worker if self.precision == "own" else f"{self.worker} {self.precision}"


def table(titles, rows):
    rule = "|".join("---" if i < 1 else "---:" for i in range(len(titles)))
    lines = ["| " + " | ".join(titles) + " |", f"|{rule}|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def compare(bench, cases, mine):
    """A table of cases, each a list of contenders, with the ratios of lowbit's speeds to the others'."""
    heads = [c.label() for c in mine]
    titles = ["format", "m", "what", "how", "error", "GFLOP/s", "GFLOP/s per CPU s"]
    for head in heads:
        titles += [f"{head} over it, wall", "CPU"]
    rows = []
    for case in cases:
        timed = bench.time(case)
        speeds = {c.label(): bench.speeds(c) for c in timed}
        for c in timed:
            wall, cpu = bench.speeds(c)
            row = [c.form, c.m, c.label(), c.how, f"{c.error:.1e}", f"{wall:.2f}", f"{cpu:.2f}"]
            for head in heads:
                own = speeds.get(head)
                alone = own is None or c.label() == head
                row += ["", ""] if alone else [f"{own[0] / wall:.2f}", f"{own[1] / cpu:.2f}"]
            rows.append(row)
    return table(titles, rows)


def gpu(bench):
    """lowbit's GPU path and the peers that run on the same Vulkan driver."""
    o = bench.options
    mine = [Contender("lowbit", p, "", 1) for p in ("f32", "i8")]
    cases = []
    for m in o.m:
        formats = o.formats or (["q4_0", "q4_k", "q8_0", "q6_k", "tq2_0", "f16"] if m == 1 else ["q4_0"])
        for form in formats:
            case = [Contender("lowbit", p, form, m) for p in ("f32", "i8")]
            case += [Contender("ggml-vulkan", "own", form, m)]
            if m > 1:
                case += [Contender("ggml-vulkan-f32", "own", form, m)]
            if form == "q4_0":
                case += [Contender("onnx-webgpu", p, form, m) for p in ("f32", "i8", "f16")]
            cases.append(case)
    return "## On the Vulkan driver\n\n" + compare(bench, cases, mine)


def cpu(bench):
    """lowbit's CPU path and native CPU libraries."""
    o = bench.options
    mine = [Contender("lowbit-cpu", p, "", 1) for p in ("f32", "i8")]
    cases = []
    for m in o.m:
        for form in o.formats or (["q4_0", "q4_k", "q8_0", "q6_k", "tq2_0"] if m == 1 else ["q4_0"]):
            cases.append([Contender("lowbit-cpu", p, form, m) for p in ("f32", "i8")] + [
                Contender("openblas", "f32", form, m),
                Contender("ggml-cpu", "own", form, m),
                Contender("candle", "own", form, m)])
            if form == "q4_0":
                cases[-1] += [Contender("ggml-cpu-repack", "own", form, m),
                              Contender("onnx-cpu", "f32", form, m),
                              Contender("onnx-cpu", "i8", form, m)]
    return "## On the processor\n\n" + compare(bench, cases, mine)


def ladder(bench):
    """The speed of a few rows of x relative to one."""
    titles = ["format", "m", "kernel", "GFLOP/s", "over m = 1, wall", "GFLOP/s per CPU s", "over m = 1, CPU"]
    rows = []
    for form in bench.options.formats or ["q4_0", "q4_k", "q8_0"]:
        timed = bench.time([Contender("lowbit", "f32", form, m) for m in (1, 2, 3, 4, 8)])
        one = bench.speeds(timed[0])
        for c in timed:
            wall, cpu = bench.speeds(c)
            rows.append([form, c.m, c.how, f"{wall:.2f}", f"{wall / one[0]:.2f}", f"{cpu:.2f}", f"{cpu / one[1]:.2f}"])
    return "## A few rows of x\n\n" + table(titles, rows)


def formats(bench):
    """Every format compared with F16, at m = 1."""
    names = bench.options.formats
    if not names:
        these, others = bench.worker("lowbit-cpu", "data").ask("formats").split(";")
        names = these.split()
        bench.note(f"not timed, since lowbit has no quantizer for them: {others.replace(' ', ', ')}")
    names = [name for name in names if name != "f16"]
    rows = []
    for start in range(0, len(names), 6):
        group = ["f16"] + names[start : start + 6]
        timed = bench.time([Contender("lowbit", "f32", form, 1) for form in group])
        base = bench.speeds(timed[0])
        for c in timed[1:]:
            wall, cpu = bench.speeds(c)
            rows.append([c.form, f"{wall:.2f}", f"{wall / base[0]:.2f}", f"{cpu:.2f}", f"{cpu / base[1]:.2f}"])
    titles = ["format", "GFLOP/s", "over f16, wall", "GFLOP/s per CPU s", "over f16, CPU"]
    return "## Every format, m = 1\n\n" + table(titles, rows)


# Eight times the last-level cache of an H200, so that no copy is cached when its turn comes.
ROTATE = 8 * 60 << 20
LARGE, SQUARE = (28672, 8192), (4096, 4096)


def card(bench):
    """A graphics card: m = 1 with uncached weights compared with its copy bandwidth, other m with cuBLAS."""
    o = bench.options
    on_processor = "Cpu" in bench.worker("lowbit", 0).banner.split(", ")
    large, square = ((512, 512), (256, 256)) if on_processor else (LARGE, SQUARE)
    if on_processor:
        bench.note("the adapter is a processor: small matrices, to prove the script; the figures mean nothing")
    o.rotate = 1 << 20 if on_processor else ROTATE
    copied = {}
    for name in ("lowbit", "torch"):
        worker = bench.worker(name, 0)
        if worker:
            # A binding holds no more under the default limits that lowbit's device has.
            size = 1 << 24 if on_processor else 1 << 30 if name == "torch" else 128 << 20
            copied[name] = float(worker.ask(f"copy {size}"))
    peers = [("torch", p) for p in ("bf16", "int4", "int8w", "int8", "gemlite")]
    peers += [("onnx-webgpu", p) for p in ("f32", "i8", "f16")]
    cases = [(large, 1, [("q4_0", "lowbit", "f32"), ("q4_0", "lowbit", "i8")] + [
        ("q4_0", *peer) for peer in peers])]
    cases += [(large, 1, [(form, "lowbit", "f32") for form in ("q8_0", "q4_k", "q6_k", "tq2_0", "f16")])]
    cases += [(square, m, [("q4_0", "lowbit", p) for p in ("f32", "i8", "f16")] + [
        ("q4_0", *peer) for peer in peers]) for m in (1, 16, 128, 512)]
    titles = ["n x k", "m", "format", "what", "how", "copies", "error", "µs", "clock", "weights, GB/s",
              "share of copy", "TFLOP/s", "over torch bf16"]
    best = max(copied.values())
    rows, bf16 = [], {}
    for shape, m, contenders in cases:
        bench.shape(*shape)
        for c in bench.time([Contender(worker, p, form, m) for form, worker, p in contenders]):
            seconds, clock = bench.seconds(c)
            if c.label() == "torch bf16":
                bf16[shape, m] = seconds
            rows.append((shape, m, c, seconds, clock))
    lines = []
    for (n, k), m, c, seconds, clock in rows:
        rate = c.bytes / seconds
        over = bf16.get(((n, k), m))
        lines.append([
            f"{n} x {k}", m, c.form, c.label(), c.how, c.copies, f"{c.error:.1e}", f"{seconds * 1e6:.1f}", clock,
            f"{rate * 1e-9:.1f}", f"{100 * rate / best:.0f} %", f"{2e-12 * n * k * m / seconds:.2f}",
            f"{over / seconds:.2f}" if over else ""])
    speeds = ", ".join(f"{value * 1e-9:.1f} GB/s by {name}'s" for name, value in copied.items())
    return f"## The card\n\nA copy, read and written: {speeds}; shares are of the largest.\n\n" + table(titles, lines)


PRODUCTS = {"gpu": gpu, "cpu": cpu, "ladder": ladder, "formats": formats, "card": card}
