//! Real models (`scripts/fetch_models`): the device's product with every matrix of a file is within the bound of the
//! oracle. Models are not part of the repository, nor of what CI runs: `./test models` fetches them and runs this;
//! without them this prints what is missing.
#![cfg(feature = "gpu")]

mod common;

use common::{Random, gpu, oracle, within_bound};
use lowbit::gguf::Gguf;
use std::path::Path;

/// The model's bytes; if absent, a failure if LOWBIT_MODELS is set, else None.
fn model(path: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(path);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(e) if std::env::var_os("LOWBIT_MODELS").is_some() => {
            panic!("{}: {e}; run scripts/fetch_models", path.display())
        }
        Err(_) => {
            println!("NOT RUN: no {}; run scripts/fetch_models", path.display());
            None
        }
    }
}

/// Multiplies by every matrix; returns how many.
fn multiply(file: &Gguf) -> usize {
    let gpu = gpu::gpu();
    let mut random = Random::new(1);
    let (mut count, mut worst) = (0, 0f64);
    for tensor in file.tensors() {
        if tensor.dims().len() < 2 {
            continue;
        }
        let matrix = tensor.matrix().unwrap();
        let uploaded = gpu.upload(&matrix).unwrap();
        let floats = matrix.dequantize();
        for m in [1, 3] {
            let x = random.floats(m * matrix.k(), 2.0);
            let want = oracle(&floats, &x, matrix.n(), matrix.k());
            let y = gpu.matmul(&x, &uploaded).unwrap();
            let error = within_bound(&y, &want);
            worst = worst.max(error.unwrap_or_else(|e| panic!("{}: {e}", tensor.name())));
        }
        count += 1;
    }
    println!("{count} matrices, largest error {worst:.2} units of eps*sum|x*w|");
    count
}

#[test]
fn every_matrix_of_smollm2_multiplies() {
    let Some(bytes) = model("smollm2/SmolLM2-135M-Instruct.Q4_1.gguf") else {
        return;
    };
    let file = Gguf::parse(&bytes).unwrap();
    assert_eq!(multiply(&file), 211);
}

#[test]
fn every_matrix_of_tinyllama_multiplies() {
    let Some(bytes) = model("tinyllama/tinyllama-1.1b-chat.IQ2_XXS.gguf") else {
        return;
    };
    let file = Gguf::parse(&bytes).unwrap();
    assert_eq!(multiply(&file), 156);
}
