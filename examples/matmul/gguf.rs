//! Reads one tensor of GGUF: `FILE.gguf:TENSOR`.

use crate::Fallible;
use crate::npy::Dense;
use crate::weights::Weights;
use lowbit::gguf::Split;
use std::path::{Path, PathBuf};

/// The file and the tensor that `--weights` names; no tensor where the whole argument is a file.
pub fn split(weights: &Path) -> (PathBuf, Option<String>) {
    if !weights.exists()
        && let Some((file, tensor)) = weights.to_string_lossy().rsplit_once(':')
    {
        return (file.into(), Some(tensor.into()));
    }
    (weights.into(), None)
}

/// The tensor: floats, or in its packed format unless `anew`. Without a name, an error that lists the
/// tensors.
pub fn read(parts: &[&[u8]], tensor: Option<&str>, anew: bool) -> Fallible<Weights> {
    let file = Split::parse(parts)?;
    let Some(tensor) = tensor.and_then(|name| file.tensor(name).ok()) else {
        let list = file.tensors().iter().filter(|t| t.dims().len() >= 2);
        let list: Vec<_> = list.map(|t| format!("  {} {:?}", t.name(), t.dims())).collect();
        let named = tensor.map_or("name a tensor".into(), |t| format!("no tensor {t:?}"));
        return Err(format!("{named}, as FILE.gguf:TENSOR; it has\n{}", list.join("\n")).into());
    };
    if tensor.format().and_then(|f| f.block_len()).is_some_and(|len| len > 1) && !anew {
        return Ok(Weights::Packed(Box::new(file.linear(tensor.name())?)));
    }
    let k = usize::try_from(tensor.dims().first().copied().unwrap_or(1))?;
    let weights = tensor.to_f32()?;
    if weights.is_empty() {
        return Err(format!("{} is empty: {:?}", tensor.name(), tensor.dims()).into());
    }
    Ok(Weights::Dense(Dense {
        n: weights.len() / k,
        k,
        weights,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lowbit::{Dense, Format, Matrix, gguf::Writer};

    #[test]
    fn tensors_are_decoded_by_name() {
        let weights = [0.5, -1.0].repeat(64);
        let packed = Matrix::quantize(Format::Q8_0, Dense::new(2, 64, &weights).unwrap()).unwrap();
        let plain: Vec<u8> = weights.iter().flat_map(|w: &f32| w.to_le_bytes()).collect();
        let mut writer = Writer::new();
        writer.matrix("packed", &packed).unwrap();
        writer.tensor("plain", &[64, 2], 0, plain).unwrap();
        let bytes = writer.to_bytes().unwrap();
        let dense = |name, anew| match read(&[&bytes], Some(name), anew).unwrap() {
            Weights::Dense(dense) => dense,
            Weights::Packed(_) => panic!("{name} is packed"),
        };
        assert_eq!((dense("packed", true).n, dense("packed", true).k), (2, 64));
        assert_eq!(dense("packed", true).weights, packed.dequantize());
        assert_eq!(dense("plain", false).weights, weights);
        match read(&[&bytes], Some("packed"), false).unwrap() {
            Weights::Packed(linear) => assert_eq!(linear.matrix(), &packed),
            Weights::Dense(_) => panic!("it was decoded"),
        }
        let error = read(&[&bytes], None, false).err().unwrap().to_string();
        assert!(error.contains("packed [64, 2]") && error.contains("plain"), "{error}");
        let error = read(&[&bytes], Some("other"), false).err().unwrap().to_string();
        assert!(error.contains("\"other\"") && error.contains("packed"), "{error}");
    }
}
