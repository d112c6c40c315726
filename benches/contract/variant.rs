//! The variants that were considered.

use std::fmt;

/// How a lane gets the 32 floats of x that belong to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It loads them all.
    Direct,
    /// Each lane of a subgroup of 8 loads one vec4 and broadcasts it to the others.
    Subgroup,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Input::Direct => "direct",
            Input::Subgroup => "broadcast",
        })
    }
}

/// One way to write the same product.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Weights in one decode call: 8 (`u32` loads), 16 (`vec2<u32>`) or 32 (`vec4<u32>`).
    pub decode: usize,
    /// Rows whose blocks are interleaved: 8, or 1 for row-major.
    pub interleave: usize,
    /// Octets of lanes that share the parts of a row.
    pub lanes_k: usize,
    /// Rows that a lane owns.
    pub rows: usize,
    pub input: Input,
    /// Whether Q4_0's offset of 8 is subtracted through the sum of x instead of from each level.
    pub hoist: bool,
}

/// All variants that are measured: one parameter varies at a time, the others keep their common values.
pub fn all() -> Vec<Variant> {
    let mut list = Vec::new();
    for input in [Input::Direct, Input::Subgroup] {
        let common = Variant {
            decode: 32,
            interleave: 8,
            lanes_k: 1,
            rows: 4,
            input,
            hoist: false,
        };
        for interleave in [1, 8] {
            for decode in [8, 16, 32] {
                list.push(Variant {
                    decode,
                    interleave,
                    ..common
                });
            }
        }
        for rows in [1, 2, 8] {
            list.push(Variant { rows, ..common });
        }
        list.push(Variant { hoist: true, ..common });
        // Lanes that share a row need a barrier. Measured only with direct reads of x.
        if input == Input::Direct {
            let shared = Variant { lanes_k: 8, ..common };
            for interleave in [1, 8] {
                for decode in [8, 16, 32] {
                    list.push(Variant {
                        decode,
                        interleave,
                        ..shared
                    });
                }
            }
            list.push(Variant { rows: 1, ..shared });
        }
    }
    list
}
