//! Which kernel was the fastest for which product, on one device: kept, saved and loaded.

use super::kernels::{by_name, Kernel, Shape};
use crate::{Error, Format, Precision, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A kind of product: its format, n, k, a class of m, and what may be rounded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Product {
    format: String,
    n: usize,
    k: usize,
    /// The next power of two: kernels are not tuned for every m.
    m: usize,
    precision: &'static str,
}

impl Product {
    pub fn of(format: Format, n: usize, k: usize, m: usize, precision: Precision) -> Product {
        Product {
            format: format.to_string(),
            n,
            k,
            m: m.next_power_of_two(),
            precision: match precision {
                Precision::F32 => "f32",
                Precision::F16 => "f16",
                Precision::I8 => "i8",
            },
        }
    }
}

/// The winners.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decisions {
    kernels: BTreeMap<Product, &'static str>,
}

/// The first line of a file.
const HEADER: &str = "lowbit decisions 1";

impl Decisions {
    pub fn insert(&mut self, product: Product, kernel: &'static Kernel) {
        self.kernels.insert(product, kernel.name);
    }

    pub fn get(&self, product: &Product) -> Option<&'static Kernel> {
        by_name(self.kernels.get(product)?)
    }

    pub fn extend(&mut self, other: Decisions) {
        self.kernels.extend(other.kernels);
    }

    pub fn len(&self) -> usize {
        self.kernels.len()
    }

    /// As text: the device, then a line for each product.
    pub fn write(&self, device: &str) -> String {
        let mut text = format!("{HEADER}\n{device}\n");
        for (p, kernel) in &self.kernels {
            let Product {
                format, n, k, m, ..
            } = p;
            let _ = writeln!(text, "{format} {n} {k} {m} {} {kernel}", p.precision);
        }
        text
    }

    /// From text of this device. Kernels that this version has no more are left out.
    pub fn read(text: &str, device: &str) -> Result<Decisions> {
        let mut lines = (1..).zip(text.lines());
        let mut expect = |expected: &str| match lines.next() {
            Some((_, line)) if line == expected => Ok(()),
            got => Err(Error::Decisions {
                line: got.map_or(1, |(number, _)| number),
                expected: expected.into(),
                got: got.map_or("the end", |(_, line)| line).into(),
            }),
        };
        expect(HEADER)?;
        expect(device)?;
        let mut decisions = Decisions::default();
        for (number, line) in lines {
            let wrong = || Error::Decisions {
                line: number,
                expected: "FORMAT N K M PRECISION KERNEL".into(),
                got: line.into(),
            };
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [format, n, k, m, precision, kernel] = fields[..] else {
                return Err(wrong());
            };
            let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
            let product = Product {
                format: format.into(),
                n: number(n)?,
                k: number(k)?,
                m: number(m)?,
                precision: ["f32", "f16", "i8"]
                    .into_iter()
                    .find(|p| *p == precision)
                    .ok_or_else(wrong)?,
            };
            if let Some(kernel) = by_name(kernel).filter(|k| k.shape == Shape::Product) {
                decisions.insert(product, kernel);
            }
        }
        Ok(decisions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut decisions = Decisions::default();
        let product = |m| Product::of(Format::Q4_0, 64, 96, m, Precision::I8);
        decisions.insert(product(5), by_name("gemm").unwrap());
        let text = decisions.write("a device");
        assert_eq!(text, "lowbit decisions 1\na device\nq4_0 64 96 8 i8 gemm\n");
        let read = Decisions::read(&text, "a device").unwrap();
        assert_eq!(read.get(&product(7)).unwrap().name, "gemm");
        assert!(read.get(&product(9)).is_none());
        // Another device, a foreign file, a torn line; a kernel of another version is no error.
        for bad in [
            text.replace("a device", "another"),
            text.replace("decisions 1", "decisions 2"),
            text.replace("96", "ninety-six"),
            text.replace(" gemm", ""),
            String::new(),
        ] {
            assert!(Decisions::read(&bad, "a device").is_err(), "{bad}");
        }
        let older = Decisions::read(&text.replace("gemm", "gone"), "a device").unwrap();
        assert_eq!(older.len(), 0);
    }
}
