//! Layers: a matrix with the factor and bias next to it.

use crate::common::random_matrix;
use lowbit::gguf::{Gguf, TensorType, Writer};
use lowbit::{Error, Format, OutputScale};

#[test]
fn scale_and_bias_lie_beside_the_weights() {
    let matrix = random_matrix(Format::NVFP4, 5, 128, 3);
    let scale = 0.25f32.to_le_bytes().to_vec();
    let bias: Vec<u8> = (0..5).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let short = bias[..8].to_vec();
    let mut writer = Writer::new();
    let f32 = TensorType::F32.id;
    writer.matrix("whole.weight", &matrix).unwrap();
    writer.tensor("whole.scale", &[1], f32, scale.clone()).unwrap();
    writer.tensor("whole.bias", &[5], f32, bias).unwrap();
    writer.matrix("bare.weight", &matrix).unwrap();
    writer.matrix("bad.weight", &matrix).unwrap();
    writer.tensor("bad.bias", &[2], f32, short.clone()).unwrap();
    writer.matrix("two.weight", &matrix).unwrap();
    writer.tensor("two.scale", &[2], f32, short).unwrap();
    let bytes = writer.to_bytes().unwrap();
    let file = Gguf::parse(&bytes).unwrap();

    let whole = file.linear("whole.weight").unwrap();
    assert_eq!(whole.matrix(), &matrix);
    assert_eq!(whole.scale(), Some(OutputScale::Multiply(0.25)));
    assert_eq!(whole.bias(), Some(&[0.0, 1.0, 2.0, 3.0, 4.0][..]));
    let y = whole.matmul(&[1.0; 128]).unwrap();
    let plain = matrix.matmul(&[1.0; 128]).unwrap();
    for (i, (y, plain)) in y.iter().zip(plain).enumerate() {
        assert_eq!(*y, plain * 0.25 + i as f32);
    }

    let bare = file.linear("bare.weight").unwrap();
    assert_eq!((bare.scale(), bare.bias()), (None, None));
    let refused = |name: &str, words: &[&str]| {
        let text = file.linear(name).unwrap_err().to_string();
        assert!(words.iter().all(|w| text.contains(w)), "{text}");
    };
    refused("bad.weight", &["bad.bias", "5", "2"]);
    refused("two.weight", &["two.scale", "should be 1", "got 2"]);
    assert!(matches!(file.linear("no"), Err(Error::NoTensor { .. })));
}
