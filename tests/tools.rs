//! The example tools, run as a user runs them, on the CPU: `inspect`, `matmul` and `quantize` on a GPTQ checkpoint and
//! a GGUF file of golden bytes, `compare` and `quantize` on a small Llama.
#![cfg(feature = "safetensors")]

#[allow(dead_code)]
#[path = "safetensors/checkpoint.rs"]
mod checkpoint;
mod common;
#[path = "tools/folders.rs"]
mod folders;
#[path = "tools/options.rs"]
mod options;
#[path = "tools/run.rs"]
mod run;
#[path = "gguf/llama.rs"]
mod tiny;
#[path = "safetensors/tools.rs"]
mod written;

use common::layouts::{Layout, layout, layouts};
use common::same_bits;
use lowbit::gguf::{Array, Value, Writer};
use lowbit::{Dense, Format, Matrix};
use run::{Folder, run};
use safetensors::Dtype::I64;
use std::path::Path;
use written::NAME;

/// A row of a table, without lines and spaces.
fn row(table: &str, name: &str) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split(['│', '┆']).map(|cell| cell.trim().to_owned());
        cells.filter(|cell| !cell.is_empty()).collect()
    };
    let mut rows = table.lines().map(cells);
    let found = rows.find(|row| row.first().is_some_and(|cell| cell == name));
    found.unwrap_or_else(|| panic!("no row {name} in\n{table}"))
}

fn floats(path: impl AsRef<Path>) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(&std::fs::read(path).unwrap())
}

/// A folder as GPTQModel writes it, with one layer, an embedding and a norm.
fn gptq(name: &str) -> (Folder, Layout) {
    let case = layout("gptq_w4_g128_act_v2");
    let bias: Vec<f32> = (0..case.n).map(|i| i as f32 - 7.5).collect();
    let file = written::checkpoint(&case).unwrap();
    let file = file
        .floats(&format!("{NAME}.bias"), &[case.n], &bias)
        .floats("model.embed_tokens.weight", &[6, 64], &[0.25; 384])
        .floats("model.norm.weight", &[3], &[1.0, 2.0, 3.0])
        .with("model.steps", I64, &[1], &[0; 8]);
    let folder = Folder::new(name);
    std::fs::write(folder.at("config.json"), file.config.to_string()).unwrap();
    std::fs::write(folder.at("model.safetensors"), file.bytes()).unwrap();
    (folder, case)
}

#[test]
fn inspect_a_checkpoint() {
    let (folder, case) = gptq("inspect");
    let (n, k) = (case.n, case.k);
    // The configuration is next to the file, so the file alone suffices.
    for model in [folder.text(), &folder.at("model.safetensors")] {
        let told = run("inspect", &[model]).unwrap();
        assert!(told.starts_with("safetensors, quantized by gptq\n"), "{told}");
        let layer = row(&told, NAME);
        assert_eq!(layer[1], "int4_qzeros_g128");
        assert_eq!(layer[2], format!("{n} x {k}"));
        let bytes: usize = layer[3].parse().unwrap();
        assert_eq!(bytes, case.linear().unwrap().matrix().bytes().len());
        let bits = 8.0 * bytes as f64 / (n * k) as f64;
        assert_eq!(layer[4], format!("{bits:.3}"));
        assert_eq!(layer[5], "permutation, bias");
        let plain = ["model.embed_tokens.weight", "F32", "6 x 64", "1536", "32.000"];
        assert_eq!(row(&told, plain[0]), plain);
        assert_eq!(row(&told, "model.norm.weight")[2], "3");
        assert_eq!(row(&told, "model.steps")[1], "I64");
        assert!(!told.contains("qweight"), "{told}");
        let total = ["int4_qzeros_g128", "multiplies", "1"];
        assert_eq!(row(&told, total[0])[..3], total);
        assert!(told.contains("8 tensors with 1 packed layers"), "{told}");
    }
    let told = run("inspect", &[folder.text(), "--only", "norm"]).unwrap();
    assert!(!told.contains(NAME) && told.contains("norm"), "{told}");

    let out = folder.at("out.f32");
    run("inspect", &[folder.text(), "--dequantize", NAME, &out, "--cpu"]).unwrap();
    same_bits(&case.as_tool(&floats(&out)), &case.dequantized).unwrap();
    run("inspect", &[folder.text(), "--dequantize", "model.norm.weight", &out]).unwrap();
    assert_eq!(floats(&out), [1.0, 2.0, 3.0]);
    let part = format!("{NAME}.qweight");
    let error = run("inspect", &[folder.text(), "--dequantize", &part, &out]).unwrap_err();
    assert!(error.contains(&format!("there is {NAME}")), "{error}");

    // Packed layers cannot be quantized as if they were plain.
    let args = [folder.text(), &folder.at("out.gguf"), "--preset", "Q8_0"];
    let error = run("quantize", &args).unwrap_err();
    assert!(error.contains("1 layers are packed (gptq)"), "{error}");
}

