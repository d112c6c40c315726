//! The bandwidth that products are compared with: that of a copying shader on the same device.

use crate::device::{Bench, compile};
use wgpu::{BufferUsages, ComputePass};

/// Bytes read and written a second: the median of several copies of `len` bytes.
pub fn bandwidth(bench: &Bench, len: usize) -> f64 {
    const TIMES: usize = 11;
    let words: Vec<u32> = (0..len as u32 / 4).collect();
    let usage = BufferUsages::STORAGE;
    let from = bench.buffer(bytemuck::cast_slice(&words), usage);
    let to = bench.buffer(&vec![0xff; len], usage | BufferUsages::COPY_SRC);
    let (pipeline, group) = compile(bench.gpu.device(), include_str!("copy.wgsl"), &[&from, &to]);
    let record = move |pass: &mut ComputePass, _| {
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups((len / 16 / 256) as u32, 1, 1);
    };
    bench.time(1, &record);
    let copied: Vec<f32> = bench.read(&to);
    assert!(
        copied.iter().map(|f| f.to_bits()).eq(words),
        "the copy differs from what was copied"
    );
    let mut seconds: Vec<f64> = (0..TIMES).map(|_| bench.time(1, &record).as_secs_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    2.0 * len as f64 / seconds[TIMES / 2]
}
