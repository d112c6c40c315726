//! The table of kernels: what each is made of, what it needs, and which one a product gets.

use wgpu::{DeviceType, Limits};

/// How a device wants its kernels: what is fast on a graphics card is not on a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceClass {
    /// A Vulkan or GL driver that runs on the processor (lavapipe, SwiftShader).
    Cpu,
    /// Everything else.
    Gpu,
}

impl DeviceClass {
    pub(crate) fn of(device: DeviceType) -> DeviceClass {
        match device {
            DeviceType::Cpu => DeviceClass::Cpu,
            _ => DeviceClass::Gpu,
        }
    }
}

/// What the third and later bindings of a kernel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// x and y of a product.
    Product,
    /// Indices of rows, and the rows.
    IndexedRows,
    /// A range of rows.
    AllRows,
    /// What the format made of its planes.
    Inspect,
}

/// One row of the table.
pub(crate) struct Kernel {
    pub name: &'static str,
    pub shape: Shape,
    pub text: (&'static str, &'static str),
    /// Numbers printed into the shader, for a device and m rows of x.
    pub tuning: fn(DeviceClass, usize) -> Tuning,
}

/// The numbers of one compiled kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Invocations in a workgroup.
    pub workgroup: u32,
    /// Rows of weights that a workgroup owns.
    pub tile_rows: u32,
    /// Rows of x that a workgroup owns.
    pub tile_cols: u32,
    /// Bytes of workgroup memory.
    pub memory: u32,
    /// Constants of the kernel's own.
    pub consts: Vec<(&'static str, u32)>,
}

/// Rows whose units lie side by side: eight 16-byte loads of neighbouring lanes are one run of 128.
pub(crate) const INTERLEAVE: usize = 8;

macro_rules! text {
    ($path:literal) => {
        ($path, include_str!(concat!("../../shaders/", $path)))
    };
}
pub(crate) use text;

const ROWS: [Kernel; 5] = [
    Kernel {
        name: "gemv",
        shape: Shape::Product,
        text: text!("kernels/gemv.wgsl"),
        tuning: gemv,
    },
    Kernel {
        name: "gemm",
        shape: Shape::Product,
        text: text!("kernels/gemm.wgsl"),
        tuning: |_, _| Tuning {
            workgroup: 256,
            tile_rows: 64,
            tile_cols: 64,
            memory: 16384,
            consts: vec![],
        },
    },
    Kernel {
        name: "get_rows",
        shape: Shape::IndexedRows,
        text: text!("kernels/get_rows.wgsl"),
        tuning: |_, _| one_invocation_a_part(),
    },
    Kernel {
        name: "dequantize",
        shape: Shape::AllRows,
        text: text!("kernels/get_rows.wgsl"),
        tuning: |_, _| one_invocation_a_part(),
    },
    Kernel {
        name: "inspect",
        shape: Shape::Inspect,
        text: text!("kernels/inspect.wgsl"),
        tuning: |_, _| one_invocation_a_part(),
    },
];

pub(crate) static TABLE: &[Kernel] = &ROWS;

/// The names of all kernels: those of products (`gemv`, `gemm`), then those that decode.
pub const KERNELS: &[&str] = &{
    let mut names = [""; ROWS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ROWS[i].name;
        i += 1;
    }
    names
};

/// The largest m for which the product is a matrix times a few vectors.
pub(crate) const GEMV_COLS: usize = 8;

fn gemv(class: DeviceClass, m: usize) -> Tuning {
    let cols = m.clamp(1, GEMV_COLS) as u32;
    // On a processor a lane owns whole rows: lanes that share a row would only wait for each other.
    // Four rows a lane: on lavapipe 26.2 two take 1.0 to 1.5 times as long and eight 1.5 to 1.9
    // times (Q4_0, 4096 x 4096, m of 1 to 8); on 22.3 two take 1.2 to 1.6 and eight 0.7 to 1.0 times.
    // (`cargo bench --bench products -- gemv/q4_0`, 2026-11-21.) On a card nothing is measured yet.
    let (workgroup, lanes_k, rows) = match class {
        DeviceClass::Cpu => (64, 1, 4),
        DeviceClass::Gpu => (128, 16, if cols <= 4 { 2 } else { 1 }),
    };
    let shared_sums = if lanes_k > 1 {
        workgroup * rows * cols
    } else {
        1
    };
    let octets = workgroup / (INTERLEAVE as u32 * lanes_k);
    Tuning {
        workgroup,
        tile_rows: octets * INTERLEAVE as u32 * rows,
        tile_cols: cols,
        memory: 4 * shared_sums,
        consts: vec![
            ("LANES_K", lanes_k),
            ("ROWS", rows),
            ("COLS", cols),
            ("SHARED_SUMS", shared_sums),
        ],
    }
}

fn one_invocation_a_part() -> Tuning {
    Tuning {
        workgroup: 64,
        tile_rows: 0,
        tile_cols: 0,
        memory: 0,
        consts: vec![],
    }
}

/// The kernel of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Kernel> {
    TABLE.iter().find(|k| k.name == name)
}

/// The product kernel for m rows of x.
pub(crate) fn choose(class: DeviceClass, m: usize) -> &'static Kernel {
    // Workgroup memory is slow on a processor: there the few-column kernel serves every m.
    let name = match class {
        DeviceClass::Gpu if m > GEMV_COLS => "gemm",
        _ => "gemv",
    };
    by_name(name).expect("the table has its own names")
}

/// The limits that kernels on this device rely on: those of default WebGPU, and no others.
pub(crate) fn needed_limits() -> Limits {
    Limits {
        max_storage_buffers_per_shader_stage: 5,
        max_compute_workgroup_storage_size: 16384,
        max_compute_invocations_per_workgroup: 256,
        max_compute_workgroup_size_x: 256,
        max_compute_workgroups_per_dimension: 65535,
        ..Limits::default()
    }
}
