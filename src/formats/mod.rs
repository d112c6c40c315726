//! The formats, one file each (or one for a family), and the only list of them.

pub(crate) mod bits;
pub(crate) mod f16;
mod k_pairs;
pub(crate) mod lattice;

use crate::Format;

/// One line for each file: its stem and the formats it defines, each with a line of documentation.
macro_rules! formats {
    ($($stem:ident: $($name:ident = $doc:literal),+;)+) => {
        $(mod $stem;)+

        /// Every format, one constant each.
        impl Format {
            $($(
                #[doc = $doc]
                pub const $name: Format = Format::of(&$stem::$name);
            )+)+

            /// Every format that this crate knows, families with their usual group length.
            pub const ALL: &'static [Format] = &[$($(Format::$name),+),+];
        }
    };
}

formats! {
    int: INT8 = "8-bit integers. Each group (32 weights unless asked otherwise, the last of a row may be short): an f16 scale, then an i8 a weight. Weight = scale · code.",
         INT8_ASYM = "8-bit integers with a zero point. Each group: f16 scale, f16 zero point, then a u8 a weight. Weight = scale · (code - zero).",
         INT4 = "4-bit integers. Each group: an f16 scale, then two fields a byte, the first weight in the low one. Weight = scale · (field - 8).",
         INT4_ASYM = "4-bit integers with a zero point. Each group: f16 scale, f16 zero point, then two fields a byte, the first weight in the low one. Weight = scale · (field - zero).",
         INT2 = "2-bit integers. Each group: an f16 scale, then four fields a byte, lowest bits first. Weight = scale · (field - 2).",
         INT2_ASYM = "2-bit integers with a zero point. Each group: f16 scale, f16 zero point, then four fields a byte, lowest bits first. Weight = scale · (field - zero).",
         INT1 = "1-bit weights. Each group: an f16 scale, then eight bits a byte, lowest first. Weight = bit ? scale : -scale.",
         TERNARY = "Ternary weights in 2 bits. Each group: an f16 scale, then four fields a byte, lowest bits first. Weight = scale · (field - 1).";
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
    q1_0: Q1_0 = "GGUF `Q1_0`: 128 signs and an f16 scale.";
    tq1_0: TQ1_0 = "GGUF `TQ1_0`: 256 codes -1, 0, 1, five to a byte, and an f16 scale.";
    tq2_0: TQ2_0 = "GGUF `TQ2_0`: 256 codes -1, 0, 1, four to a byte, and an f16 scale.";
    mxfp4: MXFP4 = "GGUF `MXFP4`: 32 floats of 4 bits (E2M1) and a power of two (E8M0).";
    q2_0: Q2_0 = "GGUF `Q2_0`: 64 codes -1..2, four to a byte, and an f16 scale.";
    nf4: NF4 = "bitsandbytes NF4. Each group (64 weights unless asked otherwise): absmax (f32), then two indices a byte, the first weight in the high one. Weight = absmax · one of 16 normal quantiles.";
}
