//! Rotary settings: `rope_theta` and `rope_scaling` of transformers 4, `rope_parameters` of transformers 5.

use super::Keys;
use super::family::Family;
use crate::model::Fallible;
use crate::source::{Source, Sourced};
use lowbit::gguf::TensorType;
use serde_json::Value;

enum Scaling {
    None,
    Linear {
        factor: f64,
    },
    Yarn {
        factor: f64,
        context: u64,
        more: Vec<(&'static str, f64)>,
    },
    /// A factor for each pair of a head, which llama.cpp reads from a tensor.
    Llama3 {
        factors: Vec<f32>,
    },
}

pub struct Rope {
    theta: f64,
    scaling: Scaling,
    /// A note on what the file cannot express.
    pub note: Option<String>,
}

impl Rope {
    pub fn of(family: &Family, config: &Value, head: u64, context: u64) -> Fallible<Rope> {
        let all = [&config["rope_parameters"], &config["rope_scaling"]];
        let all = all.into_iter().find(|v| v.is_object()).unwrap_or(&Value::Null);
        let settings = match &all["full_attention"] {
            Value::Null => all,
            full => full,
        };
        let number = |name: &str| settings[name].as_f64().or(config[name].as_f64());
        let theta = number("rope_theta").unwrap_or(family.rope_theta);
        let part = number("partial_rotary_factor").unwrap_or(1.0);
        if part != 1.0 {
            return Err(unknown(family, format!("partial_rotary_factor {part}")));
        }
        let kind = settings["rope_type"].as_str().or(settings["type"].as_str());
        let kind = kind.unwrap_or("default");
        let original = number("original_max_position_embeddings");
        let needed = |name: &str| {
            number(name).ok_or_else(|| {
                let got = &settings[name];
                format!("config.json: {name} of {kind} scaling should be a number, got {got}")
            })
        };
        let mut note = None;
        let scaling = match kind {
            "default" => Scaling::None,
            "linear" => Scaling::Linear {
                factor: needed("factor")?,
            },
            "yarn" => {
                let factor = needed("factor")?;
                let usual = 1.0 + 0.1 * factor.ln();
                let said = ATTENTION.iter().find_map(|name| settings[name].as_f64());
                if let Some(said) = said.filter(|said| (said - usual).abs() > 1e-6) {
                    note = Some(format!(
                        "attention_factor is {said} in config.json. llama.cpp takes 1 + 0.1 ln(factor), {usual}, so \
                         its outputs differ from those of transformers."
                    ));
                }
                Scaling::Yarn {
                    factor,
                    context: original.map_or(context, |n| n as u64),
                    more: YARN
                        .iter()
                        .filter_map(|&(key, names)| {
                            let found = names.iter().find_map(|name| settings[name].as_f64());
                            Some((key, found?))
                        })
                        .collect(),
                }
            }
            "llama3" if family.name == "llama" => Scaling::Llama3 {
                factors: Bands {
                    theta,
                    factor: number("factor").unwrap_or(8.0) as f32,
                    low: number("low_freq_factor").unwrap_or(1.0) as f32,
                    high: number("high_freq_factor").unwrap_or(4.0) as f32,
                    context: original.unwrap_or(8192.0) as f32,
                }
                .factors(head),
            },
            // Dynamic scaling changes nothing up to the context that the model was trained with.
            "dynamic" => {
                note = Some(format!(
                    "Rotary scaling is dynamic in config.json, for which llama.cpp has no key: the results are the \
                     same up to {context} tokens, worse beyond."
                ));
                Scaling::None
            }
            other => return Err(unknown(family, format!("rope_type {other:?}"))),
        };
        Ok(Rope { theta, scaling, note })
    }

    pub fn add(&self, keys: &mut Keys) -> Fallible<()> {
        match &self.scaling {
            Scaling::None | Scaling::Llama3 { .. } => {}
            Scaling::Linear { factor } => {
                keys.text("rope.scaling.type", "linear");
                keys.float("rope.scaling.factor", *factor);
            }
            Scaling::Yarn { factor, context, more } => {
                keys.text("rope.scaling.type", "yarn");
                keys.float("rope.scaling.factor", *factor);
                keys.count("rope.scaling.original_context_length", *context)?;
                for (key, value) in more {
                    keys.float(key, *value);
                }
            }
        }
        keys.float("rope.freq_base", self.theta);
        Ok(())
    }

    /// The tensor of factors, where there is one.
    pub fn tensor(&self) -> Option<Sourced<'static>> {
        let Scaling::Llama3 { factors } = &self.scaling else {
            return None;
        };
        Some(Sourced {
            name: "rope_freqs.weight".into(),
            dims: vec![factors.len() as u64],
            kind: TensorType::F32,
            source: Source::Made(factors.iter().flat_map(|v| v.to_le_bytes()).collect()),
        })
    }
}

const ATTENTION: &[&str] = &["attention_factor", "attn_factor"];

/// Keys of llama.cpp, and names of `transformers` for each.
const YARN: &[(&str, &[&str])] = &[
    ("rope.scaling.yarn_ext_factor", &["extrapolation_factor"]),
    ("rope.scaling.yarn_attn_factor", ATTENTION),
    ("rope.scaling.yarn_beta_fast", &["beta_fast"]),
    ("rope.scaling.yarn_beta_slow", &["beta_slow"]),
];

/// Llama 3.1: long wavelengths are stretched by `factor`, short ones not at all, those between are interpolated.
struct Bands {
    theta: f64,
    factor: f32,
    low: f32,
    high: f32,
    context: f32,
}

impl Bands {
    fn factors(&self, head: u64) -> Vec<f32> {
        let pairs = (0..head).step_by(2);
        let of = |i: u64| {
            let frequency = 1.0 / (self.theta as f32).powf(i as f32 / head as f32);
            let wave = std::f32::consts::TAU / frequency;
            if wave < self.context / self.high {
                1.0
            } else if wave > self.context / self.low {
                self.factor
            } else {
                let smooth = (self.context / wave - self.low) / (self.high - self.low);
                1.0 / ((1.0 - smooth) / self.factor + smooth)
            }
        };
        pairs.map(of).collect()
    }
}

fn unknown(family: &Family, what: String) -> Box<dyn std::error::Error> {
    format!("config.json: llama.cpp's {} does not know {what}", family.name).into()
}
