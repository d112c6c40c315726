//! Headers without data, and tensors by their ranges.

use crate::hostile::Raw;
use crate::{TINY, metadata, written};
use lowbit::gguf::{Gguf, Header, SplitHeader, Writer, ranges, read_header};
use lowbit::{Dense, Error, Format, Matrix};
use std::io::{Cursor, Read, Result, Seek, SeekFrom};

/// A file on a slow disk: counts the bytes read from it.
struct Counted<'a> {
    file: Cursor<&'a [u8]>,
    read: usize,
}

impl Counted<'_> {
    fn new(bytes: &[u8]) -> Counted<'_> {
        let file = Cursor::new(bytes);
        Counted { file, read: 0 }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let read = self.file.read(out)?;
        self.read += read;
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.file.seek(to)
    }
}

/// The end of the tensor table; only padding and data follow.
fn end_of(bytes: &[u8]) -> usize {
    let whole = |length: &usize| Gguf::parse_header(&bytes[..*length]).is_ok();
    (0..=bytes.len()).find(whole).unwrap()
}

#[test]
fn a_prefix_is_enough() {
    for (bytes, end) in [(TINY.to_vec(), Some(0x23b)), (written::sample(), None)] {
        let file = Gguf::parse(&bytes).unwrap();
        let end = end.unwrap_or_else(|| end_of(&bytes));
        for length in 0..end {
            // The reported minimum is more than the bytes present, and never more than needed.
            match Gguf::parse_header(&bytes[..length]) {
                Err(Error::MoreBytes { needed, got, .. }) => {
                    assert_eq!(got, length as u64);
                    assert!((length as u64) < needed && needed <= end as u64, "{length}: {needed}");
                }
                other => panic!("{length} bytes: {other:?}"),
            }
        }
        for length in [end, end + 1, bytes.len()] {
            let header = Gguf::parse_header(&bytes[..length]).unwrap();
            assert_eq!(header.version(), file.version());
            assert_eq!(header.alignment(), file.alignment());
            assert_eq!(header.metadata(), file.metadata());
            let names = metadata(&file);
            assert!(names.iter().all(|(name, _)| header.get(name) == file.get(name)));
            assert_eq!(header.tensors().len(), file.tensors().len());
            assert_eq!(header.data_start() % u64::from(file.alignment()), 0);
            for (entry, tensor) in header.tensors().iter().zip(file.tensors()) {
                assert_eq!(header.tensor(entry.name()), Ok(entry));
                assert_eq!((entry.dims(), entry.type_id()), (tensor.dims(), tensor.type_id()));
                let range = entry.range();
                assert_eq!(range.start, header.data_start() + entry.offset());
                assert_eq!(&bytes[range.start as usize..range.end as usize], tensor.data());
            }
        }
    }
}

