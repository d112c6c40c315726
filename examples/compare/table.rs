//! The report: one row for each way to store the model.

use crate::measure::Row;
use comfy_table::{presets, CellAlignment, Table};

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
    ]);
    for row in rows {
        let language = row.language.as_ref();
        table.add_row([
            row.method.clone(),
            row.format.clone(),
            format!("{:.3}", row.bits),
            format!("{:.5}", row.weights),
            format!("{:.2}", row.weights * 4f64.powf(row.bits)),
            row.outputs
                .map_or("-".into(), |error| format!("{error:.5}")),
            language.map_or("-".into(), |(perplexity, _)| format!("{perplexity:.3}")),
            language.map_or("-".into(), |(_, d)| {
                format!("{:+.4} ± {:.4}", d.mean, d.error)
            }),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
