//! Importance weights from a file of llama.cpp's `llama-imatrix`.

use crate::args::Args;
use crate::model::Fallible;
use lowbit::calibrate;
use lowbit::gguf::Value;
use std::collections::HashMap;

pub struct Importance {
    /// By tensor, `experts · k` numbers.
    pub means: HashMap<String, Vec<f32>>,
    /// The keys that llama-quantize writes about them.
    pub keys: Vec<(&'static str, Value)>,
}

/// The mean squared inputs in a file, GGUF or the older format, of the tensors that are not excluded. None without
/// `--imatrix` or where none are left.
pub fn read(args: &Args, notes: &mut Vec<String>) -> Fallible<Option<Importance>> {
    let Some(path) = &args.imatrix else {
        return Ok(None);
    };
    let named = |e: Box<dyn std::error::Error>| format!("{}: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| named(e.into()))?;
    let read = calibrate::imatrix::Importance::from_bytes(&bytes).map_err(|e| named(e.into()))?;
    for (option, parts) in [
        ("--include-weights", &args.include_weights),
        ("--exclude-weights", &args.exclude_weights),
    ] {
        for part in parts
            .iter()
            .filter(|part| !read.names().any(|name| name.contains(&part[..])))
        {
            notes.push(format!("{option} {part} matches nothing in {}", path.display()));
        }
    }
    let has = |parts: &[String], name: &str| parts.iter().any(|part| name.contains(&part[..]));
    let wanted = |name: &&str| {
        let included = args.include_weights.is_empty() || has(&args.include_weights, name);
        included && !has(&args.exclude_weights, name)
    };
    let means = |name: &str| Some((name.to_owned(), read.means(name)?));
    let means: HashMap<_, _> = read.names().filter(wanted).filter_map(means).collect();
    if means.is_empty() {
        return Ok(None);
    }
    let mut keys = vec![("quantize.imatrix.file", cut(&path.to_string_lossy()).into())];
    if let Some(dataset) = read.datasets().first() {
        keys.push(("quantize.imatrix.dataset", cut(dataset).into()));
    }
    keys.push(("quantize.imatrix.entries_count", u32::try_from(means.len())?.into()));
    if read.chunk_count() > 0 {
        keys.push(("quantize.imatrix.chunks_count", read.chunk_count().into()));
    }
    Ok(Some(Importance { means, keys }))
}

/// A text cut to the length that llama.cpp keeps in a key, at a character boundary.
fn cut(text: &str) -> &str {
    let end = (0..=127.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..end.unwrap_or(0)]
}
