//! The report: tensors by type, sizes before and after.

use crate::model::Fallible;
use crate::plan::Plan;
use comfy_table::{CellAlignment, Table, presets};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Default)]
struct Total {
    name: &'static str,
    tensors: u64,
    weights: u64,
    before: u64,
    after: u64,
}

pub fn print(plan: &Plan, written: &[PathBuf], time: Duration) -> Fallible<()> {
    let mut by_kind: BTreeMap<u32, Total> = BTreeMap::new();
    for t in &plan.tensors {
        let total = by_kind.entry(t.kind.id).or_default();
        total.name = t.kind.name;
        total.tensors += 1;
        total.weights += t.from.count();
        total.before += t.from.size();
        total.after += t.size();
    }
    let mut all = Total {
        name: "all",
        ..Total::default()
    };
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "type",
        "tensors",
        "weights",
        "bytes\nbefore",
        "bytes\nafter",
        "bits per\nweight",
    ]);
    for total in by_kind.values() {
        table.add_row(row(total));
        all.tensors += total.tensors;
        all.weights += total.weights;
        all.before += total.before;
        all.after += total.after;
    }
    table.add_row(row(&all));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    if !plan.fallbacks.is_empty() {
        let (count, first) = (plan.fallbacks.len(), &plan.fallbacks[0]);
        println!("{count} tensors, such as {first}, fell back to another type: their rows are not whole blocks.");
    }
    if written.is_empty() {
        println!("A dry run: nothing is written.");
    }
    for path in written {
        let bytes = std::fs::metadata(path)?.len();
        println!("{}: {bytes} bytes", path.display());
    }
    println!("{:.1} s", time.as_secs_f64());
    Ok(())
}

fn row(t: &Total) -> [String; 6] {
    let bits = 8.0 * t.after as f64 / t.weights.max(1) as f64;
    [
        t.name.to_owned(),
        t.tensors.to_string(),
        t.weights.to_string(),
        t.before.to_string(),
        t.after.to_string(),
        format!("{bits:.3}"),
    ]
}
