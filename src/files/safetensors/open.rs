//! Opening a model on disk: its files and settings.

use super::errors::short;
use super::model::Model;
use super::source::{ModelFile, failed, small};
use super::strings::Strings;
use super::{header, json, settings};
use crate::{Error, Result};
use std::path::{Path, PathBuf};

const MODEL: &str = "model.safetensors";
const INDEX: &str = ".safetensors.index.json";

impl Model<'static> {
    /// Opens a model: a folder with settings and tensors, or one `.safetensors` file with the settings in its folder.
    ///
    /// The tensors of a folder are in the files that [`files`] returns. The settings are in `config.json`, or in the file
    /// that some tools write in its place (`quantize_config.json`, `quant_config.json`, `hf_quant_config.json`,
    /// `quantization_config.json`, `quanto_qmap.json`).
    ///
    /// Headers are read at once and each tensor on request, so that the model is never in memory as a whole. The files
    /// must not change meanwhile.
    ///
    /// # Errors
    /// The errors of [`from_parts`](Model::from_parts) and of [`files`]; [`Error::Io`] if a file cannot be read or is not
    /// a regular file.
    pub fn open(path: impl AsRef<Path>) -> Result<Model<'static>> {
        let path = path.as_ref();
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(Path::new(""))
        };
        let (files, index) = if path.is_dir() {
            of_folder(path)?
        } else {
            (vec![path.to_owned()], Strings::default())
        };
        let files = files.into_iter().map(source).collect();
        Model::new(&settings::of_folder(folder)?, files, &index)
    }
}

/// The files that hold the tensors of the model in a folder. The first of these that applies: `model.safetensors`; the
/// files in `model.safetensors.index.json`; the files in the only other index; all `.safetensors` files.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read, [`Error::File`] if it has no such file or an index is
/// none.
pub fn files(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    Ok(of_folder(folder.as_ref())?.0)
}

/// The files of a folder, and the file of each tensor, from an index.
fn of_folder(folder: &Path) -> Result<(Vec<PathBuf>, Strings)> {
    // An index in the same folder lists other files, perhaps those that were merged into this one.
    let model = folder.join(MODEL);
    if model.exists() {
        return Ok((vec![model], Strings::default()));
    }
    let mut names = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(failed("listing", folder))?;
    for entry in entries {
        let entry = entry.map_err(failed("listing", folder))?;
        // Tools write no names that are not Unicode.
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    let mut indices = names.iter().filter(|name| name.ends_with(INDEX));
    let own = names.iter().find(|name| name.strip_suffix(INDEX) == Some("model"));
    let index = match (own, indices.next(), indices.next()) {
        (Some(own), ..) => Some(own),
        (None, Some(only), None) => Some(only),
        (None, Some(first), Some(second)) => {
            let at = folder.display().to_string();
            let (what, expected) = ("its index".into(), format!("one, or model{INDEX}"));
            let got = format!("{first:?} and {second:?}");
            return Err(Error::File {
                at,
                what,
                expected,
                got,
            });
        }
        (None, None, _) => None,
    };
    if let Some(index) = index {
        let map = shards(index, &small(&folder.join(index), header::MAX_HEADER)?)?;
        let mut files: Vec<&str> = map.iter().map(|(_, file)| file).collect();
        files.sort();
        files.dedup();
        let files = files.into_iter().map(|file| folder.join(file)).collect();
        return Ok((files, map));
    }
    let tensors = names.iter().filter(|name| name.ends_with(".safetensors"));
    let files: Vec<_> = tensors.map(|name| folder.join(name)).collect();
    if files.is_empty() {
        let onnx = names.iter().any(|name| name.ends_with(".onnx"));
        return Err(Error::File {
            at: folder.display().to_string(),
            what: "its files".into(),
            expected: format!("{MODEL}, an index, or other .safetensors files"),
            got: if onnx {
                "ONNX, which is not read; layouts::MatMulNBitsLayout takes its tensors".into()
            } else {
                "none".into()
            },
        });
    }
    Ok((files, Strings::default()))
}

fn source(path: PathBuf) -> ModelFile<'static> {
    let name = path.file_name().unwrap_or_default();
    ModelFile::Path {
        name: name.to_string_lossy().into_owned(),
        path,
    }
}

/// The file of each tensor, from an index. Files must be in the folder of the index.
fn shards(name: &str, text: &[u8]) -> Result<Strings> {
    let wrong = |what: String, expected: &str, got: String| Error::File {
        at: name.into(),
        what,
        expected: expected.into(),
        got,
    };
    let text = json::strict(text);
    let entries = json::entries(&text).map_err(|e| json::wrong(name, &e))?;
    let map = entries.iter().rev().find(|(key, _)| key == "weight_map");
    let map = map.map_or("null", |(_, map)| map.get());
    let map: Strings =
        serde_json::from_str(map).map_err(|_| wrong("weight_map".into(), "an object of file names", short(map)))?;
    let is_name = |file: &str| Path::new(file).file_name() == Some(file.as_ref());
    let wrong_file = map.iter().find(|(_, file)| !is_name(file));
    if let Some((tensor, file)) = wrong_file {
        let what = format!("the file of {:?}", short(tensor));
        return Err(wrong(what, "a file name", format!("{:?}", short(file))));
    }
    Ok(map)
}
