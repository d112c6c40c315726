//! Importance weights, as llama.cpp's `imatrix` writes them: for each tensor and column the mean of the
//! squared inputs, for each expert by itself.

use crate::model::Fallible;
use lowbit::gguf::Gguf;
use std::collections::HashMap;
use std::path::Path;

/// By tensor, `experts · k` numbers.
pub type Importance = HashMap<String, Vec<f32>>;

/// A GGUF file of sums and counts, or the older format of means, by its first bytes.
pub fn read(path: &Path) -> Fallible<Importance> {
    let named = |e: Box<dyn std::error::Error>| format!("{}: {e}", path.display());
    let bytes = std::fs::read(path).map_err(|e| named(e.into()))?;
    let read = match bytes.starts_with(b"GGUF") {
        true => of_gguf(&bytes),
        false => of_dat(&bytes),
    };
    let importance = read.map_err(named)?;
    for (name, values) in &importance {
        if let Some(wrong) = values.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
            let expected = "importance should be finite and at least 0";
            return Err(named(format!("{name}: {expected}, got {wrong}").into()).into());
        }
    }
    Ok(importance)
}

fn of_gguf(bytes: &[u8]) -> Fallible<Importance> {
    let file = Gguf::parse(bytes)?;
    let mut importance = Importance::new();
    for tensor in file.tensors() {
        let Some(name) = tensor.name().strip_suffix(".in_sum2") else {
            continue;
        };
        let sums = tensor.to_f32()?;
        let counts = file.to_f32(&format!("{name}.counts"))?;
        let k = sums.len() / counts.len();
        if k * counts.len() != sums.len() {
            let got = (sums.len(), counts.len());
            return Err(
                format!("{name}: {} sums are no multiple of {} counts", got.0, got.1).into(),
            );
        }
        let means = sums.chunks(k).zip(&counts).flat_map(|(sums, &count)| {
            // An expert that was never asked has nothing to say: all columns alike.
            let mean = move |sum: &f32| if count > 0.0 { sum / count } else { 1.0 };
            sums.iter().map(mean)
        });
        importance.insert(name.to_owned(), means.collect());
    }
    if importance.is_empty() {
        return Err("no tensor ends in .in_sum2: this is no importance matrix".into());
    }
    Ok(importance)
}

/// A count of entries; of each the name, a number of calls, and sums over them.
fn of_dat(bytes: &[u8]) -> Fallible<Importance> {
    let mut at = 0usize;
    let mut take = |count: usize| {
        let end = at.checked_add(count).filter(|&end| end <= bytes.len());
        let end = end.ok_or_else(|| {
            let left = bytes.len() - at;
            format!("{count} bytes were to follow at {at}, there are {left}: is this an importance matrix?")
        })?;
        Ok::<_, String>(&bytes[std::mem::replace(&mut at, end)..end])
    };
    let mut importance = Importance::new();
    let entries = int(take(4)?)?;
    for _ in 0..entries {
        let length = int(take(4)?)?;
        let name = String::from_utf8(take(length)?.to_vec())?;
        let calls = int(take(4)?)?;
        let count = int(take(4)?)?;
        let values = take(count.saturating_mul(4))?.as_chunks().0;
        let mean = |b: &[u8; 4]| f32::from_le_bytes(*b) / calls.max(1) as f32;
        importance.insert(name, values.iter().map(mean).collect());
    }
    Ok(importance)
}

fn int(bytes: &[u8]) -> Fallible<usize> {
    let value = i32::from_le_bytes(bytes.try_into()?);
    usize::try_from(value)
        .map_err(|_| format!("a count should not be negative, got {value}").into())
}
