"""How much a lane does in one turn of a main loop.

lowbit's workers say it. ggml's kernels are judged by what they are made of:

- Kernels with bytes for x (q8_1): four products for each dot, in so many columns as constant 2 says.
- Kernels with f32 for x: K_TURN weights of each of the rows that constant 1 counts. Products cannot be counted there,
  since formats with minima add these by the same instructions. K_TURN are the floats of x that one column more makes
  the loop load, of ggml 0.27.0 on ir3 (2026-11-26). Types where that does not settle it are left out.
"""

from loops import products, strongest

K_TURN = {
    16: "q2_k q3_k q4_k q5_k q6_k iq2_xxs iq2_xs iq2_s iq3_xxs f16 bf16",
    32: "q4_0 q4_1 q5_0 q5_1 q8_0 q1_0 q2_0 iq1_s iq1_m iq3_s iq4_nl iq4_xs mxfp4 nvfp4",
}


def of_ggml(name, constants, main):
    """Weights, or None for tiles and what is not known."""
    if not name.startswith("mul_mat_vec"):
        return None
    rows, columns = constants["1"], constants["2"]
    if "_q8_1_" in name:
        return 4 * sum(1 for i in main.all if i.kind == "dot") / columns
    kind = name.removeprefix("mul_mat_vec_").removesuffix("_f32_f32")
    return next((rows * turn for turn, kinds in K_TURN.items() if kind in kinds.split()), None)


def check(what, weights, columns, main, entries=1):
    """A turn has a product for each weight and column, or it is not the turn of this loop. Some are multiplications at
    the beginning of a chain, or additions of minima: not to be off by a factor is what can be asked. Where a weight is
    the sum of several entries of a codebook, a compiler may multiply each."""
    made, needed = products(main.all), weights * columns
    if not 0.8 * needed <= made <= (0.7 + entries) * needed:
        raise SystemExit(f"{what}: {made} products in a loop that should make {needed:g}")


def of_loop(main):
    """Products of a loop, by what it multiplies with."""
    kind = strongest(main.all)
    return products(i for i in main.all if i.kind == kind)


def of_tile(main, loops, tile):
    """The instructions and products of a tile's turn: the loop that multiplies as often as it takes to make `tile`
    products, and the loop around it. Loops beside it, which fetch, count once: how often they run is not in the
    text."""
    trips = round(tile / of_loop(main))
    if trips <= 1 or main.parent is None:
        # Written out: the turn is the loop, with those within it.
        return main.all, of_loop(main)
    beside = [i for loop in loops if loop.parent is main.parent and loop is not main for i in loop.all]
    return main.parent.own + beside + trips * main.all, trips * of_loop(main)
