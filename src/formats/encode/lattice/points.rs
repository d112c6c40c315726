//! A codebook for encoders: the point to use for each combination of levels.

/// A codebook of points with `D` coordinates.
pub(super) struct Points<const D: usize> {
    levels: usize,
    values: Vec<[f32; D]>,
    /// By [`Points::rank`].
    found: Vec<Snap>,
    neighbours: Vec<u16>,
}

/// The points for a combination of levels.
#[derive(Clone, Copy)]
enum Snap {
    /// The combination is a point.
    Point(u16),
    /// The nearest of these neighbours is used.
    Near { start: u32, len: u32 },
}

/// A point, and whether it is exactly the requested combination of levels.
#[derive(Clone, Copy, Default)]
pub(super) struct Snapped {
    pub point: u16,
    pub exact: bool,
}

impl<const D: usize> Points<D> {
    /// `codes` hold `bits` bits for each coordinate, the first in the lowest bits, which index `levels` levels of value
    /// `value(index)`.
    ///
    /// The neighbours of a combination that is not a point are the points at the `shells` smallest distances from it,
    /// in ascending order of distance and index; the first of equally good ones is used.
    pub fn new(codes: &[u16], bits: usize, levels: usize, shells: usize, value: fn(u8) -> f32) -> Self {
        let index = |code: u16, i: usize| (code >> (bits * i)) as u8 & ((1 << bits) - 1);
        let indices: Vec<[u8; D]> = codes
            .iter()
            .map(|&code| std::array::from_fn(|i| index(code, i)))
            .collect();
        let mut points = Points {
            levels,
            values: indices.iter().map(|indices| indices.map(value)).collect(),
            found: Vec::new(),
            neighbours: Vec::new(),
        };
        let half = levels.pow(D as u32 / 2);
        let mut exact = vec![None; half * half];
        for (p, indices) in indices.iter().enumerate() {
            exact[points.rank(indices)] = Some(p as u16);
        }
        // A distance is the sum over both halves of the coordinates.
        let [low, high] = [0, D / 2].map(|from| {
            let distances = |rank| half_distances(rank, levels, &indices, from);
            (0..half).map(distances).collect::<Vec<_>>()
        });
        let mut distances = vec![0u8; codes.len()];
        for (rank, exact) in exact.into_iter().enumerate() {
            let found = exact.map_or_else(
                || {
                    let halves = low[rank % half].iter().zip(&high[rank / half]);
                    for (distance, (low, high)) in distances.iter_mut().zip(halves) {
                        *distance = low + high;
                    }
                    points.near(&distances, shells)
                },
                Snap::Point,
            );
            points.found.push(found);
        }
        points
    }

    /// A combination of levels as a number whose lowest digit is the first coordinate.
    #[inline(always)]
    fn rank(&self, indices: &[u8; D]) -> usize {
        let append = |rank: usize, &index: &u8| rank * self.levels + usize::from(index);
        indices.iter().rev().fold(0, append)
    }

    /// Lists the points at the smallest distances.
    fn near(&mut self, distances: &[u8], shells: usize) -> Snap {
        let mut filled = [false; 256];
        for &distance in distances {
            filled[usize::from(distance)] = true;
        }
        let start = self.neighbours.len();
        for shell in (0..=255).filter(|&d| filled[usize::from(d)]).take(shells) {
            let within = distances.iter().enumerate().filter(|(_, d)| **d == shell);
            self.neighbours.extend(within.map(|(p, _)| p as u16));
        }
        Snap::Near {
            start: start as u32,
            len: (self.neighbours.len() - start) as u32,
        }
    }

    /// The values of the levels of `point`.
    #[inline(always)]
    pub fn values(&self, point: u16) -> &[f32; D] {
        &self.values[usize::from(point)]
    }

    /// The point for a combination of levels: itself, or the neighbour with the least `cost`.
    #[inline(always)]
    pub fn snap(&self, indices: &[u8; D], cost: impl Fn(&[f32; D]) -> f32) -> Snapped {
        let (start, len) = match self.found[self.rank(indices)] {
            Snap::Point(point) => return Snapped { point, exact: true },
            Snap::Near { start, len } => (start as usize, len as usize),
        };
        let near = &self.neighbours[start..start + len];
        let (mut best, mut chosen) = (f32::MAX, near[0]);
        for &point in near {
            let cost = cost(self.values(point));
            if cost < best {
                (best, chosen) = (cost, point);
            }
        }
        Snapped {
            point: chosen,
            exact: false,
        }
    }
}

/// The squared distance in levels (at most 4 · 7²) of each point from half a combination of levels with number `rank`,
/// in the coordinates from `from` on.
fn half_distances<const D: usize>(rank: usize, levels: usize, points: &[[u8; D]], from: usize) -> Vec<u8> {
    let mut rest = rank;
    let centre: [usize; D] = std::array::from_fn(|_| {
        let index = rest % levels;
        rest /= levels;
        index
    });
    let distance = |point: &[u8; D]| {
        let apart = point[from..from + D / 2].iter().zip(centre);
        apart.map(|(&i, c)| c.abs_diff(i.into()).pow(2) as u8).sum()
    };
    points.iter().map(distance).collect()
}
