//! Failures are reported at once under the right name, and leave nothing behind: neither memory nor half a recording.
#![cfg(feature = "gpu")]

mod common;

use common::gpu::{borrowed, borrowed_from, instance, storage};
use common::{Random, gpu, random_matrix};
use lowbit::kv::{GpuKv, KvCodec, KvOptions, KvType};
use lowbit::wgpu;
use lowbit::{
    Error, ExpertMatMul, Experts, Format, GetRows, Gpu, Group, InputScale, Linear, LinearMatMul, MatMul, Matrix,
    Precision,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const MIB: u64 = 1 << 20;

/// Bytes that the device has allocated, if wgpu counts them.
fn used(gpu: &Gpu) -> Option<u64> {
    let report = gpu.device().generate_allocator_report()?;
    Some(report.total_allocated_bytes)
}

/// The most bytes in use while `f` runs.
fn peak<T>(gpu: &Gpu, f: impl FnOnce() -> T) -> (T, u64) {
    let (done, most) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(used(gpu).unwrap_or(0), Ordering::Relaxed);
                std::thread::yield_now();
            }
        });
        let value = f();
        done.store(true, Ordering::Relaxed);
        (value, most.load(Ordering::Relaxed))
    })
}

#[test]
fn weights_take_their_memory_once_and_give_it_back() {
    let gpu = borrowed(|_| ());
    let Some(before) = used(&gpu) else {
        println!("not run: wgpu does not count the memory of {gpu:?}");
        return;
    };
    let (n, k) = (3072, 4096);
    let matrix = Matrix::from_bytes(Format::F32, n, k, vec![0x3d; 4 * n * k]).unwrap();
    let (weights, most) = peak(&gpu, || gpu.upload(&matrix).unwrap());
    let bytes = weights.device_bytes();
    assert_eq!(bytes, 48 * MIB);
    // One staging buffer of 16 MiB, and canaries.
    let beside = most.saturating_sub(before + bytes);
    assert!(beside <= 17 * MIB, "{beside} bytes next to the weights");
    // The device may have freed some of what it allocated at first.
    let more = || used(&gpu).unwrap().saturating_sub(before);
    let kept = more();
    assert!(kept <= bytes + MIB, "{kept} bytes kept for {bytes}");
    drop(weights);
    let left = more();
    assert!(left <= MIB, "{left} bytes left by weights that were dropped");

    // Small matrices, and products: what each needs is freed without a submission by the caller.
    let small = random_matrix(Format::Q8_0, 32, 1024, 3);
    for _ in 0..300 {
        let weights = gpu.upload(&small).unwrap();
        MatMul::new(&gpu, &weights, 1, Precision::F32).unwrap();
    }
    let left = more();
    assert!(left <= MIB, "{left} bytes left by 300 of 34 KiB");
}

