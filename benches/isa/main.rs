//! Makes products and says which, for `benches/isa/run`: the Vulkan layer beside it tells what a driver's compiler made
//! of their kernels. Nothing is multiplied.
//!
//!     isa FORMAT KERNEL M N K [FORMAT KERNEL M N K ..]
//!     isa lines      the same on standard input, one product a line
//!     isa formats    the names of all formats, on one line
//!
//! KERNEL is a kernel's name, or `auto:f32`, `auto:f16`, `auto:i8`. After each product comes a line of JSON, a mark:
//! the pipelines since the last mark are this product's, its kernel's the last of them.

use lowbit::{Error, Format, Gpu, GpuOptions, KERNELS, MatMul, Matrix, Precision, Weights, testing};
use serde_json::{Value, json};
use std::io::BufRead;
use std::sync::Mutex;

/// Weights of a row that a lane of a GEMV takes in one turn of its loop.
const PART: u32 = 32;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    // `cargo test --benches`, `cargo bench` and `cargo bench -- --test` give options only.
    if words.is_empty() {
        return test();
    }
    if words == ["formats"] {
        let names: Vec<&str> = Format::ALL.iter().map(Format::name).collect();
        return println!("{}", names.join(","));
    }
    env_logger::init();
    let mut maker = Maker::new(open().unwrap_or_else(|why| panic!("no adapter: {why}")));
    println!("{}", maker.device());
    if words == ["lines"] {
        for line in std::io::stdin().lock().lines() {
            let line = line.expect("standard input is text");
            let words: Vec<&str> = line.split_whitespace().collect();
            println!("{}", maker.make(&Asked::new(&words)));
        }
    } else {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for asked in words.chunks(5) {
            println!("{}", maker.make(&Asked::new(asked)));
        }
    }
}

/// One product on whatever adapter there is.
fn test() {
    match open() {
        Ok(gpu) => {
            let mark = Maker::new(gpu).make(&Asked::new(&["q4_0", "auto:f32", "1", "64", "256"]));
            assert!(mark["kernel"].is_string(), "nothing was made: {mark}");
            println!("{mark}");
        }
        Err(why) => println!("nothing was made, there is no adapter: {why}"),
    }
}

/// No adapter is an answer, anything else a failure.
fn open() -> Result<Gpu, String> {
    match Gpu::with_options(GpuOptions::default().with_cooperative_matrix(true)) {
        Ok(gpu) => Ok(gpu),
        Err(Error::NoAdapter(why)) => Err(why),
        Err(e) => panic!("{e}"),
    }
}

/// A line of input.
struct Asked<'a> {
    format: Format,
    kernel: &'a str,
    m: usize,
    n: usize,
    k: usize,
}

