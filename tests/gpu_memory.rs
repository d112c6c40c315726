//! Repeated recording takes no more memory. In a process of its own, since it counts all of that memory.
#![cfg(feature = "gpu")]

mod common;

use common::gpu::{buffer, gpu};
use common::random_matrix;
use lowbit::kv::{GpuKv, KvCodec, KvOptions, KvType};
use lowbit::wgpu::{self, Buffer, BufferUsages, ComputePass};
use lowbit::{
    ExpertMatMul, Experts, Format, GetRows, Gpu, KERNELS, Linear, LinearMatMul, MatMul, Precision, RmsNorm, Rotation,
};

const N: usize = 64;
const K: usize = 1024;

/// Submissions of each kind after the first ones, which allocate what is kept.
const TIMES: usize = 30;

/// At each submission Mesa 22.3's lavapipe recompiles a shader in which a loop's end or a branch depends on a uniform
/// alone (`lvp_inline_uniforms.c`), and never frees it: 0.5 MiB each for the smallest affected here, 15 MiB in all.
const GROWTH: u64 = 10 << 20;

/// Resident bytes of this process, if the system reports them.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(4096 * pages.split(' ').nth(1)?.parse::<u64>().ok()?)
}

fn submit(gpu: &Gpu, record: &mut dyn FnMut(&mut ComputePass)) {
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    record(&mut encoder.begin_compute_pass(&Default::default()));
    gpu.queue().submit([encoder.finish()]);
    let done = wgpu::PollType::wait_indefinitely();
    gpu.device().poll(done).unwrap();
}

/// How much memory `TIMES` submissions take, if the system reports it.
fn growth(gpu: &Gpu, record: &mut dyn FnMut(&mut ComputePass)) -> Option<u64> {
    (0..3).for_each(|_| submit(gpu, record));
    let before = resident()?;
    (0..TIMES).for_each(|_| submit(gpu, record));
    Some(resident()?.saturating_sub(before))
}

fn floats(gpu: &Gpu, count: usize) -> Buffer {
    buffer(gpu, 4 * count as u64, BufferUsages::STORAGE)
}

#[test]
fn submissions_take_no_memory() {
    let gpu = gpu();
    let mut wrong = Vec::new();
    let mut check = |what: String, record: &mut dyn FnMut(&mut ComputePass)| {
        let grown = growth(gpu, record).unwrap_or(0);
        println!("{what}: {grown} bytes");
        if grown > GROWTH {
            wrong.push(format!("{what}: {grown} bytes in {TIMES} submissions"));
        }
    };
    let (x, y) = (floats(gpu, 33 * K), floats(gpu, 33 * K));

    for format in [Format::Q4_0, Format::Q4_K, Format::INT4_ASYM, Format::IQ3_S] {
        let weights = gpu.upload(&random_matrix(format, N, K, 1)).unwrap();
        for (m, precision) in [
            (1, Precision::F32),
            (2, Precision::F32),
            (33, Precision::F32),
            (1, Precision::I8),
            (8, Precision::I8),
        ] {
            let product = MatMul::new(gpu, &weights, m, precision).unwrap();
            let what = format!("{format}, m = {m}, {precision:?}, {}", product.kernel());
            check(what, &mut |pass| {
                product.encode(pass, x.slice(..), y.slice(..)).unwrap()
            });
        }
        let rows = GetRows::new(gpu, &weights, 2).unwrap();
        check(format!("{format}, rows"), &mut |pass| {
            rows.encode(pass, x.slice(..), y.slice(..)).unwrap()
        });
    }

    let weights = gpu.upload(&random_matrix(Format::Q4_0, N, K, 2)).unwrap();
    for kernel in KERNELS.iter().map(|k| k.name) {
        for precision in [Precision::F32, Precision::F16, Precision::I8] {
            // The kernel has another precision, or needs features that this device lacks.
            let Ok(product) = common::gpu::with_kernel(gpu, &weights, 8, precision, kernel) else {
                continue;
            };
            check(format!("{kernel}, {precision:?}"), &mut |pass| {
                product.encode(pass, x.slice(..), y.slice(..)).unwrap()
            });
        }
    }

    let experts = Experts::new(4, 2);
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 4 * N, K, 3)).unwrap();
    for m in [1, 16] {
        let product = ExpertMatMul::new(gpu, &weights, experts, m, Precision::F32).unwrap();
        let ids = floats(gpu, 2 * m);
        check(format!("experts, m = {m}"), &mut |pass| {
            product.encode(pass, ids.slice(..), x.slice(..), y.slice(..)).unwrap()
        });
    }

    let rotation = |count| Rotation {
        block: 64,
        signs: vec![1.0; count],
    };
    let norm = RmsNorm {
        weight: vec![1.0; K],
        eps: 0.5,
    };
    let linear = Linear::new(random_matrix(Format::INT4, N, K, 4))
        .with_norm(norm)
        .and_then(|linear| linear.with_rotation(rotation(K)))
        .and_then(|linear| linear.with_outliers(vec![3, 7], vec![Default::default(); 2 * N]))
        .and_then(|linear| linear.with_output_rotation(rotation(N)))
        .unwrap();
    let weights = gpu.upload_linear(&linear).unwrap();
    let product = LinearMatMul::new(gpu, &weights, 4, Precision::F32).unwrap();
    check("a Linear".into(), &mut |pass| {
        product.encode(pass, x.slice(..), y.slice(..)).unwrap()
    });

    for kind in [KvType::Q4_0, KvType::TurboProd { bits: 3 }] {
        let codec = KvCodec::new(KvOptions::new(kind, 128)).unwrap();
        let mut kv = GpuKv::new(gpu, &codec, 64, 4).unwrap();
        check(format!("{kind:?}"), &mut |pass| {
            kv.clear(pass).unwrap();
            kv.append(pass, x.slice(..), 40).unwrap();
            kv.scores(pass, x.slice(..), 4, y.slice(..)).unwrap();
            kv.weighted_sum(pass, x.slice(..), 4, y.slice(..)).unwrap();
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // A leak is reported if it exceeds the heap's free memory.
    let leak = growth(gpu, &mut |_| std::mem::forget(std::hint::black_box(vec![1u8; 8 << 20])));
    assert!(leak.is_none_or(|grown| grown > GROWTH), "{leak:?}");
}
