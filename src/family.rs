//! What a format supplies: a name, a shape in bytes, and a handful of small functions.
//!
//! A stored matrix is rows of blocks; a block holds codes (small integers) and the fields that
//! turn codes into weights. Each format supplies, here in Rust and once more in WGSL, only
//! `codes` and `affine`; everything that multiplies is written against those two.

use crate::{Group, ScaleType};
use fearless_simd::Level;

/// Weights in one decode call: a kernel always asks for this many consecutive weights of a row.
pub(crate) const PART: usize = 32;

/// How a block becomes weights. Kernels hoist `offset` out of their inner loop; decoding does not,
/// since it must round exactly as the original tools do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AffineKind {
    /// `scale · code`
    Scale,
    /// `scale · code + offset`, product and sum rounded one after the other
    ScaleBias,
    /// `scale · ((code + base) - offset)`, the sum being exact: 8-bit fields are held 128 lower, so as
    /// to be signed bytes, and zero points need not be whole
    ScaleZero { base: i16 },
}

/// The two numbers shared by one group of weights. What `offset` means is [`AffineKind`]'s to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub scale: f32,
    pub offset: f32,
}

impl AffineKind {
    /// The weight that `code` stands for, rounded as the reference tools round it.
    #[inline(always)]
    pub fn value(self, code: f32, a: Affine) -> f32 {
        match self {
            AffineKind::Scale => a.scale * code,
            AffineKind::ScaleBias => a.scale * code + a.offset,
            AffineKind::ScaleZero { base } => a.scale * ((code + base as f32) - a.offset),
        }
    }
}

/// The type of one unit of a device plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// 2 bytes; two rows share a word
    Half,
    /// `u32`
    Word,
    /// `u32`, an odd number of them for each part: all but the last lie in twos, as `vec2<u32>` would
    OddWords,
    /// `vec2<u32>`
    Vec2,
    /// `vec4<u32>`
    Vec4,
}

impl Unit {
    pub const fn bytes(self) -> usize {
        match self {
            Unit::Half => 2,
            Unit::Word | Unit::OddWords => 4,
            Unit::Vec2 => 8,
            Unit::Vec4 => 16,
        }
    }
}

/// One of the two device planes (codes, scales) of a format: `units` of type `unit` for every
/// `per` weights of a row. Rows are interleaved by eight on upload, unit by unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    pub unit: Unit,
    pub units: usize,
    /// 0: once for a whole row
    pub per: usize,
}

impl Plane {
    pub fn units_per_row(&self, k: usize) -> usize {
        if self.per == 0 {
            self.units
        } else {
            k.div_ceil(self.per) * self.units
        }
    }
}

/// How rows divide into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    /// Blocks of one size, as a specification fixed it: k must be a multiple.
    Fixed { len: usize, bytes: usize },
    /// A block is one group of any length (`Format::group`), the last of a row may be short:
    /// `header` bytes, then `bits` for each weight, rounded up to whole bytes.
    Groups { header: usize, bits: usize },
    /// As `Groups`, with so many bytes for each eight weights: k must be a multiple of 8.
    Vectors { header: usize, bytes: usize },
    /// Floats one after the other, of so many bytes each.
    Plain { bytes: usize },
}

/// What a code stands for, before scale and offset.
#[derive(Clone, Copy)]
pub(crate) enum Levels {
    /// The code itself.
    Signed,
    /// The code's byte as an unsigned number: 8-bit codes that have a bias of their own.
    Unsigned,
    /// An entry of this table, of a power of two of entries.
    Table(&'static [f32]),
    /// There are no integer codes: the levels of a block, by way of its matrix's codebook, at once.
    Direct(Direct),
}

impl Levels {
    /// Levels of a table as signed bytes, and the power of two that they were divided by: where 16 levels
    /// are such integers. A zero loses its sign.
    pub fn as_bytes(self) -> Option<([i8; 16], f32)> {
        let Levels::Table(levels) = self else {
            return None;
        };
        let levels: [f32; 16] = levels.try_into().ok()?;
        [1.0, 0.5].into_iter().find_map(|factor| {
            let byte = |level: f32| (level / factor) as i8;
            let exact = |&l: &f32| byte(l) as f32 * factor == l;
            levels.iter().all(exact).then(|| (levels.map(byte), factor))
        })
    }
}

/// Decodes a block whose first weight is number `first` of its matrix, counted along the rows.
pub(crate) type Direct = fn(block: &[u8], codebook: &[u32], first: usize, levels: &mut [f32]);

/// How stored blocks become units of the code plane.
#[derive(Clone, Copy)]
pub(crate) enum Pack {
    /// From the codes of `code_plane.per` weights.
    Codes(fn(codes: &[i8], units: &mut [u8])),
    /// From the bytes of a block, or of the blocks that hold `code_plane.per` weights if that is
    /// more; of vectors without headers.
    Blocks(fn(blocks: &[u8], units: &mut [u8])),
}

/// Words that a format's shader looks codes up in, bound beside the planes.
#[derive(Clone, Copy)]
pub(crate) enum Table {
    None,
    /// The same for every matrix: the grids of the lattice formats.
    Fixed(fn() -> &'static [u32]),
    /// Learned with the weights: so many words, which come with the matrix.
    Codebook(usize),
    /// Scales and zero points that come with the matrix: any number of pairs of words.
    Pairs,
}

impl Table {
    /// The fewest words that a matrix must bring; 0 where it brings none.
    pub fn least_words(self) -> usize {
        match self {
            Table::None | Table::Fixed(_) => 0,
            Table::Codebook(words) => words,
            Table::Pairs => 2,
        }
    }
}

/// A format, or a family of formats that differ in their group length.
pub(crate) struct Family {
    pub name: &'static str,
    /// The id of the type in GGUF files.
    pub gguf: Option<u32>,
    pub blocks: Blocks,
    /// Offset and type of the float fields of a block.
    pub floats: &'static [(usize, ScaleType)],
    /// The same format with scales of other types: of families only, itself included.
    pub scales: &'static [(ScaleType, &'static Family)],
    /// Weights that share one [`Affine`]: of a fixed format always, of a family unless asked otherwise.
    pub group: usize,
    pub affine_kind: AffineKind,
    pub levels: Levels,
    pub table: Table,
    /// The codes of one block, `codes.len()` of them; zeros where there are none.
    pub codes: fn(block: &[u8], codes: &mut [i8]),
    /// The affine of group `g` of one block.
    pub affine: fn(block: &[u8], g: usize) -> Affine,
    /// Whole rows of codes and affines at a level of SIMD, for the CPU product; without it blocks go
    /// through the two above one by one.
    pub unpack: Option<Unpack>,
    /// Codes on the device, and how `code_plane.per` of them are packed into its units.
    pub code_plane: Plane,
    pub pack_codes: Pack,
    /// Scales on the device, and how the fields of a block are packed into its share of the units
    /// for `scale_plane.per` weights.
    pub scale_plane: Plane,
    pub pack_scales: fn(block: &[u8], units: &mut [u8]),
    /// Chooses codes and scales for one block of weights.
    pub quantize: Quantize,
    /// `formats/*.wgsl` and the snippets it is composed with.
    pub shader: ShaderParts,
}

