//! A picture of two parts, written as SVG by hand: bars by format, lines by m.

use crate::svg::{COLOURS, HEIGHT, LEFT, TOP, escaped, page};
use std::fmt::Write;

pub struct Bar {
    pub label: String,
    pub value: f64,
}

pub struct Line {
    pub label: String,
    /// m and the value there.
    pub points: Vec<(usize, f64)>,
}

pub struct Plot {
    pub title: String,
    pub bars: Vec<Bar>,
    pub lines: Vec<Line>,
}

const LINES_WIDTH: f64 = 420.0;
const BAR: f64 = 13.0;

impl Plot {
    pub fn svg(&self) -> String {
        let bars_width = BAR * self.bars.len() as f64;
        let width = LEFT + bars_width + 2.0 * LEFT + LINES_WIDTH;
        let height = TOP + HEIGHT + 110.0;
        let mut svg = page(width, height, &self.title);
        let most = self.bars.iter().map(|b| b.value).fold(0.0, f64::max);
        let y = axis(&mut svg, LEFT, bars_width, most, "GFLOP/s at m = 1, by format");
        for (i, bar) in self.bars.iter().enumerate() {
            let x = LEFT + BAR * i as f64 + 1.0;
            let top = y(bar.value);
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{top:.1}\" width=\"{}\" height=\"{:.1}\" fill=\"{}\"/>\n\
                 <text transform=\"translate({},{}) rotate(-60)\" text-anchor=\"end\">{}</text>",
                BAR - 3.0,
                TOP + HEIGHT - top,
                COLOURS[0],
                x + 8.0,
                TOP + HEIGHT + 12.0,
                escaped(&bar.label),
            );
        }
        let left = LEFT + bars_width + 1.5 * LEFT;
        let values = self.lines.iter().flat_map(|l| &l.points);
        let most = values.clone().map(|p| p.1).fold(0.0, f64::max);
        let last = values.map(|p| p.0).max().unwrap_or(1).max(2);
        let y = axis(&mut svg, left, LINES_WIDTH, most, "GFLOP/s by m");
        let x = |m: usize| left + LINES_WIDTH * (m as f64).log2() / (last as f64).log2();
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            let points: Vec<String> = line
                .points
                .iter()
                .map(|(m, value)| format!("{:.1},{:.1}", x(*m), y(*value)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                points.join(" ")
            );
            if let Some((m, value)) = line.points.last() {
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{}</text>",
                    x(*m) + 4.0,
                    y(*value),
                    escaped(&line.label)
                );
            }
        }
        for (m, _) in self.lines.first().map_or(&[][..], |l| &l.points) {
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{m}</text>",
                x(*m),
                TOP + HEIGHT + 15.0
            );
        }
        svg + "</svg>\n"
    }
}

/// Draws five lines and their values; returns where a value lies.
fn axis(svg: &mut String, left: f64, width: f64, most: f64, title: &str) -> impl Fn(f64) -> f64 + use<> {
    let most = if most > 0.0 { most } else { 1.0 };
    let y = move |value: f64| TOP + HEIGHT * (1.0 - value / (1.05 * most));
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"40\">{title}</text>");
    for i in 0..=4 {
        let value = most * i as f64 / 4.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{:.1}\" y1=\"{1:.1}\" y2=\"{1:.1}\" stroke=\"#dddddd\"/>\n\
             <text x=\"{2}\" y=\"{3:.1}\" text-anchor=\"end\">{value:.1}</text>",
            left + width,
            y(value),
            left - 4.0,
            y(value) + 4.0,
        );
    }
    y
}
