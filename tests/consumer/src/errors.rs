//! Invalid calls: each must return an error whose text contains both numbers.

use crate::device::Own;
use lowbit::{Dense, Format, Gpu, MatMul, Matrix, Precision, Weights};

/// Fails unless this is an error that mentions all of these.
fn carries<T>(call: &str, result: lowbit::Result<T>, parts: &[&str]) -> Result<(), String> {
    let Err(error) = result else {
        return Err(format!("{call} succeeded, expected an error"));
    };
    let text = error.to_string();
    // Whole words, so that 5 is not found in 256.
    let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    match parts.iter().find(|p| !words.contains(p)) {
        Some(part) => Err(format!("{call}: {text:?} does not mention {part}")),
        None => Ok(()),
    }
}

/// Invalid calls on the host.
pub fn host() -> Result<usize, String> {
    let zeros = vec![0f32; 512];
    let packed = Dense::new(2, 64, &zeros[..128])
        .and_then(|w| Matrix::quantize(Format::Q4_0, w))
        .map_err(|e| e.to_string())?;
    let stored = packed.bytes();
    let needed = stored.len().to_string();
    let short = (stored.len() - 1).to_string();
    let mut infinite = zeros[..64].to_vec();
    infinite[37] = f32::INFINITY;
    let checks = [
        carries(
            "k of 100 in Q4_K",
            Dense::new(1, 100, &zeros[..100]).and_then(|w| Matrix::quantize(Format::Q4_K, w)),
            &["256", "100"],
        ),
        carries(
            "too few weights",
            Dense::new(3, 64, &zeros[..130]).and_then(|w| Matrix::quantize(Format::INT4, w)),
            &["192", "130"],
        ),
        carries(
            "too few bytes",
            Matrix::from_bytes(Format::Q4_0, 2, 64, &stored[1..]),
            &[&needed, &short],
        ),
        carries("a group of 12", Format::INT4.with_group(12), &["8", "12"]),
        carries(
            "an infinite weight",
            Dense::new(2, 32, &infinite).and_then(|w| Matrix::quantize(Format::TERNARY, w)),
            &["1", "5", "inf"],
        ),
        carries("x of 100 floats", packed.matmul(&zeros[..100]), &["64", "100"]),
    ];
    let count = checks.len();
    checks.into_iter().collect::<Result<(), String>>()?;
    Ok(count)
}

/// Invalid calls in a pass that is used afterwards: each refused recording must leave it unchanged.
pub fn recorded(
    own: &Own,
    gpu: &Gpu,
    weights: &Weights,
    pass: &mut lowbit::wgpu::ComputePass,
) -> Result<usize, String> {
    let (n, k) = (weights.n(), weights.k());
    let product = MatMul::new(gpu, weights, 2, Precision::F32).map_err(|e| e.to_string())?;
    let (x_bytes, y_bytes) = (8 * k, 8 * n);
    let x = own.inputs(&vec![0.0; 3 * k]);
    let y = own.outputs(3 * n);
    let alignment = own.device.limits().min_storage_buffer_offset_alignment;
    let checks = [
        carries(
            "x that is too small",
            product.encode(pass, x.slice(..4 * k as u64), y.slice(..)),
            &[&x_bytes.to_string(), &(4 * k).to_string()],
        ),
        carries(
            "y that is too small",
            product.encode(pass, x.slice(..), y.slice(..4 * n as u64)),
            &[&y_bytes.to_string(), &(4 * n).to_string()],
        ),
        carries(
            "x at an odd offset",
            product.encode(pass, x.slice(4..), y.slice(..)),
            &[&alignment.to_string(), "4"],
        ),
        carries(
            "x and y in one buffer",
            product.encode(pass, x.slice(..), x.slice(..)),
            &["x", "y"],
        ),
        carries(
            "a row past the end",
            gpu.get_rows(&[0, n as u32 + 3], weights),
            &[&(n + 3).to_string(), &n.to_string()],
        ),
        carries(
            "x of one float too many",
            gpu.matmul(&vec![0.0; k + 1], weights),
            &[&k.to_string(), &(k + 1).to_string()],
        ),
        carries(
            "a product of no rows",
            MatMul::new(gpu, weights, 0, Precision::F32),
            &["1", "0"],
        ),
        carries(
            "an unknown kernel",
            MatMul::builder(gpu, weights, 1)
                .precision(Precision::F32)
                .kernel("gemmm")
                .build(),
            &["gemmm", "gemv"],
        ),
    ];
    let count = checks.len();
    checks.into_iter().collect::<Result<(), String>>()?;
    Ok(count)
}
