//! What becomes of each tensor, settled before anything is written.

use crate::encode::{can_make, encode, interleave_heads};
use crate::imatrix::Importance;
use crate::model::{Fallible, Files, Model, Tensor};
use crate::names::Config;
use crate::Args;
use lowbit::gguf::{self, TensorType, Value};
use std::collections::HashMap;

pub struct Plan<'a> {
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<Planned<'a>>,
    /// Tensors that fit no block of the preset's type for them.
    pub fallbacks: Vec<String>,
}

pub struct Planned<'a> {
    pub tensor: Tensor<'a>,
    pub kind: TensorType,
    importance: Option<Vec<f32>>,
    /// Its bytes, where a method has made them.
    made: Option<Vec<u8>>,
    /// Heads whose rows are to be put in llama.cpp's order.
    heads: Option<u64>,
}

impl Planned<'_> {
    pub fn bytes(&self) -> Fallible<Vec<u8>> {
        if let Some(made) = &self.made {
            return Ok(made.clone());
        }
        let importance = self.importance.as_deref();
        let Some(heads) = self.heads else {
            return encode(&self.tensor, self.kind, importance);
        };
        let data = interleave_heads(&self.tensor, heads)?;
        let tensor = Tensor {
            name: self.tensor.name.clone(),
            dims: self.tensor.dims.clone(),
            kind: self.tensor.kind,
            data: &data,
        };
        encode(&tensor, self.kind, importance)
    }
}

impl<'a> Plan<'a> {
    pub fn new(
        args: &Args,
        files: &Files,
        model: Model<'a>,
        importance: Option<Importance>,
    ) -> Fallible<Plan<'a>> {
        let has_importance = importance.is_some();
        let (shape, mut metadata, config) = match &model.gguf {
            Some(split) => {
                let shape = gguf::Model::of(&split.parts()[0], has_importance);
                (shape, model.metadata, None)
            }
            None => of_config(files, has_importance)?,
        };
        metadata.retain(|(key, _)| {
            !["general.file_type", "general.quantization_version"].contains(&&key[..])
        });
        metadata.push(("general.quantization_version".into(), 2u32.into()));
        metadata.push(("general.file_type".into(), args.preset.file_type.into()));

        let mut tensors = model.tensors;
        let mut heads = vec![None; tensors.len()];
        if let Some(config) = &config {
            for (tensor, heads) in tensors.iter_mut().zip(&mut heads) {
                tensor.name = config.name(&tensor.name);
                let part = tensor.name.trim_end_matches(".weight").rsplit('.').next();
                *heads = match part {
                    Some("attn_q") => Some(config.n_head),
                    Some("attn_k") => Some(config.n_head_kv),
                    _ => None,
                }
                .filter(|_| config.architecture == "llama");
            }
        }
        let named: Vec<_> = tensors.iter().map(|t| (&t.name[..], &t.dims[..])).collect();
        let assigned = assigned(args, &named)?;
        let overruled = |name: &str| {
            let matching = args.keep.iter().find(|(regex, _)| regex.is_match(name));
            matching
                .map(|(_, kind)| *kind)
                .or(assigned.get(name).copied())
        };
        let types = args.preset.types_except(&shape, &named, overruled)?;

        let mut plan = Plan {
            metadata,
            tensors: Vec::new(),
            fallbacks: Vec::new(),
        };
        for ((tensor, heads), kind) in tensors.into_iter().zip(heads).zip(types) {
            let chosen = kind.is_some();
            let kind = match kind {
                Some(kind) => kind,
                // llama.cpp wants the norms and biases of converted models in f32.
                None if config.is_some() && is_float(tensor.kind) => TensorType::F32,
                None => tensor.kind,
            };
            if kind != tensor.kind {
                check(args, &tensor, kind)?;
            }
            if chosen && !tensor.dims[0].is_multiple_of(args.preset.default.block) {
                plan.fallbacks.push(tensor.name.clone());
            }
            let importance = importance.as_ref().and_then(|all| all.get(&tensor.name));
            if importance.is_none() && chosen && args.preset.needs_importance(&tensor.name, kind) {
                let name = &tensor.name;
                return Err(format!(
                    "{name}: {} needs importance weights, the imatrix has none for it",
                    kind.name
                )
                .into());
            }
            plan.tensors.push(Planned {
                importance: importance.cloned(),
                made: None,
                tensor,
                kind,
                heads,
            });
        }
        Ok(plan)
    }

    /// Tensors by name that are encoded already.
    pub fn take(&mut self, mut made: HashMap<String, Vec<u8>>) {
        for planned in &mut self.tensors {
            planned.made = made.remove(&planned.tensor.name);
        }
    }
}

/// The types that the assignment gives tensors, each of which must be there.
fn assigned<'a>(
    args: &'a Args,
    named: &[(&str, &[u64])],
) -> Fallible<HashMap<&'a str, TensorType>> {
    let entries = args
        .assignment
        .iter()
        .flat_map(|assignment| &assignment.entries);
    let kinds = entries.map(|(name, format)| {
        if !named.iter().any(|(known, _)| known == name) {
            return Err(
                format!("the assignment has {name}, which is no tensor of the model").into(),
            );
        }
        let kind = format.gguf().and_then(TensorType::from_id);
        let kind = kind.ok_or_else(|| format!("{name}: GGUF files cannot hold {format}"))?;
        Ok((&name[..], kind))
    });
    kinds.collect()
}

/// A folder of safetensors has its shape in `config.json`.
type Shape = (gguf::Model, Vec<(String, Value)>, Option<Config>);

fn of_config(files: &Files, importance: bool) -> Fallible<Shape> {
    let path = files.folder().join("config.json");
    let config = match std::fs::read(&path) {
        Ok(text) => {
            let json = serde_json::from_slice(&text);
            Config::of(&json.map_err(|e| format!("{}: {e}", path.display()))?)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(format!("{}: {e}", path.display()).into()),
    };
    let Some(config) = config else {
        println!(
            "no config.json of a llama or bert here: tensors keep their names, and no layer counts"
        );
        let shape = gguf::Model {
            importance,
            ..Default::default()
        };
        return Ok((shape, Vec::new(), None));
    };
    let shape = gguf::Model {
        architecture: config.architecture.clone(),
        n_layer: config.n_layer,
        n_head: config.n_head,
        n_head_kv: config.n_head_kv,
        n_expert: config.n_expert,
        importance,
    };
    Ok((shape, config.keys.clone(), Some(config)))
}

fn is_float(kind: TensorType) -> bool {
    matches!(kind, TensorType::F16 | TensorType::BF16 | TensorType::F64)
}

fn check(args: &Args, tensor: &Tensor, kind: TensorType) -> Fallible<()> {
    let name = &tensor.name;
    if tensor.kind.is_packed() && !args.requantize {
        let is = tensor.kind.name;
        return Err(format!("{name} is {is} already; --requantize takes it all the same").into());
    }
    if !can_make(kind) {
        return Err(format!(
            "{name} is to become {}, which lowbit does not make yet",
            kind.name
        )
        .into());
    }
    Ok(())
}
