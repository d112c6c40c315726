//! candle's product of one packed matrix, as a worker of `../coordinate.py`, which documents the commands.
//!
//! It reads and writes files in the working folder: `w` (the bytes of a GGUF tensor), `x`, `y-candle`
//! (little-endian f32).

use candle_core::quantized::{GgmlDType, QMatMul, ggml_file::qtensor_from_ggml};
use candle_core::{Device, Module, Result, Tensor};
use std::io::BufRead;
use std::time::Instant;

struct Product {
    weights: QMatMul,
    x: Tensor,
}

fn main() -> Result<()> {
    println!("candle-core 0.11.0 on the processor");
    let mut product = None;
    for line in std::io::stdin().lock().lines() {
        match line?.split(' ').collect::<Vec<_>>()[..] {
            ["prepare", format, n, k, m, ..] => match dtype(format) {
                Some(dtype) => {
                    let made = prepare(dtype, number(n), number(k), number(m))?;
                    product = Some(made);
                    let bytes = std::fs::metadata("w")?.len();
                    println!("ready {bytes} 1 QMatMul");
                }
                None => println!("unsupported no such type"),
            },
            ["run", reps] => {
                let Product { weights, x } = product.as_ref().expect("prepared before");
                let start = Instant::now();
                for _ in 0..number(reps) {
                    weights.forward(x)?;
                }
                println!("{:.9}", start.elapsed().as_secs_f64());
            }
            ["check"] => {
                let Product { weights, x } = product.as_ref().expect("prepared before");
                let y = weights.forward(x)?.flatten_all()?.to_vec1::<f32>()?;
                let bytes: Vec<u8> = y.iter().flat_map(|y| y.to_le_bytes()).collect();
                std::fs::write("y-candle", bytes)?;
                println!("written");
            }
            ref other => panic!("not a command: {other:?}"),
        }
    }
    Ok(())
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

fn dtype(format: &str) -> Option<GgmlDType> {
    Some(match format {
        "q4_0" => GgmlDType::Q4_0,
        "q4_1" => GgmlDType::Q4_1,
        "q5_0" => GgmlDType::Q5_0,
        "q5_1" => GgmlDType::Q5_1,
        "q8_0" => GgmlDType::Q8_0,
        "q2_k" => GgmlDType::Q2K,
        "q3_k" => GgmlDType::Q3K,
        "q4_k" => GgmlDType::Q4K,
        "q5_k" => GgmlDType::Q5K,
        "q6_k" => GgmlDType::Q6K,
        _ => return None,
    })
}

fn prepare(dtype: GgmlDType, n: usize, k: usize, m: usize) -> Result<Product> {
    let w = std::fs::read("w")?;
    let x = std::fs::read("x")?;
    let (x, _) = x.as_chunks::<4>();
    let x: Vec<f32> = x.iter().map(|x| f32::from_le_bytes(*x)).take(m * k).collect();
    let weights = qtensor_from_ggml(dtype, &w, vec![n, k], &Device::Cpu)?;
    Ok(Product {
        weights: QMatMul::from_qtensor(weights)?,
        x: Tensor::from_vec(x, (m, k), &Device::Cpu)?,
    })
}
