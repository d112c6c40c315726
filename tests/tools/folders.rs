//! `quantize` of folders of Hugging Face, compared with llama.cpp's converter: `tests/tools/folders.py` made the files
//! and the expected values of each.

use crate::run::{Folder, notes, run};
use half::bf16;
use lowbit::gguf::{Array, Gguf, TensorType, Value};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;
use std::path::{Path, PathBuf};

const NAMES: [&str; 7] = [
    "llama3",
    "mistral",
    "qwen2",
    "qwen3",
    "mixtral",
    "qwen3_moe",
    "qwen3_moe_stacked",
];

fn kept(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/folders");
    tests.join(name)
}

/// A folder of that name with its weights, which are computed from their shapes.
fn folder(within: &Folder, name: &str) -> PathBuf {
    let path = within.0.join(name);
    std::fs::create_dir_all(&path).unwrap();
    for entry in std::fs::read_dir(kept(name)).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, path.join(from.file_name().unwrap())).unwrap();
    }
    std::fs::write(path.join("model.safetensors"), weights(name)).unwrap();
    path
}

fn weights(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(kept(name).join("shapes.json")).unwrap();
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = in_order(&text)
        .into_iter()
        .enumerate()
        .map(|(j, (name, shape))| {
            let count = shape.iter().product::<usize>();
            let number = |i: usize| ((7 * i + 13 * j) % 61) as f32 - 30.0;
            let numbers = (0..count).map(|i| bf16::from_f32(number(i) / 64.0));
            let bytes = numbers.flat_map(|v| v.to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::BF16, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    safetensors::serialize(views, None).unwrap()
}

/// Names and shapes of an object, in the order of the text.
fn in_order(text: &str) -> Vec<(String, Vec<usize>)> {
    let entries = text.trim_matches(['{', '}']).split("],");
    let entry = |entry: &str| {
        let (name, shape) = entry.split_once(':').unwrap();
        let numbers = shape.trim_matches(['[', ']']).split(',');
        let shape = numbers.map(|n| n.parse().unwrap()).collect();
        (name.trim_matches('"').to_owned(), shape)
    };
    entries.map(entry).collect()
}

fn fnv(bytes: impl IntoIterator<Item = u8>) -> String {
    let hash = bytes.into_iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    format!("{hash:016x}")
}

fn shown(value: &Value) -> String {
    let float = |v: f32| format!("f32 {:08x}", v.to_bits());
    let items: Vec<String> = match value {
        Value::String(text) => return text.clone(),
        Value::Bool(v) => return v.to_string(),
        Value::F32(v) => return float(*v),
        Value::U32(v) => return v.to_string(),
        Value::I32(v) => return v.to_string(),
        Value::Array(Array::String(items)) => items.clone(),
        Value::Array(Array::I32(items)) => items.iter().map(i32::to_string).collect(),
        Value::Array(Array::F32(items)) => items.iter().map(|v| float(*v)).collect(),
        other => panic!("{other:?}"),
    };
    let text: String = items.iter().map(|item| format!("{item}\n")).collect();
    format!("{} items {}", items.len(), fnv(text.into_bytes()))
}

/// A line for each key and tensor of a file.
fn described(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let file = Gguf::parse(&bytes).unwrap();
    let keys = file.metadata().iter();
    let keys = keys.map(|key| format!("{} = {}", key.name(), shown(&key.value())));
    let tensors = file.tensors().iter().map(|t| {
        let kind = TensorType::from_id(t.type_id()).unwrap().name;
        let hash = fnv(t.data().iter().copied());
        format!("tensor {} {:?} {kind} {hash}", t.name(), t.dims())
    });
    let mut lines: Vec<String> = keys.chain(tensors).collect();
    lines.sort();
    lines
}

fn lines(text: &str) -> Vec<String> {
    // A guess at the model's name, which no program reads.
    let known = text.lines().filter(|line| !line.starts_with("general.size_label"));
    known.map(str::to_owned).collect()
}

#[test]
fn folders_are_as_the_converter_makes_them() {
    let within = Folder::new("folders");
    for name in NAMES {
        let path = folder(&within, name);
        let out = within.at("out.gguf");
        run("quantize", &[path.to_str().unwrap(), &out, "--preset", "F32"]).unwrap();
        let expected = std::fs::read_to_string(kept(name).join("expected.txt")).unwrap();
        // No template here contains line breaks.
        let (got, expected) = (described(Path::new(&out)), lines(&expected));
        if let Some(line) = expected.iter().find(|line| !got.contains(line)) {
            panic!("{name} lacks {line}, has\n{}", got.join("\n"));
        }
        assert_eq!(got.len(), expected.len(), "{name}\n{}", got.join("\n"));
    }
}

/// A folder with another configuration, and the error of quantizing it.
fn refused(within: &Folder, change: impl Fn(&mut serde_json::Value)) -> String {
    let path = folder(within, "qwen2");
    let text = std::fs::read_to_string(path.join("config.json")).unwrap();
    let mut config = serde_json::from_str(&text).unwrap();
    change(&mut config);
    std::fs::write(path.join("config.json"), config.to_string()).unwrap();
    let out = within.at("refused.gguf");
    let args = [path.to_str().unwrap(), &out, "--preset", "Q8_0"];
    let error = run("quantize", &args).unwrap_err();
    assert!(!Path::new(&out).exists(), "{error}");
    error
}

#[test]
fn what_is_not_converted_is_refused_by_name() {
    let within = Folder::new("refused");
    let error = refused(&within, |config| {
        config["architectures"] = json!(["GemmaForCausalLM"]);
    });
    assert!(error.contains("GemmaForCausalLM"), "{error}");
    assert!(error.contains("convert_hf_to_gguf.py"), "{error}");
    let error = refused(&within, |config| {
        config["quantization_config"] = json!({ "quant_method": "bitnet" });
    });
    assert!(error.contains("bitnet"), "{error}");
    for (kind, named) in [("longrope", "longrope"), ("llama3", "llama3")] {
        let error = refused(&within, |config| {
            config["rope_scaling"] = json!({ "rope_type": kind, "factor": 8.0 });
        });
        assert!(error.contains(named) && error.contains("qwen2"), "{error}");
    }
    let error = refused(&within, |config| config["num_attention_heads"] = json!(null));
    assert!(
        error.contains("num_attention_heads") && error.contains("got null"),
        "{error}"
    );
}

/// A tokenizer that splits words differently must not be labelled as one of llama.cpp's.
#[test]
fn an_unknown_pre_tokenizer_is_refused_or_named() {
    let within = Folder::new("pre");
    let path = folder(&within, "qwen2");
    let text = std::fs::read_to_string(path.join("tokenizer.json")).unwrap();
    std::fs::write(path.join("tokenizer.json"), text.replace("|'ve|", "|")).unwrap();
    let out = within.at("out.gguf");
    let args = [path.to_str().unwrap(), &out, "--preset", "Q8_0"];
    let error = run("quantize", &args).unwrap_err();
    assert!(error.contains("pre_tokenizer"), "{error}");
    let named = ["--override-kv", "tokenizer.ggml.pre=str:qwen2"];
    run("quantize", &[&args[..], &named].concat()).unwrap();
    assert!(described(Path::new(&out)).contains(&"tokenizer.ggml.pre = qwen2".to_owned()));
}

#[test]
fn what_a_file_does_not_say_is_told() {
    let within = Folder::new("told");
    let path = folder(&within, "mistral");
    let out = within.at("out.gguf");
    let args = [path.to_str().unwrap(), &out, "--preset", "Q8_0"];
    let said = notes("quantize", &args);
    assert!(said.contains("Attention reaches back 32 tokens"), "{said}");
    std::fs::remove_file(path.join("tokenizer.model")).unwrap();
    let said = notes("quantize", &args);
    assert!(said.contains("gets no tokenizer"), "{said}");
    assert!(described(Path::new(&out)).contains(&"tokenizer.ggml.model = no_vocab".to_owned()));
}

/// Python writes numbers that JSON does not have.
#[test]
fn a_configuration_may_hold_infinity() {
    let within = Folder::new("infinity");
    let path = folder(&within, "qwen3");
    let text = std::fs::read_to_string(path.join("config.json")).unwrap();
    let text = text.replacen('{', r#"{"a":"\"NaN","b":[-Infinity,NaN],"#, 1);
    std::fs::write(path.join("generation_config.json"), text).unwrap();
    let out = within.at("out.gguf");
    let args = [path.to_str().unwrap(), &out, "--preset", "Q8_0"];
    run("quantize", &args).unwrap();
}

/// Files next to an index that does not name them belong to something else: here the same weights under other names.
#[test]
fn the_index_says_which_files_count() {
    let within = Folder::new("index");
    let path = folder(&within, "mistral");
    let shard = path.join("model-00001-of-00001.safetensors");
    std::fs::rename(path.join("model.safetensors"), &shard).unwrap();
    std::fs::copy(&shard, path.join("consolidated.safetensors")).unwrap();
    let text = std::fs::read_to_string(kept("mistral").join("shapes.json")).unwrap();
    let names = in_order(&text).into_iter().map(|(name, _)| name);
    let map: serde_json::Map<_, _> = names
        .map(|name| (name, json!("model-00001-of-00001.safetensors")))
        .collect();
    let index = json!({ "weight_map": map }).to_string();
    std::fs::write(path.join("model.safetensors.index.json"), index).unwrap();
    let out = within.at("out.gguf");
    run("quantize", &[path.to_str().unwrap(), &out, "--preset", "F32"]).unwrap();
    let expected = std::fs::read_to_string(kept("mistral").join("expected.txt")).unwrap();
    assert_eq!(described(Path::new(&out)).len(), lines(&expected).len());
}
