//! The golden cases of other tools' layouts: their tensors and the weights that the tools decode them to.

use super::golden::{file, floats};
use lowbit::layouts::*;
use lowbit::{Group, Linear, OutputScale, ScaleType};
use serde_json::Value;
use std::collections::BTreeMap;

pub struct Layout {
    pub name: String,
    pub kind: String,
    pub n: usize,
    pub k: usize,
    pub parts: BTreeMap<String, Vec<u8>>,
    /// `n` rows of `k`; empty for the case that is a product.
    pub dequantized: Vec<f32>,
    /// What the tool rounded its weights to: `f16`, `bf16` or nothing.
    pub rounded: String,
    case: Value,
}

pub fn layouts() -> Vec<Layout> {
    let list: Value = serde_json::from_slice(&file("layouts.json")).unwrap();
    let k = list["k"].as_u64().unwrap() as usize;
    let cases = list["cases"].as_array().unwrap().iter();
    cases.map(|case| Layout::read(case, k)).collect()
}

/// The case of this name.
pub fn layout(name: &str) -> Layout {
    layouts().into_iter().find(|c| c.name == name).unwrap()
}

impl Layout {
    fn read(case: &Value, k: usize) -> Layout {
        let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let n = case["n"].as_u64().unwrap() as usize;
        let parts = case["parts"].as_object().unwrap().iter();
        let four = match case["dequant"].as_str() {
            Some(name) => floats(name),
            None => Vec::new(),
        };
        Layout {
            name: text("name"),
            kind: text("layout"),
            n,
            k,
            parts: parts
                .map(|(name, f)| (name.clone(), file(f.as_str().unwrap())))
                .collect(),
            // For 32 outputs the tools were given the same four rows eight times.
            dequantized: four.repeat(n / 4),
            rounded: text("rounded"),
            case: case.clone(),
        }
    }

    pub fn number(&self, key: &str) -> usize {
        let value = self.case[key].as_u64();
        value.unwrap_or_else(|| panic!("{}: {key}", self.name)) as usize
    }

    /// The group; 0 stands for a row.
    fn group(&self) -> Group {
        match self.number("group") {
            0 => Group::Row,
            len => Group::Len(len),
        }
    }

    pub fn text(&self, key: &str) -> &str {
        self.case[key].as_str().unwrap()
    }

    pub fn part(&self, name: &str) -> &[u8] {
        &self.parts[name]
    }

