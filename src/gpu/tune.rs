//! Choosing by measurement: the kernels that can serve a product, timed on this device.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::gpu::device::weights::Weights;
use crate::gpu::product::matmul::MatMul;
use crate::gpu::replace::replace;
use crate::shader::decisions::{Decisions, ProductKind, Winners};
use crate::shader::kernels::{Kernel, Shape, TABLE};
use crate::{Error, Precision, Result};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wgpu::{Buffer, BufferUsages};

/// The result of [`Gpu::tune`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tuned {
    /// The fastest kernel, which products of this kind now get.
    pub kernel: &'static str,
    /// Median time of one product by each kernel that was tried, the fastest first.
    pub times: Vec<(&'static str, Duration)>,
}

/// Rounds in which the kernels take turns.
const ROUNDS: usize = 5;

/// What one kernel does in a round takes about this long.
const ROUND: Duration = Duration::from_millis(10);

impl Gpu {
    /// Times every kernel that can multiply `m` rows by `weights` on this device and keeps the fastest: from now on
    /// [`MatMul::new`] uses it for products of this format, n, k and precision whose m has the same next power of two.
    /// Takes well under a second on a card, plus compiling. The values of the weights do not matter.
    ///
    /// # Errors
    /// Those of [`MatMul::new`] for any of the kernels; [`Error::Shader`] only if the driver refuses all of them.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tune(&self, weights: &Weights, m: usize, precision: Precision) -> Result<Tuned> {
        pollster::block_on(self.tune_async(weights, m, precision))
    }

    /// The async form of [`tune`](Self::tune).
    ///
    /// # Errors
    /// Those of `tune`.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn tune_async(&self, weights: &Weights, m: usize, precision: Precision) -> Result<Tuned> {
        let subjects = self.subjects(weights, m, precision).await?;
        // The buffers' contents do not matter, and neither do the weights' values.
        let buffer = |columns| {
            let size = 4 * (m as u64).saturating_mul(columns as u64);
            self.buffer("tuning", size, BufferUsages::STORAGE)
        };
        let (x, y) = (buffer(weights.k()).await?, buffer(weights.n()).await?);
        let mut counts = Vec::new();
        for (_, product) in &subjects {
            // The first run compiles on some drivers; the second tells how many make a round.
            self.timed(product, &x, &y, 1).await?;
            let once = self.timed(product, &x, &y, 1).await?;
            counts.push((ROUND.as_secs_f64() / once.as_secs_f64().max(1e-6)).clamp(1.0, 1000.0) as u32);
        }
        let mut times = vec![Vec::new(); subjects.len()];
        for _ in 0..ROUNDS {
            for (i, (_, product)) in subjects.iter().enumerate() {
                times[i].push(self.timed(product, &x, &y, counts[i]).await? / counts[i]);
            }
        }
        let mut times: Vec<(&'static Kernel, Duration)> = subjects
            .iter()
            .zip(times)
            .map(|((kernel, _), mut times)| {
                times.sort();
                (*kernel, times[times.len() / 2])
            })
            .collect();
        times.sort_by_key(|(_, time)| *time);
        let (winner, _) = times[0];
        let product = ProductKind::of(weights.format(), weights.n(), weights.k(), m, precision);
        lock(self.winners()).insert(product, winner);
        lock(self.ladders()).clear();
        Ok(Tuned {
            kernel: winner.name,
            times: times.into_iter().map(|(k, time)| (k.name, time)).collect(),
        })
    }

    /// The kernels that can multiply m rows by these weights here.
    #[cfg(not(target_arch = "wasm32"))]
    async fn subjects(
        &self,
        weights: &Weights,
        m: usize,
        precision: Precision,
    ) -> Result<Vec<(&'static Kernel, MatMul)>> {
        let format = weights.format();
        let fits = |k: &&Kernel| k.shape == Shape::Product && k.check(self.traits(), format, precision).is_ok();
        let mut subjects = Vec::new();
        let mut refused = None;
        for kernel in TABLE.iter().filter(fits) {
            let builder = MatMul::builder(self, weights, m).precision(precision);
            match builder.kernel(kernel.name).build_async().await {
                Ok(product) => subjects.push((kernel, product)),
                // It fits the device, but not with these numbers.
                Err(Error::DeviceLimit { .. }) => {}
                // The driver does not compile it; others may do.
                Err(e @ Error::Shader { .. }) => {
                    if self.is_first_refusal(kernel) {
                        log::warn!("{} takes no part in tuning: {e}", kernel.name);
                    }
                    refused = Some(e);
                }
                Err(e) => return Err(e),
            }
        }
        match refused {
            Some(e) if subjects.is_empty() => Err(e),
            _ => Ok(subjects),
        }
    }

    /// The time from submission to the end of `count` products.
    #[cfg(not(target_arch = "wasm32"))]
    async fn timed(&self, product: &MatMul, x: &Buffer, y: &Buffer, count: u32) -> Result<Duration> {
        let encoder = self.recorded(|pass| {
            let once = |_| product.encode(pass, x.slice(..), y.slice(..));
            (0..count).try_for_each(once)
        });
        let encoder = encoder.await?;
        let start = Instant::now();
        let submitted = self.scoped("tuning", || self.queue().submit([encoder.finish()]));
        self.done(Some(submitted.await?)).await?;
        Ok(start.elapsed())
    }

    /// The decisions of [`tune`](Gpu::tune) on this device so far, to be stored by the caller.
    pub fn decisions(&self) -> Decisions {
        lock(self.winners()).write(&self.decided_on())
    }

    /// Uses stored decisions as if their products had been tuned now; returns how many there are.
    ///
    /// # Errors
    /// [`Error::Decisions`] if they come from another device or driver.
    pub fn use_decisions(&self, decisions: &Decisions) -> Result<usize> {
        let read = Winners::read(decisions, &self.decided_on())?;
        let count = read.len();
        lock(self.winners()).extend(read);
        lock(self.ladders()).clear();
        Ok(count)
    }

    /// Writes [`decisions`](Gpu::decisions) to a file, which is replaced once the new one is complete: concurrent
    /// readers and writers each see one whole file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save_decisions(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let failed = Error::io(format!("writing decisions to {}", path.display()));
        replace(path, &[self.decisions().to_string().as_bytes()]).map_err(failed)
    }

    /// Reads such a file and [uses](Gpu::use_decisions) it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Decisions`] if the file comes from another device or driver, was cut or altered, or holds
    /// no decisions.
    pub fn load_decisions(&self, path: impl AsRef<Path>) -> Result<usize> {
        let path = path.as_ref();
        let failed = Error::io(format!("reading decisions from {}", path.display()));
        let text = std::fs::read_to_string(path).map_err(failed)?;
        self.use_decisions(&text.parse()?)
    }

    /// What a decision holds for: this device with this driver, in one line.
    pub(crate) fn decided_on(&self) -> String {
        let i = self.info();
        format!("{} | {} | {} | {:?}", i.name, i.driver, i.driver_info, i.backend).replace(['\n', '\r'], " ")
    }

    /// Compiles the kernels of products by `weights` for each m of `rows` on a thread of its own, so that
    /// [`MatMul::new`] finds them compiled. In browsers, which have no threads, await [`MatMul::new_async`] early
    /// instead.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn prewarm(&self, weights: &Weights, rows: &[usize], precision: Precision) -> JoinHandle<Result<()>> {
        let (gpu, weights, rows) = (self.clone(), weights.clone(), rows.to_vec());
        std::thread::spawn(move || {
            rows.into_iter()
                .try_for_each(|m| MatMul::new(&gpu, &weights, m, precision).map(drop))
        })
    }
}
