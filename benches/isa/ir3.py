"""The text of ir3, the compiler of Turnip: labels, and branches that name them. Repeats and nops are in prefixes."""

import re

from loops import Block, Instruction

LABEL = re.compile(r"(l\d+):")
PREFIX = re.compile(r"\((\w+)\)")
TARGET = re.compile(r"#(l\d+)")
# Branches that only leave, and those after which the next instruction may follow.
LEAVES = {"jump", "end", "ret", "chmask", "chsh"}
BRANCHES = {"br", "brao", "braa", "brac", "bany", "ball", "getone", "getlast", "shps", "brx"}
CONTROL = LEAVES | BRANCHES | {"shpe", "predt", "predf", "prede", "bar", "fence", "sleep", "stc", "stsc", "kill"}
SPECIAL = {"rcp", "rsq", "log2", "exp2", "sin", "cos", "sqrt", "hrsq", "hlog2", "hexp2"}
LOADS = {"isam", "ldib", "ldg", "ldgb", "sam", "ldu"}
KINDS = {
    "mad.f32": ("fma", 1), "dp4acc": ("dot", 4), "dp2acc": ("dot", 2), "mad.f16": ("fma", 1),
    "cov": ("convert", 0), "mov": ("move", 0), "mova": ("move", 0), "mova1": ("move", 0), "swz": ("move", 0),
    "ldc": ("uniform load", 0), "brcst": ("shuffle", 0), "quad_shuffle": ("shuffle", 0), "shfl": ("shuffle", 0),
    "resinfo": ("uniform load", 0), "ldp": ("scratch", 0), "stp": ("scratch", 0), "nop": ("nop", 0),
    "stib": ("store", 0), "stg": ("store", 0), "stl": ("shared store", 0),
}  # fmt: skip


def parse(text, lanes=128):
    blocks = {"entry": Block()}
    block, parts = blocks["entry"], 0
    for line in text.splitlines():
        line = line.strip()
        if found := LABEL.match(line):
            if block is not None:
                block.next.append(found[1])
            block = blocks.setdefault(found[1], Block())
            continue
        if block is None or not line or line[0] in ";@" or line.startswith("Native code"):
            continue
        prefixes, operation = split(line)
        times = 1 + next((int(p[3:]) for p in prefixes if p.startswith("rpt")), 0)
        waits = next((int(p[3:]) for p in prefixes if re.fullmatch(r"nop\d", p)), 0)
        block.instructions += [classed(operation)] * times + [Instruction("nop")] * waits
        name, target = operation.split()[0].split(".")[0], TARGET.search(operation)
        if target:
            block.next.append(target[1])
        if name in LEAVES:
            block = None
        elif target:
            # The rest of a block has no label of its own.
            parts += 1
            block.next.append(f"part{parts}")
            block = blocks.setdefault(f"part{parts}", Block())
    return blocks, "entry"


def split(line):
    """(ss)(rpt2)add.u ..: the prefixes, and the rest."""
    prefixes = []
    while found := PREFIX.match(line):
        prefixes.append(found[1])
        line = line[found.end() :].strip()
    return prefixes, line


def classed(operation):
    name = operation.split()[0]
    base, *parts = name.split(".")
    if base in LOADS or base == "ldl":
        return Instruction("shared load" if base == "ldl" else "load", bits_of(operation, parts))
    if base in CONTROL:
        return Instruction("control")
    for key in (name, base):
        if key in KINDS:
            kind, made = KINDS[key]
            return Instruction(kind, bits_of(operation, parts) if "store" in kind else 0, made)
    if base in SPECIAL:
        return Instruction("convert")
    return Instruction("float" if parts and parts[0].startswith("f") else "int")


def bits_of(operation, parts):
    """isam (u16)(xy)hr1.x: so many of such a type. ldl.u32 r1.x, l[..], 4: as many as the last number says."""
    typed = re.search(r"\([usf](\d+)\)", operation)
    each = int(typed[1]) if typed else next((int(p[1:]) for p in parts if re.fullmatch(r"[usf]\d+", p)), 32)
    if written := re.search(r"\(([xyzw]+)\)", operation):
        return each * len(written[1])
    count = re.search(r", (\d+)$", operation)
    return each * (int(count[1]) if count and not operation.startswith(("isam", "ldib")) else 1)
