//! Lays axes, data and legend of a [`Chart`] out into a [`Scene`].

use super::chart::{Axis, Chart, Lines, Mark, Size};
use super::heading::{Heading, description};
use super::legend::Legend;
use super::palette;
use super::scale::{GAP_AFTER_ZERO, Scale, Tick};
use super::scene::{Color, MIDDLE, Scene, Shape, Stroke};
use super::text::{Anchor, Weight, width};

/// The sizes of texts and of the space between them, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Factor on all of them.
    pub text: f32,
}

impl Style {
    pub fn title(self) -> f32 {
        17.0 * self.text
    }

    pub fn label(self) -> f32 {
        14.0 * self.text
    }

    pub fn tick(self) -> f32 {
        12.5 * self.text
    }

    pub fn margin(self) -> f32 {
        16.0 * self.text
    }

    /// Between neighbouring parts.
    pub fn gap(self) -> f32 {
        8.0 * self.text
    }

    /// Height of a row of a legend.
    pub fn row(self) -> f32 {
        20.0 * self.text
    }

    /// Width of what stands before a name in a legend.
    pub fn swatch(self) -> f32 {
        22.0 * self.text
    }
}

/// Pixels from tick to tick, about, where the size of the data is given.
const TICK_DISTANCE: f32 = 40.0;

/// The rectangle in which the data is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plot {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
    pub x: [f64; 2],
    pub y: [f64; 2],
    pub x_scale: Scale,
    pub y_scale: Scale,
}

/// What surrounds the data, but for the titles.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sides {
    pub left: f32,
    pub right: f32,
    pub bottom: f32,
}

/// A chart with its ranges and ticks decided.
pub(super) struct Layout<'a> {
    pub chart: &'a Chart,
    pub style: Style,
    x: [f64; 2],
    y: [f64; 2],
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
}

impl Chart {
    /// Lays the chart out.
    pub fn scene(&self) -> Scene {
        let layout = Layout::new(self);
        let sides = layout.sides();
        let width = match self.size {
            Size::Whole { width, .. } => width as f32,
            Size::Plot { width, .. } => (sides.left + width + sides.right).ceil(),
        };
        let heading = layout.heading(width);
        let (bottom, height) = match self.size {
            Size::Whole { height, .. } => (height as f32 - sides.bottom, height),
            Size::Plot { height, .. } => {
                let data = heading.height + height + sides.bottom;
                let legend = heading.height + layout.legend().height(layout.style) + layout.style.margin();
                (heading.height + height, data.max(legend).ceil() as u32)
            }
        };
        let right = match self.size {
            Size::Whole { .. } => width - sides.right,
            Size::Plot { width, .. } => sides.left + width,
        };
        let plot = layout.plot([sides.left, heading.height], [right, bottom]);
        let mut shapes = heading.shapes(layout.style.margin(), 0.0);
        shapes.extend(layout.shapes(&plot));
        Scene { width: width as u32, height, description: description(&self.title, &self.subtitle), shapes }
    }
}

impl<'a> Layout<'a> {
    pub fn new(chart: &'a Chart) -> Self {
        let [x_wanted, y_wanted] = match chart.size {
            Size::Whole { .. } => [8, 6],
            Size::Plot { width, height } => {
                [width, height].map(|side| ((side / (TICK_DISTANCE * chart.text)) as usize).clamp(2, 8))
            }
        };
        let x = chart.x.range.unwrap_or_else(|| {
            let bars = chart.series.iter().filter_map(|s| match &s.mark {
                Mark::Bars { heights } => Some([-0.5, heights.len() as f64 - 0.5]),
                _ => None,
            });
            chart.x.scale.range(extent(chart, 0).chain(bars.flatten()), x_wanted)
        });
        let y = chart.y.range.unwrap_or_else(|| {
            let bars = chart.series.iter().flat_map(|s| match &s.mark {
                // A bar's length means nothing unless it starts at 0.
                Mark::Bars { heights } => heights.iter().copied().chain([0.0]).collect(),
                _ => Vec::new(),
            });
            chart.y.scale.range(extent(chart, 1).chain(bars), y_wanted)
        });
        let ticks = |axis: &Axis, range, wanted| match &axis.ticks {
            Some(ticks) => ticks.clone(),
            None => axis.scale.ticks(range, wanted),
        };
        Self {
            x,
            y,
            x_ticks: ticks(&chart.x, x, x_wanted),
            y_ticks: ticks(&chart.y, y, y_wanted),
            style: Style { text: chart.text },
            chart,
        }
    }

