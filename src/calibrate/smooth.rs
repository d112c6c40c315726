//! TODO smooth
