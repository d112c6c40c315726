//! TODO outliers
