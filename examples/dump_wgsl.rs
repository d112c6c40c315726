//! Prints the WGSL that a product would compile: constants first, then whole files of `shaders/`.
//!
//!     cargo run --example dump_wgsl -- q4_k gemv --m 4 --class cpu

#[path = "pipe/mod.rs"]
mod pipe;

use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};
use lowbit::{DeviceClass, Format, KERNELS, wgsl};
use std::io::Write;

/// Prints the composed WGSL of one kernel for one format.
#[derive(Parser)]
#[command(arg_required_else_help = true)]
struct Args {
    /// A format, with or without a group: q4_k, int4_g128, int8_row
    format: Format,
    /// A kernel
    kernel: String,
    /// Rows of inputs that the kernel is compiled for
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    m: u32,
    /// Weights in a row; other than a multiple of 32 selects the kernel that checks the end of its inputs
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// The kind of device
    #[arg(long, default_value = "gpu")]
    class: Class,
}

#[derive(Clone, Copy, ValueEnum)]
enum Class {
    Cpu,
    Gpu,
}

fn main() {
    pipe::end_with_the_reader();
    let names: Vec<&str> = Format::ALL.iter().map(Format::name).collect();
    let kernels: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).collect();
    let known = format!("Formats: {}\nKernels: {}", names.join(", "), kernels.join(", "));
    let mut command = Args::command().after_help(known);
    let args = Args::from_arg_matches(&command.get_matches_mut()).unwrap_or_else(|e| e.exit());
    let class = match args.class {
        Class::Cpu => DeviceClass::Cpu,
        Class::Gpu => DeviceClass::Gpu,
    };
    match wgsl(args.format, &args.kernel, args.m as usize, args.k as usize, class) {
        // `print!` would panic where a reader such as `head` has closed the pipe.
        Ok(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
        }
        Err(e) => {
            eprintln!("error: {e}");
            std::process::exit(2);
        }
    }
}
