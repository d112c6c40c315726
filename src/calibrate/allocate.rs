//! The format of each tensor, such that all tensors fit a budget of bytes and the sum of their errors is least.
//!
//! [`exact`] solves the multiple-choice knapsack by dynamic programming; [`lagrangian`] takes the best choices for one
//! price per byte (Y. Shoham and A. Gersho, "Efficient bit allocation for an arbitrary set of quantizers", 1988).

use crate::reserve::within;
use crate::{Error, Format, Result};
use std::fmt;
use std::str::FromStr;

/// The most entries of the table of [`exact`], 2 bytes each.
const TABLE: u64 = 1 << 28;

/// A candidate format of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The format.
    pub format: Format,
    /// The size of the tensor in this format, in bytes.
    pub bytes: u64,
    /// The error of the tensor in this format, at least 0. Errors of different tensors are added.
    pub error: f64,
}

/// The choices of least total error, as an index into the choices of each tensor, with at most `budget` bytes in total.
///
/// By dynamic programming: time is the number of all choices times the number of possible total sizes, memory two bytes
/// for each tensor and size. Sizes are counted in the greatest common divisor of the differences between choices.
///
/// # Errors
/// [`Error::Argument`] where a tensor has no choice or more than 65 535, an error is negative or not finite, or the
/// budget is less than the total of the smallest choices; [`Error::TooLarge`] where the table would have more than 2^28
/// entries.
pub fn exact(tensors: &[Vec<Choice>], budget: u64) -> Result<Vec<usize>> {
    let least = check(tensors, budget)?;
    let over = |choice: &Choice, least: &u64| choice.bytes - least;
    // The budget beyond the smallest choices, and the most that the largest choices can use of it.
    let mut unit = 0;
    let mut most = 0u64;
    for (choices, least) in tensors.iter().zip(&least) {
        let sizes = choices.iter().map(|c| over(c, least));
        unit = sizes.clone().fold(unit, gcd);
        most = most.saturating_add(sizes.max().unwrap_or(0));
    }
    let unit = unit.max(1);
    let left = (budget - least.iter().sum::<u64>()).min(most) / unit;
    let needed = left.saturating_add(1).saturating_mul(tensors.len() as u64);
    within("the table of the exact assignment, in entries,", needed, TABLE)?;
    let states = left as usize + 1;
    // The least error of the tensors so far within each number of units, and the choice of the last tensor for it.
    let mut errors = vec![0f64; states];
    let mut chosen = vec![0u16; states * tensors.len()];
    for ((choices, least), chosen) in tensors.iter().zip(&least).zip(chosen.chunks_mut(states)) {
        let mut next = vec![f64::INFINITY; states];
        for (i, choice) in choices.iter().enumerate() {
            let units = over(choice, least) / unit;
            if units > left {
                continue;
            }
            let units = units as usize;
            let places = next[units..].iter_mut().zip(&mut chosen[units..]);
            for ((next, chosen), before) in places.zip(&errors) {
                if before + choice.error < *next {
                    *next = before + choice.error;
                    *chosen = i as u16;
                }
            }
        }
        errors = next;
    }
    let mut state = states - 1;
    let mut assignment = vec![0usize; tensors.len()];
    for t in (0..tensors.len()).rev() {
        assignment[t] = chosen[t * states + state] as usize;
        let size = over(&tensors[t][assignment[t]], &least[t]);
        state -= (size / unit) as usize;
    }
    Ok(assignment)
}

/// Close to [`exact`], in little time. Each tensor starts with its smallest choice; steps along the lower convex hulls
/// of the choices are taken in descending order of error saved per byte. The result minimizes Σ error + λ · bytes for
/// the λ of the last step; later steps that still fit are taken too. It is optimal for the bytes that it uses, and
/// optimal for the budget where all steps have the same size.
///
/// # Errors
/// Those of `exact` but [`Error::TooLarge`].
pub fn lagrangian(tensors: &[Vec<Choice>], budget: u64) -> Result<Vec<usize>> {
    let least = check(tensors, budget)?;
    let mut left = budget - least.iter().sum::<u64>();
    let hulls: Vec<Vec<usize>> = tensors.iter().map(|choices| hull(choices)).collect();
    let mut steps = Vec::new();
    for (tensor, (choices, hull)) in tensors.iter().zip(&hulls).enumerate() {
        for (to, pair) in hull.windows(2).enumerate() {
            let (a, b) = (&choices[pair[0]], &choices[pair[1]]);
            let bytes = b.bytes - a.bytes;
            steps.push(HullStep {
                tensor,
                to: to + 1,
                bytes,
                gain: (a.error - b.error) / bytes as f64,
            });
        }
    }
    // Stable, so that equal steps along one hull keep their order.
    steps.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    let mut reached = vec![0usize; tensors.len()];
    for step in steps {
        let in_order = reached[step.tensor] + 1 == step.to;
        if in_order && step.bytes <= left {
            left -= step.bytes;
            reached[step.tensor] = step.to;
        }
    }
    Ok(hulls.iter().zip(reached).map(|(hull, at)| hull[at]).collect())
}

