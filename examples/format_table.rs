//! Prints the table of formats that the README shows, from the formats themselves.
//!
//!     cargo run --example format_table             print it
//!     cargo run --example format_table -- --write  put it into README.md, between its markers
//!     cargo run --example format_table -- --check  exit with 1 where README.md has another

use lowbit::{wgsl, DeviceClass, Format, KERNELS};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::ExitCode;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const MARKERS: (&str, &str) = ("<!-- format table -->\n", "<!-- /format table -->");

/// For each format, where bytes came from that it was checked against.
type Sources = BTreeMap<&'static str, BTreeSet<String>>;

fn main() -> ExitCode {
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
        "| Format | Name | Bits per weight | Block: weights / bytes | Group | GGUF type | Kernels | Bytes checked against |\n\
         |---|---|---:|---:|---|---:|---|---|\n",
    );
    for format in Format::ALL {
        let group = format.group_len();
        let group = match format.with_group(8) {
            Ok(_) => format!("{group}, any multiple of 8, or whole rows"),
            Err(_) => group.to_string(),
        };
        let gguf = format.gguf().map_or("-".into(), |id| id.to_string());
        let checked = match sources.get(format.name()) {
            Some(s) => s.iter().map(String::as_str).collect::<Vec<_>>().join("; "),
            None => "-".into(),
        };
        let _ = writeln!(
            out,
            "| `Format::{}` | `{}` | {} | {} / {} | {group} | {gguf} | {} | {checked} |",
            format.name().to_uppercase(),
            format.name(),
            format.bits_per_weight(),
            format.block_len(),
            format.block_bytes(),
            kernels(*format),
        );
    }
    Ok(out)
}

/// The kernels that can be composed for a format.
fn kernels(format: Format) -> String {
    let k = format.block_len();
    let composes = |name: &&&str| wgsl(format, name, 1, k, DeviceClass::Gpu).is_ok();
    let names: Vec<&str> = KERNELS.iter().filter(composes).copied().collect();
    names.join(", ")
}

fn write() -> Result<(), String> {
    let (readme, at) = readme()?;
    let new = format!("{}{}{}", &readme[..at.start], table()?, &readme[at.end..]);
    if new != readme {
        std::fs::write(format!("{ROOT}/README.md"), new).map_err(|e| format!("README.md: {e}"))?;
    }
    Ok(())
}

fn check() -> Result<(), String> {
    let (readme, at) = readme()?;
    if readme[at] != table()? {
        return Err("README.md has an old table; run format_table --write".into());
    }
    Ok(())
}

/// The README, and the bytes of it that lie between the markers.
fn readme() -> Result<(String, std::ops::Range<usize>), String> {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md"))
        .map_err(|e| format!("README.md: {e}"))?;
    let range = readme.find(MARKERS.0).and_then(|start| {
        let start = start + MARKERS.0.len();
        let length = readme[start..].find(MARKERS.1)?;
        Some(start..start + length)
    });
    match range {
        Some(range) => Ok((readme, range)),
        None => Err(format!("README.md lacks the markers {MARKERS:?}")),
    }
}

/// What `tests/golden/manifest.json` says of each format; nothing where there is no such file.
fn sources() -> Result<Sources, String> {
    let path = format!("{ROOT}/tests/golden/manifest.json");
    let mut sources = Sources::new();
    let json = match std::fs::read_to_string(&path) {
        Ok(json) => json,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(sources),
        Err(e) => return Err(format!("{path}: {e}")),
    };
    for case in objects(&json) {
        let (Some(name), Some(source)) = (case.get("format"), case.get("source")) else {
            continue;
        };
        let format = Format::from_name(name).ok_or(format!("{path}: unknown format {name}"))?;
        sources
            .entry(format.name())
            .or_default()
            .insert(source.clone());
    }
    Ok(sources)
}

/// The string members of every object of a JSON text, inner objects before the outer ones.
fn objects(json: &str) -> Vec<BTreeMap<String, String>> {
    let (mut done, mut open) = (Vec::new(), Vec::<BTreeMap<String, String>>::new());
    // The last string, and the name before a colon that waits for its value.
    let (mut text, mut name) = (None, None);
    let mut chars = json.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => text = Some(string(&mut chars)),
            ':' => name = text.take(),
            '{' => open.push(BTreeMap::new()),
            ',' | '}' | ']' => {
                if let (Some(object), Some(name), Some(text)) =
                    (open.last_mut(), name.take(), text.take())
                {
                    object.insert(name, text);
                }
                if c == '}' {
                    done.extend(open.pop());
                }
            }
            _ => {}
        }
    }
    done
}

/// The rest of a JSON string. Of escapes, only those of one character are resolved.
fn string(chars: &mut std::str::Chars) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_in_any_order_and_depth() {
        let json = r#"{"made": "by x", "cases": [
            {"name": "a", "shape": {"n": 3, "note": "x"}, "source": "ggml \"1\"", "format": "q4_0"},
            {"ids": ["p", "q"], "format": "nf4", "k": 64, "source": "bnb"}]}"#;
        let objects = objects(json);
        let pairs: Vec<_> = objects
            .iter()
            .filter_map(|o| Some((o.get("format")?.as_str(), o.get("source")?.as_str())))
            .collect();
        assert_eq!(pairs, [("q4_0", "ggml \"1\""), ("nf4", "bnb")]);
        assert_eq!(objects.last().and_then(|o| o.get("made")).unwrap(), "by x");
    }
}
