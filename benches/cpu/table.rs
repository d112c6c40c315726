//! The table at the end: a row for each format and precision, a column for each m.

use crate::MS;
use lowbit::Precision;
use std::fmt;

/// GFLOP/s.
pub struct Figures {
    wall: f64,
    /// Per CPU second, where the system reports CPU time.
    cpu: Option<f64>,
}

impl Figures {
    /// From timings (seconds, CPU seconds, products): the median wall time of the last few, and their total CPU time,
    /// since its clock has steps of 10 ms.
    pub fn of(timings: &[(f64, Option<f64>, u64)], flop: f64, samples: usize) -> Option<Figures> {
        let last = &timings[timings.len().saturating_sub(samples)..];
        let mut seconds: Vec<f64> = last.iter().map(|(wall, _, n)| wall / *n as f64).collect();
        seconds.sort_by(f64::total_cmp);
        let cpu: Option<f64> = last.iter().map(|(_, cpu, _)| *cpu).sum();
        let products: u64 = last.iter().map(|(_, _, n)| n).sum();
        Some(Figures {
            wall: flop / seconds.get(seconds.len() / 2)? / 1e9,
            // The single product of a test takes less than a step.
            cpu: cpu
                .filter(|&cpu| cpu > 0.0)
                .map(|cpu| flop * products as f64 / cpu / 1e9),
        })
    }
}

#[derive(Default)]
pub struct Table {
    rows: Vec<(&'static str, Precision, [Option<Figures>; MS.len()])>,
}

impl Table {
    pub fn add(&mut self, format: &'static str, m: usize, precision: Precision, figures: Figures) {
        let is_it = |row: &&mut (_, _, _)| row.0 == format && row.1 == precision;
        let row = match self.rows.iter_mut().find(is_it) {
            Some(row) => row,
            None => {
                self.rows.push((format, precision, Default::default()));
                self.rows.last_mut().expect("one was pushed")
            }
        };
        let column = MS.iter().position(|&of| of == m).expect("m is one of these");
        row.2[column] = Some(figures);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
        let names = ["format".to_string(), "precision".to_string()];
        table.set_header(names.into_iter().chain(MS.map(|m| format!("m = {m}"))));
        for (format, precision, figures) in &self.rows {
            let text = |figures: &Option<Figures>| match figures {
                None => "-".into(),
                Some(Figures { wall, cpu }) => match cpu {
                    Some(cpu) => format!("{wall:.1} / {cpu:.1}"),
                    None => format!("{wall:.1}"),
                },
            };
            let names = [format.to_string(), format!("{precision:?}")];
            table.add_row(names.into_iter().chain(figures.iter().map(text)));
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        write!(f, "{table}")
    }
}
