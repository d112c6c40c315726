//! IQ1_S and IQ1_M: points of 8 weights, each -1, 0 or 1, all shifted up or down by an eighth.
//! The bytes are those of `formats/iq1_*.rs`.

use super::points::Points;
use super::{error_weights, groups, odd_field};
use crate::family::QuantizeError;
use crate::formats::encode::importance::mean_square;
use crate::formats::encode::k_search::check_ranges;
use crate::formats::encode::range::{largest, max_abs};
use crate::formats::{f16, lattice::grids};
use std::sync::LazyLock;

static POINTS: LazyLock<Points<8>> =
    LazyLock::new(|| Points::new(&grids::IQ1_S, 2, 3, 3, |index| f32::from(index) - 1.0));

/// The shift of the three levels.
fn moved(down: bool) -> f32 {
    if down { -0.125 } else { 0.125 }
}

/// The three levels, shifted up or down.
fn levels(down: bool) -> [f32; 3] {
    [-1.0, 0.0, 1.0].map(|level| level + moved(down))
}

/// The best division of a sorted group into three levels.
struct Iq1Cut {
    score: f32,
    scale: f32,
    /// The first rank of the second and of the third level.
    at: [usize; 2],
    /// Whether each half of the group is shifted down; equal for a group that is shifted as one.
    down: [bool; 2],
}

impl Iq1Cut {
    /// Takes another cut if it is better; Σ w·q·x and Σ w·q² determine its scale and score.
    #[inline(always)]
    fn challenge(&mut self, sum_qx: f32, sum_q2: f32, at: [usize; 2], down: [bool; 2]) {
        if sum_q2 > 0.0 && sum_qx * sum_qx > self.score * sum_q2 {
            self.scale = sum_qx / sum_q2;
            self.score = self.scale * sum_qx;
            (self.at, self.down) = (at, down);
        }
    }
}

const NO_CUT: Iq1Cut = Iq1Cut {
    score: f32::MIN,
    scale: 0.0,
    at: [0; 2],
    down: [false; 2],
};

/// One encoded group of 32 (IQ1_S) or 16.
#[derive(Clone, Copy, Default)]
struct Iq1Group {
    scale: f32,
    points: [u16; 4],
    down: [bool; 2],
}

/// The stable order in which `x` ascends.
fn order<const G: usize>(x: &[f32; G]) -> [u8; G] {
    let mut order: [u8; G] = std::array::from_fn(|i| i as u8);
    for end in 1..G {
        let moving = order[end];
        let mut at = end;
        while at > 0 && x[usize::from(order[at - 1])] > x[usize::from(moving)] {
            order[at] = order[at - 1];
            at -= 1;
        }
        order[at] = moving;
    }
    order
}

/// The nearest points to the best cut, and the best scale for them.
fn points<const G: usize>(x: &[f32; G], w: &[f32; G], order: &[u8; G], mut cut: Iq1Cut) -> Iq1Group {
    let mut indices = [2u8; G];
    for (rank, &i) in order.iter().enumerate() {
        indices[usize::from(i)] = cut.at.iter().filter(|&&at| at <= rank).count() as u8;
    }
    if cut.scale < 0.0 {
        indices = indices.map(|index| 2 - index);
        cut.scale = -cut.scale;
        cut.down = cut.down.map(|down| !down);
    }
    let mut group = Iq1Group {
        scale: cut.scale,
        points: [0; 4],
        down: cut.down,
    };
    let mut exact = true;
    for k in 0..G / 8 {
        let moved = moved(half(&group, k, G));
        let octet = std::array::from_fn(|i| indices[8 * k + i]);
        let (x, w) = (&x[8 * k..8 * k + 8], &w[8 * k..8 * k + 8]);
        let snapped = POINTS.snap(&octet, |values| {
            let costs: [f32; 8] = std::array::from_fn(|i| {
                let diff = cut.scale * (values[i] + moved) - x[i];
                w[i] * diff * diff
            });
            costs.iter().fold(0.0, |sum, cost| sum + cost)
        });
        group.points[k] = snapped.point;
        exact &= snapped.exact;
    }
    if !exact {
        let (mut sum_qx, mut sum_q2) = (0f32, 0f32);
        for k in 0..G / 8 {
            let moved = moved(half(&group, k, G));
            for (i, value) in POINTS.values(group.points[k]).iter().enumerate() {
                let (x, w) = (x[8 * k + i], w[8 * k + i]);
                let q = value + moved;
                sum_qx += w * q * x;
                sum_q2 += w * q * q;
            }
        }
        if sum_qx > 0.0 && sum_q2 > 0.0 {
            group.scale = sum_qx / sum_q2;
        }
    }
    group
}

