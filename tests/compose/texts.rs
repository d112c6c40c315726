//! The shaders that devices get: for each format and kernel one of the texts that there are.

use super::common;
use lowbit::{Caps, DeviceClass, Dialect, Error, Format, KERNELS, wgsl_on};
use std::collections::{BTreeSet, HashSet};

pub struct Text {
    /// Format, kernel, and what the device and the product are like.
    pub name: String,
    pub format: Format,
    pub kernel: &'static str,
    pub text: String,
}

pub struct Texts {
    /// No two alike.
    pub texts: Vec<Text>,
    /// Formats, and kernels of integers that refuse them.
    pub without_codes: BTreeSet<(String, &'static str)>,
}

/// One text for each format and kernel, composed for this dialect, and a second for devices that have words of 64 bits
/// where that is another. Neighbours differ in all else that a text depends on: the class of the device, m (one, some and
/// all columns of each kernel, and the larger tile of matrix units), and whether x needs checks.
pub fn one_of_each(formats: &[Format], dialect: Dialect) -> Texts {
    let words: &[Caps] = match dialect {
        // WebGPU has no integers of 64 bits.
        Dialect::Browser => &[Caps::NONE],
        Dialect::Naga => &[Caps::NONE, Caps::SHADER_INT64],
    };
    let mut kinds = Vec::new();
    for m in [1, 3, 65] {
        for k in [256, 784] {
            kinds.push((DeviceClass::Cpu, m, k));
            kinds.push((DeviceClass::Gpu, m, k));
        }
    }
    let (mut texts, mut seen, mut without_codes) = (Vec::new(), HashSet::new(), BTreeSet::new());
    for (place, &format) in formats.iter().enumerate() {
        for (number, &kernel) in KERNELS.iter().enumerate() {
            let (class, m, k) = kinds[(place + 5 * number) % kinds.len()];
            let k = common::fitting_k(format, k);
            for &words in words {
                let text = match wgsl_on(format, kernel, m, k, class, words, dialect) {
                    Err(Error::NoCodes { .. }) => {
                        without_codes.insert((format.to_string(), kernel));
                        continue;
                    }
                    text => text.unwrap(),
                };
                if seen.insert(text.clone()) {
                    let long = if words.is_empty() { "" } else { "-long" };
                    let name = format!("{format}-{kernel}-{class:?}-m{m}-k{k}{long}");
                    texts.push(Text {
                        name,
                        format,
                        kernel,
                        text,
                    });
                }
            }
        }
    }
    Texts { texts, without_codes }
}
