//! Caches of keys and values, whose kernels read lengths from memory.

use crate::common::{Random, gpu};
use crate::framed::{Framed, recorded, run};
use crate::same;
use lowbit::Gpu;
use lowbit::kv::{GpuKv, KvCodec, KvOptions, KvRotation, KvType, Side};

/// A cache of each layout, each rotation, and both sides of KIVI.
fn options() -> Vec<KvOptions> {
    let kivi = |side, bits, group, residual| KvType::Kivi {
        bits,
        group,
        residual,
        side,
    };
    vec![
        KvOptions::new(KvType::F16, 12),
        KvOptions::new(KvType::Q8_0, 96).with_rotation(KvRotation::Hadamard),
        KvOptions::new(KvType::Q4_0, 96),
        KvOptions::new(KvType::TurboMse { bits: 3 }, 20).with_rotation(KvRotation::Haar),
        KvOptions::new(KvType::TurboProd { bits: 1 }, 80),
        KvOptions::new(KvType::TurboProd { bits: 4 }, 80),
        KvOptions::new(kivi(Side::Keys, 3, 24, 48), 20),
        KvOptions::new(kivi(Side::Values, 5, 6, 7), 36),
    ]
}

fn framed(gpu: &Gpu, count: usize, seed: u64) -> Framed {
    Framed::new(gpu, bytemuck::cast_slice(&Random::new(seed).floats(count, 1.0)))
}

/// A full cache, scored and summed.
#[test]
fn caches_give_the_bits_that_they_give_with_checks() {
    let (len, m) = (130, 2);
    for options in options() {
        let codec = KvCodec::new(options).unwrap();
        let d = codec.d();
        for sums in [false, true] {
            let [rows, given] = [len * d, m * if sums { len } else { d }].map(|n| Random::new(7).floats(n, 1.0));
            let inputs = [&rows, &given].map(|floats| bytemuck::cast_slice(floats));
            same(&format!("{options:?}"), |gpu| {
                let mut kv = GpuKv::new(gpu, &codec, len, m).unwrap();
                run(gpu, &inputs, 4 * m * if sums { d } else { len }, |pass, inputs, y| {
                    kv.append(pass, inputs[0], len - 1).unwrap();
                    kv.append(pass, inputs[0], 1).unwrap();
                    match sums {
                        true => kv.weighted_sum(pass, inputs[1], m, y).unwrap(),
                        false => kv.scores(pass, inputs[1], m, y).unwrap(),
                    }
                })
            });
        }
    }
}

/// Recordings that run in another order than they were recorded in: the device then has more vectors, or fewer, than
/// the buffers were made for. Numbers mean nothing then, and nothing else is touched.
#[test]
fn recordings_out_of_order_touch_nothing_else() {
    for (options, trusted) in options().into_iter().flat_map(|o| [(o, false), (o, true)]) {
        let gpu = &gpu::gpu().with_trusted(trusted);
        let codec = KvCodec::new(options).unwrap();
        let (d, len, m) = (codec.d(), 130, 2);
        let mut kv = GpuKv::new(gpu, &codec, len, m).unwrap();
        let [few, many] = [2, len].map(|rows| framed(gpu, rows * d, 8));
        let [q, p] = [m * d, m * 2].map(|count| framed(gpu, count, 9));
        let [scores, sums] = [m * 2, m * d].map(|count| Framed::room(gpu, 4 * count));
        let first = recorded(gpu, |pass| kv.append(pass, few.slice(), 2).unwrap());
        let reads = recorded(gpu, |pass| {
            kv.scores(pass, q.slice(), m, scores.slice()).unwrap();
            kv.weighted_sum(pass, p.slice(), m, sums.slice()).unwrap();
        });
        let rest = recorded(gpu, |pass| kv.append(pass, many.slice(), len - 2).unwrap());
        let clear = recorded(gpu, |pass| kv.clear(pass).unwrap());
        let again = recorded(gpu, |pass| kv.append(pass, many.slice(), len).unwrap());
        // Too many vectors for `scores` and `p`, then too many for the cache.
        gpu.queue().submit([first, rest, reads, again, clear]);
        for (what, buffer) in [("scores", &scores), ("sums", &sums), ("rows", &many), ("weights", &p)] {
            buffer.read(gpu).unwrap_or_else(|e| panic!("{options:?}, {what}: {e}"));
        }
        // The cache is as good as new.
        let y = Framed::room(gpu, 4 * m * len);
        let used = recorded(gpu, |pass| {
            kv.clear(pass).unwrap();
            kv.append(pass, many.slice(), len).unwrap();
            kv.scores(pass, q.slice(), m, y.slice()).unwrap();
        });
        gpu.queue().submit([used]);
        let y = y.read(gpu).unwrap();
        assert!(y.iter().all(|bits| f32::from_bits(*bits).is_finite()), "{options:?}");
    }
}
