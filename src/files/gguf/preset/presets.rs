//! The presets, by name.

use crate::files::gguf::types::TensorType;
use std::fmt;

/// A file type of llama.cpp, `Q4_K_M` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preset {
    /// Its name in llama.cpp.
    pub name: &'static str,
    /// The value of the key `general.file_type` (`LLAMA_FTYPE`).
    pub file_type: u32,
    /// The type of tensors that no rule singles out.
    pub default: TensorType,
}

macro_rules! presets {
    ($($name:ident $file_type:literal $default:ident;)*) => {
        /// Each preset, under its name.
        impl Preset {
            $(
                #[doc = concat!("File type ", $file_type, ": ", stringify!($default), " for tensors that no rule singles out.")]
                pub const $name: Preset = Preset {
                    name: stringify!($name),
                    file_type: $file_type,
                    default: TensorType::$default,
                };
            )*

            /// Every preset.
            pub const ALL: &'static [Preset] = &[$(Preset::$name),*];
        }
    };
}

presets! {
    F32 0 F32;
    F16 1 F16;
    BF16 32 BF16;
    Q4_0 2 Q4_0;
    Q4_1 3 Q4_1;
    Q5_0 8 Q5_0;
    Q5_1 9 Q5_1;
    Q8_0 7 Q8_0;
    Q2_K 10 Q2_K;
    Q2_K_S 21 Q2_K;
    Q3_K_S 11 Q3_K;
    Q3_K_M 12 Q3_K;
    Q3_K_L 13 Q3_K;
    Q4_K_S 14 Q4_K;
    Q4_K_M 15 Q4_K;
    Q5_K_S 16 Q5_K;
    Q5_K_M 17 Q5_K;
    Q6_K 18 Q6_K;
    IQ1_S 24 IQ1_S;
    IQ1_M 31 IQ1_M;
    IQ2_XXS 19 IQ2_XXS;
    IQ2_XS 20 IQ2_XS;
    IQ2_S 28 IQ2_XS;
    IQ2_M 29 IQ2_S;
    IQ3_XXS 23 IQ3_XXS;
    IQ3_XS 22 IQ3_S;
    IQ3_S 26 IQ3_S;
    IQ3_M 27 IQ3_S;
    IQ4_NL 25 IQ4_NL;
    IQ4_XS 30 IQ4_XS;
    TQ1_0 36 TQ1_0;
    TQ2_0 37 TQ2_0;
    MXFP4_MOE 38 MXFP4;
    NVFP4 39 NVFP4;
    Q1_0 40 Q1_0;
    Q2_0 41 Q2_0;
}

impl Preset {
    /// The preset with this name, in either case. `MXFP4` is `MXFP4_MOE`.
    pub fn from_name(name: &str) -> Option<Preset> {
        if name.eq_ignore_ascii_case("MXFP4") {
            return Some(Preset::MXFP4_MOE);
        }
        let same = |p: &&Preset| p.name.eq_ignore_ascii_case(name);
        Preset::ALL.iter().find(same).copied()
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
