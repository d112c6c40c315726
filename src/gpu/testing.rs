//! Hooks for tests, which prove by them that they notice a broken shader and a refused one. Not part of the API.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::gpu::product::builder::{Edit, MatMulBuilder};
use crate::gpu::product::matmul::MatMul;
use crate::shader::kernels;
use std::sync::Arc;
use wgpu::Buffer;

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
