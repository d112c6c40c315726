//! What the pictures of examples have in common: SVG, written by hand.

pub const COLOURS: [&str; 6] = ["#1b6ca8", "#d1495b", "#3a7d44", "#8d5a97", "#c98a1b", "#555555"];
/// Space above the parts of a picture, their height, and that left of each for numbers.
pub const TOP: f64 = 50.0;
pub const HEIGHT: f64 = 420.0;
pub const LEFT: f64 = 60.0;

/// A white page with its title; `</svg>` is still to come.
pub fn page(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
        escaped(title)
    )
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
