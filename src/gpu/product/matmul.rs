//! A product on the device.

use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::range::BufferRange;
use crate::gpu::product::bound::Bound;
use crate::gpu::product::ladder::Ladder;
use crate::gpu::product::make::{Product, encode, with_operands};
use crate::{Error, Precision, Result};
use std::sync::Arc;
use wgpu::{BufferSlice, ComputePass};

/// A compiled product: `y[m, n] = Σ_k x[m, k] · w[n, k]` for one matrix and one m, or with
/// [`each_m`](crate::MatMulBuilder::each_m) any up to it, with its kernel chosen. Recording it submits nothing and
/// allocates no GPU memory.
pub struct MatMul {
    kernels: Arc<Kernels>,
    m: usize,
    precision: Precision,
}

/// The kernels of a product: one, or one for each rung of a ladder.
pub(crate) struct Kernels {
    pub products: Vec<Product>,
    ladder: Option<Arc<Ladder>>,
}

impl Kernels {
    /// The number of the kernel for so many rows.
    pub fn rung(&self, rows: usize) -> usize {
        self.ladder.as_ref().map_or(0, |ladder| ladder.rung(rows))
    }

    /// Whether it may be recorded for so many rows, at most `m`.
    pub fn check_rows(&self, rows: usize, m: usize) -> Result<()> {
        match &self.ladder {
            Some(_) if (1..=m).contains(&rows) => Ok(()),
            Some(_) => Err(Error::argument("rows", &format!("1 to {m}"), rows)),
            None if rows == m => Ok(()),
            None => Err(Error::argument("rows", &format!("{m} without `each_m`"), rows)),
        }
    }
}

impl MatMul {
    pub(crate) fn new_of(
        products: Vec<Product>,
        ladder: Option<Arc<Ladder>>,
        m: usize,
        precision: Precision,
    ) -> MatMul {
        let kernels = Arc::new(Kernels { products, ladder });
        MatMul { kernels, m, precision }
    }

    pub(crate) fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// The product of all its rows.
    pub(crate) fn product(&self) -> &Product {
        self.product_of(self.m)
    }

    pub(crate) fn product_of(&self, rows: usize) -> &Product {
        &self.kernels.products[self.kernels.rung(rows)]
    }

    /// The name of the kernel that was chosen; with `each_m` for all its rows.
    pub fn kernel(&self) -> &str {
        self.product().kernel.name
    }

    /// The name of the kernel for `rows` rows.
    ///
    /// # Errors
    /// Those of [`encode_rows`](Self::encode_rows) about `rows`.
    pub fn kernel_of(&self, rows: usize) -> Result<&str> {
        self.kernels.check_rows(rows, self.m)?;
        Ok(self.product_of(rows).kernel.name)
    }

    /// Rows of x and y; in a batch, of each product.
    pub fn m(&self) -> usize {
        self.m
    }

    /// Slices of k that are summed separately; 1 unless the product has few tiles.
    pub fn slices(&self) -> usize {
        self.product().slices
    }

    /// The precision that it was built with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Dispatches of the kernel in one recording: more than one if limits, or the time that one dispatch may take,
    /// require it.
    pub fn dispatches(&self) -> usize {
        self.product().dispatches
    }

    /// The matrix that it multiplies by.
    pub fn weights(&self) -> &Weights {
        &self.product().weights
    }

    /// Records the product into the caller's pass: `x` holds m rows of k f32, `y` receives m rows of n. Both need
    /// `BufferUsages::STORAGE`, an offset that is a multiple of the device's `min_storage_buffer_offset_alignment`, and
    /// buffers of their own.
    ///
    /// Sets the pass's pipeline and bind group 0. Bind groups for the last 16 pairs of buffers are
    /// kept, and keep those buffers alive as long as this object.
    ///
    /// # Errors
    /// [`Error::Binding`], [`Error::Alignment`], [`Error::Usage`], [`Error::Aliased`]; nothing is
    /// recorded then.
    pub fn encode(&self, pass: &mut ComputePass, x: BufferSlice, y: BufferSlice) -> Result<()> {
        self.encode_with(pass, x, y, &[])
    }

    /// Like [`encode`](Self::encode), with a buffer for each epilogue that has an operand, in the order in which the
    /// epilogues were added. The requirements are those of `x`.
    ///
    /// # Errors
    /// Those of `encode`; [`Error::Part`] if there are more or fewer operands.
    pub fn encode_with(
        &self,
        pass: &mut ComputePass,
        x: BufferSlice,
        y: BufferSlice,
        operands: &[BufferSlice],
    ) -> Result<()> {
        self.encode_rows_with(pass, x, y, operands, self.m)
    }

    /// Records the product of the first `rows` rows of `x`, which may be any number up to [`m`](Self::m) where it was
    /// built with [`each_m`](crate::MatMulBuilder::each_m): with the kernel for that many, and buffers that need hold no
    /// more. Otherwise like [`encode`](Self::encode).
    ///
    /// ```no_run
    /// # use lowbit::{wgpu, Gpu, MatMul, Result, Weights};
    /// # fn f(gpu: &Gpu, weights: &Weights, pass: &mut wgpu::ComputePass, x: &wgpu::Buffer, y: &wgpu::Buffer) -> Result<()> {
    /// let product = MatMul::builder(gpu, weights, 512).each_m().build()?;
    /// product.encode_rows(pass, x.slice(..), y.slice(..), 37)?; // a prompt
    /// product.encode_rows(pass, x.slice(..), y.slice(..), 1) // a token
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of `encode`; [`Error::Argument`] for 0 rows, more than m, or without `each_m` others than m.
    pub fn encode_rows(&self, pass: &mut ComputePass, x: BufferSlice, y: BufferSlice, rows: usize) -> Result<()> {
        self.encode_rows_with(pass, x, y, &[], rows)
    }

    /// Like [`encode_rows`](Self::encode_rows), with a buffer for each epilogue that has an operand.
    ///
    /// # Errors
    /// Those of `encode_rows` and of [`encode_with`](Self::encode_with).
    pub fn encode_rows_with(
        &self,
        pass: &mut ComputePass,
        x: BufferSlice,
        y: BufferSlice,
        operands: &[BufferSlice],
        rows: usize,
    ) -> Result<()> {
        self.kernels.check_rows(rows, self.m)?;
        encode(&self.product_of(rows).sequence, pass, &[x, y], operands, rows)
    }

    /// Binds buffers, for recordings that check and look up nothing. With [`each_m`](crate::MatMulBuilder::each_m) the
    /// buffers may have room for fewer rows than m; the recordings then take no more.
    ///
    /// # Errors
    /// Those of [`encode_with`](Self::encode_with).
    pub fn bind(&self, x: BufferSlice, y: BufferSlice, operands: &[BufferSlice]) -> Result<Bound> {
        let mut rows = self.m;
        let mut groups = Vec::new();
        for Product { sequence, .. } in &self.kernels.products {
            groups.push(with_operands(sequence, &[x, y], operands, |all| {
                rows = rows.min(sequence.rows_of(all).max(1));
                sequence.check(all, rows)?;
                sequence.bind_once(all.iter().map(|slice| BufferRange::from(*slice)))
            })?);
        }
        Ok(Bound::new(self.kernels.clone(), groups, rows))
    }
}

impl std::fmt::Debug for MatMul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kernel, m, w) = (self.kernel(), self.m, self.weights());
        let (format, n, k) = (w.format(), w.n(), w.k());
        write!(f, "MatMul({kernel}, {format} [{n}, {k}], m = {m})")
    }
}
