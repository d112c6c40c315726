//! The report: one row for each way to store the model.

use crate::llama::perplexity::Difference;
use crate::measure::Row;
use comfy_table::{CellAlignment, Table, presets};

pub fn render(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "method",
        "format",
        "bits per\nweight",
        "weight error\n(relative MSE)",
        "over the\nbound 4^-bits",
        "output error\n(relative MSE)",
        "perplexity",
        "nats a token\nover floats",
        "over rtn of\nthe format",
    ]);
    for row in rows {
        let language = row.language.as_ref();
        table.add_row([
            row.method.clone(),
            row.format.clone(),
            format!("{:.3}", row.bits),
            format!("{:.5}", row.weights),
            format!("{:.2}", row.weights * 4f64.powf(row.bits)),
            row.outputs.map_or("-".into(), |error| format!("{error:.5}")),
            language.map_or("-".into(), |l| format!("{:.3}", l.perplexity)),
            nats(language.map(|l| l.over_float)),
            nats(language.and_then(|l| l.over_rtn)),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn nats(difference: Option<Difference>) -> String {
    difference.map_or("-".into(), |d| format!("{:+.4} ± {:.4}", d.mean, d.error))
}
