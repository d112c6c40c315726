//! Compiled shaders, each made once for a device.

use crate::gpu::device::errors::Scoped;
use crate::gpu::device::lock::lock;
use crate::gpu::device::modules::{Checks, module};
use crate::shader::source::Source;
use crate::shader::tuning::Tuning;
use crate::{Error, Result};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Mutex;
use wgpu::{
    BindGroupLayout, CompilationInfo, CompilationMessageType, ComputePipeline, Device, Limits, PipelineCache,
    ShaderModule,
};

/// What was compiled, by the whole text and its checks: two shaders that differ in anything are two.
#[derive(Default)]
pub(crate) struct Pipelines {
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    compiled: HashMap<(Text, BindGroupLayout), ComputePipeline>,
    /// What the driver said of texts that it refused, which are not compiled again.
    refused: HashMap<Text, String>,
    /// Kernels whose shaders are to be refused.
    spoiled: Vec<&'static str>,
}

/// A shader's text, and what is added to it.
type Text = (String, Checks);

/// How a text is compiled.
pub(crate) struct How {
    pub checks: Checks,
    pub cache: Option<PipelineCache>,
}

/// The limits that a workgroup meets: each limit's name, what is needed and what there is. wgpu checks none of
/// them once constants stand in for literals (gfx-rs/wgpu#8946).
fn needs(tuning: &Tuning, limits: &Limits) -> [(&'static str, u32, u32); 2] {
    [
        (
            "max_compute_invocations_per_workgroup",
            tuning.workgroup,
            limits.max_compute_invocations_per_workgroup,
        ),
        (
            "max_compute_workgroup_storage_size",
            tuning.memory,
            limits.max_compute_workgroup_storage_size,
        ),
    ]
}

/// Whether the device allows such workgroups.
pub(crate) fn fits(tuning: &Tuning, limits: &Limits) -> bool {
    let needs = needs(tuning, limits);
    needs.iter().all(|(_, needed, limit)| needed <= limit)
}

impl Pipelines {
    /// Spoils the shaders of a kernel, so that no driver takes them.
    pub fn spoil(&self, kernel: &'static str) {
        lock(&self.made).spoiled.push(kernel);
    }

    /// The pipeline of a composed shader, compiled once.
    pub async fn get(
        &self,
        device: &Scoped,
        limits: &Limits,
        mut source: Source,
        how: How,
        tuning: &Tuning,
        layout: &BindGroupLayout,
    ) -> Result<ComputePipeline> {
        let checks = how.checks;
        {
            let pipelines = lock(&self.made);
            if pipelines.spoiled.contains(&source.kernel) {
                source.text.push_str("spoiled");
            }
            let key = ((source.text, checks), layout.clone());
            if let Some(pipeline) = pipelines.compiled.get(&key) {
                return Ok(pipeline.clone());
            }
            let refused = pipelines.refused.get(&key.0);
            source.text = key.0.0;
            if let Some(message) = refused {
                return Err(Error::Shader {
                    message: message.clone(),
                    shader: source.name,
                });
            }
        }
        for (what, needed, limit) in needs(tuning, limits) {
            if needed > limit {
                return Err(Error::DeviceLimit {
                    kernel: source.name,
                    what,
                    needed: needed.into(),
                    limit: limit.into(),
                });
            }
        }
        let mut module = None;
        let built = device.run("compiling", || {
            compile(device.device(), &source, &how, layout, &mut module)
        });
        let message = match built.await {
            Ok(pipeline) => {
                let key = ((source.text, checks), layout.clone());
                lock(&self.made).compiled.insert(key, pipeline.clone());
                return Ok(pipeline);
            }
            Err(Error::Device { message, .. }) => message,
            Err(e) => return Err(e),
        };
        let mut message = source.explain(&message);
        // Browsers need not say in an error what is wrong with a shader, but say it here.
        if let Some(module) = module {
            add_messages(&source, &mut message, &module.get_compilation_info().await);
        }
        let refused = &mut lock(&self.made).refused;
        refused.insert((source.text, checks), message.clone());
        Err(Error::Shader {
            shader: source.name,
            message,
        })
    }
}

fn compile(
    device: &Device,
    source: &Source,
    how: &How,
    layout: &BindGroupLayout,
    made: &mut Option<ShaderModule>,
) -> ComputePipeline {
    let label = Some(source.name.as_str());
    let module = made.insert(module(device, source, how.checks));
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            // Kernels write before they read. Zeroing first costs 40 times on SwiftShader.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: how.cache.as_ref(),
    })
}

/// Adds to a compiler's message what it says of the module elsewhere, with file and line.
fn add_messages(source: &Source, message: &mut String, info: &CompilationInfo) {
    for told in &info.messages {
        if told.message_type != CompilationMessageType::Error || message.contains(&told.message) {
            continue;
        }
        let line = told.location.map(|at| at.line_number as usize);
        match line.and_then(|line| source.origin(line)) {
            Some((path, line)) => {
                let _ = write!(message, "; shaders/{path}:{line}: {}", told.message);
            }
            None => {
                let _ = write!(message, "; {}", told.message);
            }
        }
    }
}
