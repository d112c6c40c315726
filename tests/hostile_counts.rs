//! Counts larger than any data: every host function that takes a count refuses it with an error that names it, before
//! it allocates. `gpu_failures` tests the functions that need a device, `layouts::refused` the layouts, `gguf::hostile`
//! and `safetensors::hostile` files.

use lowbit::calibrate::affine::{self, Scheme};
use lowbit::calibrate::imatrix::Importance;
use lowbit::calibrate::observers::{Columns, Entropy, Histogram, MinMax, Observer};
use lowbit::calibrate::{allocate, sensitivity, smooth};
use lowbit::kv::{KvCodec, KvOptions, KvRotation, KvType, Side};
use lowbit::quantize::codebook::{Density, kmeans_exact, kmeans_rows, lloyd_max, quantiles};
use lowbit::quantize::hessian::Hessian;
use lowbit::quantize::vector::{KMeans, Residual, nearest};
use lowbit::quantize::{binary, gptq};
use lowbit::rotate::hadamard::Hadamard;
use lowbit::rotate::{Orthogonal, quarot, random};
use lowbit::train::bitnet;
use lowbit::train::fake::FakeQuantize;
use lowbit::train::lsq::{CodeRange, Lsq};
use lowbit::{Dense, DeviceClass, Format, Group, InputScale, Matrix, Result, gguf};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Records the largest single allocation of this thread.
struct Noting;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(size: usize) {
    // A thread that is ending has nothing left to record into.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

// Forwards all calls to the system's allocator.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Noting = Noting;

/// The largest single allocation a call may make: scratch, whatever the count. faer takes 4 MiB at once.
const SCRATCH: usize = if cfg!(feature = "faer") { 8 << 20 } else { 1 << 20 };

/// Multiples of every block and of none, whose products with small numbers or with themselves overflow, and for which
/// no machine has memory.
const COUNTS: [usize; 9] = [
    usize::MAX,
    usize::MAX - 255,
    1 << 63,
    isize::MAX as usize,
    1 << 62,
    (1 << 61) + 1,
    1 << 48,
    1 << 40,
    1 << 36,
];

type Call = Box<dyn Fn(usize) -> Result<()>>;

/// Calls `f` with every count and adds failures to `wrong`; if calls must be `refused`, success is a failure too.
fn probe(name: &str, refused: bool, f: &dyn Fn(usize) -> Result<()>, wrong: &mut Vec<String>) {
    for count in COUNTS {
        // Printed first, so that it shows if the call aborts.
        println!("{name}({count})");
        LARGEST.set(0);
        let result = catch_unwind(AssertUnwindSafe(|| f(count)));
        let largest = LARGEST.get();
        let told = match result {
            Err(_) => Some("panics".into()),
            Ok(Ok(())) if refused => Some("is not refused".into()),
            Ok(Err(e)) if !e.to_string().contains(|c: char| c.is_ascii_digit()) => {
                Some(format!("has an error without numbers: {e}"))
            }
            _ if largest > SCRATCH => Some(format!("asks for {largest} bytes")),
            _ => None,
        };
        wrong.extend(told.map(|told| format!("{name}({count}) {told}")));
    }
}

fn quiet(_: f32) {}

fn made<T>(made: Result<T>) -> Result<()> {
    made.map(|_| ())
}

fn kv(kind: KvType, d: usize, rotation: KvRotation) -> Result<()> {
    made(KvCodec::new(KvOptions::new(kind, d).with_rotation(rotation)))
}

fn kivi(group: usize, residual: usize, side: Side) -> Result<()> {
    let kind = KvType::Kivi {
        bits: 2,
        group,
        residual,
        side,
    };
    kv(kind, 64, KvRotation::None)
}

/// Calls that refuse every one of the counts.
fn refusing() -> Vec<(&'static str, Call)> {
    fn call(f: impl Fn(usize) -> Result<()> + 'static) -> Call {
        Box::new(f)
    }
    let w = [0.5f32; 64];
    let row = Format::INT4.with_group(Group::Row).unwrap();
    let hessian = Hessian::new(2).unwrap();
    vec![
        (
            "Matrix::from_bytes n",
            call(|c| made(Matrix::from_bytes(Format::Q4_0, c, 32, vec![0; 18]))),
        ),
        (
            "Matrix::from_bytes k",
            call(|c| made(Matrix::from_bytes(Format::INT4, 1, c, vec![0; 18]))),
        ),
        (
            "Matrix::from_bytes k, a row",
            call(move |c| made(Matrix::from_bytes(row, 1, c, vec![0; 18]))),
        ),
        (
            "Matrix::from_bytes n and k",
            call(|c| made(Matrix::from_bytes(Format::F32, c, c, vec![0; 16]))),
        ),
        (
            "Matrix::from_codebook n",
            call(|c| made(Matrix::from_codebook(Format::AQLM_2X8, c, 32, vec![0; 8], &[0; 16384]))),
        ),
        (
            "Matrix::from_codebook k",
            call(|c| made(Matrix::from_codebook(Format::AQLM_2X8, 1, c, vec![0; 8], &[0; 16384]))),
        ),
        (
            "Matrix::quantize n",
            call(move |c| made(Dense::new(c, 32, &w).and_then(|w| Matrix::quantize(Format::Q4_0, w)))),
        ),
        (
            "Matrix::quantize k",
            call(move |c| made(Dense::new(1, c, &w).and_then(|w| Matrix::quantize(Format::INT4, w)))),
        ),
        (
            "Matrix::quantize n and k",
            call(move |c| made(Dense::new(c, c, &w).and_then(|w| Matrix::quantize(Format::F32, w)))),
        ),
        (
            "Matrix::quantize_weighted k",
            call(move |c| {
                made(Dense::new(1, c, &w).and_then(|dense| Matrix::quantize_weighted(Format::Q4_K, dense, &w)))
            }),
        ),
        ("Format::with_group", call(|c| made(Format::INT4.with_group(c)))),
        ("Dense::new n", call(move |c| made(Dense::new(c, 2, &w)))),
        ("Dense::new n and k", call(move |c| made(Dense::new(c, c, &w)))),
        ("Hessian::new", call(|c| made(Hessian::new(c)))),
        ("Hessian::from_matrix", call(|c| made(Hessian::from_matrix(c, &[1.0])))),
        (
            "Gptq::quantize n",
            call(move |c| {
                let dense = Dense::new(c, 2, &w)?;
                made(gptq::Gptq::default().quantize(Format::INT4, dense, &hessian, &quiet))
            }),
        ),
        (
            "Binary::quantize",
            call(move |c| made(binary::Binary::new(Group::Row).quantize(Dense::new(c, c, &w)?, None))),
        ),
        (
            "affine::quantize",
            call(move |c| made(affine::quantize(Dense::new(c, 2, &w)?, Group::Row, &[]))),
        ),
        ("kmeans_exact", call(move |c| made(kmeans_exact(&w, None, c)))),
        (
            "kmeans_rows levels",
            call(move |c| made(kmeans_rows(Dense::new(1, 64, &w)?, None, c, &quiet))),
        ),
        ("lloyd_max", call(|c| made(lloyd_max(Density::Sphere { d: c }, 2)))),
        ("quantiles", call(move |c| made(quantiles(&w, None, c)))),
        (
            "KMeans entries",
            call(move |c| made(KMeans::new(c, 2).fit(&w, None, &quiet))),
        ),
        ("KMeans d", call(move |c| made(KMeans::new(2, c).fit(&w, None, &quiet)))),
        ("nearest", call(move |c| made(nearest(&w, c, &w, None)))),
        (
            "Residual stages",
            call(move |c| {
                let residual = Residual::new(c, KMeans::new(2, 2));
                made(residual.quantize(Dense::new(32, 2, &w)?, None, &quiet))
            }),
        ),
        (
            "affine::dequantize",
            call(|c| made(affine::dequantize(c, 2, &[0; 4], Group::Row, &[]))),
        ),
        ("Columns::new", call(|c| made(Columns::new(c, 1, MinMax::new)))),
        ("ChannelMaxima", call(move |c| smooth::ChannelMaxima::new(c).add(&w))),
        ("Importance::add", call(|c| Importance::new().add("a", c, &[]))),
        (
            "Importance::add_expert experts",
            call(move |c| Importance::new().add_expert("a", 64, c, 0, &w)),
        ),
        (
            "Importance::add_expert k",
            call(|c| Importance::new().add_expert("a", c, 2, 0, &[])),
        ),
        (
            "sensitivity::trace",
            call(|c| made(sensitivity::trace(c, 1, 0, |_, _| Ok(())))),
        ),
        ("Orthogonal::haar", call(|c| made(Orthogonal::haar(c, 1)))),
        ("Orthogonal::hadamard", call(|c| made(Orthogonal::hadamard(c, 1)))),
        ("random::haar", call(|c| made(random::haar(c, 1)))),
        ("random::signs", call(|c| made(random::signs(c, 1)))),
        ("random::normals", call(|c| made(random::normals(c, 1)))),
        (
            "fold_gain",
            call(|c| quarot::fold_gain(&mut [0f32; 4], c, 2, &[1.0; 2])),
        ),
        (
            "fold_gain k",
            call(|c| quarot::fold_gain(&mut [0f32; 4], 2, c, &[1.0; 2])),
        ),
        (
            "rotate_inputs",
            call(|c| quarot::rotate_inputs(&mut [0f32; 4], c, 2, &Orthogonal::hadamard(2, 1)?)),
        ),
        (
            "rotate_outputs",
            call(|c| quarot::rotate_outputs(&mut [0f32; 4], 2, c, &Orthogonal::hadamard(2, 1)?)),
        ),
        ("KvCodec f16", call(|c| kv(KvType::F16, c, KvRotation::Hadamard))),
        ("KvCodec q8_0", call(|c| kv(KvType::Q8_0, c, KvRotation::Haar))),
        (
            "KvCodec turbo_mse",
            call(|c| kv(KvType::TurboMse { bits: 2 }, c, KvRotation::None)),
        ),
        (
            "KvCodec turbo_prod",
            call(|c| kv(KvType::TurboProd { bits: 2 }, c, KvRotation::None)),
        ),
        ("KIVI group of keys", call(|c| kivi(c, 128, Side::Keys))),
        ("KIVI group of values", call(|c| kivi(c, 128, Side::Values))),
        ("KIVI residual of keys", call(|c| kivi(1, c, Side::Keys))),
        ("KIVI residual of values", call(|c| kivi(32, c, Side::Values))),
        (
            "Lsq::k",
            call(move |c| made(Lsq::new(c, Group::Row, CodeRange::ternary()).init(&w))),
        ),
        (
            "FakeQuantize::k",
            call(move |c| made(FakeQuantize::new(c, Group::Tensor, &[1.0], (-8, 7)).forward(&w))),
        ),
        (
            "bitnet::inputs_forward",
            call(move |c| made(bitnet::inputs_forward(&w, c))),
        ),
        (
            "InputScale::fake_quantize",
            call(|c| InputScale::Token.fake_quantize(&mut [0.0; 8], c)),
        ),
        (
            "gguf declare",
            call(|c| made(gguf::Writer::new().declare("a", &[c as u64, c as u64], 0))),
        ),
    ]
}

/// Calls that may accept some of the counts, if nothing is allocated for them.
fn bearing() -> Vec<(&'static str, Call)> {
    fn call(f: impl Fn(usize) -> Result<()> + 'static) -> Call {
        Box::new(f)
    }
    let w = [0.5f32; 64];
    let choice = |bytes, error| allocate::Choice {
        format: Format::F32,
        bytes,
        error,
    };
    let choices = move |c: usize| vec![vec![choice(c as u64, 0.0), choice(0, 1.0)]; 3];
    vec![
        ("Hadamard::new", call(|c| made(Hadamard::new(c)))),
        ("Format::row_bytes", call(|c| made(Format::Q6_K.row_bytes(c)))),
        ("Columns of one group", call(|c| made(Columns::new(c, c, MinMax::new)))),
        (
            "Lsq::k of a tensor",
            call(move |c| made(Lsq::new(c, Group::Tensor, CodeRange::ternary()).init(&w))),
        ),
        (
            "Lsq::group",
            call(move |c| made(Lsq::new(8, Group::Len(c), CodeRange::ternary()).init(&w))),
        ),
        (
            "affine group",
            call(move |c| {
                let dense = Dense::new(1, 64, &w)?;
                made(affine::min_max_params(dense, Group::Len(c), Scheme::Symmetric, 8))
            }),
        ),
        (
            "allocate::exact",
            call(move |c| made(allocate::exact(&choices(c), u64::MAX))),
        ),
        (
            "allocate::exact budget",
            call(move |c| made(allocate::exact(&choices(7), c as u64))),
        ),
        (
            "allocate::lagrangian",
            call(move |c| made(allocate::lagrangian(&choices(c), u64::MAX))),
        ),
        (
            "Gptq::block",
            call(move |c| {
                let options = gptq::Gptq::default().with_block(c);
                let mut hessian = Hessian::new(64)?;
                hessian.add(&w)?;
                made(options.quantize(Format::INT4, Dense::new(1, 64, &w)?, &hessian, &quiet))
            }),
        ),
        (
            "wgsl m",
            call(|c| made(lowbit::wgsl(Format::Q4_0, "gemv", c, 64, DeviceClass::Gpu))),
        ),
        (
            "wgsl k",
            call(|c| made(lowbit::wgsl(Format::Q4_0, "gemm", 8, c, DeviceClass::Cpu))),
        ),
        (
            "Entropy levels",
            call(move |c| {
                let mut entropy = Entropy::of_magnitudes(128, c);
                entropy.observe(&w)?;
                made(entropy.range())
            }),
        ),
        (
            "Histogram upsample",
            call(move |c| {
                let mut histogram = Histogram::with_bins(8, 16);
                histogram.upsample = c;
                histogram.observe(&w)?;
                made(histogram.range())
            }),
        ),
    ]
}

#[test]
fn counts_that_no_data_bear_out_are_refused_without_memory() {
    let mut wrong = Vec::new();
    for (name, f) in refusing() {
        probe(name, true, &*f, &mut wrong);
    }
    for (name, f) in bearing() {
        probe(name, false, &*f, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The probe reports what it looks for.
#[test]
fn the_probe_reports_mutants() {
    let told = |f: &dyn Fn(usize) -> Result<()>| {
        let mut wrong = Vec::new();
        probe("mutant", true, f, &mut wrong);
        assert_eq!(wrong.len(), COUNTS.len(), "{wrong:?}");
        wrong.swap_remove(0)
    };
    assert!(told(&|_| Ok(())).ends_with("is not refused"));
    assert!(told(&|c| panic!("{c}")).ends_with("panics"));
    let wasteful = |c: usize| {
        drop(std::hint::black_box(vec![0u8; 1 << 24]));
        made(Format::INT4.with_group(c))
    };
    assert!(told(&wasteful).ends_with("asks for 16777216 bytes"));
}
