//! Points by bits per weight on a logarithmic scale, with the Pareto frontier.

use super::axis::{Axis, Scale};
use super::labels::{Labels, Rect};
use super::{Area, COLOURS, FONT, GREY, frame, inside, leader, size_of, text};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::element::{Circle, Cross, DynElement, IntoDynElement, PathElement, Polygon, Text, TriangleMarker};
use plotters::prelude::SVGBackend;
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{BLACK, Color, RGBColor};

pub struct Point {
    pub bits: f64,
    pub value: f64,
    /// The standard error of the value.
    pub error: Option<f64>,
    pub name: String,
}

pub struct Series {
    pub name: String,
    pub points: Vec<Point>,
    /// Whether all of its points are labelled, not just those on the frontier.
    pub named: bool,
}

/// A named function of x.
pub type Curve = (String, fn(f64) -> f64);

pub struct Scatter {
    pub title: String,
    /// What the values are; smaller is better.
    pub value: String,
    pub series: Vec<Series>,
    /// A curve to compare with: its name, and its value by bits.
    pub curve: Option<Curve>,
}

type Pixel = (f64, f64);

impl Scatter {
    pub fn draw(&self, area: &Area) -> Result<Vec<Rect>, DrawingAreaErrorKind<std::io::Error>> {
        let points = self.series.iter().flat_map(|s| &s.points);
        let x = Axis::of("bits per weight", Scale::Linear, points.clone().map(|p| p.bits));
        let bounds = points.clone().filter_map(|p| self.curve.as_ref().map(|c| c.1(p.bits)));
        let values = points.clone().map(|p| p.value);
        let y = Axis::of(&self.value, Scale::Log, values.chain(bounds));
        let mut chart = frame(area, &self.title, &x, &y, 44)?;
        if let Some((_, value)) = &self.curve {
            let bits = (0..=64).map(|i| x.range.start + (x.range.end - x.range.start) * i as f64 / 64.0);
            let curve = bits.map(|bits| (bits, y.at(value(bits)))).collect::<Vec<_>>();
            chart.draw_series(DashedLineSeries::new(curve, 5, 4, GREY.stroke_width(1)))?;
        }
        let frontier = self.frontier();
        let path = frontier.iter().map(|(_, p)| (p.bits, y.at(p.value)));
        chart.draw_series(LineSeries::new(path, BLACK.mix(0.55).stroke_width(2)))?;
        let (left, top) = area.get_base_pixel();
        let at = |bits: f64, value: f64| -> Pixel {
            let (px, py) = chart.backend_coord(&(bits, y.at(value)));
            ((px - left) as f64, (py - top) as f64)
        };
        for (number, series) in self.series.iter().enumerate() {
            for p in &series.points {
                if let Some(error) = p.error {
                    let ends = [at(p.bits, p.value - error), at(p.bits, p.value + error)].map(whole);
                    let colour = COLOURS[number % 8].mix(0.7);
                    area.draw(&PathElement::new(ends.to_vec(), colour))?;
                    for (px, py) in ends {
                        area.draw(&PathElement::new(vec![(px - 3, py), (px + 3, py)], colour))?;
                    }
                }
                area.draw(&marker(number, at(p.bits, p.value)))?;
            }
        }
        let legend = self.legend(area, &inside(area, &chart))?;
        let mut marks: Vec<Rect> = points.map(|p| Rect::around(at(p.bits, p.value), 4.5)).collect();
        marks.push(legend);
        // Labels avoid the frontier too.
        for pair in frontier.windows(2) {
            let (a, b) = (at(pair[0].1.bits, pair[0].1.value), at(pair[1].1.bits, pair[1].1.value));
            let steps = ((b.0 - a.0).hypot(b.1 - a.1) / 6.0).ceil().max(1.0);
            let between = (0..=steps as usize).map(|i| i as f64 / steps);
            marks.extend(between.map(|t| Rect::around((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)), 1.5)));
        }
        let mut labels = Labels::new(inside(area, &chart), marks);
        let mut label = |at: Pixel, name: &str, size: f64, colour: &RGBColor| {
            if let Some(place) = labels.place(at, size_of(name, size)) {
                leader(area, at, &place)?;
                let middle = (place.left as i32, ((place.top + place.bottom) / 2.0) as i32);
                area.draw(&Text::new(
                    name.to_owned(),
                    middle,
                    text(size, colour, HPos::Left, VPos::Center),
                ))?;
            }
            Ok::<_, DrawingAreaErrorKind<std::io::Error>>(())
        };
        for (number, p) in &frontier {
            let name = format!("{} {}", self.series[*number].name, p.name);
            label(at(p.bits, p.value), &name, FONT, &BLACK)?;
        }
        if let [.., (_, a), (_, b)] = &frontier[..] {
            let middle = at(
                (a.bits + b.bits) / 2.0,
                (a.value.max(1e-300) * b.value.max(1e-300)).sqrt(),
            );
            label(middle, "Pareto frontier", FONT, &BLACK)?;
        }
        if let Some((name, value)) = &self.curve {
            let bits = x.range.start + 0.1 * (x.range.end - x.range.start);
            label(at(bits, value(bits)), name, FONT, &GREY)?;
        }
        for (number, series) in self.series.iter().enumerate().filter(|(_, s)| s.named) {
            let rest = |p: &&Point| !frontier.iter().any(|(_, f)| std::ptr::eq(*f, *p));
            for p in series.points.iter().filter(rest) {
                label(at(p.bits, p.value), &p.name, 10.0, &COLOURS[number % 8])?;
            }
        }
        Ok(labels.placed)
    }

    /// The points that no other matches in value at as few bits, by bits, with the number of their series.
    fn frontier(&self) -> Vec<(usize, &Point)> {
        let all = || {
            let series = self.series.iter().enumerate();
            series.flat_map(|(number, s)| s.points.iter().map(move |p| (number, p)))
        };
        let beats = |a: &Point, b: &Point| {
            let no_worse = a.bits <= b.bits && a.value <= b.value;
            no_worse && (a.bits < b.bits || a.value < b.value)
        };
        let mut frontier: Vec<_> = all().filter(|(_, p)| !all().any(|(_, q)| beats(q, p))).collect();
        frontier.sort_by(|a, b| a.1.bits.total_cmp(&b.1.bits));
        frontier.dedup_by(|b, a| (a.1.bits, a.1.value) == (b.1.bits, b.1.value));
        frontier
    }

    /// Draws the names of the series in the upper right corner; returns their box.
    fn legend(&self, area: &Area, frame: &Rect) -> Result<Rect, DrawingAreaErrorKind<std::io::Error>> {
        let widths = self.series.iter().map(|s| size_of(&s.name, FONT).0);
        let width = widths.fold(0.0, f64::max) + 28.0;
        let legend = Rect {
            left: frame.right - width,
            top: frame.top,
            right: frame.right,
            bottom: frame.top + 12.0 + 18.0 * self.series.len() as f64,
        };
        for (number, series) in self.series.iter().enumerate() {
            let y = frame.top + 14.0 + 18.0 * number as f64;
            area.draw(&marker(number, (legend.left + 10.0, y)))?;
            let style = text(FONT, &BLACK, HPos::Left, VPos::Center);
            area.draw(&Text::new(series.name.clone(), whole((legend.left + 22.0, y)), style))?;
        }
        Ok(legend)
    }
}

fn whole((x, y): Pixel) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

/// Series differ in colour and in shape.
fn marker<'a>(number: usize, at: Pixel) -> DynElement<'static, SVGBackend<'a>, (i32, i32)> {
    let (at, style) = (whole(at), COLOURS[number % 8].filled());
    let corners = |offsets: [(i32, i32); 4]| offsets.map(|(x, y)| (at.0 + x, at.1 + y)).to_vec();
    match number % 4 {
        0 => Circle::new(at, 4, style).into_dyn(),
        1 => TriangleMarker::new(at, 5, style).into_dyn(),
        2 => Polygon::new(corners([(-4, -4), (4, -4), (4, 4), (-4, 4)]), style).into_dyn(),
        _ if number % 8 < 4 => Polygon::new(corners([(0, -5), (5, 0), (0, 5), (-5, 0)]), style).into_dyn(),
        _ => Cross::new(at, 4, COLOURS[number % 8].stroke_width(2)).into_dyn(),
    }
}
