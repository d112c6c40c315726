//! The rule, one function for each role and one line for each group of presets.

use super::model::ModelShape;
use super::names;
use super::presets::Preset;
use super::role::Role;
use crate::Result;
use crate::files::gguf::cursor::Location;
use crate::files::gguf::types::TensorType;
use Preset as P;
use TensorType as T;

/// Counts of the tensors of each role, while the rule goes through a model.
pub(super) struct State<'m> {
    preset: Preset,
    model: &'m ModelShape,
    tied: bool,
    n_v: u64,
    /// Tensors met so far.
    v: u64,
    up: u64,
    gate: u64,
    down: u64,
}

/// The first and the last eighth of the layers, and every third between them.
fn more_bits(i: u64, n: u64) -> bool {
    i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2
}

impl<'m> State<'m> {
    pub fn new(preset: Preset, model: &'m ModelShape, roles: &[Role]) -> Self {
        State {
            preset,
            model,
            tied: !roles.contains(&Role::Head),
            n_v: roles.iter().filter(|&&role| role == Role::V).count() as u64,
            v: 0,
            up: 0,
            gate: 0,
            down: 0,
        }
    }

    /// The type of the next tensor, before any fallback.
    pub fn choose(&mut self, role: Role, name: &str, dims: &[u64]) -> Result<TensorType> {
        if role == Role::Head || (self.tied && role == Role::TokenEmbedding) {
            return Ok(self.head(dims[0]));
        }
        if self.preset == P::MXFP4_MOE {
            let experts = dims.get(2).is_some_and(|&n| n > 1);
            return Ok(if experts { T::MXFP4 } else { T::Q8_0 });
        }
        if role == Role::TokenEmbedding {
            return Ok(self.token_embedding());
        }
        let tiny = matches!(
            self.preset,
            P::IQ1_S | P::IQ1_M | P::IQ2_XXS | P::IQ2_XS | P::IQ2_S | P::IQ2_M
        );
        if tiny {
            return Ok(self.under_three_bits(role));
        }
        Ok(match role {
            Role::V => self.values(),
            Role::K | Role::Q => self.keys_and_queries(role),
            Role::AttentionOutput => self.attention_output(),
            Role::Down => self.down(name)?,
            Role::Gate | Role::Up => self.gate_and_up(role, name)?,
            _ => self.preset.default,
        })
    }

    /// The output layer: one tensor whose errors reach the output directly.
    fn head(&self, k: u64) -> TensorType {
        let default = self.preset.default;
        if self.preset == P::MXFP4_MOE || self.model.is_falcon() || !k.is_multiple_of(default.block) {
            return T::Q8_0;
        }
        match self.preset {
            P::IQ1_S | P::IQ1_M | P::IQ2_XXS | P::IQ2_XS | P::IQ2_S | P::IQ2_M => T::Q5_K,
            P::IQ3_XXS => T::Q5_K,
            _ if default == T::Q8_0 => T::Q8_0,
            _ => T::Q6_K,
        }
    }

    fn token_embedding(&self) -> TensorType {
        match self.preset {
            P::IQ1_S | P::IQ1_M | P::IQ2_XXS | P::IQ2_XS => T::Q2_K,
            P::IQ2_S | P::IQ2_M | P::IQ3_XXS => T::IQ3_S,
            P::TQ1_0 | P::TQ2_0 | P::Q2_0 => T::Q4_K,
            _ => self.preset.default,
        }
    }

    /// The IQ1 and IQ2 presets.
    fn under_three_bits(&mut self, role: Role) -> TensorType {
        let larger = matches!(self.preset, P::IQ2_S | P::IQ2_M);
        let more = if larger { T::IQ3_S } else { T::Q2_K };
        let eight_experts = self.model.n_expert == 8;
        match role {
            Role::V if self.model.heads_per_kv() >= 4 || self.model.n_expert >= 4 => T::Q4_K,
            Role::V => more,
            Role::K if eight_experts => T::Q4_K,
            Role::Down => {
                self.down += 1;
                // Experts are counted too: a file can have several tensors in one layer.
                if self.down - 1 < self.model.n_layer / 8 {
                    more
                } else {
                    self.preset.default
                }
            }
            Role::AttentionOutput if eight_experts => T::Q5_K,
            Role::AttentionOutput => match self.preset {
                P::IQ1_S | P::IQ1_M => T::IQ2_XXS,
                _ if larger => T::IQ3_S,
                _ => self.preset.default,
            },
            _ => self.preset.default,
        }
    }

