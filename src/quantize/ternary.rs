//! TODO ternary
