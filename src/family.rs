//! What a format defines: a name, a shape in bytes and a few small functions.
//!
//! A stored matrix is rows of blocks; a block holds codes (small integers) and the fields that turn codes into weights.
//! Each format defines only `codes` and `affine`, in Rust and again in WGSL; all products are written against those
//! two.

use crate::{Group, ScaleType};
use fearless_simd::Level;

/// The weights of one decode call: a kernel always decodes this many consecutive weights of a row.
pub(crate) const PART: usize = 32;

/// How codes become weights. Kernels hoist `offset` out of their inner loop; decoding does not, since it must round
/// exactly as the original tools do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AffineKind {
    /// `scale · code`
    Scale,
    /// `scale · code + offset`, with product and sum rounded separately
    ScaleBias,
    /// `scale · ((code + base) - offset)`, where the first sum is exact. 8-bit fields are stored 128 lower, as signed
    /// bytes, and zero points can be fractional
    ScaleZero { base: i16 },
}

/// The two numbers shared by one group of weights; [`AffineKind`] defines the meaning of `offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub scale: f32,
    pub offset: f32,
}

impl AffineKind {
    /// The weight of `code`, rounded as in the reference tools.
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
    /// `u32`, an odd number for each part; all but the last are stored in pairs, like `vec2<u32>`
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
/// `per` weights of a row. Rows are interleaved in groups of eight on upload, unit by unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    pub unit: Unit,
    pub units: usize,
    /// The weights for which `units` are stored; 0 for a whole row.
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
    /// Blocks of one size, fixed by a specification; k must be a multiple.
    Fixed { len: usize, bytes: usize },
    /// A block is `groups` groups of any length (`Format::group`), shorter at the end of a row: `header` bytes, then
    /// `bits` for each weight, rounded up to whole bytes. Of several groups each is encoded on its own, and none is a
    /// whole row.
    Groups { groups: usize, header: usize, bits: usize },
    /// Like `Groups`, with `bytes` for each eight weights; k must be a multiple of 8.
    Vectors { header: usize, bytes: usize },
    /// Consecutive floats of `bytes` bytes each.
    Plain { bytes: usize },
}

/// The levels of codes, before scale and offset.
#[derive(Clone, Copy)]
pub(crate) enum Levels {
    /// The code itself.
    Signed,
    /// The code's byte as an unsigned number, for 8-bit codes with a bias.
    Unsigned,
    /// An entry of this table, whose length is a power of two.
    Table(&'static [f32]),
    /// No integer codes: all levels of a block at once, with the codebook of its matrix.
    Direct(Direct),
}

impl Levels {
    /// The 16 levels of a table as signed bytes, and the power of two by which they were divided; `None` where they are
    /// not such integers. A zero loses its sign.
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

/// Decodes a block whose first weight is weight `first` of its matrix, counted along the rows.
pub(crate) type Direct = fn(block: &[u8], codebook: &[u32], first: usize, levels: &mut [f32]);

/// Runs of bytes of a stored block, as (offset, length), one after the other.
pub(crate) type Runs = &'static [(usize, usize)];

/// How stored blocks are packed into units of the code plane.
#[derive(Clone, Copy)]
pub(crate) enum Pack {
    /// The bytes of a block of fixed size as they are, in runs of whole units.
    Bytes(Runs),
    /// From the codes of a row, or of several times `code_plane.per` weights.
    Codes(fn(Level, codes: &[i8], units: &mut [u8])),
    /// From the bytes of a block, or of the blocks of `code_plane.per` weights if that is more; vectors come without
    /// headers.
    Blocks(fn(blocks: &[u8], units: &mut [u8])),
}

/// The lookup table of a format's shader, bound in addition to the planes.
#[derive(Clone, Copy)]
pub(crate) enum Table {
    None,
    /// The same for all matrices: the grids of the lattice formats.
    Fixed(fn() -> &'static [u32]),
    /// Learned with the weights and stored with the matrix, with this many words.
    Codebook(usize),
    /// Scales and zero points stored with the matrix: any number of pairs of words.
    Pairs,
}

impl Table {
    /// The fewest words of a matrix's own table; 0 where it has none.
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
    /// The type's id in GGUF files.
    pub gguf: Option<u32>,
    pub blocks: Blocks,
    /// The offset and type of each float field of a block.
    pub floats: &'static [(usize, ScaleType)],
    /// The same format with each supported scale type, itself included; only for families.
    pub scales: &'static [(ScaleType, &'static Family)],
    /// Weights that share one [`Affine`]: always for a fixed format, by default for a family.
    pub group: usize,
    pub affine_kind: AffineKind,
    pub levels: Levels,
    pub table: Table,
    /// Decodes the `codes.len()` codes of one block; zeros for a format without codes.
    pub codes: fn(block: &[u8], codes: &mut [i8]),
    /// The affine of group `g` of one block.
    pub affine: fn(block: &[u8], g: usize) -> Affine,
    /// Decodes whole rows of codes and affines at a level of SIMD, for the CPU product; without it blocks are decoded
    /// one by one with the two functions above.
    pub unpack: Option<Unpack>,
    /// The code plane on the device, and the packing of blocks or codes into its units.
    pub code_plane: Plane,
    pub pack_codes: Pack,
    /// The scale plane on the device, and the bytes of a block that fill its share of the units for
    /// `scale_plane.per` weights; zeros fill the rest.
    pub scale_plane: Plane,
    pub scale_bytes: Runs,
    /// Chooses codes and scales for one block of weights, or for one of several independent groups.
    pub quantize: Quantize,
    /// The format's WGSL and the snippets with which it is composed.
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

