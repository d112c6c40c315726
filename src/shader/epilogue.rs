//! What is done to an output before it is written.

use super::bindings;
use super::file::{File, text};
use std::hash::{Hash, Hasher};

/// A step between the sum of an output and the writing of it, in f32. A product takes a list of them
/// ([`MatMulBuilder::epilogue`](crate::MatMulBuilder::epilogue)), done in its order; those with an operand
/// take a buffer each when the product is recorded, in the same order.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Epilogue {
    /// `v + bias[row]`: n f32, of stacked matrices n for each.
    Bias,
    /// `v · scale[row]`: n f32, of stacked matrices n for each.
    Scale,
    /// `v · factor[i]`, i the row of y: as many f32 as y has rows. The weights of a routing.
    RowScale,
    /// `v + residual[i, row]`: of y's shape and type.
    Residual,
    /// `v · factor[i, row]`: of y's shape and type.
    Multiply,
    /// `v · SiLU(gate[i, row])`: of y's shape and type. SwiGLU.
    SiluGate,
    /// `v · gelu_tanh(gate[i, row])`, as [`GeluTanh`](Epilogue::GeluTanh): of y's shape and type. GeGLU.
    GeluTanhGate,
    /// `v · SiLU(gate)` where the packed matrix holds two matrices, the n rows of a gate and then the n rows that it gates
    /// ([`Matrix::stacked`](crate::Matrix::stacked)): y is [m, n]. SwiGLU in one dispatch. Epilogues before it apply to
    /// both sums, and their `bias` and `scale` have 2n numbers; those after it may have neither. The gate's sum is
    /// rounded to the type of y on the way.
    SwiGlu,
    /// The same with `v · gelu_tanh(gate)`. GeGLU in one dispatch.
    GeGlu,
    /// `v + y[i, row]`, what y held before: y += W x, in place and without an operand. y must be filled.
    Accumulate,
    /// `cap · tanh(v / cap)` for a positive cap.
    SoftCap(f32),
    /// `max(v, 0)`.
    Relu,
    /// `v · Φ(v)`, Φ the normal distribution: PyTorch's `gelu`.
    Gelu,
    /// `v / 2 · (1 + tanh(√(2/π) · (v + 0.044715 v³)))`: PyTorch's `gelu(approximate="tanh")`.
    GeluTanh,
    /// `v / (1 + exp(-v))`.
    Silu,
}

impl PartialEq for Epilogue {
    fn eq(&self, other: &Epilogue) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Epilogue {}

impl Hash for Epilogue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// A buffer of the caller's that an epilogue reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    pub name: &'static str,
    pub binding: u32,
    pub extent: Extent,
}

/// How large an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// An f32 for each row of the packed matrix.
    Weights,
    /// An f32 for each row of y.
    Rows,
    /// What y is.
    Outputs,
}

/// The operand of `epilogues/zero_point.wgsl`, which lowbit makes and binds itself.
pub(crate) const ZERO_POINT: Operand = Operand {
    name: "zero point",
    binding: bindings::ZERO_POINT,
    extent: Extent::Weights,
};

const SIGMOID: File = text!("epilogues/sigmoid.wgsl");
const GELU_TANH: File = text!("epilogues/gelu_tanh.wgsl");

impl Epilogue {
    /// All of it in values that can be compared: caps by their bits.
    fn key(self) -> (&'static str, u32) {
        match self {
            Epilogue::SoftCap(cap) => (self.function(), cap.to_bits()),
            _ => (self.function(), 0),
        }
    }

    /// Whether sums of two matrices meet in it.
    pub(crate) fn is_gate(self) -> bool {
        matches!(self, Epilogue::SwiGlu | Epilogue::GeGlu)
    }

    /// What it needs to be told besides its operand: a line of WGSL.
    pub(crate) fn constant(self) -> Option<String> {
        match self {
            Epilogue::SoftCap(cap) => Some(format!("const SOFT_CAP: f32 = {cap:?}f;")),
            _ => None,
        }
    }

    /// The name of its function in its file.
    pub(crate) fn function(self) -> &'static str {
        match self {
            Epilogue::Bias => "bias",
            Epilogue::Scale => "scale",
            Epilogue::RowScale => "row_scale",
            Epilogue::Residual => "residual",
            Epilogue::Multiply => "multiply",
            Epilogue::SiluGate => "silu_gate",
            Epilogue::GeluTanhGate => "gelu_tanh_gate",
            Epilogue::SwiGlu => "swiglu",
            Epilogue::GeGlu => "geglu",
            Epilogue::Accumulate => "accumulate",
            Epilogue::SoftCap(_) => "soft_cap",
            Epilogue::Relu => "relu",
            Epilogue::Gelu => "gelu",
            Epilogue::GeluTanh => "gelu_tanh",
            Epilogue::Silu => "silu",
        }
    }

    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Epilogue::Bias => &[text!("epilogues/bias.wgsl")],
            Epilogue::Scale => &[text!("epilogues/scale.wgsl")],
            Epilogue::RowScale => &[text!("epilogues/row_scale.wgsl")],
            Epilogue::Residual => &[text!("epilogues/residual.wgsl")],
            Epilogue::Multiply => &[text!("epilogues/multiply.wgsl")],
            Epilogue::SiluGate => &[SIGMOID, text!("epilogues/silu_gate.wgsl")],
            Epilogue::GeluTanhGate => &[SIGMOID, GELU_TANH, text!("epilogues/gelu_tanh_gate.wgsl")],
            Epilogue::SwiGlu => &[SIGMOID, text!("epilogues/swiglu.wgsl")],
            Epilogue::GeGlu => &[SIGMOID, GELU_TANH, text!("epilogues/geglu.wgsl")],
            Epilogue::Accumulate => &[text!("epilogues/accumulate.wgsl")],
            Epilogue::SoftCap(_) => &[text!("epilogues/soft_cap.wgsl")],
            Epilogue::Relu => &[text!("epilogues/relu.wgsl")],
            Epilogue::Gelu => &[text!("epilogues/gelu.wgsl")],
            Epilogue::GeluTanh => &[SIGMOID, GELU_TANH],
            Epilogue::Silu => &[SIGMOID, text!("epilogues/silu.wgsl")],
        }
    }

    /// The binding is that of its file.
    pub(crate) fn operand(self) -> Option<Operand> {
        let (name, binding, extent) = match self {
            Epilogue::Bias => ("bias", bindings::BIAS, Extent::Weights),
            Epilogue::Residual => ("residual", bindings::RESIDUAL, Extent::Outputs),
            Epilogue::Scale => ("scale", bindings::SCALE, Extent::Weights),
            Epilogue::SiluGate | Epilogue::GeluTanhGate => ("gate", bindings::GATE, Extent::Outputs),
            Epilogue::Multiply => ("factor", bindings::FACTOR, Extent::Outputs),
            Epilogue::RowScale => ("row scale", bindings::ROW_SCALE, Extent::Rows),
            _ => return None,
        };
        Some(Operand { name, binding, extent })
    }
}
