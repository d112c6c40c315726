//! Truncated files and randomly changed files: errors or other files, but no panic.

use crate::hostile::Raw;
use crate::{TINY, metadata, rewritten, written};
use lowbit::gguf::Gguf;
use proptest::prelude::*;

#[test]
fn every_prefix() {
    for bytes in [TINY.to_vec(), written::sample()] {
        let file = Gguf::parse(&bytes).unwrap();
        let last = file.tensors().last().unwrap();
        let end = last.data().as_ptr_range().end as usize - bytes.as_ptr() as usize;
        for length in 0..bytes.len() {
            let result = Gguf::parse(&bytes[..length]);
            // Only the padding after the last tensor may be missing.
            assert_eq!(result.is_ok(), length >= end, "{length} bytes: {result:?}");
        }
    }
}

/// Any flipped bit of the head gives an error or shows in the file: no field is skipped, and none is read as a value
/// that would be written differently, except for non-UTF-8 names and bools that are neither 0 nor 1.
#[test]
fn no_bit_of_the_head_is_ignored() {
    let head = 0x238; // where the last tensor's entry ends
    let original = Gguf::parse(TINY).unwrap();
    let mut accepted = 0;
    for at in 0..head {
        for bit in 0..8 {
            let mut bytes = TINY.to_vec();
            bytes[at] ^= 1 << bit;
            let Ok(file) = Gguf::parse(&bytes) else {
                continue;
            };
            accepted += 1;
            let again = rewritten(&file).unwrap();
            match at {
                4..8 => assert_eq!(file.version(), 2),
                // One tensor fewer: the rest of the file is then not part of it.
                8..24 => assert!(file.tensors().len() < original.tensors().len()),
                0xde => assert_eq!(file.get("t.bool").unwrap().value(), (bit > 0).into()),
                _ if bit == 7 && has_foreign_name(&file) => {}
                // A smaller last tensor also leaves a rest.
                _ => assert!(bytes.starts_with(&again), "bit {bit} of byte {at:#x}"),
            }
        }
    }
    // Accepted bits are in letters of names and values of keys; the others are in lengths, types and shapes.
    assert!((1000..head * 8 - 1000).contains(&accepted), "{accepted}");
}

/// Whether a name has bytes that are not UTF-8: it is written as the displayed text.
fn has_foreign_name(file: &Gguf) -> bool {
    let names = file.metadata().iter().map(|key| key.name());
    let mut names = names.chain(file.tensors().iter().map(|t| t.name()));
    names.any(|name| name.contains("\\x"))
}

/// Reads everything that a caller could from an accepted file.
fn survives(bytes: &[u8]) -> Result<(), TestCaseError> {
    let header = Gguf::parse_header(bytes);
    let Ok(file) = Gguf::parse(bytes) else {
        return Ok(());
    };
    prop_assert_eq!(header.unwrap().tensors().len(), file.tensors().len());
    let mut total = 0;
    for t in file.tensors() {
        let data = t.data();
        prop_assert_eq!(data.len() as u64, t.byte_len());
        total += data.len();
        if let Ok(matrix) = file.matrix(t.name()) {
            prop_assert_eq!(matrix.dequantize().len(), matrix.n() * matrix.k());
        }
    }
    prop_assert!(total <= bytes.len());
    if let Ok(again) = rewritten(&file) {
        let second = Gguf::parse(&again).unwrap();
        // As text, so that NaN is equal to itself.
        let keys = |file: &Gguf| format!("{:?}", metadata(file));
        prop_assert_eq!(keys(&second), keys(&file));
        // Names that C tools would read differently may change length, which moves the data.
        for (a, b) in second.tensors().iter().zip(file.tensors()) {
            prop_assert_eq!((a.name(), a.dims()), (b.name(), b.dims()));
            prop_assert_eq!((a.type_id(), a.offset()), (b.type_id(), b.offset()));
            prop_assert!(a.data() == b.data());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Bytes and whole numbers changed anywhere, most of them before the data.
    #[test]
    fn changed_bytes(
        tiny in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u8>()), 0..8),
        numbers in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(vec![
                0, 1, 9, 31, 33, 1 << 31, 1 << 32, 1 << 61, 1 << 63, u64::MAX / 34, u64::MAX - 31, u64::MAX,
            ])), 0..3),
    ) {
        let mut bytes = if tiny { TINY.to_vec() } else { written::sample() };
        let head = 0x240;
        for (index, anywhere, value) in flips {
            let at = index.index(if anywhere { bytes.len() } else { head });
            bytes[at] = value;
        }
        for (index, number) in numbers {
            let at = index.index(head);
            bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(number));
        }
        survives(&bytes)?;
    }

    /// Arbitrary bytes after a valid header.
    #[test]
    fn random_bytes(tensors in 0u64..4, keys in 0u64..4, rest in prop::collection::vec(0u8..14, 0..300)) {
        survives(&Raw::header(3, tensors, keys).bytes(&rest).0)?;
    }
}
