//! llama.cpp's file types: which type each tensor of a model gets.
//!
//! A [`Preset`] is more than one type. Tensors that small errors do the most harm in get more bits, by
//! their role, their layer and the model's shape; rows that no whole blocks fit in fall back to
//! another type. The rule is llama.cpp's (`llama-quant.cpp`, 2026-10), and `tests/gguf/presets.txt`
//! has what llama.cpp itself made of it.

mod model;
mod names;
mod role;
mod rule;

pub use model::Model;

use super::TensorType;
use super::cursor::Place;
use crate::{Error, Result};
use role::Role;

/// A file type of llama.cpp, `Q4_K_M` and the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preset {
    /// Its name in llama.cpp.
    pub name: &'static str,
    /// The number in the key `general.file_type` (`LLAMA_FTYPE`).
    pub file_type: u32,
    /// What a tensor gets that no rule says more about.
    pub default: TensorType,
}

macro_rules! presets {
    ($($name:ident $file_type:literal $default:ident;)*) => {
        /// Each preset, under its name.
        impl Preset {
            $(
                #[doc = concat!("File type ", $file_type, ", of ", stringify!($default), " where no rule says more.")]
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
    /// The preset of this name, in either case. `MXFP4` is `MXFP4_MOE`.
    pub fn from_name(name: &str) -> Option<Preset> {
        if name.eq_ignore_ascii_case("MXFP4") {
            return Some(Preset::MXFP4_MOE);
        }
        let same = |p: &&Preset| p.name.eq_ignore_ascii_case(name);
        Preset::ALL.iter().find(same).copied()
    }

    /// The type that each tensor gets, or none where it stays as it is: norms, biases, positions and
    /// other small ones. Each tensor is its name in llama.cpp and its shape in ggml's order, the row
    /// length k first; all tensors of the model must be there, since layers are counted.
    ///
    /// # Errors
    /// [`Error::NeedsImportance`] where a type does not do without importance weights and the model
    /// has none, [`Error::File`] for a row that is of no whole blocks of its type nor of the one that
    /// it falls back to, and for a layer of experts that is not in the model.
    pub fn types(self, model: &Model, tensors: &[(&str, &[u64])]) -> Result<Vec<Option<TensorType>>> {
        self.types_except(model, tensors, |_| None)
    }

    /// As [`types`](Preset::types), with a type of the caller's for some tensors, by name. Those that
    /// stay as they are do so all the same, and those that are overruled are not counted.
    ///
    /// # Errors
    /// Those of `types`.
    pub fn types_except(
        self,
        model: &Model,
        tensors: &[(&str, &[u64])],
        overruled: impl Fn(&str) -> Option<TensorType>,
    ) -> Result<Vec<Option<TensorType>>> {
        let roles: Vec<Role> = tensors.iter().map(|(name, _)| Role::of(name)).collect();
        let mut state = rule::State::new(self, model, &roles);
        let mut types = vec![None; tensors.len()];
        for at in names::counting_order(tensors) {
            let (name, dims) = tensors[at];
            if !names::is_quantized(name, dims) {
                continue;
            }
            let k = dims[0];
            let kind = match overruled(name) {
                Some(kind) => fallback(kind, name, k)?,
                None if !self.default.is_packed() => self.default,
                None => fallback(state.choose(roles[at], name, dims)?, name, k)?,
            };
            if !model.importance && self.needs_importance(name, kind) {
                return Err(Error::NeedsImportance {
                    tensor: name.to_owned(),
                    kind: kind.name,
                });
            }
            types[at] = Some(kind);
        }
        Ok(types)
    }

    /// Whether the tensor of this name is of no use as `kind` without importance weights of its own.
    pub fn needs_importance(self, name: &str, kind: TensorType) -> bool {
        use TensorType as T;
        if matches!(Role::of(name), Role::TokenEmbedding | Role::Head) {
            return false;
        }
        match kind {
            T::IQ1_S | T::IQ1_M | T::IQ2_XXS | T::IQ2_XS | T::IQ2_S | T::IQ3_XXS => true,
            T::Q2_K => self == Preset::Q2_K_S,
            _ => false,
        }
    }
}

/// The type itself where rows are of whole blocks of it, else one with smaller blocks.
fn fallback(kind: TensorType, name: &str, k: u64) -> Result<TensorType> {
    use TensorType as T;
    if k.is_multiple_of(kind.block) {
        return Ok(kind);
    }
    let smaller = match kind {
        T::IQ1_S | T::IQ1_M | T::IQ2_XXS | T::IQ2_XS | T::IQ2_S => T::IQ4_NL,
        T::IQ3_XXS | T::IQ3_S | T::IQ4_XS => T::IQ4_NL,
        T::Q2_0 | T::Q2_K | T::Q3_K | T::TQ1_0 | T::TQ2_0 => T::Q4_0,
        T::Q4_K => T::Q5_0,
        T::Q5_K => T::Q5_1,
        T::Q6_K => T::Q8_0,
        // Blocks are as small as they get.
        T::Q4_0 | T::Q4_1 | T::Q5_0 | T::Q5_1 | T::Q8_0 | T::IQ4_NL | T::MXFP4 => kind,
        _ => {
            let what = format!("the row length for {}, which has no fallback,", kind.name);
            let expected = format!("a multiple of {}", kind.block);
            return Err(Place::Tensor(name).error(what, expected, k));
        }
    };
    Ok(if k.is_multiple_of(smaller.block) {
        smaller
    } else {
        T::F16
    })
}
