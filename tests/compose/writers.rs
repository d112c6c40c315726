//! What wgpu passes to the compilers of DirectX, Metal and OpenGL: the output of naga's writers, with the options that
//! wgpu-hal 30.0.1 sets for lowbit's pipelines. Options for textures, samplers, meshes, rays and overrides do not
//! affect these shaders and keep naga's defaults.

use super::valid::{Valid, built_ins};
use naga::back::hlsl::ShaderModel;
use naga::back::{glsl, hlsl, msl};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::Capabilities;
use naga::{AddressSpace, BuiltIn, ResourceBinding, ShaderStage, StorageAccess};

/// The only entry point of each text.
const MAIN: &str = "main";

pub struct Writer {
    pub name: &'static str,
    /// The capabilities, of those that naga's validator knows, that some device of the backend has.
    pub has: fn() -> Capabilities,
    pub write: fn(&Valid) -> Result<String, String>,
}

pub const WRITERS: [Writer; 4] = [
    Writer {
        name: "HLSL for DXC",
        has: hlsl::supported_capabilities,
        write: |valid| hlsl(valid, ShaderModel::V6_7),
    },
    // wgpu's fallback without DXC; dx12/adapter.rs reports these features from model 6.0 or 6.2 on.
    Writer {
        name: "HLSL for FXC",
        has: || hlsl::supported_capabilities() - OPTIONAL,
        write: |valid| hlsl(valid, ShaderModel::V5_1),
    },
    Writer {
        name: "MSL",
        has: msl::supported_capabilities,
        write: msl,
    },
    // naga can write some of these features, but gles/adapter.rs reports none.
    Writer {
        name: "GLSL",
        has: || glsl::supported_capabilities() - OPTIONAL,
        write: glsl,
    },
];

/// All capabilities that some shader needs and WebGPU does not guarantee.
const OPTIONAL: Capabilities = Capabilities::SUBGROUP
    .union(Capabilities::SHADER_FLOAT16)
    .union(Capabilities::SHADER_INT64)
    .union(Capabilities::COOPERATIVE_MATRIX);

/// As dx12/device.rs sets them. The model is the lower of the card's and the compiler's: wgpu-hal assumes 6.7 for the
/// DXC that it can be linked with; 5.1 is FXC's.
pub fn hlsl(valid: &Valid, shader_model: ShaderModel) -> Result<String, String> {
    let (mut constants, mut read, mut written) = (0, 0, 0);
    let bindings = bindings(valid).into_iter().map(|(binding, access)| {
        // Registers are counted separately for constants, read-only and writable bindings, group by group.
        let counter = match access {
            Access::Parameters => &mut constants,
            Access::Reads => &mut read,
            Access::Writes => &mut written,
        };
        *counter += 1;
        let target = hlsl::BindTarget {
            register: *counter - 1,
            ..Default::default()
        };
        (binding, target)
    });
    let options = hlsl::Options {
        shader_model,
        binding_map: bindings.collect(),
        fake_missing_bindings: false,
        // lowbit's pipelines do not request it.
        zero_initialize_workgroup_memory: false,
        // The checks for a module that is not marked trusted.
        restrict_indexing: true,
        force_loop_bounding: true,
        ..Default::default()
    };
    let pipeline = hlsl::PipelineOptions {
        entry_point: Some((ShaderStage::Compute, MAIN.into())),
    };
    let mut text = String::new();
    let written = hlsl::Writer::new(&mut text, &options, &pipeline)
        .write(&valid.module, &valid.info, None)
        .map_err(|e| format!("HLSL: {e}"))?;
    match &written.entry_point_names[..] {
        [Ok(name)] if name == MAIN => Ok(text),
        names => Err(format!("HLSL: entry points {names:?}")),
    }
}

