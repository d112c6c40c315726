//! The kernels of a layer's attention, and what they are bound to.

use super::builder::GpuAttentionBuilder;
use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access;
use crate::gpu::dispatch::small_kernel::{Own, SmallKernel};
use crate::gpu::kv::kernels::Tables;
use crate::kv::{Attending, AttentionOptions, AttentionShaders, Placing, Taken, VALUE_BINDINGS};
use crate::shader::small::SmallShader;
use Access::{Reads, Writes};
use wgpu::Buffer;

/// A dispatch that takes in so many vectors of a row.
pub(super) struct Append {
    pub taken: Taken,
    pub heads: usize,
    pub kernel: SmallKernel,
}

/// A way to attend.
pub(super) struct Attends {
    pub by: Attending,
    pub attend: SmallKernel,
    /// None where nothing is left to do.
    pub combine: Option<SmallKernel>,
}

/// What the kernels are bound to.
pub(super) struct Make<'a> {
    pub gpu: &'a Gpu,
    pub caches: &'a [Buffer; 2],
    /// Of keys and of values.
    pub tables: [&'a Tables; 2],
    pub rotates: [bool; 2],
    pub sinks: Option<Buffer>,
}

impl Make<'_> {
    async fn kernel(&self, shader: &SmallShader, own: Own<'_>, given: &[(u32, Access)]) -> Result<SmallKernel> {
        SmallKernel::new(self.gpu, shader, own, given).await
    }

    /// The cache of a side (0 for keys, 1 for values) and its codebook.
    fn cache(&self, side: usize, access: Access) -> Own<'_> {
        let base = side as u32 * VALUE_BINDINGS;
        let mut own = vec![(base, access, &self.caches[side])];
        own.extend(self.tables[side].codebook.iter().map(|b| (base + 4, Reads, b)));
        own
    }

    /// What packs vectors of a side.
    fn packer(&self, side: usize) -> Own<'_> {
        let base = side as u32 * VALUE_BINDINGS;
        let mut own = self.cache(side, Writes);
        let projection = self.tables[side].projection.iter();
        own.extend(projection.map(|(forward, _)| (base + 5, Reads, forward)));
        if self.rotates[side] {
            own.push((base + 6, Reads, &self.tables[side].rotation));
        }
        own
    }

    /// One dispatch that takes in everything, or two where the device binds too few buffers.
    pub async fn appends(
        &self,
        shaders: &AttentionShaders<'_>,
        placing: Placing,
        builder: &GpuAttentionBuilder<'_>,
    ) -> Result<Vec<Append>> {
        let norms = match builder.norms {
            Some((q, k, _)) => Some(builder.floats("norms", &[q, k]).await?),
            None => None,
        };
        let mut keys = self.packer(0);
        // A kernel that does one of the two has no use for the other's table, yet its layout does.
        let angles = builder.rope.map(|rope| &rope.angles);
        if let Some(angles) = angles.or(norms.as_ref()) {
            keys.push((8, Reads, angles));
            keys.push((9, Reads, norms.as_ref().unwrap_or(angles)));
        }
        let values = self.packer(1);
        // The inputs of `take`, in its order.
        let given = |taken| match (taken, builder.stacked) {
            (Taken::Values, true) => vec![(1, Reads), (2, Reads)],
            (Taken::Values, false) => vec![(1, Reads), (15, Reads)],
            (_, true) => vec![(1, Reads), (2, Reads), (3, Writes)],
            (Taken::All, false) => vec![(1, Reads), (2, Reads), (14, Reads), (15, Reads), (3, Writes)],
            (Taken::Keys, false) => vec![(1, Reads), (2, Reads), (14, Reads), (3, Writes)],
        };
        let most = self.gpu.limits().max_storage_buffers_per_shader_stage as usize;
        let all = [&keys[..], &values].concat();
        let ways = match all.len() + given(Taken::All).len() <= most {
            true => vec![(Taken::All, all)],
            false => vec![(Taken::Keys, keys), (Taken::Values, values)],
        };
        let mut appends = Vec::new();
        for (taken, own) in ways {
            let AttentionOptions { q_heads, kv_heads, .. } = *shaders.options;
            let heads = match taken {
                Taken::All => q_heads + 2 * kv_heads,
                Taken::Keys => q_heads + kv_heads,
                Taken::Values => kv_heads,
            };
            let shader = shaders.append(taken, placing, builder.stacked);
            let kernel = self.kernel(&shader, own, &given(taken)).await?;
            appends.push(Append { taken, heads, kernel });
        }
        Ok(appends)
    }

    pub async fn attends(&self, shaders: &AttentionShaders<'_>, by: Attending) -> Result<Attends> {
        let direct = shaders.is_direct(by.splits);
        let sinks = || self.sinks.iter().map(|b| (10, Reads, b));
        let mut own = [self.cache(0, Reads), self.cache(1, Reads)].concat();
        own.extend(sinks().filter(|_| direct));
        let given = [(1, Reads), (2, Reads), (3, Writes)];
        let attend = self.kernel(&shaders.attend(by, direct), own, &given).await?;
        let combine = match direct {
            true => None,
            false => {
                let tables = self.tables[1];
                let mut own: Own = sinks().collect();
                let projection = tables.projection.iter();
                own.extend(projection.map(|(_, back)| (5, Reads, back)));
                if self.rotates[1] {
                    own.push((6, Reads, &tables.back));
                }
                let given = [(2, Reads), (3, Writes)];
                Some(self.kernel(&shaders.combine(by.splits), own, &given).await?)
            }
        };
        Ok(Attends { by, attend, combine })
    }
}