    pub fn f32s(&self, name: &str) -> FloatSlice<'_> {
        FloatSlice::new(ScaleType::F32, self.part(name))
    }

    pub fn f16s(&self, name: &str) -> FloatSlice<'_> {
        FloatSlice::new(ScaleType::F16, self.part(name))
    }

    pub fn element(&self) -> Element {
        match self.text("element") {
            "e2m1" => Element::E2M1,
            "e2m3" => Element::E2M3,
            "e4m3" => Element::E4M3,
            other => panic!("{other}"),
        }
    }

    /// The scales of small floats: E4M3 for groups of 16, otherwise powers of two.
    pub fn small_scales(&self) -> FloatSlice<'_> {
        let kind = match self.number("group") {
            16 => ScaleType::E4M3,
            _ => ScaleType::E8M0,
        };
        FloatSlice::new(kind, self.part("scale"))
    }

    pub fn absmax(&self) -> Absmax<'_> {
        if self.parts.contains_key("nested_absmax") {
            Absmax::Nested {
                codes: self.part("absmax"),
                map: self.f32s("nested_quant_map"),
                absmax: self.f32s("nested_absmax"),
                block: 256,
                offset: self.case["nested_offset"].as_f64().unwrap() as f32,
            }
        } else {
            Absmax::Plain(self.f32s("absmax"))
        }
    }

    pub fn levels(&self) -> Levels4 {
        match self.text("levels") {
            "nf4" => Levels4::Nf4,
            _ => Levels4::Fp4,
        }
    }

    pub fn linear(&self) -> lowbit::Result<Linear> {
        let (n, k) = (self.n, self.k);
        match self.kind.as_str() {
            "gptq" => GptqLayout {
                n,
                k,
                bits: self.number("bits"),
                group: self.group(),
                zeros: GptqZeros::AsTheyAre,
                qweight: self.part("qweight"),
                qzeros: self.part("qzeros"),
                scales: self.f16s("scales"),
                g_idx: Some(self.part("g_idx")),
            }
            .linear(),
            "awq" => AwqLayout {
                n,
                k,
                group: self.group(),
                qweight: self.part("qweight"),
                qzeros: self.part("qzeros"),
                scales: self.f16s("scales"),
            }
            .linear(),
            "bitsandbytes" => {
                self.levels().check(self.f32s("quant_map"))?;
                FourBitLayout {
                    n,
                    k,
                    levels: self.levels(),
                    block: self.number("group"),
                    packed: self.part("q"),
                    absmax: self.absmax(),
                }
                .linear()
            }
            "int8" => Int8Layout {
                n,
                k,
                weight: self.part("q"),
                scb: self.f32s("scb"),
            }
            .linear(),
            "pack_quantized" => PackQuantizedLayout {
                n,
                k,
                bits: self.number("bits"),
                group: self.group(),
                packed: self.part("packed"),
                scales: self.f32s("scale"),
                zero_points: self.parts.get("zero_point").map(Vec::as_slice),
                g_idx: None,
            }
            .linear(),
            "int_quantized" => IntQuantizedLayout {
                n,
                k,
                group: self.group(),
                weight: self.part("weight"),
                scales: self.f32s("scale"),
                zero_points: None,
            }
            .linear(),
            "fp8" => Fp8Layout {
                n,
                k,
                element: Element::E4M3,
                block: match self.number("rows") {
                    0 => (n, k),
                    rows => (rows, k),
                },
                weight: self.part("weight"),
                scales: self.f32s("scale"),
            }
            .linear(),
            "microscaled" => MicroscaledLayout {
                n,
                k,
                element: self.element(),
                group: self.group(),
                packed: self.part("packed"),
                scales: self.small_scales(),
                global: self
                    .parts
                    .get("global_scale")
                    .map(|bytes| OutputScale::Divide(f32::from_le_bytes(bytes[..].try_into().unwrap()))),
            }
            .linear(),
            "hqq" => HqqLayout {
                n,
                k,
                bits: self.number("bits"),
                group: self.group(),
                columns: self.number("axis") == 0,
                packed: self.part("q"),
                scales: self.f32s("scale"),
                zeros: self.f32s("zero"),
            }
            .linear(),
            "quanto" => QuantoBitsLayout {
                n,
                k,
                bits: self.number("bits"),
                group: self.group(),
                packed: self.part("q"),
                scales: self.f32s("scale"),
                shifts: self.f32s("shift"),
            }
            .linear(),
            "mlx" => MlxAffineLayout {
                n,
                k,
                bits: self.number("bits"),
                group: self.group(),
                packed: self.part("q"),
                scales: self.f32s("scales"),
                biases: self.f32s("biases"),
            }
            .linear(),
            "onnx" => MatMulNBitsLayout {
                n,
                k,
                bits: self.number("bits"),
                group: self.number("group"),
                packed: self.part("q"),
                scales: self.f32s("scales"),
                zero_points: match self.parts.get("zp") {
                    Some(zeros) => ZeroPoints::Packed(zeros),
                    None => ZeroPoints::Middle,
                },
            }
            .linear(),
            "bitnet" => BitNetLayout {
                n,
                k,
                packed: self.part("q"),
                scale: OutputScale::Multiply(1.0),
            }
            .linear(),
            "int8_product" => Int8Layout {
                n,
                k,
                weight: self.part("cb"),
                scb: self.f32s("scb"),
            }
            .linear(),
            other => panic!("{}: add an arm for {other} here", self.name),
        }
    }

    /// lowbit's floats rounded to the tool's type.
    pub fn as_tool(&self, weights: &[f32]) -> Vec<f32> {
        let round = |w: &f32| match self.rounded.as_str() {
            "f16" => half::f16::from_f32(*w).to_f32(),
            "bf16" => half::bf16::from_f32(*w).to_f32(),
            _ => *w,
        };
        let mut out: Vec<f32> = weights.iter().map(round).collect();
        if self.kind == "bitnet" {
            // The case has no scale of its own: its weights were compared using the maximum of each row.
            let input = floats("ternary.f32");
            for (out, input) in out.chunks_mut(self.k).zip(input.chunks(self.k)) {
                let amplitude = input.iter().fold(0f32, |max, w| max.max(w.abs()));
                out.iter_mut().for_each(|w| *w *= amplitude);
            }
        }
        out
    }
}
