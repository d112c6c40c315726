//! A codebook as an encoder needs it: what to take for every combination of levels.

/// A codebook of points with `D` coordinates.
pub(super) struct Points<const D: usize> {
    levels: usize,
    /// The levels of each point, as indices.
    indices: Vec<[u8; D]>,
    /// By [`Points::rank`].
    found: Vec<Found>,
    neighbours: Vec<u16>,
}

/// What a combination of levels becomes.
#[derive(Clone, Copy)]
enum Found {
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

/// The error that each level of each coordinate would make. No codebook has more than 8 levels.
pub(super) type Costs<const D: usize> = [[f32; 8]; D];

impl<const D: usize> Points<D> {
    /// `codes` hold `bits` bits a coordinate, the first lowest, which index `levels` levels.
    ///
    /// The neighbours of a combination that is no point are the points at its `shells` smallest
    /// distances, in ascending order of distance and index: of two as good, the first is taken.
    pub fn new(codes: &[u16], bits: usize, levels: usize, shells: usize) -> Self {
        let index = |code: u16, i: usize| (code >> (bits * i)) as u8 & ((1 << bits) - 1);
        let indices: Vec<[u8; D]> = codes
            .iter()
            .map(|&code| std::array::from_fn(|i| index(code, i)))
            .collect();
        let mut points = Points {
            levels,
            indices,
            found: Vec::new(),
            neighbours: Vec::new(),
        };
        let mut exact = vec![None; levels.pow(D as u32)];
        for (p, indices) in points.indices.iter().enumerate() {
            exact[points.rank(indices)] = Some(p as u16);
        }
        let mut distances = vec![0usize; codes.len()];
        for (rank, exact) in exact.into_iter().enumerate() {
            let found = match exact {
                Some(point) => Found::Point(point),
                None => points.near(rank, shells, &mut distances),
            };
            points.found.push(found);
        }
        points
    }

    /// A combination of levels as a number, the first coordinate its lowest digit.
    fn rank(&self, indices: &[u8; D]) -> usize {
        let append = |rank: usize, &index: &u8| rank * self.levels + usize::from(index);
        indices.iter().rev().fold(0, append)
    }

    /// Lists the neighbours of the combination `rank`.
    fn near(&mut self, rank: usize, shells: usize, distances: &mut [usize]) -> Found {
        let mut rest = rank;
        let centre: [usize; D] = std::array::from_fn(|_| {
            let index = rest % self.levels;
            rest /= self.levels;
            index
        });
        // At most 4 · 7² apart.
        let mut filled = [false; 256];
        for (distance, indices) in distances.iter_mut().zip(&self.indices) {
            let squares = centre.iter().zip(indices).map(|(&c, &i)| {
                let apart = c.abs_diff(usize::from(i));
                apart * apart
            });
            *distance = squares.sum();
            filled[*distance] = true;
        }
        let start = self.neighbours.len();
        for shell in (0..filled.len()).filter(|&d| filled[d]).take(shells) {
            let within = distances.iter().enumerate().filter(|(_, &d)| d == shell);
            self.neighbours.extend(within.map(|(p, _)| p as u16));
        }
        Found::Near {
            start: start as u32,
            len: (self.neighbours.len() - start) as u32,
        }
    }

    /// The levels of `point`, as indices.
    #[inline(always)]
    pub fn indices(&self, point: u16) -> &[u8; D] {
        &self.indices[usize::from(point)]
    }

    /// The point for a combination of levels: itself, or the neighbour with the least `costs`.
    #[inline(always)]
    pub fn snap(&self, indices: &[u8; D], costs: impl FnOnce() -> Costs<D>) -> Snapped {
        match self.found[self.rank(indices)] {
            Found::Point(point) => Snapped { point, exact: true },
            Found::Near { start, len } => {
                let near = &self.neighbours[start as usize..][..len as usize];
                Snapped {
                    point: self.cheapest(near, &costs()),
                    exact: false,
                }
            }
        }
    }

    fn cheapest(&self, near: &[u16], costs: &Costs<D>) -> u16 {
        let (mut best, mut chosen) = (f32::MAX, near[0]);
        for &point in near {
            let mut sum = 0f32;
            for (costs, index) in costs.iter().zip(self.indices(point)) {
                sum += costs[usize::from(index & 7)];
            }
            if sum < best {
                (best, chosen) = (sum, point);
            }
        }
        chosen
    }
}
