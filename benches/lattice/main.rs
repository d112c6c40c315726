//! Where to keep the tables of lattice formats: in a storage buffer, as lowbit does on processors, or copied into
//! workgroup memory at the start of each workgroup.
//!
//! `cargo bench --bench lattice`, on the adapter that wgpu chooses; `-- --test` runs every product
//! once at 256 x 256. The second form edits the composed shader; both must give the same bits.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use lowbit::{Dense, DeviceClass, Error, Format, Gpu, MatMul, Matrix, Precision, testing, wgpu};
use std::time::{Duration, Instant};
use wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu::{Buffer, BufferUsages};

/// Formats, and the words of their tables.
const FORMATS: [(Format, usize); 4] = [
    (Format::IQ2_XXS, 128),
    (Format::IQ2_S, 512),
    (Format::IQ1_S, 1024),
    (Format::IQ3_S, 512),
];
/// The forms take turns, so that a burst of other load slows both.
const ROUNDS: usize = 12;
const LONG_ENOUGH: Duration = Duration::from_millis(120);

fn main() -> lowbit::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let test = arguments.iter().any(|a| a == "--test") || !arguments.iter().any(|a| a == "--bench");
    let size = if test { 256 } else { 2048 };
    let gpu = match Gpu::new() {
        Ok(gpu) => gpu.with_class(DeviceClass::Cpu),
        Err(Error::NoAdapter(why)) => {
            println!("nothing was measured, there is no adapter: {why}");
            return Ok(());
        }
        Err(e) => return Err(e),
    };
    let info = gpu.info();
    println!(
        "adapter: {} ({:?}), driver: {} {}\nshape: {size} x {size}, kernel gemv, median of runs\n",
        info.name, info.device_type, info.driver, info.driver_info
    );
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "format",
        "table, bytes",
        "m",
        "storage, ms",
        "workgroup, ms",
        "workgroup / storage",
    ]);
    for (format, words) in FORMATS {
        for m in [1, 8] {
            let [storage, workgroup] = measure(&gpu, format, words, size, m, test)?;
            table.add_row([
                format.to_string(),
                (4 * words).to_string(),
                m.to_string(),
                format!("{:.3}", storage * 1e3),
                format!("{:.3}", workgroup * 1e3),
                format!("{:.2}", workgroup / storage),
            ]);
        }
    }
    println!("{table}");
    Ok(())
}

/// Seconds of one product in both forms.
fn measure(gpu: &Gpu, format: Format, words: usize, size: usize, m: usize, test: bool) -> lowbit::Result<[f64; 2]> {
    let weights = gpu.upload(&matrix(format, size)?)?;
    let x: Vec<f32> = (0..m * size).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let forms = [
        MatMul::builder(gpu, &weights, m)
            .precision(Precision::F32)
            .kernel("gemv")
            .build()?,
        testing::edited(MatMul::builder(gpu, &weights, m).kernel("gemv"), |text| {
            in_workgroup(text, words)
        })
        .build()?,
    ];
    let buffer = |contents: &[f32], usage| {
        gpu.device().create_buffer_init(&BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(contents),
            usage,
        })
    };
    let x = buffer(&x, BufferUsages::STORAGE);
    let output = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
    let y = buffer(&vec![f32::NAN; m * size], output);
    run(gpu, &forms[0], &x, &y)?;
    let storage = read(gpu, &y);
    let y = buffer(&vec![f32::NAN; m * size], output);
    run(gpu, &forms[1], &x, &y)?;
    // An output that was not written is NaN, which equals nothing.
    assert_eq!(storage, read(gpu, &y), "{format}, m = {m}");

    let mut seconds = [Vec::new(), Vec::new()];
    for _ in 0..if test { 1 } else { ROUNDS } {
        for (form, seconds) in forms.iter().zip(&mut seconds) {
            let began = Instant::now();
            loop {
                seconds.push(run(gpu, form, &x, &y)?);
                if test || began.elapsed() >= LONG_ENOUGH {
                    break;
                }
            }
        }
    }
    Ok(seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }))
}

/// Quantized random weights, so that the scales are finite.
fn matrix(format: Format, size: usize) -> lowbit::Result<Matrix<'static>> {
    let mut state = 1u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 - 0.5
    };
    // Four rows, repeated, because packing is slow.
    let weights: Vec<f32> = (0..4 * size).map(|_| random()).collect();
    let rows = Matrix::quantize(format, Dense::new(4, size, &weights)?)?;
    Matrix::from_bytes(format, size, size, rows.bytes().repeat(size / 4))
}

fn run(gpu: &Gpu, product: &MatMul, x: &Buffer, y: &Buffer) -> lowbit::Result<f64> {
    let start = Instant::now();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    product.encode(&mut pass, x.slice(..), y.slice(..))?;
    drop(pass);
    gpu.queue().submit([encoder.finish()]);
    let waited = gpu.device().poll(wgpu::PollType::wait_indefinitely());
    waited.expect("the device is alive");
    Ok(start.elapsed().as_secs_f64())
}

fn read(gpu: &Gpu, y: &Buffer) -> Vec<f32> {
    let back = gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("back"),
        size: y.size(),
        usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(y, 0, &back, 0, y.size());
    gpu.queue().submit([encoder.finish()]);
    back.slice(..)
        .map_async(wgpu::MapMode::Read, |mapped| mapped.expect("y is mapped"));
    let waited = gpu.device().poll(wgpu::PollType::wait_indefinitely());
    waited.expect("the device is alive");
    let view = back.slice(..).get_mapped_range().expect("y is mapped");
    bytemuck::pod_collect_to_vec(&view)
}

/// The composed shader with its table in workgroup memory.
fn in_workgroup(text: &str, words: usize) -> String {
    let text = text.replace("table[", "grid[");
    let (before, main) = text.split_once("@compute").expect("a kernel");
    let (head, body) = main.split_once(") {\n").expect("the body of main");
    format!(
        "{before}
var<workgroup> grid: array<u32, {words}>;
@compute{head}) {{
    for (var i = index; i < {words}u; i += WORKGROUP) {{
        grid[i] = table[i];
    }}
    workgroupBarrier();
{body}"
    )
}
