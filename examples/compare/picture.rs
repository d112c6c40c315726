//! Pictures of the table: the errors of methods and formats, by bits per weight.
//!
//! The dashed curve is the rate-distortion bound of a Gaussian source (Shannon 1959): no code of R bits a weight has a
//! relative squared error under D = 4^-R.

use crate::measure::Row;
use crate::model::Fallible;
use crate::plot::labels::Rect;
use crate::plot::scatter::{Point, Scatter, Series};
use crate::plot::{Panel, svg};
use std::path::Path;

/// A value of a row and its standard error, where the row has them.
type Value = dyn Fn(&Row) -> Option<(f64, Option<f64>)>;

/// All measurements: nats, errors of weights, errors of outputs.
pub fn of_rows(title: &str, rows: &[Row]) -> Fallible<String> {
    let nats = |row: &Row| {
        row.language
            .as_ref()
            .map(|l| (l.over_float.mean, Some(l.over_float.error)))
    };
    let named = |row: &Row| (row.method.clone(), row.format.clone(), row.bits);
    let series = |value: &Value| {
        let values = rows.iter().filter_map(|row| value(row).map(|v| (named(row), v)));
        by_method(values)
    };
    let mut weights = scatter("weight error", "relative MSE", series(&|row| Some((row.weights, None))));
    weights.curve = Some(("4^-bits".into(), |bits| 4f64.powf(-bits)));
    let outputs = series(&|row| row.outputs.map(|v| (v, None)));
    let panels = [
        quality(series(&nats)),
        weights,
        scatter("output error", "relative MSE", outputs),
    ];
    let drawn = panels.into_iter().filter(|panel| !panel.series.is_empty());
    let panels: Vec<Panel> = drawn.map(Panel::Scatter).collect();
    Ok(svg(title, &panels)?.0)
}

/// Draws the tables before the picture of a page like docs/quality.md, which have the same model and texts.
pub fn of_page(page: &Path) -> Fallible<(String, Vec<Rect>)> {
    let text = std::fs::read_to_string(page)?;
    let before = text.split("\n![").next().unwrap_or_default();
    let rows = before.lines().filter_map(page_row).collect::<Vec<_>>();
    if rows.is_empty() {
        return Err(format!("{} has no table of methods before its picture", page.display()).into());
    }
    let panel = quality(by_method(rows.into_iter()));
    svg("stories15M, judged by 40 MCTest stories", &[Panel::Scatter(panel)])
}

type Named = ((String, String, f64), (f64, Option<f64>));

/// Method, format, bits, and nats over f32 with their error, of a line such as
/// `| rtn | q4_0 | 4.500 | 0.00751 | 3.85 | 0.00608 | 20.461 | +0.1155 ± 0.0089 | - |`.
fn page_row(line: &str) -> Option<Named> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [_, method, format, bits, _, _, _, _, nats, ..] = cells[..] else {
        return None;
    };
    let (mean, error) = nats.split_once(" ± ")?;
    let name = (method.to_owned(), format.to_owned(), bits.parse().ok()?);
    Some((name, (mean.parse().ok()?, Some(error.parse().ok()?))))
}

/// One series for each method, in the order of the rows; repeated rows count once.
fn by_method(rows: impl Iterator<Item = Named>) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::new();
    for ((method, name, bits), (value, error)) in rows {
        let place = series.iter().position(|s| s.name == method);
        let place = place.unwrap_or_else(|| {
            series.push(Series {
                // Only rtn has every format, so its labels name the formats.
                named: method == "rtn",
                name: method,
                points: Vec::new(),
            });
            series.len() - 1
        });
        let points = &mut series[place].points;
        if !points.iter().any(|p| p.name == name) {
            points.push(Point {
                bits,
                value,
                error,
                name,
            });
        }
    }
    series
}

fn quality(series: Vec<Series>) -> Scatter {
    let value = "nats a token over f32 (± standard error; at or below zero: on the lower edge)";
    scatter("loss of the language model", value, series)
}

fn scatter(title: &str, value: &str, series: Vec<Series>) -> Scatter {
    Scatter {
        title: format!("{title}, by bits per weight"),
        value: value.into(),
        series,
        curve: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/quality.md");

    #[test]
    fn no_two_labels_of_the_quality_plot_overlap() {
        let (svg, boxes) = of_page(Path::new(PAGE)).unwrap();
        assert!(svg.contains("Pareto frontier"));
        assert!(boxes.len() > 10, "{boxes:?}");
        for (i, a) in boxes.iter().enumerate() {
            assert!(!boxes[..i].iter().any(|b| a.meets(b)), "{a:?}");
        }
    }

    /// After a change of the page:
    /// `cargo run --release --example compare -- --page docs/quality.md --svg docs/quality.svg`.
    #[test]
    fn the_picture_of_the_page_is_up_to_date() {
        let kept = std::fs::read_to_string(Path::new(PAGE).with_extension("svg")).unwrap();
        assert!(
            of_page(Path::new(PAGE)).unwrap().0 == kept,
            "docs/quality.svg is not what the page says"
        );
    }

    #[test]
    fn every_method_of_the_page_is_drawn() {
        let rows = std::fs::read_to_string(PAGE).unwrap();
        let series = by_method(rows.lines().filter_map(page_row));
        let names: Vec<&str> = series.iter().map(|s| &s.name[..]).collect();
        for method in [
            "rtn",
            "importance",
            "hqq",
            "awq",
            "gptq",
            "awq-gptq",
            "mixed rtn",
            "mixed gptq",
        ] {
            assert!(names.contains(&method), "{method}");
        }
    }
}
