//! Randomly changed headers: refused, or a file that the safetensors crate accepts too.

use crate::common::Random;
use crate::common::layouts::{layout, layouts};
use crate::tools::checkpoint;
use lowbit::safetensors::Model;
use proptest::prelude::*;
use safetensors::SafeTensors;

fn survives(config: &str, bytes: &[u8]) {
    let Ok(model) = Model::from_parts(config, &[("f", bytes)]) else {
        return;
    };
    if let Err(e) = SafeTensors::deserialize(bytes) {
        panic!("read a file that safetensors refuses: {e}");
    }
    for name in model.linears() {
        let _ = model.linear(&name);
    }
    for tensor in model.tensors() {
        let _ = model.to_f32(tensor.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let file = checkpoint(&layout("ct_nvfp4")).unwrap();
        let mut bytes = file.bytes();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for (at, value) in changes {
            bytes[at.index(header)] = value;
        }
        survives(&file.config.to_string(), &bytes);
    }
}

/// The small checkpoints of `tests/checkpoints`: configuration, file, number of mutations.
fn folders() -> impl Iterator<Item = (String, Vec<u8>, usize)> {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checkpoints");
    let folders = std::fs::read_dir(all).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.filter_map(|folder| {
        let config = std::fs::read_to_string(folder.join("config.json")).ok()?;
        let bytes = std::fs::read(folder.join("model.safetensors")).ok()?;
        (bytes.len() < 20_000).then_some((config, bytes, 40))
    });
    let files: Vec<_> = files.collect();
    assert!(files.len() > 20, "{} small checkpoints", files.len());
    files.into_iter()
}

/// Numbers and names of a header replaced by others that are valid in their place.
#[test]
fn exchanged_words() {
    let words = [
        "0",
        "1",
        "3",
        "64",
        "4096",
        "9223372036854775808",
        "18446744073709551615",
    ];
    let types = ["F32", "F16", "I32", "U8", "I8", "F8_E4M3", "BF16", "I64", "F4", "BOOL"];
    let mut random = Random::new(41);
    let written = layouts().into_iter().filter_map(|case| checkpoint(&case));
    let written = written.map(|file| (file.config.to_string(), file.bytes(), 200));
    for (config, bytes, times) in written.chain(folders()) {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
        for _ in 0..times {
            // The tokens of the header, one or two of them replaced.
            let mut tokens: Vec<String> = Vec::new();
            for c in header.chars() {
                let word = c.is_alphanumeric() || c == '_' || c == '.';
                match tokens.last_mut() {
                    Some(last) if word && last.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.') => {
                        last.push(c)
                    }
                    _ => tokens.push(c.into()),
                }
            }
            for _ in 0..1 + random.next() % 2 {
                let at = random.next() as usize % tokens.len();
                let token = &mut tokens[at];
                if token.parse::<u64>().is_ok() {
                    *token = words[random.next() as usize % words.len()].into();
                } else if types.contains(&&token[..]) {
                    *token = types[random.next() as usize % types.len()].into();
                }
            }
            let header = tokens.concat();
            let mut changed = (header.len() as u64).to_le_bytes().to_vec();
            changed.extend_from_slice(header.as_bytes());
            changed.extend_from_slice(&bytes[8 + length..]);
            survives(&config, &changed);
        }
    }
}
