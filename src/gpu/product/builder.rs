//! A product with everything that can be asked of one.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::lock::lock;
use crate::gpu::device::pipelines::fits;
use crate::gpu::device::weights::Weights;
use crate::gpu::product::make::{Prepared, Product};
use crate::gpu::product::matmul::MatMul;
use crate::gpu::product::plan::{Arrangement, ProductPlan, Request, Sizes, WeightsShape, plan};
use crate::shader::axes::{Axes, Axis, FloatType};
use crate::shader::choose::{integers_pay, ladder};
use crate::shader::compose::unknown;
use crate::shader::decisions;
use crate::shader::epilogue::Epilogue;
use crate::shader::kernels::{self, Kernel};
use crate::shader::source::Source;
use crate::{Error, InputScale, Precision, Result};
use std::sync::Arc;

/// Options of a product, made by [`MatMul::builder`]. The defaults are those of [`MatMul::new`].
///
/// ```no_run
/// # use lowbit::{wgpu, Epilogue, FloatType, Gpu, MatMul, Result, Weights};
/// # fn f(gpu: &Gpu, up: &Weights, pass: &mut wgpu::ComputePass, x: &wgpu::Buffer, y: &wgpu::Buffer,
/// #      bias: &wgpu::Buffer, gate: &wgpu::Buffer) -> Result<()> {
/// let product = MatMul::builder(gpu, up, 1)
///     .inputs(FloatType::F16)
///     .epilogue(Epilogue::Bias)
///     .epilogue(Epilogue::SiluGate)
///     .build()?;
/// product.encode_with(pass, x.slice(..), y.slice(..), &[bias.slice(..), gate.slice(..)])
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MatMulBuilder<'a> {
    pub(crate) gpu: &'a Gpu,
    pub(crate) weights: &'a Weights,
    pub(crate) m: usize,
    pub(crate) precision: Precision,
    pub(crate) kernel: Option<String>,
    pub(crate) inputs: FloatType,
    pub(crate) outputs: FloatType,
    pub(crate) epilogues: Vec<Epilogue>,
    pub(crate) slices: Option<usize>,
    pub(crate) batch: usize,
    each_m: bool,
    pub(crate) input_scale: InputScale,
    pub(crate) edit: Option<Edit<'a>>,
}

/// A change to the text of a kernel: how tests prove that they would see a broken shader.
#[derive(Clone)]
pub(crate) struct Edit<'a>(pub Arc<dyn Fn(&str) -> String + Send + Sync + 'a>);

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Edit")
    }
}

impl MatMul {
    /// Chooses and compiles a kernel for `m` rows of inputs: [`builder`](MatMul::builder) with a precision and nothing
    /// else.
    ///
    /// # Errors
    /// [`Error::OtherDevice`] where `gpu` is not the one that holds the weights,
    /// [`Error::Length`] where `m` is 0, [`Error::TooLarge`] where 64 rows of x or y are larger
    /// than a binding may be, or all of them than a buffer, [`Error::Shader`] where the driver refuses the kernel.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(gpu: &Gpu, weights: &Weights, m: usize, precision: Precision) -> Result<MatMul> {
        MatMul::builder(gpu, weights, m).precision(precision).build()
    }

    /// The async form of [`new`](Self::new).
    ///
    /// # Errors
    /// Those of `new`.
    pub async fn new_async(gpu: &Gpu, weights: &Weights, m: usize, precision: Precision) -> Result<MatMul> {
        MatMul::builder(gpu, weights, m)
            .precision(precision)
            .build_async()
            .await
    }

    /// A product for `m` rows of inputs with options: precision, kernel, types of x and y, epilogues, batches, slices.
    pub fn builder<'a>(gpu: &'a Gpu, weights: &'a Weights, m: usize) -> MatMulBuilder<'a> {
        MatMulBuilder::new(gpu, weights, m)
    }
}

