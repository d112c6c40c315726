//! TODO gradual
