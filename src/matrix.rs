//! A packed matrix on the host.

use crate::cpu::{self, CpuLevel};
use crate::family::Table;
use crate::reserve::{within, zeros};
use crate::{Error, Format, Precision, Result, parallel};
use std::borrow::Cow;

/// `n` rows of `k` weights, packed in one [`Format`], in host memory.
///
/// Rows are the outputs of a linear layer and columns its inputs, as in PyTorch's
/// `Linear.weight` and GGUF tensors; each row starts at a block boundary.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<'a> {
    format: Format,
    n: usize,
    k: usize,
    row_bytes: usize,
    bytes: Cow<'a, [u8]>,
    /// Words of the matrix that codes are looked up in; empty for most formats.
    codebook: Vec<u32>,
}

/// Decoded codes, scales and offsets of a matrix: see [`Matrix::inspect`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Inspection {
    /// The integer code of each weight, n rows of k.
    pub codes: Vec<i8>,
    /// The scale of each run of 8 weights, n rows of ⌈k / 8⌉.
    pub scales: Vec<f32>,
    /// The bias or zero point of each run of 8 weights; 0 if the format has none.
    pub offsets: Vec<f32>,
}

impl<'a> Matrix<'a> {
    /// Takes packed `bytes`: rows of blocks, one after the other (see [`Format::row_bytes`]).
    ///
    /// Only the length is checked, since every byte pattern decodes to weights, perhaps NaN or infinite ones: see
    /// [`validate`](Matrix::validate).
    ///
    /// # Errors
    /// [`Error::Block`], [`Error::Empty`] or [`Error::Length`] if shape and length do not fit.
    pub fn from_bytes(format: Format, n: usize, k: usize, bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self> {
        let expected = format.family().table.least_words();
        if expected > 0 {
            return Err(Error::Codebook {
                format: format.to_string(),
                expected,
                got: 0,
            });
        }
        Self::without_codebook(format, n, k, bytes.into())
    }

    fn without_codebook(format: Format, n: usize, k: usize, bytes: Cow<'a, [u8]>) -> Result<Self> {
        let row_bytes = check_shape(format, n, k)?;
        let expected = n.saturating_mul(row_bytes);
        if bytes.len() != expected {
            return Err(length("bytes", n, k, "bytes", expected, bytes.len()));
        }
        Ok(Matrix {
            format,
            n,
            k,
            row_bytes,
            bytes,
            codebook: Vec::new(),
        })
    }

    /// Like [`from_bytes`](Matrix::from_bytes), for formats with a codebook. For learned codebooks (AQLM), `codebook` holds
    /// the entries one after the other, little-endian, in the type of the scales. For scales that vary from column to
    /// column (`INT4_COLUMNS`), it holds pairs of a scale and a zero point, f32.
    ///
    /// # Errors
    /// The errors of `from_bytes`, and [`Error::Codebook`] if the format takes another size or no codebook.
    pub fn from_codebook(
        format: Format,
        n: usize,
        k: usize,
        bytes: impl Into<Cow<'a, [u8]>>,
        codebook: &[u8],
    ) -> Result<Self> {
        let table = format.family().table;
        let expected = match table {
            Table::Pairs => (codebook.len() / 8 * 2).max(table.least_words()),
            table => table.least_words(),
        };
        // Shaders count weights in words of 32 bits.
        let weights = (n as u64).saturating_mul(k as u64);
        if matches!(table, Table::Pairs) {
            let what = "a matrix with scales for each column, in weights";
            within(what, weights, u32::MAX.into())?;
        }
        if codebook.len() != 4 * expected {
            return Err(Error::Codebook {
                format: format.to_string(),
                expected,
                got: codebook.len() / 4,
            });
        }
        Ok(Matrix {
            codebook: bytemuck::pod_collect_to_vec(codebook),
            ..Self::without_codebook(format, n, k, bytes.into())?
        })
    }

    /// The rows of several matrices of one format and k, one below the other, so that one product multiplies the same
    /// inputs by all of them: q, k and v of attention, or a gate and what it gates
    /// ([`Epilogue::SwiGlu`](crate::Epilogue::SwiGlu)). A row of y then holds the outputs of each matrix in turn.
    ///
    /// # Errors
    /// [`Error::Empty`] for no matrices; [`Error::Part`] where a format or k is not that of the first;
    /// [`Error::Argument`] for formats that look codes up in a codebook of each matrix, or where this machine lacks the
    /// memory; [`Error::TooLarge`].
    pub fn stacked(matrices: &[&Matrix]) -> Result<Matrix<'static>> {
        let [first, ..] = matrices else {
            return Err(Error::Empty { n: 0, k: 0 });
        };
        let (format, k) = (first.format, first.k);
        if format.family().table.least_words() > 0 {
            return Err(Error::argument(
                "matrices to be stacked",
                "of a format without codebooks",
                format,
            ));
        }
        for (i, matrix) in matrices.iter().enumerate() {
            let differs = |what: &str, expected: String, got: String| match expected == got {
                true => Ok(()),
                false => Err(Error::Part {
                    at: format!("matrix {i} of a stack"),
                    what: what.into(),
                    expected,
                    got,
                }),
            };
            differs("format", format.to_string(), matrix.format.to_string())?;
            differs("k", k.to_string(), matrix.k.to_string())?;
        }
        let n = matrices.iter().fold(0usize, |n, m| n.saturating_add(m.n));
        let row_bytes = check_shape(format, n, k)?;
        let size = (n * row_bytes) as u64;
        let mut bytes: Vec<u8> = zeros("a stack of matrices in bytes", size, size)?;
        let mut rest = &mut bytes[..];
        for matrix in matrices {
            let (own, behind) = rest.split_at_mut(matrix.bytes.len());
            own.copy_from_slice(&matrix.bytes);
            rest = behind;
        }
        Matrix::without_codebook(format, n, k, bytes.into())
    }

