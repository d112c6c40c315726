//! Dispatches one after another, wired to buffers of the caller's and to scratch: what a product records.

use crate::gpu::device::gpu::Gpu;
use crate::gpu::dispatch::dispatch::Dispatch;
use crate::gpu::dispatch::kept::{Groups, Kept};
use crate::gpu::dispatch::range::{BufferRange, Needed, check_binding};
use crate::{Error, Result};
use std::sync::Arc;
use wgpu::{Buffer, BufferSlice, ComputePass};

/// The most arguments that any product has: x, y, ids, and an operand of each kind.
pub(crate) const MOST_ARGS: usize = 10;

/// Which buffer a dispatch is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire {
    /// The caller's argument of this number.
    Arg(usize),
    /// The scratch buffer of this number.
    Scratch(usize),
}

/// A buffer of the caller's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arg {
    pub name: &'static str,
    /// Whether it is written: then no other argument may be of the same buffer.
    pub written: bool,
}

impl Arg {
    pub fn read(name: &'static str) -> Arg {
        Arg { name, written: false }
    }

    pub fn written(name: &'static str) -> Arg {
        Arg { name, written: true }
    }
}

/// Dispatches and scratch, before the arguments are counted.
#[derive(Default)]
pub(crate) struct Steps {
    scratch: Vec<BufferRange>,
    steps: Vec<(Arc<Dispatch>, Vec<Wire>)>,
}

impl Steps {
    /// Adds a buffer that the caller does not see.
    pub fn scratch(&mut self, buffer: &Buffer) -> Wire {
        self.scratch.push(BufferRange::whole(buffer));
        Wire::Scratch(self.scratch.len() - 1)
    }

    pub fn push(&mut self, dispatch: impl Into<Arc<Dispatch>>, wires: Vec<Wire>) {
        self.steps.push((dispatch.into(), wires));
    }

    /// Adds the dispatches of another sequence, `args` standing in for its arguments.
    pub fn extend(&mut self, other: &Sequence, args: &[Wire]) {
        let base = self.scratch.len();
        self.scratch.extend(other.steps.scratch.iter().cloned());
        let renumbered = |wire: &Wire| match *wire {
            Wire::Arg(i) => args[i],
            Wire::Scratch(i) => Wire::Scratch(base + i),
        };
        let steps = other.steps.steps.iter();
        self.steps
            .extend(steps.map(|(dispatch, wires)| (dispatch.clone(), wires.iter().map(renumbered).collect())));
    }
}

/// Arguments, as bind groups are kept by.
type Key = [Option<BufferRange>; MOST_ARGS];

fn key(args: impl Iterator<Item = BufferRange>) -> Key {
    let mut key = [const { None }; MOST_ARGS];
    for (key, range) in key.iter_mut().zip(args) {
        *key = Some(range);
    }
    key
}

pub(crate) struct Sequence {
    gpu: Gpu,
    args: Vec<Arg>,
    /// The bytes that each argument must have.
    needed: Vec<Needed>,
    steps: Steps,
    // No vector: looking kept bind groups up allocates nothing.
    kept: Kept<Key>,
}

impl Sequence {
    pub fn new(gpu: &Gpu, args: &[Arg], steps: Steps) -> Sequence {
        // Beyond it the key of kept bind groups would be cut short.
        assert!(args.len() <= MOST_ARGS, "a sequence of this crate");
        let needed = |arg: usize| {
            let wires = steps.steps.iter().flat_map(|(dispatch, wires)| {
                let given = wires.iter().enumerate();
                given.map(move |(i, wire)| (dispatch, i, *wire))
            });
            let bound = wires.filter(|(.., wire)| *wire == Wire::Arg(arg));
            bound.fold(Needed::default(), |needed, (dispatch, i, _)| {
                needed.max(dispatch.needed(i))
            })
        };
        Sequence {
            args: args.to_vec(),
            needed: (0..args.len()).map(needed).collect(),
            gpu: gpu.clone(),
            steps,
            kept: Kept::default(),
        }
    }

