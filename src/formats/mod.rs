//! The formats, one file for each format or family, and the only list of them.

pub(crate) mod bits;
pub(crate) mod encode;
pub(crate) mod f16;
mod k_pairs;
mod lanes;
pub(crate) mod lattice;
pub(crate) mod rows;
mod scale;
mod stream;

use crate::Format;

/// One entry for each file: its stem and the formats it defines, each with its documentation.
macro_rules! formats {
    ($($stem:ident: $($name:ident = $doc:literal),+;)+) => {
        $(pub(crate) mod $stem;)+

        /// One constant for each format.
        impl Format {
            $($(
                #[doc = $doc]
                pub const $name: Format = Format::of(&$stem::$name);
            )+)+

            /// All formats, families with their default group length.
            pub const ALL: &'static [Format] = &[$($(Format::$name),+),+];
        }
    };
}

formats! {
    int: INT8 = "8-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then one byte for each weight. Weight = scale · code, an i8.",
         INT8_ASYM = "8-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then one byte for each weight. Weight = scale · (field - zero).",
         INT8_BIAS = "8-bit integers with a bias. Each group: scale, bias, then one byte for each weight. Weight = scale · field + bias, rounded twice.",
         INT7 = "7-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then a stream of fields, lowest bits first. Weight = scale · (field - 64).",
         INT7_ASYM = "7-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then a stream of fields, lowest bits first. Weight = scale · (field - zero).",
         INT7_BIAS = "7-bit integers with a bias. Each group: scale, bias, then a stream of fields, lowest bits first. Weight = scale · field + bias, rounded twice.",
         INT6 = "6-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then a stream of fields, lowest bits first. Weight = scale · (field - 32).",
         INT6_ASYM = "6-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then a stream of fields, lowest bits first. Weight = scale · (field - zero).",
         INT6_BIAS = "6-bit integers with a bias. Each group: scale, bias, then a stream of fields, lowest bits first. Weight = scale · field + bias, rounded twice.",
         INT5 = "5-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then a stream of fields, lowest bits first. Weight = scale · (field - 16).",
         INT5_ASYM = "5-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then a stream of fields, lowest bits first. Weight = scale · (field - zero).",
         INT5_BIAS = "5-bit integers with a bias. Each group: scale, bias, then a stream of fields, lowest bits first. Weight = scale · field + bias, rounded twice.",
         INT4 = "4-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then two fields in each byte, the first weight in the low one. Weight = scale · (field - 8).",
         INT4_ASYM = "4-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then two fields in each byte, the first weight in the low one. Weight = scale · (field - zero).",
         INT4_BIAS = "4-bit integers with a bias. Each group: scale, bias, then two fields in each byte, the first weight in the low one. Weight = scale · field + bias, rounded twice.",
         INT3 = "3-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then a stream of fields, lowest bits first. Weight = scale · (field - 4).",
         INT3_ASYM = "3-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then a stream of fields, lowest bits first. Weight = scale · (field - zero).",
         INT3_BIAS = "3-bit integers with a bias. Each group: scale, bias, then a stream of fields, lowest bits first. Weight = scale · field + bias, rounded twice.",
         INT2 = "2-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then four fields in each byte, lowest bits first. Weight = scale · (field - 2).",
         INT2_ASYM = "2-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then four fields in each byte, lowest bits first. Weight = scale · (field - zero).",
         INT2_BIAS = "2-bit integers with a bias. Each group: scale, bias, then four fields in each byte, lowest bits first. Weight = scale · field + bias, rounded twice.",
         INT1 = "1-bit integers. Each group (32 weights by default; the last of a row can be shorter): the scale (f16 by default), then eight bits in each byte, lowest first. Weight = bit ? scale : -scale.",
         INT1_ASYM = "1-bit integers with a zero point, which can be fractional. Each group: scale, zero point, then eight bits in each byte, lowest first. Weight = scale · (field - zero).",
         INT1_BIAS = "1-bit integers with a bias. Each group: scale, bias, then eight bits in each byte, lowest first. Weight = scale · field + bias, rounded twice.",
         TERNARY = "Ternary weights in 2 bits. Each group: the scale, then four fields in each byte, lowest bits first. Weight = scale · (field - 1).";
    qzeros: INT8_QZEROS = "8-bit integers with packed zero points (`qzeros`). Eight groups each: eight scales, eight zero points of 8 bits, then one byte for each weight. Weight = scale · (field - zero).",
            INT4_QZEROS = "4-bit integers with packed zero points (`qzeros`). Eight groups each: eight scales, eight zero points of 4 bits, then two fields in each byte, the first weight in the low one. Weight = scale · (field - zero).",
            INT3_QZEROS = "3-bit integers with packed zero points (`qzeros`). Eight groups each: eight scales, eight zero points of 4 bits, then a stream of fields, lowest bits first. Weight = scale · (field - zero).",
            INT2_QZEROS = "2-bit integers with packed zero points (`qzeros`). Eight groups each: eight scales, eight zero points of 2 bits, then four fields in each byte, lowest bits first. Weight = scale · (field - zero).";
    floats: F32 = "32-bit floats, not packed.",
            F16 = "16-bit floats (IEEE binary16), not packed.",
            BF16 = "The upper halves of 32-bit floats, not packed.";
    q8_0: Q8_0 = "GGUF `Q8_0`: 32 signed bytes and an f16 scale.";
    q4_0: Q4_0 = "GGUF `Q4_0`: 32 codes -8..7 and an f16 scale.";
    q4_1: Q4_1 = "GGUF `Q4_1`: 32 codes 0..15, an f16 scale and an f16 minimum.";
    q5_0: Q5_0 = "GGUF `Q5_0`: 32 codes -16..15 and an f16 scale.";
    q5_1: Q5_1 = "GGUF `Q5_1`: 32 codes 0..31, an f16 scale and an f16 minimum.";
    q2_k: Q2_K = "GGUF `Q2_K`: 16 groups of 16 codes 0..3, with 4-bit scales and minima under two f16.";
    q3_k: Q3_K = "GGUF `Q3_K`: 16 groups of 16 codes -4..3, with 6-bit scales under one f16.";
    q4_k: Q4_K = "GGUF `Q4_K`: 8 groups of 32 codes 0..15, with 6-bit scales and minima under two f16.";
    q5_k: Q5_K = "GGUF `Q5_K`: 8 groups of 32 codes 0..31, with 6-bit scales and minima under two f16.";
    q6_k: Q6_K = "GGUF `Q6_K`: 16 groups of 16 codes -32..31, with 8-bit scales under one f16.";
    iq4_nl: IQ4_NL = "GGUF `IQ4_NL`: 32 indices into 16 levels -127..113 and an f16 scale.";
    iq4_xs: IQ4_XS = "GGUF `IQ4_XS`: 8 groups of 32 indices into the levels of `IQ4_NL`, with 6-bit scales under one f16.";
    iq1_s: IQ1_S = "GGUF `IQ1_S`: 2048 points of 8 weights -1, 0, 1, shifted by an eighth, with 3-bit scales for groups of 32 under one f16.";
    iq1_m: IQ1_M = "GGUF `IQ1_M`: the points of `IQ1_S`, with 3-bit scales for groups of 16 under one f16.";
    iq2_xxs: IQ2_XXS = "GGUF `IQ2_XXS`: 256 points of 8 weights with seven signs, with 4-bit scales for groups of 32 under one f16.";
    iq2_xs: IQ2_XS = "GGUF `IQ2_XS`: 512 points of 8 weights with seven signs, with 4-bit scales for groups of 16 under one f16.";
    iq2_s: IQ2_S = "GGUF `IQ2_S`: 1024 points of 8 weights with eight signs, with 4-bit scales for groups of 16 under one f16.";
    iq3_xxs: IQ3_XXS = "GGUF `IQ3_XXS`: 256 points of 4 weights with signs, with 4-bit scales for groups of 32 under one f16.";
    iq3_s: IQ3_S = "GGUF `IQ3_S`: 512 points of 4 weights with signs, with 4-bit scales for groups of 32 under one f16.";
    q1_0: Q1_0 = "GGUF `Q1_0`: 128 signs and an f16 scale.";
    tq1_0: TQ1_0 = "GGUF `TQ1_0`: 256 codes -1, 0, 1, five to a byte, and an f16 scale.";
    tq2_0: TQ2_0 = "GGUF `TQ2_0`: 256 codes -1, 0, 1, four to a byte, and an f16 scale.";
    mxfp4: MXFP4 = "GGUF `MXFP4`: 32 floats of 4 bits (E2M1) and a power of two (E8M0).";
    nvfp4: NVFP4 = "GGUF `NVFP4`: 64 floats of 4 bits (E2M1) with an 8-bit float (UE4M3) for each group of 16.";
    q2_0: Q2_0 = "GGUF `Q2_0`: 64 codes -1..2, four to a byte, and an f16 scale.",
          Q2_0_G128 = "PrismML's older `Q2_0`: 128 codes -1..2, four to a byte, and an f16 scale. Its id in GGUF files is that of `Q2_0`; the size of a tensor tells them apart.";
    q8_1: Q8_1 = "GGUF `Q8_1`: 32 signed bytes, an f16 scale and an f16 sum. ggml rounds inputs to it.";
    q8_k: Q8_K = "GGUF `Q8_K`: 256 signed bytes, an f32 scale and 16 sums. ggml rounds inputs to it.";
    minifloat: FP4_E2M1 = "Floats of 4 bits with a power of two (E8M0) for each group of 32: OCP MXFP4, a negative zero included. Each group: the scale, then two elements in each byte, the first weight in the low one.",
               FP6_E2M3 = "Floats of 6 bits, 2 of exponent, with a power of two (E8M0) for each group of 32: OCP MXFP6. Each group: the scale, then a stream of elements, lowest bits first.",
               FP6_E3M2 = "Floats of 6 bits, 3 of exponent, with a power of two (E8M0) for each group of 32: OCP MXFP6. Each group: the scale, then a stream of elements, lowest bits first.",
               FP8_E4M3 = "Floats of 8 bits, 4 of exponent, with an f32 scale for each group of 128 by default (E8M0 and 32: OCP MXFP8). Each group: the scale, then the elements. No infinities.",
               FP8_E5M2 = "Floats of 8 bits, 5 of exponent, with an f32 scale for each group of 128 by default (E8M0 and 32: OCP MXFP8). Each group: the scale, then the elements.";
    nf4: NF4 = "bitsandbytes NF4. Each group (64 weights by default): absmax (f32), then two indices in each byte, the first weight in the high one. Weight = absmax · one of 16 normal quantiles.",
         FP4 = "bitsandbytes FP4. Each group (64 weights by default): absmax (f32), then two indices in each byte, the first weight in the high one. Weight = absmax · one of 16 floats, in bitsandbytes' own order.";
    columns: INT8_COLUMNS = "8-bit integers, each with the scale and zero point of its column, which repeat down the rows (HQQ, axis 0): pairs of f32 stored with the matrix. Weight = scale · (field - zero).",
             INT4_COLUMNS = "4-bit integers, each with the scale and zero point of its column, which repeat down the rows (HQQ, axis 0): pairs of f32 stored with the matrix. Weight = scale · (field - zero).",
             INT3_COLUMNS = "3-bit integers, each with the scale and zero point of its column, which repeat down the rows (HQQ, axis 0): pairs of f32 stored with the matrix. Weight = scale · (field - zero).",
             INT2_COLUMNS = "2-bit integers, each with the scale and zero point of its column, which repeat down the rows (HQQ, axis 0): pairs of f32 stored with the matrix. Weight = scale · (field - zero).",
             INT1_COLUMNS = "1-bit integers, each with the scale and zero point of its column, which repeat down the rows (HQQ, axis 0): pairs of f32 stored with the matrix. Weight = scale · (field - zero).";
    aqlm: AQLM_1X16 = "AQLM with one codebook: 16 bits index one of 65 536 entries of eight weights; a scale (f16 by default) for each row.",
          AQLM_2X8 = "AQLM with two codebooks: two bytes index an entry of eight weights each, which are added; a scale (f16 by default) for each row.";
}
