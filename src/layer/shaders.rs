//! The WGSL text of a layer's small kernels. `src/gpu/layer` binds and records them.

use super::router::{Router, Scoring};
use crate::shader::file::{File, text, texts};
use crate::shader::small::SmallShader;

const LARGEST: File = text!("layer/largest.wgsl");

/// Normalizes rows of `size` numbers; `adds` another row to each first.
pub(crate) fn norm_shader(size: usize, centred: bool, eps: f32, adds: bool, workgroup: u32) -> SmallShader {
    let add = match adds {
        true => text!("layer/residual.wgsl"),
        false => text!("layer/no_residual.wgsl"),
    };
    SmallShader {
        files: texts(&[add, text!("layer/norm.wgsl")]),
        consts: vec![
            ("SIZE", size as u32),
            ("CENTRED", centred.into()),
            ("EPSILON", eps.to_bits()),
        ],
        workgroup,
        memory: 4 * workgroup,
    }
}

/// The `k` largest of rows of `n` numbers.
pub(crate) fn top_k_shader(n: usize, k: usize, workgroup: u32) -> SmallShader {
    SmallShader {
        files: texts(&[LARGEST, text!("layer/top_k.wgsl")]),
        consts: vec![("COUNT", n as u32), ("BEST", k as u32)],
        workgroup,
        memory: 8 * workgroup,
    }
}

/// The experts of rows of logits.
pub(crate) fn router_shader(router: &Router, workgroup: u32) -> SmallShader {
    let bias = match router.bias.is_empty() {
        true => text!("layer/no_bias.wgsl"),
        false => text!("layer/bias.wgsl"),
    };
    SmallShader {
        files: texts(&[LARGEST, bias, text!("layer/route.wgsl")]),
        consts: vec![
            ("COUNT", router.experts as u32),
            ("BEST", router.per_token as u32),
            ("SIGMOID", (router.scoring == Scoring::Sigmoid).into()),
            ("NORMALIZED", router.normalized.into()),
            ("SCALE", router.scale.to_bits()),
        ],
        workgroup,
        memory: 8 * workgroup + 4 * router.experts as u32,
    }
}
