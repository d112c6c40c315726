//! GPTQ of one row of weights.

use super::options::{Gptq, GroupScales};
use super::scales::Search;
use crate::Format;
use crate::family::{Hints, QuantizeError};
use crate::quantize::grid::{CodeGrid, Fitted};

/// What the rounding of all rows has in common. A step rounds one column; weights are in the order of steps, codes and
/// scales in the order of the matrix's columns.
pub(super) struct GptqPlan<'a> {
    format: Format,
    k: usize,
    /// The input of each step.
    pub order: Vec<usize>,
    groups: GroupScales,
    /// Weights that the encoder reads together.
    encoded: usize,
    /// Weights in a block; then the levels of whole blocks and of a shorter last block.
    span: usize,
    grid: &'a CodeGrid,
    tail: Option<&'a CodeGrid>,
    /// In the order of the matrix's columns.
    importance: Option<Vec<f32>>,
    search: Option<Search>,
}

impl<'a> GptqPlan<'a> {
    /// `importance` is in the order of steps.
    pub fn new(
        format: Format,
        k: usize,
        order: Vec<usize>,
        grid: &'a CodeGrid,
        tail: Option<&'a CodeGrid>,
        importance: Option<Vec<f32>>,
        options: &Gptq,
    ) -> Self {
        let importance = importance.map(|by_step| match options.groups {
            GroupScales::Sequential => by_step,
            GroupScales::Static => {
                let mut by_input = vec![0f32; k];
                for (&input, value) in order.iter().zip(by_step) {
                    by_input[input] = value;
                }
                by_input
            }
        });
        GptqPlan {
            format,
            k,
            order,
            groups: options.groups,
            encoded: format.encoded_span(k),
            span: format.block_span(k),
            grid,
            tail,
            importance,
            search: options.search.clone(),
        }
    }

    /// The input of each column of the matrix; `None` where these are in the same order.
    pub fn permutation(&self) -> Option<Vec<u32>> {
        let reordered = self.order.iter().enumerate().any(|(step, &input)| step != input);
        (reordered && self.groups == GroupScales::Sequential)
            .then(|| self.order.iter().map(|&input| input as u32).collect())
    }

    /// The steps before which all errors must have been propagated: at most `most` steps apart, and wherever the
    /// encoder reads weights.
    pub fn batches(&self, most: usize) -> Vec<usize> {
        let blocks = match self.groups {
            GroupScales::Static => self.k,
            // As often as the encoder reads, or a part of what it reads.
            GroupScales::Sequential => (most / self.encoded).max(1) * self.encoded,
        };
        let mut ends = Vec::new();
        for start in (0..self.k).step_by(blocks) {
            let end = (start + blocks).min(self.k);
            ends.extend((start..end).step_by(most.min(blocks)).skip(1));
            ends.push(end);
        }
        ends
    }

    /// The column of the matrix that a step rounds.
    fn column(&self, step: usize) -> usize {
        match self.groups {
            GroupScales::Sequential => step,
            GroupScales::Static => self.order[step],
        }
    }

    fn grid(&self, block: usize) -> &CodeGrid {
        match self.tail {
            Some(tail) if (block + 1) * self.span > self.k => tail,
            _ => self.grid,
        }
    }

    /// Where a row keeps a fitted block.
    fn place(&self, block: usize) -> usize {
        match self.groups {
            GroupScales::Static => block,
            GroupScales::Sequential => 0,
        }
    }

    /// The first byte of a block.
    fn offset(&self, block: usize) -> usize {
        block * self.format.bytes_for(self.span)
    }
}

pub(super) struct GptqRow<'a> {
    bytes: &'a mut [u8],
    /// The original weights, in the order of inputs.
    given: Vec<f32>,
    /// All blocks of the row; with sequential groups only the current block.
    blocks: Vec<Fitted>,
    mean_square: f32,
    /// Σ e²
    pub loss: f64,
}

impl<'a> GptqRow<'a> {
    pub fn new(plan: &GptqPlan, bytes: &'a mut [u8], given: Vec<f32>) -> Self {
        // Summed in order and in f32, as in Matrix::quantize_weighted.
        let squares = given.iter().fold(0f32, |sum, w| sum + w * w);
        GptqRow {
            bytes,
            blocks: Vec::new(),
            mean_square: match plan.importance {
                Some(_) => squares / plan.k as f32,
                None => 0.0,
            },
            given,
            loss: 0.0,
        }
    }

    /// Rounds the steps from `start` on, one for each of `errors`, which receives e. Propagates the errors to the
    /// weights of these steps, not to later ones.
    pub fn round(
        &mut self,
        plan: &GptqPlan,
        u: &[f32],
        weights: &mut [f32],
        start: usize,
        errors: &mut [f32],
    ) -> Result<(), QuantizeError> {
        let end = start + errors.len();
        if plan.groups == GroupScales::Static && start == 0 {
            let given = std::mem::take(&mut self.given);
            for (i, weights) in given.chunks(plan.encoded).enumerate() {
                self.fit(plan, i * plan.encoded, weights)?;
            }
        }
        for step in start..end {
            let column = plan.column(step);
            let (block, i) = (column / plan.span, column % plan.span);
            if plan.groups == GroupScales::Sequential && i.is_multiple_of(plan.encoded) {
                let to = plan.k.min(column + plan.encoded);
                self.fit(plan, column, &weights[column..to])?;
            }
            let w = weights[step];
            let (code, q) = plan.grid(block).round(&self.blocks[plan.place(block)], i, w);
            plan.grid(block).set(&mut self.bytes[plan.offset(block)..], i, code);
            let u = &u[step * plan.k..][..end];
            let e = (w - q) / u[step];
            self.loss += e as f64 * e as f64;
            errors[step - start] = e;
            for (w, u) in weights[step + 1..end].iter_mut().zip(&u[step + 1..]) {
                *w -= e * u;
            }
        }
        Ok(())
    }

    /// Chooses the scales of weights from a column of the matrix on that the encoder reads together.
    fn fit(&mut self, plan: &GptqPlan, column: usize, weights: &[f32]) -> Result<(), QuantizeError> {
        let (block, first) = (column / plan.span, column % plan.span);
        let place = plan.place(block);
        if self.blocks.len() <= place {
            self.blocks.resize_with(place + 1, Fitted::default);
        }
        let grid = plan.grid(block);
        let hints = Hints {
            importance: plan.importance.as_ref().map(|i| &i[column..column + weights.len()]),
            row_mean_square: self.mean_square,
            ..Hints::default()
        };
        let bytes = plan.format.bytes_for(plan.span.min(plan.k - block * plan.span));
        let bytes = &mut self.bytes[plan.offset(block)..][..bytes];
        match &plan.search {
            None => grid.fit(first, weights, &hints, bytes, &mut self.blocks[place]),
            Some(search) => search.fit(grid, first, weights, &hints, bytes, &mut self.blocks[place]),
        }
    }
}
