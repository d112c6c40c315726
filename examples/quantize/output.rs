//! Writes the planned tensors, one at a time, into one file or several.

use crate::args::Args;
use crate::model::Fallible;
use crate::plan::{Plan, Planned};
use indicatif::ProgressBar;
use lowbit::gguf::{Writer, part_name};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Writes the files and returns their paths.
pub fn write(args: &Args, output: &Path, plan: &Plan, bar: &ProgressBar) -> Fallible<Vec<PathBuf>> {
    let mut whole = Writer::new();
    for (key, value) in &plan.metadata {
        whole.metadata(key, value.clone())?;
    }
    for t in &plan.tensors {
        whole.declare(&t.from.name, &t.from.dims, t.kind.id)?;
    }
    let parts = if args.keep_split {
        whole.split_by(&plan.parts)?
    } else {
        whole.split(usize::MAX, args.part_bytes)?
    };
    let mut left = plan.tensors.iter();
    let mut written = Vec::new();
    for (no, part) in parts.iter().enumerate() {
        let path = match parts.len() {
            1 if !args.keep_split => output.to_owned(),
            count => named_part(output, no, count),
        };
        // Written under another name until complete, so that a file under its own name is never partial.
        let partial = path.with_added_extension("partial");
        let named = |e: std::io::Error| format!("{}: {e}", partial.display());
        let file = BufWriter::new(File::create(&partial).map_err(named)?);
        let mut tensors = left.by_ref().take(part.len());
        if let Err(e) = write_part(part, file, &mut tensors, bar) {
            // The partial file is useless; report the first error, not one of the removal.
            let _ = std::fs::remove_file(&partial);
            return Err(e);
        }
        std::fs::rename(&partial, &path).map_err(named)?;
        written.push(path);
    }
    Ok(written)
}

fn write_part<'a, 'p: 'a>(
    part: &Writer,
    file: BufWriter<File>,
    tensors: impl Iterator<Item = &'a Planned<'p>>,
    bar: &ProgressBar,
) -> Fallible<()> {
    let mut stream = part.stream(file)?;
    for t in tensors {
        bar.set_message(format!("{} to {}", t.from.name, t.kind.name));
        stream.tensor(&t.from.name, &t.bytes()?)?;
        bar.inc(t.from.count());
    }
    Ok(stream.finish()?)
}

/// The stem is the name without `.gguf`: `.1` of `Llama-3.1` is not an extension.
fn named_part(output: &Path, no: usize, count: usize) -> PathBuf {
    let text = output.to_string_lossy();
    let stem = text.strip_suffix(".gguf").unwrap_or(&text);
    PathBuf::from(part_name(stem, no, count))
}
