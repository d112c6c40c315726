//! A kernel for every m up to the largest, compiled once for all products of a shape.

use crate::gpu::device::lock::lock;
use crate::gpu::device::modules::Checks;
use crate::gpu::product::builder::{MatMulBuilder, after_refusal};
use crate::gpu::product::make::{Prepared, Product};
use crate::gpu::product::matmul::MatMul;
use crate::gpu::product::plan::{Arrangement, ProductPlan, check_rows};
use crate::shader::axes::FloatType;
use crate::shader::epilogue::Epilogue;
use crate::shader::kernels::Kernel;
use crate::shader::traits::Traits;
use crate::{Error, Format, InputScale, Precision, Result};
use std::sync::Arc;

/// Rungs in the order in which m needs them first. Each is planned for the most rows that it serves.
pub(crate) struct Ladder {
    pub rungs: Vec<Prepared>,
    /// The rung of each m, from 1 on.
    rung_of: Vec<u16>,
}

/// The ladders of a device.
pub(crate) type Ladders = Vec<(LadderKind, Arc<Ladder>)>;

/// What the kernels of a ladder depend on.
#[derive(PartialEq)]
pub(crate) struct LadderKind {
    traits: Traits,
    checks: Checks,
    format: Format,
    slabs: Vec<usize>,
    k: usize,
    m: usize,
    precision: Precision,
    kernel: Option<String>,
    inputs: FloatType,
    outputs: FloatType,
    epilogues: Vec<Epilogue>,
    slices: Option<usize>,
    input_scale: InputScale,
}

impl Ladder {
    /// The rung for so many rows, at least 1 and no more than it was made for.
    pub fn rung(&self, rows: usize) -> usize {
        self.rung_of[rows - 1].into()
    }

    /// The rungs of a product, compiled the first time that such a product is made.
    pub async fn of(builder: &MatMulBuilder<'_>) -> Result<Arc<Ladder>> {
        // Edited texts are a test's own.
        if builder.edit.is_some() {
            return Ok(Arc::new(Ladder::new(builder).await?));
        }
        let (kind, ladders) = (builder.ladder_kind(), builder.gpu.ladders());
        let made = lock(ladders)
            .iter()
            .find(|(made, _)| *made == kind)
            .map(|(_, ladder)| ladder.clone());
        if let Some(ladder) = made {
            return Ok(ladder);
        }
        let ladder = Arc::new(Ladder::new(builder).await?);
        lock(ladders).push((kind, ladder.clone()));
        Ok(ladder)
    }

    async fn new(builder: &MatMulBuilder<'_>) -> Result<Ladder> {
        let mut plans: Vec<(&'static Kernel, ProductPlan)> = Vec::new();
        let mut rung_of = Vec::new();
        for m in 1..=builder.m {
            let (kernel, _) = builder.candidates(m)?;
            let plan = builder.plan(kernel, Arrangement::one(m), true)?;
            let same = |(other, planned): &(&Kernel, ProductPlan)| {
                kernel.name == other.name && plan.tuning == planned.tuning && plan.axes == planned.axes
            };
            let rung = plans.iter().position(same).unwrap_or(plans.len());
            rung_of.push(rung as u16);
            match plans.get_mut(rung) {
                Some(planned) => planned.1 = plan,
                None => plans.push((kernel, plan)),
            }
        }
        let mut rungs = Vec::new();
        for (kernel, plan) in plans {
            rungs.push(builder.prepared(kernel, plan).await?);
        }
        Ok(Ladder { rungs, rung_of })
    }
}

impl MatMulBuilder<'_> {
    /// A product for every m.
    pub(crate) async fn build_each_m(&self) -> Result<MatMul> {
        if self.batch != 1 {
            return Err(Error::argument("batch", "1 of a product for each m", self.batch));
        }
        self.check()?;
        check_rows(self.m, self.weights.k())?;
        let ladder = Ladder::of(self).await?;
        let rounds = ladder.rungs.iter().any(|rung| rung.kernel.takes_bytes());
        let around = self.around(rounds, self.m, true).await?;
        let mut products = Vec::new();
        for rung in &ladder.rungs {
            products.push(Product::new(self.weights, rung, around.clone()).await?);
        }
        Ok(MatMul::new_of(products, Some(ladder), self.m, self.precision))
    }

    fn ladder_kind(&self) -> LadderKind {
        LadderKind {
            traits: self.gpu.traits().clone(),
            // Kernels are compiled for the weights.
            checks: self.weights.gpu().checks(),
            format: self.weights.format(),
            slabs: self.weights.slabs().iter().map(|slab| slab.rows).collect(),
            k: self.weights.k(),
            m: self.m,
            precision: self.precision,
            kernel: self.kernel.clone(),
            inputs: self.inputs,
            outputs: self.outputs,
            epilogues: self.epilogues.clone(),
            slices: self.slices,
            input_scale: self.input_scale,
        }
    }

    /// A rung, with the next best kernel where the driver refuses the shader of this one.
    async fn prepared(&self, mut kernel: &'static Kernel, mut plan: ProductPlan) -> Result<Prepared> {
        let m = plan.rows();
        let (_, mut others) = self.candidates(m)?;
        loop {
            let made = Prepared::new(self.weights, kernel, plan, |source| self.edit(source)).await;
            match after_refusal(self.gpu, &made, kernel, &mut others) {
                Some(next) => (kernel, plan) = (next, self.plan(next, Arrangement::one(m), true)?),
                None => return made,
            }
        }
    }
}
