//! The golden cases of tests/golden, converted to lowbit's block layout.

use lowbit::{Dense, Format, Matrix};
use serde_json::Value;
use std::path::PathBuf;

pub struct Case {
    pub name: String,
    pub format: Format,
    pub matrix: Matrix<'static>,
    pub dequantized: Vec<f32>,
    pub input: Vec<f32>,
    /// Per column, if the tool was given any.
    pub importance: Option<Vec<f32>>,
    /// lowbit's encoder must give the same bytes.
    pub encoder: bool,
    /// The tool rounded its products to f16.
    pub rounded: bool,
}

impl Case {
    /// lowbit's own encoding of the same weights.
    pub fn encode(&self) -> Matrix<'static> {
        let (n, k) = (self.matrix.n(), self.matrix.k());
        encode(self.format, n, k, &self.input, self.importance.as_deref())
    }

    /// These weights with the tool's rounding.
    pub fn as_tool(&self, weights: &[f32]) -> Vec<f32> {
        let round = |w: &f32| half::f16::from_f32(*w).to_f32();
        if self.rounded {
            weights.iter().map(round).collect()
        } else {
            weights.to_vec()
        }
    }
}

fn encode(format: Format, n: usize, k: usize, weights: &[f32], importance: Option<&[f32]>) -> Matrix<'static> {
    match importance {
        Some(importance) => Dense::new(n, k, weights).and_then(|w| Matrix::quantize_weighted(format, w, importance)),
        None => Dense::new(n, k, weights).and_then(|w| Matrix::quantize(format, w)),
    }
    .unwrap()
}

/// ggml's encoding of the weights of more.f32.
pub struct Encoding {
    pub format: Format,
    pub bytes: Vec<u8>,
    pub weights: Vec<f32>,
    n: usize,
    k: usize,
    importance: Option<Vec<f32>>,
}

impl Encoding {
    /// lowbit's own encoding of the same weights.
    pub fn encode(&self) -> Matrix<'static> {
        let importance = self.importance.as_deref();
        encode(self.format, self.n, self.k, &self.weights, importance)
    }

    /// ggml's.
    pub fn tool(&self) -> Matrix<'_> {
        Matrix::from_bytes(self.format, self.n, self.k, &self.bytes[..]).unwrap()
    }
}

/// The encodings of more.json.
pub fn encodings() -> Vec<Encoding> {
    let manifest: Value = serde_json::from_slice(&file("more.json")).unwrap();
    let size = |value: &Value| value.as_u64().unwrap() as usize;
    let (n, k) = (size(&manifest["n"]), size(&manifest["k"]));
    let mut weights = floats("more.f32");
    let importance = weights.split_off(n * k);
    let bytes = file("more.bin");
    let mut rest = &bytes[..];
    let cases = manifest["cases"].as_array().unwrap().iter();
    cases
        .map(|case| {
            let (bytes, tail) = rest.split_at(size(&case["bytes"]));
            rest = tail;
            let given = case["importance"].as_bool().unwrap();
            Encoding {
                format: case["format"].as_str().unwrap().parse().unwrap(),
                bytes: bytes.into(),
                n,
                k,
                weights: weights.clone(),
                importance: given.then(|| importance.clone()),
            }
        })
        .collect()
}

pub fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn floats(name: &str) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(&file(name))
}

pub fn cases() -> Vec<Case> {
    let manifest: Value = serde_json::from_slice(&file("manifest.json")).unwrap();
    let size = |key: &str| manifest[key].as_u64().unwrap() as usize;
    let (n, k) = (size("n"), size("k"));
    let cases = manifest["cases"].as_array().unwrap();
    cases.iter().map(|case| read(case, n, k)).collect()
}

