//! PrismML's older files store Q2_0 in blocks of 128 under the id for blocks of 64.

use crate::common::{altered_matrix, random_matrix};
use lowbit::gguf::{Gguf, TensorType, Writer};
use lowbit::{Error, Format, Matrix};

/// A file with these matrices as tensors of type 42, whatever their blocks: written as plain bytes, with shape and type
/// patched into the entries.
fn file(matrices: &[(&str, &Matrix)]) -> Vec<u8> {
    let mut writer = Writer::new();
    for (name, matrix) in matrices {
        let bytes = matrix.bytes();
        let dims = [bytes.len() as u64];
        writer.tensor(name, &dims, TensorType::I8.id, bytes).unwrap();
    }
    let mut file = writer.to_bytes().unwrap();
    for (name, matrix) in matrices {
        let size = (matrix.bytes().len() as u64).to_le_bytes();
        let entry = [name.as_bytes(), &1u32.to_le_bytes(), &size].concat();
        let at = file.windows(entry.len()).position(|w| w == entry).unwrap();
        let at = at + name.len() + 4;
        let weights = (matrix.n() * matrix.k()) as u64;
        file[at..at + 8].copy_from_slice(&weights.to_le_bytes());
        file[at + 8..at + 12].copy_from_slice(&TensorType::Q2_0.id.to_le_bytes());
    }
    file
}

#[test]
fn sizes_tell_blocks_of_128_from_blocks_of_64() {
    for format in [Format::Q2_0, Format::Q2_0_G128] {
        let a = random_matrix(format, 1, 4096, 1);
        let b = random_matrix(format, 1, 8192, 2);
        let file = file(&[("first", &a), ("second", &b)]);
        let parsed = Gguf::parse(&file).unwrap();
        for (name, matrix) in [("first", &a), ("second", &b)] {
            assert_eq!(&parsed.matrix(name).unwrap(), matrix, "{format} {name}");
        }
    }
}

/// One file has one block size: a mixture fits neither, nor does a truncated file.
#[test]
fn what_fits_neither_way_is_an_error() {
    let a = random_matrix(Format::Q2_0, 1, 4096, 1);
    let b = random_matrix(Format::Q2_0_G128, 1, 8192, 2);
    let mixed = file(&[("first", &a), ("second", &b)]);
    assert!(Gguf::parse(&mixed).is_err());
    let whole = file(&[("second", &b)]);
    let cut = Gguf::parse(&whole[..whole.len() - 64]);
    assert!(matches!(cut, Err(Error::Truncated { .. })), "{cut:?}");
}

#[test]
fn scales_that_are_no_numbers_are_errors() {
    for (bits, word) in [(0x7c00u16, "inf"), (0x7e01, "NaN")] {
        let matrix = altered_matrix(Format::Q2_0, 1, 4096, 1, |bytes| {
            bytes[36..38].copy_from_slice(&bits.to_le_bytes())
        });
        let file = file(&[("broken", &matrix)]);
        let error = Gguf::parse(&file).unwrap().matrix("broken").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("broken") && text.contains("128") && text.contains(word),
            "{text}"
        );
    }
}
