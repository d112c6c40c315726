// Weights without an offset.

fn about_middle(a: Affine) -> Centred {
    return Centred(a.scale, 0.0, 0.0);
}
