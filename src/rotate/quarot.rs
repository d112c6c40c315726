//! TODO quarot
