//! TODO fake
