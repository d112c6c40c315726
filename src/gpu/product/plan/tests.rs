use super::*;
use crate::shader::caps::Caps;
use crate::shader::epilogue::Epilogue;
use crate::shader::kernels::{self, TABLE};
use crate::shader::traits::DeviceClass;

const WEBGPU: Sizes = Sizes {
    binding: 128 << 20,
    buffer: 256 << 20,
};

fn request<'a>(
    kernel: &'static Kernel,
    shape: WeightsShape<'a>,
    m: usize,
    traits: &'a Traits,
    sizes: Sizes,
) -> Request<'a> {
    Request {
        kernel,
        shape,
        arrangement: Arrangement::one(m),
        axes: Axes::default(),
        slices: Some(1),
        each_m: false,
        traits,
        sizes,
    }
}

fn products() -> impl Iterator<Item = &'static Kernel> {
    TABLE.iter().filter(|kernel| kernel.shape == kernels::Shape::Product)
}

fn classes() -> [Traits; 2] {
    [DeviceClass::Cpu, DeviceClass::Gpu].map(|class| Traits::typical(class, Caps::ALL))
}

/// Each row of x is multiplied by each slab once, by dispatches whose bindings the device allows.
#[test]
fn every_row_of_x_meets_every_slab_once() {
    let shape = WeightsShape {
        n: 1000,
        k: 512,
        slabs: &[400, 400, 200],
    };
    // A binding that holds 96 rows of y: runs are multiples of 64.
    let small = Sizes {
        binding: 96 * 4 * 1000,
        buffer: 256 << 20,
    };
    for (traits, sizes) in classes().iter().flat_map(|traits| [(traits, WEBGPU), (traits, small)]) {
        for (kernel, m) in products().flat_map(|kernel| [1, 7, 64, 200, 333].map(|m| (kernel, m))) {
            let plan = plan(request(kernel, shape, m, traits, sizes)).unwrap();
            let x_row = match kernel.takes_bytes() {
                true => rounding::row_bytes(shape.k),
                false => 4 * shape.k as u64,
            };
            for slab in 0..shape.slabs.len() {
                let mut met = vec![0; m];
                for job in plan.jobs.iter().filter(|job| job.slab == slab) {
                    for time in 0..job.times {
                        let [x, y] = [0, 1].map(|i| job.given[i].at(time));
                        assert!(x.end - x.start <= sizes.binding && y.end - y.start <= sizes.binding);
                        assert!(x.start.is_multiple_of(256) && y.start.is_multiple_of(256));
                        assert_eq!(x.start / x_row, y.start / (4 * shape.n as u64), "{}", kernel.name);
                        let first = (x.start / x_row) as usize;
                        met[first..first + job.m].iter_mut().for_each(|count| *count += 1);
                    }
                }
                assert_eq!(met, vec![1; m], "{}, m = {m}, slab {slab}", kernel.name);
            }
        }
    }
}

/// Enough workgroups for every tile, and none without one.
#[test]
fn workgroups_are_tiles() {
    let shape = WeightsShape {
        n: 1000,
        k: 512,
        slabs: &[1000],
    };
    for traits in &classes() {
        for (kernel, m) in products().flat_map(|kernel| [1, 8, 70].map(|m| (kernel, m))) {
            let plan = plan(request(kernel, shape, m, traits, WEBGPU)).unwrap();
            for job in &plan.jobs {
                let tiles = |count: usize, tile: u32| count.div_ceil(tile as usize) as u64;
                let expected = tiles(1000, plan.tuning.tile_n) * tiles(job.m, plan.tuning.tile_m);
                assert_eq!(job.work.workgroups(job.m), expected, "{}, m = {m}", kernel.name);
            }
        }
    }
}

/// With slices the kernel leaves sums, which a second dispatch of as many elements adds.
#[test]
fn slices_leave_their_sums_to_a_second_dispatch() {
    let traits = &Traits::typical(DeviceClass::Gpu, Caps::ALL);
    let shape = WeightsShape {
        n: 64,
        k: 4096,
        slabs: &[64],
    };
    let kernel = products().find(|kernel| kernel.slices).unwrap();
    let mut asked = request(kernel, shape, 2, traits, WEBGPU);
    (asked.slices, asked.axes.epilogues) = (Some(4), vec![Epilogue::Bias]);
    let sliced = plan(asked).unwrap();
    let sum = sliced.sum.unwrap();
    assert_eq!(sum.bytes, 4 * 4 * 2 * 64);
    assert_eq!(sliced.jobs[0].depth, 4);
    let bytes = |job: &Job| job.given.iter().map(|span| span.first.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&sliced.jobs[0]), [0..2 * 4096 * 4, 0..sum.bytes]);
    assert_eq!(bytes(&sum.job), [0..sum.bytes, 0..4 * 2 * 64, 0..4 * 64]);

    let mut asked = request(kernel, shape, 2, traits, WEBGPU);
    asked.slices = Some(0);
    assert!(matches!(plan(asked), Err(Error::Part { .. })));
}

/// What the device does not allow is told with both numbers, before anything is made.
#[test]
fn sizes_are_refused_with_both_numbers() {
    let traits = &Traits::typical(DeviceClass::Gpu, Caps::ALL);
    let shape = WeightsShape {
        n: 1000,
        k: 512,
        slabs: &[1000],
    };
    let kernel = products().next().unwrap();
    let with = |m, sizes| plan(request(kernel, shape, m, traits, sizes)).unwrap_err();
    let buffer = Sizes {
        binding: 1 << 20,
        buffer: 1 << 20,
    };
    let needed = 4 * 512 * 1000;
    assert_eq!(
        with(1000, buffer),
        Error::TooLarge {
            what: "x in bytes",
            needed,
            limit: 1 << 20
        }
    );
    assert!(matches!(
        with(0, WEBGPU),
        Error::Length {
            expected: 1,
            got: 0,
            ..
        }
    ));
    let mut twice = request(kernel, shape, 1, traits, WEBGPU);
    twice.axes.epilogues = vec![Epilogue::Bias; 2];
    assert!(matches!(plan(twice), Err(Error::Part { .. })));
    let mut uneven = request(kernel, shape, 1, traits, WEBGPU);
    uneven.arrangement.members = 3;
    assert!(matches!(plan(uneven), Err(Error::Part { .. })));
}
