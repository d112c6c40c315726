//! Shaders that a driver refuses, and the kernels that replace them.
#![cfg(feature = "gpu")]

mod common;

use common::{Random, oracle, random_matrix, within_bound};
use lowbit::{DeviceClass, Error, Experts, Format, Gpu, KERNELS, MatMul, Precision};
use std::sync::Mutex;

/// Messages written to the log.
static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Log;

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.target().starts_with("lowbit") && metadata.level() == log::Level::Warn
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let text = record.args().to_string();
            WARNINGS.lock().unwrap().push(text);
        }
    }

    fn flush(&self) {}
}

fn count_told(words: &[&str]) -> usize {
    let warnings = WARNINGS.lock().unwrap();
    let told = |text: &&String| words.iter().all(|word| text.contains(word));
    warnings.iter().filter(told).count()
}

fn is_told(words: &[&str]) -> bool {
    count_told(words) > 0
}

/// A device of its own, so that spoiled kernels affect no other test.
fn own_gpu(class: DeviceClass) -> Gpu {
    // Every test sets it; only the first call succeeds.
    if log::set_logger(&Log).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
    Gpu::new().unwrap().with_class(class)
}

#[test]
fn a_refused_shader_gives_way_to_the_next_kernel() {
    let (n, k, m) = (24, 256, 2);
    let matrix = random_matrix(Format::Q4_K, n, k, 5);
    let x = Random::new(6).floats(m * k, 1.0);
    let want = oracle(&matrix.dequantize(), &x, n, k);
    for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
        let gpu = own_gpu(class);
        let weights = gpu.upload(&matrix).unwrap();
        let mut refused: Vec<&str> = Vec::new();
        // Down to the last rung, which needs nothing.
        loop {
            let product = MatMul::new(&gpu, &weights, m, Precision::F32);
            let Ok(product) = product else {
                let error = product.unwrap_err();
                assert!(matches!(error, Error::Shader { .. }), "{error}");
                break;
            };
            let kernel = product.kernel();
            let kernel = KERNELS.iter().find(|k| k.name == kernel).unwrap().name;
            assert!(!refused.contains(&kernel), "{kernel}");
            within_bound(&gpu.matmul(&x, &weights).unwrap(), &want).unwrap();
            if let Some(before) = refused.last() {
                assert!(is_told(&[&format!("{kernel} in place of {before}"), "spoiled"]));
            }
            lowbit::testing::spoil(&gpu, kernel);
            refused.push(kernel);
            let named = common::gpu::with_kernel(&gpu, &weights, m, Precision::F32, kernel);
            assert!(matches!(named, Err(Error::Shader { .. })), "{named:?}");
        }
        assert!(refused.len() > (class == DeviceClass::Gpu) as usize, "{refused:?}");
        // One warning for each replaced kernel, however many products there are.
        for kernel in &refused[..refused.len() - 1] {
            assert_eq!(count_told(&[&format!("refuses q4_k/{kernel} ")]), 1);
        }
    }
}

/// No rung serves zero rows.
#[test]
fn a_product_of_no_rows_is_an_error() {
    for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
        let gpu = own_gpu(class);
        let weights = gpu.upload(&random_matrix(Format::Q4_0, 24, 64, 4)).unwrap();
        for precision in [Precision::F32, Precision::I8] {
            let product = MatMul::new(&gpu, &weights, 0, precision);
            assert!(matches!(product, Err(Error::Length { got: 0, .. })), "{product:?}");
        }
    }
}

#[test]
fn experts_fall_down_the_same_ladder() {
    let gpu = own_gpu(DeviceClass::Gpu);
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 4 * 8, 64, 7)).unwrap();
    let made = |gpu: &Gpu| {
        let builder = MatMul::builder(gpu, &weights, 40);
        builder.build_experts(Experts::new(4, 2)).unwrap().kernel().to_string()
    };
    for kernel in ["gemv", "gemv_subgroup"] {
        lowbit::testing::spoil(&gpu, kernel);
    }
    assert_eq!(made(&gpu), "gemm");
}

#[test]
fn refused_kernels_take_no_part_in_tuning() {
    let gpu = own_gpu(DeviceClass::Cpu);
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 24, 64, 8)).unwrap();
    lowbit::testing::spoil(&gpu, "lane_tile");
    let tuned = gpu.tune(&weights, 1, Precision::F32).unwrap();
    let names: Vec<&str> = tuned.times.iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"gemv") && !names.contains(&"lane_tile"), "{names:?}");
    assert!(is_told(&["lane_tile takes no part in tuning", "spoiled"]));
}

/// A kernel that the caller names is never replaced.
#[test]
fn a_named_kernel_is_made_or_refused() {
    let gpu = own_gpu(DeviceClass::Cpu);
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 24, 64, 9)).unwrap();
    lowbit::testing::spoil(&gpu, "gemv");
    let named = common::gpu::with_kernel(&gpu, &weights, 1, Precision::F32, "gemv");
    let Err(Error::Shader { shader, message, .. }) = named else {
        panic!("{named:?}");
    };
    assert!(
        shader.starts_with("q4_0/gemv ") && message.contains("spoiled"),
        "{shader}: {message}"
    );
}
