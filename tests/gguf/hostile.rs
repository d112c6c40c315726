//! Malformed files: each is refused with the name and the numbers.

use crate::TINY;
use lowbit::gguf::Gguf;

/// A file assembled field by field.
pub struct Raw(pub Vec<u8>);

impl Raw {
    pub fn header(version: u32, tensors: u64, keys: u64) -> Raw {
        let raw = Raw(b"GGUF".to_vec());
        raw.u32(version).u64(tensors).u64(keys)
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Raw {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn u32(self, value: u32) -> Raw {
        self.bytes(&value.to_le_bytes())
    }

    pub fn u64(self, value: u64) -> Raw {
        self.bytes(&value.to_le_bytes())
    }

    pub fn text(self, text: impl AsRef<[u8]>) -> Raw {
        let text = text.as_ref();
        self.u64(text.len() as u64).bytes(text)
    }

    pub fn tensor(self, name: impl AsRef<[u8]>, dims: &[u64], type_id: u32, offset: u64) -> Raw {
        let raw = self.text(name).u32(dims.len() as u32);
        let raw = dims.iter().fold(raw, |raw, &size| raw.u64(size));
        raw.u32(type_id).u64(offset)
    }

    /// Zeros, as padding and then data: more than any valid tensor here needs.
    pub fn data(self) -> Raw {
        self.bytes(&[0; 4096])
    }

    fn refused(&self, parts: &[&str]) {
        let message = match Gguf::parse(&self.0) {
            Ok(file) => panic!("was accepted: {file:?}"),
            Err(error) => error.to_string(),
        };
        for part in parts {
            assert!(message.contains(part), "{message:?} without {part:?}");
        }
    }
}

fn key(name: &str, type_id: u32) -> Raw {
    Raw::header(3, 0, 1).text(name).u32(type_id)
}

fn tensor(dims: &[u64], type_id: u32, offset: u64) -> Raw {
    Raw::header(3, 1, 0).tensor("blk.w", dims, type_id, offset).data()
}

#[test]
fn the_builder_builds_files() {
    assert_eq!(Gguf::parse(&key("k", 0).bytes(&[9]).0).unwrap().metadata().len(), 1);
    let raw = tensor(&[64, 2], 8, 0);
    assert_eq!(Gguf::parse(&raw.0).unwrap().matrix("blk.w").unwrap().n(), 2);
}

#[test]
fn headers() {
    Raw(b"GGML".to_vec()).refused(&["header", "magic", "47, 47, 55, 46", "47, 47, 4d, 4c"]);
    Raw(b"GG".to_vec()).refused(&["header", "4 bytes", "2 left"]);
    Raw::header(1, 0, 0).refused(&["version", "2 or 3", "got 1"]);
    Raw::header(4, 0, 0).refused(&["version", "2 or 3", "got 4"]);
    Raw::header(0, 0, 0).refused(&["version", "2 or 3", "got 0"]);
    Raw::header(3u32.swap_bytes(), 0, 0).refused(&["version", "0x3000000", "3 in big-endian"]);
}

#[test]
fn counts() {
    let all = "18446744073709551615";
    Raw::header(3, u64::MAX, 0).refused(&["header", "tensors", all, "0 left"]);
    Raw::header(3, 0, u64::MAX).refused(&["header", "keys", all, "0 left"]);
    Raw::header(3, 1 << 20, 0)
        .data()
        .refused(&["tensors", "25165824", "4096 left"]);
    Raw::header(3, 0, 1 << 20)
        .data()
        .refused(&["keys", "14680064", "4096 left"]);
    Raw::header(3, 0, 1)
        .u64(u64::MAX)
        .data()
        .refused(&["key 0", all, "4096 left"]);
    key("k", 8)
        .u64(1 << 63)
        .refused(&["\"k\"", "9223372036854775808", "0 left"]);
    let array = |id: u32, count: u64| key("k", 9).u32(id).u64(count).data();
    array(10, 1 << 61).refused(&["\"k\"", "array", all, "4096 left"]);
    array(8, 513).refused(&["\"k\"", "array", "4104", "4096 left"]);
    array(5, 1025).refused(&["\"k\"", "array", "4100", "4096 left"]);
    // One element more than fits is refused; this many are not.
    assert!(Gguf::parse(&array(8, 512).0).is_ok());
    assert!(Gguf::parse(&array(5, 1024).0).is_ok());
}

#[test]
fn keys() {
    key("k", 13)
        .data()
        .refused(&["\"k\"", "value type", "0 to 12", "got 13"]);
    key("k", 9).u32(9).u64(1).data().refused(&["\"k\"", "nested", "got 9"]);
    key("k", 9)
        .u32(99)
        .u64(1)
        .data()
        .refused(&["\"k\"", "array's type", "got 99"]);
    key("", 0).data().refused(&["key 0", "at least 1 byte", "0 bytes"]);
    let twice = |raw: Raw| raw.text("k").u32(0).bytes(&[1]);
    let raw = twice(Raw::header(3, 0, 3)).text("other").u32(0).bytes(&[1]);
    twice(raw).refused(&["\"k\"", "number 0", "number 2"]);
}

#[test]
fn alignments() {
    for (alignment, got) in [(0, "got 0"), (24, "got 24"), (u32::MAX, "got 4294967295")] {
        let raw = key("general.alignment", 4).u32(alignment).data();
        raw.refused(&["general.alignment", "power of two from 1 to 2147483648", got]);
    }
    let wide = key("general.alignment", 10).u64(32);
    wide.refused(&["general.alignment", "type 4", "type 10"]);
    // A large alignment that is allowed still has to fit the file.
    let raw = Raw::header(3, 1, 1).text("general.alignment").u32(4).u32(1 << 24);
    let raw = raw.tensor("blk.w", &[1], 0, 0).data();
    raw.refused(&["blk.w", "padding", "16777122 bytes", "4096 left"]);
}

#[test]
fn shapes() {
    let limit = "9223372036854775807";
    tensor(&[1; 5], 0, 0).refused(&["blk.w", "at most 4", "got 5"]);
    tensor(&[32, 1 << 63], 0, 0).refused(&["blk.w", "dimension 1", limit, "9223372036854775808"]);
    tensor(&[u64::MAX], 0, 0).refused(&["blk.w", "dimension 0", "18446744073709551615"]);
    // The tensor is empty, but its other dimensions must be possible too.
    tensor(&[1 << 62, 0, 2], 0, 0).refused(&["blk.w", "shape", limit, "4611686018427387904, 0, 2]"]);
    tensor(&[1 << 32, 1 << 32], 0, 0).refused(&["blk.w", "shape", limit, "4294967296"]);
    // Under 2^63 weights, but not under 2^63 bytes; and the reverse.
    tensor(&[1 << 61, 3], 0, 0).refused(&["blk.w", "shape", limit, "2305843009213693952, 3]"]);
    tensor(&[1 << 62, 2], 41, 0).refused(&["blk.w", "shape", limit, "4611686018427387904, 2]"]);
    tensor(&[48, 2], 8, 0).refused(&["blk.w", "dimension 0", "32 for Q8_0", "got 48"]);
    tensor(&[128], 12, 0).refused(&["blk.w", "256 for Q4_K", "got 128"]);
    for id in [43, 1000, u32::MAX] {
        tensor(&[256], id, 0).refused(&["blk.w", "type id", "up to 42", &format!("got {id}")]);
    }
    // The ids and names in comments of ggml.h.
    for (id, name) in [
        (4, "Q4_2"),
        (5, "Q4_3"),
        (31, "Q4_0_4_4"),
        (32, "Q4_0_4_8"),
        (33, "Q4_0_8_8"),
        (36, "IQ4_NL_4_4"),
        (37, "IQ4_NL_4_8"),
        (38, "IQ4_NL_8_8"),
    ] {
        let got = format!("got {id} ({name}, which ggml has removed)");
        tensor(&[256], id, 0).refused(&["blk.w", "type id", &got]);
    }
}

#[test]
fn names() {
    let named = |name: &[u8]| {
        let raw = Raw::header(3, 1, 0).text(name).u32(1).u64(1).u32(0);
        raw.u64(0).data()
    };
    let raw = Raw::header(3, 2, 0).tensor("w", &[8], 0, 0);
    raw.tensor("w", &[8], 0, 32)
        .data()
        .refused(&["\"w\"", "number 0", "number 1"]);
    // A name as long as the file must not give a message of that length.
    let long = named(&[b'n'; 100_000]);
    assert!(Gguf::parse(&long.0).is_ok(), "only writers keep to 63 bytes");
    let mut cut = long;
    cut.0.truncate(100_030 + 24);
    assert!(Gguf::parse(&cut.0).unwrap_err().to_string().len() < 300);
}

#[test]
fn offsets() {
    let pair = |second: u64| {
        let raw = Raw::header(3, 2, 0).tensor("a", &[16], 0, 0);
        raw.tensor("b", &[16], 0, second).data()
    };
    assert!(Gguf::parse(&pair(64).0).is_ok());
    pair(65).refused(&["\"b\"", "offset", "should be 64", "got 65"]); // misaligned
    pair(32).refused(&["\"b\"", "offset", "should be 64", "got 32"]); // overlapping
    pair(0).refused(&["\"b\"", "offset", "should be 64", "got 0"]);
    pair(96).refused(&["\"b\"", "offset", "should be 64", "got 96"]); // a gap
    pair(1 << 40).refused(&["\"b\"", "offset", "should be 64", "1099511627776"]);
    tensor(&[8], 0, u64::MAX).refused(&["blk.w", "should be 0", "18446744073709551615"]);
    let long = 1 << 60;
    let raw = Raw::header(3, 3, 0).tensor("a", &[long], 0, 0);
    let raw = raw.tensor("b", &[long], 0, 4 * long);
    let sum = "9223372036854775808";
    raw.tensor("c", &[1], 0, 8 * long)
        .data()
        .refused(&["\"b\"", "offset and the size", sum]); // together beyond 2^63
    tensor(&[4096], 0, 0).refused(&["blk.w", "data", "16384 bytes", "left"]); // out of the file
}

#[test]
fn what_is_not_a_matrix() {
    let file = Gguf::parse(TINY).unwrap();
    let said = file.matrix("w_f64").unwrap_err().to_string();
    assert!(said.contains("w_f64") && said.contains("3"), "{said}");
    let bytes = tensor(&[256, 2], 24, 0);
    let said = Gguf::parse(&bytes.0).unwrap().matrix("blk.w").unwrap_err();
    let said = said.to_string();
    assert!(said.contains("blk.w") && said.contains("24 (I8)"), "{said}");
}
