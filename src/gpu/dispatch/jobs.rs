//! The dispatches of a prepared kernel.

use std::ops::Range;

/// A slab of the weights and the bytes of input and output that a dispatch works on; as many dispatches as there are
/// runs of rows that differ in nothing but where they lie.
#[derive(Clone)]
pub(crate) struct Job {
    pub slab: usize,
    /// Dispatches.
    pub times: usize,
    /// Rows of x, or rows wanted.
    pub m: usize,
    pub from_row: usize,
    pub input: Span,
    pub output: Span,
    /// Elements of the output, where the kernel must know.
    pub outputs: usize,
    pub workgroups: u64,
    /// How deep the grid is; 0 is 1.
    pub depth: u64,
    /// Where the packed matrix is a stack of several.
    pub stack: Option<Stack>,
    /// The bytes of each of the other buffers bound.
    pub others: Vec<Span>,
}

impl Default for Job {
    fn default() -> Job {
        Job {
            slab: 0,
            times: 1,
            m: 0,
            from_row: 0,
            input: Span::default(),
            output: Span::default(),
            outputs: 0,
            workgroups: 0,
            depth: 0,
            stack: None,
            others: Vec::new(),
        }
    }
}

impl Job {
    /// Where the bytes of its last dispatch end.
    pub fn end(&self, span: &Span) -> u64 {
        span.at(self.times.saturating_sub(1)).end
    }
}

/// Bytes of a buffer that the first dispatch of a job binds; each after it, those so many further on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Span {
    pub first: Range<u64>,
    pub step: u64,
}

impl Span {
    pub fn at(&self, time: usize) -> Range<u64> {
        let by = time as u64 * self.step;
        self.first.start + by..self.first.end + by
    }
}

impl From<Range<u64>> for Span {
    fn from(first: Range<u64>) -> Span {
        Span { first, step: 0 }
    }
}

/// Matrices of n rows each, one below the other.
#[derive(Clone, Copy)]
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
        let job = Job {
            times: 3,
            ..Job::default()
        };
        let span = Span { first: 0..10, step: 12 };
        assert_eq!(span.at(2), 24..34);
        assert_eq!(job.end(&span), 34);
        assert_eq!(job.end(&(5..9).into()), 9);
    }
}
