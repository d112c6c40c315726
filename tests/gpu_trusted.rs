//! Kernels without the checks that wgpu adds: the same bits as with them, and no word outside of what is bound,
//! whatever ids say and in whatever order recordings run.
#![cfg(feature = "gpu")]

mod common;

#[path = "gpu_trusted/caches.rs"]
mod caches;
#[path = "gpu_trusted/framed.rs"]
mod framed;
#[path = "gpu_trusted/products.rs"]
mod products;

use common::{Random, fitting_k, gpu, random_matrix};
use framed::run;
use lowbit::{Format, GetRows, Gpu, GpuOptions, testing};

/// Formats that index both planes and tables in every way: units of each size, odd numbers of words, groups that end
/// within parts, held scales, lattices, levels in memory, codebooks, columns.
fn formats() -> Vec<Format> {
    vec![
        Format::Q4_0,
        Format::INT5.with_group(24).unwrap(),
        Format::Q5_K,
        Format::NF4,
        Format::IQ1_M,
        Format::INT8_ASYM.with_group(8).unwrap(),
        Format::INT3_QZEROS.with_group(24).unwrap(),
        Format::IQ2_S,
        Format::INT1,
        Format::IQ3_S,
        Format::TQ1_0,
        Format::F16,
        Format::Q6_K,
        Format::MXFP4,
        Format::AQLM_2X8,
        Format::AQLM_1X16,
        Format::INT3_COLUMNS,
        Format::FP8_E4M3,
        Format::IQ2_XS,
        Format::Q2_K,
    ]
}

/// The words that a device with checks and one without give: the same.
fn same(what: &str, words: impl Fn(&Gpu) -> Result<Vec<u32>, String>) -> Vec<u32> {
    let words = |trusted| words(&gpu::gpu().with_trusted(trusted)).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (checked, trusted) = (words(false), words(true));
    let differs = (0..checked.len()).find(|&i| checked[i] != trusted[i]);
    assert_eq!(differs, None, "{what}: {} words", checked.len());
    trusted
}

/// Rows decoded, with ids past the last row between the others: these are NaN, and the host's functions agree.
#[test]
fn rows_past_the_end_are_nan() {
    let mut random = Random::new(1200);
    for format in formats() {
        let (n, k) = (13, fitting_k(format, 257));
        let matrix = random_matrix(format, n, k, random.next());
        let ids = [12u32, 13, 0, u32::MAX, 5, 1 << 31, 16];
        let y = same(&format.to_string(), |gpu| {
            let weights = gpu.upload(&matrix).unwrap();
            let rows = GetRows::new(gpu, &weights, ids.len()).unwrap();
            run(
                gpu,
                &[bytemuck::cast_slice(&ids)],
                4 * ids.len() * k,
                |pass, inputs, y| rows.encode(pass, inputs[0], y).unwrap(),
            )
        });
        let trusted = gpu::gpu().with_trusted(true);
        let weights = trusted.upload(&matrix).unwrap();
        let decoded = matrix.dequantize();
        assert_eq!(trusted.dequantize(&weights).unwrap(), decoded, "{format}");
        assert_eq!(trusted.inspect(&weights).unwrap(), matrix.inspect(), "{format}");
        for (id, row) in ids.iter().zip(y.chunks(k)) {
            let row: Vec<f32> = row.iter().map(|bits| f32::from_bits(*bits)).collect();
            match decoded.chunks(k).nth(*id as usize) {
                Some(want) => assert_eq!(row, want, "{format}"),
                None => assert!(row.iter().all(|w| w.is_nan()), "{format}: {id}"),
            }
        }
    }
}

/// One device holds a text with checks and without them, and keeps the two apart. A divisor of 0 shows which one runs:
/// WGSL makes the quotient the dividend, drivers make it anything else.
#[test]
fn each_state_has_pipelines_of_its_own() {
    let options = GpuOptions::default().with_trusted(true);
    let asked = Gpu::with_options(options).unwrap();
    let matrix = random_matrix(Format::Q4_0, 8, 32, 3);
    let quotient = |gpu: &Gpu| {
        let weights = gpu.upload(&matrix).unwrap();
        let by_zero = |text: &str| text.replace("write(at, select", "write(at, f32(7u / params.zero) + 0.0 * select");
        let product = lowbit::MatMul::builder(gpu, &weights, 1).kernel("gemv");
        let product = testing::edited(product, by_zero).build().unwrap();
        let words = run(gpu, &[&[0; 128]], 32, |pass, x, y| {
            product.encode(pass, x[0], y).unwrap()
        });
        f32::from_bits(words.unwrap()[0])
    };
    let checked = || quotient(&asked.with_trusted(false));
    let before = checked();
    let trusted = [quotient(&asked), quotient(&asked.with_trusted(true))];
    assert_eq!(checked(), before);
    println!("7 / 0 with checks: {before}, without: {trusted:?}");
    // naga's GLSL has no such test of divisors.
    if asked.info().backend == lowbit::wgpu::Backend::Vulkan {
        assert_eq!(before, 7.0);
        assert!(trusted.iter().all(|q| *q != 7.0), "{trusted:?}");
    }
}

/// A kernel that reads past the end of its scales.
#[test]
#[ignore = "scripts/gpu_assisted runs it, and must hear of it"]
fn reads_too_far() {
    let gpu = gpu::gpu().with_trusted(true);
    let weights = gpu.upload(&random_matrix(Format::Q4_0, 8, 32, 3)).unwrap();
    let far = |text: &str| text.replace("row.scales + i * INTERLEAVE", "row.scales + i * INTERLEAVE + 4096u");
    let product = gpu::edited(&gpu, &weights, 1, "gemv", far).unwrap();
    run(&gpu, &[&[0; 128]], 32, |pass, x, y| {
        product.encode(pass, x[0], y).unwrap()
    })
    .unwrap();
}