/// x or y with more bytes than a buffer may have is refused before anything is allocated for it.
#[test]
fn products_of_too_many_rows_say_both_numbers() {
    let gpu = borrowed(|_| ());
    let limit = gpu.device().limits().max_buffer_size;
    let wide = gpu.upload(&random_matrix(Format::Q4_0, 64, 4096, 3)).unwrap();
    let tall = gpu.upload(&random_matrix(Format::Q4_0, 4096, 64, 3)).unwrap();
    let too_large = |what: &'static str, needed: u64| Some((what, needed, limit));
    let numbers = |refused: Option<Error>| match refused {
        Some(Error::TooLarge {
            what, needed, limit, ..
        }) => Some((what, needed, limit)),
        other => panic!("{other:?}"),
    };
    let m = limit as usize / (4 * 4096) + 1;
    let bytes = 4 * 4096 * m as u64;
    let refused = MatMul::new(&gpu, &wide, m, Precision::F32).err();
    assert_eq!(numbers(refused), too_large("x in bytes", bytes));
    let refused = gpu.tune(&wide, m, Precision::F32).err();
    assert_eq!(numbers(refused), too_large("x in bytes", bytes));
    let refused = MatMul::new(&gpu, &tall, m, Precision::F32).err();
    assert_eq!(numbers(refused), too_large("y in bytes", bytes));
    let refused = GetRows::new(&gpu, &wide, m).err();
    assert_eq!(numbers(refused), too_large("rows of floats in bytes", bytes));
    // Every larger number is refused as well.
    for m in [1 << 26, 1 << 30, u32::MAX as usize, usize::MAX / 2, usize::MAX] {
        let told = |e: Option<Error>| {
            let e = e.expect("too large");
            assert!(
                matches!(e, Error::TooLarge { needed, limit, .. } if needed > limit),
                "{m}: {e}"
            );
        };
        told(MatMul::new(&gpu, &wide, m, Precision::F32).err());
        told(MatMul::new(&gpu, &wide, m, Precision::I8).err());
        told(gpu.tune(&wide, m, Precision::F32).err());
        told(GetRows::new(&gpu, &wide, m).err());
        let experts = Experts::new(4, 2);
        told(ExpertMatMul::new(&gpu, &wide, experts, m, Precision::F32).err());
        let experts = Experts::new(4, m);
        told(ExpertMatMul::new(&gpu, &wide, experts, 3, Precision::F32).err());
    }
}

/// A count of zero is refused under its own name.
#[test]
fn nothing_is_no_number_of_anything() {
    let gpu = gpu::gpu();
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 8, 64, 3)).unwrap();
    let what = |e: Option<Error>| match e {
        Some(Error::Argument { what, .. } | Error::Length { what, .. }) => what,
        e => panic!("{e:?}"),
    };
    let batch = MatMul::builder(gpu, &weights, 3).batch(0).build();
    assert_eq!(what(batch.err()), "batch");
    assert_eq!(what(MatMul::new(gpu, &weights, 0, Precision::F32).err()), "m");
    let experts = |count, per_token, tokens| {
        let experts = Experts::new(count, per_token);
        what(ExpertMatMul::new(gpu, &weights, experts, tokens, Precision::F32).err())
    };
    assert_eq!(experts(0, 2, 3), "experts");
    assert_eq!(experts(4, 0, 3), "experts of a token");
    assert_eq!(experts(4, 2, 0), "m");
}

/// A product that is cut into many dispatches takes no more memory before it is recorded.
#[test]
fn dispatches_are_counted_and_not_stored() {
    let gpu = borrowed(|_| ()).with_class(lowbit::DeviceClass::Cpu);
    let format = Format::INT1;
    let (n, k) = (8192, 16384);
    let bytes = vec![0; n * format.row_bytes(k).unwrap()];
    let weights = gpu.upload(&Matrix::from_bytes(format, n, k, bytes).unwrap()).unwrap();
    let settled = || {
        gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
        used(&gpu)
    };
    let made = |m| {
        let before = settled()?;
        let product = MatMul::new(&gpu, &weights, m, Precision::F32).unwrap();
        Some((product.dispatches(), settled()?.saturating_sub(before)))
    };
    made(8);
    let (Some(few), Some(many)) = (made(8), made(4096)) else {
        println!("not run: wgpu does not count the memory of {gpu:?}");
        return;
    };
    println!("{few:?} {many:?}");
    assert!(many.0 > 100 * few.0, "{few:?} {many:?}");
    assert!(many.1 <= few.1 + 1024, "{few:?} {many:?}");
}

