//! Inputs of the target `safetensors`.
//!
//! An input is the text of a `config.json`, a NUL, and one of
//! - `#` and the bytes of a file, used unchanged;
//! - a line for each tensor, `NAME DTYPE DIM,DIM VALUES`, from which a well-formed file is written.
//!   VALUES are integers of the tensor's type, repeated as needed; or `'` and text, whose length
//!   replaces a dimension `*`; or nothing, which takes the bytes after a second NUL, repeated.

use crate::Choices;
use std::borrow::Cow;

/// The most bytes of one tensor: enough for AQLM's codebooks.
const TENSOR: usize = 1 << 20;
const TENSORS: usize = 12;

/// The text of the configuration and the bytes of the file.
pub fn checkpoint(input: &[u8]) -> (Cow<'_, str>, Cow<'_, [u8]>) {
    let (config, rest) = at_nul(input);
    let file = match rest.strip_prefix(b"#") {
        Some(file) => file.into(),
        None => {
            let (lines, data) = at_nul(rest);
            written(&String::from_utf8_lossy(lines), &Choices::new(data)).into()
        }
    };
    (String::from_utf8_lossy(config), file)
}

fn at_nul(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// The file that these lines describe.
fn written(lines: &str, choices: &Choices) -> Vec<u8> {
    let (mut header, mut data) = (String::from("{"), Vec::new());
    for line in lines.lines().take(TENSORS) {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (name, dtype, dims, values) = (word(), word(), word(), word());
        let text = values.strip_prefix('\'').unwrap_or_default();
        let dims = dims.replace('*', &text.len().to_string());
        let item = match dtype.trim_end_matches(|c: char| !c.is_ascii_digit()) {
            d if d.ends_with("64") => 8,
            d if d.ends_with("32") => 4,
            d if d.ends_with("16") => 2,
            _ => 1,
        };
        let sizes = dims.split(',').filter_map(|d| d.parse::<usize>().ok());
        let size = sizes.fold(item, |all: usize, dim| all.saturating_mul(dim));
        let start = data.len();
        let pattern = pattern(values, text, item);
        match pattern.is_empty() {
            true => data.extend(choices.fill(size.min(TENSOR))),
            false => data.extend(pattern.iter().cycle().take(size.min(TENSOR))),
        }
        if header.len() > 1 {
            header.push(',');
        }
        let end = data.len();
        header.push_str(&format!(
            "{name:?}:{{\"dtype\":{dtype:?},\"shape\":[{dims}],\"data_offsets\":[{start},{end}]}}"
        ));
    }
    header.push('}');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

fn pattern(values: &str, text: &str, item: usize) -> Vec<u8> {
    if !text.is_empty() {
        return text.into();
    }
    let numbers = values.split(' ').filter_map(|v| v.parse::<i64>().ok());
    let bytes = numbers.map(|v| v.to_le_bytes());
    bytes.flat_map(|b| b[..item].to_vec()).collect()
}