    fn values(&mut self) -> TensorType {
        let (i, n) = (self.v, self.n_v);
        self.v += 1;
        // Values that several heads share are few, and each matters more.
        let shared = self.model.heads_per_kv() >= 4;
        let kind = match self.preset {
            P::Q2_K | P::Q2_K_S | P::IQ3_XXS | P::IQ3_XS | P::IQ3_S if shared => T::Q4_K,
            P::IQ4_NL | P::IQ4_XS if shared => T::Q5_K,
            P::Q2_K => T::Q3_K,
            P::IQ3_XXS if !self.model.importance => T::IQ3_S,
            P::IQ3_M => T::Q4_K,
            P::Q3_K_M if i < 2 => T::Q5_K,
            P::Q3_K_M => T::Q4_K,
            P::Q3_K_L => T::Q5_K,
            P::Q4_K_M | P::Q5_K_M if more_bits(i, n) => T::Q6_K,
            P::Q4_K_S if i < 4 => T::Q5_K,
            _ => self.preset.default,
        };
        match kind {
            _ if self.model.n_expert == 8 => T::Q8_0,
            T::Q3_K | T::Q4_K if self.model.is_70b() => T::Q5_K,
            kind => kind,
        }
    }

    fn keys_and_queries(&self, role: Role) -> TensorType {
        match self.preset {
            _ if role == Role::K && self.model.n_expert == 8 => T::Q8_0,
            P::IQ3_XS => T::IQ3_XXS,
            P::IQ3_XXS => T::IQ2_S,
            _ => self.preset.default,
        }
    }

    fn attention_output(&self) -> TensorType {
        if self.model.is_falcon() {
            return match self.preset {
                P::Q3_K_L => T::Q4_K,
                _ => self.preset.default,
            };
        }
        if self.model.n_expert == 8 {
            return match self.preset {
                P::Q2_K | P::Q3_K_S | P::Q3_K_M | P::Q4_K_S | P::Q4_K_M => T::Q5_K,
                P::IQ3_XXS | P::IQ3_XS | P::IQ3_S | P::IQ3_M | P::IQ4_NL | P::IQ4_XS => T::Q5_K,
                _ => self.preset.default,
            };
        }
        match self.preset {
            P::Q2_K => T::Q3_K,
            P::IQ3_XXS => T::IQ3_S,
            P::Q3_K_M | P::IQ3_M => T::Q4_K,
            P::Q3_K_L => T::Q5_K,
            _ => self.preset.default,
        }
    }

    fn down(&mut self, name: &str) -> Result<TensorType> {
        let i = self.layer(self.down, name)?;
        self.down += 1;
        let n = self.model.n_layer;
        let (falcon, importance) = (self.model.is_falcon(), self.model.importance);
        Ok(match self.preset {
            P::Q2_K => T::Q3_K,
            P::Q2_K_S if i < n / 8 => T::Q4_K,
            P::IQ3_XXS if !importance && i < n / 8 => T::Q4_K,
            P::IQ3_XXS if !importance => T::Q3_K,
            P::Q3_K_M if i < n / 16 => T::Q5_K,
            P::Q3_K_M if !falcon || more_bits(i, n) => T::Q4_K,
            P::IQ3_M if i < n / 8 => T::Q4_K,
            P::IQ3_M if self.model.n_expert == 8 && more_bits(i, n) => T::Q4_K,
            P::Q3_K_L if falcon => T::Q4_K,
            P::Q3_K_L => T::Q5_K,
            P::Q4_K_M if falcon && i < n / 16 => T::Q6_K,
            P::Q4_K_M if falcon && more_bits(i, n) => T::Q5_K,
            P::Q4_K_M if !falcon && more_bits(i, n) => T::Q6_K,
            P::IQ4_NL | P::IQ4_XS if !importance && i < n / 8 => T::Q5_K,
            P::Q5_K_M if more_bits(i, n) => T::Q6_K,
            P::Q4_K_S if !falcon && i < n / 8 => T::Q5_K,
            P::Q4_0 if importance && i < n / 8 => T::Q4_1,
            P::Q5_0 if importance && i < n / 8 => T::Q5_1,
            _ => self.preset.default,
        })
    }

    fn gate_and_up(&mut self, role: Role, name: &str) -> Result<TensorType> {
        let counted = if role == Role::Gate { self.gate } else { self.up };
        let i = self.layer(counted, name)?;
        match role {
            Role::Gate => self.gate += 1,
            _ => self.up += 1,
        }
        let n = self.model.n_layer;
        Ok(match self.preset {
            P::IQ3_XS if i >= n / 8 && i < 7 * n / 8 => T::IQ3_XXS,
            _ => self.preset.default,
        })
    }

    /// The experts of a layer can be separate tensors in any order, so their name gives the layer.
    fn layer(&self, counted: u64, name: &str) -> Result<u64> {
        if self.model.n_expert <= 1 {
            return Ok(counted);
        }
        let (n, named) = (self.model.n_layer, names::layer(name));
        named.filter(|&i| i < n).ok_or_else(|| {
            let got = named.map_or("none".into(), |i| i.to_string());
            Location::Tensor(name).error("the layer in its name", format!("under {n}"), got)
        })
    }
}
