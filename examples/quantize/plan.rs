//! The type of each tensor, decided before anything is written.

use crate::args::{Args, Choice};
use crate::encode::{can_make, encode};
use crate::hugging_face;
use crate::imatrix::{self, Importance};
use crate::model::{Fallible, Files, Model, Tensor};
use crate::overrides::set;
use crate::source::Sourced;
use crate::types::Types;
use lowbit::gguf::{self, Gguf, Preset, TensorType, Value, Writer};
use std::collections::HashMap;

pub struct Plan<'a> {
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<Planned<'a>>,
    /// Tensors of each part of the input.
    pub parts: Vec<usize>,
    /// Tensors whose rows are not whole blocks of the preset's type.
    pub fallbacks: Vec<String>,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// Whether the input was not a GGUF file.
    converted: bool,
}

pub struct Planned<'a> {
    pub from: Sourced<'a>,
    pub kind: TensorType,
    importance: Option<Vec<f32>>,
    /// Its bytes, where a method has already made them.
    made: Option<Vec<u8>>,
}

impl Planned<'_> {
    /// Bytes after encoding.
    pub fn size(&self) -> u64 {
        self.from.count() / self.kind.block * self.kind.bytes
    }

    pub fn bytes(&self) -> Fallible<Vec<u8>> {
        if let Some(made) = &self.made {
            return Ok(made.clone());
        }
        let data = self.from.bytes()?;
        let tensor = Tensor {
            name: self.from.name.clone(),
            dims: self.from.dims.clone(),
            kind: self.from.kind,
            data: &data,
        };
        encode(&tensor, self.kind, self.importance.as_deref())
    }
}

