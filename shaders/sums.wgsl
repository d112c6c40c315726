// A sum that keeps what its additions round off (Kahan): its error does not grow with the number of terms.

struct Sum {
    total: f32,
    lost: f32,  // how much too large the total is
}

fn plus(sum: Sum, term: f32) -> Sum {
    let due = term - sum.lost;
    let total = sum.total + due;
    // A total that a compiler knows to be that sum would make this 0.
    let kept = bitcast<f32>(bitcast<u32>(total) ^ params.zero);
    let lost = (kept - sum.total) - due;
    // Of infinity nothing is lost: it stays what it is.
    return Sum(total, select(0.0, lost, abs(lost) < 0x1p+120f));
}
