//! The tables of `inspect`: a row for each tensor or layer, totals by format.

use crate::model::checkpoint::{Checkpoint, is_float, note};
use crate::model::{Fallible, Tensor};
use comfy_table::{CellAlignment, Table, presets};
use lowbit::gguf::Split;
use lowbit::safetensors::TensorInfo;
use lowbit::{Format, Linear};
use std::collections::BTreeMap;

pub struct Row {
    name: String,
    /// The key that rows of one format are sorted and counted by, and its name.
    format: (u32, String),
    /// What lowbit can do with it.
    does: &'static str,
    shape: String,
    pub bytes: u64,
    pub weights: u64,
    note: String,
}

impl Row {
    pub fn of_tensor(t: &Tensor, file: Option<&Split>) -> Row {
        let factors = file.and_then(|file| file.tensor(&t.name).ok()?.factors().ok()?);
        let note = match factors.as_deref() {
            Some([factor]) => format!("scale * {factor}"),
            Some(factors) => format!("scales of {} experts", factors.len()),
            None => String::new(),
        };
        let does = match Format::from_gguf(t.kind.id) {
            Some(_) => "multiplies",
            None if !t.kind.is_packed() => "reads",
            None => "-",
        };
        Row {
            name: t.name.clone(),
            format: (t.kind.id, t.kind.name.to_owned()),
            does,
            shape: by(&t.dims),
            bytes: t.data.len() as u64,
            weights: t.count(),
            note,
        }
    }

    /// A layer as `Linear` holds it.
    fn of_linear(name: &str, linear: &Linear) -> Row {
        let (n, k) = (linear.n() as u64, linear.k() as u64);
        Row {
            name: name.to_owned(),
            format: (0, linear.matrix().format().to_string()),
            does: "multiplies",
            shape: by(&[n, k]),
            bytes: linear.matrix().bytes().len() as u64,
            weights: n * k,
            note: note(linear),
        }
    }

    /// A tensor that belongs to no packed layer of a checkpoint.
    fn of_info(info: &TensorInfo) -> Row {
        Row {
            name: info.name().to_owned(),
            format: (1, info.dtype()),
            does: if !is_float(info) {
                "-"
            } else if info.shape().len() == 2 {
                "multiplies"
            } else {
                "reads"
            },
            shape: by(info.shape()),
            bytes: info.byte_len(),
            weights: info.shape().iter().map(|&d| d as u64).product(),
            note: String::new(),
        }
    }

    fn unreadable(name: &str) -> Row {
        Row {
            name: name.to_owned(),
            format: (2, "-".into()),
            does: "-",
            shape: "-".into(),
            bytes: 0,
            weights: 0,
            note: "cannot be read".into(),
        }
    }
}

/// The rows of a checkpoint, with one layer in memory at a time, and the errors of layers that cannot be read.
pub fn of_checkpoint(checkpoint: &Checkpoint, only: &str) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    let names: Vec<_> = checkpoint.packed().iter().collect();
    let names = names.into_iter().filter(|name| name.contains(only));
    for name in crate::progress(names.collect(), "reading layers") {
        let linear: Fallible<Linear> = checkpoint.linear(name);
        rows.push(match linear {
            Ok(linear) => Row::of_linear(name, &linear),
            Err(e) => {
                failed.push(e.to_string());
                Row::unreadable(name)
            }
        });
    }
    let others = checkpoint.others().filter(|t| t.name().contains(only));
    rows.extend(others.map(Row::of_info));
    (rows, failed)
}

/// `shape` is the heading of the shapes. The column of notes appears only if there are any.
pub fn list(rows: &[Row], shape: &str) -> Table {
    let noted = rows.iter().any(|row| !row.note.is_empty());
    let mut header = vec!["tensor", "format", shape, "bytes", "bits per\nweight"];
    header.extend(noted.then_some("with"));
    let mut table = table(&header, 2..5);
    for row in rows {
        let mut cells = vec![
            row.name.clone(),
            row.format.1.clone(),
            row.shape.clone(),
            row.bytes.to_string(),
            bits(row.bytes, row.weights),
        ];
        cells.extend(noted.then(|| row.note.clone()));
        table.add_row(cells);
    }
    table
}

/// Totals by format, with what lowbit can do with it.
pub fn totals(rows: &[Row]) -> Table {
    let mut by_format: BTreeMap<_, (u64, u64, u64)> = BTreeMap::new();
    for row in rows {
        let key = (&row.format, row.does);
        let total = by_format.entry(key).or_default();
        total.0 += 1;
        total.1 += row.weights;
        total.2 += row.bytes;
    }
    let header = ["format", "lowbit", "tensors", "weights", "bytes", "bits per\nweight"];
    let mut table = table(&header, 2..6);
    for (((_, name), does), (tensors, weights, bytes)) in by_format {
        table.add_row([
            name.to_owned(),
            does.to_owned(),
            tensors.to_string(),
            weights.to_string(),
            bytes.to_string(),
            bits(bytes, weights),
        ]);
    }
    table
}

fn table(header: &[&str], numbers: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn by<T: ToString>(dims: &[T]) -> String {
    let dims: Vec<String> = dims.iter().map(T::to_string).collect();
    dims.join(" x ")
}

pub fn bits(bytes: u64, weights: u64) -> String {
    match weights {
        0 => "-".into(),
        _ => format!("{:.3}", 8.0 * bytes as f64 / weights as f64),
    }
}
