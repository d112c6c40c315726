//! All cores where the feature `rayon` is on, one where it is off.

/// Calls `f(index, chunk, scratch)` on every chunk of `data`, each worker with a scratch of its own.
pub(crate) fn chunks<T: Send, S>(
    data: &mut [T],
    chunk: usize,
    scratch: impl Fn() -> S + Sync + Send,
    f: impl Fn(usize, &mut [T], &mut S) + Sync + Send,
) {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        data.par_chunks_mut(chunk)
            .enumerate()
            .for_each_init(scratch, |s, (i, c)| f(i, c, s));
    }
    #[cfg(not(feature = "rayon"))]
    {
        let mut s = scratch();
        for (i, c) in data.chunks_mut(chunk).enumerate() {
            f(i, c, &mut s);
        }
    }
}

/// Calls `f(index, scratch)` for every index under `count`, each worker with a scratch of its own.
pub(crate) fn rows<S>(
    count: usize,
    scratch: impl Fn() -> S + Sync + Send,
    f: impl Fn(usize, &mut S) + Sync + Send,
) {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        (0..count)
            .into_par_iter()
            .for_each_init(scratch, |s, i| f(i, s));
    }
    #[cfg(not(feature = "rayon"))]
    {
        let mut s = scratch();
        for i in 0..count {
            f(i, &mut s);
        }
    }
}