    fn legend(&self) -> Legend<'a> {
        Legend { title: &self.chart.legend, series: &self.chart.series }
    }

    /// How much room axes and legend need around the data.
    pub fn sides(&self) -> Sides {
        let style = self.style;
        let widest = |ticks: &[Tick]| {
            ticks.iter().map(|t| width(&t.label, style.tick(), Weight::Regular)).fold(0.0, f32::max)
        };
        let label = |axis: &Axis| if axis.label.is_empty() { 0.0 } else { style.label() + style.gap() };
        let y_ticks = widest(&self.y_ticks);
        let x_ticks = widest(&self.x_ticks);
        let legend = match self.legend().width(style) {
            0.0 => 0.0,
            width => width + 2.0 * style.gap(),
        };
        Sides {
            left: style.margin()
                + label(&self.chart.y)
                + if y_ticks > 0.0 { y_ticks + style.gap() } else { 0.0 },
            // The last label may stick out by half.
            right: (style.margin() + legend).max(0.5 * x_ticks + 2.0),
            bottom: style.margin()
                + label(&self.chart.x)
                + if x_ticks > 0.0 { style.tick() + style.gap() } else { 0.0 },
        }
    }

    pub fn heading(&self, width: f32) -> Heading {
        Heading::new(&self.chart.title, &self.chart.subtitle, width, self.style)
    }

    pub fn plot(&self, [left, top]: [f32; 2], [right, bottom]: [f32; 2]) -> Plot {
        let (x_scale, y_scale) = (self.chart.x.scale, self.chart.y.scale);
        Plot { left, top, right, bottom, x: self.x, y: self.y, x_scale, y_scale }
    }

    /// All but the heading.
    pub fn shapes(&self, plot: &Plot) -> Vec<Shape> {
        let mut shapes = Vec::new();
        self.y_axis(plot, &mut shapes);
        self.x_axis(plot, &mut shapes);
        self.axis_lines(plot, &mut shapes);
        shapes.extend(self.marks(plot));
        shapes.extend(self.labels(plot));
        shapes.extend(self.legend().shapes([plot.right + 2.0 * self.style.gap(), plot.top], self.style));
        shapes
    }

    fn y_axis(&self, plot: &Plot, shapes: &mut Vec<Shape>) {
        let style = self.style;
        let mut taken = Vec::new();
        for tick in &self.y_ticks {
            let Some(y) = plot.y_of(tick.value) else { continue };
            if self.chart.lines != Lines::None {
                shapes.push(line(vec![[plot.left, y], [plot.right, y]], palette::GRID, 1.0, false));
            }
            if !tick.label.is_empty() && free(&mut taken, y, style.tick()) {
                let place = [plot.left - style.gap(), y + MIDDLE * style.tick()];
                shapes.push(text(
                    place,
                    &tick.label,
                    style.tick(),
                    Weight::Regular,
                    palette::MUTED,
                    Anchor::End,
                ));
            }
        }
        if !self.chart.y.label.is_empty() {
            shapes.push(Shape::Text {
                x: plot.left - self.sides().left + style.margin() + 0.8 * style.label(),
                y: 0.5 * (plot.top + plot.bottom),
                text: self.chart.y.label.clone(),
                size: style.label(),
                weight: Weight::Regular,
                color: palette::INK,
                anchor: Anchor::Middle,
                upwards: true,
            });
        }
    }

    fn x_axis(&self, plot: &Plot, shapes: &mut Vec<Shape>) {
        let style = self.style;
        let mut taken = Vec::new();
        for tick in &self.x_ticks {
            let Some(x) = plot.x_of(tick.value) else { continue };
            if self.chart.lines == Lines::Both {
                shapes.push(line(vec![[x, plot.top], [x, plot.bottom]], palette::GRID, 1.0, false));
            }
            if self.chart.lines != Lines::None {
                shapes.push(line(vec![[x, plot.bottom], [x, plot.bottom + 4.0]], palette::INK, 1.0, false));
            }
            let room = width(&tick.label, style.tick(), Weight::Regular) + style.gap();
            if !tick.label.is_empty() && free(&mut taken, x, room) {
                let place = [x, plot.bottom + style.gap() + 0.8 * style.tick()];
                shapes.push(text(
                    place,
                    &tick.label,
                    style.tick(),
                    Weight::Regular,
                    palette::MUTED,
                    Anchor::Middle,
                ));
            }
        }
        if !self.chart.x.label.is_empty() {
            let below = self.sides().bottom - style.margin() - 0.2 * style.label();
            let place = [0.5 * (plot.left + plot.right), plot.bottom + below];
            let (label, size) = (self.chart.x.label.as_str(), style.label());
            shapes.push(text(place, label, size, Weight::Regular, palette::INK, Anchor::Middle));
        }
    }

    fn axis_lines(&self, plot: &Plot, shapes: &mut Vec<Shape>) {
        if self.chart.lines == Lines::None {
            return;
        }
        for (from, to) in [
            ([plot.left, plot.bottom], [plot.right, plot.bottom]),
            ([plot.left, plot.top], [plot.left, plot.bottom]),
        ] {
            shapes.push(line(vec![from, to], palette::INK, 1.0, false));
        }
        if plot.x_scale == Scale::LogAndZero {
            // Two strokes across the axis and nothing between them, as is the custom.
            let middle = plot.left + GAP_AFTER_ZERO as f32 * (plot.right - plot.left);
            let y = plot.bottom;
            shapes.push(line(vec![[middle - 2.5, y], [middle + 2.5, y]], palette::PAPER, 3.0, false));
            for x in [middle - 2.5, middle + 2.5] {
                shapes.push(line(vec![[x - 2.0, y + 5.0], [x + 2.0, y - 5.0]], palette::INK, 1.0, false));
            }
        }
    }
}

