//! TODO hessian
