//! The table at the end.

use crate::device::{Bench, Clock};
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use std::fmt;

#[derive(Default)]
pub struct Summary {
    device: Option<String>,
    /// Bytes a second.
    copy: Option<f64>,
    /// Operations a second.
    peak: Option<f64>,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    work: Work,
    seconds: f64,
}

/// The bytes of packed weights that one product reads, and its operations.
#[derive(Clone, Copy)]
pub struct Work {
    pub bytes: u64,
    pub flops: f64,
}

impl Summary {
    /// Records and prints the adapter, the driver and the clock.
    pub fn describe(&mut self, bench: &Bench) {
        let info = bench.gpu.info();
        let clock = match bench.clock() {
            Clock::Timestamps => "device timestamps",
            Clock::Wall => "the host's clock",
        };
        let text = format!(
            "adapter: {} ({:?}, {:?}), driver: {} {}, timed by {clock}",
            info.name, info.device_type, info.backend, info.driver, info.driver_info
        );
        println!("{text}");
        self.device = Some(text);
    }

    /// Records and prints the copy bandwidth.
    pub fn copied(&mut self, bytes_a_second: f64) {
        println!("copy: {}", copy_text(bytes_a_second));
        self.copy = Some(bytes_a_second);
    }

    /// Records and prints the peak f32 arithmetic.
    pub fn multiplied(&mut self, flops_a_second: f64) {
        println!("peak: {}", peak_text(flops_a_second));
        self.peak = Some(flops_a_second);
    }

    pub fn add(&mut self, name: String, work: Work, seconds: f64) {
        self.rows.push(Row { name, work, seconds });
    }

    /// How many times faster lowbit's Q4_0 is than the textbook kernel at the same shape.
    fn ratio(&self) -> Option<f64> {
        let textbook = self.rows.iter().find(|r| r.name.starts_with("textbook"))?;
        let name = textbook.name.replacen("textbook", "chosen", 1);
        let ours = self.rows.iter().find(|r| r.name == name)?;
        Some(textbook.seconds / ours.seconds)
    }
}

fn peak_text(flops_a_second: f64) -> String {
    format!("{:.1} GFLOP/s of f32 in registers", flops_a_second / 1e9)
}

fn copy_text(bytes_a_second: f64) -> String {
    format!("{:.2} GB/s read and written", bytes_a_second / 1e9)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}", self.device.as_deref().unwrap_or("no adapter"))?;
        if let Some(copy) = self.copy {
            writeln!(f, "copy: {}", copy_text(copy))?;
        }
        if let Some(peak) = self.peak {
            writeln!(f, "peak: {}", peak_text(peak))?;
        }
        let mut table = Table::new();
        table.load_preset(ASCII_MARKDOWN).set_header([
            "product",
            "median, µs",
            "weights, GB/s",
            "share of copy",
            "GFLOP/s",
            "share of peak",
        ]);
        for row in &self.rows {
            let rate = row.work.bytes as f64 / row.seconds;
            let flops = row.work.flops / row.seconds;
            let share = |rate: f64, of: Option<f64>| of.map_or("-".into(), |of| format!("{:.0} %", 100.0 * rate / of));
            table.add_row([
                row.name.clone(),
                format!("{:.1}", row.seconds * 1e6),
                format!("{:.2}", rate / 1e9),
                share(rate, self.copy),
                format!("{:.1}", flops / 1e9),
                share(flops, self.peak),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(f, "\n{table}")?;
        match self.ratio() {
            Some(ratio) => writeln!(f, "\nq4_0 against textbook: {ratio:.2} times as fast"),
            None => writeln!(f, "\nq4_0 against textbook: not both were run"),
        }
    }
}
