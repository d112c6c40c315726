//! Attention on the device against f64 over what the packed vectors decode to.
#![cfg(feature = "gpu")]

mod common;
#[path = "common/attention.rs"]
mod of_f64;

use common::gpu::{gpu, run_bytes};
use lowbit::kv::{AttentionOptions, GpuAttention, GpuAttentionBuilder, Kv, KvCodec, KvType, Rope, RopeScaling};
use lowbit::random::SplitMix64;
use lowbit::wgpu::{self, BufferSlice};
use lowbit::{DeviceClass, Error, Gpu};
use of_f64::{Case, cases, check, normals};

/// The inputs of rows `first` to `end`: each row queries, keys, values, or all of each apart.
fn inputs(case: &Case, first: usize, end: usize, stacked: bool) -> Vec<Vec<f32>> {
    let options = case.options;
    let sides = [
        (&case.q, options.q_heads * options.keys.d),
        (&case.k, options.kv_heads * options.keys.d),
        (&case.v, options.kv_heads * options.values.d),
    ];
    if !stacked {
        let apart = sides.iter().map(|(all, size)| all[first * size..end * size].to_vec());
        return apart.collect();
    }
    let mut x = Vec::new();
    for row in first..end {
        sides
            .iter()
            .for_each(|(all, size)| x.extend(&all[row * size..][..*size]));
    }
    vec![x]
}

/// The outputs of all rows, taken in `step` at a time: each call in a submission of its own.
fn run(gpu: &Gpu, case: &Case, step: usize, stacked: bool) -> (GpuAttention, Vec<f32>) {
    let builder = GpuAttention::builder(gpu, case.options, step).sinks(&case.sinks);
    let layer = if stacked { builder } else { builder.apart() }.build().unwrap();
    let y = run_by(gpu, case, &layer, step, stacked);
    (layer, y)
}

fn run_by(gpu: &Gpu, case: &Case, layer: &GpuAttention, step: usize, stacked: bool) -> Vec<f32> {
    let row = case.options.q_heads * case.options.values.d;
    let mut y = Vec::new();
    for first in (0..case.places.len()).step_by(step) {
        let end = case.places.len().min(first + step);
        let inputs = inputs(case, first, end, stacked);
        let mut bytes: Vec<&[u8]> = vec![bytemuck::cast_slice(&case.places[first..end])];
        bytes.extend(inputs.iter().map(|x| bytemuck::cast_slice(x)));
        let record = |pass: &mut wgpu::ComputePass, buffers: &[wgpu::Buffer], y: BufferSlice| {
            let (places, x) = (buffers[0].slice(..), buffers[1].slice(..));
            match stacked {
                true => layer.append(pass, x, places, end - first).unwrap(),
                false => {
                    let apart = [x, buffers[2].slice(..), buffers[3].slice(..)];
                    layer.append_apart(pass, apart, places, end - first).unwrap();
                }
            }
            layer.attend(pass, places, y, end - first).unwrap();
        };
        y.extend(common::gpu::run_with(gpu, &bytes, (end - first) * row, record).unwrap());
    }
    y
}

/// Every case with few rows and with many, as on a processor or as on a card, whose workgroups share the tokens of a row;
/// inputs stacked or apart.
#[test]
fn attention_is_that_of_f64() {
    let gpu = gpu();
    let other = match gpu.class() {
        DeviceClass::Cpu => DeviceClass::Gpu,
        _ => DeviceClass::Cpu,
    };
    let mut worst = 0f64;
    for (i, mut case) in cases().into_iter().enumerate() {
        let gpu = gpu.with_class([gpu.class(), other][i % 2]);
        // So that a row has several shares where they are cut by the room.
        if case.options.sequences == 1 {
            case.options.capacity = 700;
        }
        let first = case.first();
        let row = case.options.q_heads * case.options.values.d;
        let want = case.want(first);
        for step in [7, 30] {
            let (_, y) = run(&gpu, &case, step, i % 4 < 2);
            let found = check(&y[first * row..], &want);
            let at = || format!("{:?}, {step} rows, {:?}", case.options, gpu.class());
            worst = worst.max(found.unwrap_or_else(|e| panic!("{}: {e}", at())));
        }
    }
    println!("largest error {worst:.3} of its bound");
}

