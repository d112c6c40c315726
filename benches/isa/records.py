"""What a run left in its folder: the programs' marks, and before each the pipelines that were made for it."""

import json
import os
from dataclasses import dataclass, field

import ir3
import nak
import rdna
import turns
from loops import counted, kinds, loops_of, main_loop

# By what a device's name has in it. Others have no text that is read here: of these the statistics are all.
PARSERS = {"NVK": nak, "RADV": rdna, "Turnip": ir3}

# The drivers' names of the same statistics.
STATISTICS = {
    "instructions": ("Instruction count", "Instructions", "Instruction Count"),
    "registers": ("Number of GPRs", "VGPRs", "Registers used", "GPRs"),
    # Of subgroups: on a multiprocessor, a SIMD, a core. Of threads.
    "occupancy": ("Max warps/SM", "Subgroups per SIMD", "Max Waves Per Core", "Threads"),
}
# To memory. NAK's spills into other registers are none.
SPILLS = ("Spills to memory", "Spilled VGPRs", "STP Count", "Spills")


@dataclass
class Record:
    """One product: what was asked, and what the compiler made of its kernel."""

    device: str
    robust: bool
    by: str
    format: str
    # lowbit's kernel or ggml's pipeline, and what was asked for.
    kernel: str
    asked: str
    m: int
    bits: float | None
    lanes: int
    statistics: dict
    # Instructions of one turn of the main loop, with the trips of a loop in it. Empty where there is no text.
    turn: list = field(default_factory=list)
    # Instructions of the loop that multiplies alone.
    inner: list = field(default_factory=list)
    # Weights that a lane takes in a turn, for few rows of x; products that it makes, for tiles.
    weights: float | None = None
    products: float | None = None

    def statistic(self, name):
        return next((self.statistics[key] for key in STATISTICS[name] if key in self.statistics), None)

    @property
    def spills(self):
        return sum(self.statistics.get(key, 0) for key in SPILLS)

    @property
    def figure(self):
        """Instructions, and for what: a weight, a product of a tile, or the whole shader."""
        if self.turn and self.weights:
            return counted(self.turn) / self.weights, "weight"
        if self.turn and self.products:
            return counted(self.turn) / self.products, "product"
        return self.statistic("instructions"), "shader"

    @property
    def kinds(self):
        return kinds(self.turn)


def read(folder):
    """What a folder DEVICE or DEVICE-off has of each program: records, names of programs and drivers, and the marks of
    what was refused."""
    device, _, suffix = os.path.basename(os.path.normpath(folder)).partition("-")
    parts = [
        read_program(os.path.join(folder, program), device, suffix != "off")
        for program in ("lowbit", "ggml")
        if os.path.exists(os.path.join(folder, program, "pipelines.jsonl"))
    ]
    return tuple([entry for part in parts for entry in part[i]] for i in range(3))


def read_program(folder, device, robust):
    names, made, records, refused = [], [], [], []
    with open(os.path.join(folder, "pipelines.jsonl"), encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith("{"):
                continue
            entry = json.loads(line)
            if "pipeline" in entry:
                made.append(entry)
            elif "named" in entry:
                pipeline = next((p for p in reversed(made) if p["handle"] == entry["named"]), None)
                if pipeline:
                    pipeline["name"] = entry["name"]
            elif entry["mark"] == "device":
                names.append(f"{entry['name'].strip()}, {entry['driver']}")
                made = []
            elif "error" in entry:
                refused.append(entry)
                made = []
            else:
                pipeline = of_kernel(made, entry)
                if pipeline:
                    records.append(record(folder, device, robust, entry, pipeline))
                else:
                    refused.append(entry | {"error": "no pipeline was made"})
                made = []
    return records, names, refused


def of_kernel(made, mark):
    """lowbit makes a product's kernel last; ggml names its pipelines, and may convert x in others."""
    if mark["by"] == "lowbit":
        return made[-1] if made else None
    return next((p for p in reversed(made) if p.get("name", "").startswith(("mul_mat", "matmul"))), None)


def record(folder, device, robust, mark, pipeline):
    executable = pipeline["executables"][-1]
    made = Record(
        device=device, robust=robust, by=mark["by"], format=mark["format"],
        kernel=mark.get("kernel") or pipeline["name"], asked=mark.get("asked", ""),
        m=mark["m"], bits=mark.get("bits"), weights=mark.get("turn"),
        lanes=executable["subgroup"], statistics=executable["statistics"],
    )  # fmt: skip
    parser = next((p for name, p in PARSERS.items() if name in pipeline["device"]), None)
    if parser and "code" in executable:
        with open(os.path.join(folder, executable["code"]), encoding="utf-8", errors="replace") as text:
            blocks, entry = parser.parse(text.read(), made.lanes)
        count(made, blocks, entry, mark, pipeline)
    return made


def count(made, blocks, entry, mark, pipeline):
    loops = loops_of(blocks, entry)
    main = main_loop(blocks, loops)
    if main is None:
        return
    made.inner = made.turn = main.all
    if mark["by"] == "ggml":
        made.weights = turns.of_ggml(pipeline["name"], pipeline["constants"], main)
        if "mul_mat_vec" not in pipeline["name"]:
            made.products = turns.of_loop(main)
        return
    if made.weights:
        what = f"{made.device}: {made.kernel} for {made.format}, m = {made.m}"
        turns.check(what, made.weights, mark["lane_m"], main, 2 if made.format.startswith("aqlm_2x") else 1)
    elif mark["tile"]:
        made.turn, made.products = turns.of_tile(main, loops, mark["tile"])
