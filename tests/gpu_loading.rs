//! Loading takes no more memory than the device's and one bounded piece on its way. In a process of its own, since it
//! counts all of that memory.
#![cfg(feature = "gpu")]

mod common;
// Not in common/mod.rs: every test would count.
#[path = "common/held.rs"]
mod counted;

use common::gpu::borrowed;
use common::random_matrix;
use counted::{HELD, MOST};
use lowbit::{Format, Gpu, Matrix, Weights, gguf};
use std::sync::atomic::Ordering::Relaxed;

const MIB: usize = 1 << 20;

/// The result of `f`, and the most bytes that Rust code held in addition meanwhile.
fn held<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    let value = f();
    (value, MOST.load(Relaxed).saturating_sub(before))
}

/// A field of this process in bytes, if the system reports it.
fn status(field: &str) -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: usize = line.trim_start_matches(':').trim().strip_suffix(" kB")?.parse().ok()?;
    Some(1024 * kib)
}

/// The result of `f`, and by how much the most resident bytes exceed those before, if the system reports them.
fn peak<T>(f: impl FnOnce() -> T) -> (T, Option<usize>) {
    // From here on the maximum is counted anew.
    let reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = status("VmRSS");
    let value = f();
    let most = status("VmHWM").zip(before).filter(|_| reset);
    (value, most.map(|(most, before)| most.saturating_sub(before)))
}

/// A GGUF file with one tensor of 16 MiB.
fn file() -> Vec<u8> {
    let (n, k) = (7281, 4096);
    let rows = random_matrix(Format::Q4_0, n, k, 1);
    let mut writer = gguf::Writer::new();
    writer.matrix("w", &rows).unwrap();
    writer.to_bytes().unwrap()
}

/// What all weights may take beside the device's bytes.
const BESIDE: usize = 128 * MIB;

/// A single test, so that nothing else allocates at the same time.
#[test]
fn loading_takes_the_memory_of_the_device() {
    let gpu = borrowed(|_| ());
    let file = file();
    let model = gguf::Gguf::parse(&file).unwrap();
    let matrix = model.matrix("w").unwrap();
    let bytes = matrix.bytes();
    assert!(file.as_ptr_range().contains(&bytes.as_ptr()), "the tensor is borrowed");
    assert!(bytes.len() > 15 * MIB);

    // What is allocated once, by the first upload, is not counted.
    let upload = |gpu: &Gpu, matrix: &Matrix| gpu.upload(matrix).unwrap();
    drop(upload(&gpu, &matrix));
    // Buffers of the workers, none of them as large as a piece of the matrix.
    let (weights, most) = held(|| upload(&gpu, &matrix));
    println!("{most} bytes held by an upload of {}", bytes.len());
    assert!(most < 4 * MIB, "{most} bytes held by an upload of {}", bytes.len());
    let (_, most) = held(|| upload(&gpu, &matrix.clone().into_owned()));
    assert!(most >= bytes.len(), "a copy of the matrix is not noticed: {most} bytes");
    drop(weights);

    let (all, most) = peak(|| -> Vec<Weights> { (0..64).map(|_| upload(&gpu, &matrix)).collect() });
    let device: u64 = all.iter().map(Weights::device_bytes).sum();
    println!("{most:?} bytes resident for {device} on the device");
    let Some(most) = most else { return };
    assert!(
        most <= device as usize + BESIDE,
        "{most} bytes resident for {device} on the device"
    );
    drop(all);
    let (_, most) = peak(|| std::hint::black_box(vec![1u8; 2 * BESIDE]));
    assert!(most.unwrap() > BESIDE, "what is resident is not noticed");
}
