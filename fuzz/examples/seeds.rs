//! Writes the seeds of `gguf` and `decode` into fuzz/corpus: small files of every type, and every
//! format as stored bytes and as floats to pack. fuzz/safetensors_seeds.py writes the seeds of
//! `safetensors`; this program reads them and checks that each holds a layer.
//!
//! cargo run --release --manifest-path fuzz/Cargo.toml --example seeds

use lowbit::gguf::{self, TensorType, Value, Writer};
use lowbit::safetensors::Model;
use lowbit::{Dense, Format, Matrix};
use std::path::Path;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let write = |target: &str, name: &str, bytes: &[u8]| -> Result {
        let folder = root.join("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join(name), bytes)?)
    };

    // Written by gguf-py.
    let tiny = std::fs::read(root.join("../tests/golden/tiny.gguf"))?;
    write("gguf", "gguf_py.gguf", &tiny)?;
    write("gguf", "empty.gguf", &Writer::new().to_bytes()?)?;
    write("gguf", "keys.gguf", &keys()?)?;
    write("gguf", "model.gguf", &model()?)?;
    for &format in Format::ALL.iter().filter(|f| f.gguf().is_some()) {
        let matrix = packed(format)?;
        let mut writer = Writer::new();
        writer.matrix("blk.0.ffn_up.weight", &matrix)?;
        write("gguf", &format!("{format}.gguf"), &writer.to_bytes()?)?;
    }
    // It has the id of Q2_0; only its size tells the two apart.
    write("gguf", "older_q2_0.gguf", &older_q2_0()?)?;

    for (index, &format) in Format::ALL.iter().enumerate() {
        // The format, its default group and scale, one row, the fewest columns, the mode: see
        // fuzz_targets/decode.rs.
        let choices = |columns, mode| [index as u8, 0, 0, 0, columns, mode];
        let columns = if format.row_bytes(8).is_ok() { 25 } else { 9 };
        if let Ok(matrix) = packed(format) {
            let stored = [&choices(columns, 0)[..], matrix.bytes()].concat();
            write("decode", &format!("stored_{format}"), &stored)?;
        } else {
            let stored = [&choices(columns, 0)[..], &[0x3c; 64]].concat();
            write("decode", &format!("stored_{format}"), &stored)?;
        }
        let floats: Vec<u8> = weights(64).iter().flat_map(|w| w.to_le_bytes()).collect();
        let mode = 4 * (index as u8 % 4) + 2;
        let floats = [&choices(columns, mode)[..], &floats].concat();
        write("decode", &format!("packed_{format}"), &floats)?;
    }
    for entry in std::fs::read_dir(root.join("corpus/safetensors"))? {
        let path = entry?.path();
        let input = std::fs::read(&path)?;
        let (config, file) = lowbit_fuzz::checkpoint(&input);
        let model = Model::from_parts(&config, &[("model.safetensors", &file)])?;
        for name in model.linears() {
            let linear = model.linear(&name).or_else(|_| model.linear_of(&name, 4, 128));
            linear.map_err(|e| format!("{}: {e}", path.display()))?;
        }
        assert!(!model.linears().is_empty(), "{}", path.display());
    }
    Ok(())
}

/// One row of the fewest weights; 32 where any number is valid.
fn packed(format: Format) -> lowbit::Result<Matrix<'static>> {
    let k = match format.row_bytes(8) {
        Ok(_) => 32,
        Err(_) => format.block_len().unwrap_or(8),
    };
    Dense::new(1, k, &weights(k)).and_then(|w| Matrix::quantize(format, w))
}

fn weights(count: usize) -> Vec<f32> {
    let wave = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 64.0;
    (0..count).map(wave).collect()
}

/// Keys of each type of value.
fn keys() -> Result<Vec<u8>> {
    let mut writer = Writer::new();
    let tokens: Vec<String> = ["<s>", "", "\u{2581}the"].map(String::from).into();
    let values: Vec<Value> = vec![
        1u8.into(),
        (-1i8).into(),
        1u16.into(),
        (-1i16).into(),
        1u32.into(),
        (-1i32).into(),
        0.5f32.into(),
        true.into(),
        "text".into(),
        1u64.into(),
        (-1i64).into(),
        0.5f64.into(),
        vec![1i32, 2].into(),
        vec![true, false].into(),
        tokens.into(),
    ];
    for value in values {
        writer.metadata(&format!("k{}", writer_key(&value)), value)?;
    }
    writer.metadata("general.alignment", 64u32)?;
    writer.tensor("norm", &[5], 0, vec![7; 20])?;
    writer.tensor("three", &[32, 2, 3], 8, vec![0x11; 34 * 6])?;
    Ok(writer.to_bytes()?)
}

fn writer_key(value: &Value) -> String {
    match value {
        Value::Array(array) => format!(".array.{}", array.type_id()),
        value => format!(".{}", value.type_id()),
    }
}

/// What presets read, a layer with bias and scale, and two experts, in a split of one part.
fn model() -> Result<Vec<u8>> {
    let rows = Matrix::quantize(Format::Q8_0, Dense::new(2, 32, &weights(64))?)?;
    let mut writer = Writer::new();
    writer.metadata("general.architecture", "llama")?;
    writer.metadata("llama.block_count", 1u32)?;
    writer.metadata("llama.attention.head_count", 8u32)?;
    writer.metadata("llama.attention.head_count_kv", vec![2u32])?;
    writer.metadata("llama.expert_count", 2u32)?;
    writer.metadata("split.no", 0u16)?;
    writer.metadata("split.count", 1u16)?;
    writer.metadata("split.tensors.count", 7i32)?;
    let names = ["token_embd", "output", "blk.0.attn_v", "blk.0.ffn_down"];
    for name in names {
        writer.matrix(&format!("{name}.weight"), &rows)?;
    }
    writer.tensor("blk.0.ffn_up_exps.weight", &[32, 1, 2], 8, rows.bytes())?;
    writer.tensor("blk.0.attn_v.bias", &[2], 0, vec![0; 8])?;
    writer.tensor("blk.0.attn_v.scale", &[1], 0, vec![0; 4])?;
    Ok(writer.to_bytes()?)
}

/// Two tensors of Q2_0 in its older block length. The writer has no such type: they are written as bytes, then
/// their entries are patched.
fn older_q2_0() -> Result<Vec<u8>> {
    let blocks = Matrix::quantize(Format::Q2_0_G128, Dense::new(1, 2048, &weights(2048))?)?;
    let size = blocks.bytes().len() as u64;
    let mut writer = Writer::new();
    for name in ["first", "second"] {
        writer.tensor(name, &[size], TensorType::I8.id, blocks.bytes())?;
    }
    let mut file = writer.to_bytes()?;
    let entry = [1u32.to_le_bytes().as_slice(), &size.to_le_bytes()].concat();
    for at in 0..file.len() - entry.len() {
        if file[at..].starts_with(&entry) {
            file[at + 4..at + 12].copy_from_slice(&2048u64.to_le_bytes());
            file[at + 12..at + 16].copy_from_slice(&TensorType::Q2_0.id.to_le_bytes());
        }
    }
    gguf::Gguf::parse(&file)?.matrix("second")?;
    Ok(file)
}
