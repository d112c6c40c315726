//! Choosing by measurement, compiling ahead, and the cost of recording.
#![cfg(feature = "gpu")]

mod common;

use common::{Random, gpu, oracle, random_matrix, within_bound};
use lowbit::wgpu::{self, BufferUsages};
use lowbit::{DeviceClass, Error, Format, Gpu, InputScale, KERNELS, MatMul, Precision, Weights};
use std::time::Instant;

fn weights(gpu: &Gpu, n: usize, k: usize) -> Weights {
    gpu.upload(&random_matrix(Format::Q4_0, n, k, 9)).unwrap()
}

/// A `Gpu` with its own decisions: those of the shared one would change other tests' kernels.
fn own_gpu() -> Gpu {
    Gpu::new().unwrap()
}

#[test]
fn the_fastest_kernel_is_kept_saved_and_loaded() {
    let gpu = own_gpu();
    let (n, k, m) = (72, 96, 3);
    let weights = weights(&gpu, n, k);
    let before = MatMul::new(&gpu, &weights, m, Precision::F32).unwrap();
    let tuned = gpu.tune(&weights, m, Precision::F32).unwrap();
    println!("{tuned:?}; chosen without tuning: {}", before.kernel());
    assert_eq!(tuned.kernel, tuned.times[0].0);
    assert!(tuned.times.iter().is_sorted_by_key(|(_, time)| *time));
    // Every kernel that a caller could name took part, and no other.
    for kernel in KERNELS.iter().map(|k| k.name) {
        let product = common::gpu::with_kernel(&gpu, &weights, m, Precision::F32, kernel);
        let took_part = tuned.times.iter().any(|(name, _)| *name == kernel);
        assert_eq!(product.is_ok(), took_part, "{kernel}");
    }
    assert!(tuned.times.len() >= 3);

    // Any decision must be followed, so the slowest kernel is written into the file and read back.
    let path = std::env::temp_dir().join(format!("lowbit-decisions-{}", std::process::id()));
    gpu.save_decisions(&path).unwrap();
    let saved = std::fs::read_to_string(&path).unwrap();
    let slowest = tuned.times.last().unwrap().0;
    let line = |kernel: &str| format!("q4_0 {n} {k} 4 f32 {kernel}\n");
    assert!(saved.contains(&line(tuned.kernel)), "{saved}");
    let altered = saved.replace(&line(tuned.kernel), &line(slowest));
    std::fs::write(&path, signed(&altered)).unwrap();
    let other = own_gpu();
    assert_eq!(other.load_decisions(&path), Ok(1));
    let weights = self::weights(&other, n, k);
    for (m, kernel) in [(3, slowest), (4, slowest), (5, before.kernel())] {
        let product = MatMul::new(&other, &weights, m, Precision::F32).unwrap();
        assert_eq!(product.kernel(), kernel, "m = {m}");
    }
    // The features that the decided kernel needs may be switched off.
    let bare = other.with_features(wgpu::Features::empty());
    MatMul::new(&bare, &weights, m, Precision::F32).unwrap();

    let foreign = saved.replacen(&gpu.info().name, "another", 1);
    std::fs::write(&path, signed(&foreign)).unwrap();
    let error = other.load_decisions(&path).unwrap_err();
    assert!(matches!(error, Error::Decisions { line: 2, .. }), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(other.load_decisions(&path), Err(Error::Io { .. })));
}