/// Long rows in many shares, all the same bits each time.
#[test]
fn shares_are_added_up() {
    let gpu = gpu().with_class(DeviceClass::Gpu);
    let options = AttentionOptions::new(4, 2, 64, KvType::Q8_0, 5000).with_window(Some(4000));
    let mut case = Case::new(options, (0..4500).collect(), 40);
    // One row attends, to all that lies before.
    let layer = GpuAttention::builder(&gpu, options, 4500).build().unwrap();
    let once = || {
        let x = inputs(&case, 0, 4500, true).remove(0);
        let last = inputs(&case, 4499, 4500, true).remove(0);
        let buffers: [&[u8]; 4] = [
            bytemuck::cast_slice(&x),
            bytemuck::cast_slice(&case.places),
            bytemuck::cast_slice(&last),
            bytemuck::cast_slice(&case.places[4499..]),
        ];
        let record = |pass: &mut wgpu::ComputePass, buffers: &[wgpu::Buffer], y: BufferSlice| {
            let [x, places, last, place] = [0, 1, 2, 3].map(|i| buffers[i].slice(..));
            layer.append(pass, x, places, 4500).unwrap();
            layer.append(pass, last, place, 1).unwrap();
            layer.attend(pass, place, y, 1).unwrap();
        };
        common::gpu::run_with(&gpu, &buffers, 4 * 64, record).unwrap()
    };
    let y = once();
    common::same_bits(&once(), &y).unwrap();
    check(&y, &case.want(4499)).unwrap();
    case.options = options.with_window(Some(3000));
    assert!(check(&y, &case.want(4499)).is_err());
}

/// Each difference must show.
#[test]
fn other_attention_is_reported() {
    let case = &cases()[8];
    let (_, y) = run(gpu(), case, 7, true);
    check(&y, &case.want(0)).unwrap();
    for other in case.others() {
        assert!(check(&y, &other.want(0)).is_err(), "{:?}", other.options);
    }
    let (_, apart) = run(gpu(), case, 30, false);
    let (_, stacked) = run(gpu(), case, 30, true);
    common::same_bits(&apart, &stacked).unwrap();
}

/// Normalized and turned queries and keys: keys are read back, and the queries must fit them.
#[test]
fn positions_and_norms_come_first() {
    let gpu = gpu();
    for (interleaved, norms, d) in [(false, true, 64), (true, false, 40), (true, true, 24)] {
        let options = AttentionOptions::new(4, 2, d, KvType::F16, 60);
        let mut case = Case::new(options, (0..50).collect(), 50);
        let turned = d - 8;
        let rope = Rope::new(turned, 100.0, RopeScaling::None, interleaved, 60).unwrap();
        let on_device = gpu.upload_rope(&rope).unwrap();
        let mut random = SplitMix64::new(51);
        let factors = [0; 2].map(|_| normals(d, &mut random));
        let builder = GpuAttention::builder(gpu, options, 9).rope(&on_device);
        let builder = match norms {
            true => builder.norms(&factors[0], &factors[1], 1e-3),
            false => builder,
        };
        let layer = builder.build().unwrap();
        let y = run_by(gpu, &case, &layer, 9, true);

        let positions: Vec<usize> = (0..50).collect();
        for (x, factors) in [(&mut case.q, &factors[0]), (&mut case.k, &factors[1])] {
            if norms {
                for x in x.chunks_exact_mut(d) {
                    let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / d as f64;
                    let scale = 1.0 / (mean + 1e-3).sqrt();
                    let pairs = x.iter_mut().zip(factors);
                    pairs.for_each(|(x, factor)| *x = (f64::from(*x) * scale * f64::from(*factor)) as f32);
                }
            }
            rope.apply(x, d, &positions).unwrap();
        }
        // Head after head in the cache, row after row in the case.
        let words = read(gpu, layer.keys());
        let kv = Kv::from_words(&KvCodec::new(options.keys).unwrap(), &words).unwrap();
        let cached = kv.dequantize();
        let rows = (0..100).flat_map(|i| &cached[(i % 2 * 60 + i / 2) * d..][..d]);
        let decoded: Vec<f32> = rows.copied().collect();
        for (i, (got, want)) in decoded.iter().zip(&case.k).enumerate() {
            let bound = want.abs() / 1024.0 + 1e-5;
            assert!((got - want).abs() <= bound, "key number {i}: {got} for {want}");
        }
        case.decoded_keys = Some(decoded);
        check(&y, &case.want(0)).unwrap_or_else(|e| panic!("interleaved {interleaved}, norms {norms}: {e}"));
    }
}

