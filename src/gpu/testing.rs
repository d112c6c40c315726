//! Hooks for tests, which prove by them that they notice a broken shader and a refused one. Not part of the API.

use crate::Matrix;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::gpu::device::planes::Planes;
use crate::gpu::product::builder::{Edit, MatMulBuilder};
use crate::gpu::product::matmul::MatMul;
use crate::shader::kernels;
use crate::shader::tuning::INTERLEAVE;
use std::sync::Arc;
use wgpu::{Buffer, WriteOnly};

/// The same product with the text of its kernel changed by `edit`.
pub fn edited<'a>(
    mut builder: MatMulBuilder<'a>,
    edit: impl Fn(&str) -> String + Send + Sync + 'a,
) -> MatMulBuilder<'a> {
    // Mutants of kernels that round are kernels that round.
    if let Some(kernel) = builder.kernel.as_deref().and_then(kernels::by_name) {
        builder.precision = kernel.needs.precision;
    }
    builder.edit = Some(Edit(Arc::new(edit)));
    builder
}

/// x as a product of integers has it once it has run: 12 words for each part of a row.
pub fn rounded(product: &MatMul) -> Option<&Buffer> {
    product.product().rounding().map(|rounding| &*rounding.rounded)
}

/// Spoils the shaders of a kernel on this device, so that no driver takes them. Products that were made before stay.
pub fn spoil(gpu: &Gpu, kernel: &'static str) {
    gpu.pipelines().spoil(kernel);
    lock(gpu.ladders()).clear();
}

/// The two planes of a matrix, as they are uploaded.
pub fn planes(matrix: &Matrix, codes: &mut Vec<u8>, scales: &mut Vec<u8>) {
    let planes = Planes::of(matrix);
    let rows = matrix.n().next_multiple_of(INTERLEAVE);
    codes.resize(rows * planes.code_row, 0);
    scales.resize(rows * planes.scale_row, 0);
    planes.pack(0, WriteOnly::from(&mut codes[..]), WriteOnly::from(&mut scales[..]));
}
