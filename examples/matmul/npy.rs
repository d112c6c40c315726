//! Reads a matrix from a `.npy` file: two dimensions, C order, little-endian f32 or f16.

use crate::Fallible;
use half::f16;

/// `n` rows of `k` weights, as floats.
pub struct Dense {
    pub n: usize,
    pub k: usize,
    pub weights: Vec<f32>,
}

/// Reads the matrix; the error says what the bytes are instead.
pub fn parse(bytes: &[u8]) -> Fallible<Dense> {
    if let Some(kind) = other_kind(bytes) {
        return Err(format!(
            "this is a {kind} file, which this example does not read; save one matrix of it with \
             numpy.save as float32 or float16"
        )
        .into());
    }
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err("no .npy file: it does not start with the bytes \\x93NUMPY".into());
    }
    // Version 1 has a header length of 2 bytes, later versions one of 4.
    let version = *bytes.get(6).ok_or("the file ends within its header")?;
    let (start, length) = match (version, bytes.get(8..12)) {
        (1, Some(l)) => (10, u16::from_le_bytes([l[0], l[1]]) as usize),
        (2 | 3, Some(l)) => (12, u32::from_le_bytes([l[0], l[1], l[2], l[3]]) as usize),
        (_, Some(_)) => return Err(format!("npy version {version}; 1 to 3 are known").into()),
        (_, None) => return Err("the file ends within its header".into()),
    };
    let header = bytes.get(start..start + length).ok_or_else(|| {
        format!(
            "the header takes {length} bytes, the file has {} left",
            bytes.len() - start
        )
    })?;
    let header = String::from_utf8_lossy(header);
    let data = &bytes[start + length..];

    let kind = value(&header, "descr")?.trim_matches('\'');
    if value(&header, "fortran_order")? != "False" {
        return Err("the matrix is stored by columns; numpy.ascontiguousarray turns it".into());
    }
    let (n, k) = shape(&header)?;
    let (size, float): (usize, fn(&[u8]) -> f32) = match kind {
        "<f4" => (4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        "<f2" => (2, |b| f16::from_le_bytes([b[0], b[1]]).to_f32()),
        other => return Err(format!("its numbers are {other}, not <f4 or <f2").into()),
    };
    let expected = n.checked_mul(k).and_then(|w| w.checked_mul(size));
    if expected != Some(data.len()) {
        let expected = expected.map_or("more than fits memory".into(), |e| e.to_string());
        return Err(format!(
            "a shape of [{n}, {k}] in {kind} needs {expected} bytes, the file has {}",
            data.len()
        )
        .into());
    }
    Ok(Dense {
        n,
        k,
        weights: data.chunks_exact(size).map(float).collect(),
    })
}

/// The name of another common format of weight files.
fn other_kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'P', b'K', 3, 4, ..] => Some("zip (.npz or PyTorch)"),
        // Eight bytes of length, then JSON.
        [_, _, _, _, _, _, 0, 0, b'{', ..] => Some("safetensors"),
        _ => None,
    }
}

/// The text of one value of the header, which is a Python dictionary.
fn value<'a>(header: &'a str, key: &str) -> Fallible<&'a str> {
    let quoted = format!("'{key}':");
    let at = header.find(&quoted).ok_or(format!("no {key} in header"))?;
    let rest = header[at + quoted.len()..].trim_start();
    let end = if rest.starts_with('(') {
        rest.find(')').map(|e| e + 1)
    } else {
        rest.find([',', '}'])
    };
    let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
    Ok(text.trim_end())
}

fn shape(header: &str) -> Fallible<(usize, usize)> {
    let text = value(header, "shape")?;
    let sides: Result<Vec<usize>, _> = text
        .trim_matches(['(', ')'])
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(str::parse)
        .collect();
    match sides.as_deref() {
        Ok([n, k]) => Ok((*n, *k)),
        Ok(sides) => Err(format!("a matrix has 2 dimensions, {text} has {}", sides.len()).into()),
        Err(_) => Err(format!("the shape {text} cannot be read").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    const F16: &str = "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }\n";

    #[test]
    fn halves_and_floats_are_read() {
        let dense = parse(&file(F16, &[0, 0x3c, 0, 0xc0])).unwrap();
        assert_eq!((dense.n, dense.k, dense.weights), (1, 2, vec![1.0, -2.0]));
        let header = F16.replace("<f2", "<f4").replace("(1, 2)", "(2, 1)");
        let data = [0.5f32.to_le_bytes(), (-3f32).to_le_bytes()].concat();
        let dense = parse(&file(&header, &data)).unwrap();
        assert_eq!((dense.n, dense.k, dense.weights), (2, 1, vec![0.5, -3.0]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let cases = [
            (file(F16, &[0; 3]), "needs 4 bytes, the file has 3"),
            (file(&F16.replace("f2", "f8"), &[0; 16]), "<f8"),
            (file(&F16.replace("1, 2", "2,"), &[0; 4]), "has 1"),
            (file(&F16.replace("False", "True"), &[0; 4]), "by columns"),
            (file(F16, &[0; 4])[..40].to_vec(), "60 bytes, the file has 30"),
            (b"\x93NUMPY\x01".to_vec(), "ends within"),
            (b"\x10\0\0\0\0\0\0\0{}".to_vec(), "safetensors"),
            (b"PK\x03\x04".to_vec(), ".npz"),
            (Vec::new(), "no .npy file"),
        ];
        for (bytes, expected) in cases {
            let message = parse(&bytes).err().map(|e| e.to_string());
            let message = message.expect("an error");
            assert!(message.contains(expected), "{message} / {expected}");
        }
    }
}