fn read(gpu: &Gpu, buffer: &wgpu::Buffer) -> Vec<u32> {
    let back = common::gpu::buffer(
        gpu,
        buffer.size(),
        wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
    );
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &back, 0, buffer.size());
    gpu.queue().submit([encoder.finish()]);
    back.slice(..).map_async(wgpu::MapMode::Read, |r| r.unwrap());
    gpu.device().poll(wgpu::PollType::wait_indefinitely()).unwrap();
    bytemuck::pod_collect_to_vec(&back.slice(..).get_mapped_range().unwrap())
}

/// A place past the last is the last: nothing is written elsewhere, and nothing hangs.
#[test]
fn places_past_the_last_stay_inside() {
    let gpu = gpu();
    let options = AttentionOptions::new(2, 1, 32, KvType::Q8_0, 20);
    let mut case = Case::new(options, vec![0, 19, 20, u32::MAX], 60);
    let (layer, y) = run(gpu, &case, 1, true);
    assert_eq!(layer.device_bytes(), 2 * 20 * 36);
    assert_eq!(y.len(), 4 * 64);
    case.places = vec![0];
    case.q.truncate(64);
    case.k.truncate(32);
    case.v.truncate(32);
    check(&y[..64], &case.want(0)).unwrap();
}

#[test]
fn what_cannot_be_is_refused() {
    let gpu = gpu();
    let options = AttentionOptions::new(4, 2, 32, KvType::Q8_0, 10);
    let refused = |builder: GpuAttentionBuilder, parts: &[&str]| {
        let error = builder.build().unwrap_err().to_string();
        assert!(parts.iter().all(|p| error.contains(p)), "{error}");
    };
    let builder = |rows| GpuAttention::builder(gpu, options, rows);
    refused(builder(0), &["rows", "0"]);
    refused(builder(1).sinks(&[1.0]), &["sinks", "1"]);
    refused(builder(1).norms(&[1.0; 32], &[1.0; 31], 0.0), &["32", "31"]);
    let rope = gpu
        .upload_rope(&Rope::new(32, 1e4, RopeScaling::None, false, 9).unwrap())
        .unwrap();
    refused(builder(1).rope(&rope), &["capacity", "9", "10"]);
    let rope = gpu
        .upload_rope(&Rope::new(34, 1e4, RopeScaling::None, false, 10).unwrap())
        .unwrap();
    refused(builder(1).rope(&rope), &["32", "34"]);

    let layer = builder(2).build().unwrap();
    let x = vec![0u8; 4 * 2 * 256];
    let nothing = run_bytes(gpu, &[&x, &x[..8]], &[], 4 * 2 * 128, |pass, buffers, y| {
        let [x, places] = [0, 1].map(|i| buffers[i].slice(..));
        assert!(matches!(layer.append(pass, x, places, 3), Err(Error::TooLarge { .. })));
        assert!(matches!(
            layer.append(pass, x.slice(..2044), places, 2),
            Err(Error::Binding { .. })
        ));
        assert!(matches!(
            layer.append(pass, x, places.slice(..4), 2),
            Err(Error::Binding { .. })
        ));
        assert!(matches!(layer.attend(pass, y, y, 1), Err(Error::Aliased(..))));
        let apart = layer.append_apart(pass, [x; 3], places, 1).unwrap_err().to_string();
        assert!(apart.contains("stacked") && apart.contains("apart"), "{apart}");
        layer.append(pass, x, places, 0).unwrap();
    });
    assert_eq!(nothing.len(), 4 * 2 * 128);
}
