//! Images of digits with their labels, from files in MNIST's format (idx).
//!
//! A file has two zero bytes, 8 for unsigned bytes, the number of dimensions, each dimension as a big-endian u32, then
//! the bytes.

use super::Fallible;
use std::path::Path;

/// The number of digits.
pub const CLASSES: usize = 10;

/// Images and their labels.
pub struct Set {
    /// Pixels of one image.
    pub k: usize,
    /// The pixel value of 1.0.
    white: f32,
    pixels: Vec<u8>,
    pub labels: Vec<u8>,
}

/// Images to train on and images to evaluate on.
pub struct Data {
    pub name: &'static str,
    pub train: Set,
    pub test: Set,
}

/// MNIST: 60,000 and 10,000 images of 28 x 28.
pub fn mnist(folder: &Path) -> Fallible<Data> {
    let set = |stem: &str| {
        let path = |rest: &str| folder.join(format!("{stem}-{rest}"));
        Set::read(&path("images.idx3-ubyte"), &path("labels.idx1-ubyte"), 255.0)
    };
    let (train, test) = (set("train")?, set("t10k")?);
    if train.k != test.k {
        return Err(format!("images of {} pixels and of {}", train.k, test.k).into());
    }
    let name = "MNIST";
    Ok(Data { name, train, test })
}

/// scikit-learn's digits: 1797 images of 8 x 8, every fifth of them to evaluate on.
pub fn digits(folder: &Path) -> Fallible<Data> {
    let path = |name: &str| folder.join(name);
    let all = Set::read(&path("digits.images"), &path("digits.labels"), 16.0)?;
    let (test, train) = all.split(|i| i % 5 == 4);
    let name = "digits";
    Ok(Data { name, train, test })
}

impl Set {
    fn read(images: &Path, labels: &Path, white: f32) -> Fallible<Set> {
        let (shape, pixels) = idx(images)?;
        let (count, labels) = idx(labels)?;
        let k = shape.iter().skip(1).product();
        if shape.first() != count.first() || k == 0 || labels.is_empty() {
            return Err(format!("{shape:?} images do not go with {count:?} labels").into());
        }
        if let Some(label) = labels.iter().find(|&&l| usize::from(l) >= CLASSES) {
            return Err(format!("a label should be under {CLASSES}, got {label}").into());
        }
        Ok(Set {
            k,
            white,
            pixels,
            labels,
        })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The images whose numbers are `chosen`, and the others.
    pub fn split(&self, chosen: impl Fn(usize) -> bool) -> (Set, Set) {
        let (mut yes, mut no) = (self.none(), self.none());
        for (i, image) in self.pixels.chunks_exact(self.k).enumerate() {
            let set = if chosen(i) { &mut yes } else { &mut no };
            set.pixels.extend_from_slice(image);
            set.labels.push(self.labels[i]);
        }
        (yes, no)
    }

    fn none(&self) -> Set {
        let (pixels, labels) = Default::default();
        Set {
            pixels,
            labels,
            ..*self
        }
    }

    /// Images by number, a row of k floats in 0..=1 each, and their labels.
    pub fn batch(&self, numbers: &[usize]) -> (Vec<f32>, Vec<u8>) {
        let images = numbers.iter().map(|&i| &self.pixels[i * self.k..][..self.k]);
        let floats = images.flatten().map(|&p| f32::from(p) / self.white);
        (floats.collect(), numbers.iter().map(|&i| self.labels[i]).collect())
    }

    /// All images.
    pub fn floats(&self) -> Vec<f32> {
        self.pixels.iter().map(|&p| f32::from(p) / self.white).collect()
    }
}

/// Dimensions and bytes of an idx file.
fn idx(path: &Path) -> Fallible<(Vec<usize>, Vec<u8>)> {
    let file = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let wrong = |what: &str| format!("{}: {what}", path.display());
    let [0, 0, 8, dimensions, rest @ ..] = &file[..] else {
        return Err(wrong("not an idx file of unsigned bytes").into());
    };
    let header = 4 * usize::from(*dimensions);
    if rest.len() < header {
        return Err(wrong("ends within its dimensions").into());
    }
    let (sizes, bytes) = rest.split_at(header);
    let (sizes, _) = sizes.as_chunks::<4>();
    let shape: Vec<_> = sizes.iter().map(|s| u32::from_be_bytes(*s) as usize).collect();
    let expected = shape.iter().try_fold(1usize, |all, &s| all.checked_mul(s));
    if expected != Some(bytes.len()) {
        return Err(wrong(&format!("{shape:?} should be the number of its {} bytes", bytes.len())).into());
    }
    Ok((shape, bytes.to_vec()))
}
