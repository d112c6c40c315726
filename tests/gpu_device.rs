//! Devices: small limits, borrowed devices, invalid calls, and behaviour after errors.
#![cfg(feature = "gpu")]

mod common;

use common::gpu::{borrowed, borrowed_from, buffer, instance, storage, try_borrowed};
use common::{Random, gpu, oracle, random_matrix, same_bits, within_bound};
use lowbit::wgpu::{self, BufferUsages};
use lowbit::{Error, Format, GetRows, Gpu, MatMul, Precision, Weights};
use std::sync::{Arc, Mutex};

/// Weights past the binding limit and grids past the limit of a dimension. With limits this small a small matrix is
/// split into slabs, x and y into runs of rows, and every grid is folded.
#[test]
fn matrices_past_the_limits_are_split() {
    let gpu = borrowed(|limits| {
        limits.max_storage_buffer_binding_size = 64 << 10;
        limits.max_compute_workgroups_per_dimension = 14;
    });
    let mut random = Random::new(600);
    for (format, m) in [
        (Format::Q4_0, 1),
        (Format::Q4_K, 3),
        (Format::INT8, 130),
        (Format::NF4, 65),
        (Format::TQ1_0, 9),
    ] {
        let (n, k) = (700, 256);
        let matrix = random_matrix(format, n, k, random.next());
        let weights = gpu.upload(&matrix).unwrap();
        if format != Format::TQ1_0 {
            assert!(weights.slab_count() > 1, "{format}: {}", weights.slab_count());
        }
        let all = matrix.dequantize();
        same_bits(&gpu.dequantize(&weights).unwrap(), &all).unwrap();
        let x = random.floats(m * k, 1.0);
        let want = oracle(&all, &x, n, k);
        for kernel in ["gemv", "gemm"] {
            // 130 rows of y take 364 000 bytes: runs of 64 rows do not fit either, so this is refused.
            if 64.min(m) * n * 4 > 64 << 10 {
                let refused = common::gpu::with_kernel(&gpu, &weights, m, Precision::F32, kernel);
                let text = refused.expect_err("too large").to_string();
                assert!(text.contains("65536"), "{text}");
                continue;
            }
            let y = gpu::product(&gpu, &weights, &x, kernel);
            within_bound(&y, &want).unwrap_or_else(|e| panic!("{kernel} {format}: {e}"));
        }
        // Indices that alternate between slabs.
        let ids: Vec<u32> = (0..50).map(|i| (i * 331) % n as u32).collect();
        let rows: Vec<f32> = ids.iter().flat_map(|&i| all[i as usize * k..][..k].to_vec()).collect();
        same_bits(&gpu.get_rows(&ids, &weights).unwrap(), &rows).unwrap();
    }
    // x and y in several runs of 64 rows.
    let (m, n, k) = (200, 70, 128);
    let matrix = random_matrix(Format::Q8_0, n, k, 9);
    let weights = gpu.upload(&matrix).unwrap();
    let x = random.floats(m * k, 1.0);
    let want = oracle(&matrix.dequantize(), &x, n, k);
    for kernel in ["gemv", "gemm"] {
        within_bound(&gpu::product(&gpu, &weights, &x, kernel), &want).unwrap();
    }
}

