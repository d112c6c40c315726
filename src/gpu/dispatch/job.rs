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
    pub from_row: usize,
    /// Elements of the output, where the kernel must know.
    pub outputs: usize,
    pub workgroups: u64,
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
            from_row: 0,
            outputs: 0,
            workgroups: 0,
            depth: 1,
            stack: None,
            given: Vec::new(),
        }
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
