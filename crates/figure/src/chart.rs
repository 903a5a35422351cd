//! What a chart shows. Where it goes is the business of `layout`.

use super::image::Pixels;
use super::scale::{Scale, Tick};
use super::scene::Color;

/// An axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// What is shown, with its unit; takes no room where empty.
    pub label: String,
    /// How numbers become positions.
    pub scale: Scale,
    /// Both ends; round numbers around the data where left open.
    pub range: Option<[f64; 2]>,
    /// Where there are ticks; round numbers where left open. A label that would touch one further up this list is left out.
    pub ticks: Option<Vec<Tick>>,
}

impl Axis {
    /// An axis with names at 0, 1, 2, ...
    pub fn of_names<S: Into<String>>(label: &str, names: impl IntoIterator<Item = S>) -> Self {
        let ticks: Vec<Tick> = names
            .into_iter()
            .zip(0..)
            .map(|(name, i)| Tick { value: f64::from(i), label: name.into() })
            .collect();
        let range = Some([-0.5, ticks.len() as f64 - 0.5]);
        Self { label: label.to_owned(), range, ticks: Some(ticks), ..Self::default() }
    }
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
    /// A cross of error bars at each point.
    Errors {
        /// x and y.
        points: Vec<[f64; 2]>,
        /// How far the bars reach to either side in x and in y; none where this is 0 or no number.
        reach: Vec<[f64; 2]>,
    },
    /// A text for each point.
    Labels {
        /// x and y.
        points: Vec<[f64; 2]>,
        /// The texts.
        texts: Vec<String>,
        /// Where they stand.
        place: Place,
    },
    /// A grey image.
    Image {
        /// The image.
        image: Pixels,
        /// Its left and its right end.
        x: [f64; 2],
        /// Its lower and its upper end.
        y: [f64; 2],
    },
}

/// Where the text for a point stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Beside the point, where it covers neither data nor another text if there is such a place.
    Beside,
    /// On the point, on a patch of paper; left out where it would touch one that is earlier in the list.
    On,
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
    /// What a page can ask of it; files do without.
    pub readout: Readout,
}

impl Series {
    /// A series without a readout.
    pub fn new(label: impl Into<String>, color: Color, mark: Mark) -> Self {
        Self { label: label.into(), color, mark, readout: Readout::default() }
    }

    /// The same with a readout.
    pub fn with_readout(self, readout: Readout) -> Self {
        Self { readout, ..self }
    }
}

/// What a script in a page is told of a series, to show values and to highlight what belongs together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Readout {
    /// Whose data it is, in words.
    pub title: String,
    /// The same for programs: each name becomes an attribute `data-name`.
    pub data: Vec<(&'static str, String)>,
    /// What each point of a line or of dots says; empty for none.
    pub notes: Vec<String>,
}

/// How large a chart is, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// With everything.
    Whole {
        /// Width.
        width: u32,
        /// Height.
        height: u32,
    },
    /// The rectangle of the data alone; the chart is as large as it has to be. With ranges in the same proportion, both
    /// axes have as many pixels to a unit.
    Plot {
        /// Width.
        width: f32,
        /// Height.
        height: f32,
    },
}

/// Which lines a chart has besides its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// The axes, and one across from each tick of the axis at the left.
    Horizontal,
    /// Also one upwards from each tick of the axis at the bottom.
    Both,
    /// Nothing: images need no frame.
    None,
}

/// A chart.
///
/// ```
/// use figure::{Axis, Chart, Mark, Series, palette};
///
/// let axis = |label: &str| Axis { label: label.into(), ..Axis::default() };
/// let chart = Chart {
///     title: "Half a parabola".into(),
///     x: axis("time (s)"),
///     y: axis("height (m)"),
///     series: vec![Series::new(
///         "ball",
///         palette::CATEGORIES[0],
///         Mark::Line { points: vec![[0.0, 5.0], [0.5, 3.8], [1.0, 0.1]], width: 2.0, dashed: false },
///     )],
///     ..Chart::default()
/// };
/// assert!(chart.scene().to_svg().contains("aria-label=\"height (m)\""));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Title, above everything.
    pub title: String,
    /// Lines below the title, broken where they have to be; left out where empty.
    pub subtitle: String,
    /// How large it is.
    pub size: Size,
    /// Size of its texts and margins, where 1 is the usual.
    pub text: f32,
    /// The axis at the bottom.
    pub x: Axis,
    /// The axis at the left.
    pub y: Axis,
    /// The lines along the axes and from their ticks.
    pub lines: Lines,
    /// Title of the legend; left out where empty.
    pub legend: String,
    /// The data, from back to front; labels are in front of everything else.
    pub series: Vec<Series>,
}

impl Default for Chart {
    /// 800 by 500 pixels, nothing in it.
    fn default() -> Self {
        Self {
            title: String::new(),
            subtitle: String::new(),
            size: Size::Whole { width: 800, height: 500 },
            text: 1.0,
            x: Axis::default(),
            y: Axis::default(),
            lines: Lines::Horizontal,
            legend: String::new(),
            series: Vec::new(),
        }
    }
}
