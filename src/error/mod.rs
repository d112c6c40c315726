//! The error type of the crate. A variant that compares two numbers carries both.

mod io;

pub use io::IoError;

use crate::{Group, Precision};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the numbers that tell why.
///
/// The fields `what`, `at`, `name`, `tensor`, `format` and `kernel` tell where, and appear in the message as such; the
/// other fields hold what was expected and what was found. Sizes that overflow are saturated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Error {
    /// A row of `k` weights does not hold whole blocks of `block` weights.
    #[error("{format} needs k to be a multiple of {block}, got {k}")]
    #[non_exhaustive]
    Block { format: String, block: usize, k: usize },
    /// The format cannot have this group. `allowed` describes the groups that it can have.
    #[error("{format} takes {allowed}; got {got}")]
    #[non_exhaustive]
    Group {
        format: String,
        allowed: String,
        got: Group,
    },
    /// The format cannot have scales of this type. `allowed` lists the types that it can have.
    #[error("{format} takes scales of {allowed}, got {got}")]
    #[non_exhaustive]
    Scale {
        format: String,
        allowed: String,
        got: &'static str,
    },
    /// A NaN or infinite `scale`, `offset` (zero point, bias, minimum) or `weight` in packed data. `column` is that of
    /// the first weight that it applies to.
    #[error("{at}: the {what} of weight [{row}, {column}] is {value}, should be finite")]
    #[non_exhaustive]
    BadScale {
        at: String,
        what: String,
        row: usize,
        column: usize,
        value: f32,
    },
    /// A codebook of the wrong size, in words of 32 bits. `expected` is 0 for a format that takes none, and the
    /// minimum for one that takes any number.
    #[error("{format} needs a codebook of {expected} words, got {got}")]
    #[non_exhaustive]
    Codebook {
        format: String,
        expected: usize,
        got: usize,
    },
    /// lowbit decodes this format but has no encoder for it.
    #[error("{format} is read from files that have it; lowbit has no quantizer for it")]
    #[non_exhaustive]
    NoEncoder { format: String },
    /// A slice whose length does not fit the shape. `unit` is what lengths count: `bytes`, `floats`.
    #[error("{what}: a shape of {shape} needs {expected} {unit}, got {got}")]
    #[non_exhaustive]
    Length {
        what: &'static str,
        shape: String,
        unit: &'static str,
        expected: usize,
        got: usize,
    },
    /// Inputs of a product that are not whole rows of `k` floats.
    #[error("x must hold whole rows of k = {k} floats, got {got} floats")]
    #[non_exhaustive]
    Inputs { k: usize, got: usize },
    /// An argument outside its allowed range.
    #[error("{what} should be {allowed}, got {got}")]
    #[non_exhaustive]
    Argument {
        what: &'static str,
        allowed: String,
        got: String,
    },
    /// A symmetric matrix of `n` columns without a Cholesky factor: the factorization fails at `column`.
    #[error("column {column} of {n} leaves a pivot of {pivot}, should be positive: more damping helps")]
    #[non_exhaustive]
    NotPositiveDefinite { column: usize, n: usize, pivot: f64 },
    /// A matrix without rows or without columns.
    #[error("a matrix needs at least one row and one column, got n = {n}, k = {k}")]
    #[non_exhaustive]
    Empty { n: usize, k: usize },
    /// A size beyond what the machine, the device or lowbit can address.
    #[error("{what} of {needed} exceeds the limit of {limit}")]
    #[non_exhaustive]
    TooLarge {
        what: &'static str,
        needed: u64,
        limit: u64,
    },
    /// A NaN or infinite value in floats that must be finite. `what` is what the value is: `weight`, `input`.
    #[error("{what} [{row}, {column}] is {value}, should be finite")]
    #[non_exhaustive]
    NotFinite {
        what: &'static str,
        row: usize,
        column: usize,
        value: f32,
    },
    /// Numbers too large for the format: for its scales, or for the search that chooses them.
    #[error("{format} cannot hold numbers this large: they need {value:e}, the limit is {limit:e}")]
    #[non_exhaustive]
    ScaleRange { format: String, value: f32, limit: f32 },
    /// A name that lowbit does not know: of a format, a kernel, a `quant_method`.
    #[error("unknown {what} {name:?}; known: {known}")]
    #[non_exhaustive]
    Unknown {
        what: &'static str,
        name: String,
        known: String,
    },
    /// A kernel needs features that the device was made without. `missing` are their names in `wgpu::Features`.
    #[error("kernel {kernel} needs {missing}, which this device was made without")]
    #[non_exhaustive]
    Feature { kernel: String, missing: String },
    /// A kernel rounds more than the caller allowed.
    #[error("kernel {kernel} needs Precision::{needed:?} to be allowed, got {got:?}")]
    #[non_exhaustive]
    Precision {
        kernel: String,
        needed: Precision,
        got: Precision,
    },
    /// A kernel multiplies integer codes, and the format has none, or of other sizes.
    #[error("kernel {kernel} multiplies integer codes of a kind that {format} does not have")]
    #[non_exhaustive]
    NoCodes { kernel: String, format: String },
    /// A device limit is below what a kernel needs. `what` is its name in `wgpu::Limits`; `kernel` is `lowbit` if every
    /// kernel needs it.
    #[error("kernel {kernel} needs {what} of {needed}, this device allows {limit}")]
    #[non_exhaustive]
    DeviceLimit {
        kernel: String,
        what: &'static str,
        needed: u64,
        limit: u64,
    },
    /// A call or kernel needs a feature, by its name in `wgpu::Features`, that is not enabled on the device.
    #[error("{what} needs the device feature {feature}, which is not enabled")]
    #[non_exhaustive]
    MissingFeature { what: String, feature: &'static str },
    /// A buffer binding (`x`, `y`, `ids`) of the wrong size, in bytes.
    #[error("{what} needs {expected} bytes, its binding holds {got}")]
    #[non_exhaustive]
    Binding {
        what: &'static str,
        expected: u64,
        got: u64,
    },
    /// A binding offset that is not a multiple of the device's `min_storage_buffer_offset_alignment`.
    #[error("{what} is bound at offset {got}, which is not a multiple of {alignment}")]
    #[non_exhaustive]
    Alignment {
        what: &'static str,
        alignment: u64,
        got: u64,
    },
    /// A buffer without `BufferUsages::STORAGE`.
    #[error("{what} needs a buffer with {expected}, this one has {got}")]
    #[non_exhaustive]
    Usage {
        what: &'static str,
        expected: String,
        got: String,
    },
    /// Input and output are bound to one buffer, which WebGPU forbids even for disjoint ranges.
    #[error("{0} and {1} lie in the same buffer; bind two buffers")]
    Aliased(&'static str, &'static str),
    /// A row index beyond the `n` rows of a matrix.
    #[error("row {row} is out of range for a matrix of {n} rows")]
    #[non_exhaustive]
    Row { row: u64, n: usize },
    /// A file that violates its format. `at` is the key or tensor, or `the header`; `what` is its field.
    #[error("invalid file, {at}: {what} should be {expected}, got {got}")]
    #[non_exhaustive]
    File {
        at: String,
        what: String,
        expected: String,
        got: String,
    },
    /// A file that ends `needed - left` bytes before the end of what it announces.
    #[error("{at}: {what} needs {needed} bytes, the file has {left} left")]
    #[non_exhaustive]
    Truncated {
        at: String,
        what: &'static str,
        needed: u64,
        left: u64,
    },
    /// The start of a file that is too short for what is read from it: at least `needed` bytes are required.
    #[error("{at}: {what} needs the first {needed} bytes of the file, got {got}")]
    #[non_exhaustive]
    MoreBytes {
        at: String,
        what: &'static str,
        needed: u64,
        got: u64,
    },
    /// A key or tensor that a file has twice, at positions `first` and `second`, counted from 0.
    #[error("{at} is there twice, as number {first} and number {second}")]
    #[non_exhaustive]
    Duplicate { at: String, first: u64, second: u64 },
    /// A part of a linear layer (`permutation`, `bias`), or of a tool's layout (`qzeros`), that does not fit the others.
    #[error("{at}: {what} should be {expected}, got {got}")]
    #[non_exhaustive]
    Part {
        at: String,
        what: String,
        expected: String,
        got: String,
    },
    /// An error in one tensor or layer of a file.
    #[error("{name:?}: {source}")]
    #[non_exhaustive]
    InTensor { name: String, source: Box<Error> },
    /// A file has no tensor with this name among its `count`.
    #[error("no tensor {name:?} among the {count} of this file")]
    #[non_exhaustive]
    NoTensor { name: String, count: usize },
    /// A tensor of a type that lowbit does not decode: its `id` in the file, and the `known` name of that type.
    #[error("tensor {tensor:?} has type {id} ({known}), which lowbit does not decode")]
    #[non_exhaustive]
    TensorType {
        tensor: String,
        id: u32,
        known: &'static str,
    },
    /// Weights that are multiplied by factors in the tensor `by`, requested without them. `factor` is the first that
    /// is not 1.
    #[error(
        "tensor {tensor:?} is multiplied by {by:?} ({factor}), which a Matrix has no place for: take `linear`, or \
         `packed` and `factors`"
    )]
    #[non_exhaustive]
    Scaled { tensor: String, by: String, factor: f32 },
    /// GGUF has no tensor type for this format.
    #[error("tensor {tensor:?}: GGUF has no tensor type for {format}")]
    #[non_exhaustive]
    NoTensorType { tensor: String, format: String },
    /// A tensor type that needs importance weights, requested without them.
    #[error("tensor {tensor:?} becomes {kind}, which needs importance weights (an imatrix)")]
    #[non_exhaustive]
    NeedsImportance { tensor: String, kind: &'static str },
    /// Reading or writing failed. `what` names the action and its file or tensor. `source()` is the
    /// [`std::io::Error`].
    #[error("{what} failed: {source}")]
    #[non_exhaustive]
    Io { what: String, source: IoError },
    /// A file of decisions that belongs to another device, was altered, or is not one. `line` counts from 1.
    #[error("decisions, line {line}: expected {expected:?}, got {got:?}")]
    #[non_exhaustive]
    Decisions { line: usize, expected: String, got: String },
    /// Weights uploaded to one `Gpu` were used with another.
    #[error("these weights were uploaded through another Gpu")]
    OtherDevice,
    /// No adapter supports compute shaders.
    #[error("no GPU adapter: {0}")]
    NoAdapter(String),
    /// A validation or internal error of wgpu or the driver, in its own words.
    #[error("the device refused {what}: {message}")]
    #[non_exhaustive]
    Device { what: String, message: String },
    /// A shader (`format/kernel`) does not compile. Positions in the message are those of the files under `shaders/`.
    #[error("shader {shader} does not compile: {message}")]
    #[non_exhaustive]
    Shader { shader: String, message: String },
    /// The device has no memory left.
    #[error("out of device memory while {0}")]
    OutOfMemory(String),
    /// The device is lost; every object made with it is unusable.
    #[error("the device was lost while {0}")]
    DeviceLost(String),
}

impl Error {
    /// An [`Error::Argument`].
    pub(crate) fn argument(what: &'static str, allowed: &str, got: impl ToString) -> Error {
        Error::Argument {
            what,
            allowed: allowed.into(),
            got: got.to_string(),
        }
    }

    /// An [`Error::Unknown`].
    pub(crate) fn unknown(what: &'static str, name: &str, known: &[&str]) -> Error {
        Error::Unknown {
            what,
            name: name.into(),
            known: known.join(", "),
        }
    }

    /// An [`Error::Io`], for `map_err`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let what = what.into();
        |source| Error::Io {
            what,
            source: source.into(),
        }
    }
}
