//! Models in several files, and files that are written while their data arrives.

use crate::TINY;
use lowbit::gguf::{Gguf, Split, TensorType, Writer, part_name, part_names};
use lowbit::{Dense, Error, Format, Matrix, Result};

const T: TensorType = TensorType::F32;

/// Five tensors of 128 bytes, `t0` to `t4`, each filled with its number.
fn five() -> Writer<'static> {
    let mut writer = Writer::new();
    writer.metadata("general.architecture", "llama").unwrap();
    writer.metadata("general.alignment", 64u32).unwrap();
    for i in 0..5 {
        let bytes = (i as f32).to_le_bytes().repeat(32);
        writer.tensor(&format!("t{i}"), &[8, 4], T.id, bytes).unwrap();
    }
    writer
}

fn parts(max_tensors: usize, max_bytes: u64) -> Vec<Vec<u8>> {
    let whole = five();
    let parts = whole.split(max_tensors, max_bytes).unwrap();
    parts.iter().map(|p| p.to_bytes().unwrap()).collect()
}

fn parse<'a>(parts: &[&'a Vec<u8>]) -> Result<Split<'a>> {
    let slices: Vec<&[u8]> = parts.iter().map(|p| &p[..]).collect();
    Split::parse(&slices)
}

fn says<T>(result: Result<T>, wanted: &[&str]) {
    let message = result.err().expect("was accepted").to_string();
    for part in wanted {
        assert!(message.contains(part), "{message:?} without {part:?}");
    }
}

