//! The table as a picture: errors by bits per weight, and the time of a product in each format.

use crate::model::Fallible;
use crate::plot::bars::Bars;
use crate::plot::scatter::{Point, Scatter, Series};
use crate::plot::{self, Panel};
use crate::table::Row;

pub fn svg(title: &str, rows: &[Row]) -> Fallible<String> {
    let point = |row: &Row| Point {
        bits: 8.0 * row.bytes as f64 / row.weights as f64,
        value: row.output_error,
        error: None,
        name: row.name.clone(),
    };
    let errors = Scatter {
        title: "output error, by bits per weight".into(),
        value: "relative RMS".into(),
        series: vec![Series {
            name: "lowbit".into(),
            // The weights themselves have no error to show on a logarithmic scale.
            points: rows.iter().filter(|row| row.output_error > 0.0).map(point).collect(),
            named: true,
        }],
        curve: None,
    };
    let times = Bars {
        title: "time of a product".into(),
        value: "µs".into(),
        bars: rows.iter().map(|row| (row.name.clone(), 1e6 * row.seconds)).collect(),
    };
    Ok(plot::svg(title, &[Panel::Scatter(errors), Panel::Bars(times)])?.0)
}
