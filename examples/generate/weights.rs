//! The tensors of a GGUF file, found, checked and borrowed: nothing is copied, and nothing is on a device yet.

use crate::model::Fallible;
use crate::shape::Shape;
use lowbit::Matrix;
use lowbit::gguf::{Split, TensorView};
use lowbit::kv::Rope;
use lowbit::layer::Norm;
use std::cell::RefCell;
use std::collections::HashSet;

/// All of a model.
pub struct Model<'a> {
    pub shape: Shape,
    /// A row for each token.
    pub embedding: Matrix<'a>,
    pub layers: Vec<Layer<'a>>,
    pub norm: Norm,
    /// The logits of all tokens; `None` where they are products with the embedding.
    pub head: Option<Matrix<'a>>,
    /// What the frequencies of rotations are divided by.
    divisors: Option<Vec<f32>>,
}

/// One layer: attention, then the feed-forward network.
pub struct Layer<'a> {
    pub attention_norm: Norm,
    pub q: Linear<'a>,
    pub k: Linear<'a>,
    pub v: Linear<'a>,
    /// Factors of the norms of each query and key (Qwen3).
    pub head_norms: Option<[Vec<f32>; 2]>,
    pub output: Linear<'a>,
    pub hidden_norm: Norm,
    pub gate: Linear<'a>,
    pub up: Linear<'a>,
    pub down: Linear<'a>,
}

/// Weights and, in some models, a bias.
pub struct Linear<'a> {
    pub matrix: Matrix<'a>,
    pub bias: Option<Vec<f32>>,
}

/// A file, and the tensors that were asked for.
struct Tensors<'a> {
    file: &'a Split<'a>,
    used: RefCell<HashSet<String>>,
}

impl<'a> Tensors<'a> {
    fn find(&self, name: &str) -> Fallible<&'a TensorView<'a>> {
        self.used.borrow_mut().insert(name.to_owned());
        Ok(self.file.tensor(name)?)
    }

    fn floats(&self, name: &str, count: usize) -> Fallible<Vec<f32>> {
        let floats = self.find(name)?.to_f32()?;
        match floats.len() == count {
            true => Ok(floats),
            false => Err(format!("{name} should have {count} numbers, got {}", floats.len()).into()),
        }
    }

    /// What `read` makes of a tensor that may be left out.
    fn maybe<T>(&self, name: &str, read: impl Fn(&str) -> Fallible<T>) -> Fallible<Option<T>> {
        self.file.tensor(name).is_ok().then(|| read(name)).transpose()
    }

    /// n is not checked where it is `None`.
    fn matrix(&self, name: &str, n: Option<usize>, k: usize) -> Fallible<Matrix<'a>> {
        let matrix = self.find(name)?.matrix();
        let matrix = matrix.map_err(|e| format!("{name}: {e}"))?;
        let n = n.unwrap_or(matrix.n());
        match (matrix.n(), matrix.k()) == (n, k) {
            true => Ok(matrix),
            false => Err(format!("{name} should be {n} x {k}, got {} x {}", matrix.n(), matrix.k()).into()),
        }
    }
}

impl<'a> Model<'a> {
    /// Finds all tensors; an error names one that is missing or has the wrong shape or type, or one of the file that
    /// this example does not know, without which the model would say something else.
    pub fn read(file: &'a Split<'a>) -> Fallible<Model<'a>> {
        let shape = Shape::read(file)?;
        let tensors = Tensors {
            file,
            used: RefCell::default(),
        };
        let norm = |name: &str| Fallible::Ok(Norm::rms(tensors.floats(name, shape.width)?, shape.eps)?);
        let embedding = tensors.matrix("token_embd.weight", None, shape.width)?;
        let tokens = embedding.n();
        let head = |name: &str| tensors.matrix(name, Some(tokens), shape.width);
        let divisors = |name: &str| Fallible::Ok(tensors.find(name)?.to_f32()?);
        let mut layers = Vec::new();
        for i in 0..shape.layers {
            let linear = |part: &str, n: usize, k: usize| {
                Fallible::Ok(Linear {
                    matrix: tensors.matrix(&format!("blk.{i}.{part}.weight"), Some(n), k)?,
                    bias: tensors.maybe(&format!("blk.{i}.{part}.bias"), |name| tensors.floats(name, n))?,
                })
            };
            let head_norm = |part: &str| {
                let name = format!("blk.{i}.{part}.weight");
                tensors.maybe(&name, |name| tensors.floats(name, shape.key))
            };
            let Shape { width, hidden, .. } = shape;
            layers.push(Layer {
                attention_norm: norm(&format!("blk.{i}.attn_norm.weight"))?,
                q: linear("attn_q", shape.heads * shape.key, width)?,
                k: linear("attn_k", shape.kv_heads * shape.key, width)?,
                v: linear("attn_v", shape.kv_heads * shape.value, width)?,
                head_norms: match (head_norm("attn_q_norm")?, head_norm("attn_k_norm")?) {
                    (None, None) => None,
                    (Some(q), Some(k)) => Some([q, k]),
                    _ => return Err(format!("layer {i} has a norm of queries or of keys, not of both").into()),
                },
                output: linear("attn_output", width, shape.heads * shape.value)?,
                hidden_norm: norm(&format!("blk.{i}.ffn_norm.weight"))?,
                gate: linear("ffn_gate", hidden, width)?,
                up: linear("ffn_up", hidden, width)?,
                down: linear("ffn_down", width, hidden)?,
            });
        }
        let norm = norm("output_norm.weight")?;
        let head = tensors.maybe("output.weight", head)?;
        let divisors = tensors.maybe("rope_freqs.weight", divisors)?;
        let used = tensors.used.borrow();
        if let Some(unknown) = file.tensors().iter().find(|t| !used.contains(t.name())) {
            let (name, architecture) = (unknown.name(), &shape.architecture);
            return Err(format!("{name} is no tensor that this example knows in {architecture}").into());
        }
        drop(used);
        Ok(Model {
            shape,
            embedding,
            layers,
            norm,
            head,
            divisors,
        })
    }

    /// The rotation of queries and keys at so many positions.
    pub fn rope(&self, positions: usize) -> Fallible<Rope> {
        self.shape.rope(self.divisors.as_deref(), positions)
    }
}
