//! Any bytes as a GGUF file: an error, or a file whose tensors match its header and which the writer
//! reproduces.

#![no_main]

use lowbit::gguf::{Gguf, Header, Key, ModelShape, Preset, Split, SplitHeader, TensorView, Writer, ranges};
use lowbit::{Error, Matrix};
use lowbit_fuzz::all_finite;

/// A tensor of more weights is not decoded, to save time.
const SMALL: u64 = 1 << 14;
/// A larger alignment makes padding slow and tests nothing new.
const ALIGNMENT: u32 = 1 << 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let header = header(bytes);
    let Ok(file) = Gguf::parse(bytes) else {
        return;
    };
    compare(&header.unwrap(), &file, bytes);
    for tensor in file.tensors() {
        decode(&file, tensor);
    }
    if let Ok(split) = Split::parse(&[bytes]) {
        assert_eq!(split.tensors().len(), file.tensors().len());
    }
    plan(&file);
    if file.alignment() <= ALIGNMENT {
        write_again(&file);
    }
});

/// The header. Half the file must give the same header, or an error that says how many bytes it needs.
fn header(bytes: &[u8]) -> Result<Header<'_>, Error> {
    let header = Gguf::parse_header(bytes);
    let half = &bytes[..bytes.len() / 2];
    match (Gguf::parse_header(half), &header) {
        // A header that half the file holds is the header of the whole.
        (Ok(of_half), Ok(header)) => assert_eq!(of_half.tensors(), header.tensors()),
        (Ok(of_half), Err(e)) => panic!("{of_half:?} in half of what has {e}"),
        (Err(Error::MoreBytes { needed, got, .. }), header) => {
            assert!(got == half.len() as u64 && needed > got);
            assert!(header.is_err() || needed <= bytes.len() as u64);
        }
        (Err(_), header) => assert!(header.is_err()),
    }
    header
}

/// A file in memory gives the same tensors as its header with ranges.
fn compare(header: &Header, file: &Gguf, bytes: &[u8]) {
    assert_eq!(header.metadata(), file.metadata());
    assert_eq!(header.tensors().len(), file.tensors().len());
    let split = SplitHeader::new(vec![header.clone()]);
    assert_eq!(split.is_ok(), Split::parse(&[bytes]).is_ok());
    for tensor in file.tensors() {
        let small = tensor.dims().iter().product::<u64>() <= SMALL;
        // A file with one tensor of the older Q2_0 is recognised only by its length.
        if !small || header.tensor(tensor.name()) != Ok(&**tensor) {
            continue;
        }
        let read = || ranges(std::io::Cursor::new(bytes));
        let (name, bits) = (tensor.name(), |f: Vec<f32>| {
            f.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        });
        let floats = header.to_f32(name, read()).map(bits);
        assert_eq!(floats.ok(), tensor.to_f32().map(bits).ok());
        assert_eq!(header.matrix(name, read()).ok(), tensor.matrix().ok());
        assert_eq!(header.linear(name, read()).ok(), file.linear(name).ok());
    }
}

fn decode(file: &Gguf, tensor: &TensorView) {
    assert_eq!(tensor.data().len() as u64, tensor.byte_len());
    let count: u64 = tensor.dims().iter().product();
    let small = count <= SMALL;
    if small {
        let floats = tensor.to_f32();
        assert!(floats.is_err() || floats.is_ok_and(|f| f.len() as u64 == count));
        let _ = file.linear(tensor.name());
    }
    let Ok(matrix) = tensor.packed() else {
        return;
    };
    let (n, k) = (matrix.n(), matrix.k());
    assert_eq!((n * k) as u64, count);
    if !small {
        return;
    }
    let weights = matrix.dequantize();
    assert_eq!(weights.len(), n * k);
    assert!(all_finite(&weights));
    assert_eq!(matrix.matmul(&vec![1.0; k]).unwrap().len(), n);
    // A row decodes to the same weights alone as in its matrix.
    let row = &matrix.bytes()[(n - 1) * (matrix.bytes().len() / n)..];
    let row = Matrix::from_bytes(matrix.format(), 1, k, row).unwrap();
    assert_eq!(row.dequantize(), weights[(n - 1) * k..]);
}

/// The types that each preset chooses for a model of this shape.
fn plan(file: &Gguf) {
    let tensors = file.tensors().iter().map(|t| (t.name(), t.dims()));
    let tensors: Vec<_> = tensors.collect();
    for (i, name) in ["q4_k_m", "iq2_xxs", "q2_k"].iter().enumerate() {
        let preset = Preset::from_name(name).unwrap();
        let model = ModelShape::of(file, i == 1);
        if let Ok(types) = preset.types(&model, &tensors) {
            assert_eq!(types.len(), tensors.len());
        }
    }
}

/// Compares what the writer writes. It refuses a name too long for llama.cpp, which the reader accepts.
fn write_again(file: &Gguf) {
    let again = |file: &Gguf| {
        let mut writer = Writer::new();
        for key in file.metadata() {
            writer.metadata(key.name(), key.value())?;
        }
        for t in file.tensors() {
            writer.tensor(t.name(), t.dims(), t.type_id(), t.data())?;
        }
        writer.to_bytes()
    };
    let Ok(bytes) = again(file) else { return };
    let second = Gguf::parse(&bytes).unwrap();
    // Compared as text, in which NaN equals itself.
    let value = |key: &Key| format!("{} {:?}", key.name(), key.value());
    let text = |file: &Gguf| file.metadata().iter().map(value).collect::<Vec<_>>();
    assert_eq!(text(&second), text(file));
    for (a, b) in second.tensors().iter().zip(file.tensors()) {
        assert_eq!((a.name(), a.dims(), a.type_id()), (b.name(), b.dims(), b.type_id()));
        assert!(a.data() == b.data());
    }
    assert_eq!(again(&second).unwrap(), bytes);
}
