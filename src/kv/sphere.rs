//! TurboQuant's codebook: the quantizer of least squared error (Lloyd and Max) for one coordinate t of a random unit
//! vector of d numbers, of density f(t) ∝ (1 - t²)^((d - 3) / 2), which tends to N(0, 1/d).

/// The levels, ascending: 2^bits of them. `d` is at least 3.
pub(super) fn lloyd_max(d: usize, bits: u32) -> Vec<f64> {
    let count = 1usize << bits;
    if count == 1 {
        return vec![0.0];
    }
    // The density is even: levels of the positive half, from equal steps over three deviations.
    let sigma = 1.0 / (d as f64).sqrt();
    let half = count / 2;
    let mut levels: Vec<f64> = (0..half)
        .map(|i| (3.0 * sigma).min(0.9) * (i as f64 + 0.5) / half as f64)
        .collect();
    loop {
        let mut change: f64 = 0.0;
        let mut low = 0.0;
        for i in 0..half {
            let high = match levels.get(i + 1) {
                Some(next) => (levels[i] + next) / 2.0,
                None => 1.0,
            };
            let level = centroid(d, low, high);
            change = change.max((level - levels[i]).abs());
            levels[i] = level;
            low = high;
        }
        if !(change > 1e-12 * sigma) {
            break;
        }
    }
    let negative = levels.iter().rev().map(|c| -c);
    negative.chain(levels.iter().copied()).collect()
}

/// E[t | low < t < high]. ∫ t f has a closed form; ∫ f is a sum by Gauss and Legendre, five points in each of a few
/// steps, up to where nothing is left of f.
fn centroid(d: usize, low: f64, high: f64) -> f64 {
    let half = (d as f64 - 3.0) / 2.0;
    let f = |t: f64| (1.0 - t * t).powf(half);
    let moment = ((1.0 - low * low).powf(half + 1.0) - (1.0 - high * high).powf(half + 1.0))
        / (2.0 * (half + 1.0));
    const NODES: [(f64, f64); 3] = [
        (0.0, 0.5688888888888889),
        (0.538_469_310_105_683_1, 0.478_628_670_499_366_5),
        (0.906_179_845_938_664, 0.236_926_885_056_189_1),
    ];
    let high = high.min(low + 12.0 / (d as f64).sqrt());
    let steps = 12;
    let width = (high - low) / f64::from(steps);
    let mass: f64 = (0..steps)
        .map(|step| {
            let middle = low + width * (f64::from(step) + 0.5);
            let at = |x: f64| f(middle + x * width / 2.0);
            NODES[0].1 * at(0.0)
                + NODES[1..]
                    .iter()
                    .map(|(x, w)| w * (at(*x) + at(-x)))
                    .sum::<f64>()
        })
        .sum();
    moment / (mass * width / 2.0)
}
