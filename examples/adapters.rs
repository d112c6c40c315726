//! Lists every adapter that wgpu sees, one a line, with the features that lowbit uses.
//!
//! The exit code of `--has-gpu` says whether one of them is a GPU with compute shaders: 0 yes, 1 no.

#[path = "pipe/mod.rs"]
mod pipe;

use lowbit::wgpu::{
    Adapter, Backends, CooperativeScalarType, DeviceType, DownlevelFlags, Features, Instance, InstanceDescriptor,
};
use std::process::ExitCode;

fn computes(adapter: &Adapter) -> bool {
    let flags = adapter.get_downlevel_capabilities().flags;
    flags.contains(DownlevelFlags::COMPUTE_SHADERS)
}

fn is_gpu(adapter: &Adapter) -> bool {
    let kind = adapter.get_info().device_type;
    let gpus = [
        DeviceType::DiscreteGpu,
        DeviceType::IntegratedGpu,
        DeviceType::VirtualGpu,
    ];
    computes(adapter) && gpus.contains(&kind)
}

fn line(adapter: &Adapter) -> String {
    let info = adapter.get_info();
    let driver = format!("{} {}", info.driver, info.driver_info);
    let yes_no = |yes| if yes { "yes" } else { "no" };
    let has = |feature| yes_no(adapter.features().contains(feature));
    format!(
        "{} | {} | {:?} | driver: {} | computes: {} | f16: {} | subgroups: {} | timestamp queries: {} | f16 matrices: {}",
        info.name,
        info.backend,
        info.device_type,
        driver.trim(),
        yes_no(computes(adapter)),
        has(Features::SHADER_F16),
        has(Features::SUBGROUP),
        has(Features::TIMESTAMP_QUERY),
        matrices(adapter),
    )
}

/// The square f16 matrices that it multiplies into f32, of the sizes that lowbit can use.
fn matrices(adapter: &Adapter) -> String {
    let all = adapter.cooperative_matrix_properties();
    let sides = all.iter().filter(|p| {
        (p.m_size, p.m_size) == (p.n_size, p.k_size)
            && (p.ab_type, p.cr_type) == (CooperativeScalarType::F16, CooperativeScalarType::F32)
    });
    let sides: Vec<_> = sides.map(|p| p.m_size.to_string()).collect();
    if sides.is_empty() {
        "no".into()
    } else {
        sides.join(", ")
    }
}

fn main() -> ExitCode {
    pipe::end_with_the_reader();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let ask = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--has-gpu"] => true,
        _ => {
            eprintln!("usage: adapters [--has-gpu], got {args:?}");
            return ExitCode::from(2);
        }
    };
    let instance = Instance::new(InstanceDescriptor::new_without_display_handle_from_env());
    let adapters = pollster::block_on(instance.enumerate_adapters(Backends::all()));
    if ask {
        return ExitCode::from(u8::from(!adapters.iter().any(is_gpu)));
    }
    for adapter in &adapters {
        println!("{}", line(adapter));
    }
    if adapters.is_empty() {
        println!(
            "no adapter; on Debian and Ubuntu `apt-get install mesa-vulkan-drivers libvulkan1` \
             gives a software one"
        );
    }
    ExitCode::SUCCESS
}
