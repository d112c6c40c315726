//! From options to a layer's attention.

use super::kernels::Make;
use super::{GpuAttention, GpuRope, MANY, partial_bytes};
use crate::gpu::device::gpu::Gpu;
use crate::gpu::kv::kernels::Tables;
use crate::kv::{Attending, AttentionOptions, AttentionShaders, KvCodec, Placing, check_sinks};
use crate::reserve::within;
use crate::shader::traits::DeviceClass;
use crate::{Error, Result};
use wgpu::{Buffer, BufferUsages};

/// Workgroups that keep a card busy, and tokens below which a workgroup of its own does not pay. Untuned: no card was at
/// hand.
const BUSY: usize = 256;
const FEW_TOKENS: usize = 256;

/// Options of a [`GpuAttention`].
#[derive(Clone, Debug)]
pub struct GpuAttentionBuilder<'a> {
    gpu: &'a Gpu,
    options: AttentionOptions,
    rows: usize,
    pub(super) rope: Option<&'a GpuRope>,
    pub(super) norms: Option<(&'a [f32], &'a [f32], f32)>,
    sinks: &'a [f32],
    pub(super) stacked: bool,
}

impl GpuAttention {
    /// Attention for at most `rows` rows a call, counted over all sequences.
    pub fn builder(gpu: &Gpu, options: AttentionOptions, rows: usize) -> GpuAttentionBuilder<'_> {
        GpuAttentionBuilder {
            gpu,
            options,
            rows,
            rope: None,
            norms: None,
            sinks: &[],
            stacked: true,
        }
    }
}

impl<'a> GpuAttentionBuilder<'a> {
    /// Turns queries and keys by their positions.
    pub fn rope(mut self, rope: &'a GpuRope) -> Self {
        self.rope = Some(rope);
        self
    }

    /// Normalizes each query and key before it is turned (RMS, as in Qwen3): `keys.d` factors for queries, as many for
    /// keys, and what is added to the mean square.
    pub fn norms(mut self, q: &'a [f32], k: &'a [f32], epsilon: f32) -> Self {
        self.norms = Some((q, k, epsilon));
        self
    }

    /// The sink of each query head, where the options have sinks.
    pub fn sinks(mut self, sinks: &'a [f32]) -> Self {
        self.sinks = sinks;
        self
    }

    /// Makes it for queries, keys and values in buffers of their own, as three products write them:
    /// [`append_apart`](GpuAttention::append_apart).
    pub fn apart(mut self) -> Self {
        self.stacked = false;
        self
    }

