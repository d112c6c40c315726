//! Small models of random weights, on the processor and the device.

use super::*;
use lowbit::gguf::Writer;
use lowbit::{Dense, Format, Matrix};

const WIDTH: usize = 64;
const HIDDEN: usize = 96;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz.";

/// Numbers around 0.
struct Random(u64);

impl Random {
    fn floats(&mut self, count: usize, scale: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| scale * next()).collect()
    }
}

/// A file of two layers. In the second, q, k and v have formats of their own, and so have gate and up.
fn file(architecture: &str, edit: impl Fn(&mut Writer<'static>)) -> Vec<u8> {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    tokens.extend(LETTERS.chars().map(String::from));
    tokens.extend(["\u{2581}", "th", "\u{2581}th"].map(String::from));
    let mut kinds = vec![2, 3, 3];
    kinds.extend([6; 256]);
    kinds.resize(tokens.len(), 1);
    let scores: Vec<f32> = (0..tokens.len()).map(|i| i as f32).collect();
    let vocabulary = tokens.len();
    // Longer than a head's share of the width, as in Qwen3.
    let head = 32;

    let mut file = Writer::new();
    for (name, value) in [
        ("context_length", 300),
        ("embedding_length", WIDTH),
        ("block_count", 2),
        ("feed_forward_length", HIDDEN),
        ("attention.head_count", HEADS),
        ("attention.head_count_kv", KV_HEADS),
        ("attention.key_length", head),
        ("attention.value_length", head),
    ] {
        file.metadata(&format!("{architecture}.{name}"), value as u32).unwrap();
    }
    file.metadata("general.architecture", architecture).unwrap();
    file.metadata("tokenizer.ggml.model", "llama").unwrap();
    file.metadata("tokenizer.ggml.bos_token_id", 1u32).unwrap();
    file.metadata("tokenizer.ggml.eos_token_id", 2u32).unwrap();
    file.metadata("tokenizer.ggml.tokens", tokens).unwrap();
    file.metadata("tokenizer.ggml.scores", scores).unwrap();
    file.metadata("tokenizer.ggml.token_type", kinds).unwrap();

    let mut random = Random(1);
    let mut matrix = |file: &mut Writer<'static>, name: &str, n: usize, k: usize, format| {
        let weights = random.floats(n * k, 1.5 / (k as f32).sqrt());
        let packed = Matrix::quantize(format, Dense::new(n, k, &weights).unwrap()).unwrap();
        file.matrix(&format!("{name}.weight"), Box::leak(Box::new(packed)))
            .unwrap();
    };
    let mut others = Random(2);
    let mut floats = |file: &mut Writer<'static>, name: &str, count: usize, middle: f32| {
        let numbers = others.floats(count, 0.25).into_iter().map(|x| middle + x);
        let bytes = numbers.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
        file.tensor(name, &[count as u64], 0, bytes).unwrap();
    };
    matrix(&mut file, "token_embd", vocabulary, WIDTH, Format::Q8_0);
    floats(&mut file, "output_norm.weight", WIDTH, 1.0);
    let (q, kv) = (HEADS * head, KV_HEADS * head);
    for i in 0..2 {
        let apart = |one, other| if i == 0 { one } else { other };
        for (name, n, k, format) in [
            ("attn_q", q, WIDTH, Format::Q4_0),
            ("attn_k", kv, WIDTH, apart(Format::Q4_0, Format::Q5_0)),
            ("attn_v", kv, WIDTH, apart(Format::Q4_0, Format::Q8_0)),
            ("attn_output", WIDTH, q, Format::Q4_1),
            ("ffn_gate", HIDDEN, WIDTH, Format::Q8_0),
            ("ffn_up", HIDDEN, WIDTH, apart(Format::Q8_0, Format::F16)),
            ("ffn_down", WIDTH, HIDDEN, Format::Q4_0),
        ] {
            matrix(&mut file, &format!("blk.{i}.{name}"), n, k, format);
            if architecture == "qwen2" && ["attn_q", "attn_k", "attn_v"].contains(&name) {
                floats(&mut file, &format!("blk.{i}.{name}.bias"), n, 0.0);
            }
        }
        for name in ["attn_norm", "ffn_norm"] {
            floats(&mut file, &format!("blk.{i}.{name}.weight"), WIDTH, 1.0);
        }
        if architecture == "qwen3" {
            floats(&mut file, &format!("blk.{i}.attn_q_norm.weight"), head, 1.0);
            floats(&mut file, &format!("blk.{i}.attn_k_norm.weight"), head, 1.0);
        }
    }
    edit(&mut file);
    file.to_bytes().unwrap()
}

