//! From a tool's separate tensors of codes and scales to lowbit's rows of blocks.

use super::fields::{self, size};
use crate::formats::qzeros;
use crate::linear::part;
use crate::reserve::within;
use crate::{Error, Format, Group, Matrix, Result, ScaleType, parallel};

/// Checks that the shape has weights, so that no later division is by zero.
pub(super) fn check_shape(n: usize, k: usize) -> Result<()> {
    if n == 0 || k == 0 {
        return Err(Error::Empty { n, k });
    }
    Ok(())
}

/// Weights in one group of a row of `k`; at least 1.
pub(super) fn group_len(group: Group, k: usize) -> Result<usize> {
    match group {
        Group::Row => Ok(k),
        Group::Len(len) if len > 0 => Ok(len),
        other => Err(Error::argument(
            "the layout's group",
            "whole rows, or groups of at least 1",
            other,
        )),
    }
}

/// The format with groups of `len` weights in rows of `k`.
pub(super) fn grouped(format: Format, len: usize, k: usize) -> Result<Format> {
    format.with_group(if len >= k { Group::Row } else { Group::Len(len) })
}

/// The group of a flattened tensor that is cut into blocks of `block` weights: the greatest common divisor of `block` and
/// `k`, so that a group never crosses a row or a block.
pub(super) fn flat_group(block: usize, k: usize) -> usize {
    let (mut a, mut b) = (k, block);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Builds a matrix of `bits` bits per weight. `fields(row, out)` gives the fields of a row, `header(row, group, out)` the
/// bytes before a group.
pub(super) fn build(
    format: Format,
    bits: usize,
    n: usize,
    k: usize,
    fields: impl Fn(usize, &mut [u8]) + Sync + Send,
    header: impl Fn(usize, usize, &mut [u8]) + Sync + Send,
) -> Result<Matrix<'static>> {
    let (row_bytes, span, head) = (format.row_bytes(k)?, format.block_span(k), format.bytes_for(0));
    let mut bytes = vec![0u8; checked_size(n, row_bytes)?];
    let scratch = || vec![0u8; k];
    parallel::chunks(&mut bytes, row_bytes, scratch, |row, bytes, scratch| {
        fields(row, scratch);
        let mut rest = bytes;
        for (g, fields) in scratch.chunks(span).enumerate() {
            let (block, tail) = rest.split_at_mut(format.bytes_for(fields.len()));
            rest = tail;
            let (start, stream) = block.split_at_mut(head);
            header(row, g, start);
            fields::write(bits, fields, stream);
        }
    });
    Matrix::from_bytes(format, n, k, bytes)
}

/// Like [`build`], from rows of `packed` that already are the format's streams of fields.
pub(super) fn interleave(
    format: Format,
    n: usize,
    k: usize,
    packed: &[u8],
    header: impl Fn(usize, usize, &mut [u8]) + Sync + Send,
) -> Result<Matrix<'static>> {
    let bytes = interleaved(format, n, k, packed, header)?;
    Matrix::from_bytes(format, n, k, bytes)
}

/// Like [`interleave`], for formats with a learned codebook.
pub(super) fn interleave_codebook(
    format: Format,
    n: usize,
    k: usize,
    packed: &[u8],
    codebook: &[u8],
    header: impl Fn(usize, usize, &mut [u8]) + Sync + Send,
) -> Result<Matrix<'static>> {
    let bytes = interleaved(format, n, k, packed, header)?;
    Matrix::from_codebook(format, n, k, bytes, codebook)
}

