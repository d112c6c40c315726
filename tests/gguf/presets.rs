//! Which type each tensor gets: `presets.txt` has what llama.cpp itself made of the same models
//! (`tests/gguf_presets.py`).

use lowbit::Error;
use lowbit::gguf::{ModelShape, Preset, TensorType};
use std::collections::BTreeMap;

const TABLE: &str = include_str!("presets.txt");

/// A model of the table: the inputs of the rule, and its tensors.
struct Sample {
    model: ModelShape,
    tensors: Vec<(String, Vec<u64>)>,
}

/// The models of `tests/gguf_presets.py`: architecture, layers, heads, heads of k and v, experts, whether it has its
/// own output tensor, [k, hidden].
fn sample(name: &str) -> Sample {
    let (architecture, n_layer, n_head, n_head_kv, n_expert, untied, [k, hidden]) = match name {
        "gqa4" => ("llama", 32, 8, 2, 0, true, [256, 512]),
        "gqa1" => ("llama", 32, 8, 8, 0, true, [256, 512]),
        "tied" => ("llama", 20, 8, 8, 0, false, [256, 512]),
        "falcon" => ("falcon", 32, 8, 8, 0, true, [256, 512]),
        "experts8" => ("llama", 16, 8, 2, 8, true, [256, 512]),
        "experts4" => ("llama", 8, 8, 8, 4, true, [256, 512]),
        "llama70b" => ("llama", 80, 64, 8, 0, true, [256, 512]),
        "bert" => ("bert", 6, 12, 12, 0, false, [384, 1536]),
        "odd" => ("llama", 8, 4, 4, 0, true, [288, 100]),
        "stories15M" => ("llama", 6, 6, 6, 0, false, [288, 768]),
        _ => panic!("{name}"),
    };
    let mut tensors = vec![("output_norm", vec![k]), ("token_embd", vec![k, 4])];
    if untied {
        tensors.push(("output", vec![k, 4]));
    }
    let mut parts = vec![("attn_output", vec![k, k]), ("attn_norm", vec![k])];
    match architecture {
        "falcon" => parts.push(("attn_qkv", vec![k, 3 * k])),
        _ => parts.extend(["attn_q", "attn_k", "attn_v"].map(|part| (part, vec![k, 4]))),
    }
    if n_expert > 0 {
        parts.extend([
            ("ffn_gate_inp", vec![k, n_expert]),
            ("ffn_gate_exps", vec![k, 4, n_expert]),
            ("ffn_up_exps", vec![k, 4, n_expert]),
            ("ffn_down_exps", vec![hidden, 4, n_expert]),
        ]);
    } else {
        parts.extend([("ffn_up", vec![k, 4]), ("ffn_down", vec![hidden, 4])]);
    }
    if architecture == "llama" && n_expert == 0 {
        parts.push(("ffn_gate", vec![k, 4]));
    }
    if name == "stories15M" {
        parts.push(("ffn_norm", vec![k]));
    }
    if architecture == "bert" {
        tensors.extend([("position_embd", vec![k, 4]), ("token_types", vec![k, 2])]);
    }
    let mut tensors: Vec<_> = tensors
        .into_iter()
        .map(|(name, dims)| (format!("{name}.weight"), dims))
        .collect();
    // The last layer first: counting must not depend on the order in the file.
    for i in (0..n_layer).rev() {
        for (part, dims) in &parts {
            tensors.push((format!("blk.{i}.{part}.weight"), dims.clone()));
        }
    }
    Sample {
        model: ModelShape {
            architecture: architecture.into(),
            n_layer,
            n_head,
            n_head_kv,
            n_expert,
            importance: false,
        },
        tensors,
    }
}

fn types(sample: &Sample, preset: Preset) -> lowbit::Result<Vec<Option<TensorType>>> {
    let named = |(name, dims): &'_ (String, Vec<u64>)| (name.clone(), dims.clone());
    let owned: Vec<_> = sample.tensors.iter().map(named).collect();
    let tensors: Vec<_> = owned.iter().map(|(n, d)| (&n[..], &d[..])).collect();
    preset.types(&sample.model, &tensors)
}

/// The result, formatted as a line of the table.
fn described(sample: &Sample, preset: Preset) -> String {
    let found = match types(sample, preset) {
        Ok(found) => found,
        Err(Error::NeedsImportance { tensor, .. }) => return format!("needs importance: {tensor}"),
        Err(Error::File { what, .. }) => {
            let kind = what.split("for ").nth(1).and_then(|w| w.split(',').next());
            return format!("no fallback: {}", kind.unwrap_or(&what).to_lowercase());
        }
        Err(e) => return e.to_string(),
    };
    let mut roles: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for ((name, _), kind) in sample.tensors.iter().zip(found) {
        let name = name.strip_suffix(".weight").unwrap_or(name);
        let layered = name.strip_prefix("blk.").and_then(|n| n.split_once('.'));
        let (layer, role) = layered.map_or((0, name), |(i, role)| (i.parse().unwrap(), role));
        let kind = kind.map_or("F32", |kind| kind.name);
        roles.entry(role).or_default().push((layer, kind));
    }
    let mut by_types: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (role, mut found) in roles {
        found.sort_by_key(|&(layer, _)| layer);
        let runs: Vec<_> = found.chunk_by(|a, b| a.1 == b.1).collect();
        let runs = match runs[..] {
            [only] => only[0].1.to_owned(),
            _ => {
                let runs = runs.iter().map(|run| format!("{}*{}", run[0].1, run.len()));
                runs.collect::<Vec<_>>().join(" ")
            }
        };
        by_types.entry(runs).or_default().push(role);
    }
    let described = by_types
        .iter()
        .map(|(types, roles)| format!("{types}: {}", roles.join(" ")));
    described.collect::<Vec<_>>().join("; ")
}

