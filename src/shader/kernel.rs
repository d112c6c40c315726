//! What a kernel is: its files, what it needs and what it can do.

use super::caps::Caps;
use super::file::File;
use super::integers;
use super::needs::Needs;
use super::traits::Traits;
use super::tuning::{Tuning, one_invocation_a_part};
use crate::{Error, Format, Precision, Result};

/// What the third and later bindings of a kernel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// x and y of a product.
    Product,
    /// Indices of rows, and the rows.
    IndexedRows,
    /// A range of rows.
    AllRows,
    /// What the format made of its planes.
    Inspect,
}

/// One row of the table.
pub(crate) struct Kernel {
    pub name: &'static str,
    pub shape: Shape,
    /// Snippets of the kernel's own, then the kernel.
    pub text: &'static [File],
    pub needs: Needs,
    /// Whether workgroups can sum slices of k: the kernel asks for its range of parts.
    pub slices: bool,
    /// Whether it multiplies two bytes at a time.
    pub pairs: bool,
    /// Numbers printed into the shader, for a device and m rows of x.
    pub tuning: fn(&Traits, usize) -> Tuning,
}

impl Kernel {
    /// A product in f32 that needs nothing and can do nothing more: what a row of the table is unless it says
    /// otherwise.
    pub const PLAIN: Kernel = Kernel {
        name: "",
        shape: Shape::Product,
        text: &[],
        needs: Needs::NOTHING,
        slices: false,
        pairs: false,
        tuning: |_, _| one_invocation_a_part(),
    };

    /// Whether x is rounded to bytes before it.
    pub const fn takes_bytes(&self) -> bool {
        matches!(self.shape, Shape::Product) && matches!(self.needs.precision, Precision::I8)
    }

    /// Whether it calls `begin`, which makes levels ready.
    pub const fn begins(&self) -> bool {
        matches!(self.shape, Shape::Product)
    }

    /// Whether it can multiply by weights of this format on such a device, as precisely as is asked.
    pub fn check(&self, traits: &Traits, format: Format, precision: Precision) -> Result<()> {
        let missing = self.needs.caps - traits.caps;
        if !missing.is_empty() {
            return Err(Error::Feature {
                kernel: self.name.into(),
                missing: format!("{missing:?}"),
            });
        }
        if self.needs.precision != Precision::F32 && self.needs.precision != precision {
            return Err(Error::Precision {
                kernel: self.name.into(),
                needed: self.needs.precision,
                got: precision,
            });
        }
        let side = self.needs.matrices;
        if side != 0 && !traits.matrices.contains(&side) {
            return Err(Error::Feature {
                kernel: self.name.into(),
                missing: format!("f16 cooperative matrices of {side} x {side} x {side}"),
            });
        }
        self.check_codes(format)
    }

    /// Whether it can multiply by the codes of this format, on any device.
    pub fn check_codes(&self, format: Format) -> Result<()> {
        let family = format.family();
        let has_codes = !self.needs.codes || format.has_integers();
        let has_fields = self
            .needs
            .bits
            .is_none_or(|most| integers::field_bits(family).is_some_and(|bits| bits <= most));
        if !has_codes || !has_fields {
            return Err(Error::NoCodes {
                kernel: self.name.into(),
                format: format.to_string(),
            });
        }
        Ok(())
    }
}

/// A kernel of [`KERNELS`](crate::KERNELS), as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelInfo {
    /// What [`MatMulBuilder::kernel`](crate::MatMulBuilder::kernel), [`wgsl`](crate::wgsl) and logs call it.
    pub name: &'static str,
    /// Whether it multiplies; the other kernels decode.
    pub is_product: bool,
    /// The precision that a caller must allow: F32 kernels always may run, F16 and I8 kernels only where it is theirs.
    pub precision: Precision,
    /// The capabilities that a device must have.
    pub needs: Caps,
    /// The side of the square f16 matrices that the device must multiply and sum in f32, where it uses matrix units.
    pub matrix_side: Option<u32>,
    /// The most bits of a stored field that it multiplies, where that is limited.
    pub field_bits: Option<usize>,
    /// Whether it multiplies two bytes with one multiplication of words.
    pub pairs: bool,
    /// Whether workgroups can sum slices of k ([`MatMulBuilder::slices`](crate::MatMulBuilder::slices)).
    pub slices: bool,
}

impl KernelInfo {
    pub(super) const fn of(kernel: &Kernel) -> KernelInfo {
        KernelInfo {
            name: kernel.name,
            is_product: matches!(kernel.shape, Shape::Product),
            precision: kernel.needs.precision,
            needs: kernel.needs.caps,
            matrix_side: match kernel.needs.matrices {
                0 => None,
                side => Some(side),
            },
            field_bits: kernel.needs.bits,
            pairs: kernel.pairs,
            slices: kernel.slices,
        }
    }

    /// Whether it multiplies or decodes weights of this format, on a device that has what it needs: kernels of I8 want
    /// [integers](Format::has_integers).
    pub fn serves(&self, format: Format) -> bool {
        super::kernels::by_name(self.name).is_some_and(|kernel| kernel.check_codes(format).is_ok())
    }
}

/// The name.
impl std::fmt::Display for KernelInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name)
    }
}