fn interleaved(
    format: Format,
    n: usize,
    k: usize,
    packed: &[u8],
    header: impl Fn(usize, usize, &mut [u8]) + Sync + Send,
) -> Result<Vec<u8>> {
    let (row_bytes, span, head) = (format.row_bytes(k)?, format.block_span(k), format.bytes_for(0));
    let mut bytes = vec![0u8; checked_size(n, row_bytes)?];
    let stride = packed.len() / n;
    parallel::chunks(
        &mut bytes,
        row_bytes,
        || (),
        |row, bytes, ()| {
            let mut packed = &packed[row * stride..][..stride];
            for (g, block) in bytes.chunks_mut(format.bytes_for(span)).enumerate() {
                let (start, stream) = block.split_at_mut(head);
                header(row, g, start);
                let (fields, rest) = packed.split_at(stream.len());
                stream.copy_from_slice(fields);
                packed = rest;
            }
        },
    );
    Ok(bytes)
}

fn checked_size(n: usize, row_bytes: usize) -> Result<usize> {
    let bytes = size(&[n, row_bytes]);
    within("a matrix", bytes as u64, isize::MAX as u64)?;
    Ok(bytes)
}

/// Weights that are `scale · (field - zero)`.
pub(super) struct Integers {
    pub n: usize,
    pub k: usize,
    pub bits: usize,
    /// Weights that share a scale, at least 1.
    pub group: usize,
    pub kind: ScaleType,
}

impl Integers {
    /// The matrix: symmetric if every zero point is in the middle, otherwise with zero points. These are packed if they are
    /// fields themselves and that takes fewer bytes. Else scales and zero points are f32 if the type of the scales does
    /// not represent the zero points exactly.
    pub fn matrix(
        &self,
        fields: impl Fn(usize, &mut [u8]) + Sync + Send,
        scale: impl Fn(usize, usize) -> f32 + Sync + Send,
        zero: impl Fn(usize, usize) -> f32 + Sync + Send,
    ) -> Result<Matrix<'static>> {
        let &Integers { n, k, bits, .. } = self;
        let groups = k.div_ceil(self.group);
        let middle = (1u32 << (bits - 1)) as f32;
        let top = (1u32 << bits) - 1;
        let (mut centred, mut packed, mut narrow) = (bits > 1, true, true);
        for (row, g) in (0..n).flat_map(|row| (0..groups).map(move |g| (row, g))) {
            let z = zero(row, g);
            centred &= z == middle;
            packed &= z as u32 <= top && z as u32 as f32 == z;
            narrow &= holds(self.kind, z);
        }
        let kind = if narrow { self.kind } else { ScaleType::F32 };
        if centred {
            let format = grouped(symmetric(bits).with_scale(kind)?, self.group, k)?;
            // The symmetric format of 8 bits is in two's complement.
            let flip = if bits == 8 { 0x80 } else { 0 };
            let flipped = |row: usize, out: &mut [u8]| {
                fields(row, out);
                out.iter_mut().for_each(|field| *field ^= flip);
            };
            return build(format, bits, n, k, flipped, |row, g, out| {
                put(kind, scale(row, g), out);
            });
        }
        let format = grouped(asymmetric(bits).with_scale(kind)?, self.group, k)?;
        if let (true, Some(format)) = (packed, self.packed_below(format.row_bytes(k)?)) {
            let kind = self.kind;
            return build(format, bits, n, k, fields, |row, block, out| {
                let first = block * qzeros::GROUPS;
                for (place, g) in (first..groups.min(first + qzeros::GROUPS)).enumerate() {
                    // Scales are finite, as in `put`.
                    let _ = qzeros::put(bits, kind, place, (scale(row, g), zero(row, g) as u8), out);
                }
            });
        }
        build(format, bits, n, k, fields, |row, g, out| {
            let (first, second) = out.split_at_mut(kind.bytes());
            put(kind, scale(row, g), first);
            put(kind, zero(row, g), second);
        })
    }

    /// The format with packed zero points, if there is one for these bits and groups and its rows take fewer bytes: of few
    /// groups a whole header can take more.
    fn packed_below(&self, row_bytes: usize) -> Option<Format> {
        let format = with_qzeros(self.bits)?.with_scale(self.kind).ok()?;
        let format = format.with_group(self.group).ok()?;
        format.row_bytes(self.k).ok().filter(|&bytes| bytes < row_bytes)?;
        Some(format)
    }
}