#[test]
fn a_model_in_parts_is_the_model() {
    // At most two tensors and at most 300 bytes give the same split here; 1 byte gives each tensor its own part.
    assert_eq!(parts(2, u64::MAX), parts(9, 300));
    assert_eq!(parts(9, 1).len(), 5);
    for bytes in [parts(2, u64::MAX), parts(9, 1)] {
        let split = parse(&bytes.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(split.parts().len(), bytes.len());
        let names: Vec<_> = split.tensors().iter().map(|t| t.name()).collect();
        assert_eq!(names, ["t0", "t1", "t2", "t3", "t4"]);
        for (i, name) in names.into_iter().enumerate() {
            assert_eq!(split.to_f32(name).unwrap(), [i as f32; 32]);
        }
        let keys: Vec<_> = split.metadata().iter().map(|key| key.name()).collect();
        assert_eq!(keys, ["general.architecture", "general.alignment"]);
        for (no, part) in split.parts().iter().enumerate() {
            assert_eq!(part.alignment(), 64);
            assert_eq!(part.get("split.no").unwrap().as_u64(), Some(no as u64));
            assert_eq!(part.get("split.no").unwrap().type_id(), 2);
            assert_eq!(part.get("general.architecture").is_some(), no == 0);
        }
        says(split.matrix("t9"), &["t9", "5"]);
    }
}

#[test]
fn one_part_is_a_plain_file() {
    let bytes = parts(5, u64::MAX);
    assert_eq!(bytes, [five().to_bytes().unwrap()]);
    let split = parse(&[&bytes[0]]).unwrap();
    assert_eq!(split.tensors().len(), 5);
    let empty = Writer::new();
    let none = empty.split(1, 1).unwrap();
    assert_eq!(none.len(), 1);
    assert_eq!(none[0].to_bytes(), empty.to_bytes());
}

/// `llama-gguf-split --merge` leaves the keys of the first part in the file, with a count of 0; llama.cpp reads them
/// only if the count is over 1.
#[test]
fn a_merged_model_is_one_file() {
    for (count, no, total) in [(0u16, 0u16, 5i32), (0, 2, 99), (1, 3, -1)] {
        let mut whole = five();
        whole.metadata("split.no", no).unwrap();
        whole.metadata("split.count", count).unwrap();
        whole.metadata("split.tensors.count", total).unwrap();
        let bytes = whole.to_bytes().unwrap();
        let split = parse(&[&bytes]).unwrap();
        assert_eq!(split.to_f32("t4").unwrap(), [4.0; 32]);
        let keys = split.metadata().iter().map(|key| key.name());
        assert_eq!(keys.count(), 2);
        says(parse(&[&bytes, &bytes]), &["part 1 of 2", "split."]);
    }
}

#[test]
fn parts_of_given_counts() {
    let whole = five();
    // A limit of 2 tensors splits five into two, two and one.
    let parts_of = |counts: &[usize]| whole.split_by(counts);
    let same = parts_of(&[2, 2, 1]).unwrap();
    let same: Vec<_> = same.iter().map(|p| p.to_bytes().unwrap()).collect();
    assert_eq!(same, parts(2, u64::MAX));
    // llama-gguf-split may put only keys in the first part.
    let keys_first = parts_of(&[0, 5]).unwrap();
    let bytes: Vec<_> = keys_first.iter().map(|p| p.to_bytes().unwrap()).collect();
    let split = parse(&bytes.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(split.parts()[0].tensors().len(), 0);
    assert_eq!(split.to_f32("t4").unwrap(), [4.0; 32]);
    says(parts_of(&[2, 2]), &["5 in all", "4 in 2"]);
    says(parts_of(&[usize::MAX, 6]), &["5 in all"]);
    says(parts_of(&[]), &["at least one part", "0 in 0"]);
}

#[test]
fn parts_that_do_not_fit_together() {
    let all = parts(2, u64::MAX);
    let [a, b, c] = &all[..] else { panic!() };
    says(parse(&[a, b]), &["part 1 of 2", "split.count", "2", "got 3"]);
    says(parse(&[a]), &["part 1 of 1", "split.count", "1", "got 3"]);
    says(parse(&[b]), &["part 1 of 1", "split.no", "0", "got 1"]);
    says(parse(&[a, c, b]), &["part 2 of 3", "split.no", "1", "got 2"]);
    says(parse(&[a, b, b]), &["part 3 of 3", "split.no", "2", "got 1"]);
    let plain = TINY.to_vec();
    says(parse(&[a, &plain, c]), &["part 2 of 3", "split.no", "1", "no such"]);
    says(Split::parse(&[]), &["the number of parts", "1", "got 0"]);
    // A truncated part, and another model's.
    says(parse(&[a, &b[..100].to_vec(), c]), &["bytes"]);

    let part = |no: u16, name: &str| {
        let mut writer = Writer::new();
        writer.metadata("split.no", no).unwrap();
        writer.metadata("split.count", 2u16).unwrap();
        writer.metadata("split.tensors.count", 3i32).unwrap();
        writer.tensor(name, &[1], T.id, vec![0; 4]).unwrap();
        writer.to_bytes().unwrap()
    };
    let (first, second) = (part(0, "a"), part(1, "b"));
    says(parse(&[&first, &second]), &["all parts", "tensors", "3", "got 2"]);
    let second = part(1, "a");
    says(
        parse(&[&first, &second]),
        &["\"a\" of parts 1 and 2", "number 0", "number 1"],
    );
}

#[test]
fn names_of_parts() {
    assert_eq!(part_name("a/model", 0, 3), "a/model-00001-of-00003.gguf");
    let names = part_names("m-1-00002-of-00002.gguf").unwrap();
    assert_eq!(names, ["m-1-00001-of-00002.gguf", "m-1-00002-of-00002.gguf"]);
    for name in [
        "model.gguf",
        "model-00001-of-00003.bin",
        "model-00000-of-00003.gguf",
        "model-00004-of-00003.gguf",
        "model-1-of-3.gguf",
        "model-+0001-of-00003.gguf",
    ] {
        assert_eq!(part_names(name), None, "{name}");
    }
}

#[test]
fn data_that_comes_one_by_one_makes_the_same_file() {
    let mut writer = Writer::new();
    writer.metadata("general.architecture", "llama").unwrap();
    writer.metadata("general.alignment", 64u32).unwrap();
    let known = 1f32.to_le_bytes().repeat(32);
    for i in 0..5 {
        let name = format!("t{i}");
        match i {
            1 => writer.tensor(&name, &[8, 4], T.id, &known[..]).unwrap(),
            _ => writer.declare(&name, &[8, 4], T.id).unwrap(),
        };
    }
    let data = |i: usize| (i as f32).to_le_bytes().repeat(32);
    let mut out = Vec::new();
    let mut stream = writer.stream(&mut out).unwrap();
    for i in [0, 2, 3, 4] {
        says(stream.tensor("t9", &data(9)), &["t9", &format!("\"t{i}\"")]);
        let short = stream.tensor(&format!("t{i}"), &[0; 127]);
        says(short, &["[8, 4]", "128 bytes", "127 bytes"]);
        stream.tensor(&format!("t{i}"), &data(i)).unwrap();
    }
    says(stream.tensor("t5", &data(5)), &["t5", "all being written"]);
    stream.finish().unwrap();
    assert!(out == five().to_bytes().unwrap());

    // A declared tensor that was not given is reported.
    says(writer.to_bytes(), &["t0", "128 bytes", "none yet"]);
    let mut stream = writer.stream(Vec::new()).unwrap();
    stream.tensor("t0", &data(0)).unwrap();
    says(stream.finish(), &["t2", "128 bytes", "none yet"]);
    says(writer.declare("t0", &[1], T.id).map(drop), &["t0", "number 0"]);
    says(writer.declare("x", &[33], 8).map(drop), &["32 for Q8_0", "33"]);

    // Parts of a model that is only declared.
    let split = writer.split(3, u64::MAX).unwrap();
    let mut parts = [Vec::new(), Vec::new()];
    for (part, out) in split.iter().zip(&mut parts) {
        let mut stream = part.stream(out).unwrap();
        for i in 0..5 {
            let _ = stream.tensor(&format!("t{i}"), &data(i));
        }
        stream.finish().unwrap();
    }
    let split = parse(&[&parts[0], &parts[1]]).unwrap();
    assert_eq!(split.to_f32("t1").unwrap(), [1.0; 32]);
    assert_eq!(split.to_f32("t4").unwrap(), [4.0; 32]);
}

#[test]
fn every_plain_type_as_floats() {
    let mut writer = Writer::new();
    let mut add = |kind: TensorType, bytes: &[u8]| {
        let count = bytes.len() as u64 / kind.bytes;
        writer.tensor(kind.name, &[count], kind.id, bytes.to_vec()).unwrap();
    };
    let flat = |bytes: &[&[u8]]| bytes.concat();
    add(
        TensorType::F32,
        &flat(&[&1.5f32.to_le_bytes(), &(-0.1f32).to_le_bytes()]),
    );
    add(TensorType::F16, &flat(&[&[0x00, 0x3e], &[0x01, 0x80]]));
    add(TensorType::BF16, &flat(&[&[0xc0, 0x3f], &[0x80, 0xff]]));
    add(
        TensorType::F64,
        &flat(&[&1e-300f64.to_le_bytes(), &0.1f64.to_le_bytes()]),
    );
    add(TensorType::I8, &[0x7f, 0x80]);
    add(
        TensorType::I16,
        &flat(&[&(-32768i16).to_le_bytes(), &300i16.to_le_bytes()]),
    );
    add(
        TensorType::I32,
        &flat(&[&16_777_217i32.to_le_bytes(), &(-5i32).to_le_bytes()]),
    );
    add(
        TensorType::I64,
        &flat(&[&(1i64 << 40).to_le_bytes(), &(-1i64).to_le_bytes()]),
    );
    let packed = Matrix::quantize(Format::Q8_0, Dense::new(3, 32, &[0.25; 96]).unwrap()).unwrap();
    writer.matrix("packed", &packed).unwrap();
    writer.tensor("Q8_K", &[256], 15, vec![0; 292]).unwrap();
    writer.tensor("one", &[], T.id, 2f32.to_le_bytes().to_vec()).unwrap();
    let bytes = writer.to_bytes().unwrap();
    let file = Gguf::parse(&bytes).unwrap();
    let expected: &[(&str, &[f32])] = &[
        ("F32", &[1.5, -0.1]),
        ("F16", &[1.5, -5.9604645e-8]),
        ("BF16", &[1.5, f32::NEG_INFINITY]),
        ("F64", &[0.0, 0.1]),
        ("I8", &[127.0, -128.0]),
        ("I16", &[-32768.0, 300.0]),
        // Rounded to even, as a cast does.
        ("I32", &[16_777_216.0, -5.0]),
        ("I64", &[1_099_511_627_776.0, -1.0]),
        ("one", &[2.0]),
        ("packed", &[0.25; 96]),
    ];
    for (name, values) in expected {
        let got = file.to_f32(name).unwrap();
        if *name == "packed" {
            assert_eq!(got, packed.dequantize());
        } else {
            assert_eq!(got, *values, "{name}");
        }
    }
    assert_eq!(file.to_f32("Q8_K"), Ok(vec![0.0; 256]));
    says(file.matrix("I16"), &["I16", "type 25"]);
    assert!(matches!(file.to_f32("no"), Err(Error::NoTensor { .. })));
}

/// A real file, if `scripts/fetch_models smollm2` fetched it, is written back byte for byte.
#[test]
fn a_real_file_is_written_again_to_the_byte() {
    let path = "models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: no {}; see scripts/fetch_models", path.display());
        return;
    };
    let file = Gguf::parse(&bytes).unwrap();
    assert!(crate::rewritten(&file).unwrap() == bytes);
}