    /// Compiles its kernels.
    ///
    /// # Errors
    /// Those of [`Attention::new`](crate::kv::Attention::new); [`Error::Length`] where sinks or norms do not fit,
    /// [`Error::Argument`] where angles lack positions or turn more than d; [`Error::TooLarge`] where a side of the
    /// cache or the sums of all rows exceed a binding; [`Error::DeviceLimit`] where the types of keys and values read
    /// more tables than the device binds; [`Error::Shader`], [`Error::OutOfMemory`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn build(self) -> Result<GpuAttention> {
        pollster::block_on(self.build_async())
    }

    /// The async form of [`build`](Self::build).
    ///
    /// # Errors
    /// Those of `build`.
    pub async fn build_async(self) -> Result<GpuAttention> {
        let (gpu, options, rows) = (self.gpu, self.options, self.rows);
        let (keys, values) = options.codecs()?;
        let placing = self.placing()?;
        check_sinks(&options, self.sinks)?;
        if rows == 0 {
            return Err(Error::argument("rows of attention", "at least 1", rows));
        }
        let most = gpu.limits().max_compute_workgroups_per_dimension as u64;
        within("rows of attention", rows as u64, most)?;

        let shaders = AttentionShaders {
            options: &options,
            keys: &keys,
            values: &values,
        };
        let few = Attending::new(&options, false, splits(gpu, &options));
        let many = Attending::new(&options, true, 1);
        within(
            "workgroups of a row",
            (options.kv_heads * few.head_tiles * few.splits) as u64,
            most,
        )?;
        let widths = [keys.width(), values.width()];
        let limit = gpu.max_binding();
        let prepared = 4 * (rows * options.q_heads * widths[0]) as u64;
        let partial = [(few, rows.min(MANY - 1)), (many, rows)]
            .into_iter()
            .filter(|(by, _)| !shaders.is_direct(by.splits))
            .map(|(by, rows)| partial_bytes(&options, rows, by.splits, widths[1]))
            .max();
        let side = |codec: &KvCodec| 4 * codec.device_words(options.vectors()) as u64;
        for (what, bytes) in [
            ("the keys of a layer in bytes", side(&keys)),
            ("the values of a layer in bytes", side(&values)),
            ("queries in bytes", prepared),
            ("the sums of attention in bytes", partial.unwrap_or(0)),
        ] {
            within(what, bytes, limit)?;
        }

        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let caches = [
            gpu.buffer("keys", side(&keys), usage).await?,
            gpu.buffer("values", side(&values), usage).await?,
        ];
        let make = Make {
            gpu,
            caches: &caches,
            tables: [&Tables::new(gpu, &keys).await?, &Tables::new(gpu, &values).await?],
            rotates: [&keys, &values].map(|codec| codec.rotation().is_some()),
            sinks: match options.sinks {
                true => Some(self.floats("sinks", &[self.sinks]).await?),
                false => None,
            },
        };
        let append = make.appends(&shaders, placing, &self).await?;
        let few = make.attends(&shaders, few).await?;
        let many = make.attends(&shaders, many).await?;
        Ok(GpuAttention {
            prepared: gpu.scratch("prepared queries", prepared).await?,
            partial: match partial {
                Some(bytes) => Some(gpu.scratch("sums of attention", bytes).await?),
                None => None,
            },
            stacked: self.stacked,
            gpu: gpu.clone(),
            options,
            rows,
            append,
            few,
            many,
            widths,
            keys: caches[0].clone(),
            values: caches[1].clone(),
        })
    }

    /// What position does to queries and keys.
    fn placing(&self) -> Result<Placing> {
        let d = self.options.keys.d;
        if let Some((q, k, epsilon)) = self.norms {
            for norm in [q, k] {
                if norm.len() != d {
                    return Err(Error::Length {
                        what: "factors of normalized queries and keys",
                        shape: format!("[{d}]"),
                        unit: "floats",
                        expected: d,
                        got: norm.len(),
                    });
                }
            }
            if !(epsilon >= 0.0 && epsilon.is_finite()) {
                return Err(Error::argument("epsilon", "finite, 0 or more", epsilon));
            }
        }
        if let Some(rope) = self.rope {
            let bound = |what, most: usize, got: usize| match got <= most {
                true => Ok(()),
                false => Err(Error::Argument {
                    what,
                    allowed: format!("at most {most}"),
                    got: got.to_string(),
                }),
            };
            bound("numbers turned by their position", d, rope.d)?;
            bound(
                "the capacity of a cache in tokens, with these angles,",
                rope.positions,
                self.options.capacity,
            )?;
        }
        Ok(Placing {
            turned: self.rope.map_or(0, |rope| rope.d),
            interleaved: self.rope.is_some_and(|rope| rope.interleaved),
            norms: self.norms.map(|(.., epsilon)| epsilon),
        })
    }

    pub(super) async fn floats(&self, label: &'static str, floats: &[&[f32]]) -> Result<Buffer> {
        let bytes = floats.concat();
        self.gpu
            .buffer_of(label, bytemuck::cast_slice(&bytes), BufferUsages::STORAGE)
            .await
    }
}

/// Workgroups that share the tokens of a row, where there are few rows.
fn splits(gpu: &Gpu, options: &AttentionOptions) -> usize {
    match gpu.class() {
        DeviceClass::Gpu => {
            let most = options.capacity.div_ceil(FEW_TOKENS);
            BUSY.div_ceil(options.kv_heads).min(most).min(32)
        }
        // Barriers cost more than idle threads.
        DeviceClass::Cpu => 1,
    }
}
