//! Pictures of the examples: SVG by plotters, panels next to each other.

pub mod axis;
pub mod bars;
pub mod labels;
pub mod lines;
pub mod scatter;

use axis::Axis;
use bars::Bars;
use labels::Rect;
use lines::Lines;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{PathElement, Text};
use plotters::prelude::{Cartesian2d, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, FontTransform, IntoFont, RGBColor, TextStyle, WHITE};
use scatter::Scatter;

type Backend<'a> = SVGBackend<'a>;
type Area<'a> = DrawingArea<Backend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, Backend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Okabe and Ito's colours, which people with any colour vision can distinguish, without yellow.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(0, 0, 0),
];
const GRID: RGBColor = RGBColor(226, 226, 226);
const GREY: RGBColor = RGBColor(110, 110, 110);

/// Pixels of a panel, and of the title above all panels.
const HEIGHT: u32 = 560;
const TITLE: u32 = 34;
/// The size of most text, in pixels of SVG; plotters multiplies it by 1.24.
const FONT: f64 = 12.0;

/// One diagram.
pub enum Panel {
    Scatter(Scatter),
    Bars(Bars),
    Lines(Lines),
}

impl Panel {
    fn width(&self) -> u32 {
        match self {
            Panel::Scatter(_) => 820,
            Panel::Bars(bars) => bars.width(),
            Panel::Lines(_) => 560,
        }
    }

    /// Draws it in an area; returns the boxes of its labels.
    fn draw(&self, area: &Area) -> Result<Vec<Rect>, DrawingAreaErrorKind<std::io::Error>> {
        match self {
            Panel::Scatter(scatter) => scatter.draw(area),
            Panel::Bars(bars) => bars.draw(area).map(|()| Vec::new()),
            Panel::Lines(lines) => lines.draw(area),
        }
    }
}

/// A picture on a white background, and the boxes of its labels.
pub fn svg(title: &str, panels: &[Panel]) -> Result<(String, Vec<Rect>), Box<dyn std::error::Error>> {
    let width = panels.iter().map(Panel::width).sum();
    let (mut svg, mut boxes) = (String::new(), Vec::new());
    {
        let root = SVGBackend::with_string(&mut svg, (width, TITLE + HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        let style = text(15.0, &BLACK, HPos::Left, VPos::Top);
        root.draw(&Text::new(title.to_owned(), (16, 12), style))?;
        let (_, mut rest) = root.split_vertically(TITLE as i32);
        for panel in panels {
            let (area, right) = rest.split_horizontally(panel.width() as i32);
            boxes.extend(panel.draw(&area)?);
            rest = right;
        }
        root.present()?;
    }
    Ok((svg, boxes))
}

fn text(size: f64, colour: &RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    let font = ("sans-serif", size * 1.24).into_font();
    let mut style = TextStyle::from(font).pos(Pos::new(h, v));
    style.color = colour.to_backend_color();
    style
}

/// The width and height of a text. Without the font this is an estimate, rather too large.
fn size_of(text: &str, size: f64) -> (f64, f64) {
    (0.6 * size * text.chars().count() as f64, 1.15 * size)
}

/// Axes with grid lines and ticks; `below` pixels are for the ticks of x.
fn frame<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    x: &Axis,
    y: &Axis,
    below: u32,
) -> Result<Chart<'a, 'b>, DrawingAreaErrorKind<std::io::Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(28)
        .margin_right(20)
        .x_label_area_size(below)
        .y_label_area_size(64)
        .build_cartesian_2d(x.range.clone(), y.range.clone())?;
    let (left, top) = area.get_base_pixel();
    let at = |chart: &Chart, x: f64, y: f64| {
        let (px, py) = chart.backend_coord(&(x, y));
        (px - left, py - top)
    };
    area.draw(&Text::new(
        title.to_owned(),
        (64, 8),
        text(13.0, &BLACK, HPos::Left, VPos::Top),
    ))?;
    for (value, name) in &y.ticks {
        chart.draw_series([PathElement::new(
            vec![(x.range.start, *value), (x.range.end, *value)],
            GRID,
        )])?;
        let (px, py) = at(&chart, x.range.start, *value);
        let style = text(FONT, &BLACK, HPos::Right, VPos::Center);
        area.draw(&Text::new(name.clone(), (px - 6, py), style))?;
    }
    for (value, name) in &x.ticks {
        chart.draw_series([PathElement::new(
            vec![(*value, y.range.start), (*value, y.range.end)],
            GRID,
        )])?;
        let (px, py) = at(&chart, *value, y.range.start);
        let style = text(FONT, &BLACK, HPos::Center, VPos::Top);
        area.draw(&Text::new(name.clone(), (px, py + 6), style))?;
    }
    let corners = [
        (x.range.start, y.range.end),
        (x.range.start, y.range.start),
        (x.range.end, y.range.start),
    ];
    chart.draw_series([PathElement::new(corners.to_vec(), BLACK)])?;
    let (right, bottom) = at(&chart, x.range.end, y.range.start);
    let style = text(FONT, &GREY, HPos::Right, VPos::Top);
    area.draw(&Text::new(x.name.clone(), (right, bottom + below as i32 - 18), style))?;
    let (_, middle) = at(&chart, x.range.start, (y.range.start + y.range.end) / 2.0);
    let style = text(FONT, &GREY, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
    area.draw(&Text::new(y.name.clone(), (6, middle), style))?;
    Ok(chart)
}

/// The rectangle of a chart in its area, in pixels of the area.
fn inside(area: &Area, chart: &Chart) -> Rect {
    let (left, top) = area.get_base_pixel();
    let (xs, ys) = chart.plotting_area().get_pixel_range();
    Rect {
        left: (xs.start - left) as f64,
        right: (xs.end - left) as f64,
        top: (ys.start - top) as f64,
        bottom: (ys.end - top) as f64,
    }
}

/// A line of one pixel from a point to its label, unless the label is right next to it.
fn leader(area: &Area, (x, y): (f64, f64), label: &Rect) -> Drawn {
    let (near_x, near_y) = (x.clamp(label.left, label.right), y.clamp(label.top, label.bottom));
    if (near_x - x).hypot(near_y - y) > 12.0 {
        let ends = vec![(x as i32, y as i32), (near_x as i32, near_y as i32)];
        area.draw(&PathElement::new(ends, GREY.mix(0.6)))?;
    }
    Ok(())
}
