//! The data of a chart as shapes.

use super::chart::{Mark, Place, Series};
use super::labels::{Box, along, beside, box_of, on};
use super::layout::{Layout, Plot, line};
use super::scale::Scale;
use super::scene::Shape;
use super::thinning::thinned;

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
                    let lines = runs.iter().map(|run| line(thinned(run), series.color, *width, *dashed));
                    clip(plot, lines.collect(), &mut shapes);
                }
                Mark::Bars { heights } => {
                    clip(plot, bars(plot, series, heights, bar_index, bar_series), &mut shapes);
                    bar_index += 1;
                }
                Mark::Errors { points, reach } => {
                    let strokes = error_strokes(plot, points, reach);
                    shapes.extend(
                        strokes.into_iter().map(|ends| line(ends.to_vec(), series.color, BAR, false)),
                    );
                }
                Mark::Dots { points, radius } => {
                    let points = inside(plot, points);
                    if !points.is_empty() {
                        shapes.push(Shape::Dots { points, radius: *radius, fill: series.color });
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
                    boxes.extend(inside(plot, points).into_iter().map(|point| box_of(&[point], *radius)));
                }
                Mark::Errors { points, reach } => {
                    boxes.extend(error_strokes(plot, points, reach).iter().map(|ends| box_of(ends, BAR)));
                }
                Mark::Line { points, .. } => {
                    for run in visible_runs(plot, points) {
                        boxes.extend(run.windows(2).flat_map(|ends| along(ends[0], ends[1])));
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

fn inside(plot: &Plot, points: &[[f64; 2]]) -> Vec<[f32; 2]> {
    points.iter().filter_map(|&point| plot.at(point)).filter(|&point| plot.contains(point)).collect()
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
fn visible_runs(plot: &Plot, points: &[[f64; 2]]) -> Vec<Vec<[f32; 2]>> {
    let mut runs = vec![Vec::<[f32; 2]>::new()];
    let mut before: Option<[f64; 2]> = None;
    for &point in points {
        let place = plot.at(point);
        let apart = before.is_some_and(|before| {
            plot.x_scale.separates(before[0], point[0]) || plot.y_scale.separates(before[1], point[1])
        });
        if place.is_none() || apart {
            runs.push(Vec::new());
        }
        runs.last_mut().expect("starts with one run").extend(place);
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
            series: vec![Series { label: String::new(), color: palette::INK, mark }],
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
}
