//! Parsing and validation as wgpu does them, on a device with only the optional features that the shader needs.

use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags};
use naga::{Binding, BuiltIn, Module, ScalarKind, TypeInner};

pub struct Valid {
    pub module: Module,
    pub info: ModuleInfo,
    pub needs: Capabilities,
}

pub fn validate(name: &str, text: &str) -> Result<Valid, String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|e| format!("{name}: {}", e.emit_to_string(text)))?;
    let needs = needs(&module);
    // `unpack2x16float`: WebGPU has it; in wgpu it is a downlevel flag that every backend sets.
    let has = needs | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    let info = naga::valid::Validator::new(ValidationFlags::all(), has)
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|e| format!("{name}: {}", e.emit_to_string(text)))?;
    Ok(Valid { module, info, needs })
}

/// Found by types and built-ins. Anything overlooked here fails validation.
fn needs(module: &Module) -> Capabilities {
    let mut needs = Capabilities::empty();
    for (_, ty) in module.types.iter() {
        if let TypeInner::CooperativeMatrix { .. } = ty.inner {
            needs |= Capabilities::COOPERATIVE_MATRIX;
        }
        needs |= match ty.inner.scalar().map(|s| (s.kind, s.width)) {
            Some((ScalarKind::Float, 2)) => Capabilities::SHADER_FLOAT16,
            Some((ScalarKind::Sint | ScalarKind::Uint, 8)) => Capabilities::SHADER_INT64,
            _ => Capabilities::empty(),
        };
    }
    for built_in in built_ins(module) {
        if let BuiltIn::SubgroupId | BuiltIn::SubgroupSize | BuiltIn::SubgroupInvocationId | BuiltIn::NumSubgroups =
            built_in
        {
            needs |= Capabilities::SUBGROUP;
        }
    }
    needs
}

/// The built-ins that the entry points take, in a struct or not.
pub fn built_ins(module: &Module) -> Vec<BuiltIn> {
    let mut found = Vec::new();
    for argument in module.entry_points.iter().flat_map(|e| &e.function.arguments) {
        let mut add = |binding: &Option<Binding>| {
            if let Some(Binding::BuiltIn(built_in)) = binding {
                found.push(*built_in);
            }
        };
        add(&argument.binding);
        if let TypeInner::Struct { members, .. } = &module.types[argument.ty].inner {
            members.iter().for_each(|m| add(&m.binding));
        }
    }
    found
}
