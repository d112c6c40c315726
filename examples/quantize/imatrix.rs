//! Importance weights from a file of llama.cpp's `llama-imatrix`.

use crate::model::Fallible;
use lowbit::calibrate;
use std::collections::HashMap;
use std::path::Path;

/// By tensor, `experts · k` numbers.
pub type Importance = HashMap<String, Vec<f32>>;

/// The mean squared inputs in a file, GGUF or the older format.
pub fn read(path: &Path) -> Fallible<Importance> {
    let named = |e: Box<dyn std::error::Error>| format!("{}: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| named(e.into()))?;
    let read = calibrate::imatrix::Importance::from_bytes(&bytes).map_err(|e| named(e.into()))?;
    let means = |name: &str| Some((name.to_owned(), read.means(name)?));
    Ok(read.names().filter_map(means).collect())
}