/// A matrix in which weight i, counted along the rows, has the field `field(i)`, and the scale and zero point of pair
/// i modulo `pairs`.
pub(super) fn by_columns(
    bits: usize,
    n: usize,
    k: usize,
    field: impl Fn(usize) -> u8 + Sync + Send,
    pairs: usize,
    pair: impl Fn(usize) -> [f32; 2],
) -> Result<Matrix<'static>> {
    let (bits, format) = match bits {
        1 => (1, Format::INT1_COLUMNS),
        2 => (2, Format::INT2_COLUMNS),
        3 => (3, Format::INT3_COLUMNS),
        4 => (4, Format::INT4_COLUMNS),
        _ => (8, Format::INT8_COLUMNS),
    };
    let row_bytes = format.row_bytes(k)?;
    let mut bytes = vec![0u8; checked_size(n, row_bytes)?];
    let scratch = || vec![0u8; k];
    parallel::chunks(&mut bytes, row_bytes, scratch, |row, bytes, codes| {
        for (j, code) in codes.iter_mut().enumerate() {
            *code = field(row * k + j);
        }
        fields::write(bits, codes, bytes);
    });
    let codebook: Vec<u8> = (0..pairs).flat_map(pair).flat_map(f32::to_le_bytes).collect();
    Matrix::from_codebook(format, n, k, bytes, &codebook)
}

/// Writes a finite number that its type can represent.
pub(super) fn put(kind: ScaleType, value: f32, out: &mut [u8]) {
    // `store` fails only for values that are not finite, and writes those too.
    let _ = kind.store(value, out);
}

/// Whether a type represents a number exactly.
fn holds(kind: ScaleType, value: f32) -> bool {
    let mut stored = [0u8; 4];
    kind.store(value, &mut stored).is_ok() && kind.load(&stored) == value
}

/// The type in which integer formats store these scales: their own, or f32 if there is no such format.
pub(super) fn pair_kind(kind: ScaleType) -> ScaleType {
    match kind {
        ScaleType::F16 | ScaleType::BF16 => kind,
        _ => ScaleType::F32,
    }
}

/// The symmetric format of `bits` bits, 1 to 8.
pub(super) fn symmetric(bits: usize) -> Format {
    use Format as F;
    [F::INT1, F::INT2, F::INT3, F::INT4, F::INT5, F::INT6, F::INT7, F::INT8][bits - 1]
}

pub(super) fn asymmetric(bits: usize) -> Format {
    [
        Format::INT1_ASYM,
        Format::INT2_ASYM,
        Format::INT3_ASYM,
        Format::INT4_ASYM,
        Format::INT5_ASYM,
        Format::INT6_ASYM,
        Format::INT7_ASYM,
        Format::INT8_ASYM,
    ][bits - 1]
}

/// The format of `bits` bits whose zero points are packed, where there is one.
fn with_qzeros(bits: usize) -> Option<Format> {
    match bits {
        2 => Some(Format::INT2_QZEROS),
        3 => Some(Format::INT3_QZEROS),
        4 => Some(Format::INT4_QZEROS),
        8 => Some(Format::INT8_QZEROS),
        _ => None,
    }
}

pub(super) fn biased(bits: usize) -> Format {
    [
        Format::INT1_BIAS,
        Format::INT2_BIAS,
        Format::INT3_BIAS,
        Format::INT4_BIAS,
        Format::INT5_BIAS,
        Format::INT6_BIAS,
        Format::INT7_BIAS,
        Format::INT8_BIAS,
    ][bits - 1]
}

/// Checks that a number is a multiple of another.
pub(super) fn multiple(at: &str, what: &str, of: usize, got: usize) -> Result<()> {
    if !got.is_multiple_of(of) {
        return Err(part(at, what, format!("a multiple of {of}"), got));
    }
    Ok(())
}