impl<'a> Plan<'a> {
    pub fn new(args: &Args, files: &Files, model: Model<'a>) -> Fallible<Plan<'a>> {
        let mut notes = Vec::new();
        let importance = imatrix::read(args, &mut notes)?;
        let parts = match &model.gguf {
            Some(split) => split.parts().iter().map(|part| part.tensors().len()).collect(),
            None => vec![model.tensors.len()],
        };
        let converted = model.gguf.is_none();
        let (mut metadata, tensors) = if converted {
            let skip_pre = args.override_kv.iter().any(|o| o.key == "tokenizer.ggml.pre");
            let made = hugging_face::convert(files.folder(), model.tensors, skip_pre)?;
            notes.extend(made.notes);
            (made.metadata, made.tensors)
        } else {
            (model.metadata, model.tensors.into_iter().map(Sourced::whole).collect())
        };
        set(&mut metadata, "general.quantization_version", 2u32.into());
        let file_type = match args.preset {
            Choice::Preset(preset) => Some(preset.file_type),
            Choice::Copy if converted => file_type(&tensors),
            Choice::Copy => None,
        };
        if let Some(file_type) = file_type {
            set(&mut metadata, "general.file_type", file_type.into());
        }
        for over in &args.override_kv {
            set(&mut metadata, &over.key, over.value.clone());
        }
        for (key, value) in importance.iter().flat_map(|importance| &importance.keys) {
            set(&mut metadata, key, value.clone());
        }

        let mut plan = Plan {
            metadata,
            tensors: Vec::new(),
            parts,
            fallbacks: Vec::new(),
            notes,
            converted,
        };
        let kinds = plan.kinds(args, &tensors, importance.is_some())?;
        for (from, chosen) in tensors.into_iter().zip(kinds) {
            plan.add(args, from, chosen, importance.as_ref())?;
        }
        Ok(plan)
    }

    /// The type of each tensor to quantize; none for the others.
    fn kinds(&mut self, args: &Args, tensors: &[Sourced], importance: bool) -> Fallible<Vec<Option<TensorType>>> {
        let named: Vec<_> = tensors.iter().map(|t| (&t.name[..], &t.dims[..])).collect();
        let Choice::Preset(preset) = args.preset else {
            // Matrices keep their type; a converted model has its vectors in f32.
            let kinds = tensors.iter().map(|t| (t.dims.len() > 1).then_some(t.kind));
            return Ok(kinds.collect());
        };
        let types = Types::new(args, preset, &named)?;
        let shape = shape(&self.metadata, importance)?;
        let mut kinds = preset.types_except(&shape, &named, |name| types.of(name))?;
        let quantized = named.iter().zip(&kinds).filter(|(_, kind)| kind.is_some());
        let quantized: Vec<_> = quantized.map(|((name, _), _)| *name).collect();
        self.notes.extend(types.idle(&quantized));
        if args.leave_output_tensor {
            let at = named.iter().position(|(name, _)| *name == "output.weight");
            if let Some(kind) = at.and_then(|at| kinds.get_mut(at)) {
                *kind = None;
            }
        }
        Ok(kinds)
    }

    fn add(
        &mut self,
        args: &Args,
        from: Sourced<'a>,
        chosen: Option<TensorType>,
        importance: Option<&Importance>,
    ) -> Fallible<()> {
        let kind = match chosen {
            Some(kind) => kind,
            // llama.cpp needs norms and biases in f32.
            None if self.converted && is_float(from.kind) => TensorType::F32,
            None => from.kind,
        };
        if kind != from.kind {
            check(args, &from, kind)?;
        }
        let means = importance.and_then(|all| all.means.get(&from.name));
        if let (Choice::Preset(preset), Some(kind)) = (args.preset, chosen) {
            if !from.dims[0].is_multiple_of(preset.default.block) {
                self.fallbacks.push(from.name.clone());
            }
            if means.is_none() && preset.needs_importance(&from.name, kind) {
                let name = &from.name;
                return Err(format!(
                    "{name}: {} needs importance weights, the imatrix has none for it",
                    kind.name
                )
                .into());
            }
        }
        self.tensors.push(Planned {
            from,
            kind,
            importance: means.cloned(),
            made: None,
        });
        Ok(())
    }

    /// Takes the tensors that a method has encoded, by name.
    pub fn take(&mut self, mut made: HashMap<String, Vec<u8>>) {
        for planned in &mut self.tensors {
            planned.made = made.remove(&planned.from.name);
        }
    }
}

/// What the preset's rule needs to know about the model, from the keys of the output.
fn shape(metadata: &[(String, Value)], importance: bool) -> Fallible<gguf::ModelShape> {
    let mut keys = Writer::new();
    for (key, value) in metadata.iter().filter(|(key, _)| !key.starts_with("tokenizer.")) {
        keys.metadata(key, value.clone())?;
    }
    Ok(gguf::ModelShape::of(&Gguf::parse(&keys.to_bytes()?)?, importance))
}

/// The file type of a copy: that of most weights.
fn file_type(tensors: &[Sourced]) -> Option<u32> {
    let weights = |preset: &Preset| -> u64 {
        let same = tensors.iter().filter(|t| t.kind == preset.default);
        same.map(Sourced::count).sum()
    };
    let presets = [Preset::F32, Preset::F16, Preset::BF16];
    presets
        .iter()
        .max_by_key(|preset| weights(preset))
        .map(|preset| preset.file_type)
}

fn is_float(kind: TensorType) -> bool {
    matches!(kind, TensorType::F16 | TensorType::BF16 | TensorType::F64)
}

fn is_integer(kind: TensorType) -> bool {
    matches!(
        kind,
        TensorType::I8 | TensorType::I16 | TensorType::I32 | TensorType::I64
    )
}

fn check(args: &Args, tensor: &Sourced, kind: TensorType) -> Fallible<()> {
    let (name, is) = (&tensor.name, tensor.kind.name);
    if is_integer(tensor.kind) {
        return Err(format!("{name} is of {is}, and integers cannot be quantized to {}", kind.name).into());
    }
    if tensor.kind.is_packed() && !args.requantize {
        return Err(format!("{name} is already {is}; --requantize accepts it").into());
    }
    if !can_make(kind) {
        return Err(format!("{name} should become {}, which lowbit does not make yet", kind.name).into());
    }
    Ok(())
}
