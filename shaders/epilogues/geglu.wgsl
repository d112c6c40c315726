// GeGLU: multiplies by GELU, by way of tanh, of the gate's sum, which gates/twice.wgsl has left in y.

fn geglu(value: f32, row: u32, at: u32) -> f32 {
    return value * gelu_tanh(f32(y[at]), row, at);
}