impl Family {
    /// Whether levels are integers that can be multiplied by bytes of x. Weights with a bias and scales of 24 bits are
    /// rounded twice each, which no sum of integers reproduces.
    pub fn has_integers(&self) -> bool {
        let rounded_twice = self.affine_kind == AffineKind::ScaleBias && self.has_wide_scales();
        !rounded_twice
            && match self.levels {
                Levels::Signed | Levels::Unsigned => true,
                Levels::Table(_) => self.levels.as_bytes().is_some(),
                Levels::Direct(_) => false,
            }
    }

    /// Whether scales have 24 bits, so that their products with levels are rounded; all others are exact.
    pub fn has_wide_scales(&self) -> bool {
        self.floats.iter().any(|(_, scale)| *scale == ScaleType::F32)
    }
}

/// Unpacks a row of blocks. `group` tells the weights that share an affine, of families.
pub(crate) type Unpack = fn(Level, group: Group, row: &[u8], Spans);

/// One row, unpacked: the codes of its weights, and the affine of each span of them, a run that
/// divides both its group and a part.
pub(crate) struct Spans<'a> {
    pub codes: &'a mut [i8],
    pub scales: &'a mut [f32],
    /// Empty where the format has none.
    pub offsets: &'a mut [f32],
}

/// Weights in a span of such groups.
#[inline(always)]
pub(crate) const fn span_of(group: Group) -> usize {
    match group {
        Group::Len(g) if !g.is_multiple_of(PART / 2) => PART / 4,
        Group::Len(g) if !g.is_multiple_of(PART) => PART / 2,
        _ => PART,
    }
}

/// Fills one block from the weights it is to hold.
pub(crate) type Quantize = fn(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError>;

/// The WGSL files of one format, as `(path under shaders/, text)`, and its constants.
pub(crate) struct ShaderParts {
    /// Bits of the codes that `stored_codes` unpacks; 0 where the format reads its plane itself.
    pub bits: usize,
    /// What those codes are to the format's, for kernels that multiply integers.
    pub fields: Fields,
    pub decode: Decode,
    pub files: &'static [(&'static str, &'static str)],
    pub consts: &'static [(&'static str, u32)],
}

/// What makes codes or levels of the stored fields on the device, beside the format's own files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decode {
    /// The codes are the fields less the constant CODE_OFFSET, that of `Fields::Linear`.
    Offset,
    /// The codes are -1 and 1, a bit each.
    Signs,
    /// Fields of 4 bits select from the 16 levels of [`Levels::Table`].
    Table,
    /// The fields are small floats.
    Minifloat,
    /// The format's own files do.
    Own,
}

/// How the fields that `stored_codes` unpacks become codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// `step · field - offset`, for fields of 7 bits at most: kernels multiply by the fields as they are, and
    /// hoist the rest out of their sums.
    Linear { step: u8, offset: u8 },
    /// In another way; magnitudes up to `largest`. 0 where codes only index levels.
    Other { largest: u8 },
}

/// What an encoder may use beside the weights of its block.
pub(crate) struct Hints<'a> {
    /// How much the error of each weight of the block matters, where the caller knows.
    pub importance: Option<&'a [f32]>,
    /// Mean of the squares of the whole row; 0 where no importance is given.
    pub row_mean_square: f32,
}

/// Why a block of finite weights has no encoding.
pub(crate) struct QuantizeError {
    pub scale: f32,
    pub limit: f32,
}

impl QuantizeError {
    /// The same for callers, who are told of the format.
    pub fn of(self, format: impl ToString) -> crate::Error {
        crate::Error::ScaleRange {
            format: format.to_string(),
            value: self.scale,
            limit: self.limit,
        }
    }
}
