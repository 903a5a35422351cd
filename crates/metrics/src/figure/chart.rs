//! What a chart shows. Where it goes is the business of `layout`.

use super::scale::Scale;
use super::scene::Color;

/// An axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// What is shown, with its unit.
    pub label: String,
    /// How numbers become positions.
    pub scale: Scale,
    /// Both ends; round numbers around the data where left open.
    pub range: Option<[f64; 2]>,
    /// Names in place of numbers, at 0, 1, 2, ...
    pub categories: Vec<String>,
}

/// How a series is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// x and y.
        points: Vec<[f64; 2]>,
        /// Width in pixels.
        width: f32,
        /// Drawn in dashes.
        dashed: bool,
    },
    /// A dot at each point.
    Dots {
        /// x and y.
        points: Vec<[f64; 2]>,
        /// Radius in pixels.
        radius: f32,
    },
    /// Bars at x = 0, 1, 2, ..., beside those of the chart's other bar series.
    Bars {
        /// The height of each.
        heights: Vec<f64>,
    },
}

/// One kind of data of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend; left out of it where empty.
    pub label: String,
    /// Colour.
    pub color: Color,
    /// How it is drawn.
    pub mark: Mark,
}

/// A chart.
///
/// ```
/// use metrics::figure::{Axis, Chart, Mark, Series, palette};
///
/// let axis = |label: &str| Axis { label: label.into(), ..Axis::default() };
/// let chart = Chart {
///     title: "Half a parabola".into(),
///     x: axis("time (s)"),
///     y: axis("height (m)"),
///     series: vec![Series {
///         label: "ball".into(),
///         color: palette::CATEGORIES[0],
///         mark: Mark::Line { points: vec![[0.0, 5.0], [0.5, 3.8], [1.0, 0.1]], width: 2.0, dashed: false },
///     }],
///     ..Chart::default()
/// };
/// assert!(chart.scene().to_svg().contains("aria-label=\"height (m)\""));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Title, above everything.
    pub title: String,
    /// A line below the title; left out where empty.
    pub subtitle: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The axis at the bottom.
    pub x: Axis,
    /// The axis at the left.
    pub y: Axis,
    /// Title of the legend; left out where empty.
    pub legend: String,
    /// The data, from back to front.
    pub series: Vec<Series>,
}

impl Default for Chart {
    /// 800 by 500 pixels, nothing in it.
    fn default() -> Self {
        Self {
            title: String::new(),
            subtitle: String::new(),
            width: 800,
            height: 500,
            x: Axis::default(),
            y: Axis::default(),
            legend: String::new(),
            series: Vec::new(),
        }
    }
}
