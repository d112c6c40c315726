//! Trains or rounds one network after the other, and evaluates each.

use super::net::Fallible;
use super::net::data::Set;
use super::net::mlp::Mlp;
use super::net::packed::Packed;
use super::net::scheme::Scheme;
use super::net::train::{Plan, Teacher, quantizers, train};
use super::table::Row;
use indicatif::{ProgressBar, ProgressStyle};
use lowbit::{Format, Gpu};
use std::time::Instant;

pub struct Run {
    images: Set,
    test: Set,
    gpu: Option<Gpu>,
    pub rows: Vec<Row>,
}

impl Run {
    pub fn new(images: Set, test: Set, gpu: Option<Gpu>) -> Run {
        let rows = Vec::new();
        Run {
            images,
            test,
            gpu,
            rows,
        }
    }

    /// Trains a copy of `start` with its weights quantized by `scheme`.
    pub fn train(
        &mut self,
        name: &'static str,
        start: &Mlp,
        scheme: Scheme,
        teacher: Option<&Teacher>,
        plan: Plan,
    ) -> Fallible<Mlp> {
        let started = Instant::now();
        let bar = ProgressBar::new(1000).with_message(name);
        let style = ProgressStyle::with_template("{msg:28} {bar:40} {eta} left")?;
        bar.set_style(style);
        let mut net = start.clone();
        let learned = train(&mut net, scheme, &self.images, teacher, plan, &|done| {
            bar.set_position((1000.0 * done) as u64);
        })?;
        bar.finish_and_clear();
        println!("{name}: trained in {:.1} s", started.elapsed().as_secs_f64());
        self.judge(name, &Packed::trained(&net, &learned)?)?;
        Ok(net)
    }

    /// Rounds `net` by the format.
    pub fn round(&mut self, name: &'static str, net: &Mlp, format: Format) -> Fallible<()> {
        self.judge(name, &Packed::rounded(net, format)?)
    }

    /// Rounds `net` by the quantizer that training would start with.
    pub fn round_by(&mut self, name: &'static str, net: &Mlp, scheme: Scheme) -> Fallible<()> {
        self.judge(name, &Packed::trained(net, &quantizers(scheme, net)?)?)
    }

    fn judge(&mut self, name: &'static str, packed: &Packed) -> Fallible<()> {
        let row = Row {
            name,
            bits_per_weight: packed.bits_per_weight(),
            floats: packed.in_floats(&self.test),
            packed: packed.accuracy(self.gpu.as_ref(), &self.test)?,
        };
        println!("{name}: {:.4}", row.packed);
        self.rows.push(row);
        Ok(())
    }
}
