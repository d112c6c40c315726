//! Loops on all cores with the feature `rayon`, on one without.

use std::ops::Range;
use std::sync::Mutex;

/// Calls `f(index, chunk, scratch)` for each chunk of `data`; each job has its own scratch.
pub(crate) fn chunks<T: Send, S>(
    data: &mut [T],
    chunk: usize,
    scratch: impl Fn() -> S + Sync + Send,
    f: impl Fn(usize, &mut [T], &mut S) + Sync + Send,
) {
    let part = part(data.len().div_ceil(chunk));
    let job = |first: usize, data: &mut [T]| {
        let mut s = scratch();
        for (i, c) in data.chunks_mut(chunk).enumerate() {
            f(first + i, c, &mut s);
        }
    };
    let parts = data.chunks_mut(part.saturating_mul(chunk)).enumerate();
    run(parts
        .map(|(p, data)| -> Job { Box::new(move || job(p * part, data)) })
        .collect());
}

/// Calls `f(index, scratch)` for each index below `count`; each job has its own scratch.
pub(crate) fn rows<S>(count: usize, scratch: impl Fn() -> S + Sync + Send, f: impl Fn(usize, &mut S) + Sync + Send) {
    let part = part(count);
    let job = |rows: Range<usize>| {
        let mut s = scratch();
        for i in rows {
            f(i, &mut s);
        }
    };
    let parts = (0..count).step_by(part);
    run(parts
        .map(|first| -> Job { Box::new(move || job(first..count.min(first + part))) })
        .collect());
}

/// Loops are cut into boxed jobs, and not handed to rayon as iterators, because rayon's code is then compiled once for
/// the crate and not once for each loop.
type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Indices in one job: enough jobs for each thread that a slow one holds nobody up.
fn part(count: usize) -> usize {
    #[cfg(feature = "rayon")]
    let jobs = 8 * rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    let jobs = 1;
    count.div_ceil(jobs).max(1)
}

fn run(jobs: Vec<Job>) {
    #[cfg(feature = "rayon")]
    if jobs.len() > 1 {
        use rayon::prelude::*;
        return jobs.into_par_iter().for_each(|job| job());
    }
    for job in jobs {
        job();
    }
}

/// `f(index)` for each index below `count`, in order.
pub(crate) fn map<T: Send>(count: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    let mut made: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    chunks(&mut made, 1, || (), |i, made, ()| made[0] = Some(f(i)));
    made.into_iter().flatten().collect()
}

/// Like [`chunks`], for an `f` that can fail. All chunks are visited, and the result is the error of the first chunk
/// that has one, so that it does not depend on threads.
pub(crate) fn try_chunks<T: Send, S, E: Send>(
    data: &mut [T],
    chunk: usize,
    scratch: impl Fn() -> S + Sync + Send,
    f: impl Fn(usize, &mut [T], &mut S) -> Result<(), E> + Sync + Send,
) -> Result<(), E> {
    let first = First::new();
    chunks(data, chunk, scratch, |i, c, s| first.keep(i, f(i, c, s)));
    first.result()
}

/// Like [`rows`], for an `f` that can fail, as in [`try_chunks`].
pub(crate) fn try_rows<S, E: Send>(
    count: usize,
    scratch: impl Fn() -> S + Sync + Send,
    f: impl Fn(usize, &mut S) -> Result<(), E> + Sync + Send,
) -> Result<(), E> {
    let first = First::new();
    rows(count, scratch, |i, s| first.keep(i, f(i, s)));
    first.result()
}

/// The error with the lowest index so far.
struct First<E>(Mutex<Option<(usize, E)>>);

impl<E> First<E> {
    fn new() -> Self {
        First(Mutex::new(None))
    }

    fn keep(&self, i: usize, result: Result<(), E>) {
        if let Err(e) = result {
            let mut first = self.0.lock().unwrap_or_else(|e| e.into_inner());
            if first.as_ref().is_none_or(|(other, _)| i < *other) {
                *first = Some((i, e));
            }
        }
    }

    fn result(self) -> Result<(), E> {
        match self.0.into_inner().unwrap_or_else(|e| e.into_inner()) {
            Some((_, e)) => Err(e),
            None => Ok(()),
        }
    }
}
