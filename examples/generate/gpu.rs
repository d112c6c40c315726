//! The model on a device: one pass and one submission a token.

use crate::layer::GpuLayer;
use crate::model::Fallible;
use crate::readback::{floats, mapped};
use crate::sample::Candidate;
use crate::weights::Model;
use crate::{Run, Settings, not_finite};
use indicatif::{ProgressBar, ProgressStyle};
use lowbit::layer::{GpuNorm, GpuTopK};
use lowbit::wgpu::{self, Buffer, BufferUsages};
use lowbit::{GetRows, Gpu, MatMul};
use std::sync::{Arc, Mutex};

/// Tokens of a prompt that go through the layers at once.
const ROWS: usize = 128;

pub struct Device {
    gpu: Gpu,
    /// Rows of the embedding: one, or as many as a part of a prompt has.
    embed: [GetRows; 2],
    layers: Vec<GpuLayer>,
    norm: GpuNorm,
    head: MatMul,
    best: GpuTopK,
    buffers: Buffers,
    position: usize,
    check: bool,
    /// Bytes of weights, and of keys and values.
    bytes: [u64; 2],
    told: Told,
}

/// What the driver tells of outside of any call.
type Told = Arc<Mutex<Option<String>>>;

/// What passes from kernel to kernel; rows of floats unless said otherwise.
pub struct Buffers {
    /// Tokens and their places, u32.
    ids: Buffer,
    pub places: Buffer,
    /// The residual stream.
    pub x: Buffer,
    pub normed: Buffer,
    /// Queries, keys, values; or queries, and the others in their own.
    pub qkv: Buffer,
    pub k: Buffer,
    pub v: Buffer,
    pub attended: Buffer,
    pub gate: Buffer,
    pub hidden: Buffer,
    logits: Buffer,
    /// The best logits and their tokens (u32), and where both are read.
    values: Buffer,
    best: Buffer,
    read: Buffer,
}

impl Device {
    pub fn new(gpu: Gpu, model: &Model, settings: Settings) -> Fallible<Device> {
        let told = listen(&gpu);
        let rows = ROWS.min(settings.context);
        let bar = ProgressBar::new(model.layers.len() as u64);
        bar.set_style(ProgressStyle::with_template("loading layer {pos} of {len} {wide_bar}")?);
        let embedding = gpu.upload(&model.embedding)?;
        let own_head = model.head.as_ref().map(|head| gpu.upload(head)).transpose()?;
        let mut bytes = [embedding.device_bytes(), 0];
        bytes[0] += own_head.as_ref().map_or(0, |head| head.device_bytes());
        let head = own_head.unwrap_or(embedding.clone());
        let rope = gpu.upload_rope(&model.rope(settings.context)?)?;
        let mut layers = Vec::new();
        for (i, layer) in model.layers.iter().enumerate() {
            let made = GpuLayer::new(&gpu, layer, &model.shape, &rope, settings, rows);
            layers.push(made.map_err(|e| format!("layer {i}: {e}"))?);
            let [weights, cache] = layers[i].bytes();
            bytes = [bytes[0] + weights, bytes[1] + cache];
            bar.inc(1);
        }
        bar.finish_and_clear();
        let candidates = settings.candidates.min(head.n());
        Ok(Device {
            embed: [
                GetRows::new(&gpu, &embedding, 1)?,
                GetRows::new(&gpu, &embedding, rows)?,
            ],
            norm: gpu.upload_norm(&model.norm)?,
            head: MatMul::new(&gpu, &head, 1, settings.precision)?,
            best: GpuTopK::new(&gpu, head.n(), candidates)?,
            buffers: Buffers::new(&gpu, model, rows, candidates),
            position: 0,
            check: settings.check,
            layers,
            bytes,
            told,
            gpu,
        })
    }

