//! Which files of a folder are its model.

use super::{parts, Fallible};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files, and where an index says each tensor is. Without an index the map is empty.
#[derive(Default)]
pub struct Listed {
    pub paths: Vec<PathBuf>,
    pub index: BTreeMap<String, String>,
}

/// One `model.safetensors`, or the files that an index names, or whatever there is. Others lie beside them often: the
/// same weights in another layout, adapters, what is left of a download.
pub fn listed(folder: &Path) -> Fallible<Listed> {
    let single = folder.join("model.safetensors");
    if single.exists() {
        return Ok(Listed {
            paths: vec![single],
            ..Listed::default()
        });
    }
    let index = folder.join("model.safetensors.index.json");
    if index.exists() {
        let index = read(&index)?;
        let mut names: Vec<&String> = index.values().collect();
        names.sort();
        names.dedup();
        let paths = names.into_iter().map(|name| folder.join(name)).collect();
        return Ok(Listed { paths, index });
    }
    let paths = match with(folder, "safetensors")? {
        found if found.is_empty() => gguf(folder)?,
        found => found,
    };
    Ok(Listed {
        paths,
        ..Listed::default()
    })
}

/// Several GGUF files of a folder are several models, unless they are parts of one.
fn gguf(folder: &Path) -> Fallible<Vec<PathBuf>> {
    let found = with(folder, "gguf")?;
    let Some(first) = found.first() else {
        return Err(format!("{} has no .safetensors or .gguf file", folder.display()).into());
    };
    match found.len() {
        1 => Ok(parts(first)),
        _ if parts(first) == found => Ok(found),
        _ => Err(format!("{} has several models", folder.display()).into()),
    }
}

fn with(folder: &Path, extension: &str) -> Fallible<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    found.retain(|path| path.extension().is_some_and(|e| e == extension));
    found.sort();
    Ok(found)
}

/// The file of each tensor, by name. Only files beside the index are taken.
fn read(path: &Path) -> Fallible<BTreeMap<String, String>> {
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let text = std::fs::read_to_string(path).map_err(|e| named(&e))?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| named(&e))?;
    let map = json["weight_map"].as_object();
    let map = map.ok_or_else(|| named(&"weight_map should be an object"))?;
    let file = |(tensor, file): (&String, &serde_json::Value)| match file.as_str() {
        Some(name) if Path::new(name).file_name() == Some(name.as_ref()) => {
            Ok((tensor.clone(), name.to_owned()))
        }
        _ => Err(named(&format!(
            "the file of {tensor:?} should be a file name, got {file}"
        ))
        .into()),
    };
    map.iter().map(file).collect()
}
