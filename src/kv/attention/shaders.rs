//! The WGSL text of attention's kernels. `src/gpu/kv/attention.rs` binds and records them.

use super::options::AttentionOptions;
use crate::kv::codec::KvCodec;
use crate::kv::shaders::rotation_consts;
use crate::shader::file::{File, Text, text, texts};
use crate::shader::small::SmallShader;
use crate::shader::source::replace_word;

/// Invocations of a workgroup.
const WORKGROUP: u32 = 64;

/// Rows of queries that a workgroup attends for: as many sums of four numbers each lane keeps.
const ROWS: usize = 8;

/// How far the bindings of values lie behind those of keys.
pub(crate) const VALUE_BINDINGS: u32 = 7;

/// What position does to queries and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Placing {
    /// Numbers of a vector that are turned in pairs; 0 for none.
    pub turned: usize,
    /// Whether pairs are neighbours.
    pub interleaved: bool,
    /// What is added to the mean square of queries and keys, where they are normalized.
    pub norms: Option<f32>,
}

impl Placing {
    /// Whether it does anything.
    pub fn is_any(&self) -> bool {
        self.turned > 0 || self.norms.is_some()
    }
}

/// Which kernel attends: how many rows share a workgroup, and how many workgroups a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attending {
    /// Query heads of a workgroup, and workgroups for those that share a key head.
    pub heads: usize,
    pub head_tiles: usize,
    /// Rows of a workgroup.
    pub tile: usize,
    /// Workgroups that share the tokens of a row.
    pub splits: usize,
}

impl Attending {
    /// For rows that come one by one, or many at a time.
    pub fn new(options: &AttentionOptions, many: bool, splits: usize) -> Attending {
        let sharing = options.sharing();
        let heads = sharing.min(ROWS).next_power_of_two();
        Attending {
            heads,
            head_tiles: sharing.div_ceil(heads),
            tile: if many { ROWS / heads } else { 1 },
            splits,
        }
    }
}

/// What a dispatch takes in: all of a row, or what fits the bindings of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    All,
    /// Queries and keys.
    Keys,
    Values,
}

/// The kernels of a layer's attention.
pub(crate) struct AttentionShaders<'a> {
    pub options: &'a AttentionOptions,
    pub keys: &'a KvCodec,
    pub values: &'a KvCodec,
}

