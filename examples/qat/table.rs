//! What is printed in the end.

use comfy_table::{Table, presets::ASCII_MARKDOWN};

/// One network.
pub struct Row {
    pub name: &'static str,
    pub bits_per_weight: f64,
    /// The accuracy in floats, with weights as the packed ones decode.
    pub floats: f64,
    /// The accuracy of packed products.
    pub packed: f64,
}

/// Packed accuracy may differ so much from that in floats: sums are made in another order.
const TOLERANCE: f64 = 0.001;

impl Row {
    /// Whether packed weights give what training saw.
    pub fn agrees(&self) -> bool {
        (self.packed - self.floats).abs() <= TOLERANCE
    }
}

/// The first row is what the others are compared with.
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
