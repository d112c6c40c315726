//! Choosing by measurement: the kernels that can serve a product, timed on this device.

use super::decisions::{Decisions, Product};
use super::device::{lock, Gpu};
use super::kernels::{Kernel, Shape, TABLE};
use super::matmul::MatMul;
use super::weights::Weights;
use crate::{Error, Precision, Result};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wgpu::{Buffer, BufferDescriptor, BufferUsages, PollType};

/// What [`Gpu::tune`] found.
#[derive(Clone, Debug, PartialEq)]
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
    /// Times every kernel that can multiply `m` rows by `weights` on this device, and keeps the winner: from
    /// now on [`MatMul::new`] gives it to products of this format, n, k and precision whose m has the same
    /// next power of two. Takes well under a second on a card, plus compiling. The weights' values do not
    /// matter; their number does.
    ///
    /// # Errors
    /// Those of [`MatMul::new`] for any of the kernels; [`Error::Shader`] only where the driver refuses every one.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn tune(&self, weights: &Weights, m: usize, precision: Precision) -> Result<Tuned> {
        let format = weights.format();
        let fits = |k: &&Kernel| {
            k.shape == Shape::Product && k.check(self.traits(), format, precision).is_ok()
        };
        let mut subjects = Vec::new();
        let mut refused = None;
        for kernel in TABLE.iter().filter(fits) {
            let product = MatMul::with_kernel(self, weights, m, precision, kernel.name);
            match product {
                Ok(product) => subjects.push((kernel, product)),
                // It fits the device, but not with these numbers.
                Err(Error::DeviceLimit { .. }) => {}
                // The driver does not compile it; others may do.
                Err(e @ Error::Shader { .. }) => {
                    log::warn!("{} takes no part in tuning: {e}", kernel.name);
                    refused = Some(e);
                }
                Err(e) => return Err(e),
            }
        }
        if let (true, Some(e)) = (subjects.is_empty(), refused) {
            return Err(e);
        }
        let buffer = |floats: usize| {
            self.device().create_buffer(&BufferDescriptor {
                label: Some("tuning"),
                size: 4 * floats as u64,
                usage: BufferUsages::STORAGE,
                mapped_at_creation: false,
            })
        };
        let (x, y) = (buffer(m * weights.k()), buffer(m * weights.n()));
        let mut counts = Vec::new();
        for (_, product) in &subjects {
            // The first run compiles on some drivers; the second tells how many make a round.
            self.timed(product, &x, &y, 1)?;
            let once = self.timed(product, &x, &y, 1)?;
            counts.push(
                (ROUND.as_secs_f64() / once.as_secs_f64().max(1e-6)).clamp(1.0, 1000.0) as u32,
            );
        }
        let mut times = vec![Vec::new(); subjects.len()];
        for _ in 0..ROUNDS {
            for (i, (_, product)) in subjects.iter().enumerate() {
                times[i].push(self.timed(product, &x, &y, counts[i])? / counts[i]);
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
        let product = Product::of(format, weights.n(), weights.k(), m, precision);
        lock(self.decisions()).insert(product, winner);
        Ok(Tuned {
            kernel: winner.name,
            times: times.into_iter().map(|(k, time)| (k.name, time)).collect(),
        })
    }

    /// The time from submission to the end of `count` products.
    #[cfg(not(target_arch = "wasm32"))]
    fn timed(&self, product: &MatMul, x: &Buffer, y: &Buffer, count: u32) -> Result<Duration> {
        let mut encoder = self.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for _ in 0..count {
            product.encode(&mut pass, x.slice(..), y.slice(..))?;
        }
        drop(pass);
        let start = Instant::now();
        self.queue().submit([encoder.finish()]);
        match self.device().poll(PollType::wait_indefinitely()) {
            Ok(_) => Ok(start.elapsed()),
            Err(e) => Err(Error::DeviceLost(e.to_string())),
        }
    }

    /// Writes what [`tune`](Gpu::tune) has found so far to a small text file of the caller's.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save_decisions(&self, path: impl AsRef<Path>) -> Result<()> {
        let text = lock(self.decisions()).write(&self.decided_on());
        std::fs::write(path.as_ref(), text).map_err(|e| Error::Io {
            what: "writing decisions",
            message: format!("{}: {e}", path.as_ref().display()),
        })
    }

    /// Reads such a file, as if its products had been tuned now; returns how many it names.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Decisions`] where the file is of another device or driver, or no such file.
    pub fn load_decisions(&self, path: impl AsRef<Path>) -> Result<usize> {
        let text = std::fs::read_to_string(path.as_ref()).map_err(|e| Error::Io {
            what: "reading decisions",
            message: format!("{}: {e}", path.as_ref().display()),
        })?;
        let read = Decisions::read(&text, &self.decided_on())?;
        let count = read.len();
        lock(self.decisions()).extend(read);
        Ok(count)
    }

    /// What a decision holds for: this device with this driver, in one line.
    fn decided_on(&self) -> String {
        let i = self.info();
        format!(
            "{} | {} | {} | {:?}",
            i.name, i.driver, i.driver_info, i.backend
        )
        .replace(['\n', '\r'], " ")
    }

    /// Compiles what products by `weights` will need for each m of `rows`, on a thread of its own;
    /// [`MatMul::new`] then finds it ready. In browsers, where there are no threads, await
    /// [`MatMul::prepare`] early instead.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn prewarm(
        &self,
        weights: &Weights,
        rows: &[usize],
        precision: Precision,
    ) -> JoinHandle<Result<()>> {
        let (gpu, weights, rows) = (self.clone(), weights.clone(), rows.to_vec());
        std::thread::spawn(move || {
            rows.into_iter()
                .try_for_each(|m| MatMul::new(&gpu, &weights, m, precision).map(drop))
        })
    }
}
