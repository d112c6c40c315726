//! A picture of the table: errors and perplexity by bits per weight, methods in colours, on logarithmic scales.
//!
//! The line is the rate-distortion bound of a Gaussian source (Shannon 1959): no code of R bits a weight has a relative
//! squared error under D = 4^-R. Names stand where no other way is as good in as few bits.

use crate::measure::Row;
use crate::svg::{COLOURS, HEIGHT, LEFT, TOP, escaped, page};
use std::fmt::Write;

const WIDTH: f64 = 420.0;

/// A value of a row that is drawn, where it has one.
type Value = dyn Fn(&Row) -> Option<f64>;

pub fn svg(title: &str, rows: &[Row], float: Option<f64>) -> String {
    let parts: [(&str, &Value, bool); 3] = [
        ("weight error, relative MSE", &|row| Some(row.weights), true),
        ("output error, relative MSE", &|row| row.outputs, false),
        ("perplexity", &|row| Some(row.language.as_ref()?.perplexity), false),
    ];
    let parts = parts
        .iter()
        .filter(|(_, value, _)| rows.iter().any(|row| value(row).is_some()));
    let parts: Vec<_> = parts.collect();
    let width = parts.len() as f64 * (WIDTH + LEFT) + LEFT;
    let mut svg = page(width, TOP + HEIGHT + 80.0, title);
    let mut methods: Vec<&str> = Vec::new();
    for row in rows {
        if !methods.contains(&&row.method[..]) {
            methods.push(&row.method);
        }
    }
    for (i, method) in methods.iter().enumerate() {
        let (x, y) = (LEFT + 120.0 * i as f64, TOP + HEIGHT + 50.0);
        let _ = writeln!(
            svg,
            "{}<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            dot(x, y - 4.0, i),
            x + 8.0,
            y,
            escaped(method)
        );
    }
    let bits = rows.iter().map(|row| row.bits);
    let least = bits.clone().fold(f64::MAX, f64::min).floor();
    let most = bits.fold(least + 1.0, f64::max).ceil();
    for (i, (title, value, bound)) in parts.iter().enumerate() {
        let left = LEFT + i as f64 * (WIDTH + LEFT);
        let float = float.filter(|_| *title == "perplexity");
        let part = Part::new(left, (least, most), rows, *value, *bound, float);
        part.axes(&mut svg, title);
        if let Some(float) = float {
            part.line(&mut svg, &[(least, float), (most, float)], "floats");
        }
        if *bound {
            let bits = (0..=64).map(|i| least + (most - least) * i as f64 / 64.0);
            let points: Vec<_> = bits.map(|bits| (bits, 4f64.powf(-bits))).collect();
            part.line(&mut svg, &points, "4^-bits");
        }
        for row in rows {
            let Some(v) = value(row) else { continue };
            let method = methods.iter().position(|m| *m == row.method).unwrap_or(0);
            let (x, y) = (part.x(row.bits), part.y(v));
            let name = escaped(&format!("{} {}", row.method, row.format));
            let dot = dot(x, y, method);
            let _ = writeln!(svg, "<g>{dot}<title>{name}: {v:.5}</title></g>");
            let better = |other: &Row| value(other).is_some_and(|o| o < v) && other.bits <= row.bits;
            if !rows.iter().any(better) {
                let (x, y) = (x + 6.0, y - 4.0);
                let text = escaped(&row.format);
                let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"9\">{text}</text>");
            }
        }
    }
    svg + "</svg>\n"
}

/// Shapes tell methods apart where there are more of them than colours.
fn dot(x: f64, y: f64, method: usize) -> String {
    let colour = COLOURS[method % COLOURS.len()];
    match method / COLOURS.len() {
        0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"),
        _ => format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\" fill=\"{colour}\"/>",
            x - 4.0,
            y - 4.0
        ),
    }
}

/// One of the diagrams.
struct Part {
    left: f64,
    /// The bits at both ends, and logarithms of the values there.
    bits: (f64, f64),
    least: f64,
    most: f64,
}

impl Part {
    fn new(left: f64, bits: (f64, f64), rows: &[Row], value: &Value, bound: bool, float: Option<f64>) -> Part {
        let values = rows.iter().filter_map(value).chain(float);
        let bounds = rows.iter().map(|row| 4f64.powf(-row.bits)).filter(|_| bound);
        let all = values.chain(bounds).filter(|v| *v > 0.0 && v.is_finite());
        let (least, most) = all.fold((f64::MAX, f64::MIN_POSITIVE), |(a, b), v| (a.min(v), b.max(v)));
        Part {
            left,
            bits,
            least: least.ln(),
            most: most.ln().max(least.ln() + 0.1),
        }
    }

    fn x(&self, bits: f64) -> f64 {
        let (least, most) = self.bits;
        self.left + WIDTH * 0.97 * (bits - least) / (most - least)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + HEIGHT * (0.97 - 0.94 * (value.ln() - self.least) / (self.most - self.least))
    }

    fn axes(&self, svg: &mut String, title: &str) {
        let bottom = TOP + HEIGHT;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"40\">{title}, by bits per weight</text>",
            self.left
        );
        for bits in self.bits.0 as usize..=self.bits.1 as usize {
            let x = self.x(bits as f64);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#eeeeee\"/>\n\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{bits}</text>",
                bottom + 15.0
            );
        }
        for i in 0..=5 {
            let value = (self.least + (self.most - self.least) * i as f64 / 5.0).exp();
            let y = self.y(value);
            let digits = (2 - value.log10().floor() as i32).max(0) as usize;
            let _ = writeln!(
                svg,
                "<line x1=\"{0:.1}\" x2=\"{1:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\n\
                 <text x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"end\">{value:.digits$}</text>",
                self.left,
                self.left + WIDTH * 0.97,
                self.left - 4.0,
                y + 4.0
            );
        }
    }

    /// Through the points that lie within the diagram, named at its last.
    fn line(&self, svg: &mut String, points: &[(f64, f64)], name: &str) {
        let inside = |(_, v): &&(f64, f64)| (self.least..=self.most).contains(&v.ln());
        let inside: Vec<_> = points.iter().filter(inside).collect();
        let path = inside
            .iter()
            .map(|(bits, v)| format!("{:.1},{:.1}", self.x(*bits), self.y(*v)));
        let path: Vec<_> = path.collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#999999\" stroke-dasharray=\"4 3\"/>",
            path.join(" ")
        );
        if let Some((bits, v)) = inside.first() {
            let (x, y) = (self.x(*bits) + 4.0, self.y(*v) - 6.0);
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#777777\">{name}</text>");
        }
    }
}
