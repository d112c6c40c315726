//! TODO grid
