// SwiGLU: multiplies by SiLU of the gate's sum, which gates/twice.wgsl has left in y.

fn swiglu(value: f32, row: u32, at: u32) -> f32 {
    let gate = f32(y[at]);
    return value * times_sigmoid(gate, gate);
}