    /// Whether scales have 24-bit significands, so that their products with levels are rounded; with other types they
    /// are exact.
    pub fn has_wide_scales(&self) -> bool {
        self.floats.iter().any(|(_, scale)| *scale == ScaleType::F32)
    }
}

/// Unpacks a row of blocks. `group` is the weights that share an affine, for families.
pub(crate) type Unpack = fn(Level, group: Group, row: &[u8], Spans);

/// One unpacked row: the codes of its weights and the affine of each span, a number of weights that divides both the
/// group and a part.
pub(crate) struct Spans<'a> {
    pub codes: &'a mut [i8],
    /// Empty where only codes are asked for.
    pub scales: &'a mut [f32],
    /// Empty for a format without offsets, or where `scales` are.
    pub offsets: &'a mut [f32],
}

/// The weights of a span for such groups.
#[inline(always)]
pub(crate) const fn span_of(group: Group) -> usize {
    match group {
        Group::Len(g) if !g.is_multiple_of(PART / 2) => PART / 4,
        Group::Len(g) if !g.is_multiple_of(PART) => PART / 2,
        _ => PART,
    }
}

/// Encodes weights into one block, or into their place in it where groups of a block are independent.
pub(crate) type Quantize = fn(weights: &[f32], hints: &Hints, block: &mut [u8]) -> Result<(), QuantizeError>;

/// The WGSL files of one format, as `(path under shaders/, text)`, and its constants.
pub(crate) struct ShaderParts {
    /// The bits of the codes that `stored_codes` unpacks; 0 where the format reads its plane itself.
    pub bits: usize,
    /// The relation of those fields to the format's codes, for integer kernels.
    pub fields: Fields,
    pub decode: Decode,
    pub files: &'static [(&'static str, &'static str)],
    pub consts: &'static [(&'static str, u32)],
}

/// How the device turns stored fields into codes or levels, in addition to the format's own files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decode {
    /// The codes are the fields minus the constant CODE_OFFSET, the offset of `Fields::Linear`.
    Offset,
    /// The codes are -1 and 1, one bit each.
    Signs,
    /// Fields of 4 bits select from the 16 levels of [`Levels::Table`].
    Table,
    /// The fields are small floats.
    Minifloat,
    /// The codes are fields that the format's own files unpack, minus CODE_OFFSET.
    Unpacked,
    /// The codes are made of so many points of a lattice, which `Table::Fixed` has. Ready to use each takes these bytes of
    /// workgroup memory.
    Lattice { points: u32, bytes: u32 },
    /// By the format's own files.
    Own,
}

/// The relation of the fields that `stored_codes` unpacks to codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// `step · field - offset`, for fields of at most 7 bits: kernels multiply by the fields and hoist the rest out of
    /// their sums.
    Linear { step: u8, offset: u8 },
    /// Another relation, with magnitudes up to `largest`; 0 where codes only index levels.
    Other { largest: u8 },
}

/// What an encoder receives in addition to its weights: those of a block, or of one of several independent groups.
#[derive(Default)]
pub(crate) struct Hints<'a> {
    /// The importance of each weight, if known.
    pub importance: Option<&'a [f32]>,
    /// The mean square of the whole row; 0 without importance.
    pub row_mean_square: f32,
    /// The place in the block of one of several independent groups: its number and its first weight.
    pub group: usize,
    pub first: usize,
}

/// The scale of a block of finite weights is out of the range of its type.
pub(crate) struct QuantizeError {
    pub scale: f32,
    pub limit: f32,
}

impl QuantizeError {
    /// The public error, with the name of the format.
    pub fn of(self, format: impl ToString) -> crate::Error {
        crate::Error::ScaleRange {
            format: format.to_string(),
            value: self.scale,
            limit: self.limit,
        }
    }
}
