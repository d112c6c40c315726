//! The one error type. Every variant that compares two numbers carries both.

use crate::{Group, Precision};

/// What went wrong, with the numbers that tell why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A row of this format holds whole blocks only.
    #[error("{format} needs k to be a multiple of {block}, got {k}")]
    Block {
        /// The format asked for.
        format: String,
        /// Weights in one block.
        block: usize,
        /// Weights in one row, as given.
        k: usize,
    },
    /// A group that this format cannot have.
    #[error("{format} takes {allowed}; got {got}")]
    Group {
        /// The format asked for.
        format: String,
        /// The groups that it can have, in words.
        allowed: String,
        /// The group given.
        got: Group,
    },
    /// A type of scale that this format cannot have.
    #[error("{format} takes scales of {allowed}, got {got}")]
    Scale {
        /// The format asked for.
        format: String,
        /// What would have been accepted.
        allowed: String,
        /// The type given.
        got: &'static str,
    },
    /// A stored scale, offset (zero point, bias, minimum) or weight that is no finite number.
    #[error("{at}: the {what} of weight [{row}, {column}] is {value}, should be finite")]
    BadScale {
        /// The tensor.
        at: String,
        /// `scale`, `offset` or `weight`.
        what: String,
        /// Row of the weight.
        row: usize,
        /// Column of the first weight that it serves.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A codebook that does not fit the format, or is missing.
    #[error("{format} needs a codebook of {expected} words, got {got}")]
    Codebook {
        /// The format of the matrix.
        format: String,
        /// Words needed: 0 where the format takes none, at least so many where it takes any number.
        expected: usize,
        /// Words given.
        got: usize,
    },
    /// A format that lowbit reads but does not write.
    #[error("{format} is read from files that have it; lowbit has no quantizer for it")]
    NoEncoder {
        /// The format asked for.
        format: String,
    },
    /// A slice whose length does not fit the shape.
    #[error("{what}: a shape of {shape} needs {expected} {unit}, got {got}")]
    Length {
        /// Which argument.
        what: &'static str,
        /// The shape that the length follows from.
        shape: String,
        /// What is counted: `bytes`, `floats`, ...
        unit: &'static str,
        /// The length that fits.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// Inputs of a product whose length is no whole number of rows.
    #[error("x must hold whole rows of k = {k} floats, got {got} floats")]
    Inputs {
        /// Floats in one row.
        k: usize,
        /// The length given.
        got: usize,
    },
    /// A number that a method cannot work with.
    #[error("{what} should be {allowed}, got {got}")]
    Argument {
        /// Which argument.
        what: &'static str,
        /// What would have been accepted, in words.
        allowed: String,
        /// The value given.
        got: String,
    },
    /// A symmetric matrix that has no Cholesky factor.
    #[error("column {column} of {n} leaves a pivot of {pivot}, should be positive: more damping helps")]
    NotPositiveDefinite {
        /// The first column at which the factorization fails.
        column: usize,
        /// Columns of the matrix.
        n: usize,
        /// What was left on the diagonal.
        pivot: f64,
    },
    /// A matrix with no rows or no columns.
    #[error("a matrix needs at least one row and one column, got n = {n}, k = {k}")]
    Empty {
        /// Rows.
        n: usize,
        /// Columns.
        k: usize,
    },
    /// A size that overflows what the machine or the device can address.
    #[error("{what} of {needed} exceeds the limit of {limit}")]
    TooLarge {
        /// What was to be sized.
        what: &'static str,
        /// The size needed (saturated where it overflowed).
        needed: u64,
        /// The largest possible.
        limit: u64,
    },
    /// A number that is infinite or not a number, where only finite ones can be worked with.
    #[error("{what} [{row}, {column}] is {value}, should be finite")]
    NotFinite {
        /// What it is one of: `weight`, `input`, ...
        what: &'static str,
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
        /// Its value.
        value: f32,
    },
    /// Numbers too large for the format: for its f16 fields, or for the search that fills them.
    #[error("{format} cannot hold numbers this large: they need {value:e}, the limit is {limit:e}")]
    ScaleRange {
        /// The format asked for.
        format: String,
        /// The field, or the number, that was needed.
        value: f32,
        /// The largest possible.
        limit: f32,
    },
    /// No format has this name.
    #[error("unknown format {0:?}; known: {1}")]
    UnknownFormat(String, String),
    /// No kernel has this name.
    #[error("unknown kernel {0:?}; known: {1}")]
    UnknownKernel(String, String),
    /// A kernel needs a feature that the device was made without, or that was switched off.
    #[error("kernel {kernel} needs {missing}, which this device was made without")]
    Feature {
        /// The kernel.
        kernel: String,
        /// The features' names in `wgpu::Features`.
        missing: String,
    },
    /// A kernel rounds more than the caller allowed.
    #[error("kernel {kernel} needs Precision::{needed:?} to be allowed, got {got:?}")]
    Precision {
        /// The kernel.
        kernel: String,
        /// What must be allowed.
        needed: Precision,
        /// What was allowed.
        got: Precision,
    },
    /// A kernel multiplies integer codes (of so few bits), which a format does not have.
    #[error("kernel {kernel} multiplies integer codes of a kind that {format} does not have")]
    NoCodes {
        /// The kernel.
        kernel: String,
        /// The format.
        format: String,
    },
    /// The device's limits are under what a kernel needs.
    #[error("kernel {kernel} needs {what} of {needed}, this device allows {limit}")]
    DeviceLimit {
        /// The kernel, or `lowbit` where every kernel needs it.
        kernel: String,
        /// The limit's name in `wgpu::Limits`.
        what: &'static str,
        /// What is needed.
        needed: u64,
        /// What the device allows.
        limit: u64,
    },
    /// A feature that a call needs was not enabled on the device.
    #[error("{what} needs the device feature {feature}, which is not enabled")]
    MissingFeature {
        /// The call or kernel.
        what: String,
        /// The feature's name in `wgpu::Features`.
        feature: &'static str,
    },
    /// A caller's buffer binding that does not fit the product.
    #[error("{what} needs {expected} bytes, its binding holds {got}")]
    Binding {
        /// `x`, `y`, `ids`.
        what: &'static str,
        /// Bytes needed.
        expected: u64,
        /// Bytes bound.
        got: u64,
    },
    /// A binding offset that the device cannot take.
    #[error("{what} is bound at offset {got}, which is no multiple of {alignment}")]
    Alignment {
        /// `x`, `y`, `ids`.
        what: &'static str,
        /// The device's `min_storage_buffer_offset_alignment`.
        alignment: u64,
        /// The offset given.
        got: u64,
    },
    /// A buffer without `BufferUsages::STORAGE`.
    #[error("{what} needs a buffer with {expected}, this one has {got}")]
    Usage {
        /// `x`, `y`, `ids`.
        what: &'static str,
        /// The usage needed.
        expected: String,
        /// The usage it was created with.
        got: String,
    },
    /// Input and output lie in one buffer, which WebGPU forbids even for disjoint ranges.
    #[error("{0} and {1} lie in the same buffer; bind two buffers")]
    Aliased(&'static str, &'static str),
    /// A row index past the end.
    #[error("row {row} is out of range for a matrix of {n} rows")]
    Row {
        /// The index.
        row: u64,
        /// Rows of the matrix.
        n: usize,
    },
    /// A file that holds something its format does not allow.
    #[error("{at}: {what} should be {expected}, got {got}")]
    File {
        /// The key or tensor, or `the header`.
        at: String,
        /// Which of its fields.
        what: String,
        /// What would have been right.
        expected: String,
        /// What the file has.
        got: String,
    },
    /// A file that ends before what it announces.
    #[error("{at}: {what} needs {needed} bytes, the file has {left} left")]
    Truncated {
        /// The key or tensor, or `the header`.
        at: String,
        /// What was to be read.
        what: &'static str,
        /// Bytes needed, at least (saturated where the number overflowed).
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// The start of a file, which must be longer for what is asked of it.
    #[error("{at}: {what} needs the first {needed} bytes of the file, got {got}")]
    MoreBytes {
        /// The key or tensor, or `the header`.
        at: String,
        /// What was to be read.
        what: &'static str,
        /// Bytes from the start of the file that are needed, at least (saturated where the number
        /// overflowed).
        needed: u64,
        /// Bytes given.
        got: u64,
    },
    /// A key or tensor that is in a file twice.
    #[error("{at} is there twice, as number {first} and number {second}")]
    Duplicate {
        /// The key or tensor.
        at: String,
        /// Where it was first, counted from 0.
        first: u64,
        /// Where it is again.
        second: u64,
    },
    /// A part of a linear layer, or of what a tool stores for one, that does not fit the others.
    #[error("{at}: {what} should be {expected}, got {got}")]
    Part {
        /// The part: `permutation`, `qzeros`, ...
        at: String,
        /// Which of its properties.
        what: String,
        /// What would have been right.
        expected: String,
        /// What was given.
        got: String,
    },
    /// What is wrong with one tensor or layer of a file.
    #[error("{name:?}: {source}")]
    InTensor {
        /// The tensor's or layer's name.
        name: String,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A way to quantize that lowbit does not read.
    #[error("unknown {what} {name:?}; known: {known}")]
    UnknownMethod {
        /// What the name is of: `quant_method`, `format`, ...
        what: &'static str,
        /// The name.
        name: String,
        /// Those that are read.
        known: String,
    },
    /// A file has no tensor of this name.
    #[error("no tensor {name:?} among the {count} of this file")]
    NoTensor {
        /// The name asked for.
        name: String,
        /// Tensors in the file.
        count: usize,
    },
    /// A tensor of a type that lowbit does not decode.
    #[error("tensor {tensor:?} has type {id} ({known}), which lowbit does not decode")]
    TensorType {
        /// The tensor's name.
        tensor: String,
        /// Its type in the file.
        id: u32,
        /// The name of that type.
        known: &'static str,
    },
    /// Weights with a factor beside them, where they were asked for without it.
    #[error(
        "tensor {tensor:?} is multiplied by {by:?} ({factor}), which a Matrix has no place for: take \
         `linear`, or `packed` and `factors`"
    )]
    Scaled {
        /// The weights' name.
        tensor: String,
        /// The name of the tensor with the factor.
        by: String,
        /// The first factor that is not 1.
        factor: f32,
    },
    /// A format that a file cannot hold.
    #[error("tensor {tensor:?}: GGUF has no tensor type for {format}")]
    NoTensorType {
        /// The tensor's name.
        tensor: String,
        /// The format of the matrix.
        format: String,
    },
    /// A type that is of no use without importance weights.
    #[error("tensor {tensor:?} becomes {kind}, which needs importance weights (an imatrix)")]
    NeedsImportance {
        /// The tensor's name.
        tensor: String,
        /// The type it was to get.
        kind: &'static str,
    },
    /// Reading or writing failed.
    #[error("{what} failed: {message}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The message of the operating system.
        message: String,
    },
    /// A file of decisions that is of another device, was altered, or is none.
    #[error("decisions, line {line}: expected {expected:?}, got {got:?}")]
    Decisions {
        /// The line, counted from 1.
        line: usize,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// Weights uploaded to one `Gpu` were used with another.
    #[error("these weights were uploaded through another Gpu")]
    OtherDevice,
    /// No adapter that computes.
    #[error("no GPU adapter: {0}")]
    NoAdapter(String),
    /// The device refused: a validation or internal error, in its own words.
    #[error("the device refused {what}: {message}")]
    Device {
        /// What was being done.
        what: String,
        /// The message of wgpu or of the driver.
        message: String,
    },
    /// A shader did not compile. Positions are those of the files under `shaders/`.
    #[error("shader {shader} does not compile: {message}")]
    Shader {
        /// The composed shader's name, `format/kernel`.
        shader: String,
        /// The compiler's message.
        message: String,
    },
    /// The device had no memory left.
    #[error("out of device memory while {0}")]
    OutOfMemory(String),
    /// The device is gone; every object made with it is dead.
    #[error("the device was lost while {0}")]
    DeviceLost(String),
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Argument`].
    pub(crate) fn argument(what: &'static str, allowed: &str, got: impl ToString) -> Error {
        Error::Argument {
            what,
            allowed: allowed.into(),
            got: got.to_string(),
        }
    }
}