/// All tensors of a layer form one row, whatever its tool calls them: one case of each layout.
#[test]
fn inspect_a_layer_of_each_layout() {
    let folder = Folder::new("layouts");
    let mut seen = std::collections::BTreeSet::new();
    for case in layouts() {
        let Some(file) = written::checkpoint(&case) else {
            continue;
        };
        if !seen.insert(case.kind.clone()) {
            continue;
        }
        let file = file.floats("model.norm.weight", &[3], &[1.0, 2.0, 3.0]);
        std::fs::write(folder.at("config.json"), file.config.to_string()).unwrap();
        std::fs::write(folder.at("model.safetensors"), file.bytes()).unwrap();
        let told = run("inspect", &[folder.text()]).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let format = case.linear().unwrap().matrix().format().to_string();
        assert_eq!(row(&told, NAME)[1], format, "{}", case.name);
        let rows = told.lines().filter(|line| line.starts_with('│'));
        // Two header lines for each table, two rows, and a total for each format.
        assert_eq!(rows.count(), 8, "{}\n{told}", case.name);
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}

/// A layer that cannot be read is reported after the readable ones.
#[test]
fn inspect_a_layer_that_is_not_whole() {
    let (folder, case) = gptq("broken");
    let file = written::checkpoint(&case).unwrap();
    let file = file.with("other.qweight", I64, &[1], &[0; 8]);
    std::fs::write(folder.at("model.safetensors"), file.bytes()).unwrap();
    let error = run("inspect", &[folder.text()]).unwrap_err();
    assert!(error.contains("1 layers cannot be read"), "{error}");
    assert!(error.contains("other."), "{error}");
}

#[test]
fn multiply_by_a_layer_of_a_checkpoint() {
    let (folder, case) = gptq("matmul");
    let named = format!("{}:{NAME}", folder.text());
    for weights in [folder.text(), &named] {
        let told = run("matmul", &["--weights", weights, "--m", "3"]).unwrap();
        let shape = format!("n = {} outputs, k = {} inputs", case.n, case.k);
        assert!(told.contains(NAME) && told.contains(&shape), "{told}");
        assert!(told.contains("with permutation, bias"), "{told}");
        let verdict = &row(&told, "int4_qzeros_g128 on CPU")[5];
        assert!(verdict.ends_with("ok"), "{told}");
        assert_eq!(told.contains(", the first"), weights == folder.text(), "{told}");
    }
    let plain = format!("{}:model.embed_tokens", folder.text());
    let told = run("matmul", &["--weights", &plain, "--format", "int8"]).unwrap();
    assert!(told.contains("n = 6 outputs, k = 64 inputs"), "{told}");
    assert!(row(&told, "int8")[5].ends_with("ok"), "{told}");
    // Packed again on request.
    let told = run("matmul", &["--weights", &named, "--format", "int8"]).unwrap();
    assert!(row(&told, "int8")[5].ends_with("ok"), "{told}");
    let tensor = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tiny.gguf:w_q8_0");
    let told = run("matmul", &["--weights", tensor]).unwrap();
    assert!(row(&told, "q8_0 on CPU")[5].ends_with("ok"), "{told}");
    let error = |weights: &str| run("matmul", &["--weights", weights]).unwrap_err();
    let missing = error(&format!("{}:up_proj", folder.text()));
    assert!(missing.contains(NAME), "{missing}");
    let missing = error(&format!("{}:none", folder.text()));
    assert!(missing.contains("model.embed_tokens, model.layers"), "{missing}");
    let norm = error(&format!("{}:model.norm.weight", folder.text()));
    assert!(norm.contains("no linear layer"), "{norm}");
}

#[test]
fn quantize_and_inspect_gguf() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tiny.gguf");
    let told = run("inspect", &[source, "--keys"]).unwrap();
    assert!(told.contains("GGUF: "), "{told}");
    let folder = Folder::new("quantize");
    let out = folder.at("out.gguf");
    run("quantize", &[source, &out, "--preset", "Q8_0", "--requantize"]).unwrap();
    let told = run("inspect", &[&out]).unwrap();
    assert_eq!(row(&told, "w_q8_0")[1..3], ["Q8_0", "1024 x 4"], "{told}");
    let both = [source, &out].map(|model| {
        let numbers = folder.at("numbers.f32");
        let args = [model, "--dequantize", "w_q8_0", &numbers];
        run("inspect", &args).unwrap();
        floats(numbers)
    });
    assert_eq!(both[0].len(), 4096);
    // Its scales are computed again: the largest weight of a block is 127 of them, as before.
    same_bits(&both[0], &both[1]).unwrap();
}

