//! The model on a device: one pass and one submission a token.

use crate::layer::GpuLayer;
use crate::readback::{floats, mapped};
use crate::sample::Candidate;
use crate::weights::Model;
use crate::{Fallible, Run, Settings, not_finite};
use indicatif::{ProgressBar, ProgressStyle};
use lowbit::layer::{GpuNorm, GpuTopK};
use lowbit::wgpu::{self, Buffer, BufferUsages};
use lowbit::{GetRows, Gpu, MatMul};
use std::sync::{Arc, Mutex};

/// Tokens of a prompt that go through the layers at once.
const ROWS: usize = 128;

pub struct Device {
    gpu: Gpu,
    settings: Settings,
    /// Rows of the embedding: one, or as many as a part of a prompt has.
    embed: [GetRows; 2],
    layers: Vec<GpuLayer>,
    norm: GpuNorm,
    head: MatMul,
    best: GpuTopK,
    buffers: Buffers,
    position: usize,
    /// Bytes of weights, and of keys and values.
    bytes: [u64; 2],
    /// What the driver told of outside of any call.
    told: Told,
}

type Told = Arc<Mutex<Option<String>>>;

/// What passes from kernel to kernel; rows of floats unless said otherwise.
pub struct Buffers {
    /// Tokens and their places, u32.
    ids: Buffer,
    pub places: Buffer,
    /// The residual stream.
    pub x: Buffer,
    pub normed: Buffer,
    /// Queries, keys, values.
    pub qkv: Buffer,
    pub attended: Buffer,
    pub gate: Buffer,
    pub hidden: Buffer,
    logits: Buffer,
    /// The best logits and their tokens (u32), and where they are read.
    values: Buffer,
    best: Buffer,
    read: Buffer,
    /// The residual stream behind each layer, with `--check`.
    trace: Option<Buffer>,
}

impl Device {
    /// Uploads a model. On an error nothing of it stays on the device.
    pub fn new(gpu: Gpu, model: &Model, settings: Settings) -> Fallible<Device> {
        let told = listen(&gpu);
        let rows = ROWS.min(settings.context);
        let bar = ProgressBar::new(model.layers.len() as u64);
        bar.set_style(ProgressStyle::with_template("loading layer {pos} of {len} {wide_bar}")?);
        let embedding = gpu.upload(&model.embedding)?;
        let head = match &model.head {
            Some(head) => gpu.upload(head)?,
            None => embedding.clone(),
        };
        let mut bytes = [embedding.device_bytes(), 0];
        if model.head.is_some() {
            bytes[0] += head.device_bytes();
        }
        let rope = model.shape.rope(model.divisors.as_deref(), settings.context)?;
        let rope = gpu.upload_rope(&rope)?;
        let mut layers = Vec::new();
        for (i, layer) in model.layers.iter().enumerate() {
            let made = GpuLayer::new(&gpu, layer, &model.shape, &rope, settings, rows);
            let made = made.map_err(|e| format!("layer {i}: {e}"))?;
            bytes[0] += made.weight_bytes();
            bytes[1] += made.cache_bytes();
            layers.push(made);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let candidates = settings.candidates.min(head.n());
        Ok(Device {
            embed: [
                GetRows::new(&gpu, &embedding, 1)?,
                GetRows::new(&gpu, &embedding, rows)?,
            ],
            layers,
            norm: gpu.upload_norm(&model.norm)?,
            best: GpuTopK::new(&gpu, head.n(), candidates)?,
            buffers: Buffers::new(&gpu, model, settings, rows, candidates),
            head: MatMul::new(&gpu, &head, 1, settings.precision)?,
            position: 0,
            settings,
            bytes,
            told,
            gpu,
        })
    }

    /// Takes in tokens, no more than `ROWS`. Their logits are computed where they are the last, which go alone.
    fn submit(&mut self, tokens: &[u32], last: bool) -> Fallible<()> {
        let (rows, b) = (tokens.len(), &self.buffers);
        let places: Vec<u32> = (self.position..).take(rows).map(|place| place as u32).collect();
        let queue = self.gpu.queue();
        queue.write_buffer(&b.ids, 0, bytemuck::cast_slice(tokens));
        queue.write_buffer(&b.places, 0, bytemuck::cast_slice(&places));
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        // Behind the tokens are those of an earlier step; their rows are read by nothing.
        let embed = &self.embed[(rows > 1) as usize];
        embed.encode(&mut pass, b.ids.slice(..), b.x.slice(..))?;
        let size = b.x.size();
        for (i, layer) in self.layers.iter().enumerate() {
            layer.encode(&mut pass, b, rows)?;
            if let Some(trace) = &b.trace {
                drop(pass);
                encoder.copy_buffer_to_buffer(&b.x, 0, trace, i as u64 * size, size);
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
        self.check(rows)?;
        self.position += rows;
        Ok(())
    }

    /// Reads what layers made.
    fn check(&self, rows: usize) -> Fallible<()> {
        let Some(trace) = &self.buffers.trace else {
            return Ok(());
        };
        let stream = floats(&self.gpu, trace)?;
        let each = stream.len() / self.layers.len();
        let used = self.norm.size() * rows;
        let is_wrong = |x: &[f32]| x[..used].iter().any(|x| !x.is_finite());
        match stream.chunks_exact(each).position(is_wrong) {
            Some(layer) => Err(not_finite(layer, self.position).into()),
            None => Ok(()),
        }
    }

    fn take(&mut self, tokens: &[u32]) -> Fallible<Vec<Candidate>> {
        let Some((last, before)) = tokens.split_last() else {
            return Ok(Vec::new());
        };
        for tokens in before.chunks(ROWS.min(self.settings.context)) {
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

/// Keeps what the driver tells of outside of any call: wgpu would panic, or say nothing of a lost device.
fn listen(gpu: &Gpu) -> Told {
    let told = Told::default();
    let (first, second) = (told.clone(), told.clone());
    let keep = |told: &Told, message: String| {
        if let Ok(mut told) = told.lock() {
            told.get_or_insert(message);
        }
    };
    let device = gpu.device();
    device.on_uncaptured_error(Arc::new(move |e| keep(&first, e.to_string())));
    device.set_device_lost_callback(move |_, why| keep(&second, format!("the device was lost: {why}")));
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
        let info = self.gpu.info();
        format!(
            "{} ({}): weights {weights:.1} MB, keys and values {cache:.1} MB",
            info.name, info.backend
        )
    }
}

impl Buffers {
    fn new(gpu: &Gpu, model: &Model, settings: Settings, rows: usize, candidates: usize) -> Buffers {
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
        let (queries, values) = (shape.heads * shape.key, shape.kv_heads * shape.value);
        let keys = shape.kv_heads * shape.key;
        Buffers {
            ids: of("ids", rows),
            places: of("places", rows),
            x: of("x", rows * shape.width),
            normed: of("normed", rows * shape.width),
            qkv: of("qkv", rows * (queries + keys + values)),
            attended: of("attended", rows * shape.heads * shape.value),
            gate: of("gate", rows * shape.hidden),
            hidden: of("hidden", rows * shape.hidden),
            logits: of("logits", model.embedding.n()),
            values: of("values", candidates),
            best: of("best", candidates),
            read: made("read", 2 * candidates, BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            trace: settings.check.then(|| of("trace", shape.layers * rows * shape.width)),
        }
    }
}
