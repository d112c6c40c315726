//! Links lowbit as a caller would, and fails with a message if a promise is broken.

mod data;
mod device;
mod errors;

use device::Own;
use lowbit::{Dense, Format, Gpu, MatMul, Matrix, Precision};
use std::process::ExitCode;

const N: usize = 37;
const K: usize = 512;
const M: usize = 5;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("consumer: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let x = data::floats(1, M * K);
    let matrices = matrices(&x)?;
    println!("{} wrong calls on the host named both numbers", errors::host()?);

    let adapter = device::adapter()?;
    let info = adapter.get_info();
    println!("{} ({})", info.name, info.backend);
    for (what, own) in [
        ("features and limits as asked", Own::as_asked(adapter.clone())?),
        ("no features, default limits", Own::plain(adapter)?),
    ] {
        on_device(what, &own, &matrices, &x)?;
    }
    Ok(())
}

/// One matrix in four formats, each multiplied on the CPU.
fn matrices(x: &[f32]) -> Result<Vec<Matrix<'static>>, String> {
    let weights = data::floats(2, N * K);
    let int4 = Format::INT4.with_group(64).map_err(|e| e.to_string())?;
    let mut matrices = Vec::new();
    for format in [Format::Q4_0, Format::Q4_K, int4, Format::TERNARY] {
        let packed = Dense::new(N, K, &weights).and_then(|w| Matrix::quantize(format, w));
        let packed = packed.map_err(|e| format!("{format}: {e}"))?;
        data::resembles(&packed, &weights)?;
        let y = packed.matmul(x).map_err(|e| format!("{format}: {e}"))?;
        let used = data::check(&format!("{format} on the CPU"), &packed, x, &y)?;
        println!("{format} on the CPU: {used:.2} of the bound");
        matrices.push(packed);
    }
    Ok(matrices)
}

/// All products in one pass of the caller's, invalid calls among them.
fn on_device(what: &str, own: &Own, matrices: &[Matrix], x: &[f32]) -> Result<(), String> {
    let gpu = Gpu::from_wgpu(own.adapter.clone(), own.device.clone(), own.queue.clone())
        .map_err(|e| format!("{what}: {e}"))?;
    let mut products = Vec::new();
    for matrix in matrices {
        let say = |e| format!("{what}, {}: {e}", matrix.format());
        let weights = gpu.upload(matrix).map_err(say)?;
        // One row with the kernel that lowbit chooses; more rows with the other kernel, which it would choose only on a
        // GPU.
        let f32 = Precision::F32;
        let chosen = MatMul::new(&gpu, &weights, 1, f32).map_err(say)?;
        let named = MatMul::builder(&gpu, &weights, M)
            .precision(f32)
            .kernel("gemm")
            .build()
            .map_err(say)?;
        products.extend([(matrix, chosen), (matrix, named)]);
    }

    let mut encoder = own.device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    let mut refused = 0;
    let mut outputs = Vec::new();
    for (matrix, product) in &products {
        refused += errors::recorded(own, &gpu, product.weights(), &mut pass)?;
        let input = own.inputs(&x[..product.m() * K]);
        let output = own.outputs(product.m() * N);
        product
            .encode(&mut pass, input.slice(..), output.slice(..))
            .map_err(|e| format!("{what}, {}: {e}", matrix.format()))?;
        outputs.push(output);
    }
    drop(pass);
    let results = own.finish(encoder, &outputs)?;

    for ((matrix, product), y) in products.iter().zip(&results) {
        let (m, kernel) = (product.m(), product.kernel());
        let name = format!("{}, m = {m}, {kernel}", matrix.format());
        let used = data::check(&format!("{what}: {name}"), matrix, &x[..m * K], y)?;
        println!("{what}: {name}: {used:.2} of the bound");
    }
    own.handler_is_in_force().map_err(|e| format!("{what}: {e}"))?;
    println!("{what}: {refused} wrong calls refused, the caller's error handler still in force");
    Ok(())
}
