//! The report: one row for each format.

use crate::oracle::BOUND;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};

/// The measurements of one way to store the weights.
pub struct Row {
    pub name: String,
    /// Bytes that store the matrix.
    pub bytes: u64,
    /// Weights in the matrix.
    pub weights: u64,
    /// Relative RMS error of the decoded weights, and of the outputs.
    pub weight_error: f64,
    pub output_error: f64,
    /// The largest error against the oracle, in units of f32 rounding.
    pub rounding: f64,
    /// Seconds of one product, and the bytes of weights that it reads.
    pub seconds: f64,
    pub read: u64,
}

impl Row {
    /// Written so that NaN fails.
    pub fn ok(&self) -> bool {
        self.rounding <= BOUND
    }
}

/// The table. `unpacked` is the time of the f32 product, where there is one.
pub fn render(rows: &[Row], device: &str, clock: &str, unpacked: Option<f64>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(vec![
        "format".into(),
        "bits per\nweight".into(),
        "bytes".into(),
        "weight\nerror".into(),
        "output\nerror".into(),
        format!("{device}\n(bound {BOUND})"),
        format!("µs a product\n({clock})"),
        "GB/s of\nweights".into(),
        "speed\nagainst f32".into(),
    ]);
    for row in rows {
        let verdict = if row.ok() { "ok" } else { "FAIL" };
        let mut rounding = Cell::new(format!("{:.2} {verdict:>4}", row.rounding));
        if !row.ok() {
            rounding = rounding.fg(Color::Red).add_attribute(Attribute::Bold);
        }
        table.add_row(vec![
            Cell::new(&row.name),
            Cell::new(format!("{:.3}", 8.0 * row.bytes as f64 / row.weights as f64)),
            Cell::new(thousands(row.bytes)),
            Cell::new(percent(row.weight_error)),
            Cell::new(percent(row.output_error)),
            rounding,
            Cell::new(format!("{:.1}", row.seconds * 1e6)),
            Cell::new(format!("{:.2}", row.read as f64 / row.seconds * 1e-9)),
            Cell::new(unpacked.map_or("-".into(), |t| format!("{:.2}", t / row.seconds))),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn percent(ratio: f64) -> String {
    match ratio {
        0.0 => "0".into(),
        r if r.is_nan() => "NaN".into(),
        // Only f32 rounding.
        r if r < 1e-5 => format!("{r:.0e}"),
        r => format!("{:.2} %", 100.0 * r),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(123456), "123,456");
        assert_eq!(thousands(1000), "1,000");
        assert_eq!(percent(0.0712), "7.12 %");
    }

    #[test]
    fn nan_is_a_failure() {
        let mut row = Row {
            name: String::new(),
            bytes: 1,
            weights: 1,
            weight_error: 0.0,
            output_error: 0.0,
            rounding: BOUND,
            seconds: 1.0,
            read: 1,
        };
        assert!(row.ok());
        for bad in [f64::NAN, f64::INFINITY, BOUND * 1.01] {
            row.rounding = bad;
            assert!(!row.ok(), "{bad}");
        }
    }
}
