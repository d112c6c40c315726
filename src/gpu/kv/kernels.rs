//! The kernels of one cache, and the tables that they read.

use crate::Result;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access;
use crate::gpu::dispatch::small::IN_AND_OUT;
use crate::gpu::dispatch::small_kernel::{Own, SmallKernel};
use crate::kv::{AppendShaders, KvCodec, Shaders};
use crate::rotate::Form;
use crate::shader::small::SmallShader;
use Access::{Reads, Writes};
use wgpu::{Buffer, BufferUsages};

pub(crate) struct Kernels {
    pub append: Append,
    pub advance: SmallKernel,
    pub clear: SmallKernel,
    /// None where queries are taken as they are.
    pub query: Option<SmallKernel>,
    pub scores: SmallKernel,
    pub sums: SmallKernel,
    pub finish: SmallKernel,
}

/// How rows come in.
pub(crate) enum Append {
    /// One by one.
    Rows(SmallKernel),
    /// KIVI: older tokens are packed together, then recent ones are stored.
    Window { pack: SmallKernel, store: SmallKernel },
}

impl Kernels {
    pub async fn new(gpu: &Gpu, codec: &KvCodec, cache: &Buffer, state: &Buffer) -> Result<Self> {
        let shaders = Shaders::new(codec);
        let tables = Tables::new(gpu, codec).await?;
        let make = Make {
            gpu,
            tables: &tables,
            cache,
            state,
        };
        Ok(Kernels {
            append: make.append(&shaders.append).await?,
            advance: make.counter(&shaders.advance).await?,
            clear: make.counter(&shaders.clear).await?,
            query: match &shaders.query {
                Some(query) => Some(make.query(query).await?),
                None => None,
            },
            scores: make.reader(&shaders.scores).await?,
            sums: make.reader(&shaders.sums).await?,
            finish: make.finish(&shaders.finish).await?,
        })
    }
}

/// What the kernels are bound to.
struct Make<'a> {
    gpu: &'a Gpu,
    tables: &'a Tables,
    cache: &'a Buffer,
    state: &'a Buffer,
}

impl Make<'_> {
    async fn kernel(&self, shader: &SmallShader, own: Own<'_>, given: &[(u32, Access)]) -> Result<SmallKernel> {
        SmallKernel::new(self.gpu, shader, own, given).await
    }

    async fn append(&self, shaders: &AppendShaders) -> Result<Append> {
        let tables = self.tables;
        let mut own = vec![(0, Writes, self.cache), (1, Reads, self.state)];
        let given = [(2, Reads)];
        let append = match shaders {
            AppendShaders::Window { pack, store } => {
                let pack = self.kernel(pack, own.clone(), &given).await?;
                let store = self.kernel(store, own, &given).await?;
                return Ok(Append::Window { pack, store });
            }
            AppendShaders::Rows(append) => append,
        };
        own.push((6, Reads, &tables.rotation));
        own.extend(tables.codebook.iter().map(|b| (4, Reads, b)));
        let projection = tables.projection.iter();
        own.extend(projection.map(|(forward, _)| (5, Reads, forward)));
        Ok(Append::Rows(self.kernel(append, own, &given).await?))
    }

    async fn counter(&self, shader: &SmallShader) -> Result<SmallKernel> {
        self.kernel(shader, vec![(1, Writes, self.state)], &[]).await
    }

    async fn query(&self, shader: &SmallShader) -> Result<SmallKernel> {
        let tables = self.tables;
        let projection = tables.projection.as_ref();
        // A kernel that does not project has no use for it, yet its layout does.
        let projection = projection.map_or(&tables.rotation, |(forward, _)| forward);
        let own = vec![(5, Reads, projection), (6, Reads, &tables.rotation)];
        self.kernel(shader, own, &IN_AND_OUT).await
    }

    /// A kernel that decodes.
    async fn reader(&self, shader: &SmallShader) -> Result<SmallKernel> {
        let mut own = vec![(0, Reads, self.cache), (1, Reads, self.state)];
        own.extend(self.tables.codebook.iter().map(|b| (4, Reads, b)));
        self.kernel(shader, own, &IN_AND_OUT).await
    }

    async fn finish(&self, shader: &SmallShader) -> Result<SmallKernel> {
        let tables = self.tables;
        let projection = tables.projection.as_ref();
        let projection = projection.map_or(&tables.back, |(_, back)| back);
        let own = vec![(1, Reads, self.state), (5, Reads, projection), (6, Reads, &tables.back)];
        self.kernel(shader, own, &IN_AND_OUT).await
    }
}

/// What kernels read besides vectors.
pub(super) struct Tables {
    pub codebook: Option<Buffer>,
    /// Π and Πᵀ; a word of nothing where there is no rotation.
    pub rotation: Buffer,
    pub back: Buffer,
    /// S, column by column and row by row.
    pub projection: Option<(Buffer, Buffer)>,
}

impl Tables {
    pub async fn new(gpu: &Gpu, codec: &KvCodec) -> Result<Tables> {
        let (d, shader) = (codec.d(), codec.shader());
        let (rotation, back) = match codec.rotation().map(|r| r.form()) {
            None => (vec![0.0], vec![0.0]),
            Some(Form::Dense(entries)) => {
                let entries: Vec<f32> = entries.iter().map(|q| *q as f32).collect();
                (transposed(&entries, d), entries)
            }
            Some(Form::Hadamard(hadamard, signs)) => {
                let (m, base) = hadamard.base();
                let base: Vec<f32> = base.iter().map(|h| f32::from(*h)).collect();
                let with_signs = |base: &[f32]| [signs, base].concat();
                (with_signs(&transposed(&base, m)), with_signs(&base))
            }
        };
        let projection = match &shader.projection[..] {
            [] => None,
            s => Some((table(gpu, &transposed(s, d)).await?, table(gpu, s).await?)),
        };
        let codebook = match shader.codebook.as_flattened() {
            [] => None,
            pairs => Some(table(gpu, pairs).await?),
        };
        Ok(Tables {
            codebook,
            rotation: table(gpu, &rotation).await?,
            back: table(gpu, &back).await?,
            projection,
        })
    }
}

async fn table(gpu: &Gpu, floats: &[f32]) -> Result<Buffer> {
    let bytes = bytemuck::cast_slice(floats);
    gpu.buffer_of("table", bytes, BufferUsages::STORAGE).await
}

/// The transpose of n rows of n.
fn transposed(matrix: &[f32], n: usize) -> Vec<f32> {
    let entry = |i: usize| matrix[i % n * n + i / n];
    (0..n * n).map(entry).collect()
}