impl<'a> MatMulBuilder<'a> {
    pub(crate) fn new(gpu: &'a Gpu, weights: &'a Weights, m: usize) -> MatMulBuilder<'a> {
        MatMulBuilder {
            gpu,
            weights,
            m,
            precision: Precision::F32,
            kernel: None,
            inputs: FloatType::F32,
            outputs: FloatType::F32,
            epilogues: Vec::new(),
            slices: None,
            batch: 1,
            each_m: false,
            input_scale: InputScale::Run,
            edit: None,
        }
    }

    /// What may be rounded; [`Precision::F32`] by default.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The scale by which [`Precision::I8`] rounds inputs.
    pub fn input_scale(mut self, scale: InputScale) -> Self {
        self.input_scale = scale;
        self
    }

    /// The product kernel of this name ([`KERNELS`](crate::KERNELS)). `build` then fails with
    /// [`Error::Unknown`] where no product kernel has this name, [`Error::DeviceLimit`] and [`Error::Feature`]
    /// where this device cannot run it, [`Error::Precision`] where it rounds more than the precision allows,
    /// [`Error::NoCodes`] where it cannot serve the format.
    pub fn kernel(mut self, name: &str) -> Self {
        self.kernel = Some(name.into());
        self
    }

    /// The type of x. f16 needs no feature of the device.
    pub fn inputs(mut self, inputs: FloatType) -> Self {
        self.inputs = inputs;
        self
    }

    /// The type of y and of epilogues' operands of its shape. f16 needs `Features::SHADER_F16`; what
    /// exceeds its range becomes infinite.
    pub fn outputs(mut self, outputs: FloatType) -> Self {
        self.outputs = outputs;
        self
    }

    /// Adds an epilogue. It is applied to each output after those that were added before. An epilogue with an operand
    /// or a constant can be added once, and one of the gates.
    pub fn epilogue(mut self, epilogue: Epilogue) -> Self {
        self.epilogues.push(epilogue);
        self
    }

    /// Splits k into this many slices (each a multiple of 256, so there may be fewer), summed by workgroups of their
    /// own; a second dispatch adds the slices in a fixed order. 1 means a single dispatch. By default lowbit decides.
    pub fn slices(mut self, slices: usize) -> Self {
        self.slices = Some(slices);
        self
    }

    /// A batch of products: the packed matrix holds `batch` matrices of n rows, one below the other; x is
    /// [batch, m, k] and y is [batch, m, n].
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// Prepares kernels for every m up to that of the builder, so that
    /// [`encode_rows`](MatMul::encode_rows) can take any number of rows without compiling or allocating anything for it.
    /// Compiles several kernels, which products by other weights of the same format and shape share; takes 256 bytes of
    /// device memory a row, shared in the same way. Not for batches.
    pub fn each_m(mut self) -> Self {
        self.each_m = true;
        self
    }

    /// Chooses and compiles the kernel. If the driver refuses its shader, the next best kernel is used, with a warning
    /// in the log, unless the kernel was named.
    ///
    /// # Errors
    /// Those of [`MatMul::new`] and, where a kernel was named, [`kernel`](MatMulBuilder::kernel);
    /// [`Error::Feature`] for f16 outputs without the feature, [`Error::DeviceLimit`] where operands make
    /// more storage buffers than the device binds (four, a fifth for the table of a lattice
    /// or codebook format, one for each operand; WebGPU has 8), [`Error::Part`] for a batch that does not divide the rows
    /// of the weights, an operand asked twice, slices of a kernel that has none, [`Error::TooLarge`] for a
    /// batch or slices larger than a binding; [`Error::Argument`] for a batch of 0, an invalid static scale.
    ///
    #[cfg(not(target_arch = "wasm32"))]
    pub fn build(self) -> Result<MatMul> {
        pollster::block_on(self.build_async())
    }

    /// The async form of [`build`](Self::build).
    ///
    /// # Errors
    /// Those of `build`.
    pub async fn build_async(self) -> Result<MatMul> {
        let (m, batch) = (self.m, self.batch);
        if batch == 0 {
            return Err(Error::argument("batch", "at least 1", batch));
        }
        if self.each_m {
            return self.build_each_m().await;
        }
        let arrangement = match batch {
            1 => Arrangement::one(m),
            _ => Arrangement {
                axis: Axis::Batched,
                members: batch,
                x_rows: batch.saturating_mul(m),
                y_rows: batch.saturating_mul(m),
                depth: batch,
                ..Arrangement::one(m)
            },
        };
        let (mut kernel, mut others) = self.candidates(m)?;
        loop {
            let made = self.product(kernel, arrangement).await;
            match after_refusal(self.gpu, &made, kernel, &mut others) {
                Some(next) => kernel = next,
                None => return made.map(|product| MatMul::new_of(vec![product], None, m, self.precision)),
            }
        }
    }

    /// Plans and compiles it with this kernel.
    pub(crate) async fn product(&self, kernel: &'static Kernel, arrangement: Arrangement) -> Result<Product> {
        self.check()?;
        let plan = self.plan(kernel, arrangement, false)?;
        let around = self.around(kernel.takes_bytes(), arrangement.x_rows, false).await?;
        let prepared = Prepared::new(self.weights, kernel, plan, |source| self.edit(source)).await?;
        Product::new(self.weights, &prepared, around).await
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !self.gpu.is(self.weights.gpu()) {
            return Err(Error::OtherDevice);
        }
        self.input_scale.check()
    }

    pub(crate) fn plan(&self, kernel: &'static Kernel, arrangement: Arrangement, each_m: bool) -> Result<ProductPlan> {
        let (gpu, weights) = (self.gpu, self.weights);
        let offset = self.input_scale.offset().filter(|_| kernel.takes_bytes());
        let axes = Axes {
            axis: arrangement.axis,
            inputs: self.inputs,
            outputs: self.outputs,
            zero_point: offset.is_some(),
            epilogues: self.epilogues.clone(),
            slices: 1,
        };
        check_features(gpu, kernel, &axes)?;
        let slabs: Vec<usize> = weights.slabs().iter().map(|slab| slab.rows).collect();
        plan(Request {
            kernel,
            shape: WeightsShape {
                n: weights.n(),
                k: weights.k(),
                slabs: &slabs,
            },
            arrangement,
            axes,
            slices: self.slices,
            each_m,
            traits: gpu.traits(),
            sizes: Sizes {
                binding: gpu.max_binding(),
                buffer: gpu.limits().max_buffer_size,
            },
        })
    }

    pub(crate) fn edit(&self, source: &mut Source) {
        if let Some(Edit(edit)) = &self.edit {
            source.text = edit(&source.text);
            source.name = format!("edited {}", source.name);
        }
    }

    /// The best kernel for m rows, and others for where the driver refuses its shader, best first. One that was
    /// named has no others.
    pub(crate) fn candidates(&self, m: usize) -> Result<(&'static Kernel, Others)> {
        let (traits, format) = (self.gpu.traits(), self.weights.format());
        // Halves are not rounded further.
        let precision = match (self.inputs, self.precision) {
            (FloatType::F16, Precision::I8) => Precision::F16,
            (_, precision) => precision,
        };
        if let Some(name) = &self.kernel {
            let kernel = product(name)?;
            kernel.check(traits, format, precision)?;
            return Ok((kernel, Vec::new().into_iter()));
        }
        let (n, k) = (self.weights.n(), self.weights.k());
        let kind = decisions::ProductKind::of(format, n, k, m, precision);
        let decided = lock(self.gpu.winners()).get(&kind);
        let decided = decided.filter(|kernel| self.can_use(kernel, m, precision));
        // A caller who names a scale wants inputs rounded by it, whether that is faster or not.
        let either = self.input_scale == InputScale::Run;
        let precision = match precision {
            Precision::I8 if either && !integers_pay(traits, format, m) => Precision::F32,
            precision => precision,
        };
        let mut kernels = ladder(traits, format, m, precision);
        if !either && kernels[0].takes_bytes() {
            kernels.retain(|kernel| kernel.takes_bytes());
        }
        let best = decided.unwrap_or(kernels[0]);
        kernels.retain(|kernel| kernel.name != best.name && self.fits(kernel, m));
        Ok((best, kernels.into_iter()))
    }
}

