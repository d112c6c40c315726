//! Options of `quantize` that llama-quantize has. `scripts/same_as_llama_quantize` compares the bytes with it; these
//! tests compare the requested types and keys.

use crate::run::{Folder, command, notes, run};
use crate::tiny;
use lowbit::gguf::{Gguf, TensorType, Value, Writer, part_name};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// The types of some tensors of a file.
fn kinds(path: &str, names: &[&str]) -> Vec<&'static str> {
    let bytes = std::fs::read(path).unwrap();
    let file = Gguf::parse(&bytes).unwrap();
    let kind = |name: &&str| {
        let tensor = file.tensors().iter().find(|t| t.name() == *name).unwrap();
        TensorType::from_id(tensor.type_id()).unwrap().name
    };
    names.iter().map(kind).collect()
}

fn get(path: &str, key: &str) -> Option<Value> {
    let bytes = std::fs::read(path).unwrap();
    Some(Gguf::parse(&bytes).unwrap().get(key)?.value())
}

/// A folder's model of 64 columns: its path, and the path of the output.
fn model(folder: &Folder) -> (String, String) {
    let source = folder.at("model.gguf");
    std::fs::write(&source, tiny::tiny(2)).unwrap();
    (source, folder.at("out.gguf"))
}

#[test]
fn types_by_option() {
    let folder = Folder::new("types");
    let (source, out) = model(&folder);
    let named = [
        "token_embd.weight",
        "blk.0.ffn_up.weight",
        "blk.1.attn_v.weight",
        "output_norm.weight",
    ];
    let cases: [(&str, &[&str], [&str; 4]); 9] = [
        ("Q4_0", &[], ["Q8_0", "Q4_0", "Q4_0", "F32"]),
        ("2", &["--pure"], ["Q4_0", "Q4_0", "Q4_0", "F32"]),
        (
            "q4_0",
            &["--token-embedding-type", "f16"],
            ["F16", "Q4_0", "Q4_0", "F32"],
        ),
        (
            "Q4_0",
            &["--tensor-type", "FFN_UP=q5_1", "--pure"],
            ["Q4_0", "Q5_1", "Q4_0", "F32"],
        ),
        (
            "Q4_0",
            &["--tensor-type", r"blk\.1\.=q8_0"],
            ["Q8_0", "Q4_0", "Q8_0", "F32"],
        ),
        // The first match counts, and --keep overrides the preset.
        (
            "F16",
            &["--keep", "ffn=Q8_0", "--keep", "ffn_up=Q4_0"],
            ["F16", "Q8_0", "F16", "F32"],
        ),
        ("F16", &["--tensor-type", "ffn=q8_0"], ["F16", "F16", "F16", "F32"]),
        ("COPY", &[], ["F32", "F32", "F32", "F32"]),
        ("Q5_K", &["--pure"], ["Q5_1", "Q5_1", "Q5_1", "F32"]),
    ];
    for (preset, options, expected) in cases {
        let args = [&[&source[..], &out, "--preset", preset], options].concat();
        run("quantize", &args).unwrap();
        assert_eq!(kinds(&out, &named), expected, "{preset} {options:?}");
    }
    assert_eq!(get(&out, "general.file_type"), Some(Value::U32(17)));
    for (preset, options, told) in [
        ("Q4_0", ["--keep", "nothing=Q8_0"], "nothing=Q8_0 matches no tensor"),
        ("Q4_0", ["--tensor-type", "norm=q8_0"], "norm=Q8_0 matches no tensor"),
        ("F16", ["--tensor-type", "ffn=q8_0"], "does nothing with F16"),
    ] {
        let said = notes(
            "quantize",
            &[&[&source[..], &out, "--preset", preset], &options[..]].concat(),
        );
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn keys_by_option() {
    let folder = Folder::new("keys");
    let (source, out) = model(&folder);
    let overrides = [
        "general.name=str:a=b:c",
        "llama.context_length=int:-7",
        "x.y=float:0.1",
        "x.z=bool:true",
    ];
    let mut args = vec![&source[..], &out, "--preset", "Q8_0"];
    args.extend(overrides.iter().flat_map(|text| ["--override-kv", text]));
    run("quantize", &args).unwrap();
    assert_eq!(get(&out, "general.name"), Some("a=b:c".into()));
    assert_eq!(get(&out, "llama.context_length"), Some(Value::U32(7)));
    assert_eq!(get(&out, "x.y"), Some(Value::F32(0.1)));
    assert_eq!(get(&out, "x.z"), Some(Value::Bool(true)));
    for wrong in ["a.b=int:x", "a.b=long:1", "a.b"] {
        let args = [&source, &out, "--preset", "Q8_0", "--override-kv", wrong];
        run("quantize", &args).unwrap_err();
    }
}

/// Part names keep the whole stem, and the input's parts can be kept.
#[test]
fn parts_by_option() {
    let folder = Folder::new("parts");
    let (source, _) = model(&folder);
    let stem = folder.at("tiny-0.1");
    let told = run(
        "quantize",
        &[&source, &stem, "--preset", "F16", "--part-bytes", "40000"],
    )
    .unwrap();
    let count = told.lines().filter(|line| line.contains("tiny-0.1-0")).count();
    assert!(count > 1, "{told}");
    let first = part_name(&stem, 0, count);
    let again = folder.at("again.gguf");
    run("quantize", &[&first, &again, "--preset", "Q8_0", "--keep-split"]).unwrap();
    let names = |stem: &str| -> Vec<Vec<String>> {
        let names = (0..count).map(|no| {
            let bytes = std::fs::read(part_name(stem, no, count)).unwrap();
            let file = Gguf::parse(&bytes).unwrap();
            file.tensors().iter().map(|t| t.name().to_owned()).collect()
        });
        names.collect()
    };
    assert_eq!(names(&stem), names(&folder.at("again")));
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = Folder::new("dry");
    let (source, out) = model(&folder);
    let written = run("quantize", &[&source, &out, "--preset", "Q4_0"]).unwrap();
    std::fs::remove_file(&out).unwrap();
    let said = run("quantize", &[&source, "--preset", "Q4_0", "--dry-run"]).unwrap();
    assert!(said.contains("nothing is written"), "{said}");
    let table = |told: &str| -> Vec<String> {
        let rows = told.lines().filter(|line| line.starts_with('│'));
        rows.map(str::to_owned).collect()
    };
    assert_eq!(table(&said), table(&written));
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
}

/// llama.cpp loads no file with such a weight: it is refused with its position, in any type.
#[test]
fn weights_that_are_no_numbers_are_refused() {
    let folder = Folder::new("finite");
    let (source, out) = (folder.at("model.gguf"), folder.at("out.gguf"));
    for (weight, preset, refused) in [
        (f32::NAN, "F16", true),
        (f32::NAN, "COPY", true),
        (f32::INFINITY, "BF16", true),
        (1e6, "F16", true),
        (1e6, "BF16", false),
        (65504.0, "F16", false),
    ] {
        let mut numbers = [0.5f32; 128];
        numbers[7] = weight;
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut file = Writer::new();
        file.metadata("general.architecture", "llama").unwrap();
        file.tensor("blk.0.ffn_up.weight", &[64, 2], 0, bytes).unwrap();
        std::fs::write(&source, file.to_bytes().unwrap()).unwrap();
        let done = run("quantize", &[&source, &out, "--preset", preset]);
        match (done, refused) {
            (Err(error), true) => assert!(error.contains("blk.0.ffn_up.weight: weight 7 is"), "{error}"),
            (done, refused) => assert!(done.is_ok() && !refused, "{weight} to {preset}: {done:?}"),
        }
    }
}

#[test]
fn whole_numbers_are_no_weights() {
    let folder = Folder::new("integers");
    let (source, out) = (folder.at("model.gguf"), folder.at("out.gguf"));
    let mut file = Writer::new();
    file.metadata("general.architecture", "llama").unwrap();
    let kind = TensorType::I32.id;
    file.tensor("blk.0.ffn_up.weight", &[64, 2], kind, vec![1; 512])
        .unwrap();
    std::fs::write(&source, file.to_bytes().unwrap()).unwrap();
    for preset in ["Q8_0", "Q4_K_M", "F16", "F32"] {
        let error = run("quantize", &[&source, &out, "--preset", preset]).unwrap_err();
        assert!(error.contains("blk.0.ffn_up.weight is of I32"), "{error}");
    }
}

/// As in `inspect MODEL | head -1`.
#[cfg(unix)]
#[test]
fn a_reader_may_leave() {
    let folder = Folder::new("pipe");
    let source = folder.at("model.gguf");
    let mut file = Writer::new();
    for i in 0..4000 {
        file.tensor(&format!("tensor.{i}"), &[1], 0, vec![0; 4]).unwrap();
    }
    std::fs::write(&source, file.to_bytes().unwrap()).unwrap();
    let mut child = command("inspect", &[&source])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let said = child.wait_with_output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(!first.is_empty() && !said.contains("panicked"), "{said}");
}