/// Takes the room around a position unless some of it is taken.
fn free(taken: &mut Vec<[f32; 2]>, middle: f32, room: f32) -> bool {
    let [low, high] = [middle - 0.5 * room, middle + 0.5 * room];
    let free = taken.iter().all(|&[l, h]| high <= l || h <= low);
    if free {
        taken.push([low, high]);
    }
    free
}

/// The coordinates between which the data lies, along x (0) or y (1).
fn extent(chart: &Chart, along: usize) -> impl Iterator<Item = f64> + '_ {
    chart.series.iter().flat_map(move |s| match &s.mark {
        Mark::Line { points, .. } | Mark::Dots { points, .. } => points.iter().map(|p| p[along]).collect(),
        Mark::Errors { points, reach } => points
            .iter()
            .zip(reach)
            .flat_map(|(p, r)| {
                let reach = if r[along].is_finite() { r[along] } else { 0.0 };
                [p[along] - reach, p[along] + reach]
            })
            .collect(),
        Mark::Image { x, y, .. } => [x, y][along].to_vec(),
        Mark::Bars { .. } | Mark::Labels { .. } => Vec::new(),
    })
}

impl Plot {
    pub fn x_of(&self, value: f64) -> Option<f32> {
        let t = self.x_scale.position(value, self.x)?;
        Some(self.left + within_reach(t) * (self.right - self.left))
    }

    pub fn y_of(&self, value: f64) -> Option<f32> {
        let t = self.y_scale.position(value, self.y)?;
        Some(self.bottom - within_reach(t) * (self.bottom - self.top))
    }

