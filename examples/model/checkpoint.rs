//! The layers of a safetensors checkpoint, including those that another tool packed.

use super::{Fallible, no_such};
use lowbit::safetensors::{Model, TensorInfo};
use lowbit::{Gpu, Linear, OutputScale};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

pub struct Checkpoint<'a> {
    model: Model<'a>,
    /// The names of all layers, and of the packed ones.
    linears: BTreeSet<String>,
    packed: BTreeSet<String>,
}

/// What a name refers to.
pub enum Found {
    Layer(Box<Linear>),
    /// A tensor of plain floats, with its dimensions.
    Floats(Vec<f32>, Vec<usize>),
}

impl<'a> Checkpoint<'a> {
    /// Opens a folder, or a file with the settings next to it.
    pub fn open(asked: &Path) -> Fallible<Checkpoint<'static>> {
        Ok(Checkpoint::new(Model::open(asked)?))
    }

    pub fn new(model: Model<'a>) -> Checkpoint<'a> {
        let linears: BTreeSet<String> = model.linears().into_iter().collect();
        let packed = linears.iter().filter(|name| model.is_packed(name));
        let packed = packed.cloned().collect();
        Checkpoint { model, linears, packed }
    }

    /// For each tensor, the name of the file that it is read from, where several files hold one of its name.
    pub fn files_of_tensors(&self) -> HashMap<&str, &str> {
        let tensors = self.model.tensors().iter();
        tensors.map(|t| (t.name(), self.model.file_of(t))).collect()
    }

    /// The method that quantized its layers: `gptq`, ...
    pub fn method(&self) -> &'static str {
        self.model.method().name()
    }

    /// The names of the packed layers.
    pub fn packed(&self) -> &BTreeSet<String> {
        &self.packed
    }

    /// The layer to take where none is named: the first packed one, otherwise the first.
    pub fn first(&self) -> Fallible<&str> {
        let first = self.packed.first().or(self.linears.first());
        Ok(first.ok_or("no tensor in it is a linear layer")?)
    }

    pub fn tensor_count(&self) -> usize {
        self.model.tensors().len()
    }

    /// The tensors that belong to no packed layer.
    pub fn others(&self) -> impl Iterator<Item = &TensorInfo> {
        let tensors = self.model.tensors().iter();
        tensors.filter(|t| self.owner(t.name()).is_none_or(|o| !self.packed.contains(o)))
    }

    /// The layer that a tensor belongs to: the one with the longest name that is a prefix of the tensor's.
    fn owner<'n>(&self, tensor: &'n str) -> Option<&'n str> {
        // The suffixes of gpt-oss.
        let joined = ["_blocks", "_scales", "_bias"];
        let joined = joined.iter().find_map(|suffix| tensor.strip_suffix(suffix));
        let dots = tensor.rmatch_indices('.').map(|(at, _)| &tensor[..at]);
        joined.into_iter().chain(dots).find(|name| self.linears.contains(*name))
    }

    pub fn linear(&self, name: &str) -> Fallible<Linear> {
        Ok(self.model.linear(name)?)
    }

    /// The layer of this name, or of the name of its `.weight`.
    pub fn layer(&self, name: &str) -> Option<&str> {
        let names = [Some(name), name.strip_suffix(".weight")];
        let mut found = names.iter().flatten().map(|name| self.linears.get(*name));
        found.find_map(|name| name.map(|name| &name[..]))
    }

    /// The layer or tensor of this name.
    pub fn find(&self, name: &str) -> Fallible<Found> {
        if let Some(layer) = self.layer(name) {
            return Ok(Found::Layer(Box::new(self.linear(layer)?)));
        }
        match self.others().find(|t| t.name() == name) {
            Some(info) => {
                let numbers = self.model.to_f32(name)?;
                Ok(Found::Floats(numbers, info.shape().to_vec()))
            }
            None => {
                let packed = self.packed.iter().map(|name| &name[..]);
                let others = self.others().map(TensorInfo::name);
                let names: Vec<&str> = packed.chain(others).collect();
                Err(no_such("layer or tensor", name, &names).into())
            }
        }
    }

    /// The layer of this name, or an error that names layers.
    pub fn layer_named(&self, name: &str) -> Fallible<&str> {
        let names: Vec<&str> = self.linears.iter().map(|name| &name[..]).collect();
        let layer = self.layer(name);
        Ok(layer.ok_or_else(|| no_such("linear layer", name, &names))?)
    }
}

