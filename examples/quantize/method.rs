//! Quantizes by a method that uses the model's inputs, or more of its weights than a block. It may run the model on
//! texts. It makes tensors of the planned types.

use crate::args::Args;
use crate::llama::Llama;
use crate::llama::calibration::Calibration;
use crate::llama::methods::{Method, Recipe};
use crate::llama::text::{Texts, read_texts};
use crate::llama::tokenizer::Tokenizer;
use crate::model::{Fallible, Model};
use crate::plan::Plan;
use indicatif::ProgressBar;
use lowbit::gguf::TensorType;
use lowbit::{Format, Matrix};
use std::collections::HashMap;

/// A model to run, and the texts that it reads.
pub struct Runner {
    llama: Llama,
    texts: Texts,
}

impl Runner {
    /// None where the arguments ask only for the format's own rounding.
    pub fn of(args: &Args, model: &Model) -> Fallible<Option<Runner>> {
        let method = args.method.name();
        if args.method == Method::Rtn {
            return match args.calibration {
                None => Ok(None),
                Some(_) => Err("--calibration goes with a --method that reads texts".into()),
            };
        }
        let named = |e| format!("--method {method} runs the model: {e}");
        let llama = Llama::load(model).map_err(named)?;
        let texts = match &args.calibration {
            Some(path) => {
                let tokenizer = Tokenizer::load(model).map_err(named)?;
                let texts = read_texts(path)?;
                let left = texts.get(args.skip..).unwrap_or_default();
                let length = llama.shape.context.min(args.length + 1) - 1;
                Texts::of(&tokenizer, left, length)
            }
            None => Texts::default(),
        };
        if args.method.needs_text() && texts.0.is_empty() {
            return Err(format!("--method {method} needs texts, by --calibration FILE").into());
        }
        Ok(Some(Runner { llama, texts }))
    }

    /// The bytes of all linears, and of the norms into which factors were folded.
    pub fn make(mut self, args: &Args, plan: &Plan, bar: &ProgressBar) -> Fallible<HashMap<String, Vec<u8>>> {
        let kinds: HashMap<&str, TensorType> = plan.tensors.iter().map(|t| (&t.from.name[..], t.kind)).collect();
        let mut formats = HashMap::new();
        for named in self.llama.linears() {
            let kind = kinds[&named.name[..]];
            formats.insert(named.name.clone(), format(args.method, kind, &named.name)?);
        }
        bar.set_message(format!("{}: reading {} texts", args.method.name(), self.texts.0.len()));
        let calibration = Calibration::of(&mut self.llama, &self.texts)?;
        let recipe = Recipe {
            method: args.method,
            format_of: &|name| formats[name],
            texts: &self.texts,
            calibration: &calibration,
        };
        bar.set_message(format!("{}: choosing weights", args.method.name()));
        let length = bar.length().unwrap_or(0) as f32;
        let quantized = recipe.quantize(&self.llama, &|done| bar.set_position((done * length) as u64))?;
        bar.set_position(0);
        let mut made = HashMap::new();
        for named in quantized.llama.linears() {
            let matrix = named.linear.matrix();
            let bytes = match args.method {
                Method::Hqq if kinds[&named.name[..]] == TensorType::Q4_1 => q4_1(matrix),
                _ => matrix.bytes().to_vec(),
            };
            made.insert(named.name.clone(), bytes);
        }
        if quantized.scales.is_some() {
            for (i, layer) in quantized.llama.layers.iter().enumerate() {
                for (norm, part) in layer.norms.iter().zip(["attn_norm", "ffn_norm"]) {
                    let name = format!("blk.{i}.{part}.weight");
                    let kind = kinds[&name[..]];
                    if kind != TensorType::F32 {
                        return Err(format!("{name} should be F32 to take factors, got {}", kind.name).into());
                    }
                    made.insert(name, norm.iter().flat_map(|v| v.to_le_bytes()).collect());
                }
            }
        }
        Ok(made)
    }
}

/// The format that a method quantizes to for a tensor of this type.
fn format(method: Method, kind: TensorType, name: &str) -> Fallible<Format> {
    if method == Method::Hqq && kind == TensorType::Q4_1 {
        return Ok(Format::INT4_ASYM);
    }
    let format = Format::from_gguf(kind.id);
    let format = format.ok_or_else(|| format!("{name}: lowbit does not make {} yet", kind.name))?;
    if !method.takes(format) && !is_float(format) {
        let why = match method {
            Method::Hqq => " (it makes Q4_1: its zero points are real numbers)",
            _ => "",
        };
        return Err(format!("{name}: {} does not make {}{why}", method.name(), kind.name).into());
    }
    Ok(format)
}

fn is_float(format: Format) -> bool {
    [Format::F32, Format::F16, Format::BF16].contains(&format)
}

/// Converts integers with zero points, scale · (q - zero), to blocks of scale · q + minimum.
fn q4_1(matrix: &Matrix) -> Vec<u8> {
    let seen = matrix.inspect();
    let groups = seen.scales.chunks(4).zip(seen.offsets.chunks(4));
    let blocks = seen.codes.chunks(32).zip(groups);
    let blocks = blocks.flat_map(|(codes, (scales, zeros))| {
        let minimum = half::f16::from_f32(-scales[0] * zeros[0]);
        let mut block = half::f16::from_f32(scales[0]).to_le_bytes().to_vec();
        block.extend(minimum.to_le_bytes());
        block.extend((0..16).map(|i| codes[i] as u8 | (codes[i + 16] as u8) << 4));
        block
    });
    blocks.collect()
}