type Consts = Vec<(&'static str, u32)>;

impl AttentionShaders<'_> {
    /// Takes in these of queries, keys and values.
    pub fn append(&self, taken: Taken, placing: Placing, stacked: bool) -> SmallShader {
        let (keys, values) = (self.keys.shader(), self.values.shader());
        let (takes_keys, takes_values) = (taken != Taken::Values, taken != Taken::Keys);
        let mut files = texts(&[text!("attention/rows.wgsl")]);
        let mut consts = self.sizes();
        consts.extend([("D", self.keys.d() as u32), ("VALUE_D", self.values.d() as u32)]);
        if stacked {
            files.extend(texts(&[text!("attention/stacked.wgsl")]));
        }
        if takes_keys && !stacked {
            files.extend(texts(&[text!("attention/apart_keys.wgsl")]));
        }
        if takes_values && !stacked {
            files.extend(texts(&[text!("attention/apart_values.wgsl")]));
        }
        if takes_keys {
            files.extend(texts(rotation(self.keys)));
            files.extend(texts(keys.encode));
            let query = match keys.projection.is_empty() {
                true => text!("attention/query.wgsl"),
                false => text!("attention/query_projected.wgsl"),
            };
            let place = match placing.is_any() {
                true => text!("attention/positions.wgsl"),
                false => text!("attention/anywhere.wgsl"),
            };
            files.extend(texts(&[query, place, text!("attention/take_keys.wgsl")]));
            consts.extend(turning(self.keys));
            consts.extend(keys.consts);
            consts.push(("WIDTH", self.keys.width() as u32));
        }
        if takes_keys && placing.is_any() {
            consts.extend([
                ("NORMS", placing.norms.is_some().into()),
                ("EPSILON", placing.norms.unwrap_or(0.0).to_bits()),
                ("TURNED", placing.turned as u32),
                ("INTERLEAVED", placing.interleaved.into()),
            ]);
        }
        if takes_values {
            files.extend(of_values(&[rotation(self.values), values.encode].concat()));
            files.extend(texts(&[text!("attention/take_values.wgsl")]));
            let own = turning(self.values).into_iter().chain(values.consts);
            consts.extend(own.map(|(name, value)| (value_const(name), value)));
        }
        files.extend(texts(&[match taken {
            Taken::All => text!("attention/append.wgsl"),
            Taken::Keys => text!("attention/append_keys.wgsl"),
            Taken::Values => text!("attention/append_values.wgsl"),
        }]));
        // Two vectors, and codes and two numbers a lane, for each side.
        let d = self.options.keys.d.max(self.options.values.d) as u32;
        self.kernel(files, consts, 2 * 4 * (3 * d + 2 * WORKGROUP) + 4 * WORKGROUP)
    }

    /// Attends.
    pub fn attend(&self, by: Attending, direct: bool) -> SmallShader {
        let (keys, values) = (self.keys.shader(), self.values.shader());
        let mut files = texts(keys.levels);
        files.extend(of_values(values.levels));
        files.extend(texts(&[self.sinks(direct), text!("attention/attend.wgsl")]));
        let (width, value_width) = (self.keys.width() as u32, self.values.width() as u32);
        let rows = (by.heads * by.tile) as u32;
        let mut consts = self.sizes();
        consts.push(("D", self.keys.d() as u32));
        consts.push(("VALUE_D", self.values.d() as u32));
        consts.extend(keys.consts);
        consts.extend(values.consts.iter().map(|(name, value)| (value_const(name), *value)));
        consts.extend([
            ("HEADS", by.heads as u32),
            ("HEAD_TILES", by.head_tiles as u32),
            ("TILE", by.tile as u32),
            ("ROWS", rows),
            (
                "WINDOW",
                self.options
                    .window
                    .map_or(u32::MAX, |w| w.min(u32::MAX as usize) as u32),
            ),
            ("WIDTH", width),
            ("VALUE_WIDTH", value_width),
            ("COLUMNS", (value_width / 4).div_ceil(WORKGROUP)),
            ("SCALE", self.options.scale.to_bits()),
            ("CAP", self.options.soft_cap.unwrap_or(0.0).to_bits()),
            ("SPLITS", by.splits as u32),
            ("DIRECT", direct.into()),
        ]);
        self.kernel(
            files,
            consts,
            4 * (rows * width + rows * WORKGROUP + WORKGROUP + rows + 4 * WORKGROUP),
        )
    }

    /// Adds up and rotates back.
    pub fn combine(&self, splits: usize) -> SmallShader {
        let mut files = texts(rotation(self.values));
        let sums = match self.values.shader().projection.is_empty() {
            true => text!("attention/whole.wgsl"),
            false => text!("attention/projected.wgsl"),
        };
        files.extend(texts(&[sums, self.sinks(true), text!("attention/combine.wgsl")]));
        let mut consts = vec![
            ("Q_HEADS", self.options.q_heads as u32),
            ("WIDTH", self.values.width() as u32),
            ("SPLITS", splits as u32),
        ];
        consts.push(("D", self.values.d() as u32));
        consts.extend(turning(self.values));
        let inverse = consts.iter_mut().filter(|(name, _)| *name == "INVERSE");
        inverse.for_each(|(_, value)| *value = 1);
        self.kernel(files, consts, 4 * 3 * self.values.d() as u32)
    }

    /// Whether attention is done when its sums are divided.
    pub fn is_direct(&self, splits: usize) -> bool {
        splits == 1 && self.values.rotation().is_none() && self.values.width() == self.values.d()
    }

    fn sinks(&self, read: bool) -> File {
        match self.options.sinks && read {
            true => text!("attention/sinks.wgsl"),
            false => text!("attention/no_sinks.wgsl"),
        }
    }

    fn sizes(&self) -> Consts {
        vec![
            ("Q_HEADS", self.options.q_heads as u32),
            ("KV_HEADS", self.options.kv_heads as u32),
            ("CAPACITY", self.options.capacity as u32),
            ("PLACES", (self.options.sequences * self.options.capacity) as u32),
        ]
    }

    fn kernel(&self, files: Vec<Text>, consts: Consts, memory: u32) -> SmallShader {
        SmallShader {
            files,
            consts,
            workgroup: WORKGROUP,
            memory,
        }
    }
}

