// Weight = scale · level + offset, counted from the level whose weight is nearest to 0: what is left of the offset is
// then no larger than any weight.

fn about_middle(a: Affine) -> Centred {
    // Beyond all levels the middle need not follow, since no two weights cancel there.
    let middle = clamp(round(-a.offset / select(a.scale, 1.0, a.scale == 0.0)), -512.0, 512.0);
    return Centred(a.scale, fma(a.scale, middle, a.offset), middle);
}