/// Whether point `k` of a group of `len` weights is shifted down, by the half in which it lies.
fn half(group: &Iq1Group, k: usize, len: usize) -> bool {
    group.down[16 * k / len]
}

/// The best cut of 32 weights with a common shift.
fn cut_32(x: &[f32; 32], w: &[f32; 32], order: &[u8; 32]) -> Iq1Cut {
    let (mut sum_x, mut sum_w) = ([0f32; 33], [0f32; 33]);
    for (rank, &i) in order.iter().enumerate() {
        let (x, w) = (x[usize::from(i)], w[usize::from(i)]);
        sum_x[rank + 1] = sum_x[rank] + w * x;
        sum_w[rank + 1] = sum_w[rank] + w;
    }
    let mut best = NO_CUT;
    for first in 0..=32 {
        for second in first..=32 {
            let thirds = |sums: &[f32; 33]| {
                let (a, b) = (sums[first], sums[second]);
                [a, b - a, sums[32] - b]
            };
            let (tx, tw) = (thirds(&sum_x), thirds(&sum_w));
            for down in [false, true] {
                let q = levels(down);
                let sum_qx = tx[0] * q[0] + tx[1] * q[1] + tx[2] * q[2];
                let sum_q2 = tw[0] * q[0] * q[0] + tw[1] * q[1] * q[1] + tw[2] * q[2] * q[2];
                best.challenge(sum_qx, sum_q2, [first, second], [down; 2]);
            }
        }
    }
    best
}

/// The best cut of 16 weights with one shift for each half.
fn cut_16(x: &[f32; 16], w: &[f32; 16], order: &[u8; 16]) -> Iq1Cut {
    let (mut sum_x, mut sum_w) = ([[0f32; 17]; 2], [[0f32; 17]; 2]);
    for (rank, &i) in order.iter().enumerate() {
        for h in 0..2 {
            (sum_x[h][rank + 1], sum_w[h][rank + 1]) = (sum_x[h][rank], sum_w[h][rank]);
        }
        let (h, x, w) = (usize::from(i / 8), x[usize::from(i)], w[usize::from(i)]);
        sum_x[h][rank + 1] += w * x;
        sum_w[h][rank + 1] += w;
    }
    let halves = [0, 1].map(|h| [false, true].map(|down| Half::new(&sum_w[h], sum_x[h][16], down)));
    let mut best = NO_CUT;
    for first in 0..=16 {
        for second in first..=16 {
            let sums = [0, 1].map(|h| {
                let below = sum_x[h][first] + sum_x[h][second];
                [0, 1].map(|down| {
                    let half = &halves[h][down];
                    let sum_q2 = half.squares_first[first] + half.squares_second[second];
                    (half.all - below, sum_q2)
                })
            });
            for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (left, right) = (sums[0][a], sums[1][b]);
                let (sum_qx, sum_q2) = (left.0 + right.0, left.1 + right.1);
                best.challenge(sum_qx, sum_q2, [first, second], [a == 1, b == 1]);
            }
        }
    }
    best
}

/// Constants that turn the sums below both cuts into the sums over half a group.
///
/// Levels are 1 apart, so Σ w·q·x is the sum with all weights on the last level minus the sums below each of the two
/// cuts; the same holds for q² with the differences of squares.
struct Half {
    all: f32,
    squares_first: [f32; 17],
    squares_second: [f32; 17],
}

impl Half {
    fn new(sum_w: &[f32; 17], all_x: f32, down: bool) -> Half {
        let q = levels(down);
        let steps = [q[0] * q[0] - q[1] * q[1], q[1] * q[1] - q[2] * q[2]];
        let all = sum_w[16] * q[2] * q[2];
        Half {
            all: all_x * q[2],
            squares_first: sum_w.map(|w| all + w * steps[0]),
            squares_second: sum_w.map(|w| w * steps[1]),
        }
    }
}

