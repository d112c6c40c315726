//! Multiplies, times and checks: on a device, or on the processor where there is none.

use crate::npy::Dense;
use crate::oracle::{Product, relative_rms};
use crate::table::Row;
use crate::timing::{self, Clock};
use crate::unpacked::{self, Unpacked};
use crate::{Fallible, readback};
use lowbit::wgpu::{self, BufferSlice, BufferUsages, ComputePass};
use lowbit::{Gpu, Linear, LinearMatMul, MatMul, Matrix, Precision};
use std::time::Instant;

/// The original weights, the inputs, and the expected outputs.
pub struct Subject {
    pub dense: Dense,
    pub x: Vec<f32>,
    pub right: Product,
}

/// Records a product of x into y.
type Encode<'a> = &'a dyn Fn(&mut ComputePass, BufferSlice, BufferSlice) -> lowbit::Result<()>;

/// A result and its median time.
fn timed(product: impl Fn() -> Fallible<Vec<f32>>) -> Fallible<(Vec<f32>, f64)> {
    let y = product()?;
    let seconds = timing::median(|| {
        let started = Instant::now();
        std::hint::black_box(product()?);
        Ok(started.elapsed().as_secs_f64())
    })?;
    Ok((y, seconds))
}

impl Subject {
    /// A row of the table, from a result and its time.
    fn row(&self, matrix: &Matrix, y: &[f32], seconds: f64, read: u64) -> Row {
        let decoded = matrix.dequantize();
        let oracle = Product::new(&self.x, &decoded, self.dense.k);
        Row {
            name: matrix.format().to_string(),
            bytes: matrix.bytes().len() as u64,
            weights: self.dense.weights.len() as u64,
            weight_error: relative_rms(&decoded, self.dense.weights.iter().map(|w| *w as f64)),
            output_error: relative_rms(y, self.right.y.iter().copied()),
            rounding: oracle.rounding(y),
            seconds,
            read,
        }
    }

    /// The packed product on the processor.
    pub fn on_cpu(&self, matrix: &Matrix) -> Fallible<Row> {
        let (y, seconds) = timed(|| Ok(matrix.matmul(&self.x)?))?;
        Ok(self.row(matrix, &y, seconds, matrix.bytes().len() as u64))
    }

    /// The packed product on a device.
    pub fn on_gpu(&self, gpu: &Gpu, clock: &Clock, matrix: &Matrix) -> Fallible<Row> {
        let weights = gpu.upload(matrix)?;
        let y = gpu.matmul(&self.x, &weights)?;
        let product = MatMul::new(gpu, &weights, self.m(), Precision::F32)?;
        let seconds = self.recorded(gpu, clock, &y, &|pass, x, y| product.encode(pass, x, y))?;
        Ok(self.row(matrix, &y, seconds, weights.device_bytes()))
    }

    fn m(&self) -> usize {
        self.x.len() / self.dense.k
    }

    /// Seconds of a recorded product, because `Gpu::matmul` also uploads x and reads y back.
    fn recorded(&self, gpu: &Gpu, clock: &Clock, y: &[f32], product: Encode) -> Fallible<f64> {
        let [x, result] = [self.x.len(), y.len()].map(|floats| {
            gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some("timing"),
                size: 4 * floats as u64,
                usage: BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            })
        });
        gpu.queue().write_buffer(&x, 0, bytemuck::cast_slice(&self.x));
        let seconds = clock.median(&|pass| product(pass, x.slice(..), result.slice(..)))?;
        // What was timed must be the same product.
        let bits = |y: &[f32]| y.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        if bits(&readback::floats(gpu, &result)?) != bits(y) {
            return Err("two runs of one product differ".into());
        }
        Ok(seconds)
    }

    /// The product of a packed layer on the processor; `dense` has its effective weights.
    pub fn linear_on_cpu(&self, linear: &Linear) -> Fallible<Row> {
        let (y, seconds) = timed(|| Ok(linear.matmul(&self.x)?))?;
        let read = linear.matrix().bytes().len() as u64;
        Ok(self.linear_row("CPU", linear, &y, (seconds, read)))
    }

    /// The product of a packed layer on a device.
    pub fn linear_on_gpu(&self, gpu: &Gpu, clock: &Clock, linear: &Linear) -> Fallible<Row> {
        let weights = gpu.upload_linear(linear)?;
        let y = gpu.linear(&self.x, &weights)?;
        let product = LinearMatMul::new(gpu, &weights, self.m(), Precision::F32)?;
        let seconds = self.recorded(gpu, clock, &y, &|pass, x, y| product.encode(pass, x, y))?;
        let read = weights.weights().device_bytes();
        Ok(self.linear_row("GPU", linear, &y, (seconds, read)))
    }

    fn linear_row(&self, on: &str, linear: &Linear, y: &[f32], (seconds, read): (f64, u64)) -> Row {
        let right = self.right.with_bias(linear.bias());
        Row {
            name: format!("{} on {on}", linear.matrix().format()),
            bytes: linear.matrix().bytes().len() as u64,
            weights: self.dense.weights.len() as u64,
            // The product is compared with the effective weights, so they have no error.
            weight_error: 0.0,
            output_error: relative_rms(y, right.y.iter().copied()),
            rounding: right.rounding(y),
            seconds,
            read,
        }
    }

    /// The f32 product on a device, by the faster of its two kernels.
    pub fn unpacked(&self, gpu: &Gpu, clock: &Clock) -> Fallible<Row> {
        let mut best: Option<Row> = None;
        for kernel in unpacked::KERNELS {
            let product = Unpacked::new(gpu, &self.dense, &self.x, kernel)?;
            let y = product.run()?;
            let seconds = clock.median(&|pass| {
                product.record(pass);
                Ok(())
            })?;
            log::info!("f32 {}: {:.1} µs", kernel.0, seconds * 1e6);
            let row = Row {
                name: format!("f32 {}", kernel.0.replace('_', " ")),
                bytes: 4 * self.dense.weights.len() as u64,
                weights: self.dense.weights.len() as u64,
                weight_error: 0.0,
                output_error: relative_rms(&y, self.right.y.iter().copied()),
                rounding: self.right.rounding(&y),
                seconds,
                read: unpacked::bytes(&self.dense),
            };
            // Keep a wrong result, so that it is reported.
            if best
                .as_ref()
                .is_none_or(|b| b.ok() && (!row.ok() || seconds < b.seconds))
            {
                best = Some(row);
            }
        }
        best.ok_or("no f32 kernel".into())
    }

    /// The clock that times all products, tested on the f32 one.
    pub fn clock<'a>(&self, gpu: &'a Gpu) -> Fallible<Clock<'a>> {
        // A part of the matrix that fits a binding for any size of the whole.
        let (n, k) = (self.dense.n.min(512), self.dense.k);
        let weights = self.dense.weights[..n * k].to_vec();
        let part = Dense { n, k, weights };
        let product = Unpacked::new(gpu, &part, &self.x[..k], unpacked::KERNELS[0])?;
        Clock::new(gpu, &|pass| {
            product.record(pass);
            Ok(())
        })
    }
}