/// The first call after the loss reports it, whatever that call is.
#[test]
fn a_lost_device_is_an_error() {
    let gpu = borrowed(|_| ());
    let matrix = random_matrix(Format::Q4_0, 8, 256, 3);
    let weights = gpu.upload(&matrix).unwrap();
    gpu.matmul(&[1.0; 256], &weights).unwrap();
    let product = MatMul::new(&gpu, &weights, 1, Precision::F32).unwrap();
    let (x, y) = (storage(&gpu, 1024), storage(&gpu, 32));
    let adapter = pollster::block_on(instance().request_adapter(&Default::default())).unwrap();
    gpu.device().destroy();
    let lost = |e: Option<Error>| {
        let e = e.expect("lost");
        let text = e.to_string();
        assert!(matches!(e, Error::DeviceLost(_)), "{text}");
        assert!(!text.contains("reading back"), "{text}");
    };
    let static_scale = InputScale::Static {
        scale: 0.1,
        zero_point: 3,
    };
    lost(gpu.upload(&matrix).err());
    lost(gpu.matmul(&[1.0; 256], &weights).err());
    lost(gpu.dequantize(&weights).err());
    lost(gpu.inspect(&weights).err());
    lost(gpu.get_rows(&[1], &weights).err());
    lost(gpu.tune(&weights, 1, Precision::F32).err());
    lost(MatMul::new(&gpu, &weights, 1, Precision::F32).err());
    let rounds = MatMul::builder(&gpu, &weights, 1).precision(Precision::I8);
    lost(rounds.kernel("gemv_dp4a").input_scale(static_scale).build().err());
    let codec = KvCodec::new(KvOptions::new(KvType::Q8_0, 64)).unwrap();
    lost(GpuKv::new(&gpu, &codec, 128, 4).err());
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    lost(product.encode(&mut pass, x.slice(..), y.slice(..)).err());
    let again = Gpu::from_wgpu(adapter, gpu.device().clone(), gpu.queue().clone());
    lost(again.err());
}

#[test]
fn running_out_of_memory_is_an_error() {
    const CHILD: &str = "LOWBIT_TEST_OUT_OF_MEMORY";
    let gpu = gpu::gpu();
    if gpu.info().backend == wgpu::Backend::Gl {
        println!("not run: wgpu does not ask GL whether there was memory");
        return;
    }
    if std::env::var(CHILD).is_ok() {
        // Until memory runs out. What was allocated before keeps working.
        let (n, k) = (4096, 4096);
        let matrix = Matrix::from_bytes(Format::F32, n, k, vec![0; 4 * n * k]).unwrap();
        let mut all = vec![gpu.upload(&matrix).unwrap()];
        let refused = loop {
            match gpu.upload(&matrix) {
                Ok(weights) => all.push(weights),
                Err(e) => break e,
            }
            assert!(all.len() < 1000, "memory never ran out");
        };
        assert!(matches!(refused, Error::OutOfMemory(_)), "{refused}");
        return;
    }
    // On a CPU the device's memory is this process's, which a shell limits to 4 GiB.
    if cfg!(target_os = "linux") && gpu.info().device_type == wgpu::DeviceType::Cpu {
        let test = std::env::current_exe().unwrap();
        let child = std::process::Command::new("sh")
            .args(["-c", "ulimit -v 4194304; exec \"$0\" \"$@\""])
            .arg(test)
            .args(["--exact", "running_out_of_memory_is_an_error"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{text}");
    }
    // SwiftShader refuses a buffer of 1 GiB. Other drivers allocate it and may swap, which tests nothing.
    if !gpu.info().name.contains("SwiftShader") {
        println!("not run: {} does not refuse 1 GiB", gpu.info().name);
        return;
    }
    let k = 65536;
    let format = Format::INT8.with_group(Group::Row).unwrap();
    let weights = gpu.upload(&random_matrix(format, 1, k, 3)).unwrap();
    let refused = gpu.get_rows(&vec![0; 4096], &weights);
    assert!(matches!(refused, Err(Error::OutOfMemory(_))), "{refused:?}");
    // The device still works.
    gpu.get_rows(&[0], &weights).unwrap();
}

/// Devices that lowbit creates share one instance, in which wgpu tells their buffers apart.
#[test]
fn a_buffer_of_another_gpu_is_refused() {
    let (gpu, other) = (Gpu::new().unwrap(), Gpu::new().unwrap());
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 64, 64, 3)).unwrap();
    let y = storage(&gpu, 256);
    for precision in [Precision::F32, Precision::I8] {
        let product = MatMul::new(&gpu, &weights, 1, precision).unwrap();
        for _ in 0..20 {
            let foreign = storage(&other, 256);
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            let refused = product.encode(&mut pass, foreign.slice(..), y.slice(..));
            assert!(matches!(refused, Err(Error::Device { .. })), "{refused:?}");
        }
    }
}

