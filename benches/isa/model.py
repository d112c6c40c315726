"""What a loop's instructions allow on a card, as a share of its bandwidth (few rows of x) or of its peak (tiles).

Arithmetic on measured instructions, nothing else: no latency, cache misses, bank conflicts, clocks under load. A share
of the bandwidth above 1 means that memory, not instructions, is the limit, which is the aim.

Assumptions, for one scheduler (a quarter of an SM, a SIMD), in cycles for each instruction of a subgroup:

NVIDIA (NAK's code for Ada; the H100 is given that code, not its own):
- one instruction of any kind a cycle; 16 lanes of integers and of dots, so two cycles each; conversions and special
  functions 4 lanes, eight cycles; shuffles eight cycles
- loads, from L1 and shared memory alike: 128 bytes a cycle for four schedulers, so four cycles for each 32 bits of a
  lane, even where lanes read the same words
- m16n8k16 by f16: 16 cycles with f32 sums and 8 with f16 ones on a 4090, 4 on an H100
- what NAK moves between registers costs an issue, though NVIDIA's own compiler may need fewer moves

AMD RDNA 3 (ACO's code):
- a vector instruction takes two cycles for 64 lanes and one for 32; dual issue counts where the code has it
- scalar instructions and waits are free, issued beside
- loads: 64 bytes a cycle for two SIMDs, for all lanes, even where lanes read the same words; LDS 128 bytes
- a 16x16x16 matrix product 32 cycles

Adreno 740 (ir3's code): so many instructions of a lane a second, all alike. Low confidence.
Apple M1: no text, so all instructions of the shader are taken for the loop's; low confidence, and too pessimistic.
"""

from collections import namedtuple

from loops import strongest

Card = namedtuple("Card", "name device schedulers clock bandwidth matrix")

CARDS = (
    Card("RTX 4090", "nv", 128 * 4, 2.5e9, 1008e9, {"f16": 8, "f32": 16}),
    Card("H100", "nv", 132 * 4, 1.755e9, 3350e9, {"f16": 4, "f32": 4}),
    Card("RX 7900 XTX", "amd", 96 * 2, 2.4e9, 960e9, {"f16": 32, "f32": 32}),
    Card("Adreno 740", "adreno", None, 1.7e12, 67e9, None),
    Card("Apple M1", "apple", None, 1.3e12, 68e9, None),
)
# Arc A770 and Iris Xe come with the code of ANV.

ARITHMETIC = ("fma", "half", "dot", "float", "int", "convert", "move", "shuffle")


def of(device):
    return [card for card in CARDS if card.device == device]


def cycles(card, instructions, lanes, sums="f32"):
    """Of one scheduler, for a subgroup's turn."""
    number = {kind: 0 for kind in ("load", "shared load", "shared store", "matrix", "nop", *ARITHMETIC)}
    bits = {"load": 0, "shared": 0}
    for i in instructions:
        number[i.kind] = number.get(i.kind, 0) + 1
        if i.kind == "load":
            bits["load"] += i.bits
        elif i.kind.startswith("shared"):
            bits["shared"] += i.bits
    units = number["matrix"] * card.matrix[sums]
    if card.device == "nv":
        return max(
            len(instructions) - number["nop"],
            2 * (number["int"] + number["dot"]),
            8 * number["convert"],
            4 * (bits["load"] + bits["shared"]) / 32 + 8 * number["shuffle"],
            units,
        )
    issue = 2 if lanes == 64 else 1
    vector = issue * sum(number[kind] for kind in ARITHMETIC) + units
    return max(vector, 2 * bits["load"] / 8 * lanes / 64, 2 * bits["shared"] / 8 * lanes / 128)


def of_bandwidth(card, record, bits):
    """The share of bandwidth at which a lane's instructions keep up with the weights, or None."""
    if card.schedulers is None:
        return of_rate(card, record, bits)
    if not (record.turn and record.weights):
        return None
    turns = card.schedulers * card.clock / cycles(card, record.turn, record.lanes)
    return turns * record.lanes * record.weights * bits / 8 / card.bandwidth


def of_rate(card, record, bits):
    figure, per = record.figure
    if per == "shader" and record.weights:
        figure /= record.weights
    elif per != "weight":
        return None
    return card.clock / figure * bits / 8 / card.bandwidth


def of_peak(card, record):
    """The share of the time in which a tile's own unit works: that of its matrices, dots or f32 products."""
    if card.schedulers is None or not (record.turn and record.products):
        return None
    kind = strongest(record.turn)
    if kind is None:
        return None
    sums = "f16" if "f16acc" in record.kernel else "f32"
    own = [i for i in record.turn if i.kind == kind]
    return cycles(card, [i._replace(bits=0) for i in own], record.lanes, sums) / cycles(
        card, record.turn, record.lanes, sums
    )
