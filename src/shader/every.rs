//! Every text that the crate makes a pipeline of, by kind: what tests put through the compilers of all platforms.

use super::axes::{Axes, Axis, FloatType};
use super::caps::Caps;
use super::compose::{compose_sum, compose_with};
use super::epilogue::Epilogue;
use super::kernel::{Kernel, Shape};
use super::kernels::TABLE;
use super::small::{RoundingBy, SmallShader, grouping, linear_back, linear_inputs, linear_outputs, rounding};
use super::traits::{DeviceClass, Dialect, Traits};
use super::tuning::one_invocation_a_part;
use crate::Format;
use crate::kv::{
    Attending, AttentionOptions, AttentionShaders, KvCodec, KvOptions, KvRotation, KvType, Placing, Shaders, Side,
    Taken,
};
use crate::layer::{Router, Scoring, norm_shader, router_shader, top_k_shader};
use std::collections::HashSet;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShaderKind {
    /// A kernel of the table with nothing around it.
    Kernel,
    /// A product kernel of the table with other axes, types and epilogues.
    Axes,
    /// The second dispatch of a product whose k is sliced.
    SumSlices,
    /// Rounding x to bytes.
    Rounding,
    /// Grouping rows of y by their expert.
    Grouping,
    /// Around the product of a `Linear`.
    Linear,
    /// A cache of keys or values.
    Kv,
    /// Attention over caches of all heads of a layer.
    Attention,
    /// What stands between the products of a layer.
    Layer,
}

/// A text and what it was made for.
#[derive(Clone, Debug)]
pub struct ShaderText {
    /// What it is for.
    pub kind: ShaderKind,
    /// Fit to be the name of a file.
    pub name: String,
    /// The format that it reads, where it reads one.
    pub format: Option<Format>,
    /// The kernel of the table, where it is one.
    pub kernel: Option<&'static str>,
    /// What a device must have for it.
    pub caps: Caps,
    /// The WGSL.
    pub text: String,
}

/// One text for each of these formats and each kernel that serves it, and a second for devices that have words of 64
/// bits where that is another; then every axis around every product kernel, with one format; then all small kernels. No
/// two are alike. Neighbours of the first kind differ in all else that a text depends on: the class of the device, m
/// (one, some and all rows of x of each kernel, and the larger tile of matrix units), and whether x needs checks.
pub fn every_shader(formats: &[Format], dialect: Dialect) -> Vec<ShaderText> {
    let mut all = of_formats(formats, dialect);
    all.extend(of_axes(dialect));
    let small = [
        (ShaderKind::Rounding, all_rounding()),
        (ShaderKind::Grouping, all_grouping()),
        (ShaderKind::Linear, all_linear()),
        (ShaderKind::Kv, all_kv()),
        (ShaderKind::Attention, all_attention()),
        (ShaderKind::Layer, all_layer()),
    ];
    for (kind, shaders) in small {
        all.extend(shaders.into_iter().map(|(name, shader)| ShaderText {
            kind,
            name,
            format: None,
            kernel: None,
            caps: Caps::NONE,
            text: shader.source().text,
        }));
    }
    let mut seen = HashSet::new();
    all.retain(|text| seen.insert(text.text.clone()));
    all
}

fn of_formats(formats: &[Format], dialect: Dialect) -> Vec<ShaderText> {
    let words: &[Caps] = match dialect {
        // WebGPU has no integers of 64 bits.
        Dialect::Browser => &[Caps::NONE],
        Dialect::Naga => &[Caps::NONE, Caps::SHADER_INT64],
    };
    let mut products = Vec::new();
    for m in [1, 3, 65] {
        for k in [256, 784] {
            products.push((DeviceClass::Cpu, m, k));
            products.push((DeviceClass::Gpu, m, k));
        }
    }
    let mut all = Vec::new();
    for (place, &format) in formats.iter().enumerate() {
        for (number, kernel) in TABLE.iter().enumerate() {
            let (class, m, k) = products[(place + 5 * number) % products.len()];
            let k = fitting_k(format, k);
            if kernel.check_codes(format).is_err() {
                continue;
            }
            for &words in words {
                let traits = Traits::typical(class, kernel.needs.caps | words);
                let tuning = (kernel.tuning)(&traits, m);
                let long = if tuning.long_words { words } else { Caps::NONE };
                let source = compose_with(format, kernel, &tuning, k, &Axes::default(), dialect);
                let suffix = if words.is_empty() { "" } else { "-long" };
                all.push(ShaderText {
                    kind: ShaderKind::Kernel,
                    name: format!("{format}-{}-{class:?}-m{m}-k{k}{suffix}", kernel.name),
                    format: Some(format),
                    kernel: Some(kernel.name),
                    caps: kernel.needs.caps | long,
                    text: source.text,
                });
            }
        }
    }
    all
}