impl MatMulBuilder<'_> {
    /// Whether a kernel that was measured for other products of the kind can do what is asked of this one: a feature
    /// may have been switched off since, limits may be those of a smaller device, and a scale or slices that are
    /// named must be had.
    fn can_use(&self, kernel: &Kernel, m: usize, precision: Precision) -> bool {
        let (traits, format) = (self.gpu.traits(), self.weights.format());
        let named_scale = precision == Precision::I8 && self.input_scale != InputScale::Run;
        kernel.check(traits, format, precision).is_ok()
            && self.fits(kernel, m)
            && (!named_scale || kernel.takes_bytes())
    }

    /// Whether it is within the device's limits, and slices k where that is asked.
    fn fits(&self, kernel: &Kernel, m: usize) -> bool {
        let sliced = self.slices.is_some_and(|slices| slices > 1);
        fits(&(kernel.tuning)(self.gpu.traits(), m), self.gpu.limits()) && (!sliced || kernel.slices)
    }
}

/// Kernels to try where the best one is refused.
pub(crate) type Others = std::vec::IntoIter<&'static Kernel>;

/// The kernel to try next, where the driver refused a shader of what was to be made with this one.
pub(crate) fn after_refusal<T>(
    gpu: &Gpu,
    made: &Result<T>,
    kernel: &'static Kernel,
    others: &mut Others,
) -> Option<&'static Kernel> {
    let Err(Error::Shader { shader, message }) = made else {
        return None;
    };
    let next = others.next()?;
    if gpu.is_first_refusal(kernel) {
        log::warn!(
            "{} in place of {}: the driver refuses {shader}: {message}",
            next.name,
            kernel.name
        );
    }
    Some(next)
}

fn check_features(gpu: &Gpu, kernel: &Kernel, axes: &Axes) -> Result<()> {
    let missing = axes.caps() - gpu.traits().caps;
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::Feature {
            kernel: format!("{} with outputs in f16", kernel.name),
            missing: format!("{missing:?}"),
        }),
    }
}

/// The product kernel of this name.
fn product(name: &str) -> Result<&'static Kernel> {
    kernels::by_name(name)
        .filter(|k| k.shape == kernels::Shape::Product)
        .ok_or_else(|| unknown(name))
}
