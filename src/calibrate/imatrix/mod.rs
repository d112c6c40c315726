//! Importance matrices, as llama.cpp's `llama-imatrix` collects and stores them: for each column of each weight matrix,
//! the mean of the squared input, which weighs errors in that column.
//!
//! [`Matrix::quantize_weighted`](crate::Matrix::quantize_weighted) takes the means of one matrix.
//! The error of an output is `Σ_j (ŵ_j - w_j) x_j`; for uncorrelated inputs the mean of its square is
//! `Σ_j (ŵ_j - w_j)² E[x_j²]` (llama.cpp, pull request 4861).

mod dat;
mod gguf;

use crate::dense::inputs;
use crate::reserve::{within, zeros};
use crate::{Error, Result, parallel};
use std::collections::BTreeMap;

/// Columns that one worker adds up.
const COLUMNS: usize = 64;

/// Sums of squared inputs and counts of rows by the name of the weight matrix. A tensor with the matrices of several
/// experts has sums for each expert.
///
/// ```
/// use lowbit::{Dense, Format, Matrix, calibrate::imatrix::Importance};
///
/// let mut importance = Importance::new();
/// importance.add("blk.0.ffn_up.weight", 32, &[2.0; 96])?; // three rows of inputs, any number of times
/// let means = importance.means("blk.0.ffn_up.weight").unwrap_or_default();
/// assert_eq!(means, [4.0; 32]);
/// let matrix = Matrix::quantize_weighted(Format::Q4_0, Dense::new(1, 32, &[0.5; 32])?, &means)?;
/// assert_eq!(Importance::from_bytes(&importance.to_gguf()?)?, importance);
/// # Ok::<(), lowbit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// In the order of names, as llama.cpp writes them.
    entries: BTreeMap<String, ImatrixEntry>,
    datasets: Vec<String>,
    chunk_size: u32,
}

/// The most sums of a matrix: inputs times experts.
const MOST_SUMS: u64 = 1 << 32;

/// The sums of one tensor.
#[derive(Clone, Debug, PartialEq)]
struct ImatrixEntry {
    /// The sums of each column, expert after expert. Files store them as f32.
    sums: Vec<f64>,
    /// The number of rows: one, or one for each expert.
    counts: Vec<f64>,
}

impl Default for Importance {
    fn default() -> Self {
        Self::new()
    }
}

impl Importance {
    /// The default number of tokens in a chunk of text: the default context of `llama-imatrix`.
    pub const CHUNK_SIZE: u32 = 512;

    /// An empty collection.
    pub fn new() -> Self {
        Importance {
            entries: BTreeMap::new(),
            datasets: Vec::new(),
            chunk_size: Self::CHUNK_SIZE,
        }
    }

    /// Adds `x`, rows of `k` inputs of the matrix `name`.
    ///
    /// # Errors
    /// [`Error::Inputs`] where `x` is not whole rows, [`Error::Argument`] where an input is NaN or infinite or `name`
    /// was added with another k or with experts before.
    pub fn add(&mut self, name: &str, k: usize, x: &[f32]) -> Result<()> {
        self.add_expert(name, k, 1, 0, x)
    }

    /// Adds `x`, rows of `k` inputs that were routed to expert `expert` of `experts`.
    ///
    /// # Errors
    /// Those of [`add`](Importance::add); [`Error::Argument`] where `expert` is out of range, there are more than
    /// 65,536 experts, or memory for the sums is not available; [`Error::TooLarge`] for more than 2^32 sums.
    pub fn add_expert(&mut self, name: &str, k: usize, experts: usize, expert: usize, x: &[f32]) -> Result<()> {
        let rows = inputs(k, x)?;
        if expert >= experts {
            return Err(Error::Argument {
                what: "the expert",
                allowed: format!("below {experts}, their number"),
                got: expert.to_string(),
            });
        }
        const MOST: usize = 1 << 16;
        if experts > MOST {
            return Err(Error::Argument {
                what: "the experts of a matrix",
                allowed: format!("1 to {MOST}"),
                got: experts.to_string(),
            });
        }
        let size = experts.saturating_mul(k);
        let what = "the importance of a matrix in numbers";
        within(what, size as u64, MOST_SUMS)?;
        let entry = match self.entries.get_mut(name) {
            Some(entry) => entry,
            None => {
                let new = ImatrixEntry {
                    sums: zeros(what, size as u64, MOST_SUMS)?,
                    counts: vec![0.0; experts],
                };
                self.entries.entry(name.to_owned()).or_insert(new)
            }
        };
        if (entry.sums.len(), entry.counts.len()) != (size, experts) {
            return Err(mismatch(
                format!("{} for {} experts", entry.sums.len(), entry.counts.len()),
                format!("{size} for {experts}, {name:?}"),
            ));
        }
        entry.counts[expert] += rows as f64;
        let sums = &mut entry.sums[expert * k..][..k];
        parallel::chunks(
            sums,
            COLUMNS,
            || (),
            |part, sums, ()| {
                for row in x.chunks_exact(k) {
                    let row = &row[part * COLUMNS..];
                    for (sum, &x) in sums.iter_mut().zip(row) {
                        *sum += f64::from(x) * f64::from(x);
                    }
                }
            },
        );
        Ok(())
    }