/// A row length near `k` that the format can have.
fn fitting_k(format: Format, k: usize) -> usize {
    match format.check_k(k) {
        Ok(()) => k,
        // Rows of vectors of eight have any number of them.
        Err(_) => k.next_multiple_of(format.block_len().unwrap_or(8)),
    }
}

/// All but the gates, of which a product has one.
const EPILOGUES: [Epilogue; 11] = [
    Epilogue::Bias,
    Epilogue::Scale,
    Epilogue::RowScale,
    Epilogue::Residual,
    Epilogue::Multiply,
    Epilogue::Accumulate,
    Epilogue::SoftCap(30.0),
    Epilogue::Relu,
    Epilogue::Gelu,
    Epilogue::GeluTanh,
    Epilogue::Silu,
];

/// What is put around a product: every axis with every type of x and y, all epilogues, slices where
/// they may be; then a gate inside.
pub(crate) fn all_axes(kernel: &Kernel) -> Vec<Axes> {
    let mut all = Vec::new();
    for axis in [Axis::One, Axis::Batched, Axis::Experts, Axis::Grouped] {
        for number in [FloatType::F32, FloatType::F16] {
            // Kernels that take bytes take them rounded.
            if kernel.takes_bytes() && number == FloatType::F16 {
                continue;
            }
            let gate = match number {
                FloatType::F32 => Epilogue::SiluGate,
                FloatType::F16 => Epilogue::GeluTanhGate,
            };
            let may = kernel.slices && matches!(axis, Axis::One | Axis::Batched);
            for slices in [1, 2].into_iter().take(1 + may as usize) {
                all.push(Axes {
                    axis,
                    inputs: number,
                    outputs: number,
                    zero_point: number == FloatType::F32,
                    epilogues: [&EPILOGUES[..], &[gate]].concat(),
                    slices,
                });
            }
        }
    }
    for (axis, gate, outputs) in [
        (Axis::One, Epilogue::SwiGlu, FloatType::F32),
        (Axis::Grouped, Epilogue::GeGlu, FloatType::F16),
    ] {
        all.push(Axes {
            axis,
            outputs,
            epilogues: vec![Epilogue::Bias, gate, Epilogue::Multiply],
            ..Axes::default()
        });
    }
    all
}

fn of_axes(dialect: Dialect) -> Vec<ShaderText> {
    let format = Format::INT4;
    let mut all = Vec::new();
    for kernel in TABLE.iter().filter(|k| k.shape == Shape::Product) {
        if kernel.check_codes(format).is_err() {
            continue;
        }
        for (i, axes) in all_axes(kernel).into_iter().enumerate() {
            let class = [DeviceClass::Cpu, DeviceClass::Gpu][i % 2];
            let m = [3, 65][i / 2 % 2];
            let tuning = (kernel.tuning)(&Traits::typical(class, kernel.needs.caps), m);
            let k = [256, 784][i / 4 % 2];
            let what = axes.name().split_whitespace().take(2).collect::<Vec<_>>().join("-");
            // With slices, the second dispatch writes y.
            let halves = if axes.writes_halves() { axes.caps() } else { Caps::NONE };
            all.push(ShaderText {
                kind: ShaderKind::Axes,
                name: format!("{format}-{}-{i}-{}", kernel.name, what.replace('=', "")),
                format: Some(format),
                kernel: Some(kernel.name),
                caps: kernel.needs.caps | halves,
                text: compose_with(format, kernel, &tuning, k, &axes, dialect).text,
            });
            if axes.slices > 1 {
                all.push(ShaderText {
                    kind: ShaderKind::SumSlices,
                    name: format!("sum_slices-{}-{i}", kernel.name),
                    format: None,
                    kernel: None,
                    caps: axes.caps(),
                    text: compose_sum(&one_invocation_a_part(), &axes).text,
                });
            }
        }
    }
    all
}

type Named = Vec<(String, SmallShader)>;

fn all_rounding() -> Named {
    let all = [RoundingBy::Run, RoundingBy::Row, RoundingBy::Given];
    all.map(|by| (format!("rounding-{by:?}"), rounding(by))).into()
}