/// The rotation of a side, or what stands for it.
fn rotation(codec: &KvCodec) -> &'static [File] {
    match codec.rotation() {
        Some(_) => &[text!("kv/rotate.wgsl")],
        None => &[text!("attention/unrotated.wgsl")],
    }
}

/// The constants of a rotation.
fn turning(codec: &KvCodec) -> Consts {
    match codec.rotation() {
        None => Vec::new(),
        Some(_) => [rotation_consts(codec), vec![("INVERSE", 0)]].concat(),
    }
}

/// The names of values' constants, next to those of keys.
const VALUE_CONSTS: [(&str, &str); 10] = [
    ("D", "VALUE_D"),
    ("ROW_WORDS", "VALUE_ROW_WORDS"),
    ("CODE_WORDS", "VALUE_CODE_WORDS"),
    ("BITS", "VALUE_BITS"),
    ("INDEX_WORDS", "VALUE_INDEX_WORDS"),
    ("FACTOR", "VALUE_FACTOR"),
    ("ROTATION", "VALUE_ROTATION"),
    ("ORDER", "VALUE_ORDER"),
    ("NORM", "VALUE_NORM"),
    ("INVERSE", "VALUE_INVERSE"),
];

fn value_const(name: &str) -> &'static str {
    let found = VALUE_CONSTS.iter().find(|(of_keys, _)| *of_keys == name);
    found.expect("a name for each constant of a type").1
}

/// Files of a type with names and bindings of their own, so that keys and values of two types can meet in one shader.
fn of_values(files: &[File]) -> Vec<Text> {
    let declared = |line: &'static str| {
        // Behind where it is bound, if it is.
        let line = match line.starts_with('@') {
            true => line.rsplit_once(") ")?.1,
            false => line,
        };
        let rest = match line.strip_prefix("fn ").or(line.strip_prefix("const ")) {
            Some(rest) => rest,
            None => line.strip_prefix("var<")?.split_once("> ")?.1,
        };
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
    };
    let top = |line: &&'static str| !line.starts_with(' ') && !line.starts_with("//");
    let names = files
        .iter()
        .flat_map(|(_, text)| text.lines().filter(top).filter_map(declared));
    // The kernels declare it.
    let mut names: Vec<&str> = names.chain(["cache"]).collect();
    names.sort_unstable();
    names.dedup();
    let renamed = |text: &str| {
        let mut lines = Vec::new();
        for line in text.lines() {
            let mut line = line.to_string();
            for (of_keys, of_values) in VALUE_CONSTS {
                line = replace_word(&line, of_keys, of_values);
            }
            for name in &names {
                line = replace_word(&line, name, &format!("value_{name}"));
            }
            if let Some((before, after)) = line.split_once("@binding(")
                && let Some((number, after)) = after.split_once(')')
                && let Ok(number) = number.parse::<u32>()
            {
                line = format!("{before}@binding({}){after}", number + VALUE_BINDINGS);
            }
            lines.push(line);
        }
        lines.join("\n")
    };
    files.iter().map(|(path, text)| (*path, renamed(text).into())).collect()
}