/// `record` fails on its last buffer before it has recorded anything: `used`, its first buffer, may be destroyed before
/// the pass is submitted.
fn nothing_is_recorded(
    gpu: &Gpu,
    what: &str,
    used: &wgpu::Buffer,
    record: impl FnOnce(&mut wgpu::ComputePass) -> lowbit::Result<()>,
) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    record(&mut pass).expect_err(what);
    drop(pass);
    used.destroy();
    let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
    gpu.queue().submit([encoder.finish()]);
    let error = pollster::block_on(scope.pop());
    assert!(error.is_none(), "{what}: {}", error.unwrap());
}

#[test]
fn nothing_is_recorded_where_the_last_buffer_is_refused() {
    let instance = instance();
    let (gpu, other) = (&borrowed_from(&instance, |_| ()), &borrowed_from(&instance, |_| ()));
    let (n, k, m) = (64, 64, 4);
    let matrix = random_matrix(Format::Q4_0, n, k, 3);
    let weights = gpu.upload(&matrix).unwrap();
    let bytes = 4 * (m * k) as u64;
    // A buffer that passes all of lowbit's own checks: only wgpu knows its owner.
    let foreign = storage(other, bytes);
    let y = foreign.slice(..);

    let x = storage(gpu, bytes);
    let product = MatMul::builder(gpu, &weights, m).precision(Precision::I8);
    let product = product.kernel("gemm_dp4a").build().unwrap();
    assert!(lowbit::testing::rounded(&product).is_some());
    nothing_is_recorded(gpu, "I8", &x, |pass| product.encode(pass, x.slice(..), y));

    let sliced = gpu.upload(&random_matrix(Format::Q4_0, n, 1024, 3)).unwrap();
    let wide = storage(gpu, 4 * 1024 * m as u64);
    let product = MatMul::builder(gpu, &sliced, m).kernel("gemv").slices(2);
    let product = product.build().unwrap();
    nothing_is_recorded(gpu, "slices", &wide, |pass| product.encode(pass, wide.slice(..), y));

    let x = storage(gpu, bytes);
    let ids = storage(gpu, 4 * m as u64);
    let mut experts = Experts::new(2, 1);
    experts.grouped = Some(true);
    let of_experts = gpu.upload(&random_matrix(Format::Q4_0, 2 * n, k, 3)).unwrap();
    let product = ExpertMatMul::new(gpu, &of_experts, experts, m, Precision::F32).unwrap();
    nothing_is_recorded(gpu, "experts", &ids, |pass| {
        product.encode(pass, ids.slice(..), x.slice(..), y)
    });

    let linear = Linear::new(matrix)
        .with_input_scales(Random::new(5).floats(k, 1.0))
        .unwrap()
        .with_bias(vec![1.0; n])
        .unwrap();
    let linear = gpu.upload_linear(&linear).unwrap();
    let product = LinearMatMul::new(gpu, &linear, m, Precision::F32).unwrap();
    nothing_is_recorded(gpu, "linear", &x, |pass| product.encode(pass, x.slice(..), y));

    let codec = KvCodec::new(KvOptions::new(KvType::TurboMse { bits: 3 }, k)).unwrap();
    let mut cache = GpuKv::new(gpu, &codec, 128, m).unwrap();
    let rows = storage(gpu, bytes);
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    cache.append(&mut pass, rows.slice(..), m).unwrap();
    drop(pass);
    gpu.queue().submit([encoder.finish()]);
    let q = storage(gpu, bytes);
    nothing_is_recorded(gpu, "scores", &q, |pass| cache.scores(pass, q.slice(..), m, y));
    let p = storage(gpu, bytes);
    nothing_is_recorded(gpu, "sums", &p, |pass| cache.weighted_sum(pass, p.slice(..), m, y));
}
