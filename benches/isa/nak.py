"""The text of NAK, the compiler of NVK: blocks are named, and each says what comes after it."""

import re

from loops import Block, Instruction

BLOCK = re.compile(r"block(?:\.u)? (\d+) .*-> \{")
NEXT = re.compile(r"\} -> \[(.*)\]")
# @!p0 r1 = op ..: the predicate and what is written are no part of the operation.
PREDICATE = re.compile(r"@!?u?p\w+\s+")
RESULT = re.compile(r"[a-z0-9_. ]+=\s+", re.IGNORECASE)

FLOATS = {"fadd", "fmul", "fmnmx", "fset", "fsetp", "fswz", "hadd2", "hmul2", "hset2", "hsetp2", "hmnmx2"}
CONVERSIONS = {"i2f", "f2f", "f2i", "f2fp", "i2i", "frnd", "mufu"}
CONTROL = {"bra", "bssy", "bsync", "bclear", "bmov", "brk", "break", "exit", "bar", "warpsync", "yield", "membar"}
SIMPLE = {
    "mov": "move",
    "ldc": "uniform load",
    "shfl": "shuffle",
    "r2ur": "move",
    "nop": "nop",
}


def parse(text, lanes=32):
    blocks, entry, block = {}, None, None
    for line in text.splitlines():
        if found := BLOCK.match(line):
            block = blocks.setdefault(found[1], Block())
            entry = entry or found[1]
        elif found := NEXT.match(line):
            block.next = [name.strip() for name in found[1].split(",") if name.strip()]
        elif block is not None and (operation := line.split("//")[0].strip()):
            operation = PREDICATE.sub("", operation, count=1) if operation[0] == "@" else operation
            block.instructions.append(classed(RESULT.sub("", operation, count=1), lanes))
    return blocks, entry


def classed(operation, lanes):
    name, *_ = operation.split()
    base, *parts = name.split(".")
    bits = next((int(p[1:]) for p in parts if re.fullmatch(r"[bui]\d+", p)), 32)
    if base == "ffma":
        return Instruction("fma", products=1)
    if base == "hfma2":
        return Instruction("half", products=2)
    if base.startswith("idp4"):
        return Instruction("dot", products=4)
    if base in ("hmma", "imma"):
        # m16n8k16: the sides of the product, which all lanes share.
        sides = re.search(r"m(\d+)n(\d+)k(\d+)", name)
        return Instruction("matrix", products=int(sides[1]) * int(sides[2]) * int(sides[3]) // lanes)
    if base in ("ld", "st"):
        place = next((p for p in parts if p in ("global", "shared", "local")), "global")
        kind = {"ld": "load", "st": "store"}[base]
        return Instruction({"global": kind, "shared": f"shared {kind}", "local": "scratch"}[place], bits)
    if base == "ldsm":
        return Instruction("shared load", 32 * int(next((p[1:] for p in parts if re.fullmatch(r"x\d", p)), 1)))
    if base in FLOATS:
        return Instruction("float")
    if base in CONVERSIONS:
        return Instruction("convert")
    if base in CONTROL:
        return Instruction("control")
    return Instruction(SIMPLE.get(base, "int"))
