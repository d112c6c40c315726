#!/usr/bin/env python3
"""What `run` prints: a table of few rows of x and one of tiles for each device, and the baseline.

usage: table.py --title TITLE [--check FILE] [--baseline FILE] FOLDER..
"""

import argparse
import sys

import baseline
import model
import records
from loops import strongest

DEVICES = {
    "nv": "NVIDIA Ada, by NVK's compiler NAK",
    "amd": "AMD RDNA 3, by RADV's compiler ACO",
    "adreno": "Adreno 740, by Turnip's compiler ir3",
    "apple": "Apple M1, by Honeykrisp's compiler",
    "intel": "Intel, by ANV",
}

def number(value, digits=3):
    if value is None:
        return "-"
    if isinstance(value, float) and value < 100:
        return f"{value:.{digits}g}"
    return f"{value:.0f}"


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def loads(record):
    """Loads from buffers for each weight, and their mean width."""
    widths = [i.bits for i in record.turn if i.kind == "load"]
    if not widths or not record.weights:
        return "-"
    return f"{number(len(widths) / record.weights, 2)} x {sum(widths) / len(widths):.0f}"


def share(instructions):
    """Of the instructions that multiply, by the strongest kind that there is."""
    kind = strongest(instructions)
    if kind is None:
        return "-"
    issued = [i for i in instructions if i.kind != "nop"]
    return f"{100 * sum(1 for i in issued if i.kind == kind) / len(issued):.3g} % {kind}"


def machine(record):
    return [number(record.statistic("registers")), number(record.statistic("occupancy")), number(record.spills)]


def figure(record):
    if record is None:
        return "-"
    value, per = record.figure
    return number(value) + ("" if per != "shader" else " in all")


def ratio(mine, peer):
    # Whole shaders do not say how much they do at once.
    if peer is None or "shader" in (mine.figure[1], peer.figure[1]):
        return "-"
    return number(mine.figure[0] / peer.figure[0])


def distinct(products):
    """One row for each kernel, though several precisions chose it."""
    seen = {}
    for r in products:
        seen.setdefault((r.format, r.m, r.kernel), r)
    return list(seen.values())


def few_rows(mine, peers, cards):
    head = ["format", "m", "kernel", "instr./weight", "loads/weight x bits", "registers", "occupancy", "spills"]
    head += ["ggml", "its instr./weight", "ratio"] if peers else []
    head += [f"{card.name}: of bandwidth" for card in cards]
    rows = []
    for r in mine:
        row = [r.format, str(r.m), r.kernel, figure(r), loads(r), *machine(r)]
        if peers:
            peer = peers.get((r.format, r.m))
            name = peer.kernel.removeprefix("mul_mat_vec_").removesuffix("_f32") if peer else "-"
            row += [name, figure(peer), ratio(r, peer)]
        rows.append(row + [number(model.of_bandwidth(card, r, r.bits), 2) for card in cards])
    return table(head, rows)


def tiles(mine, peers, cards):
    head = ["format", "m", "kernel", "instr./product", "of the turn", "of the loop that multiplies"]
    head += ["registers", "occupancy", "spills"] + [f"{card.name}: of peak" for card in cards]
    products = mine + [peers[key] for key in dict.fromkeys((r.format, r.m) for r in mine) if key in peers]
    rows = [
        [r.format, str(r.m), r.kernel if r.by == "lowbit" else f"ggml {r.kernel}", figure(r)]
        + [share(r.turn), share(r.inner), *machine(r)]
        + [number(model.of_peak(card, r), 2) for card in cards]
        for r in sorted(products, key=lambda r: (r.format, r.m))
    ]
    return table(head, rows)


def section(made, names):
    first = made[0]
    robust = "" if first.device != "nv" else ", as wgpu makes it" if first.robust else ", robustness off"
    yield f"## {DEVICES[first.device]}{robust}"
    yield ""
    yield from (f"- {name}" for name in dict.fromkeys(names))
    yield ""
    mine = distinct(r for r in made if r.by == "lowbit")
    peers = {(r.format, r.m): r for r in made if r.by == "ggml"}
    cards = model.of(first.device)
    few, many = [r for r in mine if r.weights], [r for r in mine if not r.weights]
    if few:
        yield from few_rows(few, peers, cards)
    if many:
        yield from tiles(many, peers, [card for card in cards if card.schedulers])


NOTES = """\
Instructions are those that a lane is issued in one turn of the main loop, waits not counted; of a tile, a turn of the
loop that fetches and multiplies, in which loops that only fetch count once. "in all": of the whole shader, where the
compiler shows no text. Occupancy: warps of a multiprocessor, waves of a SIMD, waves of a core, threads, as each driver
counts. Ratio: lowbit's instructions by ggml's. Shares are predicted by the arithmetic of `benches/isa/model.py`: above
1, memory is the limit.
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--title", default="")
    parser.add_argument("--check")
    parser.add_argument("--baseline")
    parser.add_argument("folders", nargs="+")
    arguments = parser.parse_args()
    everything, refused, drivers = [], [], []
    print(f"`{arguments.title}`\n\n{NOTES}")
    for folder in arguments.folders:
        made, names, without = records.read(folder)
        # ggml knows few of the formats.
        refused += [f"{entry['format']}: {entry['error']}" for entry in without if entry["by"] == "lowbit"]
        everything += made
        drivers += names
        if made:
            print("\n".join(section(made, names)))
    for line in dict.fromkeys(refused):
        print(line, file=sys.stderr)
    if not any(r.by == "lowbit" for r in everything):
        sys.exit("nothing was made")
    if arguments.baseline:
        baseline.write(arguments.baseline, everything, drivers)
    if arguments.check:
        lines, compared = baseline.worse(arguments.check, everything)
        print("\n".join(lines), file=sys.stderr)
        print(f"{compared} rows compared with {arguments.check}, {len(lines)} worse", file=sys.stderr)
        # No row in common is no check.
        worse = bool(lines) or not compared
        was, now = baseline.made_by(arguments.check), baseline.compilers(drivers)
        if worse and was != now:
            print(f"not judged: the baseline is of {', '.join(was)}, this is {', '.join(now)}", file=sys.stderr)
            sys.exit(3)
        sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
