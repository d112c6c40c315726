//! Which kernel was the fastest for which product, on one device: kept, saved and loaded.

use crate::shader::kernels::{Kernel, Shape, by_name};
use crate::{Error, Format, Precision, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A kind of product: its format, n, k, a class of m, and what may be rounded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProductKind {
    format: String,
    n: usize,
    k: usize,
    /// The next power of two: kernels are not tuned for every m.
    m: usize,
    precision: &'static str,
}

impl ProductKind {
    pub fn of(format: Format, n: usize, k: usize, m: usize, precision: Precision) -> ProductKind {
        ProductKind {
            format: format.to_string(),
            n,
            k,
            // Beyond the largest power no product can be made, and the error is another's to say.
            m: m.checked_next_power_of_two().unwrap_or(usize::MAX),
            precision: match precision {
                Precision::F32 => "f32",
                Precision::F16 => "f16",
                Precision::I8 => "i8",
            },
        }
    }
}

/// The fastest kernel for each kind of product.
#[derive(Clone, Debug, Default)]
pub(crate) struct Winners {
    kernels: BTreeMap<ProductKind, &'static str>,
}

/// What [`Gpu::tune`](crate::Gpu::tune) found on one device, as text: the device, a line for each kind of product, a
/// checksum. [`Gpu::decisions`](crate::Gpu::decisions) gives it, [`Gpu::use_decisions`](crate::Gpu::use_decisions)
/// takes it at the next start; `Display` and `FromStr` are its text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct Decisions {
    text: String,
}

impl Decisions {
    /// All but the checksum, which holds: nothing else becomes a value of this type.
    fn lines(&self) -> impl Iterator<Item = &str> {
        let end = self.text.rfind(CHECKSUM).unwrap_or(self.text.len());
        self.text[..end].lines()
    }
}

impl std::fmt::Display for Decisions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Decisions {
    type Err = Error;

    /// Takes text that is whole.
    ///
    /// # Errors
    /// [`Error::Decisions`] where it was cut or altered.
    fn from_str(text: &str) -> Result<Decisions> {
        Decisions::try_from(text.to_string())
    }
}

impl TryFrom<String> for Decisions {
    type Error = Error;

    fn try_from(text: String) -> Result<Decisions> {
        summed(&text)?;
        Ok(Decisions { text })
    }
}

impl From<Decisions> for String {
    fn from(decisions: Decisions) -> String {
        decisions.text
    }
}

/// The first line of a file.
const HEADER: &str = "lowbit decisions 2";

/// What the last line begins with.
const CHECKSUM: &str = "checksum ";

impl Winners {
    pub fn insert(&mut self, product: ProductKind, kernel: &'static Kernel) {
        self.kernels.insert(product, kernel.name);
    }

    pub fn get(&self, product: &ProductKind) -> Option<&'static Kernel> {
        by_name(self.kernels.get(product)?)
    }

    pub fn extend(&mut self, other: Winners) {
        self.kernels.extend(other.kernels);
    }

    pub fn len(&self) -> usize {
        self.kernels.len()
    }

    /// As text: the device, a line for each product, a checksum of all these lines.
    pub fn write(&self, device: &str) -> Decisions {
        let mut text = format!("{HEADER}\n{device}\n");
        for (p, kernel) in &self.kernels {
            let ProductKind { format, n, k, m, .. } = p;
            let _ = writeln!(text, "{format} {n} {k} {m} {} {kernel}", p.precision);
        }
        let sum = checksum(text.as_bytes());
        let _ = writeln!(text, "{CHECKSUM}{sum:016x}");
        Decisions { text }
    }

    /// From text of this device, as it was written. Kernels that this version has no more are left out.
    pub fn read(decisions: &Decisions, device: &str) -> Result<Winners> {
        let mut lines = (1..).zip(decisions.lines());
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
        let mut decisions = Winners::default();
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
            let product = ProductKind {
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

/// The lines before the checksum, if they are those that it was made of.
fn summed(text: &str) -> Result<&str> {
    let at = text.rfind(CHECKSUM).unwrap_or(text.len());
    let (lines, last) = text.split_at(at);
    let expected = format!("{CHECKSUM}{:016x}\n", checksum(lines.as_bytes()));
    match last == expected {
        true => Ok(lines),
        false => Err(Error::Decisions {
            line: lines.lines().count() + 1,
            expected: expected.trim_end().into(),
            got: match last.trim_end() {
                "" => "the end".into(),
                last => last.into(),
            },
        }),
    }
}

/// FNV-1a of 64 bits: it tells of cuts and changes, not of malice.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_m_has_a_key() {
        for (m, key) in [(1, 1), (5, 8), (1 << 62, 1 << 62), (usize::MAX, usize::MAX)] {
            let product = ProductKind::of(Format::Q4_0, 64, 96, m, Precision::F32);
            assert_eq!(product.m, key, "m = {m}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut decisions = Winners::default();
        let product = |m| ProductKind::of(Format::Q4_0, 64, 96, m, Precision::I8);
        decisions.insert(product(5), by_name("gemm").unwrap());
        let text = decisions.write("a device").to_string();
        let lines = "lowbit decisions 2\na device\nq4_0 64 96 8 i8 gemm\n";
        assert_eq!(text, signed(lines));
        let told = read(&text, "a device").unwrap();
        assert_eq!(told.get(&product(7)).unwrap().name, "gemm");
        assert!(told.get(&product(9)).is_none());
        // Another device, a foreign file, a line that is none; a kernel of another version is no error.
        for (bad, line) in [
            (lines.replace("a device", "another"), 2),
            (lines.replace("decisions 2", "decisions 3"), 1),
            (lines.replace("96", "ninety-six"), 3),
            (lines.replace(" gemm", ""), 3),
            (String::new(), 1),
        ] {
            let error = read(&signed(&bad), "a device").err();
            assert!(matches!(error, Some(Error::Decisions { line: l, .. }) if l == line));
        }
        let older = signed(&lines.replace("gemm", "gone"));
        assert_eq!(read(&older, "a device").unwrap().len(), 0);
    }

    #[test]
    fn a_cut_or_altered_file_is_told() {
        let text = signed("lowbit decisions 2\na device\nq4_0 64 96 8 i8 gemm\n");
        for cut in 0..text.len() {
            assert!(read(&text[..cut], "a device").is_err(), "{cut}");
        }
        for (from, to) in [("96", "97"), ("gemm", "gemv"), ("\n", "\r\n")] {
            let altered = text.replacen(from, to, 1);
            assert!(read(&altered, "a device").is_err(), "{altered}");
        }
        let error = read("", "a device").unwrap_err();
        assert!(error.to_string().contains("the end"), "{error}");
    }

    fn read(text: &str, device: &str) -> Result<Winners> {
        Winners::read(&text.parse()?, device)
    }

    fn signed(lines: &str) -> String {
        format!("{lines}checksum {:016x}\n", checksum(lines.as_bytes()))
    }

    /// The values of <http://www.isthe.com/chongo/src/fnv/test_fnv.c>.
    #[test]
    fn checksums_are_fnv_1a() {
        assert_eq!(checksum(b""), 0xcbf29ce484222325);
        assert_eq!(checksum(b"a"), 0xaf63dc4c8601ec8c);
        assert_eq!(checksum(b"foobar"), 0x85944171f73967e8);
    }
}
