//! The data of a chart as shapes.

use super::chart::{Mark, Place, Readout, Series};
use super::labels::{Box, along, beside, box_of, on};
use super::layout::{Layout, Plot, line};
use super::scale::Scale;
use super::scene::Shape;
use super::thinning::kept_points;

/// Half the length of the stroke at the end of an error bar, in pixels.
const CAP: f32 = 3.0;
/// Width of an error bar, in pixels.
const BAR: f32 = 1.2;

impl Layout<'_> {
    /// All series but the labels, from back to front. Lines, bars and images end where the axes end; dots and error bars of
    /// points inside are drawn whole, as half a dot on an axis would look like another value.
    pub fn marks(&self, plot: &Plot) -> Vec<Shape> {
        let bar_series = self.chart.series.iter().filter(|s| matches!(s.mark, Mark::Bars { .. })).count();
        let mut bar_index = 0;
        let mut shapes = Vec::new();
        for series in &self.chart.series {
            let color = series.color;
            match &series.mark {
                Mark::Image { image, x, y } => {
                    if let (Some([left, bottom]), Some([right, top])) =
                        (plot.at([x[0], y[0]]), plot.at([x[1], y[1]]))
                    {
                        let (width, height) = (right - left, bottom - top);
                        let image = image.clone();
                        clip(plot, vec![Shape::Image { x: left, y: top, width, height, image }], &mut shapes);
                    }
                }
                Mark::Line { points, width, dashed } => {
                    let runs = visible_runs(plot, points);
                    let lines = runs.iter().map(|run| {
                        let kept: Vec<Vertex> =
                            kept_points(&places(run)).into_iter().map(|i| run[i]).collect();
                        let notes = series.readout.notes_of(kept.iter().map(|vertex| vertex.position));
                        match line(places(&kept), color, *width, *dashed) {
                            Shape::Line { points, stroke, .. } => Shape::Line { points, stroke, notes },
                            shape => shape,
                        }
                    });
                    clip(plot, marked(series, lines.collect()), &mut shapes);
                }
                Mark::Bars { heights } => {
                    let bars = bars(plot, series, heights, bar_index, bar_series);
                    clip(plot, marked(series, bars), &mut shapes);
                    bar_index += 1;
                }
                Mark::Errors { points, reach } => {
                    let strokes = error_strokes(plot, points, reach).into_iter();
                    let lines = strokes.map(|ends| line(ends.to_vec(), color, BAR, false));
                    shapes.extend(marked(series, lines.collect()));
                }
                Mark::Dots { points, radius } => {
                    let inside = inside(plot, points);
                    if !inside.is_empty() {
                        let notes = series.readout.notes_of(inside.iter().map(|vertex| vertex.position));
                        let dots =
                            Shape::Dots { points: places(&inside), radius: *radius, fill: color, notes };
                        shapes.extend(marked(series, vec![dots]));
                    }
                }
                // Drawn later, on top.
                Mark::Labels { .. } => {}
            }
        }
        shapes
    }

    /// The texts that stand for points or beside them.
    pub fn labels(&self, plot: &Plot) -> Vec<Shape> {
        let mut taken = Vec::new();
        let mut shapes = Vec::new();
        for series in &self.chart.series {
            let Mark::Labels { points, texts, place } = &series.mark else { continue };
            let placed: Vec<([f32; 2], &str)> = points
                .iter()
                .zip(texts)
                .filter_map(|(&point, text)| Some((plot.at(point)?, text.as_str())))
                .filter(|(point, _)| plot.contains(*point))
                .collect();
            let size = self.style.tick();
            shapes.extend(match place {
                Place::On => on(&placed, size, series.color, &mut taken),
                Place::Beside => {
                    taken.extend(self.obstacles(plot));
                    beside(&placed, size, series.color, plot, &mut taken)
                }
            });
        }
        shapes
    }

    /// Where data is drawn, so that no label is.
    fn obstacles(&self, plot: &Plot) -> Vec<Box> {
        let mut boxes = Vec::new();
        for series in &self.chart.series {
            match &series.mark {
                Mark::Dots { points, radius } => {
                    boxes.extend(inside(plot, points).iter().map(|dot| box_of(&[dot.place], *radius)));
                }
                Mark::Errors { points, reach } => {
                    boxes.extend(error_strokes(plot, points, reach).iter().map(|ends| box_of(ends, BAR)));
                }
                Mark::Line { points, .. } => {
                    for run in visible_runs(plot, points) {
                        boxes.extend(run.windows(2).flat_map(|ends| along(ends[0].place, ends[1].place)));
                    }
                }
                _ => {}
            }
        }
        boxes
    }
}