    /// Where a point lies, if the scales have a place for it.
    pub fn at(&self, [x, y]: [f64; 2]) -> Option<[f32; 2]> {
        Some([self.x_of(x)?, self.y_of(y)?])
    }

    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

/// What lies far outside is clipped anyway; the rasteriser's numbers are finite.
fn within_reach(t: f64) -> f32 {
    t.clamp(-100.0, 100.0) as f32
}

pub(super) fn line(points: Vec<[f32; 2]>, color: Color, width: f32, dashed: bool) -> Shape {
    let stroke = Stroke { color, width, dash: dashed.then_some([6.0, 4.0]) };
    Shape::Line { points, stroke, notes: Vec::new() }
}

pub(super) fn text(
    [x, y]: [f32; 2],
    text: &str,
    size: f32,
    weight: Weight,
    color: Color,
    anchor: Anchor,
) -> Shape {
    Shape::Text { x, y, text: text.to_owned(), size, weight, color, anchor, upwards: false }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{Mark, Series};

    /// Panics where a text is cut off by the edge or touches another.
    pub fn assert_legible(scene: &Scene) {
        let words = scene.words();
        let (width, height) = (scene.width as f32, scene.height as f32);
        for (i, a) in words.iter().enumerate() {
            let [left, top, right, bottom] = a.bounds;
            let inside = left >= 0.0 && top >= 0.0 && right <= width && bottom <= height;
            assert!(inside, "{a:?} is cut: the drawing is {width} x {height}");
            for b in &words[i + 1..] {
                let [l, t, r, b_bottom] = b.bounds;
                let apart = right <= l || r <= left || bottom <= t || b_bottom <= top;
                assert!(apart, "{a:?} overlaps {b:?}");
            }
        }
    }

    fn series(label: &str, mark: Mark) -> Series {
        Series::new(label, palette::CATEGORIES[0], mark)
    }

    #[test]
    fn nothing_is_clipped_by_the_edge_and_no_two_texts_overlap() {
        let bars = |label| series(label, Mark::Bars { heights: vec![0.1, 0.4, 1e-5, 0.5] });
        for size in [Size::Whole { width: 800, height: 500 }, Size::Plot { width: 120.0, height: 90.0 }] {
            let chart = Chart {
                title: "Two distributions".into(),
                subtitle: "and what lies between them".into(),
                size,
                x: Axis::of_names("outcome", ["a", "a longer name", "c", "d"]),
                y: Axis { label: "probability".into(), ..Axis::default() },
                legend: "distribution".into(),
                series: vec![bars("P"), bars("Q, the reference")],
                ..Chart::default()
            };
            assert_legible(&chart.scene());
        }
    }

    #[test]
    fn the_data_has_the_size_that_was_asked_for() {
        let chart = Chart {
            size: Size::Plot { width: 200.0, height: 100.0 },
            x: Axis { label: "x".into(), range: Some([-2.0, 2.0]), ..Axis::default() },
            y: Axis { label: "y".into(), range: Some([-1.0, 1.0]), ..Axis::default() },
            series: vec![series("", Mark::Dots { points: vec![[-2.0, -1.0], [2.0, 1.0]], radius: 1.0 })],
            ..Chart::default()
        };
        let dots = chart.scene().shapes.into_iter().find_map(|shape| match shape {
            Shape::Dots { points, .. } => Some(points),
            _ => None,
        });
        let [[left, bottom], [right, top]] = dots.unwrap()[..] else { panic!("two dots") };
        assert!((right - left - 200.0).abs() < 1e-3 && (bottom - top - 100.0).abs() < 1e-3);
    }

    #[test]
    fn names_that_would_touch_are_left_out_the_later_ones_first() {
        let chart = Chart {
            size: Size::Plot { width: 100.0, height: 50.0 },
            x: Axis::of_names("", (0..10).map(|i| format!("name {i}"))),
            ..Chart::default()
        };
        let scene = chart.scene();
        assert_legible(&scene);
        let shown: Vec<String> =
            scene.words().into_iter().map(|w| w.text).filter(|text| text.starts_with("name")).collect();
        // Ten pixels from tick to tick, some fifty for a name.
        assert_eq!(shown, ["name 0", "name 6"]);
    }
}
