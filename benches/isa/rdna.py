"""The text of ACO, the compiler of RADV: labels, and branches that name them."""

import re

from loops import Block, Instruction

LABEL = re.compile(r"(BB\d+):")
# What stands before the machine code and after it is no instruction.
OPERATION = re.compile(r"\t?([sv]_|ds_|buffer_|global_|flat_|scratch_|image_|tbuffer_)")
WAITS = ("s_delay_alu", "s_waitcnt", "s_wait_", "s_nop", "s_clause", "s_code_end", "s_set_inst_prefetch", "s_sleep")
CONTROL = ("s_cbranch", "s_branch", "s_barrier", "s_endpgm", "s_sendmsg", "s_setpc", "s_swappc")
MEMORY = ("buffer_", "global_", "flat_", "tbuffer_", "image_")
PRODUCTS = {"v_dot4": ("dot", 4), "v_pk_fma_f16": ("half", 2), "v_dot2": ("half", 2)}


def parse(text, lanes=64):
    blocks = {"entry": Block()}
    block, parts = blocks["entry"], 0
    for line in text.splitlines():
        if found := LABEL.match(line):
            if block is not None:
                block.next.append(found[1])
            block = blocks.setdefault(found[1], Block())
            continue
        if not OPERATION.match(line) or block is None:
            continue
        operation = line.split(";")[0].strip()
        block.instructions.append(classed(operation, lanes))
        name, *operands = operation.split()
        if name.startswith(("s_branch", "s_cbranch")):
            block.next.append(operands[-1])
        if name.startswith("s_cbranch"):
            # The rest of a block has no label of its own.
            parts += 1
            block.next.append(f"part{parts}")
            block = blocks.setdefault(f"part{parts}", Block())
        elif name in ("s_branch", "s_endpgm"):
            block = None
    return blocks, "entry"


def classed(operation, lanes):
    name = operation.split()[0]
    if name.startswith(WAITS):
        return Instruction("nop")
    if name.startswith(CONTROL):
        return Instruction("control")
    if name.startswith(("s_load", "s_buffer_load")):
        return Instruction("uniform load", bits_of(name))
    if name.startswith("s_"):
        return Instruction("scalar")
    if name.startswith("scratch_"):
        return Instruction("scratch", bits_of(name))
    if name.startswith("ds_"):
        return shared(name)
    if name.startswith(MEMORY):
        return Instruction("store" if "store" in name else "load", bits_of(name))
    return vector(operation, name, lanes)


def vector(operation, name, lanes):
    if name.startswith("v_dual_"):
        # Two in one: it counts once, with the products of both.
        halves = [half.replace("v_dual_", "v_") for half in operation.split(" :: ")]
        of_both = [vector(half, half.split()[0], lanes) for half in halves]
        made = sum(half.products for half in of_both)
        return Instruction("fma" if made else of_both[0].kind, products=made)
    if found := re.match(r"v_wmma_\w+?_(\d+)x(\d+)x(\d+)", name):
        return Instruction("matrix", products=int(found[1]) * int(found[2]) * int(found[3]) // lanes)
    for prefix, (kind, made) in PRODUCTS.items():
        if name.startswith(prefix):
            return Instruction(kind, products=made)
    # fma_mix takes halves and adds in f32. The forms that make a half are conversions.
    if re.match(r"v_(fma|fmac|mac|mad)(mk|ak|_mix)?_(f32|f16|legacy)", name):
        return Instruction("fma", products=1)
    if name.startswith(("v_readlane", "v_readfirstlane", "v_permlane", "v_writelane")) or "dpp" in name:
        return Instruction("shuffle")
    if name.startswith(("v_cvt", "v_fma_mixlo", "v_fma_mixhi")):
        return Instruction("convert")
    if name.startswith(("v_mov", "v_swap")):
        return Instruction("move")
    return Instruction("float" if re.search(r"_f(16|32|64)", name) else "int")


def shared(name):
    if name.startswith(("ds_bpermute", "ds_permute", "ds_swizzle")):
        return Instruction("shuffle")
    two = 2 if "2addr" in name else 1
    return Instruction("shared store" if "store" in name else "shared load", two * bits_of(name))


def bits_of(name):
    """b128, u8, d16_b16: the last is how much is read."""
    widths = re.findall(r"_[biu](\d+)", name)
    return int(widths[-1]) if widths else 32
