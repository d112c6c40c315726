//! Numbers in f64 with a bound on the error of an f32 computation of them.

use crate::common::BOUND;
use lowbit::Epilogue;

const EPS: f64 = f32::EPSILON as f64;

#[derive(Clone, Copy, Debug)]
pub struct Bounded {
    pub value: f64,
    pub error: f64,
}

/// The cumulative normal distribution at `v`.
fn phi(v: f64) -> f64 {
    let z = v.abs() / std::f64::consts::SQRT_2;
    // erf by its series, or, where that loses digits, erfc by its continued fraction.
    let tail = if z < 3.0 {
        let (mut term, mut sum) = (z, z);
        for n in 1..200 {
            term *= -z * z / n as f64;
            sum += term / (2 * n + 1) as f64;
        }
        1.0 - 2.0 / std::f64::consts::PI.sqrt() * sum
    } else {
        let fraction = (1..200).rev().fold(z, |f, i| z + i as f64 / 2.0 / f);
        (-z * z).exp() / std::f64::consts::PI.sqrt() / fraction
    };
    if v > 0.0 { 1.0 - tail / 2.0 } else { tail / 2.0 }
}

fn sigmoid(v: f64) -> f64 {
    1.0 / (1.0 + (-v).exp())
}

impl Bounded {
    /// A sum of products, within the bound that all kernels share.
    pub fn sum((value, magnitude): (f64, f64)) -> Bounded {
        Bounded {
            value,
            error: BOUND * (EPS * magnitude + f32::MIN_POSITIVE as f64),
        }
    }

    /// f(v): its error is `slope` times v's error plus `roundings` units of the result.
    fn map(self, value: f64, slope: f64, roundings: f64) -> Bounded {
        Bounded {
            value,
            error: self.error * slope + EPS * roundings * value.abs() + 1e-30,
        }
    }

    /// Applies an epilogue, with its operand's number for this output. WGSL allows exp(a) an error of 3 + 2|a| units.
    pub fn then(self, epilogue: Epilogue, operand: f64) -> Bounded {
        let v = self.value;
        match epilogue {
            Epilogue::Bias | Epilogue::Residual | Epilogue::Accumulate => {
                let larger = v.abs().max(operand.abs());
                let mut sum = self.map(v + operand, 1.0, 1.0);
                sum.error += EPS * larger;
                sum
            }
            Epilogue::Scale | Epilogue::RowScale | Epilogue::Multiply => self.map(v * operand, operand.abs(), 1.0),
            Epilogue::SiluGate => {
                let factor = operand * sigmoid(operand);
                self.map(v * factor, factor.abs(), 8.0 + 4.0 * operand.abs())
            }
            Epilogue::GeluTanhGate => {
                let u = (2.0 / std::f64::consts::PI).sqrt() * (operand + 0.044715 * operand * operand * operand);
                let factor = operand * sigmoid(2.0 * u);
                self.map(v * factor, factor.abs(), 8.0 + 16.0 * u.abs())
            }
            // The error of tanh is absolute: a few units of 1.
            Epilogue::SoftCap(cap) => {
                let cap = f64::from(cap);
                let mut capped = self.map(cap * (v / cap).tanh(), 1.0, 8.0);
                capped.error += 8.0 * EPS * cap;
                capped
            }
            Epilogue::Relu => self.map(v.max(0.0), 1.0, 0.0),
            Epilogue::Gelu => self.map(v * phi(v), 1.13, 8.0 + 2.0 * v * v),
            Epilogue::GeluTanh => {
                let u = (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v * v * v);
                self.map(v * sigmoid(2.0 * u), 1.13, 8.0 + 16.0 * u.abs())
            }
            Epilogue::Silu => self.map(v * sigmoid(v), 1.1, 8.0 + 4.0 * v.abs()),
            new => panic!("add the value and error of {new:?} here"),
        }
    }

    /// Finally rounded to f16.
    pub fn rounded(self) -> Bounded {
        Bounded {
            error: self.error + self.value.abs() / 2048.0 + 1.0 / (1 << 24) as f64,
            ..self
        }
    }
}

/// The first output out of bounds; NaN is out of bounds.
pub fn check(y: &[f32], want: &[Bounded]) -> Result<(), String> {
    assert_eq!(y.len(), want.len());
    for (i, (y, want)) in y.iter().zip(want).enumerate() {
        let error = (*y as f64 - want.value).abs();
        if !(error <= want.error) {
            let Bounded { value, error: bound } = want;
            return Err(format!(
                "output {i} is {y:e}, should be {value:e}: off by {error:e}, bound {bound:e}"
            ));
        }
    }
    Ok(())
}
