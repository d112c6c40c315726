//! Products whose weights the GPU chooses: a mixture of experts.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::sequence::{Sequence, Steps, Wire};
use crate::gpu::dispatch::small::InAndOut;
use crate::gpu::product::builder::{MatMulBuilder, after_refusal};
use crate::gpu::product::make::{Product, X, Y, encode};
use crate::gpu::product::matmul::MatMul;
use crate::gpu::product::plan::{Arrangement, check_rows};
use crate::setters::setters;
use crate::shader::axes::Axis;
use crate::shader::kernels::Kernel;
use crate::shader::small::grouping;
use crate::{Error, Precision, Result};
use bytemuck::{Pod, Zeroable};
use wgpu::{BufferSlice, BufferUsages, ComputePass};

/// How the experts of a layer are stored and chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Experts {
    /// Experts in the packed matrix: each has n rows, and they are stored one below the other.
    pub count: usize,
    /// Experts that each token goes to.
    pub per_token: usize,
    /// Whether the experts of a token share one row of x (x is [tokens, k]), or each has a row of its own (x is
    /// [tokens, per_token, k], as for down projections).
    pub shared_inputs: bool,
    /// Whether tokens are grouped by expert first, so that an expert's weights are read once for many;
    /// `None` lets lowbit decide: it groups if there are more choices than experts.
    pub grouped: Option<bool>,
}

impl Experts {
    /// `count` experts; each token goes to `per_token` of them, and they share its row of x.
    pub fn new(count: usize, per_token: usize) -> Experts {
        Experts {
            count,
            per_token,
            shared_inputs: true,
            grouped: None,
        }
    }
}

setters!(Experts {
    with_shared_inputs: shared_inputs: bool,
    with_grouped: grouped: Option<bool>,
});

/// A compiled product whose weights are chosen by ids in GPU memory:
/// `y[t, c, n] = Σ_k x[t, k] · w[ids[t, c], n, k]`.
///
/// Few tokens take one dispatch; tokens grouped by expert take two. Nothing is read back, so the GPU cannot report an id
/// out of range: its row of y becomes NaN.
///
/// ```no_run
/// # use lowbit::{wgpu, Epilogue, Experts, Gpu, MatMul, Result, Weights};
/// # fn f(gpu: &Gpu, down: &Weights, pass: &mut wgpu::ComputePass, ids: &wgpu::Buffer, x: &wgpu::Buffer,
/// #      y: &wgpu::Buffer, routing: &wgpu::Buffer) -> Result<()> {
/// // Each token goes to 8 of 64 experts, and x is [tokens, 8, k].
/// let experts = Experts::new(64, 8).with_shared_inputs(false);
/// let product = MatMul::builder(gpu, down, 512) // 512 tokens
///     .epilogue(Epilogue::RowScale)
///     .build_experts(experts)?;
/// product.encode_with(pass, ids.slice(..), x.slice(..), y.slice(..), &[routing.slice(..)])
/// # }
/// ```
pub struct ExpertMatMul {
    product: Product,
    /// Groups tokens by expert, then multiplies; without it the product reads the ids themselves.
    grouped: Option<Sequence>,
    tokens: usize,
    experts: Experts,
    precision: Precision,
}

/// Which rows of y there are, and how they find their experts.
#[derive(Clone, Copy)]
struct Routing {
    experts: Experts,
    /// Rows of y.
    slots: usize,
    grouped: bool,
    /// Rows of x that an expert is multiplied by, on the average.
    typical_m: usize,
}

/// `Params` of `shaders/kernels/group_rows.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct GroupParams {
    members: u32,
    slots: u32,
    tiles: u32,
    padding: u32,
}

impl ExpertMatMul {
    /// Chooses and compiles kernels for `tokens` tokens.
    ///
    /// # Errors
    /// Those of [`MatMulBuilder::build`]; [`Error::Argument`] for no experts, [`Error::Part`] where they do not divide
    /// the rows of the weights, [`Error::TooLarge`] where x or y exceed one binding.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(
        gpu: &Gpu,
        weights: &Weights,
        experts: Experts,
        tokens: usize,
        precision: Precision,
    ) -> Result<ExpertMatMul> {
        pollster::block_on(ExpertMatMul::new_async(gpu, weights, experts, tokens, precision))
    }

    /// The async form of [`new`](Self::new).
    ///
    /// # Errors
    /// Those of `new`.
    pub async fn new_async(
        gpu: &Gpu,
        weights: &Weights,
        experts: Experts,
        tokens: usize,
        precision: Precision,
    ) -> Result<ExpertMatMul> {
        let builder = MatMul::builder(gpu, weights, tokens).precision(precision);
        builder.build_experts_async(experts).await
    }

    /// The name of the kernel that was chosen.
    pub fn kernel(&self) -> &str {
        self.product.kernel.name
    }

    /// Tokens: rows of ids.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// How the experts are stored and chosen.
    pub fn experts(&self) -> Experts {
        self.experts
    }

    /// Whether tokens are grouped by expert before the product.
    pub fn is_grouped(&self) -> bool {
        self.grouped.is_some()
    }

    /// The precision that it was built with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The matrices that it multiplies by.
    pub fn weights(&self) -> &Weights {
        &self.product.weights
    }

    /// Records it into the caller's pass: `ids` holds [tokens, per_token] u32, `x` holds [tokens, k] or
    /// [tokens, per_token, k] numbers, `y` receives [tokens, per_token, n]. Otherwise like [`MatMul::encode`].
    ///
    /// # Errors
    /// Those of [`MatMul::encode`].
    pub fn encode(&self, pass: &mut ComputePass, ids: BufferSlice, x: BufferSlice, y: BufferSlice) -> Result<()> {
        self.encode_with(pass, ids, x, y, &[])
    }

    /// Like [`encode`](Self::encode), with operands of epilogues as in [`MatMul::encode_with`].
    ///
    /// # Errors
    /// Those of [`MatMul::encode_with`].
    pub fn encode_with(
        &self,
        pass: &mut ComputePass,
        ids: BufferSlice,
        x: BufferSlice,
        y: BufferSlice,
        operands: &[BufferSlice],
    ) -> Result<()> {
        let sequence = self.grouped.as_ref().unwrap_or(&self.product.sequence);
        encode(sequence, pass, &[x, y, ids], operands, usize::MAX)
    }
}