/// Adds what is to end where the axes end, together with what was added so before it.
fn clip(plot: &Plot, new: Vec<Shape>, shapes: &mut Vec<Shape>) {
    if let Some(Shape::Clip { shapes, .. }) = shapes.last_mut() {
        shapes.extend(new);
    } else {
        let (x, y, width, height) = (plot.left, plot.top, plot.right - plot.left, plot.bottom - plot.top);
        shapes.push(Shape::Clip { x, y, width, height, shapes: new });
    }
}

/// A point of a series, with its position among all of them.
#[derive(Clone, Copy)]
struct Vertex {
    position: usize,
    place: [f32; 2],
}

fn places(vertices: &[Vertex]) -> Vec<[f32; 2]> {
    vertices.iter().map(|vertex| vertex.place).collect()
}

fn inside(plot: &Plot, points: &[[f64; 2]]) -> Vec<Vertex> {
    let all = points.iter().enumerate();
    all.filter_map(|(position, &point)| Some(Vertex { position, place: plot.at(point)? }))
        .filter(|vertex| plot.contains(vertex.place))
        .collect()
}

impl Readout {
    /// The notes of some points, where points have notes.
    fn notes_of(&self, positions: impl Iterator<Item = usize>) -> Vec<String> {
        if self.notes.is_empty() {
            return Vec::new();
        }
        positions.map(|position| self.notes.get(position).cloned().unwrap_or_default()).collect()
    }
}

/// The shapes of a series, together where a script may ask whose they are.
fn marked(series: &Series, shapes: Vec<Shape>) -> Vec<Shape> {
    let Readout { title, data, .. } = &series.readout;
    if shapes.is_empty() || (title.is_empty() && data.is_empty()) {
        return shapes;
    }
    vec![Shape::Marked { title: title.clone(), data: data.clone(), shapes }]
}

fn bars(plot: &Plot, series: &Series, heights: &[f64], index: usize, of: usize) -> Vec<Shape> {
    // Four fifths of the distance between categories are bars.
    let thickness = 0.8 / of as f64;
    let base = if matches!(plot.y_scale, Scale::Log | Scale::LogAndZero) { plot.y[0] } else { 0.0 };
    let bar = |(i, &height): (usize, &f64)| {
        let left = i as f64 - 0.4 + thickness * index as f64;
        let ([x0, y0], [x1, y1]) = (plot.at([left, height])?, plot.at([left + thickness, base])?);
        // A hairline between neighbours, where there is room for one.
        let inset = if x1 - x0 > 6.0 { 0.5 } else { 0.0 };
        Some(Shape::Rect {
            x: x0 + inset,
            y: y0.min(y1),
            width: x1 - x0 - 2.0 * inset,
            height: (y1 - y0).abs(),
            fill: series.color,
        })
    };
    heights.iter().enumerate().filter_map(bar).collect()
}

/// The strokes of the error bars of all points inside. What the axis has no place for ends where the axis ends.
fn error_strokes(plot: &Plot, points: &[[f64; 2]], reach: &[[f64; 2]]) -> Vec<[[f32; 2]; 2]> {
    let mut strokes = Vec::new();
    for (&point, &[dx, dy]) in points.iter().zip(reach) {
        let Some([x, y]) = plot.at(point).filter(|&at| plot.contains(at)) else { continue };
        if dx > 0.0 && dx.is_finite() {
            let left = plot.x_of(point[0] - dx).unwrap_or(plot.left).max(plot.left);
            let right = plot.x_of(point[0] + dx).unwrap_or(plot.right).min(plot.right);
            strokes.push([[left, y], [right, y]]);
            strokes.extend([left, right].map(|x| [[x, y - CAP], [x, y + CAP]]));
        }
        if dy > 0.0 && dy.is_finite() {
            let lower = plot.y_of(point[1] - dy).unwrap_or(plot.bottom).min(plot.bottom);
            let upper = plot.y_of(point[1] + dy).unwrap_or(plot.top).max(plot.top);
            strokes.push([[x, lower], [x, upper]]);
            strokes.extend([lower, upper].map(|y| [[x - CAP, y], [x + CAP, y]]));
        }
    }
    strokes
}