/// NVFP4 with a factor in another tensor; the file was merged, and has a token that is not UTF-8.
#[test]
fn inspect_a_file_with_factors() {
    let weights: Vec<f32> = (0..128).map(|i| i as f32 - 60.0).collect();
    let matrix = Matrix::quantize(Format::NVFP4, Dense::new(2, 64, &weights).unwrap()).unwrap();
    let mut writer = Writer::new();
    writer.metadata("split.count", 0u16).unwrap();
    let token = Value::Array(Array::Bytes(vec![vec![0xe4, 0xbd]]));
    writer.metadata("tokenizer.ggml.tokens", token).unwrap();
    writer.matrix("a.weight", &matrix).unwrap();
    let factor = 0.3f32.to_le_bytes().to_vec();
    writer.tensor("a.scale", &[1], 0, factor).unwrap();
    let folder = Folder::new("factors");
    let model = folder.at("model.gguf");
    std::fs::write(&model, writer.to_bytes().unwrap()).unwrap();

    let told = run("inspect", &[&model, "--keys"]).unwrap();
    assert!(row(&told, "a.weight").contains(&"scale * 0.3".to_owned()));
    let out = folder.at("a.f32");
    run("inspect", &[&model, "--dequantize", "a.weight", &out]).unwrap();
    let wanted: Vec<f32> = matrix.dequantize().iter().map(|w| w * 0.3).collect();
    same_bits(&floats(&out), &wanted).unwrap();
}

/// The number after `what` in a tool's output.
fn number(told: &str, what: &str) -> f64 {
    let after = told.split_once(what).unwrap_or_else(|| panic!("{told}")).1;
    let end = after.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    after[..end.unwrap_or(after.len())].parse().unwrap()
}

/// A random Llama and random words: every method runs, its cost is reported, and the written model has the same
/// perplexity. With separate keys and values for each head, and with shared ones.
#[test]
fn compare_and_quantize_a_llama() {
    for kv_heads in [4, 2] {
        let folder = Folder::new(&format!("llama-{kv_heads}"));
        let (model, texts) = (folder.at("model.gguf"), folder.at("texts.jsonl"));
        std::fs::write(&model, tiny::tiny(kv_heads)).unwrap();
        std::fs::write(&texts, tiny::texts(60)).unwrap();
        let svg = folder.at("out.svg");
        let assignment = folder.at("mixed.txt");
        let of_texts = ["--text", &texts, "--length", "40", "--svg", &svg];
        let compare = |model: &str, more: &[&str]| {
            let args = [&[model][..], &of_texts, more].concat();
            run("compare", &args).unwrap()
        };
        let formats = ["--formats", "q4_0,q4_1,q8_0", "--bits", "5"];
        let told = compare(&model, &[&formats[..], &["--assignment", &assignment]].concat());
        let float = number(&told, "perplexity ");
        // Table rows by method and format: bits, errors of weights and outputs, perplexity.
        let rows: Vec<Vec<String>> = told
            .lines()
            .filter(|line| line.starts_with('│'))
            .map(|line| line.split(['│', '┆']).map(|c| c.trim().to_owned()).collect())
            .collect();
        let numbers = |method: &str, format: &str| -> Vec<f64> {
            let found = rows.iter().find(|r| r[1] == method && r[2] == format);
            let found = found.unwrap_or_else(|| panic!("no {method} {format} in\n{told}"));
            found[3..8].iter().map(|c| c.parse().unwrap()).collect()
        };
        let methods = ["rtn", "importance", "awq", "gptq", "awq-gptq"];
        for method in methods {
            for (format, bits) in [("q4_0", 4.5), ("q4_1", 5.0), ("q8_0", 8.5)] {
                assert_eq!(numbers(method, format)[0], bits);
            }
            // 8 bits lose almost nothing, with any method: what AWQ folds changes no product. (Round-to-nearest loses
            // 0.6 % of perplexity, which varies with the random weights.)
            let [_, weights, _, outputs, perplexity] = numbers(method, "q8_0")[..] else {
                panic!()
            };
            assert!(weights < 1e-4 && outputs < 1e-4, "{told}");
            assert!((perplexity / float - 1.0).abs() < 0.01, "{told}");
        }
        // These methods minimize the error of outputs, on the texts that they were calibrated with.
        let outputs = |method: &str| numbers(method, "q4_0")[3];
        for better in ["awq", "gptq", "awq-gptq"] {
            assert!(outputs(better) < outputs("rtn"), "{better}\n{told}");
        }
        for mixed in ["mixed rtn", "mixed gptq"] {
            let bits = numbers(mixed, "mixed 5")[0];
            assert!(bits > 4.5 && bits <= 5.0, "{told}");
        }
        let drawn = std::fs::read_to_string(&svg).unwrap();
        assert!(drawn.contains("4^-bits") && drawn.ends_with("</svg>\n"));

        // The same texts as above give the same numbers from a file.
        let out = folder.at("out.gguf");
        let calibration = ["--calibration", &texts, "--skip", "40", "--length", "40"];
        for (method, preset) in [("gptq", "Q4_0"), ("awq", "Q4_1"), ("awq", "Q8_0")] {
            let args = [&model, &out, "--preset", preset, "--method", method];
            // The embedding stays F32, as in the table.
            let keep = ["--keep", "token_embd=F32"];
            run("quantize", &[&args[..], &keep, &calibration].concat()).unwrap();
            let perplexity = number(&compare(&out, &["--methods", "none"]), "perplexity ");
            let expected = numbers(method, &preset.to_lowercase())[4];
            assert_eq!(perplexity, expected, "{method} {preset}\n{told}");
        }
        let args = [&model, &out, "--preset", "Q8_0", "--assignment", &assignment];
        run("quantize", &[&args[..], &["--keep", "token_embd=F32"]].concat()).unwrap();
        let perplexity = number(&compare(&out, &["--methods", "none"]), "perplexity ");
        assert_eq!(perplexity, numbers("mixed rtn", "mixed 5")[4]);
        let error = run("quantize", &[&model, &out, "--preset", "Q4_0", "--method", "gptq"]);
        assert!(error.unwrap_err().contains("needs texts"));
        let args = [&model, &out, "--preset", "Q4_1", "--method", "hqq"];
        run("quantize", &args).unwrap();
        let hqq = number(&compare(&out, &["--methods", "none"]), "perplexity ");
        assert!((hqq / float - 1.0).abs() < 0.5, "{hqq} for {float}");
    }
}

