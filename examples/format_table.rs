//! Generates the table of formats in docs/formats.md from the formats.
//!
//!     cargo run --example format_table             print it
//!     cargo run --example format_table -- --write  write it into docs/formats.md, between the markers
//!     cargo run --example format_table -- --check  exit with 1 where docs/formats.md differs

#[path = "pipe/mod.rs"]
mod pipe;

use lowbit::{DeviceClass, Format, Group, wgsl};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::ExitCode;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The page with the table.
const PAGE: &str = "docs/formats.md";
const MARKERS: (&str, &str) = ("<!-- format table -->\n", "<!-- /format table -->");

/// For each format, the sources of the bytes that it was checked against.
type Sources = BTreeMap<&'static str, BTreeSet<String>>;

fn main() -> ExitCode {
    pipe::end_with_the_reader();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => table().map(|t| print!("{t}")),
        ["--write"] => write(),
        ["--check"] => check(),
        _ => Err("usage: format_table [--write | --check]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn table() -> Result<String, String> {
    let sources = sources()?;
    let mut out = String::from(
        "| Format | Name | Bits per weight | Block: weights / bytes | Group | GGUF type | Precision | Bytes checked against |\n\
         |---|---|---:|---:|---|---:|---|---|\n",
    );
    for format in Format::ALL {
        let group = match (format.group(), format.with_group(8)) {
            _ if format.block_len() == Some(1) => "-".into(),
            (Group::Len(group), Ok(_)) if format.with_group(Group::Row).is_err() => {
                format!("{group}, or any multiple of 8")
            }
            (Group::Len(group), Ok(_)) => format!("{group}, any multiple of 8, or whole rows"),
            (Group::Len(group), Err(_)) => group.to_string(),
            _ => "a row, or any multiple of 8".into(),
        };
        let block = match format.block_len().zip(format.block_bytes()) {
            Some((len, bytes)) => format!("{len} / {bytes}"),
            None => "a row / 2 bytes and its codes".into(),
        };
        let gguf = format.gguf().map_or("-".into(), |id| id.to_string());
        let checked = match sources.get(format.name()) {
            Some(s) => s.iter().map(String::as_str).collect::<Vec<_>>().join("; "),
            None => "-".into(),
        };
        let _ = writeln!(
            out,
            "| `Format::{}` | `{}` | {} | {block} | {group} | {gguf} | {} | {checked} |",
            format.name().to_uppercase(),
            format.name(),
            format.bits_per_weight(),
            precisions(*format),
        );
    }
    Ok(out)
}

/// The precisions that this format has: every format has the float ones; I8 needs integer codes.
fn precisions(format: Format) -> &'static str {
    let k = format.block_len().unwrap_or(0);
    match wgsl(format, "gemm_dp4a", 1, k, DeviceClass::Gpu) {
        Ok(_) => "F32, F16, I8",
        Err(_) => "F32, F16",
    }
}

fn write() -> Result<(), String> {
    let (page, at) = page()?;
    let new = format!("{}{}{}", &page[..at.start], table()?, &page[at.end..]);
    if new != page {
        std::fs::write(format!("{ROOT}/{PAGE}"), new).map_err(|e| format!("{PAGE}: {e}"))?;
    }
    Ok(())
}

fn check() -> Result<(), String> {
    let (page, at) = page()?;
    if page[at] != table()? {
        return Err(format!("{PAGE} has an outdated table; run format_table --write"));
    }
    Ok(())
}

/// The page, and the range of bytes between the markers.
fn page() -> Result<(String, std::ops::Range<usize>), String> {
    let page = std::fs::read_to_string(format!("{ROOT}/{PAGE}"));
    let page = page.map_err(|e| format!("{PAGE}: {e}"))?;
    let range = page.find(MARKERS.0).and_then(|start| {
        let start = start + MARKERS.0.len();
        let length = page[start..].find(MARKERS.1)?;
        Some(start..start + length)
    });
    match range {
        Some(range) => Ok((page, range)),
        None => Err(format!("{PAGE} lacks the markers {MARKERS:?}")),
    }
}

/// The sources of each format in the lists of golden cases; empty where the files do not exist.
fn sources() -> Result<Sources, String> {
    let mut sources = Sources::new();
    for (file, lists) in [
        ("manifest.json", &["cases", "tables"][..]),
        ("layouts.json", &["cases"][..]),
    ] {
        let path = format!("{ROOT}/tests/golden/{file}");
        let json = match std::fs::read(&path) {
            Ok(json) => json,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(format!("{path}: {e}")),
        };
        let json: Value = serde_json::from_slice(&json).map_err(|e| format!("{path}: {e}"))?;
        let cases = lists.iter().filter_map(|&list| json[list].as_array());
        for case in cases.flatten() {
            let text = |key: &str| {
                let text = case[key].as_str();
                text.ok_or_else(|| format!("{path}: a case without {key}: {case}"))
            };
            let format = usual(text("format")?).ok_or(format!("{path}: unknown format"))?;
            // Such a case holds what lowbit decoded, which checks nothing about F32.
            if format == Format::F32 && file == "layouts.json" {
                continue;
            }
            let seen = sources.entry(format.name()).or_default();
            seen.insert(tool(text("source")?));
        }
    }
    Ok(sources)
}

/// The format of `Format::ALL` that `name` varies in its group or scale.
fn usual(name: &str) -> Option<Format> {
    let mut all: Vec<Format> = Format::ALL.to_vec();
    all.sort_by_key(|f| std::cmp::Reverse(f.name().len()));
    let of = |f: &Format| {
        let rest = name.strip_prefix(f.name())?;
        (rest.is_empty() || rest.starts_with('_')).then_some(*f)
    };
    Format::from_name(name)?;
    all.iter().find_map(of)
}

/// The tool and its version, without its task.
fn tool(source: &str) -> String {
    let mut words = source.split(' ');
    let name = words.next().unwrap_or_default();
    match words.next() {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("{name} {version}")
        }
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_family_count_for_it() {
        assert_eq!(usual("int4_asym_f32_g128"), Some(Format::INT4_ASYM));
        assert_eq!(usual("int4_f32_row"), Some(Format::INT4));
        assert_eq!(usual("q2_0_g128"), Some(Format::Q2_0_G128));
        assert_eq!(usual("int4_f33"), None);
        assert_eq!(tool("ggml 0.26.0 (quantize)"), "ggml 0.26.0");
        assert_eq!(
            tool("transformers.integrations.bitnet"),
            "transformers.integrations.bitnet"
        );
    }
}