impl std::fmt::Debug for ExpertMatMul {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kernel, tokens, w) = (self.kernel(), self.tokens, self.weights());
        let (format, n, k) = (w.format(), w.n(), w.k());
        let Experts { count, per_token, .. } = self.experts;
        write!(
            f,
            "ExpertMatMul({kernel}, {format} [{n}, {k}], {per_token} of {count} experts, {tokens} tokens)"
        )
    }
}

impl MatMulBuilder<'_> {
    /// Chooses and compiles a product by experts; `m` is the number of tokens.
    ///
    /// # Errors
    /// Those of [`build`](MatMulBuilder::build); [`Error::Argument`] for no experts, [`Error::Part`] where they do not
    /// divide the rows of the weights, or slices are asked, [`Error::TooLarge`] where x or y exceed one binding.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn build_experts(self, experts: Experts) -> Result<ExpertMatMul> {
        pollster::block_on(self.build_experts_async(experts))
    }

    /// The async form of [`build_experts`](Self::build_experts).
    ///
    /// # Errors
    /// Those of `build_experts`.
    pub async fn build_experts_async(self, experts: Experts) -> Result<ExpertMatMul> {
        for (what, got) in [("experts", experts.count), ("experts of a token", experts.per_token)] {
            if got == 0 {
                return Err(Error::argument(what, "at least 1", got));
            }
        }
        let slots = self.m.saturating_mul(experts.per_token);
        check_rows(slots, self.weights.k())?;
        let grouped = experts.grouped.unwrap_or(slots > experts.count);
        let typical_m = match grouped {
            true => slots.div_ceil(experts.count),
            false => 1,
        };
        let routing = Routing {
            experts,
            slots,
            grouped,
            typical_m,
        };
        let (mut kernel, mut others) = self.candidates(typical_m)?;
        loop {
            let made = self.route(kernel, routing).await;
            match after_refusal(self.gpu, &made, kernel, &mut others) {
                Some(next) => kernel = next,
                None => return made,
            }
        }
    }

    /// Compiles it with this kernel.
    async fn route(&self, kernel: &'static Kernel, routing: Routing) -> Result<ExpertMatMul> {
        let (tokens, precision) = (self.m, self.precision);
        let Routing {
            experts,
            slots,
            grouped,
            typical_m,
        } = routing;
        // Groups are padded to whole tiles: each but the first row of a group may need one more.
        let tile_m = (kernel.tuning)(self.gpu.traits(), typical_m).tile_m as usize;
        let most_groups = slots.min(experts.count.saturating_add(1));
        let tiles = most_groups + (slots - most_groups) / tile_m;
        let arrangement = Arrangement {
            axis: match grouped {
                true => Axis::Grouped,
                false => Axis::Experts,
            },
            members: experts.count,
            x_rows: match experts.shared_inputs {
                true => tokens,
                false => slots,
            },
            y_rows: slots,
            m: match grouped {
                true => tiles * tile_m,
                false => 1,
            },
            depth: match grouped {
                true => 1,
                false => slots,
            },
            typical_m,
        };
        let product = self.product(kernel, arrangement).await?;
        let grouped = match grouped {
            true => Some(group(&product, routing, tiles, tile_m).await?),
            false => None,
        };
        Ok(ExpertMatMul {
            product,
            grouped,
            tokens,
            experts,
            precision,
        })
    }
}

/// A product with the dispatch before it that groups tokens by expert.
async fn group(product: &Product, routing: Routing, tiles: usize, tile_m: usize) -> Result<Sequence> {
    let gpu = product.weights.gpu();
    let (slots, experts) = (routing.slots, routing.experts.count);
    let bytes = 4 * (tiles + tiles * tile_m) as u64;
    let params = GroupParams {
        members: experts as u32,
        slots: slots as u32,
        tiles: tiles as u32,
        padding: 0,
    };
    let grouping = InAndOut {
        shader: grouping(tile_m as u32),
        params,
        own: &[],
        bytes: [4 * slots as u64, bytes],
        workgroups: 1,
    };
    let groups = gpu.buffer("groups of tokens", bytes, BufferUsages::STORAGE).await?;
    let mut steps = Steps::default();
    let groups = steps.scratch(&groups);
    steps.push(grouping.dispatch(gpu).await?, vec![IDS, groups]);
    let operands = 3..product.sequence.args().len();
    let wires: Vec<_> = [X, Y, groups].into_iter().chain(operands.map(Wire::Arg)).collect();
    steps.extend(&product.sequence, &wires);
    Ok(Sequence::new(gpu, product.sequence.args(), steps))
}

/// The third argument of a product by experts.
const IDS: Wire = Wire::Arg(2);