/// ggml's `quantize_iq1_s`. Without importance, which ggml requires, it is 1 everywhere.
pub(crate) fn iq1_s(weights: &[f32], importance: Option<&[f32]>, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, importance)?;
    block.fill(0);
    let spread = mean_square(weights, 2.0);
    let mut found = [Iq1Group::default(); 8];
    for (group, (x, importance)) in found.iter_mut().zip(groups::<32>(weights, importance)) {
        if max_abs(x) < 1e-12 {
            continue;
        }
        let w = error_weights(x, importance, spread, |spread, x| (spread + x * x).sqrt());
        let order = order(x);
        let cut = cut_32(x, &w, &order);
        if cut.score > f32::MIN {
            *group = points(x, &w, &order, cut);
        }
    }
    let max = largest(&found.map(|g| g.scale));
    let d = max / 15.0;
    f16::store(block, 0, d * 1.125)?;
    if max == 0.0 {
        return Ok(());
    }
    let inverse = 1.0 / d;
    for (g, group) in found.iter().enumerate() {
        let field = odd_field(group.scale, inverse, 7) | u8::from(group.down[0]) << 3;
        let mut high = u16::from(field) << 12;
        for (k, point) in group.points.iter().enumerate() {
            block[2 + 4 * g + k] = *point as u8;
            high |= (point >> 8) << (3 * k);
        }
        block[34 + 2 * g..36 + 2 * g].copy_from_slice(&high.to_le_bytes());
    }
    Ok(())
}

/// ggml's `quantize_iq1_m`.
pub(crate) fn iq1_m(weights: &[f32], importance: Option<&[f32]>, block: &mut [u8]) -> Result<(), QuantizeError> {
    check_ranges(weights, importance)?;
    block.fill(0);
    let spread = mean_square(weights, 2.0);
    let error_weights = |x, importance| error_weights(x, importance, spread, |_, x| x * x);
    let mut found = [Iq1Group::default(); 16];
    for (group, (x, importance)) in found.iter_mut().zip(groups::<16>(weights, importance)) {
        if max_abs(x) < 1e-7 {
            continue;
        }
        let w = error_weights(x, importance);
        let order = order(x);
        let cut = cut_16(x, &w, &order);
        if cut.score > f32::MIN {
            *group = points(x, &w, &order, cut);
        }
    }
    let max = largest(&found.map(|g| g.scale));
    if max == 0.0 {
        return Ok(());
    }
    // The best d for the fields as stored.
    let mut d = max / 15.0;
    let inverse = 1.0 / d;
    let mut fields = [0u16; 4];
    let (mut sum_qx, mut sum_q2) = (0f32, 0f32);
    for (g, (x, importance)) in groups::<16>(weights, importance).enumerate() {
        let (group, w) = (&found[g], error_weights(x, importance));
        let field = odd_field(group.scale, inverse, 7);
        fields[g / 4] |= u16::from(field) << (3 * (g % 4));
        for k in 0..2 {
            let (point, down) = (group.points[k], group.down[k]);
            block[2 * g + k] = point as u8;
            block[32 + g] |= ((point >> 8) as u8 | u8::from(down) << 3) << (4 * k);
            for (i, value) in POINTS.values(point).iter().enumerate() {
                let (x, w) = (x[8 * k + i], w[8 * k + i]);
                let q = (value + moved(down)) * f32::from(2 * field + 1);
                sum_qx += w * q * x;
                sum_q2 += w * q * q;
            }
        }
    }
    if sum_q2 > 0.0 {
        d = sum_qx / sum_q2;
    }
    // The four nibbles of d are the top nibbles of the four words of scales.
    let mut stored = [0u8; 2];
    f16::store(&mut stored, 0, d * 1.1125)?;
    let stored = u16::from_le_bytes(stored);
    for (q, field) in fields.into_iter().enumerate() {
        let word = field | (stored >> (4 * q) & 15) << 12;
        block[48 + 2 * q..50 + 2 * q].copy_from_slice(&word.to_le_bytes());
    }
    Ok(())
}
