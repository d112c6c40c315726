// Weight = scale · (level - offset), counted from the level nearest to the zero point, which need not be whole: what is
// left of it is then no larger than any level's distance from it.

fn about_middle(a: Affine) -> Centred {
    // Beyond all levels the middle need not follow, since no two weights cancel there.
    let middle = clamp(round(a.offset), -512.0, 512.0);
    return Centred(a.scale, a.scale * (middle - a.offset), middle);
}
