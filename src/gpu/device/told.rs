//! A callback as a future.

use crate::gpu::device::lock::lock;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// A callback to be called once, and what waits for what it is told.
pub(crate) fn told<T: Send + 'static>() -> (impl FnOnce(T) + Send + 'static, impl Future<Output = T>) {
    let answer: Arc<Mutex<(Option<T>, Option<Waker>)>> = Arc::new(Mutex::new((None, None)));
    let told = answer.clone();
    let tell = move |value| {
        let mut answer = lock(&told);
        answer.0 = Some(value);
        if let Some(waker) = answer.1.take() {
            waker.wake();
        }
    };
    let wait = std::future::poll_fn(move |context| {
        let mut answer = lock(&answer);
        match answer.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                answer.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    });
    (tell, wait)
}