#[test]
fn what_is_needed_may_be_beyond_any_file() {
    let mut bytes = Raw::header(3, 0, 1).bytes(&[0xff; 4]).0;
    let error = Gguf::parse_header(&bytes).unwrap_err();
    // The minimum size of a key, after the 24 header bytes.
    assert!(
        matches!(
            error,
            Error::MoreBytes {
                needed: 38,
                got: 28,
                ..
            }
        ),
        "{error}"
    );
    bytes.extend_from_slice(&[0xff; 10]);
    let error = Gguf::parse_header(&bytes).unwrap_err();
    assert!(
        matches!(
            error,
            Error::MoreBytes {
                needed: u64::MAX,
                got: 38,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("key 0") && error.to_string().contains("got 38"),
        "{error}"
    );
    // An error is reported as soon as it can be detected.
    bytes[0] = b'g';
    assert!(matches!(Gguf::parse_header(&bytes[..4]), Err(Error::File { .. })));
}

/// 200 tensors of 4 KiB, `t0` and so on, after a key of 100 KB.
fn large() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.metadata("tokens", vec!["token".to_owned(); 8000]).unwrap();
    for i in 0..200u16 {
        let matrix = [f32::from(i); 1024];
        let bytes: Vec<u8> = matrix.iter().flat_map(|v| v.to_le_bytes()).collect();
        writer.tensor(&format!("t{i}"), &[32, 32], 0, bytes).unwrap();
    }
    writer.to_bytes().unwrap()
}

#[test]
fn one_tensor_of_a_file_is_read() {
    let bytes = large();
    let mut file = Counted::new(&bytes);
    let prefix = read_header(&mut file).unwrap();
    let header = Gguf::parse_header(&prefix).unwrap();
    let end = header.data_start() as usize;
    assert!(
        file.read <= 2 * end && prefix.len() == file.read,
        "{} of {end}",
        file.read
    );
    let before = file.read;
    let matrix = header.matrix("t150", ranges(&mut file)).unwrap();
    assert_eq!(
        matrix,
        Matrix::quantize(Format::F32, Dense::new(32, 32, &[150.0; 1024]).unwrap()).unwrap()
    );
    assert_eq!(file.read - before, 4096);
    assert_eq!(header.to_f32("t7", ranges(&mut file)).unwrap(), [7.0; 1024]);

    // A browser fetches ranges in advance.
    let entry = header.tensor("t3").unwrap();
    let range = entry.range().start as usize..entry.range().end as usize;
    let fetched = bytes[range].to_vec();
    assert_eq!(entry.packed(&fetched[..]).unwrap().dequantize(), [3.0; 1024]);
    assert!(entry.packed(&fetched[1..]).is_err());

    let said = header.matrix("t300", ranges(&mut file)).unwrap_err();
    assert!(matches!(said, Error::NoTensor { count: 200, .. }), "{said}");
    let mut cut = Cursor::new(&bytes[..bytes.len() - 96]);
    let said = header.matrix("t199", ranges(&mut cut)).unwrap_err().to_string();
    assert!(
        said.contains("\"t199\"") && said.contains("4096") && said.contains("4000"),
        "{said}"
    );
    let fails = |_| Err(std::io::Error::other("the network is down"));
    let said = header.linear("t9", fails).unwrap_err().to_string();
    assert!(
        said.contains("\"t9\"") && said.contains("the network is down"),
        "{said}"
    );
}

#[test]
fn a_file_without_a_whole_header() {
    let bytes = large();
    let end = Gguf::parse_header(&bytes).unwrap().data_start() as usize;
    for length in [0, 3, 100, 70_000, end - 200] {
        let error = read_header(&bytes[..length]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{length}: {error}");
    }
    let error = read_header(&b"GGML, or what else begins so"[..]).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error}");
    let small = TINY;
    assert_eq!(read_header(small).unwrap(), small);
}

#[test]
fn parts_are_found_by_their_headers() {
    let matrix = Matrix::quantize(Format::Q8_0, Dense::new(2, 32, &[0.25; 64]).unwrap()).unwrap();
    let mut whole = Writer::new();
    for name in ["a.weight", "b.weight", "c.weight"] {
        whole.matrix(name, &matrix).unwrap();
    }
    whole
        .tensor("c.bias", &[2], 0, [1f32, 2.0].map(f32::to_le_bytes).concat())
        .unwrap();
    let parts = whole.split(3, u64::MAX).unwrap();
    let parts: Vec<Vec<u8>> = parts.iter().map(|p| p.to_bytes().unwrap()).collect();
    let headers = || parts.iter().map(|p| Gguf::parse_header(p).unwrap());
    let split = SplitHeader::new(headers().collect()).unwrap();
    let names: Vec<_> = split.tensors().iter().map(|t| (t.part(), t.name())).collect();
    assert_eq!(names[2..], [(0, "c.weight"), (1, "c.bias")]);
    assert_eq!(split.tensor("c.bias").unwrap().part(), 1);
    assert_eq!(split.layer("c.weight").unwrap().len(), 2);
    let mut asked = Vec::new();
    let mut read = |part: usize, range: std::ops::Range<u64>| {
        asked.push(part);
        Ok(parts[part][range.start as usize..range.end as usize].to_vec())
    };
    assert_eq!(split.matrix("b.weight", &mut read).unwrap(), matrix);
    let linear = split.linear("c.weight", &mut read).unwrap();
    assert_eq!((linear.matrix(), linear.bias()), (&matrix, Some(&[1.0, 2.0][..])));
    assert_eq!(split.to_f32("c.bias", &mut read).unwrap(), [1.0, 2.0]);
    assert_eq!(asked, [0, 0, 1, 1]);

    let said = |parts: Vec<Header>| SplitHeader::new(parts).unwrap_err().to_string();
    let missing = said(headers().take(1).collect());
    assert!(
        missing.contains("split.count") && missing.contains("got 2"),
        "{missing}"
    );
    let swapped = said(headers().rev().collect());
    assert!(
        swapped.contains("part 1 of 2") && swapped.contains("split.no"),
        "{swapped}"
    );
}
