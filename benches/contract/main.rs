//! The measurement that decided lowbit's decode contract: `levels(row, part)` returns 32 weights.
//!
//! A format decodes a few consecutive weights of a row at a time. Every kernel depends on that
//! number, so it was measured before the formats were written. This bench generates one Q4_0-like
//! matrix-vector product in each variant that was considered, checks it against an f64 sum, times
//! it, and prints a Markdown table.
//!
//! `cargo bench --bench contract`; `N=4096` in the environment replaces the default size of
//! 2048 x 2048; `-- --test` runs every variant once at 256 x 256.

mod cpu_time;
mod data;
mod lab;
mod shader;
mod variant;

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use data::Data;
use lab::{Lab, Subject};
use variant::Input;

/// Each variant is timed in several rounds, so that a burst of other load slows them all.
const ROUNDS: usize = 4;

fn main() {
    // `cargo test --benches` passes no `--bench`: that is a test too.
    let arguments: Vec<String> = std::env::args().collect();
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let n = match (test, std::env::var("N")) {
        (true, _) => 256,
        (false, Ok(n)) => n.parse().expect("N is a number of rows"),
        (false, Err(_)) => 2048,
    };
    let lab = match Lab::open(Data::new(n)) {
        Ok(lab) => lab,
        Err(why) => {
            println!("nothing was measured, there is no adapter: {why}");
            return;
        }
    };
    println!(
        "adapter: {} ({:?}), driver: {} {}, subgroups: {}\nshape: {n} x {n}, m = 1\n",
        lab.info.name,
        lab.info.device_type,
        lab.info.driver,
        lab.info.driver_info,
        if lab.subgroups_of_8 {
            "of 8, used"
        } else {
            "not of 8 or not supported, not used"
        },
    );

    let (run, left_out): (Vec<_>, Vec<_>) = variant::all()
        .into_iter()
        .partition(|v| v.input != Input::Subgroup || lab.subgroups_of_8);
    let mut subjects: Vec<Subject> = run.into_iter().map(|v| lab.prepare(v)).collect();
    for _ in 0..if test { 1 } else { ROUNDS } {
        for subject in &mut subjects {
            lab.time(subject, test);
        }
    }
    println!("{}\n", table(&subjects, n));
    println!(
        "{} variants, each within 8 ε Σ|x·w| of an f64 sum in every row; {} left out (x by \
         subgroup broadcast)",
        subjects.len(),
        left_out.len()
    );
}

fn table(subjects: &[Subject], n: usize) -> Table {
    let gigaflop = 2.0 * (n * n) as f64 / 1e9;
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "weights a call",
        "rows interleaved",
        "octets a row",
        "rows a lane",
        "x",
        "offset",
        "GF/s, median",
        "GF per CPU second",
        "compiled and first run, ms",
    ]);
    for subject in subjects {
        let v = &subject.variant;
        let cpu = subject.cpu_seconds();
        table.add_row([
            v.decode.to_string(),
            v.interleave.to_string(),
            v.lanes_k.to_string(),
            v.rows.to_string(),
            v.input.to_string(),
            String::from(if v.hoist { "through Σx" } else { "in each level" }),
            format!("{:.2}", gigaflop / subject.seconds()),
            cpu.map_or("-".into(), |s| format!("{:.2}", gigaflop / s)),
            format!("{:.0}", subject.first_seconds * 1e3),
        ]);
    }
    table
}
