//! One layer on a device.

use crate::Settings;
use crate::gpu::Buffers;
use crate::model::Fallible;
use crate::shape::Shape;
use crate::weights::{Layer, Linear};
use lowbit::kv::{GpuAttention, GpuRope};
use lowbit::layer::GpuNorm;
use lowbit::wgpu::util::{BufferInitDescriptor, DeviceExt};
use lowbit::wgpu::{Buffer, BufferSlice, BufferUsages, ComputePass};
use lowbit::{Epilogue, Gpu, MatMul, Matrix, Precision};

pub struct GpuLayer {
    attention_norm: GpuNorm,
    /// Queries, keys and values: one product where their weights have one format, or three.
    qkv: Vec<Product>,
    attention: GpuAttention,
    output: Product,
    hidden_norm: GpuNorm,
    /// SiLU(gate) · up: one product, or two.
    hidden: Vec<Product>,
    down: Product,
}

/// A product for any number of rows, and the bias of its outputs.
struct Product {
    matmul: MatMul,
    bias: Option<Buffer>,
}

impl GpuLayer {
    /// Uploads a layer that takes at most `rows` tokens at once.
    pub fn new(
        gpu: &Gpu,
        layer: &Layer,
        shape: &Shape,
        rope: &GpuRope,
        settings: Settings,
        rows: usize,
    ) -> Fallible<GpuLayer> {
        let make = |parts: &[&Linear], epilogue| Product::new(gpu, parts, settings.precision, epilogue, rows);
        let qkv = match [&layer.q, &layer.k, &layer.v] {
            all if of_one_format(&all) => vec![make(&all, None)?],
            [q, k, v] => vec![make(&[q], None)?, make(&[k], None)?, make(&[v], None)?],
        };
        let hidden = match [&layer.gate, &layer.up] {
            all if of_one_format(&all) => vec![make(&all, Some(Epilogue::SwiGlu))?],
            [gate, up] => vec![make(&[gate], None)?, make(&[up], Some(Epilogue::SiluGate))?],
        };
        let mut attention = GpuAttention::builder(gpu, settings.attention(shape), rows).rope(rope);
        if let Some([q, k]) = &layer.head_norms {
            attention = attention.norms(q, k, shape.eps);
        }
        if qkv.len() > 1 {
            attention = attention.apart();
        }
        Ok(GpuLayer {
            attention_norm: gpu.upload_norm(&layer.attention_norm)?,
            attention: attention.build()?,
            qkv,
            output: make(&[&layer.output], Some(Epilogue::Accumulate))?,
            hidden_norm: gpu.upload_norm(&layer.hidden_norm)?,
            hidden,
            down: make(&[&layer.down], Some(Epilogue::Accumulate))?,
        })
    }

    /// Records the layer for the first `rows` rows: the residual stream, in place.
    pub fn encode(&self, pass: &mut ComputePass, b: &Buffers, rows: usize) -> lowbit::Result<()> {
        let (x, normed, places) = (b.x.slice(..), b.normed.slice(..), b.places.slice(..));
        self.attention_norm.encode(pass, x, normed, rows)?;
        match &self.qkv[..] {
            [q, k, v] => {
                let apart = [b.qkv.slice(..), b.k.slice(..), b.v.slice(..)];
                q.encode(pass, normed, apart[0], &[], rows)?;
                k.encode(pass, normed, apart[1], &[], rows)?;
                v.encode(pass, normed, apart[2], &[], rows)?;
                self.attention.append_apart(pass, apart, places, rows)?;
            }
            all => {
                all.iter()
                    .try_for_each(|p| p.encode(pass, normed, b.qkv.slice(..), &[], rows))?;
                self.attention.append(pass, b.qkv.slice(..), places, rows)?;
            }
        }
        self.attention.attend(pass, places, b.attended.slice(..), rows)?;
        self.output.encode(pass, b.attended.slice(..), x, &[], rows)?;

        self.hidden_norm.encode(pass, x, normed, rows)?;
        let (gate, hidden) = (b.gate.slice(..), b.hidden.slice(..));
        match &self.hidden[..] {
            [gate_product, up] => {
                gate_product.encode(pass, normed, gate, &[], rows)?;
                up.encode(pass, normed, hidden, &[gate], rows)?;
            }
            both => both
                .iter()
                .try_for_each(|p| p.encode(pass, normed, hidden, &[], rows))?,
        }
        self.down.encode(pass, hidden, x, &[], rows)
    }

    /// Bytes of weights, and of keys and values.
    pub fn bytes(&self) -> [u64; 2] {
        let products = self.qkv.iter().chain(&self.hidden).chain([&self.output, &self.down]);
        let weights = products.map(|product| product.matmul.weights().device_bytes());
        [weights.sum(), self.attention.device_bytes()]
    }
}

impl Product {
    /// Weights one below the other, which have one format.
    fn new(
        gpu: &Gpu,
        parts: &[&Linear],
        precision: Precision,
        epilogue: Option<Epilogue>,
        rows: usize,
    ) -> Fallible<Product> {
        let weights = match parts {
            [one] => gpu.upload(&one.matrix)?,
            _ => {
                let matrices: Vec<&Matrix> = parts.iter().map(|part| &part.matrix).collect();
                gpu.upload(&Matrix::stacked(&matrices)?)?
            }
        };
        let bias = parts.iter().any(|part| part.bias.is_some()).then(|| bias(gpu, parts));
        let mut builder = MatMul::builder(gpu, &weights, rows).precision(precision).each_m();
        if bias.is_some() {
            builder = builder.epilogue(Epilogue::Bias);
        }
        if let Some(epilogue) = epilogue {
            builder = builder.epilogue(epilogue);
        }
        Ok(Product {
            matmul: builder.build()?,
            bias,
        })
    }

    /// `gates` are what its epilogue reads.
    fn encode(
        &self,
        pass: &mut ComputePass,
        x: BufferSlice,
        y: BufferSlice,
        gates: &[BufferSlice],
        rows: usize,
    ) -> lowbit::Result<()> {
        let bias = self.bias.iter().map(|bias| bias.slice(..));
        let operands: Vec<BufferSlice> = bias.chain(gates.iter().copied()).collect();
        self.matmul.encode_rows_with(pass, x, y, &operands, rows)
    }
}

fn of_one_format(parts: &[&Linear]) -> bool {
    let format = |part: &&Linear| part.matrix.format();
    parts.iter().map(format).all(|f| f == format(&parts[0]))
}

/// The biases of all parts, 0 where a part has none.
fn bias(gpu: &Gpu, parts: &[&Linear]) -> Buffer {
    let floats = parts.iter().flat_map(|part| match &part.bias {
        Some(bias) => bias.clone(),
        None => vec![0.0; part.matrix.n()],
    });
    let floats: Vec<f32> = floats.collect();
    gpu.device().create_buffer_init(&BufferInitDescriptor {
        label: Some("bias"),
        contents: bytemuck::cast_slice(&floats),
        usage: BufferUsages::STORAGE,
    })
}
