//! What a kernel does to packed weights, as numbers: planned without a device.

use crate::gpu::dispatch::range::Span;

/// A slab of the weights and the bytes of the given buffers that a dispatch works on; as many dispatches as there are
/// runs of rows that differ in nothing but where they lie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub slab: usize,
    /// Dispatches.
    pub times: usize,
    /// Rows of x, or rows wanted.
    pub m: usize,
    /// The first of them.
    pub first: usize,
    pub from_row: usize,
    /// Elements of the output for each row of x, where the kernel must know.
    pub row_outputs: usize,
    pub work: Work,
    /// How deep the grid is.
    pub depth: u64,
    /// Where the packed matrix is a stack of several.
    pub stack: Option<Stack>,
    /// The bytes of each given buffer.
    pub given: Vec<Span>,
}

impl Default for Job {
    fn default() -> Job {
        Job {
            slab: 0,
            times: 1,
            m: 0,
            first: 0,
            from_row: 0,
            row_outputs: 0,
            work: Work::fixed(1),
            depth: 1,
            stack: None,
            given: Vec::new(),
        }
    }
}

/// Workgroups of one layer of a grid as a function of its rows: `copies` for every `per_workgroup` of `rows · per_row`
/// items, at least one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Work {
    pub per_row: u64,
    pub per_workgroup: u64,
    pub copies: u64,
}

impl Work {
    /// So many workgroups, whatever the rows.
    pub fn fixed(workgroups: u64) -> Work {
        Work {
            per_row: 0,
            per_workgroup: 1,
            copies: workgroups,
        }
    }

    /// So many items for each row, shared out to workgroups of so many.
    pub fn items(per_row: u64, per_workgroup: u64) -> Work {
        Work {
            per_row,
            per_workgroup,
            copies: 1,
        }
    }

    /// The workgroups of so many rows.
    pub fn workgroups(self, rows: usize) -> u64 {
        (rows as u64 * self.per_row).div_ceil(self.per_workgroup).max(1) * self.copies
    }
}

/// Matrices of n rows each, one below the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stack {
    pub n: usize,
    pub members: usize,
    /// Rows of y made of one row of x.
    pub sharing: usize,
}

/// `count` items in runs of `run`: the first item, the length and the number of each kind of run.
pub(crate) fn runs(count: usize, run: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let (whole, rest) = (count / run, count % run);
    let kinds = [(0, run, whole), (whole * run, rest, 1)];
    kinds.into_iter().filter(|(_, length, times)| length * times > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_length_are_one_job() {
        let all = |count, run| runs(count, run).collect::<Vec<_>>();
        assert_eq!(all(7, 3), [(0, 3, 2), (6, 1, 1)]);
        assert_eq!(all(6, 3), [(0, 3, 2)]);
        assert_eq!(all(2, 3), [(0, 2, 1)]);
        let span = Span { first: 0..10, step: 12 };
        assert_eq!(span.at(2), 24..34);
        assert_eq!(span.end(3), 34);
        assert_eq!(Span::from(5..9).end(1), 9);
    }
}
