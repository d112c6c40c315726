//! What is timed on a device: recorded commands and their expected result.

use crate::data::{Packed, inputs};
use crate::device::{Bench, Record, compile};
use lowbit::{MatMul, Precision};
use wgpu::{Buffer, BufferUsages};

pub struct Subject<'a> {
    /// Records one product.
    pub record: Box<Record<'static>>,
    packed: &'a Packed,
    precision: Precision,
    x: Vec<f32>,
    /// The output of the first dispatch of a pass.
    y: Buffer,
    n: usize,
}

impl<'a> Subject<'a> {
    /// lowbit's product.
    pub fn lowbit(bench: &Bench, packed: &'a Packed, n: usize, product: MatMul) -> Subject<'a> {
        let (x, x_buffer) = operands(bench, packed, product.m());
        let outputs = bench.outputs(product.m() * n);
        let precision = product.precision();
        let y = outputs[0].clone();
        Subject {
            record: Box::new(move |pass, i| {
                let recorded = product.encode(pass, x_buffer.slice(..), outputs[i].slice(..));
                recorded.expect("the buffers fit");
            }),
            packed,
            precision,
            x,
            y,
            n,
        }
    }

    /// `textbook.wgsl`, on Q4_0 weights.
    pub fn textbook(bench: &Bench, packed: &'a Packed, n: usize) -> Subject<'a> {
        let (x, x_buffer) = operands(bench, packed, 1);
        let y = bench.outputs(n).swap_remove(0);
        let matrix = packed.matrix(n);
        // A stored block is an f16 scale and 16 bytes of codes.
        let blocks = matrix.bytes().chunks(18);
        let scales: Vec<u8> = blocks.clone().flat_map(|b| &b[..2]).copied().collect();
        let codes: Vec<u8> = blocks.flat_map(|b| &b[2..]).copied().collect();
        let codes = bench.buffer(&codes, BufferUsages::STORAGE);
        let scales = bench.buffer(&scales, BufferUsages::STORAGE);
        let k = [packed.k() as u32, 0, 0, 0];
        let params = bench.buffer(bytemuck::cast_slice(&k), BufferUsages::UNIFORM);
        let (pipeline, group) = compile(
            bench.gpu.device(),
            include_str!("textbook.wgsl"),
            &[&codes, &scales, &x_buffer, &y, &params],
        );
        Subject {
            record: Box::new(move |pass, _| {
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(n as u32 / 4, 1, 1);
            }),
            packed,
            precision: Precision::F32,
            x,
            y,
            n,
        }
    }

    /// Runs it once and checks the result, which replaces NaN.
    pub fn run_and_check(&self, bench: &Bench) {
        bench.time(1, &self.record);
        let y = bench.read(&self.y);
        self.packed.check(&y, &self.x, self.n, self.precision);
    }
}

/// `m` rows of x, on the host and on the device.
fn operands(bench: &Bench, packed: &Packed, m: usize) -> (Vec<f32>, Buffer) {
    let x = inputs(m, packed.k());
    let x_buffer = bench.buffer(bytemuck::cast_slice(&x), BufferUsages::STORAGE);
    (x, x_buffer)
}