    /// The names of all matrices, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The number of rows added for a matrix: one number, or one for each expert.
    pub fn counts(&self, name: &str) -> Option<&[f64]> {
        Some(&self.entries.get(name)?.counts)
    }

    /// The mean squared input of each column, expert after expert. An expert without rows has 1 everywhere, as in
    /// llama.cpp, so that all its columns count the same.
    pub fn means(&self, name: &str) -> Option<Vec<f32>> {
        let ImatrixEntry { sums, counts } = self.entries.get(name)?;
        let k = sums.len() / counts.len();
        let of = |(sums, &count): (&[f64], &f64)| {
            let mean = move |sum: &f64| {
                if count > 0.0 { (sum / count) as f32 } else { 1.0 }
            };
            sums.iter().map(mean).collect::<Vec<_>>()
        };
        Some(sums.chunks(k).zip(counts).flat_map(of).collect())
    }

    /// Adds the sums of another collection.
    ///
    /// # Errors
    /// [`Error::Argument`] where both contain a matrix in different sizes; then nothing was added.
    pub fn merge(&mut self, other: &Importance) -> Result<()> {
        for (name, theirs) in &other.entries {
            if let Some(ours) = self.entries.get(name) {
                let sizes = |e: &ImatrixEntry| (e.sums.len(), e.counts.len());
                if sizes(ours) != sizes(theirs) {
                    let (sums, experts) = sizes(ours);
                    let (got, of) = sizes(theirs);
                    return Err(mismatch(
                        format!("{sums} for {experts} experts"),
                        format!("{got} for {of}, {name:?}"),
                    ));
                }
            }
        }
        for (name, theirs) in &other.entries {
            let Some(ours) = self.entries.get_mut(name) else {
                self.entries.insert(name.clone(), theirs.clone());
                continue;
            };
            let add = |(a, b): (&mut f64, &f64)| *a += b;
            ours.sums.iter_mut().zip(&theirs.sums).for_each(add);
            ours.counts.iter_mut().zip(&theirs.counts).for_each(add);
        }
        for dataset in &other.datasets {
            self.add_dataset(dataset);
        }
        Ok(())
    }

    /// Records the name of a calibration text, for the file's `imatrix.datasets`.
    pub fn add_dataset(&mut self, name: &str) {
        if !self.datasets.iter().any(|known| known == name) {
            self.datasets.push(name.to_owned());
        }
    }

    /// The names of the calibration texts.
    pub fn datasets(&self) -> &[String] {
        &self.datasets
    }

    /// Tokens in a chunk of text: [`CHUNK_SIZE`](Importance::CHUNK_SIZE) unless set.
    pub fn chunk_size(&self) -> u32 {
        self.chunk_size
    }

    /// Sets the tokens in a chunk of text, which a file's `imatrix.chunk_count` counts.
    ///
    /// # Errors
    /// [`Error::Argument`] for 0.
    pub fn set_chunk_size(&mut self, tokens: u32) -> Result<()> {
        if tokens == 0 {
            return Err(Error::argument("tokens in a chunk", "at least 1", "0"));
        }
        self.chunk_size = tokens;
        Ok(())
    }

    /// The number of whole chunks, from the matrix with the most rows.
    pub fn chunk_count(&self) -> u32 {
        let counts = self.entries.values().flat_map(|e| &e.counts);
        let most = counts.fold(0f64, |most, &count| most.max(count));
        (most / f64::from(self.chunk_size)) as u32
    }

    /// Reads a file of `llama-imatrix`: GGUF or the older `.dat`, told apart by the first bytes.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Truncated`] for an invalid file: sums without counts, inconsistent sizes, negative,
    /// NaN or infinite numbers, no entries.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"GGUF") {
            Self::from_gguf(bytes)
        } else {
            Self::from_dat(bytes)
        }
    }

    /// Inserts the entry of one matrix from a file, after checking it.
    fn insert(&mut self, name: &str, sums: Vec<f64>, counts: Vec<f64>) -> Result<()> {
        let at = format!("importance of {name:?}");
        if counts.is_empty() || sums.is_empty() || !sums.len().is_multiple_of(counts.len()) {
            let expected = format!("a positive multiple of its {} counts", counts.len());
            return Err(file_error(&at, "the number of sums", expected, sums.len()));
        }
        for (what, numbers) in [("a sum", &sums), ("a count", &counts)] {
            if let Some(wrong) = numbers.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
                return Err(file_error(&at, what, "finite and at least 0", wrong));
            }
        }
        self.entries.insert(name.to_owned(), ImatrixEntry { sums, counts });
        Ok(())
    }
}

fn mismatch(allowed: String, got: String) -> Error {
    Error::Argument {
        what: "the number of columns of a matrix with importance",
        allowed,
        got,
    }
}

fn file_error(at: &str, what: &str, expected: impl std::fmt::Display, got: impl std::fmt::Display) -> Error {
    Error::File {
        at: at.into(),
        what: what.into(),
        expected: expected.to_string(),
        got: got.to_string(),
    }
}