    /// Takes in tokens that fit the buffers. Where they are the last, they are one, and its logits are computed.
    fn submit(&mut self, tokens: &[u32], last: bool) -> Fallible<()> {
        let (rows, b) = (tokens.len(), &self.buffers);
        let places: Vec<u32> = (self.position..).take(rows).map(|place| place as u32).collect();
        let (device, queue) = (self.gpu.device(), self.gpu.queue());
        queue.write_buffer(&b.ids, 0, bytemuck::cast_slice(tokens));
        queue.write_buffer(&b.places, 0, bytemuck::cast_slice(&places));
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        // Behind these tokens lie those of an earlier step; nothing reads their rows.
        self.embed[(rows > 1) as usize].encode(&mut pass, b.ids.slice(..), b.x.slice(..))?;
        for (i, layer) in self.layers.iter().enumerate() {
            layer.encode(&mut pass, b, rows)?;
            if self.check {
                drop(pass);
                queue.submit([encoder.finish()]);
                let x = floats(&self.gpu, &b.x)?;
                if x[..rows * self.norm.size()].iter().any(|x| !x.is_finite()) {
                    return Err(not_finite(i, self.position).into());
                }
                encoder = device.create_command_encoder(&Default::default());
                pass = encoder.begin_compute_pass(&Default::default());
            }
        }
        if last {
            self.norm.encode(&mut pass, b.x.slice(..), b.normed.slice(..), 1)?;
            self.head.encode(&mut pass, b.normed.slice(..), b.logits.slice(..))?;
            let (values, best) = (b.values.slice(..), b.best.slice(..));
            self.best.encode(&mut pass, b.logits.slice(..), values, best, 1)?;
        }
        drop(pass);
        if last {
            encoder.copy_buffer_to_buffer(&b.values, 0, &b.read, 0, b.values.size());
            encoder.copy_buffer_to_buffer(&b.best, 0, &b.read, b.values.size(), b.best.size());
        }
        queue.submit([encoder.finish()]);
        self.position += rows;
        Ok(())
    }

    fn take(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>> {
        let (last, before) = tokens.split_last().ok_or("there should be tokens, got 0")?;
        for tokens in before.chunks(self.embed[1].count()) {
            self.submit(tokens, false)?;
        }
        self.submit(&[*last], true)?;
        let bytes = mapped(&self.gpu, &self.buffers.read)?;
        let (values, ids) = bytes.split_at(bytes.len() / 2);
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(values);
        let ids: Vec<u32> = bytemuck::pod_collect_to_vec(ids);
        Ok(ids.into_iter().zip(values).collect())
    }
}

/// Keeps what wgpu would panic of, or say nothing of.
fn listen(gpu: &Gpu) -> Told {
    let told = Told::default();
    let keep = |told: Told| {
        move |message: String| {
            told.lock().map(|mut told| told.get_or_insert(message).len()).ok();
        }
    };
    let (error, lost) = (keep(told.clone()), keep(told.clone()));
    gpu.device()
        .on_uncaptured_error(Arc::new(move |e| error(e.to_string())));
    let lost = move |_, why| lost(format!("the device was lost: {why}"));
    gpu.device().set_device_lost_callback(lost);
    told
}

impl Run for Device {
    fn step(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>> {
        let taken = self.take(tokens);
        match self.told.lock().ok().and_then(|mut told| told.take()) {
            Some(told) => Err(told.into()),
            None => taken,
        }
    }

    fn logits(&self) -> Fallible<Vec<f32>> {
        floats(&self.gpu, &self.buffers.logits)
    }

    fn memory(&self) -> String {
        let [weights, cache] = self.bytes.map(|bytes| bytes as f64 / 1e6);
        let name = &self.gpu.info().name;
        format!("{name}: weights {weights:.1} MB, keys and values {cache:.1} MB")
    }
}

impl Buffers {
    fn new(gpu: &Gpu, model: &Model, rows: usize, candidates: usize) -> Buffers {
        let made = |label, words: usize, usage| {
            gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: 4 * words as u64,
                usage,
                mapped_at_creation: false,
            })
        };
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let of = |label, words| made(label, words, usage);
        let shape = &model.shape;
        let (q, v) = (shape.heads * shape.key, shape.kv_heads * shape.value);
        Buffers {
            ids: of("ids", rows),
            places: of("places", rows),
            x: of("x", rows * shape.width),
            normed: of("normed", rows * shape.width),
            qkv: of("qkv", rows * (q + shape.kv_heads * shape.key + v)),
            k: of("keys", rows * shape.kv_heads * shape.key),
            v: of("values", rows * v),
            attended: of("attended", rows * shape.heads * shape.value),
            gate: of("gate", rows * shape.hidden),
            hidden: of("hidden", rows * shape.hidden),
            logits: of("logits", model.embedding.n()),
            values: of("values", candidates),
            best: of("best", candidates),
            read: made("read", 2 * candidates, BufferUsages::MAP_READ | BufferUsages::COPY_DST),
        }
    }
}