fn all_grouping() -> Named {
    let tiles = [1, 8, 64, 128];
    tiles
        .map(|tile_m| (format!("grouping-{tile_m}"), grouping(tile_m)))
        .into()
}

fn all_linear() -> Named {
    let mut all = Vec::new();
    for rotates in [None, Some(64), Some(1024)] {
        for norms in [false, true] {
            let name = format!("linear_inputs-{}-{norms}", rotates.unwrap_or(0));
            all.push((name, linear_inputs(rotates, norms)));
        }
    }
    for divides in [false, true] {
        all.push((format!("linear_outputs-{divides}"), linear_outputs(divides)));
    }
    all.push(("linear_back".into(), linear_back(128)));
    all
}

fn all_kv() -> Named {
    let kivi = |side| KvType::Kivi {
        bits: 2,
        group: 32,
        residual: 64,
        side,
    };
    let types = [
        KvType::F16,
        KvType::Q8_0,
        KvType::Q4_0,
        kivi(Side::Keys),
        kivi(Side::Values),
        KvType::TurboMse { bits: 3 },
        KvType::TurboProd { bits: 4 },
    ];
    let mut all = Vec::new();
    for (i, kind) in types.into_iter().enumerate() {
        for rotation in [KvRotation::None, KvRotation::Hadamard, KvRotation::Haar] {
            // The device rotates no KIVI cache.
            if matches!(kind, KvType::Kivi { .. }) && rotation != KvRotation::None {
                continue;
            }
            // A Hadamard matrix of a power of two, and one with a factor of order 12.
            let d = [64, 96][i % 2];
            let codec = KvCodec::new(KvOptions::new(kind, d).with_rotation(rotation));
            let codec = codec.expect("the types above have such d and bits");
            for (name, shader) in Shaders::new(&codec).all() {
                all.push((format!("kv-{i}-{rotation:?}-{name}"), shader.clone()));
            }
        }
    }
    all
}

/// Every type on both sides, once with all that may come before and after it; few and many rows; shares.
fn all_attention() -> Named {
    let types = [
        (KvType::F16, 96),
        (KvType::Q8_0, 64),
        (KvType::Q4_0, 64),
        (KvType::TurboMse { bits: 3 }, 96),
        (KvType::TurboProd { bits: 4 }, 256),
    ];
    let mut all = Vec::new();
    for (i, (kind, d)) in types.into_iter().enumerate() {
        let (other, other_d) = types[(i + 1) % types.len()];
        let mut options = AttentionOptions::new(6, 2, d, kind, 1000);
        let mut placing = Placing::default();
        if i % 2 == 1 {
            options = options.with_values(KvOptions::new(other, other_d));
            options = options
                .with_sinks(true)
                .with_window(Some(100))
                .with_soft_cap(Some(30.0));
            placing = Placing {
                turned: d,
                interleaved: true,
                norms: Some(1e-6),
            };
        }
        let (keys, values) = options.codecs().expect("the types above have such d and bits");
        let shaders = AttentionShaders {
            options: &options,
            keys: &keys,
            values: &values,
        };
        for taken in [Taken::All, Taken::Keys, Taken::Values] {
            let shader = shaders.append(taken, placing, i % 2 == 0);
            all.push((format!("attention-{i}-append-{taken:?}"), shader));
        }
        for (many, splits) in [(false, 1), (false, 8), (true, 1)] {
            let by = Attending::new(&options, many, splits);
            let direct = shaders.is_direct(splits);
            let name = format!("attention-{i}-{}-{splits}", ["few", "many"][usize::from(many)]);
            all.push((name, shaders.attend(by, direct)));
            if !direct {
                all.push((format!("attention-{i}-combine-{splits}"), shaders.combine(splits)));
            }
        }
    }
    all
}

fn all_layer() -> Named {
    let biased = Router::new(64, 6)
        .with_scoring(Scoring::Sigmoid)
        .with_bias(vec![0.5; 64]);
    vec![
        ("norm".into(), norm_shader(576, false, 1e-5, false, 256)),
        ("norm-centred-adding".into(), norm_shader(77, true, 1e-5, true, 32)),
        ("top_k".into(), top_k_shader(49152, 40, 256)),
        ("router".into(), router_shader(&Router::new(8, 2), 32)),
        ("router-biased".into(), router_shader(&biased, 256)),
    ]
}
