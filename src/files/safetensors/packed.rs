//! Recognizing packed weights of any tool, so that none are read as plain numbers or silently left out.

use super::info::TensorInfo;
use super::method::Method;
use ::safetensors::Dtype;

/// Suffixes of packed tensors, and the tools that write them.
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

/// The layer whose packed weights a tensor holds, and the tool that wrote them.
///
/// Integers of 16 bits and more count as packed weights only under known names: others are indices and masks.
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
        if let Some((layer, method)) = Method::of_tensor(name) {
            return Some((layer, method.name()));
        }
    }
    // A tensor of stacked experts has the name of its layer.
    let scale = name.contains("scale") || name.contains("absmax");
    (small && tensor.shape().len() > 1 && !scale).then_some((name, "some tool"))
}

/// Whether floats have fewer bits than the types that models are trained in.
fn is_small_float(kind: Dtype) -> bool {
    matches!(
        kind,
        Dtype::F8_E4M3 | Dtype::F8_E5M2 | Dtype::F6_E2M3 | Dtype::F6_E3M2 | Dtype::F4
    )
}

/// The first packed tensor of a layer, if any, and the tool that wrote it.
pub(super) fn tensor_of<'m>(tensors: &'m [TensorInfo], layer: &str) -> Option<(&'m TensorInfo, &'static str)> {
    let own = tensors.iter().filter(|t| t.name().starts_with(layer));
    own.filter_map(|t| Some((t, layer_of(t)?)))
        .find(|(_, of)| of.0 == layer)
        .map(|(tensor, (_, whose))| (tensor, whose))
}