#[test]
fn a_callers_handlers_stay_in_force() {
    let gpu = borrowed(|_| ());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    gpu.device()
        .on_uncaptured_error(Arc::new(move |e: wgpu::Error| told.lock().unwrap().push(e.to_string())));
    // Nothing that lowbit does, errors included, reaches the caller's handler.
    let matrix = random_matrix(Format::Q4_K, 8, 256, 3);
    let weights = gpu.upload(&matrix).unwrap();
    gpu.matmul(&[1.0; 512], &weights).unwrap();
    let broken = common::gpu::edited(&gpu, &weights, 1, "gemv", |t| t.replace("fn affine", "fn affin"));
    assert!(matches!(broken, Err(Error::Shader { .. })));
    assert_eq!(*heard.lock().unwrap(), Vec::<String>::new());
    // The caller's own error still reaches the caller's own handler.
    buffer(&gpu, 16, BufferUsages::MAP_READ | BufferUsages::STORAGE);
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[test]
fn shader_errors_name_file_and_line() {
    let gpu = gpu::gpu();
    let weights = gpu.upload(&random_matrix(Format::Q5_0, 1, 256, 3)).unwrap();
    let broken = common::gpu::edited(gpu, &weights, 1, "gemv", |t| {
        t.replace("let low = fifth(", "let low = fifthh(")
    });
    let text = broken.expect_err("the shader is broken").to_string();
    // The line of shaders/formats/q5_0.wgsl, wherever the composer placed it.
    let file = include_str!("../shaders/formats/q5_0.wgsl");
    let line = 1 + file.lines().position(|l| l.contains("let low")).unwrap();
    assert!(text.contains(&format!("shaders/formats/q5_0.wgsl:{line}")), "{text}");
    assert!(text.contains("fifthh"), "{text}");
    // The device still works.
    gpu.matmul(&[1.0; 256], &weights).unwrap();
}

/// The error from recording a call into a pass, without running it.
fn record(gpu: &Gpu, f: impl FnOnce(&mut wgpu::ComputePass) -> lowbit::Result<()>) -> String {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    f(&mut pass).err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn bad_bindings_say_both_numbers() {
    let instance = instance();
    let gpu = &borrowed_from(&instance, |_| ());
    let (n, k, m) = (8, 256, 2);
    let weights = gpu.upload(&random_matrix(Format::Q8_0, n, k, 3)).unwrap();
    let product = MatMul::new(gpu, &weights, m, Precision::F32).unwrap();
    let (x_len, y_len) = (4 * (m * k) as u64, 4 * (m * n) as u64);
    let (x, y) = (storage(gpu, x_len + 512), storage(gpu, y_len + 512));
    let cases: [(wgpu::BufferSlice, wgpu::BufferSlice, &[&str]); 4] = [
        (x.slice(..x_len - 4), y.slice(..), &["x", "2048", "2044"]),
        (x.slice(..), y.slice(..y_len - 4), &["y", "64", "60"]),
        (x.slice(4..), y.slice(..), &["x", "4", "multiple"]),
        (x.slice(..), x.slice(..), &["same buffer"]),
    ];
    for (x, y, words) in cases {
        let text = record(gpu, |pass| product.encode(pass, x, y));
        for word in words {
            assert!(text.contains(word), "{text:?} lacks {word:?}");
        }
    }
    let uniform = buffer(gpu, x_len, BufferUsages::UNIFORM);
    let text = record(gpu, |pass| product.encode(pass, uniform.slice(..), y.slice(..)));
    assert!(text.contains("STORAGE") && text.contains("UNIFORM"), "{text:?}");
    // Sub-ranges at the device's own alignment are accepted; recorded twice, their bind groups are reused.
    let at = gpu.device().limits().min_storage_buffer_offset_alignment as u64;
    for _ in 0..2 {
        let text = record(gpu, |pass| product.encode(pass, x.slice(at..), y.slice(at..)));
        assert_eq!(text, "");
    }
    // A buffer of another device is refused and does not reach the caller's error handler.
    let foreign = storage(&borrowed_from(&instance, |_| ()), x_len);
    let text = record(gpu, |pass| product.encode(pass, foreign.slice(..), y.slice(..)));
    assert!(text.contains("binding buffers"), "{text:?}");
}

#[test]
fn bad_calls_are_refused_before_the_device_sees_them() {
    let gpu = gpu::gpu();
    let weights = gpu.upload(&random_matrix(Format::Q8_0, 8, 256, 3)).unwrap();
    let product = |m, kernel| common::gpu::with_kernel(gpu, &weights, m, Precision::F32, kernel).err();
    assert!(matches!(product(1, "gem"), Some(Error::Unknown { .. })));
    assert!(matches!(product(1, "get_rows"), Some(Error::Unknown { .. })));
    assert!(matches!(product(0, "gemv"), Some(Error::Length { .. })));
    assert!(matches!(GetRows::new(gpu, &weights, 0), Err(Error::Length { .. })));
    let past = gpu.get_rows(&[3, 8], &weights);
    assert!(matches!(past, Err(Error::Row { row: 8, n: 8, .. })), "{past:?}");
    assert_eq!(gpu.get_rows(&[], &weights), Ok(vec![]));
    assert_eq!(gpu.matmul(&[], &weights), Ok(vec![]));
    let short = gpu.matmul(&[0.0; 300], &weights);
    assert!(
        matches!(short, Err(Error::Inputs { k: 256, got: 300, .. })),
        "{short:?}"
    );
    let other = borrowed(|_| ());
    assert_eq!(other.matmul(&[0.0; 256], &weights), Err(Error::OtherDevice));
    assert!(matches!(other.dequantize(&weights), Err(Error::OtherDevice)));
}

#[test]
fn too_small_devices_are_refused() {
    // The limit's name, the required value, the available value.
    type Case = (&'static str, u32, u32, fn(&mut wgpu::Limits));
    let cases: [Case; 11] = [
        ("max_compute_invocations_per_workgroup", 256, 64, |l| {
            l.max_compute_invocations_per_workgroup = 64
        }),
        ("max_storage_buffers_per_shader_stage", 5, 3, |l| {
            l.max_storage_buffers_per_shader_stage = 3
        }),
        ("max_uniform_buffers_per_shader_stage", 1, 0, |l| {
            l.max_uniform_buffers_per_shader_stage = 0
        }),
        ("max_uniform_buffer_binding_size", 64, 16, |l| {
            l.max_uniform_buffer_binding_size = 16
        }),
        ("max_bindings_per_bind_group", 5, 4, |l| {
            l.max_bindings_per_bind_group = 4
        }),
        ("max_bind_groups", 1, 0, |l| l.max_bind_groups = 0),
        ("max_storage_buffer_binding_size", 256, 0, |l| {
            l.max_storage_buffer_binding_size = 0
        }),
        ("max_compute_workgroups_per_dimension", 1, 0, |l| {
            l.max_compute_workgroups_per_dimension = 0
        }),
        ("max_compute_workgroup_size_x", 256, 128, |l| {
            l.max_compute_workgroup_size_x = 128
        }),
        ("max_compute_workgroup_size_z", 1, 0, |l| {
            l.max_compute_workgroup_size_z = 0
        }),
        ("max_compute_workgroup_storage_size", 16384, 16, |l| {
            l.max_compute_workgroup_storage_size = 16
        }),
    ];
    for (name, least, there, change) in cases {
        let refused = try_borrowed(change).expect_err(name);
        let Error::DeviceLimit {
            kernel,
            what,
            needed,
            limit,
            ..
        } = refused
        else {
            panic!("{refused}");
        };
        let wanted = ("lowbit", name, least.into(), there.into());
        assert_eq!((&kernel[..], what, needed, limit), wanted);
    }
}

/// A limit that only one kernel exceeds is reported by it, not by a panic: here the binding of a table.
#[test]
fn what_single_kernels_lack_is_told() {
    let gpu = borrowed(|l| l.max_bindings_per_bind_group = 5);
    let plain = gpu.upload(&random_matrix(Format::Q4_0, 8, 256, 3)).unwrap();
    gpu.matmul(&[1.0; 256], &plain).unwrap();
    let lattice = random_matrix(Format::IQ2_XXS, 8, 256, 3);
    let refused = gpu.matmul(&[1.0; 256], &gpu.upload(&lattice).unwrap());
    let what = "max_bindings_per_bind_group";
    assert!(
        matches!(refused, Err(Error::DeviceLimit { what: w, needed: 6, limit: 5, .. }) if w == what),
        "{refused:?}"
    );
    let gpu = borrowed(|l| l.max_storage_buffer_binding_size = 256);
    let refused = gpu.upload(&lattice).map(drop);
    assert!(
        matches!(refused, Err(Error::TooLarge { limit: 256, .. })),
        "{refused:?}"
    );
}

/// One `Gpu` serves several threads, and its futures may move between them.
#[test]
fn a_gpu_is_shared_between_threads() {
    fn sendable<T: Send + Sync>(t: T) -> T {
        t
    }
    let gpu = sendable(gpu::gpu().clone());
    let weights: Weights = sendable(gpu.upload(&random_matrix(Format::Q4_0, 40, 64, 3)).unwrap());
    let x = vec![1.0f32; 64];
    let want = gpu.matmul(&x, &weights).unwrap();
    fn send<T: Send>(t: T) -> T {
        t
    }
    let same = pollster::block_on(send(gpu.matmul_async(&x, &weights))).unwrap();
    assert_eq!(same, want);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(gpu.matmul(&x, &weights).unwrap(), want));
        }
    });
}