impl<'a> Asked<'a> {
    fn new(words: &[&'a str]) -> Asked<'a> {
        let [format, kernel, m, n, k] = words else {
            panic!("FORMAT KERNEL M N K, not {words:?}");
        };
        let number = |text: &str| text.parse().expect("a number");
        Asked {
            format: format.parse().unwrap_or_else(|e| panic!("{e}")),
            kernel,
            m: number(m),
            n: number(n),
            k: number(k),
        }
    }

    /// What may be rounded, and the kernel where one is named.
    fn precision(&self) -> (Precision, Option<&'a str>) {
        match self.kernel {
            "auto:f32" => (Precision::F32, None),
            "auto:f16" => (Precision::F16, None),
            "auto:i8" => (Precision::I8, None),
            name => {
                let kernel = KERNELS.iter().find(|kernel| kernel.name == name);
                let kernel = kernel.unwrap_or_else(|| panic!("no kernel {name}"));
                (kernel.precision, Some(name))
            }
        }
    }
}

/// Makes products, and keeps the last weights, since products of one format come one after the other.
struct Maker {
    gpu: Gpu,
    uploaded: Option<(Format, usize, usize, Weights)>,
    made: usize,
}

impl Maker {
    fn new(gpu: Gpu) -> Maker {
        Maker {
            gpu,
            uploaded: None,
            made: 0,
        }
    }

    fn device(&self) -> Value {
        let info = self.gpu.info();
        json!({"mark": "device", "by": "lowbit", "name": info.name, "driver": info.driver_info})
    }

    fn weights(&mut self, asked: &Asked) -> Result<Weights, Error> {
        let key = (asked.format, asked.n, asked.k);
        match &self.uploaded {
            Some((format, n, k, weights)) if (*format, *n, *k) == key => Ok(weights.clone()),
            _ => {
                let weights = self.gpu.upload(&zeros(asked)?)?;
                self.uploaded = Some((key.0, key.1, key.2, weights.clone()));
                Ok(weights)
            }
        }
    }

    /// The mark of a product, which says why where there is none.
    fn make(&mut self, asked: &Asked) -> Value {
        let mut mark = json!({
            "mark": "product", "by": "lowbit", "format": asked.format.to_string(), "asked": asked.kernel,
            "m": asked.m, "n": asked.n, "k": asked.k, "bits": asked.format.bits_per_weight(),
        });
        let told = match self.build(asked) {
            Ok((kernel, text)) => told(&kernel, &text),
            Err(e) => json!({"error": e.to_string()}),
        };
        let (all, told) = (mark.as_object_mut().expect("it is one"), told);
        all.extend(told.as_object().expect("it is one").clone());
        mark
    }

    /// The kernel's name, and the text that was compiled.
    fn build(&mut self, asked: &Asked) -> Result<(String, String), Error> {
        let weights = self.weights(asked)?;
        self.made += 1;
        let (precision, named) = asked.precision();
        let number = self.made;
        let text = Mutex::new(String::new());
        // A text is compiled once for a device: the number makes each product's its own.
        let edit = |composed: &str| {
            *text.lock().expect("not poisoned") = composed.to_string();
            format!("{composed}\n// {number}\n")
        };
        // One slice: a second dispatch, which adds slices, would be the last pipeline.
        let mut builder = MatMul::builder(&self.gpu, &weights, asked.m)
            .precision(precision)
            .slices(1);
        if let Some(name) = named {
            builder = builder.kernel(name);
        }
        let product = testing::edited(builder, edit).build()?;
        let text = text.lock().expect("not poisoned").clone();
        Ok((product.kernel().into(), text))
    }
}

/// Bytes of zeros, and a codebook of zeros where the format has one of its own.
fn zeros(asked: &Asked) -> Result<Matrix<'static>, Error> {
    let (format, n, k) = (asked.format, asked.n, asked.k);
    let bytes = vec![0; n * format.row_bytes(k)?];
    match Matrix::from_bytes(format, n, k, bytes.clone()) {
        Err(Error::Codebook { expected, .. }) => Matrix::from_codebook(format, n, k, bytes, &vec![0; 4 * expected]),
        made => made,
    }
}

/// What the tables need to know of a kernel and its text.
fn told(kernel: &str, text: &str) -> Value {
    let info = KERNELS.iter().find(|info| info.name == kernel).expect("in the table");
    let (lane_n, lane_m) = (constant(text, "LANE_N"), constant(text, "LANE_M"));
    // Only a GEMV has octets that share the parts of a row; a lane of it takes one part of each of its rows in a turn.
    let octets = constant(text, "LANES_K");
    let turn = octets.and(lane_n).map(|rows| PART * rows);
    let tile = tile(text).filter(|_| turn.is_none());
    json!({
        "kernel": kernel, "precision": info.precision.to_string(), "lane_n": lane_n, "lane_m": lane_m, "turn": turn,
        "tile": tile,
    })
}

/// Products of a lane in one turn of a tile's loop: a part of k, or STEP of them.
fn tile(text: &str) -> Option<u32> {
    let (tile_n, tile_m) = (constant(text, "TILE_N")?, constant(text, "TILE_M")?);
    let parts = constant(text, "STEP").unwrap_or(1);
    Some(tile_n * tile_m * PART * parts / constant(text, "WORKGROUP")?)
}

/// A constant that the composer printed.
fn constant(text: &str, name: &str) -> Option<u32> {
    let (_, rest) = text.split_once(&format!("const {name}: u32 = "))?;
    rest.split_once('u')?.0.parse().ok()
}
