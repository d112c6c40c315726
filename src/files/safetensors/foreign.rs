//! Files of other formats, recognized by their first bytes or their name.

use super::errors::short;
use crate::{Error, Result};

/// Bytes at the start of a file that tell its format.
pub(super) const LOOKED_AT: u64 = 16;

/// Refuses files of other known formats. Read as safetensors they would only be reported as having too long a header.
pub(super) fn check(name: &str, start: &[u8]) -> Result<()> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
    // No header has a length of 2^32 or more; other formats have other fields here.
    let no_length = start.get(4..8).is_some_and(|high| high != [0; 4]);
    let kind = match start {
        [b'G', b'G', b'U', b'F', ..] if no_length => "GGUF: gguf::Gguf reads it",
        // PyTorch writes ZIP files, and wrote pickles before.
        [b'P', b'K', 3, 4, ..] | [0x80, 2..=5, ..] if no_length => {
            "a file of PyTorch, which is not read: save it as safetensors"
        }
        _ if extension.as_deref() == Some("onnx") => "ONNX is not read; layouts::MatMulNBitsLayout takes its tensors",
        _ => return Ok(()),
    };
    Err(Error::File {
        at: short(name),
        what: "the file".into(),
        expected: "safetensors".into(),
        got: kind.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_told_from_headers() {
        let error = |name, start: &[u8]| check(name, start).map_err(|e| e.to_string());
        let gguf = error("a", b"GGUF\x03\0\0\0").unwrap_err();
        assert!(gguf.contains("gguf::Gguf"), "{gguf}");
        let zip = error("a.bin", b"PK\x03\x04\0\0\x08\x08").unwrap_err();
        assert!(zip.contains("PyTorch"), "{zip}");
        let onnx = error("d.onnx/m.ONNX", b"\x08\x0a\x12\x0d").unwrap_err();
        assert!(onnx.contains("ONNX is not read; layouts::MatMulNBitsLayout"), "{onnx}");
        // These are possible lengths of a header.
        for start in [&b"PK\x03\x04\0\0\0\0{\"a"[..], b"\x80\x02\x7d\0\0\0\0\0{", b"", b"GGUF"] {
            error("x.onnx.safetensors", start).unwrap();
        }
    }
}
