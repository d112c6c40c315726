//! The arithmetic rate that products are compared with: f32 multiplications and additions of a shader on the
//! same device that never waits for memory.

use crate::device::{Bench, compile};
use wgpu::{BufferUsages, ComputePass};

/// Operations of one invocation of `peak.wgsl`: sums x floats of each x steps x two operations a step.
const FLOPS: f64 = 8.0 * 4.0 * 256.0 * 2.0;

/// Operations a second: the median of several runs of `workgroups` workgroups.
pub fn flops(bench: &Bench, workgroups: u32) -> f64 {
    const TIMES: usize = 11;
    let invocations = 64 * workgroups as usize;
    let seed = bench.buffer(bytemuck::cast_slice(&[0.5f32, 1.0]), BufferUsages::STORAGE);
    let out = bench.buffer(
        &vec![0xff; 4 * invocations],
        BufferUsages::STORAGE | BufferUsages::COPY_SRC,
    );
    let (pipeline, group) = compile(bench.gpu.device(), include_str!("peak.wgsl"), &[&seed, &out]);
    let record = move |pass: &mut ComputePass, _| {
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(workgroups, 1, 1);
    };
    bench.time(1, &record);
    // Repeating x / 2 + 1 converges to 2, in each of 32 sums.
    let out: Vec<f32> = bench.read(&out);
    assert!(out.iter().all(|&s| (s - 64.0).abs() < 1e-3), "{}", out[0]);
    let mut seconds: Vec<f64> = (0..TIMES).map(|_| bench.time(1, &record).as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    FLOPS * invocations as f64 / seconds[TIMES / 2]
}
