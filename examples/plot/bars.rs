//! Bars with names under them.

use super::axis::Axis;
use super::{Area, COLOURS, Drawn, FONT, frame, size_of, text};
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{BLACK, Color, FontTransform};

pub struct Bars {
    pub title: String,
    /// What their length shows.
    pub value: String,
    /// Names and values.
    pub bars: Vec<(String, f64)>,
}

/// Pixels from one bar to the next.
const STEP: u32 = 16;

impl Bars {
    pub fn width(&self) -> u32 {
        (64 + 20 + STEP * self.bars.len() as u32).max(260)
    }

    pub fn draw(&self, area: &Area) -> Drawn {
        let count = self.bars.len() as f64;
        let x = Axis {
            range: 0.0..count.max(1.0),
            ..Axis::from_zero("", std::iter::empty())
        };
        let x = Axis { ticks: Vec::new(), ..x };
        let y = Axis::from_zero(&self.value, self.bars.iter().map(|b| b.1));
        let longest = self.bars.iter().map(|b| size_of(&b.0, FONT).0).fold(40.0, f64::max);
        let mut chart = frame(area, &self.title, &x, &y, longest as u32 + 16)?;
        let bars = self.bars.iter().enumerate().map(|(i, (_, value))| {
            let ends = [(i as f64 + 0.12, 0.0), (i as f64 + 0.88, y.at(*value))];
            Rectangle::new(ends, COLOURS[0].filled())
        });
        chart.draw_series(bars)?;
        let (left, top) = area.get_base_pixel();
        for (i, (name, _)) in self.bars.iter().enumerate() {
            let (px, py) = chart.backend_coord(&(i as f64 + 0.5, 0.0));
            let style = text(FONT, &BLACK, HPos::Right, VPos::Center).transform(FontTransform::Rotate270);
            area.draw(&Text::new(name.clone(), (px - left, py - top + 6), style))?;
        }
        Ok(())
    }
}
