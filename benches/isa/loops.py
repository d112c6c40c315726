"""Loops in machine code: blocks of instructions, who dominates whom, natural loops, and the loop that multiplies.

A parser of an instruction set (nak.py, rdna.py, ir3.py) gives blocks by name; nothing here knows one.
"""

from collections import Counter, namedtuple
from dataclasses import dataclass, field

# kind: one of KINDS. bits: of a load, for each lane. products: multiply-adds that it makes for each lane.
Instruction = namedtuple("Instruction", "kind bits products", defaults=(0, 0))

KINDS = (
    "fma", "half", "dot", "matrix",  # f32, pairs of f16, four bytes, matrix units
    "float", "int", "convert", "move", "scalar", "shuffle",
    "load", "store", "shared load", "shared store", "uniform load", "scratch",
    "control", "nop",
)  # fmt: skip


@dataclass
class Block:
    instructions: list = field(default_factory=list)
    next: list = field(default_factory=list)


@dataclass
class Loop:
    header: str
    blocks: frozenset
    # Instructions of the loop, without and with those of the loops within it.
    own: list
    all: list
    parent: "Loop | None" = None


def counted(instructions):
    """What takes an issue slot: waiting and padding does not count."""
    return sum(1 for i in instructions if i.kind != "nop")


def products(instructions):
    return sum(i.products for i in instructions)


def strongest(instructions):
    """The kind of instruction that the products are made by."""
    seen = {i.kind for i in instructions if i.products}
    return next((kind for kind in ("matrix", "dot", "half", "fma") if kind in seen), None)


def kinds(instructions):
    return Counter(i.kind for i in instructions)


def order_of(blocks, entry):
    """Names of the blocks that are reached, each before those that it leads to but for loops."""
    done, seen, stack = [], {entry}, [(entry, iter(blocks[entry].next))]
    while stack:
        name, following = stack[-1]
        for after in following:
            if after in blocks and after not in seen:
                seen.add(after)
                stack.append((after, iter(blocks[after].next)))
                break
        else:
            done.append(name)
            stack.pop()
    return done[::-1]


def dominators(order, before):
    """The immediate dominator of each block (Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm)."""
    place = {name: i for i, name in enumerate(order)}
    above = {order[0]: order[0]}

    def meet(a, b):
        while a != b:
            while place[a] > place[b]:
                a = above[a]
            while place[b] > place[a]:
                b = above[b]
        return a

    changed = True
    while changed:
        changed = False
        for name in order[1:]:
            new = None
            for b in before[name]:
                if b in above:
                    new = b if new is None else meet(b, new)
            if above.get(name) != new:
                above[name], changed = new, True
    return above


def loops_of(blocks, entry):
    """All natural loops, those that share a header as one."""
    order = order_of(blocks, entry)
    reached = set(order)
    before = {name: [] for name in order}
    for name in order:
        for after in blocks[name].next:
            if after in reached:
                before[after].append(name)
    above = dominators(order, before)

    def dominates(a, b):
        while b != a and b != entry:
            b = above[b]
        return a == b

    bodies = {}
    for name in order:
        for header in blocks[name].next:
            if header in reached and dominates(header, name):
                body, stack = bodies.setdefault(header, {header}), [name]
                while stack:
                    block = stack.pop()
                    if block not in body:
                        body.add(block)
                        stack += before[block]

    def instructions(names):
        return [i for name in order if name in names for i in blocks[name].instructions]

    loops = []
    for header, body in bodies.items():
        within = set().union(*(b for h, b in bodies.items() if h != header and b < body))
        loops.append(Loop(header, frozenset(body), instructions(body - within), instructions(body)))
    for loop in loops:
        around = [other for other in loops if loop.blocks < other.blocks]
        loop.parent = min(around, key=lambda other: len(other.blocks), default=None)
    return loops


def main_loop(blocks, loops):
    """The loop that multiplies most, by the strongest instructions of the program. Some loops multiply alike, or less
    well: one for whole tiles and one that checks the end of rows, one that sums again what overflowed. The first of
    these is the one that runs: texts are in the order of the program. Loops that do half as much or less are the rest
    of an unrolled one."""
    kind = strongest([i for loop in loops for i in loop.own])
    # What is left over of pairs is made one by one.
    like = (kind, "fma") if kind == "half" else (kind,)

    def most(loop):
        return products(i for i in loop.own if i.kind in like)

    best = max(map(most, loops), default=0)
    candidates = [loop for loop in loops if most(loop) > 0.55 * best]
    place = {name: i for i, name in enumerate(blocks)}
    return min(candidates, key=lambda loop: place[loop.header], default=None)