    /// One dispatch, given the arguments in their order.
    pub fn one(gpu: &Gpu, args: &[Arg], dispatch: Dispatch) -> Sequence {
        let mut steps = Steps::default();
        steps.push(dispatch, (0..args.len()).map(Wire::Arg).collect());
        Sequence::new(gpu, args, steps)
    }

    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// What the caller gives.
    pub fn args(&self) -> &[Arg] {
        &self.args
    }

    /// Checks, binds and records all of it. Where anything is wrong, nothing is recorded.
    pub fn encode(&self, pass: &mut ComputePass, args: &[BufferSlice]) -> Result<()> {
        self.encode_rows(pass, args, usize::MAX)
    }

    /// The same of the first `rows` rows where it serves any number of them.
    pub fn encode_rows(&self, pass: &mut ComputePass, args: &[BufferSlice], rows: usize) -> Result<()> {
        let groups = self.checked(args, rows)?;
        self.record(pass, &groups, rows, 0);
        Ok(())
    }

    /// Bind groups for these arguments once they are found to have so many rows.
    pub fn checked(&self, args: &[BufferSlice], rows: usize) -> Result<Groups> {
        self.check(args, rows)?;
        self.bind(args.iter().map(|slice| BufferRange::from(*slice)))
    }

    /// Records the first `rows` rows of what is bound already, which has so many, without the first `skipped`
    /// dispatches: nothing here can fail.
    pub fn record(&self, pass: &mut ComputePass, groups: &Groups, rows: usize, skipped: usize) {
        let steps = self.steps.steps.iter().zip(&**groups);
        for ((dispatch, _), groups) in steps.skip(skipped) {
            dispatch.record(pass, groups, rows);
        }
    }

    /// The rows that such arguments have room for, where it serves any number of them.
    pub fn rows_of(&self, args: &[BufferSlice]) -> usize {
        let rows = args
            .iter()
            .zip(&self.needed)
            .map(|(slice, needed)| needed.rows(slice.size()));
        rows.min().unwrap_or(usize::MAX)
    }

    /// Whether the arguments can be bound, for so many rows.
    pub fn check(&self, args: &[BufferSlice], rows: usize) -> Result<()> {
        debug_assert_eq!(self.args.len(), args.len());
        let args = || self.args.iter().zip(args);
        for (written, slice) in args().filter(|(arg, _)| arg.written) {
            for (arg, other) in args() {
                if arg.name != written.name && other.buffer() == slice.buffer() {
                    return Err(Error::Aliased(arg.name, written.name));
                }
            }
        }
        for ((arg, slice), needed) in args().zip(&self.needed) {
            check_binding(&self.gpu, arg.name, *slice, needed.bytes(rows))?;
        }
        Ok(())
    }

    /// Bind groups for these arguments, made the first time that they are seen.
    pub fn bind(&self, args: impl Iterator<Item = BufferRange>) -> Result<Groups> {
        self.kept.get(key(args), |args| self.groups(args))
    }

    /// The same, of which nothing is kept here.
    pub fn bind_once(&self, args: impl Iterator<Item = BufferRange>) -> Result<Groups> {
        self.groups(&key(args))
    }

    /// Records the one dispatch of it with a grid that is known only now, which
    /// [`check_grid`](super::dispatch::check_grid) has let pass.
    pub fn record_grid(&self, pass: &mut ComputePass, workgroups: [u32; 2], groups: &Groups) {
        let (dispatch, _) = &self.steps.steps[0];
        dispatch.record_grid(pass, workgroups, &groups[0][0]);
    }

    fn groups(&self, args: &Key) -> Result<Groups> {
        let buffer = |wire: &Wire| match *wire {
            Wire::Arg(i) => args[i].as_ref().expect("an argument for each wire"),
            Wire::Scratch(i) => &self.steps.scratch[i],
        };
        let make = || {
            let steps = self.steps.steps.iter();
            let groups = steps.map(|(dispatch, wires)| {
                let given: Vec<_> = wires.iter().map(buffer).collect();
                dispatch.groups(self.gpu.device(), &given)
            });
            groups.collect()
        };
        // A browser cannot wait here: an invalid binding shows up in the caller's own error scope.
        #[cfg(target_arch = "wasm32")]
        return Ok(make());
        #[cfg(not(target_arch = "wasm32"))]
        pollster::block_on(self.gpu.scoped("binding buffers", make))
    }
}
