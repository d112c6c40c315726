//! TODO imatrix
