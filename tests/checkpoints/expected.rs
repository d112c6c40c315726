//! A tool's own values for its checkpoint, `expected.safetensors`, compared with lowbit's.

use crate::common::{normed, oracle};
use lowbit::Linear;
use lowbit::safetensors::Model;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Weights of each layer, `LAYER`, and products `LAYER.y` of inputs `LAYER.x`.
pub struct Expected {
    /// The method that the checkpoint should be recognised as.
    method: String,
    /// Layers of floats, which are listed but not compared.
    plain: BTreeSet<String>,
    tensors: BTreeMap<String, Tensor>,
}

struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Expected {
    pub fn read(path: &Path) -> Expected {
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = metadata.metadata().clone().unwrap_or_default();
        let plain = metadata.get("plain").map(String::as_str);
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.iter().map(|(name, view)| {
            let tensor = Tensor {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                values: floats(view.dtype(), view.data()),
            };
            (name.to_owned(), tensor)
        });
        Expected {
            method: metadata["method"].clone(),
            plain: plain
                .into_iter()
                .flat_map(str::split_whitespace)
                .map(str::to_owned)
                .collect(),
            tensors: tensors.collect(),
        }
    }

    /// The first difference between a model and this.
    pub fn compare(&self, model: &Model) -> Result<(), String> {
        let method = model.method().name();
        if method != self.method {
            return Err(format!("read as {method}, should be {}", self.method));
        }
        let layer = |name: &String| name.trim_end_matches(".x").trim_end_matches(".y").to_owned();
        let names: BTreeSet<String> = self.tensors.keys().map(layer).collect();
        let listed: BTreeSet<String> = model.linears().into_iter().collect();
        let should: BTreeSet<String> = names.union(&self.plain).cloned().collect();
        if listed != should {
            return Err(format!("lists {listed:?}, should list {should:?}"));
        }
        names.iter().try_for_each(|name| {
            let linear = self.linear(model, name).map_err(|e| format!("{name}: {e}"))?;
            self.weights(name, &linear)?;
            self.products(name, &linear)
        })
    }

    /// Passes the expected shape, which quanto's files do not store.
    fn linear(&self, model: &Model, name: &str) -> lowbit::Result<Linear> {
        match self.tensors.get(name).map(|t| &t.shape[..]) {
            Some([rows @ .., k]) => model.linear_of(name, rows.iter().product(), *k),
            _ => model.linear(name),
        }
    }

    /// Weights must be equal after rounding to the type that the tool's are stored in.
    fn weights(&self, name: &str, linear: &Linear) -> Result<(), String> {
        let Some(want) = self.tensors.get(name) else {
            return Ok(());
        };
        let got = linear.dequantize();
        let differ = |&(_, (&got, &want)): &(usize, (&f32, &f32))| rounded(got, self.tensors[name].dtype) != want;
        let mut pairs = got.iter().zip(&want.values).enumerate();
        match pairs.find(differ) {
            Some((i, (got, want))) => Err(format!("{name}: weight {i} is {got:e}, should be {want:e}")),
            None => Ok(()),
        }
    }

    /// Products must agree within f32 summation error in any order plus the rounding of the type.
    fn products(&self, name: &str, linear: &Linear) -> Result<(), String> {
        let (Some(x), Some(want)) = (
            self.tensors.get(&format!("{name}.x")),
            self.tensors.get(&format!("{name}.y")),
        ) else {
            return Ok(());
        };
        let (n, k) = (linear.n(), linear.k());
        let got = linear.matmul(&x.values).map_err(|e| e.to_string())?;
        let rows = x.values.chunks(k).flat_map(|x| normed(linear, x));
        let inputs: Vec<f32> = rows.map(|x| x as f32).collect();
        let sums = oracle(&linear.dequantize(), &inputs, n, k);
        let epsilon = k as f64 * f64::from(f32::EPSILON) + ulp(want.dtype);
        for (i, (&got, &want)) in got.iter().zip(&want.values).enumerate() {
            let bias = linear.bias().map_or(0.0, |bias| bias[i % n].abs());
            let bound = epsilon * (sums[i].1 + f64::from(bias));
            if !(f64::from(got - want).abs() <= bound) {
                return Err(format!(
                    "{name}: output {i} is {got:e}, should be {want:e} within {bound:e}"
                ));
            }
        }
        Ok(())
    }
}

fn floats(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    let halves = bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    match dtype {
        Dtype::F16 => halves.map(|h| half::f16::from_bits(h).to_f32()).collect(),
        Dtype::BF16 => halves.map(|h| half::bf16::from_bits(h).to_f32()).collect(),
        Dtype::F32 => bytemuck::pod_collect_to_vec(bytes),
        other => panic!("{other:?}"),
    }
}

fn rounded(value: f32, dtype: Dtype) -> f32 {
    match dtype {
        Dtype::F16 => half::f16::from_f32(value).to_f32(),
        Dtype::BF16 => half::bf16::from_f32(value).to_f32(),
        _ => value,
    }
}

fn ulp(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F16 => half::f16::EPSILON.to_f64(),
        Dtype::BF16 => half::bf16::EPSILON.to_f64(),
        _ => 0.0,
    }
}
