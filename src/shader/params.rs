//! The parameters of a dispatch.

use bytemuck::{Pod, Zeroable};

/// `Params` of `shaders/params.wgsl`, field by field.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct Params {
    pub n: u32,
    pub k: u32,
    pub m: u32,
    pub first_row: u32,
    pub rows: u32,
    pub code_units: u32,
    pub scale_units: u32,
    pub from_row: u32,
    pub zero: u32,
    pub slab_first: u32,
    pub slab_rows: u32,
    pub members: u32,
    pub sharing: u32,
    pub outputs: u32,
    pub padding: [u32; 2],
}

/// The largest parameters of any kernel.
pub(crate) const PARAMS_BYTES: u64 = size_of::<Params>() as u64;

#[cfg(test)]
impl Params {
    /// The name of each field, and where it lies.
    pub const FIELDS: [(&'static str, usize); 15] = {
        macro_rules! fields {
            ($($name:ident),*) => {
                [$((stringify!($name), std::mem::offset_of!(Params, $name))),*]
            };
        }
        fields!(
            n,
            k,
            m,
            first_row,
            rows,
            code_units,
            scale_units,
            from_row,
            zero,
            slab_first,
            slab_rows,
            members,
            sharing,
            outputs,
            padding
        )
    };
}
