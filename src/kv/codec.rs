//! The operations of a cache on one vector.

use super::options::{KvOptions, KvRotation, KvType};
use super::packing::{KvShader, RowPacking};
use super::{blocks, gaussian::derived, half_rows, kivi, turbo};
use crate::rotate::Orthogonal;
use crate::{Error, Result};
use std::sync::Arc;

/// A cache type prepared for vectors of d numbers: its rotation, codebook and projection, which several caches can
/// share. Cheap to clone.
#[derive(Clone)]
pub struct KvCodec {
    options: KvOptions,
    pub(super) rotation: Option<Arc<Orthogonal>>,
    pub(super) store: Store,
}

#[derive(Clone)]
pub(super) enum Store {
    Rows(Arc<dyn RowPacking>),
    Kivi(kivi::Settings),
}

impl KvCodec {
    /// Creates the tables and matrices.
    ///
    /// # Errors
    /// [`Error::Block`] where d is not a multiple of the type's block of 32, [`Error::Argument`] where the type does
    /// not support the bits, group, residual or d, or no Hadamard matrix with d rows is available.
    pub fn new(options: KvOptions) -> Result<KvCodec> {
        let KvOptions { kind, d, seed, .. } = options;
        if d == 0 || d > 1 << 16 {
            return Err(Error::argument("d, the numbers of a cached vector,", "1 to 65536", d));
        }
        let store = match kind {
            KvType::F16 => Store::Rows(Arc::new(half_rows::Halves { d })),
            KvType::Q8_0 => Store::Rows(Arc::new(blocks::BlockRows::new(8, d)?)),
            KvType::Q4_0 => Store::Rows(Arc::new(blocks::BlockRows::new(4, d)?)),
            KvType::Kivi {
                bits,
                group,
                residual,
                side,
            } => Store::Kivi(kivi::Settings::new(d, bits, group, residual, side)?),
            KvType::TurboMse { bits } => Store::Rows(Arc::new(turbo::TurboMse::new(d, bits)?)),
            KvType::TurboProd { bits } => Store::Rows(Arc::new(turbo::TurboProd::new(d, bits, derived(seed))?)),
        };
        let rotation = match options.rotation {
            KvRotation::None => None,
            KvRotation::Hadamard => Some(Arc::new(Orthogonal::hadamard(d, seed)?)),
            KvRotation::Haar => Some(Arc::new(Orthogonal::haar(d, seed)?)),
        };
        Ok(KvCodec {
            options,
            rotation,
            store,
        })
    }

    /// The options.
    pub fn options(&self) -> KvOptions {
        self.options
    }

    /// The numbers of a vector.
    pub fn d(&self) -> usize {
        self.options.d
    }

    /// The bits of a packed number, scales and norms included; for KIVI, of a number outside the f16 window.
    pub fn bits_per_element(&self) -> f64 {
        match &self.store {
            Store::Rows(packing) => 32.0 * packing.words() as f64 / self.d() as f64,
            Store::Kivi(settings) => settings.bits_per_element(),
        }
    }

    /// P(Π q).
    pub(super) fn prepare(&self, q: &[f32], prepared: &mut [f32]) {
        let mut q = q.to_vec();
        if let Some(rotation) = &self.rotation {
            rotation.apply(&mut q);
        }
        match &self.store {
            Store::Rows(packing) => packing.prepare(&q, prepared),
            Store::Kivi(_) => prepared.copy_from_slice(&q),
        }
    }

    /// Turns a sum of levels into a vector.
    pub(super) fn finish(&self, mut sum: Vec<f64>, y: &mut [f32]) {
        if let Store::Rows(packing) = &self.store {
            packing.finish(&mut sum);
        }
        sum.truncate(y.len());
        if let Some(rotation) = &self.rotation {
            rotation.apply_transposed(&mut sum);
        }
        for (y, sum) in y.iter_mut().zip(sum) {
            *y = sum as f32;
        }
    }

    /// Numbers of a prepared query and of levels.
    pub(crate) fn width(&self) -> usize {
        match &self.store {
            Store::Rows(packing) => packing.width(),
            Store::Kivi(_) => self.d(),
        }
    }

    /// The rotation, for the device.
    pub(crate) fn rotation(&self) -> Option<&Orthogonal> {
        self.rotation.as_deref()
    }

    /// Words of a packed vector; `None` for KIVI, which packs vectors together.
    pub(crate) fn row_words(&self) -> Option<usize> {
        match &self.store {
            Store::Rows(packing) => Some(packing.words()),
            Store::Kivi(_) => None,
        }
    }

    /// Words of a cache of `capacity` vectors on the device.
    pub(crate) fn device_words(&self, capacity: usize) -> usize {
        match &self.store {
            Store::Rows(packing) => capacity.saturating_mul(packing.words()),
            Store::Kivi(settings) => settings.device_words(capacity),
        }
    }

    /// For KIVI, the number of workgroups that pack vectors leaving the f16 window when `rows` are appended to `len`.
    pub(crate) fn packed_together(&self, len: usize, rows: usize) -> Option<usize> {
        match &self.store {
            Store::Rows(_) => None,
            Store::Kivi(settings) => {
                let more = settings.packed(len + rows) - settings.packed(len);
                Some(more / settings.step())
            }
        }
    }

    pub(crate) fn shader(&self) -> KvShader {
        match &self.store {
            Store::Rows(packing) => {
                let mut shader = packing.shader();
                shader.consts.push(("ROW_WORDS", packing.words() as u32));
                shader
            }
            Store::Kivi(settings) => settings.shader(),
        }
    }
}

impl std::fmt::Debug for KvCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KvCodec({:?})", self.options)
    }
}
