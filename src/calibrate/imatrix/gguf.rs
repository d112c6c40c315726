//! Importance as GGUF, which `llama-imatrix` writes since 2025: for each matrix `NAME.in_sum2`, f32 `[k, experts]`,
//! and `NAME.counts`, f32 `[1, experts]`.
//!
//! `NAME.in_sum`, the sums of the inputs themselves that newer versions add, is not kept.

use super::{ImatrixEntry, Importance, file_error};
use crate::Result;
use crate::gguf::{Gguf, Key, TensorType, TensorView, Writer};

const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";
const DATASETS: &str = "imatrix.datasets";
const CHUNK_COUNT: &str = "imatrix.chunk_count";
const CHUNK_SIZE: &str = "imatrix.chunk_size";

impl Importance {
    /// The file as bytes. Sums and counts are rounded to f32, as the format has them.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) where a name is longer than GGUF holds (55 bytes) or a sum beyond f32.
    pub fn to_gguf(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new();
        writer.metadata("general.type", "imatrix")?;
        writer.metadata(DATASETS, self.datasets.clone())?;
        writer.metadata(CHUNK_COUNT, self.chunk_count())?;
        writer.metadata(CHUNK_SIZE, self.chunk_size)?;
        for (name, ImatrixEntry { sums, counts }) in &self.entries {
            let experts = counts.len();
            let k = sums.len() / experts;
            for (suffix, k, numbers) in [(SUMS, k, sums), (COUNTS, 1, counts)] {
                let name = format!("{name}{suffix}");
                let mut bytes = Vec::with_capacity(4 * numbers.len());
                for &number in numbers {
                    let rounded = number as f32;
                    if !rounded.is_finite() {
                        let at = format!("tensor {name:?}");
                        return Err(file_error(&at, "a sum", "within f32", number));
                    }
                    bytes.extend_from_slice(&rounded.to_le_bytes());
                }
                let dims = [k as u64, experts as u64];
                writer.tensor(&name, &dims, TensorType::F32.id, bytes)?;
            }
        }
        writer.to_bytes()
    }

    pub(super) fn from_gguf(bytes: &[u8]) -> Result<Self> {
        let file = Gguf::parse(bytes)?;
        let mut importance = Importance::new();
        let datasets = file.get(DATASETS).and_then(Key::strings);
        for name in datasets.into_iter().flatten() {
            importance.add_dataset(&String::from_utf8_lossy(name));
        }
        if let Some(size) = file.get(CHUNK_SIZE).and_then(Key::as_u64) {
            let fitting = u32::try_from(size).ok().filter(|&size| size > 0);
            importance.chunk_size = fitting.ok_or_else(|| {
                let expected = format!("from 1 to {}", u32::MAX);
                file_error(&format!("key {CHUNK_SIZE:?}"), "the value", expected, size)
            })?;
        }
        for tensor in file.tensors() {
            if let Some(name) = tensor.name().strip_suffix(SUMS) {
                let (sums, counts) = (numbers(tensor)?, numbers(beside(&file, name, COUNTS)?)?);
                if counts.len() == 1 {
                    warn_of_zeros(name, tensor.rows(), &sums);
                }
                importance.insert(name, sums, counts)?;
            } else if let Some(name) = tensor.name().strip_suffix(COUNTS) {
                beside(&file, name, SUMS)?;
            }
        }
        if importance.entries.is_empty() {
            return Err(file_error(
                "an importance matrix",
                "its tensors",
                format!("some that end in {SUMS}"),
                format!("none of {}", file.tensors().len()),
            ));
        }
        Ok(importance)
    }
}

/// The tensor that must come with another one.
fn beside<'f, 'a>(file: &'f Gguf<'a>, name: &str, suffix: &str) -> Result<&'f TensorView<'a>> {
    file.tensor(&format!("{name}{suffix}"))
}

/// Older versions counted the rows of all experts together: that one of them was never asked is then
/// seen by its sums alone, and its importance is 0.
fn warn_of_zeros(name: &str, experts: u64, sums: &[f64]) {
    let k = sums.len() / usize::try_from(experts).unwrap_or(usize::MAX).max(1);
    for (expert, sums) in sums.chunks(k.max(1)).enumerate() {
        if sums.iter().all(|&sum| sum == 0.0) {
            log::warn!(
                "importance of {name:?}: expert {expert} of {experts} has 0 in all {k} columns and no count \
                 of its own: no error in it counts for anything"
            );
        }
    }
}

fn numbers(tensor: &TensorView) -> Result<Vec<f64>> {
    Ok(tensor.to_f32()?.into_iter().map(f64::from).collect())
}
