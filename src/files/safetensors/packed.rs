//! Tensors that hold packed weights whatever made them: none may be taken for plain, or left out in silence.

use super::TensorInfo;
use ::safetensors::Dtype;

/// What follows a layer's name in that of its packed tensor, and whose it is.
const SUFFIXES: &[(&str, &str)] = &[
    (".qweight", "GPTQ or AWQ"),
    (".weight_packed", "compressed-tensors"),
    (".compressed", "compressed-tensors' sparse formats"),
    (".W_q", "HQQ"),
    (".codes", "AQLM"),
    (".weight._data._data", "quanto"),
    (".weight._data", "quanto"),
    ("._weight_qdata", "torchao"),
    ("_qdata", "torchao"),
    ("_blocks", "gpt-oss"),
    ("_qweight", "GPTQ or AWQ"),
    ("_packed", "some tool"),
    (".weight", "some tool"),
];

/// The layer that a tensor holds packed weights of, and whose they are.
///
/// Numbers of 16 bits and more are weights in packed form under known names only: others are indices
/// and masks.
pub(super) fn layer_of(tensor: &TensorInfo) -> Option<(&str, &'static str)> {
    let name = tensor.name();
    let small = is_small_float(tensor.kind());
    let packed = small || matches!(tensor.kind(), Dtype::I8 | Dtype::U8 | Dtype::I32 | Dtype::U32);
    let sparse = name.ends_with(".compressed");
    if sparse || (packed && tensor.shape().len() > 1) || tensor.kind() == Dtype::I16 {
        for &(suffix, whose) in SUFFIXES {
            if let Some(layer) = name.strip_suffix(suffix) {
                return Some((layer, whose));
            }
        }
    }
    // Experts in one tensor, which is named as its layer.
    let scale = name.contains("scale") || name.contains("absmax");
    (small && tensor.shape().len() > 1 && !scale).then_some((name, "some tool"))
}

/// Whether numbers are of fewer bits than those that models are trained in.
fn is_small_float(kind: Dtype) -> bool {
    matches!(
        kind,
        Dtype::F8_E4M3 | Dtype::F8_E5M2 | Dtype::F6_E2M3 | Dtype::F6_E3M2 | Dtype::F4
    )
}

/// The first packed tensor of a layer, if it has one: its name, and whose it is.
pub(super) fn tensor_of<'m>(tensors: &'m [TensorInfo], layer: &str) -> Option<(&'m TensorInfo, &'static str)> {
    let own = tensors.iter().filter(|t| t.name().starts_with(layer));
    own.filter_map(|t| Some((t, layer_of(t)?)))
        .find(|(_, of)| of.0 == layer)
        .map(|(tensor, (_, whose))| (tensor, whose))
}