#[test]
fn every_preset_of_every_model_is_as_llama_cpp_has_it() {
    let mut seen = std::collections::BTreeSet::new();
    for line in TABLE.lines().filter(|l| l.contains(" | ")).skip(1) {
        let fields: Vec<_> = line.splitn(4, " | ").collect();
        let [model, preset, importance, expected] = fields[..] else {
            panic!("{line}");
        };
        let mut sample = sample(model);
        let preset = Preset::from_name(preset).unwrap();
        for given in [false, true] {
            if importance == "any" || (importance == "yes") == given {
                sample.model.importance = given;
                let got = described(&sample, preset);
                assert_eq!(got, expected, "{model}, {}, importance: {given}", preset.name);
            }
        }
        seen.insert((model, preset.name));
    }
    // NVFP4 is the one preset that the library used for the table cannot write.
    assert_eq!(seen.len(), 10 * (Preset::ALL.len() - 1));
}

#[test]
fn nvfp4_has_the_head_of_all_and_nothing_else() {
    assert_eq!(
        described(&sample("gqa4"), Preset::NVFP4),
        "F32: attn_norm output_norm; NVFP4: attn_k attn_output attn_q attn_v ffn_down ffn_gate \
         ffn_up token_embd; Q6_K: output"
    );
}

#[test]
fn names_and_file_types() {
    for preset in Preset::ALL {
        assert_eq!(Preset::from_name(preset.name), Some(*preset));
        let lower = preset.name.to_lowercase();
        assert_eq!(Preset::from_name(&lower), Some(*preset));
        let same = |p: &&Preset| p.file_type == preset.file_type;
        assert_eq!(Preset::ALL.iter().filter(same).count(), 1);
    }
    assert_eq!(Preset::from_name("mxfp4"), Some(Preset::MXFP4_MOE));
    assert_eq!(Preset::from_name("Q4_K"), None);
    assert_eq!(Preset::Q4_K_M.file_type, 15);
    assert_eq!(Preset::Q4_K_M.default, TensorType::Q4_K);
}

#[test]
fn what_the_caller_overrules_falls_back_too_and_is_not_counted() {
    let model = sample("gqa1").model;
    let names: Vec<_> = (0..32)
        .map(|i| format!("blk.{i}.attn_v.weight"))
        .chain(["blk.0.attn_norm.weight".into()])
        .collect();
    let tensors: Vec<_> = names.iter().map(|n| (&n[..], &[256u64, 2][..])).collect();
    let overruled = |name: &str| name.starts_with("blk.0.").then_some(TensorType::F16);
    let types = Preset::Q4_K_S.types_except(&model, &tensors, overruled);
    let types: Vec<_> = types.unwrap().iter().map(|t| t.map(|t| t.name)).collect();
    assert_eq!(types[0], Some("F16"));
    // Four tensors of more bits, after the one that is not counted.
    assert_eq!(types[1..5], [Some("Q5_K"); 4]);
    assert_eq!(types[5], Some("Q4_K"));
    assert_eq!(types[32], None);

    let tensors = [("blk.0.attn_v.weight", &[96u64, 2][..])];
    let types = Preset::Q4_K_S.types_except(&model, &tensors, |_| Some(TensorType::Q6_K));
    assert_eq!(types.unwrap(), [Some(TensorType::Q8_0)]);
}

#[test]
fn errors_name_the_tensor_and_the_numbers() {
    let mut model = sample("experts8").model;
    let says = |result: lowbit::Result<_>, parts: &[&str]| {
        let message = result.map(|_: Vec<_>| ()).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message:?} without {part:?}");
        }
    };
    let wide = &[48u64, 2][..];
    let tensors = [("blk.3.ffn_up.weight", wide)];
    says(
        Preset::Q1_0.types(&model, &tensors),
        &["blk.3.ffn_up", "Q1_0", "128", "48"],
    );
    let tensors = [("blk.16.ffn_up.weight", &[256u64, 2][..])];
    says(
        Preset::Q8_0.types(&model, &tensors),
        &["blk.16.ffn_up", "under 16", "got 16"],
    );
    model.n_expert = 0;
    let tensors = [("blk.3.ffn_up.weight", &[256u64, 2][..])];
    says(
        Preset::IQ2_XS.types(&model, &tensors),
        &["blk.3.ffn_up", "IQ2_XS", "importance"],
    );
}
