//! Lines with their names at the ends.

use super::axis::{Axis, Scale};
use super::labels::{Labels, Rect};
use super::{Area, COLOURS, FONT, frame, inside, leader, size_of, text};
use plotters::drawing::DrawingAreaErrorKind;
use plotters::element::Text;
use plotters::series::LineSeries;
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

pub struct Lines {
    pub title: String,
    /// What the axes show: x in powers of two, y from zero up.
    pub x: String,
    pub y: String,
    /// Names and points.
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Lines {
    pub fn draw(&self, area: &Area) -> Result<Vec<Rect>, DrawingAreaErrorKind<std::io::Error>> {
        let points = self.lines.iter().flat_map(|line| &line.1);
        let x = Axis::of(&self.x, Scale::Binary, points.clone().map(|p| p.0));
        let y = Axis::from_zero(&self.y, points.map(|p| p.1));
        let mut chart = frame(area, &self.title, &x, &y, 44)?;
        for ((_, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let points = points.iter().map(|p| (x.at(p.0), y.at(p.1)));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        }
        let (left, top) = area.get_base_pixel();
        let mut labels = Labels::new(inside(area, &chart), Vec::new());
        for ((name, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let Some(last) = points.last() else { continue };
            let (px, py) = chart.backend_coord(&(x.at(last.0), y.at(last.1)));
            let at = ((px - left) as f64, (py - top) as f64);
            if let Some(label) = labels.place(at, size_of(name, FONT)) {
                leader(area, at, &label)?;
                let middle = ((label.top + label.bottom) / 2.0) as i32;
                let style = text(FONT, colour, HPos::Left, VPos::Center);
                area.draw(&Text::new(name.clone(), (label.left as i32, middle), style))?;
            }
        }
        Ok(labels.placed)
    }
}
