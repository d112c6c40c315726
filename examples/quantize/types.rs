//! The tensors that get another type than the preset's.

use crate::args::Args;
use crate::model::Fallible;
use lowbit::gguf::{Preset, TensorType};
use regex::Regex;
use std::collections::HashMap;

pub struct Types<'a> {
    args: &'a Args,
    preset: Preset,
    assigned: HashMap<&'a str, TensorType>,
}

impl<'a> Types<'a> {
    pub fn new(args: &'a Args, preset: Preset, named: &[(&str, &[u64])]) -> Fallible<Types<'a>> {
        let assigned = assigned(args, named)?;
        Ok(Types { args, preset, assigned })
    }

    /// The type in place of the preset's, if any. Options of llama-quantize have its precedence.
    pub fn of(&self, name: &str) -> Option<TensorType> {
        let args = self.args;
        let is_embedding = ["token_embd.weight", "per_layer_token_embd.weight"].contains(&name);
        first(&args.keep, name)
            .or(self.assigned.get(name).copied())
            .or(args.token_embedding_type.filter(|_| is_embedding))
            .or(args.output_tensor_type.filter(|_| name == "output.weight"))
            .or_else(|| {
                let pure = self.args.pure.then_some(self.preset.default);
                let listed = self.listed().find(|(regex, _)| regex.is_match(name));
                let packed = self.preset.default.is_packed();
                listed.map(|(_, kind)| *kind).or(pure).filter(|_| packed)
            })
    }

    fn listed(&self) -> impl Iterator<Item = &'a (Regex, TensorType)> {
        let file = self.args.tensor_type_file.iter().flat_map(|file| &file.0);
        self.args.tensor_type.iter().chain(file)
    }

    /// Notes on options without effect, given the names of the tensors that the preset quantizes.
    pub fn idle(&self, names: &[&str]) -> Vec<String> {
        let mut notes = Vec::new();
        let mut patterns = |option: &str, entries: &mut dyn Iterator<Item = &(Regex, TensorType)>| {
            for (regex, kind) in entries.filter(|(regex, _)| !names.iter().any(|name| regex.is_match(name))) {
                notes.push(format!(
                    "{option} {regex}={} matches no tensor that is quantized",
                    kind.name
                ));
            }
        };
        patterns("--keep", &mut self.args.keep.iter());
        patterns("--tensor-type", &mut self.listed());
        let idle = self.listed().next().is_some() && !self.preset.default.is_packed();
        if idle {
            let name = self.preset.name;
            notes.push(format!(
                "--tensor-type does nothing with {name}, as in llama-quantize; --keep does"
            ));
        }
        if self.args.output_tensor_type.is_some() && !names.contains(&"output.weight") {
            notes.push("--output-tensor-type: the model has no output.weight of its own".into());
        }
        notes
    }
}

fn first(entries: &[(Regex, TensorType)], name: &str) -> Option<TensorType> {
    let found = entries.iter().find(|(regex, _)| regex.is_match(name));
    found.map(|(_, kind)| *kind)
}

/// The types in the assignment, whose tensors must all exist.
fn assigned<'a>(args: &'a Args, named: &[(&str, &[u64])]) -> Fallible<HashMap<&'a str, TensorType>> {
    let entries = args.assignment.iter().flat_map(|assignment| &assignment.entries);
    let kinds = entries.map(|(name, format)| {
        if !named.iter().any(|(known, _)| known == name) {
            return Err(format!("the assignment has {name}, which is no tensor of the model").into());
        }
        let kind = format.gguf().and_then(TensorType::from_id);
        let kind = kind.ok_or_else(|| format!("{name}: GGUF files cannot hold {format}"))?;
        Ok((&name[..], kind))
    });
    kinds.collect()
}
