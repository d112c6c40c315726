//! Memory that lowbit may reserve for malformed checkpoints: at most a small multiple of their size.
#![cfg(feature = "safetensors")]

#[allow(dead_code)] // used only by other tests
#[path = "safetensors/checkpoint.rs"]
mod checkpoint;
mod common;
#[path = "safetensors/tools.rs"]
mod tools;

use checkpoint::Checkpoint;
use common::layouts::layout;
use lowbit::safetensors::Model;
use safetensors::Dtype;
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tools::NAME;

/// Counts the bytes requested.
struct Counted;

/// The largest single allocation.
static LARGEST: AtomicUsize = AtomicUsize::new(0);
/// Bytes held now, and their maximum.
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn taken(bytes: usize) {
    LARGEST.fetch_max(bytes, Relaxed);
    MOST.fetch_max(HELD.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

fn given_back(bytes: usize) {
    HELD.fetch_sub(bytes, Relaxed);
}

// Forwards all calls to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist while one is copied to the other.
        taken(size);
        given_back(layout.size());
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        given_back(layout.size());
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Reads a header and a configuration, of which at most `times` the size may be held at once.
fn header_within(what: &str, times: usize, config: &str, header: &str, data: usize) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    drop(Model::from_parts(config, &[("f", &bytes)]));
    let most = MOST.load(Relaxed) - before;
    let limit = times * (header.len() + config.len()) + (64 << 10);
    assert!(most <= limit, "{what}: {most} bytes held, limit {limit}");
}

fn headers() {
    let list = |count: usize, entry: &dyn Fn(usize) -> String| {
        let entries: Vec<String> = (0..count).map(entry).collect();
        entries.join(",")
    };
    let empty = |i| format!(r#""{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#);
    header_within("tensors", 6, "", &format!("{{{}}}", list(50_000, &empty)), 0);
    let zeros = list(1_000_000, &|_| "0".into());
    let shape = format!(r#"{{"a":{{"dtype":"U8","shape":[{zeros}],"data_offsets":[0,0]}}}}"#);
    header_within("a shape", 6, "", &shape, 0);
    header_within("a list", 6, "", &format!(r#"{{"a":[{zeros}]}}"#), 0);
    let names = list(300_000, &|i| format!(r#""{i:x}":"""#));
    let names = format!(r#"{{"__metadata__":{{{names}}}}}"#);
    header_within("metadata", 6, "", &names, 0);
    // Values that are not part of the settings are not kept.
    let config = format!(r#"{{"id2label":[{zeros}],"vision_config":{{"a":[{zeros}]}}}}"#);
    header_within("a configuration", 6, &config, "{}", 0);
}

/// Reads a model and all its layers; the largest single allocation may be `times` the file.
fn within(what: &str, times: usize, config: &str, bytes: &[u8]) {
    LARGEST.store(0, Relaxed);
    if let Ok(model) = Model::from_parts(config, &[("f", bytes)]) {
        for name in model.linears() {
            let _ = model.linear(&name);
        }
    }
    let largest = LARGEST.load(Relaxed);
    // Scratch rows and the pool's threads, whatever the file.
    let limit = times * bytes.len() + (64 << 10);
    assert!(largest <= limit, "{what}: {largest} bytes asked for, limit {limit}");
}

fn quiet(what: &str, checkpoint: &Checkpoint) {
    within(what, 4, &checkpoint.config.to_string(), &checkpoint.bytes());
}

/// A single test, so that nothing else allocates at the same time.
#[test]
fn nothing_large_is_reserved() {
    headers();
    let large = u64::MAX / 2;
    // Valid files first: a layer takes about as much as its tensors; decoded ones (HQQ's axis 0 at one bit) take 32
    // times as much.
    for case in common::layouts::layouts() {
        if let Some(file) = tools::checkpoint(&case) {
            let times = if case.name.ends_with("ax0") { 33 } else { 4 };
            within(&case.name, times, &file.config.to_string(), &file.bytes());
        }
    }
    // Headers.
    for text in [
        format!(r#"{{"w.weight": {{"dtype": "F32", "shape": [{large}], "data_offsets": [0, {large}]}}}}"#),
        format!(r#"{{"w.weight": {{"dtype": "F32", "shape": [0, {large}], "data_offsets": [0, 0]}}}}"#),
        format!(r#"{{"w.weight": {{"dtype": "F32", "shape": [{large}, 0], "data_offsets": [0, 0]}}}}"#),
    ] {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        within(&text, 4, "", &bytes);
        bytes[..8].copy_from_slice(&large.to_le_bytes());
        within(&text, 4, "", &bytes);
    }
    // Shapes stored outside headers.
    let shape = |dims: [i64; 2]| -> Vec<u8> { dims.iter().flat_map(|d| d.to_le_bytes()).collect() };
    for dims in [
        [1 << 40, 1 << 20],
        [i64::MAX, i64::MAX],
        [4, 1 << 40],
        [1 << 62, 2],
        [0, 0],
        [-1, 4],
    ] {
        for (case, tensor) in [("ct_pack_int4_sym_g128", "weight_shape"), ("hqq_b4_g64_ax0", "shape")] {
            let file = tools::checkpoint(&layout(case)).unwrap();
            let name = format!("{NAME}.{tensor}");
            quiet(&name, &file.with(&name, Dtype::I64, &[2], &shape(dims)));
        }
        let state = json!({ "blocksize": 64, "shape": dims }).to_string();
        let file = tools::checkpoint(&layout("bnb_nf4_b64")).unwrap();
        let name = format!("{NAME}.weight.quant_state.bitsandbytes__nf4");
        quiet(&name, &file.with(&name, Dtype::U8, &[state.len()], state.as_bytes()));
    }
    // Settings.
    for (case, key) in [
        ("gptq_w4_g128_seq_v2", "group_size"),
        ("awq_gemm_w4_g128", "group_size"),
    ] {
        for value in [1, 8, 1 << 40, large] {
            let mut file = tools::checkpoint(&layout(case)).unwrap();
            file.config["quantization_config"][key] = json!(value);
            quiet(case, &file);
        }
    }
    // Many empty tensors, and rows of length 0: `n` is whatever the header says.
    let mut file = Checkpoint::quantized(json!({ "quant_method": "fp8" }));
    for i in 0..200 {
        let name = format!("layers.{i}.weight");
        file = file
            .with(&name, Dtype::F8_E4M3, &[1 << 40, 0], &[])
            .floats(&format!("{name}_scale"), &[], &[1.0]);
    }
    quiet("empty tensors", &file);
}