fn plain(check: bool) -> Settings {
    Settings {
        precision: Precision::F32,
        kv: KvType::F16,
        context: 300,
        check,
        candidates: 3,
    }
}

/// A device, if there is one.
fn device() -> Option<Gpu> {
    let gpu = Gpu::new();
    if let Err(e) = &gpu {
        println!("NOT RUN: {e}");
    }
    gpu.ok()
}

/// The largest difference of logits.
fn far(a: &dyn Run, b: &dyn Run) -> f32 {
    let (a, b) = (a.logits().unwrap(), b.logits().unwrap());
    assert!(a.len() == b.len() && a.iter().any(|a| a.abs() > 0.5));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// 200 tokens are more than go through a layer at once.
fn prompt() -> Vec<u32> {
    (0..200).map(|i| 3 + i * 7 % 280).collect()
}

#[test]
fn a_prompt_is_its_tokens_and_the_device_is_the_processor() {
    for architecture in ["llama", "qwen2", "qwen3"] {
        let bytes = file(architecture, |_| ());
        let file = Split::parse(&[&bytes]).unwrap();
        let model = Model::read(&file).unwrap();
        let mut whole = Cpu::new(&model, plain(true)).unwrap();
        let mut single = Cpu::new(&model, plain(true)).unwrap();
        let best = whole.step(&prompt()).unwrap();
        for token in prompt() {
            single.step(&[token]).unwrap();
        }
        let off = far(&whole, &single);
        assert!(off < 1e-3, "{architecture}: {off}");
        let Some(gpu) = device() else {
            continue;
        };
        let mut device = Device::new(gpu, &model, plain(true)).unwrap();
        let found = device.step(&prompt()).unwrap();
        assert_eq!(found.len(), 3);
        for ((a, _), (b, _)) in best.iter().zip(&found) {
            assert_eq!(a, b, "{architecture}");
        }
        for token in [5, 6, 7] {
            whole.step(&[token]).unwrap();
            device.step(&[token]).unwrap();
        }
        let off = far(&whole, &device);
        assert!(off < 1e-2, "{architecture}: {off}");
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let error = |architecture, edit: fn(&mut Writer<'static>)| {
        let bytes = file(architecture, edit);
        let file = Split::parse(&[&bytes]).unwrap();
        let read = Model::read(&file).map(|_| ());
        let error = read.and_then(|_| Tokens::read(&file, &bytes).map(|_| ()));
        error.unwrap_err().to_string()
    };
    let told = error("gemma7", |_| ());
    assert!(told.contains("qwen2") && told.contains("gemma7"), "{told}");
    let told = error("llama", |file| {
        file.metadata("llama.expert_count", 8u32).unwrap();
    });
    assert!(told.contains("expert_count") && told.contains('8'), "{told}");
    let told = error("llama", |file| {
        file.tensor("blk.0.attn_sub_norm.weight", &[4], 0, vec![0; 16]).unwrap();
    });
    assert!(told.contains("blk.0.attn_sub_norm.weight"), "{told}");
    let told = error("llama", |file| {
        file.tensor("output.weight", &[32, 2], 24, vec![0; 64]).unwrap();
    });
    assert!(told.contains("output.weight"), "{told}");
    // The second of two values "llama": that of the tokenizer.
    let mut bytes = file("llama", |_| ());
    let found = |(i, window): (usize, &[u8])| (window == b"\x05\0\0\0\0\0\0\0llama").then_some(i);
    let at = bytes.windows(13).enumerate().filter_map(found).nth(1).unwrap();
    bytes[at + 8..at + 13].copy_from_slice(b"piece");
    let told = Tokens::read(&Split::parse(&[&bytes]).unwrap(), &bytes)
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(told.contains("piece"), "{told}");
}

#[test]
fn bytes_become_characters() {
    let bytes = file("llama", |_| ());
    let file = Split::parse(&[&bytes]).unwrap();
    let tokens = Tokens::read(&file, &bytes).unwrap();
    let ids = tokens.encode("the é").unwrap();
    // <s>, " th", "e", " ", two bytes.
    assert_eq!(ids, [1, 288, 263, 286, 3 + 0xC3, 3 + 0xA9]);
    assert!(tokens.is_end(2) && !tokens.is_end(1));
    let mut text = Text::new(&tokens, &ids[..3]).unwrap();
    assert_eq!(text.push(ids[3]).unwrap(), " ");
    assert_eq!(text.push(ids[4]).unwrap(), "");
    assert_eq!(text.push(ids[5]).unwrap(), "é");
    assert_eq!(text.push(ids[4]).unwrap(), "");
    assert_eq!(text.rest().unwrap(), "\u{FFFD}");
}

#[test]
fn a_lost_device_is_an_error() {
    let Some(gpu) = device() else {
        return;
    };
    let bytes = file("llama", |_| ());
    let file = Split::parse(&[&bytes]).unwrap();
    let model = Model::read(&file).unwrap();
    let mut device = Device::new(gpu.clone(), &model, plain(false)).unwrap();
    device.step(&[1, 5]).unwrap();
    gpu.device().destroy();
    let error = device.step(&[6]).unwrap_err().to_string();
    println!("{error}");
    assert!(error.to_lowercase().contains("lost"), "{error}");
}

#[test]
fn nan_is_found_where_it_begins() {
    // Finite numbers whose sum is not.
    let huge = |file: &mut Writer<'static>| {
        for name in ["blk.1.attn_output.bias", "blk.1.ffn_down.bias"] {
            let floats = [3e38f32; WIDTH].map(f32::to_le_bytes).concat();
            file.tensor(name, &[WIDTH as u64], 0, floats).unwrap();
        }
    };
    let bytes = file("llama", huge);
    let file = Split::parse(&[&bytes]).unwrap();
    let model = Model::read(&file).unwrap();
    let mut runs: Vec<Box<dyn Run>> = vec![Box::new(Cpu::new(&model, plain(true)).unwrap())];
    if let Some(gpu) = device() {
        runs.push(Box::new(Device::new(gpu, &model, plain(true)).unwrap()));
    }
    for mut run in runs {
        let told = run.step(&[1, 5]).map(|_| ()).unwrap_err().to_string();
        assert!(told.contains("begin in layer 1"), "{told}");
    }
}

#[test]
fn temperature_chooses_by_weight() {
    let candidates = [(7, 2.0), (3, 2.0 - 2f32.ln()), (5, f32::NEG_INFINITY)];
    assert_eq!(Sampler::new(0.0, 1).choose(&candidates).unwrap(), 7);
    assert!(Sampler::new(1.0, 1).choose(&[]).is_err());
    assert!(Sampler::new(1.0, 1).choose(&[(7, f32::NAN)]).is_err());
    let mut sampler = Sampler::new(1.0, 1);
    let chosen: Vec<_> = (0..3000).map(|_| sampler.choose(&candidates).unwrap()).collect();
    let count = |token| chosen.iter().filter(|t| **t == token).count();
    assert_eq!(count(7) + count(3), 3000);
    assert!((1850..2150).contains(&count(7)), "{}", count(7));
    let mut again = Sampler::new(1.0, 1);
    assert!(chosen.iter().all(|t| again.choose(&candidates).unwrap() == *t));
}
