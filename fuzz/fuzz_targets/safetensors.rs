//! Any configuration and file as a safetensors checkpoint: an error, or layers that decode and multiply.

#![no_main]

use lowbit::safetensors::Model;
use lowbit_fuzz::{all_finite, checkpoint};

/// A layer of more weights is not decoded, to save time.
const SMALL: usize = 1 << 14;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (config, file) = checkpoint(input);
    let Ok(model) = Model::from_parts(&config, &[("model.safetensors", &file)]) else {
        return;
    };
    for tensor in model.tensors() {
        let bytes = model.data(tensor.name()).unwrap();
        assert_eq!(bytes.len() as u64, tensor.byte_len());
        let _ = model.to_f32(tensor.name());
    }
    for name in model.linears() {
        for linear in [model.linear(&name), model.linear_of(&name, 8, 64)] {
            let Ok(linear) = linear else { continue };
            let (n, k) = (linear.n(), linear.k());
            if n * k > SMALL {
                continue;
            }
            assert!(all_finite(&linear.matrix().dequantize()));
            assert_eq!(linear.dequantize().len(), n * k);
            assert_eq!(linear.matmul(&vec![0.5; 2 * k]).unwrap().len(), 2 * n);
        }
    }
});
