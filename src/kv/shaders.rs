//! The WGSL text of a cache's kernels. `src/gpu/kv` binds and records them.

use super::codec::KvCodec;
use super::packing::KvShader;
use crate::rotate::Form;
use crate::shader::file::{File, text, texts};
use crate::shader::small::SmallShader;

/// Invocations of a workgroup.
pub(crate) const WORKGROUP: u32 = 64;

/// Vectors summed by one workgroup.
pub(crate) const CHUNK: u32 = 64;

const ROTATE: File = text!("kv/rotate.wgsl");

type Consts<'a> = &'a [(&'static str, u32)];

/// All kernels of one cache. Each has only the constants that it reads, so that caches share as many as possible.
pub(crate) struct Shaders {
    pub append: AppendShaders,
    /// Increases the count of vectors.
    pub advance: SmallShader,
    /// Sets the count to 0.
    pub clear: SmallShader,
    /// `None` where queries are used unchanged.
    pub query: Option<SmallShader>,
    pub scores: SmallShader,
    pub sums: SmallShader,
    pub finish: SmallShader,
}

/// The kernels that append rows.
pub(crate) enum AppendShaders {
    /// One by one.
    Rows(SmallShader),
    /// KIVI: packs older tokens together, then stores recent ones.
    Window { pack: SmallShader, store: SmallShader },
}

impl Shaders {
    pub fn new(codec: &KvCodec) -> Shaders {
        let make = KvComposer {
            d: codec.d() as u32,
            width: codec.width() as u32,
            rotates: rotation_consts(codec),
            shader: codec.shader(),
        };
        let rotated = codec.rotation().is_some() || !make.shader.projection.is_empty();
        Shaders {
            append: make.append(codec.row_words().is_some()),
            advance: counter(0),
            clear: counter(1),
            query: rotated.then(|| make.query()),
            scores: make.reader(text!("kv/scores.wgsl")),
            sums: make.reader(text!("kv/sums.wgsl")),
            finish: make.finish(),
        }
    }

    /// All kernels with their names.
    pub fn all(&self) -> Vec<(&'static str, &SmallShader)> {
        let mut all = match &self.append {
            AppendShaders::Rows(append) => vec![("append", append)],
            AppendShaders::Window { pack, store } => vec![("pack", pack), ("store", store)],
        };
        all.extend([("advance", &self.advance), ("clear", &self.clear)]);
        all.extend(self.query.iter().map(|query| ("query", query)));
        all.extend([("scores", &self.scores), ("sums", &self.sums), ("finish", &self.finish)]);
        all
    }
}

struct KvComposer {
    d: u32,
    width: u32,
    rotates: Vec<(&'static str, u32)>,
    shader: KvShader,
}

impl KvComposer {
    fn kernel(&self, files: &[&[File]], consts: &[Consts]) -> SmallShader {
        SmallShader {
            files: texts(&files.concat()),
            consts: [&[("D", self.d)], &consts.concat()[..]].concat(),
            workgroup: WORKGROUP,
            // At most three vectors and two numbers for each lane.
            memory: 4 * (3 * self.d + 2 * WORKGROUP),
        }
    }

    fn append(&self, by_rows: bool) -> AppendShaders {
        let shader = &self.shader;
        if by_rows {
            return AppendShaders::Rows(self.kernel(
                &[&[ROTATE], shader.encode, &[text!("kv/append.wgsl")]],
                &[&self.rotates, &[("INVERSE", 0)], &shader.consts],
            ));
        }
        AppendShaders::Window {
            pack: self.kernel(&[shader.encode, &[text!("kv/kivi_pack.wgsl")]], &[&shader.consts]),
            store: self.kernel(&[shader.encode, &[text!("kv/kivi_store.wgsl")]], &[&shader.consts]),
        }
    }

    fn query(&self) -> SmallShader {
        self.kernel(
            &[&[ROTATE, text!("kv/query.wgsl")]],
            &[&self.rotates, &self.projects(), &[("INVERSE", 0)]],
        )
    }

    /// A kernel that decodes vectors.
    fn reader(&self, file: File) -> SmallShader {
        let sizes = [("WIDTH", self.width), ("CHUNK", CHUNK)];
        self.kernel(&[self.shader.levels, &[file]], &[&sizes, &self.shader.consts])
    }

    fn finish(&self) -> SmallShader {
        let more = [("INVERSE", 1), ("CHUNK", CHUNK)];
        self.kernel(
            &[&[ROTATE, text!("kv/finish.wgsl")]],
            &[&self.rotates, &self.projects(), &more],
        )
    }

    fn projects(&self) -> [(&'static str, u32); 2] {
        let projects = u32::from(self.width > self.d);
        [("WIDTH", self.width), ("PROJECTS", projects)]
    }
}

fn counter(clears: u32) -> SmallShader {
    SmallShader {
        files: texts(&[text!("kv/advance.wgsl")]),
        consts: vec![("CLEARS", clears)],
        workgroup: 1,
        memory: 0,
    }
}

/// The constants of kernels that rotate, without INVERSE.
pub(super) fn rotation_consts(codec: &KvCodec) -> Vec<(&'static str, u32)> {
    let (kind, order) = match codec.rotation().map(|r| r.form()) {
        None => (0, 1),
        Some(Form::Hadamard(hadamard, _)) => (1, hadamard.base().0 as u32),
        Some(Form::Dense(_)) => (2, 1),
    };
    let norm = (1.0 / (codec.d() as f64).sqrt()) as f32;
    vec![("ROTATION", kind), ("ORDER", order), ("NORM", norm.to_bits())]
}
