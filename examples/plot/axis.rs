//! An axis: its scale, its range, and its ticks.

use std::ops::Range;

#[derive(Clone, Copy, PartialEq)]
pub enum Scale {
    Linear,
    /// Logarithmic to base 10, with ticks at 1, 2 and 5 times its powers, or only at powers where there are many.
    Log,
    /// Logarithmic to base 2, with ticks at its powers.
    Binary,
}

pub struct Axis {
    pub name: String,
    pub scale: Scale,
    /// From end to end, on the scale.
    pub range: Range<f64>,
    /// Values on the scale, and their text.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that holds all `values`, with a margin. Logarithmic scales skip values that are not positive.
    pub fn of(name: &str, scale: Scale, values: impl Iterator<Item = f64>) -> Axis {
        let values = values.filter(|v| v.is_finite() && (scale == Scale::Linear || *v > 0.0));
        let (least, most) = values.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        let (least, most) = if least > most { (1.0, 2.0) } else { (least, most) };
        let (from, to) = (scale.at(least), scale.at(most));
        let margin = 0.04 * (to - from).max(0.1);
        let range = from - margin..to + margin;
        let ticks = scale.ticks(&range);
        Axis {
            name: name.into(),
            scale,
            range,
            ticks,
        }
    }

    /// An axis from zero up.
    pub fn from_zero(name: &str, values: impl Iterator<Item = f64>) -> Axis {
        let most = values.fold(0.0, f64::max);
        let range = 0.0..if most > 0.0 { 1.05 * most } else { 1.0 };
        Axis {
            name: name.into(),
            scale: Scale::Linear,
            ticks: Scale::Linear.ticks(&range),
            range,
        }
    }

    /// The position of a value; one below the range, or not on the scale, is at the lower end.
    pub fn at(&self, value: f64) -> f64 {
        match self.scale.at(value) {
            at if at > self.range.start => at,
            _ => self.range.start,
        }
    }
}

impl Scale {
    fn at(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Log => value.log10(),
            Scale::Binary => value.log2(),
        }
    }

    fn ticks(self, range: &Range<f64>) -> Vec<(f64, String)> {
        let length = range.end - range.start;
        let inside = |(at, _): &(f64, String)| range.contains(at);
        let whole = range.start.floor() as i32..=range.end.ceil() as i32;
        match self {
            Scale::Linear => {
                let rough = length / 6.0;
                let power = 10f64.powf(rough.log10().floor());
                let steps = [1.0, 2.0, 5.0, 10.0].map(|s| s * power);
                let step = steps.into_iter().find(|s| *s >= rough).unwrap_or(rough);
                let first = (range.start / step).ceil() as i64;
                let ticks = (first..).map(|i| i as f64 * step).take_while(|at| *at <= range.end);
                ticks.map(|at| (at, number(at))).collect()
            }
            Scale::Log => {
                let of_power = |power: i32| {
                    let times: &[f64] = if length > 4.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                    let values = times.iter().map(move |t| t * 10f64.powi(power));
                    values.map(|v| (v.log10(), number(v)))
                };
                whole.flat_map(of_power).filter(inside).collect()
            }
            Scale::Binary => whole
                .map(|power| (power as f64, number(2f64.powi(power))))
                .filter(inside)
                .collect(),
        }
    }
}

/// A number with as few digits as distinguish ticks.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        v => (1 - v.log10().floor() as i32).max(0) as usize,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
