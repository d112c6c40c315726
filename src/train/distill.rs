//! TODO distill
