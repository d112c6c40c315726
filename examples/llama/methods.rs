//! Quantizes all linears of a model by a method of the library.

use super::calibration::Calibration;
use super::scaled::{Scales, scale};
use super::text::Texts;
use super::{Llama, Place};
use crate::model::Fallible;
use lowbit::quantize::awq::{Awq, Clip};
use lowbit::quantize::gptq::{Gptq, GroupScales, Search};
use lowbit::quantize::hessian::Hessian;
use lowbit::quantize::hqq::Hqq;
use lowbit::{Dense, Format, Linear, Matrix};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// As the format's own tool: round to nearest, or its search
    Rtn,
    /// The same, with columns weighted by the mean square of their inputs
    Importance,
    /// Zero points fitted to the weights, without data
    Hqq,
    /// Columns scaled by their inputs, ranges clipped
    Awq,
    /// Column by column, each error compensated by later columns
    Gptq,
    /// GPTQ of weights that AWQ has scaled
    AwqGptq,
}

impl Method {
    /// Its name in arguments and tables.
    pub fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map_or(String::new(), |v| v.get_name().to_owned())
    }

    /// Whether it supports this format.
    pub fn takes(self, format: Format) -> bool {
        match self {
            // HQQ fits zero points.
            Method::Hqq => format.name().starts_with("int") && format.name().contains("_asym"),
            // Only the encoders of GGUF formats use importance.
            Method::Importance => format.gguf().is_some(),
            Method::Rtn | Method::Awq | Method::Gptq | Method::AwqGptq => true,
        }
    }

    /// Whether it needs inputs.
    pub fn needs_text(self) -> bool {
        match self {
            Method::Rtn | Method::Hqq => false,
            Method::Importance | Method::Awq | Method::Gptq | Method::AwqGptq => true,
        }
    }

    /// Quantizes by weights alone; a method that needs inputs falls back to the format's own rounding.
    pub fn quantize(self, format: Format, dense: Dense) -> lowbit::Result<Matrix<'static>> {
        match self {
            Method::Hqq => Ok(Hqq::default().quantize(format, dense, &|_| ())?.matrix),
            Method::Rtn | Method::Importance | Method::Awq | Method::Gptq | Method::AwqGptq => {
                Matrix::quantize(format, dense)
            }
        }
    }
}

/// A model whose linears are packed.
pub struct Quantized {
    pub llama: Llama,
    /// The factors of AWQ.
    pub scales: Option<Scales>,
}

/// How to quantize a model.
pub struct Recipe<'a> {
    pub method: Method,
    /// By the name of the weights.
    pub format_of: &'a dyn Fn(&str) -> Format,
    /// GPTQ reads these again, block by block, so that later blocks compensate the errors of earlier ones.
    pub texts: &'a Texts,
    pub calibration: &'a Calibration,
}

impl Recipe<'_> {
    /// Quantizes a copy of `llama`, whose weights are floats; `progress` gets the share done.
    pub fn quantize(&self, llama: &Llama, progress: &(dyn Fn(f32) + Sync)) -> Fallible<Quantized> {
        let mut llama = llama.clone();
        let mut scales = None;
        let awq = Awq::default();
        let mut own = None;
        let second = |done: f32| progress(0.5 + 0.5 * done);
        let progress: &(dyn Fn(f32) + Sync) = match self.method {
            Method::Awq | Method::AwqGptq => {
                let half = |done: f32| progress(0.5 * done);
                let found = scale(&mut llama, self.calibration, &awq, self.format_of, &half)?;
                scales = Some(found);
                own = Some(Calibration::of(&mut llama, self.texts)?);
                &second
            }
            _ => progress,
        };
        let calibration = own.as_ref().unwrap_or(self.calibration);
        match self.method {
            Method::Gptq | Method::AwqGptq => self.by_columns(&mut llama, progress)?,
            _ => self.by_layers(&mut llama, calibration, progress)?,
        }
        progress(1.0);
        Ok(Quantized { llama, scales })
    }

    /// Quantizes each linear independently.
    fn by_layers(&self, llama: &mut Llama, calibration: &Calibration, progress: &(dyn Fn(f32) + Sync)) -> Fallible<()> {
        let count = (4 * llama.layers.len()) as f32;
        for (i, layer) in llama.layers.iter_mut().enumerate() {
            for place in Place::ALL {
                for (index, named) in layer.shared[place as usize].linears.iter_mut().enumerate() {
                    let format = (self.format_of)(&named.name);
                    let (n, k) = (named.linear.n(), named.linear.k());
                    let weights = named.linear.dequantize();
                    let matrix = match self.method {
                        Method::Importance => {
                            let importance = calibration.importance_of(&named.name)?;
                            Matrix::quantize_weighted(format, Dense::new(n, k, &weights)?, &importance)?
                        }
                        // As in AWQ, queries and keys are not clipped, because they are multiplied by each other.
                        Method::Awq if place != Place::Attention || index == 2 => {
                            let whole = Dense::new(n, k, &weights)?;
                            let x = calibration.sample(i, place);
                            let cut = Clip::default().search(format, whole, x, None, &|_| ())?;
                            Matrix::quantize(format, Dense::new(n, k, &cut)?)?
                        }
                        method => method.quantize(format, Dense::new(n, k, &weights)?)?,
                    };
                    named.linear = Linear::new(matrix);
                }
                progress((4 * i + place as usize + 1) as f32 / count);
            }
        }
        Ok(())
    }

    /// Quantizes by GPTQ, each place with the inputs that it gets from the quantized places before it.
    fn by_columns(&self, llama: &mut Llama, progress: &(dyn Fn(f32) + Sync)) -> Fallible<()> {
        let count = (4 * llama.layers.len()) as f32;
        // Scales from the original weights, so that act-order permutes no inputs: files cannot store a permutation.
        let gptq = Gptq::default()
            .with_act_order(true)
            .with_groups(GroupScales::Static)
            // GPTQ's tool calls it `mse`. Without it INT3_ASYM has perplexity 22.842 instead of 21.635 on the stories.
            .with_search(Some(Search::default()));
        llama.walk(&self.texts.inputs(), &mut |i, place, shared, x| {
            let mut hessian = Hessian::new(shared.linears[0].linear.k())?;
            hessian.add(x)?;
            for named in &mut shared.linears {
                let format = (self.format_of)(&named.name);
                let (n, k) = (named.linear.n(), named.linear.k());
                let weights = named.linear.dequantize();
                named.linear = if is_float(format) {
                    Linear::new(Matrix::quantize(format, Dense::new(n, k, &weights)?)?)
                } else {
                    gptq.quantize(format, Dense::new(n, k, &weights)?, &hessian, &|_| ())?
                        .linear
                };
            }
            progress((4 * i + place as usize + 1) as f32 / count);
            Ok(())
        })?;
        Ok(())
    }
}

/// Formats of floats, to which no method applies.
fn is_float(format: Format) -> bool {
    [Format::F32, Format::F16, Format::BF16].contains(&format)
}
