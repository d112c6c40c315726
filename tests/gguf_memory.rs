//! Memory that lowbit may reserve for malformed GGUF files: at most a small multiple of their size.

#[path = "common/held.rs"]
mod counted;

use counted::{HELD, MOST};
use lowbit::gguf::{Gguf, Split, ranges, read_header};
use std::io::Cursor;
use std::sync::atomic::Ordering::Relaxed;

/// `times` the file's size is the most that may be held while it is read in every way, beyond what threads take.
fn within(what: &str, times: usize, file: &[u8]) {
    let before = HELD.load(Relaxed);
    let limit = times * file.len() + (64 << 10);
    let check = |how: &str| {
        let most = MOST.swap(0, Relaxed).saturating_sub(before);
        assert!(most <= limit, "{what}, {how}: {most} bytes held, limit {limit}");
    };
    MOST.store(0, Relaxed);
    if let Ok(parsed) = Gguf::parse(file) {
        check("parsed");
        for key in parsed.metadata() {
            key.value();
        }
        check("keys");
    }
    let _ = Split::parse(&[file]);
    check("split");
    if let Ok(header) = Gguf::parse_header(file) {
        for tensor in header.tensors() {
            let _ = header.linear(tensor.name(), ranges(Cursor::new(file)));
        }
    }
    check("header");
    let _ = read_header(file);
    check("reader");
}

fn head(tensors: u64, keys: u64) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend([tensors, keys].iter().flat_map(|v| v.to_le_bytes()));
    file
}

fn text(file: &mut Vec<u8>, text: &[u8]) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text);
}

fn tensor(file: &mut Vec<u8>, name: &[u8], dims: &[u64], offset: u64) {
    text(file, name);
    file.extend((dims.len() as u32).to_le_bytes());
    file.extend(dims.iter().flat_map(|v| v.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    file.extend(offset.to_le_bytes());
}

/// A single test, so that nothing else allocates at the same time.
#[test]
fn nothing_large_is_reserved() {
    const COUNT: u32 = 50_000;
    let lengths = [u64::MAX, 1 << 62, 1 << 40, 1 << 33];
    for length in lengths {
        within("counts", 1, &head(length, 0));
        within("counts", 1, &head(0, length));
        let mut file = head(0, 1);
        file.extend(length.to_le_bytes());
        within("the length of a name", 1, &file);
        let mut file = head(1, 0);
        tensor(&mut file, b"a.weight", &[length.min(1 << 60)], 0);
        within("a shape", 1, &file);
        for id in [8u32, 10] {
            let mut file = head(0, 1);
            text(&mut file, b"k");
            file.extend([9, id].iter().flat_map(|v| v.to_le_bytes()));
            file.extend(length.to_le_bytes());
            within("the length of an array", 1, &file);
        }
    }
    // As many as fit, each of minimum size.
    let mut file = head(0, COUNT.into());
    for i in 0..COUNT {
        text(&mut file, &i.to_le_bytes()[..3]);
        file.extend(0u32.to_le_bytes());
        file.push(0);
    }
    within("keys", 16, &file);
    for suffix in ["", ".weight", "\u{e9}"] {
        let mut file = head(COUNT.into(), 0);
        for i in 0..COUNT {
            let name = format!("{i:x}{suffix}");
            // The first byte of a two-byte character is not valid text.
            tensor(
                &mut file,
                &name.as_bytes()[..name.len() - usize::from(suffix == "\u{e9}")],
                &[0],
                0,
            );
        }
        file.resize(file.len() + 64, 0);
        within("tensors", 16, &file);
    }
    let mut file = head(0, 1);
    text(&mut file, b"k");
    file.extend([9u32, 8].iter().flat_map(|v| v.to_le_bytes()));
    file.extend(u64::from(COUNT).to_le_bytes());
    file.resize(file.len() + 8 * COUNT as usize, 0);
    within("empty strings", 8, &file);
}
