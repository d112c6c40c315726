//! Checkpoints of every tool, written here from golden tensors, and broken files.
#![cfg(feature = "safetensors")]

#[path = "safetensors/checkpoint.rs"]
mod checkpoint;
mod common;
#[path = "safetensors/golden.rs"]
mod golden;
#[path = "safetensors/hostile.rs"]
mod hostile;
#[path = "safetensors/mutated.rs"]
mod mutated;
#[path = "safetensors/on_disk.rs"]
mod on_disk;
#[path = "safetensors/others.rs"]
mod others;
#[path = "safetensors/tools.rs"]
mod tools;