/// A step along the hull of one tensor to its next larger choice.
struct HullStep {
    tensor: usize,
    /// The place on the hull that the step leads to.
    to: usize,
    bytes: u64,
    /// The error saved for each byte.
    gain: f64,
}

/// Checks the arguments; the size of each tensor's smallest choice, in bytes.
fn check(tensors: &[Vec<Choice>], budget: u64) -> Result<Vec<u64>> {
    let mut least = Vec::new();
    for choices in tensors {
        if choices.is_empty() || choices.len() > u16::MAX as usize {
            let got = choices.len();
            return Err(Error::argument("the number of a tensor's choices", "1 to 65535", got));
        }
        for choice in choices {
            if !(choice.error >= 0.0 && choice.error.is_finite()) {
                let got = choice.error.to_string();
                return Err(Error::argument("the error of a choice", "finite and at least 0", got));
            }
        }
        least.extend(choices.iter().map(|c| c.bytes).min());
    }
    let sum: u128 = least.iter().map(|bytes| u128::from(*bytes)).sum();
    if sum > budget.into() {
        let allowed = format!("at least {sum} bytes, what the smallest choices take");
        return Err(Error::argument("the budget", &allowed, budget));
    }
    Ok(least)
}

/// The choices on the lower convex hull, in ascending order of bytes and strictly descending order of error.
fn hull(choices: &[Choice]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..choices.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&choices[a], &choices[b]);
        a.bytes.cmp(&b.bytes).then(a.error.total_cmp(&b.error))
    });
    let gain = |a: usize, b: usize| {
        let (a, b) = (&choices[a], &choices[b]);
        (a.error - b.error) / (b.bytes - a.bytes) as f64
    };
    let mut hull: Vec<usize> = Vec::new();
    for next in order {
        // Sorted by bytes, so a choice that is not better than an earlier one is never used.
        if hull
            .last()
            .is_some_and(|&last| choices[next].error >= choices[last].error)
        {
            continue;
        }
        while let [.., a, b] = hull[..] {
            if gain(b, next) < gain(a, b) {
                break;
            }
            hull.pop();
        }
        hull.push(next);
    }
    hull
}

fn gcd(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        b => gcd(b, a % b),
    }
}

/// The formats of tensors by name. As text it has one line `NAME=FORMAT` for each tensor.
///
/// ```
/// use lowbit::{calibrate::allocate::Assignment, Format};
///
/// let text = "# 4.5 bits\nblk.0.attn_q.weight=q4_0\nblk.0.ffn_down.weight=int5_g64\n";
/// let assignment: Assignment = text.parse()?;
/// assert_eq!(assignment.format("blk.0.attn_q.weight"), Some(Format::Q4_0));
/// assert_eq!(assignment.to_string().parse::<Assignment>()?, assignment);
/// # Ok::<(), lowbit::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assignment {
    /// Unique names of tensors, and their formats.
    pub entries: Vec<(String, Format)>,
}

impl Assignment {
    /// The format of the tensor of this name; `None` where it has no entry.
    pub fn format(&self, name: &str) -> Option<Format> {
        let entry = self.entries.iter().find(|(entry, _)| entry == name)?;
        Some(entry.1)
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, format) in &self.entries {
            writeln!(f, "{name}={format}")?;
        }
        Ok(())
    }
}

impl FromStr for Assignment {
    type Err = Error;

    /// Parses one `NAME=FORMAT` a line. Spaces around both, empty lines and lines that start with `#` are ignored.
    fn from_str(text: &str) -> Result<Assignment> {
        let mut entries: Vec<(String, Format)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let parts = line.rsplit_once('=').map(|(name, f)| (name.trim(), f.trim()));
            let Some((name, format)) = parts.filter(|(name, _)| !name.is_empty()) else {
                return Err(Error::File {
                    at: format!("line {}", number + 1),
                    what: "an assignment".into(),
                    expected: "NAME=FORMAT".into(),
                    got: line.into(),
                });
            };
            let format = format.parse().map_err(|source| Error::InTensor {
                name: name.into(),
                source: Box::new(source),
            })?;
            if let Some(first) = entries.iter().position(|(entry, _)| entry == name) {
                return Err(Error::Duplicate {
                    at: name.into(),
                    first: first as u64,
                    second: entries.len() as u64,
                });
            }
            entries.push((name.into(), format));
        }
        Ok(Assignment { entries })
    }
}
