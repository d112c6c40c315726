//! What a format makes of stored bytes, before any arithmetic: on the device.

use crate::family::PART;
use crate::gpu::device::gpu::Gpu;
use crate::gpu::device::layouts::Access;
use crate::gpu::device::weights::Weights;
use crate::gpu::dispatch::job::{Job, Work};
use crate::gpu::dispatch::sequence::{Arg, Sequence};
use crate::matrix::Inspection;
use crate::reserve::within;
use crate::shader::bindings;
use crate::shader::compose::compose;
use crate::shader::kernels;
use crate::{Error, Result};

impl Gpu {
    /// The codes and affine fields of a matrix as the device decodes them, for tests and debugging. They equal those of
    /// [`Matrix::inspect`](crate::Matrix::inspect).
    ///
    /// # Errors
    /// [`Error::OtherDevice`], [`Error::TooLarge`] where the answer exceeds one binding.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn inspect(&self, weights: &Weights) -> Result<Inspection> {
        pollster::block_on(self.inspect_async(weights))
    }

    /// The async form of [`inspect`](Self::inspect).
    pub async fn inspect_async(&self, weights: &Weights) -> Result<Inspection> {
        if !self.is(weights.gpu()) {
            return Err(Error::OtherDevice);
        }
        let (n, k) = (weights.n(), weights.k());
        let parts = k.div_ceil(PART);
        let bytes = 64 * n as u64 * parts as u64;
        within("an inspection in bytes", bytes, self.max_binding())?;
        let kernel = kernels::by_name("inspect").expect("in the table");
        let tuning = (kernel.tuning)(self.traits(), 1);
        let workgroup = tuning.workgroup as u64;
        let job = |(slab, s): (usize, &crate::gpu::device::weights::Slab)| Job {
            slab,
            given: vec![(0..bytes).into()],
            work: Work::fixed((s.rows as u64 * parts as u64).div_ceil(workgroup)),
            ..Job::default()
        };
        let jobs = weights.slabs().iter().enumerate().map(job).collect();
        let source = compose(weights.format(), kernel, &tuning, k);
        let output = vec![(bindings::OUTPUT, Access::Writes)];
        let compiled = weights.compile(source, &tuning, output).await?;
        let dispatch = weights.dispatch(compiled, jobs).await?;
        let sequence = Sequence::one(self, &[Arg::written("units")], dispatch);
        let words: Vec<u32> = self.run(bytes, |pass, units| sequence.encode(pass, &[units])).await?;

        let mut seen = Inspection::default();
        for row in words.chunks(16 * parts) {
            let octets = k.div_ceil(8);
            let fields = |from: usize| {
                let bits = row.chunks(16).flat_map(move |p| p[from..from + 4].to_vec());
                bits.take(octets).map(f32::from_bits)
            };
            let codes = row.chunks(16).flat_map(|p| bytemuck::cast_slice(&p[..8]).to_vec());
            seen.codes.extend(codes.take(k).map(|c: u8| c as i8));
            seen.scales.extend(fields(8));
            seen.offsets.extend(fields(12));
        }
        Ok(seen)
    }
}
