//! Bytes and floats of the original tools, read through the layouts of `lowbit::layouts`.

mod common;
#[path = "layouts/order.rs"]
mod order;
#[path = "layouts/product.rs"]
mod product;
#[path = "layouts/refused.rs"]
mod refused;
#[path = "layouts/variants.rs"]
mod variants;

use common::{layouts::layouts, same_bits};

#[test]
fn every_case_decodes_bit_for_bit() {
    let cases = layouts();
    assert!(cases.len() >= 60, "{} cases: some were lost", cases.len());
    for case in cases.iter().filter(|c| !c.dequantized.is_empty()) {
        let linear = case.linear().unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let weights = case.as_tool(&linear.dequantize());
        same_bits(&weights, &case.dequantized).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        linear.matrix().validate(&case.name).unwrap();
    }
}

/// A flipped bit anywhere in a tool's tensors is refused or shows in the weights.
#[test]
fn flipped_bits_are_reported() {
    let mut random = common::Random::new(23);
    for case in layouts().iter_mut().filter(|c| !c.dequantized.is_empty()) {
        let names: Vec<String> = case.parts.keys().cloned().collect();
        for name in names {
            // JSON that only the recogniser reads, and a shape that the caller passes.
            if name == "quant_state" || name == "shape" {
                continue;
            }
            let (mut seen, tries) = (0, 32);
            for _ in 0..tries {
                let at = random.next() as usize % case.parts[&name].len();
                let bit = 1u8 << (random.next() % 8);
                case.parts.get_mut(&name).unwrap()[at] ^= bit;
                seen += match case.linear() {
                    Err(_) => 1,
                    Ok(linear) => {
                        let weights = case.as_tool(&linear.dequantize());
                        same_bits(&weights, &case.dequantized).is_err() as usize
                    }
                };
                case.parts.get_mut(&name).unwrap()[at] ^= bit;
            }
            // Zero blocks hide their codes, rounding to f16 and padding hide a little, and most of the 256 entries of a
            // map are unused: all other bits must show.
            let least = if name == "nested_quant_map" { 1 } else { tries / 2 };
            assert!(seen >= least, "{}: {name}: {seen} of {tries} seen", case.name);
        }
    }
}

/// A layout without a test fails here, and so does one without a row in the module's table.
#[test]
fn every_layout_is_tested() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let folder = |path: &str| {
        let files = std::fs::read_dir(root.join(path)).unwrap();
        files.map(|file| read(&file.unwrap().path())).collect::<Vec<_>>()
    };
    // Layouts built by methods of checkpoints are tested with the tools' own folders: tests/checkpoints.rs.
    let made = folder("src/files/safetensors/methods").concat();
    let tests = made + &folder("tests/layouts").concat() + &read(&root.join("tests/common/layouts.rs"));
    let table = read(&root.join("src/layouts/mod.rs"));
    let mut count = 0;
    for text in folder("src/layouts") {
        let mut layout = "";
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("impl") {
                let name = head.trim_end_matches(" {").rsplit(' ').next().unwrap();
                layout = name.split('<').next().unwrap();
            }
            if line.trim_start().starts_with("pub fn linear(") {
                count += 1;
                assert!(
                    tests.contains(&format!("{layout} {{")) || tests.contains(&format!("{layout}::")),
                    "no test makes {layout}: add a case to tests/golden/layouts.json and its arm to \
                     tests/common/layouts.rs, or a test to tests/layouts"
                );
                assert!(
                    table.contains(&format!("[`{layout}`]")),
                    "{layout} has no row in the table of src/layouts/mod.rs"
                );
            }
        }
    }
    assert!(count >= 20, "{count} layouts found");
}

/// The list names the resulting format of each case; the table of docs/formats.md uses it.
#[test]
fn the_list_names_the_formats() {
    for case in layouts() {
        let format = case.linear().unwrap().matrix().format();
        println!("FORMAT {} {format}", case.name);
        assert_eq!(case.text("format"), format.to_string(), "{}", case.name);
    }
}
