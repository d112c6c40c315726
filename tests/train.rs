//! The functions of training: values against cases computed by hand, gradients against finite differences of the smooth
//! function that each straight-through estimator stands for; and a network that learns with them.
#![cfg(feature = "gpu")] // the example that it takes from multiplies on a device too

#[path = "train/bitnet.rs"]
mod bitnet;
#[path = "train/difference.rs"]
mod difference;
#[path = "train/digits.rs"]
mod digits;
#[path = "train/distill.rs"]
mod distill;
#[path = "train/fake.rs"]
mod fake;
#[path = "train/gradual.rs"]
mod gradual;
#[path = "train/groups.rs"]
mod groups;
#[path = "train/lsq.rs"]
mod lsq;
// The example uses more of it.
#[allow(dead_code)]
#[path = "../examples/qat/net/mod.rs"]
mod net;
#[path = "train/pact.rs"]
mod pact;
