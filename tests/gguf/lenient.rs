//! Files that break the specification but that llama.cpp loads (`gguf_init_from_file` of libggml 0.27 took each kind):
//! strings are bytes to it, names end at a NUL, any nonzero bool is true, a dimension may be 0.

use crate::hostile::Raw;
use crate::{metadata, rewritten};
use lowbit::Error;
use lowbit::gguf::{Array, Gguf, Value};

const F32: u32 = 0;

/// One tensor of one number after the key.
fn file(key: impl AsRef<[u8]>, value: impl FnOnce(Raw) -> Raw) -> Vec<u8> {
    let raw = value(Raw::header(3, 1, 1).text(key));
    let mut bytes = raw.tensor("a", &[1], F32, 0).0;
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend_from_slice(&0.5f32.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes
}

fn reaches(file: &Gguf) {
    assert_eq!(file.to_f32("a").unwrap(), [0.5]);
}

#[test]
fn tokens_are_bytes() {
    let tokens = [&b"ok"[..], b"\xe4\xbd", b"", b"\0"];
    let bytes = file("tokens", |raw| {
        let raw = raw.u32(9).u32(8).u64(tokens.len() as u64);
        tokens.iter().fold(raw, |raw, token| raw.text(token))
    });
    let parsed = Gguf::parse(&bytes).unwrap();
    reaches(&parsed);
    let key = parsed.get("tokens").unwrap();
    assert_eq!(key.strings().unwrap().collect::<Vec<_>>(), tokens);
    let list = tokens.map(<[u8]>::to_vec).to_vec();
    assert_eq!(key.value(), Value::Array(Array::Bytes(list)));
    assert_eq!((key.value().type_id(), key.type_id()), (9, 9));
    // Copying loses nothing.
    assert!(rewritten(&parsed).unwrap() == bytes);
}

#[test]
fn texts_are_bytes() {
    let bytes = file("text", |raw| raw.u32(8).text(b"\xc3("));
    let parsed = Gguf::parse(&bytes).unwrap();
    reaches(&parsed);
    let key = parsed.get("text").unwrap();
    assert_eq!((key.as_str(), key.as_bytes()), (None, Some(&b"\xc3("[..])));
    assert_eq!(key.value(), Value::Bytes(b"\xc3(".to_vec()));
    assert_eq!(key.value().as_str(), None);
    assert!(rewritten(&parsed).unwrap() == bytes);
}

#[test]
fn what_is_not_0_is_true() {
    for byte in [0u8, 1, 2, 255] {
        let bytes = file("one", |raw| raw.u32(7).bytes(&[byte]));
        let parsed = Gguf::parse(&bytes).unwrap();
        reaches(&parsed);
        assert_eq!(metadata(&parsed), [("one", Value::from(byte != 0))]);
        let bytes = file("array", |raw| raw.u32(9).u32(7).u64(2).bytes(&[byte, 1]));
        let parsed = Gguf::parse(&bytes).unwrap();
        assert_eq!(metadata(&parsed)[0].1, Value::from(vec![byte != 0, true]));
    }
}

#[test]
fn names_are_bytes() {
    for (name, shown) in [
        (&b"a.key\0of.C"[..], "a.key"),
        (&b"a.k\xffy"[..], "a.k\\xffy"),
        (&b"\xe4\xbdkey\xe9"[..], "\\xe4\\xbdkey\\xe9"),
        ("k\u{e9}y".as_bytes(), "k\u{e9}y"),
    ] {
        let bytes = file(name, |raw| raw.u32(0).bytes(&[7]));
        let parsed = Gguf::parse(&bytes).unwrap();
        reaches(&parsed);
        assert_eq!(parsed.metadata()[0].name(), shown);
        assert_eq!(parsed.get(shown).unwrap().as_u64(), Some(7));

        let tensor = Raw::header(3, 1, 0).tensor(name, &[2], F32, 0).data();
        let parsed = Gguf::parse(&tensor.0).unwrap();
        assert_eq!(parsed.tensors()[0].name(), shown);
        assert_eq!(parsed.to_f32(shown).unwrap(), [0.0; 2]);
    }
    // Of names that C tools see as equal, the first is found.
    let twice = Raw::header(3, 2, 2).text("k").u32(0).bytes(&[7]);
    let twice = twice.text("k\0b").u32(0).bytes(&[8]);
    let twice = twice.tensor("w", &[8], F32, 0);
    let twice = twice.tensor("w\0b", &[4], F32, 32).data();
    let parsed = Gguf::parse(&twice.0).unwrap();
    assert_eq!(parsed.get("k").unwrap().as_u64(), Some(7));
    assert_eq!(parsed.tensor("w").unwrap().dims(), [8]);
    assert_eq!(parsed.tensors()[1].dims(), [4]);
}

#[test]
fn dimensions_of_0() {
    for dims in [&[0u64][..], &[32, 0], &[0, 1 << 40], &[32, 3, 0, 5]] {
        for id in [F32, 8] {
            let raw = Raw::header(3, 2, 0).tensor("none", dims, id, 0);
            let mut bytes = raw.tensor("a", &[1], F32, 0).0;
            bytes.resize(bytes.len().next_multiple_of(32), 0);
            bytes.extend_from_slice(&0.5f32.to_le_bytes());
            let parsed = Gguf::parse(&bytes).unwrap();
            reaches(&parsed);
            let none = parsed.tensor("none").unwrap();
            assert_eq!((none.dims(), none.byte_len()), (dims, 0));
            assert_eq!(none.to_f32(), Ok(Vec::new()));
            let error = none.matrix().unwrap_err();
            assert!(matches!(error, Error::Empty { .. }), "{error}");
        }
    }
}

#[test]
fn any_power_of_two_aligns() {
    let key = Raw::header(3, 0, 1).text("general.alignment");
    let parsed = key.u32(4).u32(1 << 31).0;
    assert_eq!(Gguf::parse(&parsed).unwrap().alignment(), 1 << 31);
}
