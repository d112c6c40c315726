//! The layers in a list of targets of compressed-tensors: names, patterns after `re:`, classes of modules.

use super::super::layer::LayerSource;
use super::super::pattern::Pattern;
use serde_json::Value;

/// Whether a layer is among the targets in `list`; the error is a pattern that is not understood and may match.
pub fn listed<'s>(layer: &LayerSource, list: &'s Value) -> Result<bool, &'s str> {
    let one = list.as_str().into_iter();
    let several = list.as_array().into_iter().flatten();
    let mut doubtful = None;
    for target in one.chain(several.filter_map(Value::as_str)) {
        let found = match target.strip_prefix("re:") {
            Some(text) => match Pattern::new(text) {
                Some(pattern) => pattern.matches(layer.name),
                None => {
                    doubtful = Some(text);
                    false
                }
            },
            // All packed layers are of this class except embeddings.
            None if target == "Linear" => !layer.is_embedding(),
            None => target == layer.name,
        };
        if found {
            return Ok(true);
        }
    }
    doubtful.map_or(Ok(false), Err)
}
