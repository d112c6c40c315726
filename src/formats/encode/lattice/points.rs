//! A codebook as an encoder needs it: what to take for every combination of levels.

/// A codebook of points with `D` coordinates.
pub(super) struct Points<const D: usize> {
    levels: usize,
    values: Vec<[f32; D]>,
    /// By [`Points::rank`].
    found: Vec<Snap>,
    neighbours: Vec<u16>,
}

/// What a combination of levels becomes.
#[derive(Clone, Copy)]
enum Snap {
    /// The point that it is.
    Point(u16),
    /// One of these neighbours.
    Near { start: u32, len: u32 },
}

/// A point, and whether it is the very combination of levels that was asked for.
#[derive(Clone, Copy, Default)]
pub(super) struct Snapped {
    pub point: u16,
    pub exact: bool,
}

impl<const D: usize> Points<D> {
    /// `codes` hold `bits` bits a coordinate, the first lowest, which index `levels` levels, each
    /// worth `value(index)`.
    ///
    /// The neighbours of a combination that is no point are the points at its `shells` smallest
    /// distances, in ascending order of distance and index: of two as good, the first is taken.
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
        // A distance is the sum of those of both halves of the coordinates.
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

    /// A combination of levels as a number, the first coordinate its lowest digit.
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

/// The distance (squared, in levels: at most 4 · 7²) of every point from half a combination of
/// levels, which `rank` is the number of, in the coordinates after `from`.
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