/// As metal/device.rs sets them. wgpu-hal takes the newest language that the system has; this is that of macOS 11, the
/// first for Apple's own chips and the first that has all that these shaders need, so naga refuses anything newer.
fn msl(valid: &Valid) -> Result<String, String> {
    let bindings = bindings(valid);
    let count = bindings.len() as msl::Slot;
    let resources = bindings.into_iter().zip(0..).map(|((binding, access), slot)| {
        let target = msl::BindTarget {
            buffer: Some(slot),
            mutable: access == Access::Writes,
            ..Default::default()
        };
        (binding, target)
    });
    let resources = msl::EntryPointResources {
        resources: resources.collect(),
        immediates_buffer: None,
        // wgpu's own buffer, after the others: index checks read the lengths of arrays from it.
        sizes_buffer: Some(count),
    };
    let options = msl::Options {
        lang_version: (2, 3),
        per_entry_point_map: [(MAIN.into(), resources)].into(),
        fake_missing_bindings: false,
        // The checks for a module that is not marked trusted.
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Restrict,
            image_load: BoundsCheckPolicy::Restrict,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        force_loop_bounding: true,
        emit_int_div_checks: true,
        // lowbit's pipelines do not request it.
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    let pipeline = msl::PipelineOptions {
        entry_point: Some((ShaderStage::Compute, MAIN.into())),
        vertex_pulling_transform: true,
        ..Default::default()
    };
    let (text, written) =
        msl::write_string(&valid.module, &valid.info, &options, &pipeline).map_err(|e| format!("MSL: {e}"))?;
    match &written.entry_point_names[..] {
        [Ok(_)] => Ok(text),
        names => Err(format!("MSL: entry points {names:?}")),
    }
}

/// As gles/device.rs sets them. OpenGL ES 3.1 is the first version with compute shaders.
fn glsl(valid: &Valid) -> Result<String, String> {
    let (mut uniforms, mut storage) = (0, 0);
    let bindings = bindings(valid).into_iter().map(|(binding, access)| {
        let counter = match access {
            Access::Parameters => &mut uniforms,
            Access::Reads | Access::Writes => &mut storage,
        };
        *counter += 1;
        (binding, *counter - 1)
    });
    let options = glsl::Options {
        version: glsl::Version::new_gles(310),
        writer_flags: glsl::WriterFlags::ADJUST_COORDINATE_SPACE | glsl::WriterFlags::FORCE_POINT_SIZE,
        binding_map: bindings.collect(),
        // lowbit's pipelines do not request it.
        zero_initialize_workgroup_memory: false,
    };
    let pipeline = glsl::PipelineOptions {
        shader_stage: ShaderStage::Compute,
        entry_point: MAIN.into(),
        multiview: None,
    };
    // OpenGL is trusted to check them, and there are no images.
    let policies = BoundsCheckPolicies {
        index: BoundsCheckPolicy::Unchecked,
        buffer: BoundsCheckPolicy::Unchecked,
        image_load: BoundsCheckPolicy::Unchecked,
        binding_array: BoundsCheckPolicy::Unchecked,
    };
    let (module, info) = (&valid.module, &valid.info);
    let mut text = String::new();
    glsl::Writer::new(&mut text, module, info, &options, &pipeline, policies)
        .and_then(|mut writer| writer.write())
        .map_err(|e| format!("GLSL: {e}"))?;
    Ok(text)
}

#[derive(PartialEq)]
enum Access {
    Parameters,
    Reads,
    Writes,
}

/// The bindings, ordered by number.
fn bindings(valid: &Valid) -> Vec<(ResourceBinding, Access)> {
    let globals = valid.module.global_variables.iter();
    let mut bindings: Vec<_> = globals
        .filter_map(|(_, global)| {
            let access = match global.space {
                AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => Access::Writes,
                AddressSpace::Storage { .. } => Access::Reads,
                _ => Access::Parameters,
            };
            Some((global.binding?, access))
        })
        .collect();
    bindings.sort_by_key(|(binding, _)| *binding);
    bindings
}

/// The subgroup built-ins that a shader names and that its HLSL does not set at its start: DirectX's compiler knows
/// them only by these calls. naga writes no call for a built-in in a struct.
pub fn unset_built_ins(valid: &Valid, hlsl: &str) -> Vec<BuiltIn> {
    let start = hlsl.find(&format!("void {MAIN}(")).map(|at| &hlsl[at..]);
    let start = start.unwrap_or_default();
    let mut named = built_ins(&valid.module);
    named.retain(|built_in| {
        let call = match built_in {
            BuiltIn::SubgroupSize => " = WaveGetLaneCount();",
            BuiltIn::SubgroupInvocationId => " = WaveGetLaneIndex();",
            BuiltIn::SubgroupId | BuiltIn::NumSubgroups => " / WaveGetLaneCount();",
            _ => return false,
        };
        !start.contains(call)
    });
    named
}