/// The parts of a line that the scales have a place for.
fn visible_runs(plot: &Plot, points: &[[f64; 2]]) -> Vec<Vec<Vertex>> {
    let mut runs = vec![Vec::<Vertex>::new()];
    let mut before: Option<[f64; 2]> = None;
    for (position, &point) in points.iter().enumerate() {
        let place = plot.at(point);
        let apart = before.is_some_and(|before| {
            plot.x_scale.separates(before[0], point[0]) || plot.y_scale.separates(before[1], point[1])
        });
        if place.is_none() || apart {
            runs.push(Vec::new());
        }
        runs.last_mut().expect("starts with one run").extend(place.map(|place| Vertex { position, place }));
        before = Some(point);
    }
    runs.into_iter().filter(|run| run.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Chart, Size, palette};

    fn chart(x: Scale, y: Scale, mark: Mark) -> Chart {
        Chart {
            size: Size::Plot { width: 100.0, height: 100.0 },
            x: Axis { scale: x, ..Axis::default() },
            y: Axis { scale: y, ..Axis::default() },
            series: vec![Series::new("", palette::INK, mark)],
            ..Chart::default()
        }
    }

    fn line_of(points: &[[f64; 2]]) -> Mark {
        Mark::Line { points: points.to_vec(), width: 1.0, dashed: false }
    }

    fn clipped(chart: &Chart) -> usize {
        let scene = chart.scene();
        assert!(!scene.to_svg().contains("NaN"));
        let clip = scene
            .shapes
            .iter()
            .find_map(|s| if let Shape::Clip { shapes, .. } = s { Some(shapes) } else { None });
        clip.unwrap().len()
    }

    #[test]
    fn a_line_leaves_out_what_a_logarithm_has_no_place_for() {
        let points = [[0.0, 1.0], [1.0, 0.1], [2.0, 0.0], [3.0, 0.1], [4.0, f64::NAN], [5.0, 1.0]];
        let lines = clipped(&chart(Scale::Linear, Scale::Log, line_of(&points)));
        assert_eq!(lines, 1, "only the first two points are neighbours that can be drawn");
    }

    #[test]
    fn no_line_crosses_the_gap_between_zero_and_the_logarithm() {
        let points = [[0.0, 1.0], [0.1, 2.0], [1.0, 3.0], [10.0, 4.0]];
        assert_eq!(clipped(&chart(Scale::LogAndZero, Scale::Linear, line_of(&points))), 1);
        assert_eq!(clipped(&chart(Scale::LogAndZero, Scale::Linear, line_of(&points[..2]))), 0);
    }

    #[test]
    fn error_bars_reach_as_far_as_they_say_and_no_number_has_none() {
        let chart = Chart {
            x: Axis { range: Some([0.0, 10.0]), ..Axis::default() },
            y: Axis { range: Some([0.0, 10.0]), ..Axis::default() },
            ..chart(Scale::Linear, Scale::Linear, Mark::Dots { points: Vec::new(), radius: 1.0 })
        };
        let layout = Layout::new(&chart);
        let plot = layout.plot([0.0, 0.0], [100.0, 100.0]);
        let strokes = error_strokes(&plot, &[[5.0, 5.0]], &[[f64::NAN, 2.0]]);
        assert_eq!(strokes[0], [[50.0, 70.0], [50.0, 30.0]]);
        assert_eq!(strokes.len(), 3, "the bar and its two ends");
        assert_eq!(error_strokes(&plot, &[[5.0, 1.0]], &[[0.0, 2.0]])[0][0], [50.0, 90.0 + 20.0 - 10.0]);
        assert!(error_strokes(&plot, &[[5.0, f64::NAN]], &[[1.0, 1.0]]).is_empty());
    }

    #[test]
    fn points_that_are_drawn_keep_their_notes() {
        let points = vec![[0.0, 1.0], [1.0, f64::NAN], [2.0, 3.0], [3.0, 1.0], [20.0, 1.0]];
        let notes: Vec<String> = (0..points.len()).map(|position| position.to_string()).collect();
        let readout = Readout { title: "a".into(), data: vec![("c", "0.5".into())], notes };
        let of = |mark| {
            let mut chart = chart(Scale::Linear, Scale::Linear, mark);
            chart.x.range = Some([0.0, 10.0]);
            chart.series[0].readout = readout.clone();
            chart.scene().to_inline_svg("x")
        };
        let dots = of(Mark::Dots { points: points.clone(), radius: 1.0 });
        assert!(dots.contains("data-title=\"a\" data-c=\"0.5\""), "{dots}");
        let noted: Vec<&str> = dots.split("data-note=\"").skip(1).map(|rest| &rest[..1]).collect();
        assert_eq!(noted, ["0", "2", "3"], "without the one that is NaN and the one outside");
        let line = of(line_of(&points));
        assert!(line.contains("data-notes=\"2|3|4\""), "{line}");
    }
}