    /// The format of the weights.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Rows: outputs of the layer.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Columns: inputs of the layer.
    pub fn k(&self) -> usize {
        self.k
    }

    /// The packed bytes, `n` rows one after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The packed bytes of row `row`, which must be under `n`.
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.row_bytes..][..self.row_bytes]
    }

    /// The same matrix with owned bytes.
    pub fn into_owned(self) -> Matrix<'static> {
        Matrix {
            format: self.format,
            n: self.n,
            k: self.k,
            row_bytes: self.row_bytes,
            bytes: Cow::Owned(self.bytes.into_owned()),
            codebook: self.codebook,
        }
    }

    /// The words that codes are looked up in; empty unless the format has a codebook.
    pub(crate) fn codebook(&self) -> &[u32] {
        &self.codebook
    }

    /// All weights as f32, `n` rows of `k`, rounded exactly as by the original tools.
    pub fn dequantize(&self) -> Vec<f32> {
        let mut out = vec![0f32; self.n * self.k];
        parallel::chunks(&mut out, self.k, Vec::new, |row, out, codes| {
            self.format.decode_row((row, self.row(row)), &self.codebook, codes, out);
        });
        out
    }

    /// The codes, scales and offsets of the weights, for tests and debugging. [`Gpu::inspect`](crate::Gpu::inspect) returns
    /// the same.
    pub fn inspect(&self) -> Inspection {
        let family = self.format.family();
        let mut seen = Inspection::default();
        let mut codes = vec![0i8; self.k];
        for row in 0..self.n {
            self.format.row_codes(self.row(row), &mut codes);
            seen.codes.extend_from_slice(&codes);
            self.format.for_blocks(self.k, self.row(row), |_, len, block| {
                for start in (0..len).step_by(8) {
                    let a = (family.affine)(block, self.format.group_of(start));
                    seen.scales.push(a.scale);
                    seen.offsets.push(a.offset);
                }
            });
        }
        seen
    }

    /// The product on the CPU: `y[m, n] = Σ_k x[m, k] · w[n, k]`, with `x` as m rows of k floats and the result as m rows of
    /// n. Inputs and weights are not rounded; sums are f32, over several lanes.
    ///
    /// # Errors
    /// [`Error::Inputs`] if `x` is not a whole number of rows.
    pub fn matmul(&self, x: &[f32]) -> Result<Vec<f32>> {
        self.matmul_with(x, Precision::F32)
    }

    /// Like [`matmul`](Matrix::matmul), with inputs that can be rounded. [`Precision::I8`] rounds them if the format has
    /// integer codes. For all other formats, and with [`Precision::F16`], the product is that of [`Precision::F32`].
    ///
    /// # Errors
    /// The errors of `matmul`.
    pub fn matmul_with(&self, x: &[f32], precision: Precision) -> Result<Vec<f32>> {
        self.matmul_at(x, precision, CpuLevel::best())
    }

    /// Like [`matmul_with`](Matrix::matmul_with), with the given vector instructions: for tests.
    #[doc(hidden)]
    pub fn matmul_at(&self, x: &[f32], precision: Precision, level: CpuLevel) -> Result<Vec<f32>> {
        if !x.len().is_multiple_of(self.k) {
            return Err(Error::Inputs {
                k: self.k,
                got: x.len(),
            });
        }
        if x.is_empty() {
            return Ok(Vec::new());
        }
        Ok(cpu::product(self, x, precision, level))
    }
}

/// Checks the shape; returns the bytes of one row.
pub(crate) fn check_shape(format: Format, n: usize, k: usize) -> Result<usize> {
    if n == 0 || k == 0 {
        return Err(Error::Empty { n, k });
    }
    let row_bytes = format.row_bytes(k)?;
    // The decoded matrix must be addressable too: 4 bytes for each weight.
    let row_size = (row_bytes as u64).max((k as u64).saturating_mul(4));
    within("a matrix", row_size.saturating_mul(n as u64), isize::MAX as u64)?;
    Ok(row_bytes)
}

/// Checks that all of `values`, rows of `k`, are finite; [`Error::NotFinite`] names the first that is not.
pub(crate) fn finite(what: &'static str, values: &[f32], k: usize) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Error::NotFinite {
            what,
            row: at / k,
            column: at % k,
            value: values[at],
        }),
    }
}

pub(crate) fn length(what: &'static str, n: usize, k: usize, unit: &'static str, expected: usize, got: usize) -> Error {
    Error::Length {
        what,
        shape: format!("[n = {n}, k = {k}]"),
        unit,
        expected,
        got,
    }
}
