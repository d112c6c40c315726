//! The report.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

/// One network.
pub struct Row {
    pub name: &'static str,
    pub bits_per_weight: f64,
    /// The accuracy in floats, with the decoded weights.
    pub floats: f64,
    /// The accuracy of packed products.
    pub packed: f64,
}

/// The largest difference of packed accuracy from that in floats: sums have another order.
const TOLERANCE: f64 = 0.001;

impl Row {
    /// Whether packed weights have the accuracy seen in training.
    pub fn agrees(&self) -> bool {
        (self.packed - self.floats).abs() <= TOLERANCE
    }
}

/// The table; the other rows are compared with the first.
pub fn render(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header([
        "weights",
        "bits per weight",
        "accuracy in floats",
        "packed",
        "under float, points",
    ]);
    for row in rows {
        table.add_row([
            row.name.to_owned(),
            format!("{:.2}", row.bits_per_weight),
            format!("{:.4}", row.floats),
            format!("{:.4}", row.packed),
            format!("{:.2}", 100.0 * (rows[0].packed - row.packed)),
        ]);
    }
    table
}