/// The figures of numpy for the 40 stories, which all claims about methods rest on.
#[test]
fn the_stories_have_their_perplexity() {
    let here = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(path);
    if !here("stories15M/stories15M.f32.gguf").exists() || !here("stories/mctest.jsonl").exists() {
        let missing = "no models/stories15M and models/stories; run scripts/fetch_models stories15M stories";
        assert!(std::env::var_os("LOWBIT_MODELS").is_none(), "{missing}");
        println!("NOT RUN: {missing}");
        return;
    }
    let svg = Folder::new("stories");
    let args = [
        "models/stories15M",
        "--methods",
        "rtn",
        "--formats",
        "q4_0",
        "--calibrate",
        "1",
        "--svg",
        &svg.at("out.svg"),
    ];
    let told = run("compare", &args).unwrap();
    assert_eq!(number(&told, "texts, "), 9326.0, "{told}");
    assert_eq!(number(&told, "perplexity "), 18.229, "{told}");
    let q4_0 = row(&told, "rtn");
    assert_eq!(q4_0[1..3], ["q4_0", "4.500"]);
    assert_eq!(q4_0[6..8], ["20.461", "+0.1155 ± 0.0089"], "{told}");
}

#[test]
fn smollm2_knows_the_capital_of_france() {
    let model = "models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join(model).exists() {
        let missing = "no models/smollm2; run scripts/fetch_models smollm2";
        assert!(std::env::var_os("LOWBIT_MODELS").is_none(), "{missing}");
        println!("NOT RUN: {missing}");
        return;
    }
    let prompt = "The capital of France is";
    for more in [&[][..], &["--precision", "i8"], &["--kv", "q8_0", "--check"]] {
        let args = [&[model, prompt, "--cpu", "--tokens", "2"], more].concat();
        assert_eq!(
            run("generate", &args).unwrap(),
            format!("{prompt} Paris.\n"),
            "{more:?}"
        );
    }
    let error = run("generate", &[model, prompt, "--cpu", "--context", "4"]).unwrap_err();
    assert!(error.contains("4 tokens, got 5"), "{error}");
    let error = run("generate", &["README.md", prompt, "--cpu"]).unwrap_err();
    assert!(error.contains("README.md"), "{error}");
}
