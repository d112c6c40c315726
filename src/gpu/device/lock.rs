//! Locks around what a device keeps.

use std::sync::{Mutex, MutexGuard};

/// A poisoned lock guards a cache whose entries are whole: it goes on being used.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}
