// A sum that keeps what its additions round off (Kahan): its error does not grow with the number of terms.

struct Sum {
    total: f32,
    due: f32,  // what was added since, and what the total lacks
}

// Adds what is due to the total.
fn settled(sum: Sum) -> Sum {
    let total = sum.total + sum.due;
    // A total that a compiler knows to be that sum would make this 0.
    let kept = bitcast<f32>(bitcast<u32>(total) ^ params.zero);
    let due = sum.due - (kept - sum.total);
    // Infinity lacks nothing: it stays what it is.
    return Sum(total, select(0.0, due, abs(due) < 0x1p+120f));
}

fn plus(sum: Sum, term: f32) -> Sum {
    return settled(Sum(sum.total, sum.due + term));
}