pub fn is_float(tensor: &TensorInfo) -> bool {
    ["F32", "F16", "BF16"].contains(&&tensor.dtype()[..])
}

/// The effective weights of a layer, decoded by the GPU if one is given.
pub fn effective(linear: &Linear, gpu: Option<&Gpu>) -> Fallible<Vec<f32>> {
    match gpu {
        None => Ok(linear.dequantize()),
        Some(gpu) => {
            let layer = gpu.upload_linear(linear)?;
            Ok(linear.effective(gpu.dequantize(layer.weights())?))
        }
    }
}

/// What a layer has in addition to its matrix.
pub fn note(linear: &Linear) -> String {
    let mut parts = Vec::new();
    let mut part = |is_there: bool, text: String| {
        if is_there {
            parts.push(text);
        }
    };
    part(linear.norm().is_some(), "norm of its inputs".into());
    let (columns, _) = linear.outliers().unwrap_or_default();
    part(!columns.is_empty(), format!("{} outlier columns", columns.len()));
    part(linear.input_scales().is_some(), "input scales".into());
    part(linear.rotation().is_some(), "rotation".into());
    part(linear.permutation().is_some(), "permutation".into());
    match linear.scale() {
        Some(OutputScale::Multiply(s)) => part(true, format!("scale * {s}")),
        Some(OutputScale::Divide(s)) => part(true, format!("scale / {s}")),
        None => {}
    }
    part(linear.output_scales().is_some(), "output scales".into());
    let rotates = linear.output_rotation().is_some();
    part(rotates, "rotation of its outputs".into());
    part(linear.bias().is_some(), "bias".into());
    // These are stored outside the bytes of the matrix.
    let format = linear.matrix().format().name();
    part(format.starts_with("aqlm"), "codebook, not counted".into());
    let columns = format.ends_with("_columns");
    part(columns, "scales by column, not counted".into());
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lowbit::{Dense, Format, Matrix};
    use safetensors::{Dtype, tensor::TensorView};

    #[test]
    fn tensors_belong_to_the_layer_of_the_longest_name() {
        let names = [
            "a.q.qweight",
            "a.q.qzeros",
            "a.q.bias",
            "a.q.lora.weight",
            "a.norm.weight",
            "a.qq.bias",
        ];
        let view = |name| {
            let shape = if name == "a.q.lora.weight" { vec![1, 1] } else { vec![1] };
            (name, TensorView::new(Dtype::F32, shape, &[0; 4]).unwrap())
        };
        let bytes = safetensors::serialize(names.map(view), None).unwrap();
        let config = r#"{ "quantization_config": { "quant_method": "gptq" } }"#;
        let model = Model::from_parts(config, &[("file", &bytes)]).unwrap();
        let checkpoint = Checkpoint::new(model);
        assert_eq!(checkpoint.first().unwrap(), "a.q");
        assert_eq!(checkpoint.packed.len(), 1);
        let mut others: Vec<_> = checkpoint.others().map(|t| t.name()).collect();
        others.sort();
        assert_eq!(others, ["a.norm.weight", "a.q.lora.weight", "a.qq.bias"]);
        assert!(matches!(checkpoint.find("a.norm.weight"), Ok(Found::Floats(..))));
        assert!(matches!(checkpoint.find("a.q.lora.weight"), Ok(Found::Layer(_))));
        let error = checkpoint.find("a.q.qweight").err().unwrap().to_string();
        assert!(error.contains("there is a.q"), "{error}");
        assert_eq!(checkpoint.layer_named("a.q.lora.weight").unwrap(), "a.q.lora");
        let error = checkpoint.layer_named("a.norm.weight").err().unwrap();
        assert!(error.to_string().contains("a.q.lora"), "{error}");
    }

    #[test]
    fn notes_tell_what_is_there() {
        let matrix = Matrix::quantize(Format::INT8, Dense::new(1, 8, &[1.0; 8]).unwrap()).unwrap();
        let linear = Linear::new(matrix);
        assert_eq!(note(&linear), "");
        let linear = linear
            .with_permutation((0..8).rev().collect())
            .and_then(|l| l.with_scale(OutputScale::Divide(2.0)))
            .and_then(|l| l.with_bias(vec![1.0]))
            .unwrap();
        assert_eq!(note(&linear), "permutation, scale / 2, bias");
    }
}
