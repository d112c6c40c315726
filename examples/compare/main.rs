//! scratch

// Each example uses a part of it.
#[allow(dead_code)]
#[path = "../llama/mod.rs"]
mod llama;
#[allow(dead_code)]
#[path = "../model/mod.rs"]
mod model;

use llama::{read_texts, Llama, Texts, Tokenizer};
use lowbit::{Format, Linear, Matrix};
use model::{Fallible, Files};
use std::path::Path;
use std::time::Instant;

fn main() -> Fallible<()> {
    let files = Files::open(Path::new("models/stories15M"))?;
    let file = files.parse()?;
    let mut llama = Llama::load(&file)?;
    let tokenizer = Tokenizer::load(&file)?;
    let texts = read_texts(Path::new("models/stories/mctest.jsonl"))?;
    let start = Instant::now();
    let eval = Texts::of(&tokenizer, &texts[..40], 255);
    println!("{} tokens {:?}", eval.targets().len(), start.elapsed());
    let start = Instant::now();
    let base = llama.losses(&eval)?;
    println!("f32 {:.4} {:?}", base.perplexity(), start.elapsed());
    if std::env::args().nth(2).is_some() {
        return Ok(());
    }
    for format in [
        Format::Q4_0,
        Format::INT4,
        Format::INT4_ASYM,
        Format::INT3_ASYM,
        Format::INT8,
    ] {
        let mut q = llama.clone();
        for named in q.linears_mut() {
            let l = &named.linear;
            let w = l.dequantize();
            named.linear = Linear::new(Matrix::quantize(format, l.n(), l.k(), &w)?);
        }
        let start = Instant::now();
        let l = q.losses(&eval)?;
        println!(
            "{format} {:.4} {:?} {:?}",
            l.perplexity(),
            l.against(&base),
            start.elapsed()
        );
    }
    Ok(())
}