fn read(case: &Value, n: usize, k: usize) -> Case {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let format: Format = text("format").parse().unwrap();
    let parts = case["parts"].as_array().unwrap().iter();
    let parts: Vec<Vec<u8>> = parts.map(|p| file(p.as_str().unwrap())).collect();
    let bytes = match text("layout") {
        "blocks" => parts[0].clone(),
        "bitsandbytes" => bitsandbytes(&parts, format.block_len().unwrap()),
        "gptq" => gptq(&parts, format, n, k),
        "half_split" => half_split(&parts[0]),
        "tq2_0" => from_codes(&parts[0], 66, 64, format, |block, i| {
            (block[i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32))) & 3
        }),
        layout => panic!("{}: unknown layout {layout}", text("name")),
    };
    Case {
        name: text("name").into(),
        format,
        matrix: Matrix::from_bytes(format, n, k, bytes).unwrap(),
        dequantized: floats(text("dequant")),
        input: floats(text("input")),
        importance: case["importance"].as_str().map(floats),
        encoder: case["encoder"].as_bool().unwrap(),
        rounded: text("rounded") == "f16",
    }
}

/// Absmax and nibbles in two arrays: each group's absmax moves before its nibbles.
fn bitsandbytes(parts: &[Vec<u8>], group: usize) -> Vec<u8> {
    let groups = parts[0].chunks(4).zip(parts[1].chunks(group / 2));
    groups.flat_map(|(absmax, codes)| [absmax, codes].concat()).collect()
}

/// `scales` f16 [k/g, N], `qzeros` and `qweight` bit streams along N and along k of [.., N], N = 32
/// outputs of which the first `n` are compared.
fn gptq(parts: &[Vec<u8>], format: Format, n: usize, k: usize) -> Vec<u8> {
    const OUTPUTS: usize = 32;
    let (scales, zeros, codes) = (&parts[0], &parts[1], &parts[2]);
    let word = |bytes: &[u8], i: usize| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap());
    let group = format.block_len().unwrap();
    let bits = (format.block_bytes().unwrap() - 4) * 8 / group;
    let mask = (1u32 << bits) - 1;
    let per_word = 32 / bits;
    let mut out = Vec::new();
    for row in 0..n {
        for g in 0..k / group {
            let scale = 2 * (g * OUTPUTS + row);
            out.extend_from_slice(&scales[scale..scale + 2]);
            let zero = word(zeros, g * (OUTPUTS / per_word) + row / per_word);
            let zero = (zero >> (bits * (row % per_word))) & mask;
            out.extend_from_slice(&half::f16::from_f32(zero as f32).to_le_bytes());
            let start = out.len();
            out.resize(start + group * bits / 8, 0);
            for i in 0..group {
                let at = g * group + i;
                let code = word(codes, at / per_word * OUTPUTS + row) >> (bits * (at % per_word));
                out[start + i * bits / 8] |= ((code & mask) as u8) << (i * bits % 8);
            }
        }
    }
    out
}

/// Converts Q4_0's nibbles (j and j + 16 in one byte) to INT4's (2j and 2j + 1).
fn half_split(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for block in bytes.chunks(18) {
        out.extend_from_slice(&block[..2]);
        let nibble = |i: usize| (block[2 + i % 16] >> (4 * (i / 16))) & 15;
        out.extend((0..16).map(|j| nibble(2 * j) | nibble(2 * j + 1) << 4));
    }
    out
}

/// TQ2_0's codes (0 for -1) as 2-bit fields of an integer format with the same group.
fn from_codes(
    bytes: &[u8],
    block_bytes: usize,
    scale_at: usize,
    format: Format,
    code: impl Fn(&[u8], usize) -> u8,
) -> Vec<u8> {
    // INT2's lowest code is -2, TERNARY's -1.
    let shift = if format.name() == "int2" { 1 } else { 0 };
    let mut out = Vec::new();
    for block in bytes.chunks(block_bytes) {
        out.extend_from_slice(&block[scale_at..scale_at + 2]);
        let field = |i: usize| code(block, i) + shift;
        out.extend((0..64).map(|j| (0..4).fold(0, |byte, b| byte | field(4 * j + b) << (2 * b))));
    }
    out
}