/// A file of decisions with the checksum of its lines, 64-bit FNV-1a.
fn signed(text: &str) -> String {
    let lines = &text[..text.rfind("checksum ").unwrap_or(text.len())];
    let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in lines.bytes() {
        sum = (sum ^ byte as u64).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{lines}checksum {sum:016x}\n")
}

/// A reader always gets a complete file of decisions while others write it; a truncated file is reported.
#[test]
fn decisions_are_written_whole() {
    let gpu = own_gpu();
    let folder = std::env::temp_dir().join(format!("lowbit-whole-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("decisions");
    gpu.save_decisions(&path).unwrap();
    let head = std::fs::read_to_string(&path).unwrap();
    let head = &head[..head.rfind("checksum ").unwrap()];
    let lines: String = (1..2000).map(|n| format!("q4_0 {n} 64 1 f32 gemm\n")).collect();
    let text = signed(&format!("{head}{lines}"));
    std::fs::write(&path, &text).unwrap();
    assert_eq!(gpu.load_decisions(&path), Ok(1999));

    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        use std::sync::atomic::Ordering::Relaxed;
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    gpu.save_decisions(&path).unwrap();
                }
            });
        }
        let read: Vec<_> = (0..100).map(|_| gpu.load_decisions(&path)).collect();
        done.store(true, Relaxed);
        assert!(read.iter().all(|read| *read == Ok(1999)), "{read:?}");
    });
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, 1, "files that writers left behind");

    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    let cut = gpu.load_decisions(&path);
    assert!(matches!(cut, Err(Error::Decisions { .. })), "{cut:?}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The caller's choice overrides a measurement.
#[test]
fn decisions_that_cannot_do_what_is_asked_are_passed_over() {
    let gpu = own_gpu().with_class(DeviceClass::Gpu);
    let (n, k) = (64, 4096);
    let weights = weights(&gpu, n, k);
    let path = std::env::temp_dir().join(format!("lowbit-passed-{}", std::process::id()));
    gpu.save_decisions(&path).unwrap();
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.truncate(text.rfind("checksum ").unwrap());
    // The first kernel sums k in one piece, the second rounds nothing.
    text += &format!("q4_0 {n} {k} 1 f32 lane_tile\nq4_0 {n} {k} 1 i8 lane_tile\n");
    std::fs::write(&path, signed(&text)).unwrap();
    assert_eq!(gpu.load_decisions(&path), Ok(2));
    std::fs::remove_file(&path).unwrap();

    let product = || MatMul::builder(&gpu, &weights, 1);
    let plain = product().build().unwrap();
    assert_eq!(plain.kernel(), "lane_tile");
    let sliced = product().slices(4).build().unwrap();
    assert_eq!(sliced.slices(), 4);
    let rounds = || product().precision(Precision::I8);
    assert_eq!(rounds().build().unwrap().kernel(), "lane_tile");
    let named = [
        InputScale::Token,
        InputScale::Static {
            scale: 0.1,
            zero_point: 0,
        },
    ];
    for scale in named {
        let product = rounds().input_scale(scale).build().unwrap();
        assert!(
            lowbit::testing::rounded(&product).is_some(),
            "{scale:?}: {}",
            product.kernel()
        );
    }
}

#[test]
fn kernels_are_compiled_ahead() {
    let gpu = own_gpu();
    let weights = weights(&gpu, 64, 128);
    let warming = gpu.prewarm(&weights, &[1, 2], Precision::F32);
    warming.join().unwrap().unwrap();
    // Compiling takes milliseconds on every driver; finding a compiled kernel does not.
    let once = |m| {
        let start = Instant::now();
        MatMul::new(&gpu, &weights, m, Precision::F32).unwrap();
        start.elapsed()
    };
    let warm = once(1).min(once(2)).min(once(1));
    println!("made in {warm:?} after prewarming, in {:?} without", once(9));
    let error = gpu.prewarm(&weights, &[0], Precision::F32).join().unwrap();
    assert!(error.is_err(), "m = 0");
}

/// Recording is cheap and allocates nothing that grows: 1,000 products in one pass.
#[test]
fn a_recorded_product_costs_less_than_two_microseconds() {
    let gpu = gpu::gpu();
    let (n, k, m) = (8, 32, 1);
    let weights = weights(gpu, n, k);
    let product = MatMul::new(gpu, &weights, m, Precision::F32).unwrap();
    let buffer = |floats: usize, usage| {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4 * floats as u64,
            usage: usage | BufferUsages::STORAGE,
            mapped_at_creation: false,
        })
    };
    let x = buffer(m * k, BufferUsages::empty());
    let y = buffer(m * n, BufferUsages::empty());
    // The minimum of a few runs, since other load on the machine is not lowbit's.
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        product.encode(&mut pass, x.slice(..), y.slice(..)).unwrap();
        let start = Instant::now();
        for _ in 0..1000 {
            product.encode(&mut pass, x.slice(..), y.slice(..)).unwrap();
        }
        best = best.min(start.elapsed().as_secs_f64() / 1000.0);
        drop(pass);
        gpu.queue().submit([encoder.finish()]);
    }
    println!("{:.2} µs a recorded product", best * 1e6);
    assert!(best < 2e-6, "{best} s");
}

/// A long product is cut into dispatches at bindable offsets, and is still right.
#[test]
fn long_products_are_cut() {
    let gpu = gpu::gpu();
    let mut random = Random::new(700);
    // On a CPU 100 ms are assumed to be 1e9 operations; this is more than twice that.
    let (m, n, k) = (1056, 1000, 1056);
    let matrix = random_matrix(Format::Q4_0, n, k, 3);
    let weights = gpu.upload(&matrix).unwrap();
    let x = random.floats(m * k, 1.0);
    let product = MatMul::new(gpu, &weights, m, Precision::F32).unwrap();
    if gpu.class() == DeviceClass::Cpu {
        assert!(product.dispatches() > 1, "{}", product.dispatches());
    }
    let y = gpu.matmul(&x, &weights).unwrap();
    // Rows on both sides of every cut.
    let w = matrix.dequantize();
    for row in (0..m).filter(|row| row % 64 < 2 || row % 64 == 63) {
        let want = oracle(&w, &x[row * k..(row + 1) * k], n, k);
        within_bound(&y[row * n..(row + 1) * n], &want).unwrap();
    }
}

/// What a driver compiled comes back in another process's device; files that are not whole are left alone.
#[test]
#[allow(unsafe_code)]
fn pipelines_are_saved_and_loaded() {
    let path = std::env::temp_dir().join(format!("lowbit-pipelines-{}", std::process::id()));
    let x = Random::new(3).floats(96, 1.0);
    let product = |gpu: &Gpu| gpu.matmul(&x, &weights(gpu, 24, 96)).unwrap();
    // SAFETY: the files are what `save_pipelines` wrote, or are refused.
    let load = |gpu: &Gpu| unsafe { gpu.load_pipelines(&path) }.unwrap();

    let gpu = own_gpu();
    let has = gpu.device().features().contains(wgpu::Features::PIPELINE_CACHE);
    assert!(!load(&gpu), "there is no file");
    let expected = product(&gpu);
    assert_eq!(gpu.save_pipelines(&path).unwrap(), has);
    let other = own_gpu();
    assert_eq!(load(&other), has);
    assert_eq!(product(&other), expected);
    if !has {
        return;
    }
    let whole = std::fs::read(&path).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    for refused in [&altered[..], &whole[..whole.len() - 1], &whole[..10], b"", b"\n"] {
        std::fs::write(&path, refused).unwrap();
        assert!(!load(&other), "{} bytes", refused.len());
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(product(&other), expected);
}
