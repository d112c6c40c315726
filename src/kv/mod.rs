//! Packed caches of keys and values.
