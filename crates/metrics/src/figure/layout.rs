//! Lays axes, data and legend of a [`Chart`] out into a [`Scene`].

use super::chart::{Chart, Mark, Series};
use super::palette;
use super::scale::{Scale, Tick};
use super::scene::{Color, Scene, Shape, Stroke};
use super::text::{Anchor, Weight, width};
use super::thinning::thinned;

const TITLE_SIZE: f32 = 17.0;
const LABEL_SIZE: f32 = 14.0;
const TICK_SIZE: f32 = 12.5;
const MARGIN: f32 = 16.0;
/// Space between neighbouring parts.
const GAP: f32 = 8.0;
const LEGEND_ROW: f32 = 20.0;
const SWATCH: f32 = 22.0;
/// Ticks asked for on each axis.
const TICKS: usize = 6;
/// The rectangle in which the data is drawn.
#[derive(Debug, Clone, Copy)]
struct Plot {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
    x: [f64; 2],
    y: [f64; 2],
}

impl Chart {
    /// Lays the chart out.
    pub fn scene(&self) -> Scene {
        let x_range = self.x.range.unwrap_or_else(|| self.x_range());
        let y_range = self.y.range.unwrap_or_else(|| self.y_range());
        let y_ticks = self.y.scale.ticks(y_range, TICKS);
        let plot = self.place(x_range, y_range, &y_ticks);
        let mut shapes = Vec::new();
        self.titles(&mut shapes);
        self.y_axis(&plot, &y_ticks, &mut shapes);
        self.x_axis(&plot, &mut shapes);
        shapes.push(Shape::Clip {
            x: plot.left,
            y: plot.top,
            width: plot.right - plot.left,
            height: plot.bottom - plot.top,
            shapes: self.data(&plot),
        });
        self.dots(&plot, &mut shapes);
        for (from, to) in [
            ([plot.left, plot.bottom], [plot.right, plot.bottom]),
            ([plot.left, plot.top], [plot.left, plot.bottom]),
        ] {
            shapes.push(line(vec![from, to], palette::INK, 1.0, false));
        }
        self.draw_legend(&plot, &mut shapes);
        let description = [self.title.as_str(), self.subtitle.as_str()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(". ");
        Scene { width: self.width, height: self.height, description, shapes }
    }

    fn place(&self, x: [f64; 2], y: [f64; 2], y_ticks: &[Tick]) -> Plot {
        let tick_width =
            y_ticks.iter().map(|t| width(&t.label, TICK_SIZE, Weight::Regular)).fold(0.0, f32::max);
        let titles = [&self.title, &self.subtitle].into_iter().filter(|t| !t.is_empty()).count() as f32;
        let legend = self.legend_width();
        Plot {
            left: MARGIN + LABEL_SIZE + GAP + tick_width + GAP,
            top: MARGIN + titles * (TITLE_SIZE + GAP) + GAP,
            right: self.width as f32 - MARGIN - if legend > 0.0 { legend + 2.0 * GAP } else { 0.0 },
            bottom: self.height as f32 - MARGIN - LABEL_SIZE - GAP - TICK_SIZE - GAP,
            x,
            y,
        }
    }

    fn titles(&self, shapes: &mut Vec<Shape>) {
        let mut y = MARGIN + TITLE_SIZE * 0.8;
        for (content, size, weight, color) in [
            (&self.title, TITLE_SIZE, Weight::SemiBold, palette::INK),
            (&self.subtitle, LABEL_SIZE, Weight::Regular, palette::MUTED),
        ] {
            if !content.is_empty() {
                shapes.push(text(MARGIN, y, content, size, weight, color, Anchor::Start));
                y += TITLE_SIZE + GAP;
            }
        }
    }

    fn y_axis(&self, plot: &Plot, ticks: &[Tick], shapes: &mut Vec<Shape>) {
        for tick in ticks {
            let Some(y) = plot.y_of(self.y.scale, tick.value) else { continue };
            shapes.push(line(vec![[plot.left, y], [plot.right, y]], palette::GRID, 1.0, false));
            let baseline = y + 0.36 * TICK_SIZE;
            let label = tick.label.as_str();
            shapes.push(text(
                plot.left - GAP,
                baseline,
                label,
                TICK_SIZE,
                Weight::Regular,
                palette::MUTED,
                Anchor::End,
            ));
        }
        shapes.push(Shape::Text {
            x: MARGIN + 0.8 * LABEL_SIZE,
            y: 0.5 * (plot.top + plot.bottom),
            text: self.y.label.clone(),
            size: LABEL_SIZE,
            weight: Weight::Regular,
            color: palette::INK,
            anchor: Anchor::Middle,
            upwards: true,
        });
    }

    fn x_axis(&self, plot: &Plot, shapes: &mut Vec<Shape>) {
        let ticks = if self.x.categories.is_empty() {
            self.x.scale.ticks(plot.x, TICKS + 2)
        } else {
            self.category_ticks(plot)
        };
        for tick in ticks {
            let Some(x) = plot.x_of(self.x.scale, tick.value) else { continue };
            shapes.push(line(vec![[x, plot.bottom], [x, plot.bottom + 4.0]], palette::INK, 1.0, false));
            let baseline = plot.bottom + GAP + 0.8 * TICK_SIZE;
            shapes.push(text(
                x,
                baseline,
                &tick.label,
                TICK_SIZE,
                Weight::Regular,
                palette::MUTED,
                Anchor::Middle,
            ));
        }
        let middle = 0.5 * (plot.left + plot.right);
        let baseline = self.height as f32 - MARGIN - 0.2 * LABEL_SIZE;
        shapes.push(text(
            middle,
            baseline,
            &self.x.label,
            LABEL_SIZE,
            Weight::Regular,
            palette::INK,
            Anchor::Middle,
        ));
    }

    /// As many names as fit side by side.
    fn category_ticks(&self, plot: &Plot) -> Vec<Tick> {
        let names = &self.x.categories;
        let widest = names.iter().map(|n| width(n, TICK_SIZE, Weight::Regular)).fold(1.0, f32::max);
        let fit = ((plot.right - plot.left) / (widest + GAP)).max(1.0) as usize;
        let stride = names.len().div_ceil(fit);
        let names = names.iter().enumerate().step_by(stride);
        names.map(|(i, name)| Tick { value: i as f64, label: name.clone() }).collect()
    }

    fn data(&self, plot: &Plot) -> Vec<Shape> {
        let bar_series = self.series.iter().filter(|s| matches!(s.mark, Mark::Bars { .. })).count();
        let mut bar_index = 0;
        let mut shapes = Vec::new();
        for series in &self.series {
            match &series.mark {
                Mark::Line { points, width, dashed } => {
                    for run in self.visible_runs(plot, points) {
                        shapes.push(line(run, series.color, *width, *dashed));
                    }
                }
                // Drawn later, on top.
                Mark::Dots { .. } => {}
                Mark::Bars { heights } => {
                    // Four fifths of the distance between categories are bars.
                    let thickness = 0.8 / bar_series as f64;
                    for (i, &height) in heights.iter().enumerate() {
                        let left = i as f64 - 0.4 + thickness * bar_index as f64;
                        let base = if self.y.scale == Scale::Log { plot.y[0] } else { 0.0 };
                        let corner =
                            |x: f64, y: f64| plot.x_of(self.x.scale, x).zip(plot.y_of(self.y.scale, y));
                        if let (Some((x0, y0)), Some((x1, y1))) =
                            (corner(left, height), corner(left + thickness, base))
                        {
                            let (y, height) = (y0.min(y1), (y1 - y0).abs());
                            // A hairline between neighbours, where there is room for one.
                            let inset = if x1 - x0 > 6.0 { 0.5 } else { 0.0 };
                            let width = x1 - x0 - 2.0 * inset;
                            shapes.push(Shape::Rect { x: x0 + inset, y, width, height, fill: series.color });
                        }
                    }
                    bar_index += 1;
                }
            }
        }
        shapes
    }

    /// Dots whose middle lies inside, whole: the clipping that lines need would halve those on an axis.
    fn dots(&self, plot: &Plot, shapes: &mut Vec<Shape>) {
        for series in &self.series {
            let Mark::Dots { points, radius } = &series.mark else { continue };
            for &[x, y] in points {
                let (x, y) = (plot.x_of(self.x.scale, x), plot.y_of(self.y.scale, y));
                let (Some(x), Some(y)) = (x, y) else { continue };
                let inside = (plot.left..=plot.right).contains(&x) && (plot.top..=plot.bottom).contains(&y);
                if inside {
                    shapes.push(Shape::Circle { x, y, radius: *radius, fill: series.color });
                }
            }
        }
    }

    /// The parts of a line that the scales have a place for, thinned to what can be seen.
    fn visible_runs(&self, plot: &Plot, points: &[[f64; 2]]) -> Vec<Vec<[f32; 2]>> {
        let mut runs = vec![Vec::<[f32; 2]>::new()];
        for &[x, y] in points {
            let place = plot.x_of(self.x.scale, x).zip(plot.y_of(self.y.scale, y));
            let Some((x, y)) = place else {
                runs.push(Vec::new());
                continue;
            };
            runs.last_mut().expect("starts with one run").push([x, y]);
        }
        runs.into_iter().filter(|run| run.len() > 1).map(|run| thinned(&run)).collect()
    }

    fn legend_entries(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| !series.label.is_empty())
    }

    fn legend_width(&self) -> f32 {
        let labels =
            self.legend_entries().map(|s| SWATCH + GAP + width(&s.label, TICK_SIZE, Weight::Regular));
        let title = width(&self.legend, TICK_SIZE, Weight::SemiBold);
        labels.chain([title]).fold(0.0, f32::max)
    }

    /// At the right of the data, where it can never cover any.
    fn draw_legend(&self, plot: &Plot, shapes: &mut Vec<Shape>) {
        let x = plot.right + 2.0 * GAP;
        let mut y = plot.top + 0.5 * LEGEND_ROW;
        if !self.legend.is_empty() {
            let baseline = y + 0.36 * TICK_SIZE;
            shapes.push(text(
                x,
                baseline,
                &self.legend,
                TICK_SIZE,
                Weight::SemiBold,
                palette::INK,
                Anchor::Start,
            ));
            y += LEGEND_ROW;
        }
        for series in self.legend_entries() {
            match &series.mark {
                Mark::Line { width, dashed, .. } => {
                    shapes.push(line(vec![[x, y], [x + SWATCH, y]], series.color, *width, *dashed));
                }
                Mark::Dots { radius, .. } => {
                    shapes.push(Shape::Circle {
                        x: x + 0.5 * SWATCH,
                        y,
                        radius: *radius,
                        fill: series.color,
                    });
                }
                Mark::Bars { .. } => {
                    let side = 12.0;
                    let (x, y) = (x + SWATCH - side, y - 0.5 * side);
                    shapes.push(Shape::Rect { x, y, width: side, height: side, fill: series.color });
                }
            }
            let baseline = y + 0.36 * TICK_SIZE;
            let left = x + SWATCH + GAP;
            shapes.push(text(
                left,
                baseline,
                &series.label,
                TICK_SIZE,
                Weight::Regular,
                palette::INK,
                Anchor::Start,
            ));
            y += LEGEND_ROW;
        }
    }

    fn x_range(&self) -> [f64; 2] {
        if !self.x.categories.is_empty() {
            return [-0.5, self.x.categories.len() as f64 - 0.5];
        }
        let bars = self.series.iter().filter_map(|s| match &s.mark {
            Mark::Bars { heights } => Some([-0.5, heights.len() as f64 - 0.5]),
            _ => None,
        });
        self.x.scale.range(self.points().map(|[x, _]| x).chain(bars.flatten()), TICKS + 2)
    }

    fn y_range(&self) -> [f64; 2] {
        let bars = self.series.iter().flat_map(|s| match &s.mark {
            // A bar's length means nothing unless it starts at 0.
            Mark::Bars { heights } => heights.iter().copied().chain([0.0]).collect(),
            _ => Vec::new(),
        });
        self.y.scale.range(self.points().map(|[_, y]| y).chain(bars), TICKS)
    }

    fn points(&self) -> impl Iterator<Item = [f64; 2]> + '_ {
        self.series
            .iter()
            .flat_map(|s| match &s.mark {
                Mark::Line { points, .. } | Mark::Dots { points, .. } => points.as_slice(),
                Mark::Bars { .. } => &[],
            })
            .copied()
    }
}

impl Plot {
    fn x_of(&self, scale: Scale, value: f64) -> Option<f32> {
        let t = scale.position(value, self.x)?;
        Some(self.left + within_reach(t) * (self.right - self.left))
    }

    fn y_of(&self, scale: Scale, value: f64) -> Option<f32> {
        let t = scale.position(value, self.y)?;
        Some(self.bottom - within_reach(t) * (self.bottom - self.top))
    }
}

/// What lies far outside is clipped anyway; the rasteriser's numbers are finite.
fn within_reach(t: f64) -> f32 {
    t.clamp(-100.0, 100.0) as f32
}

fn line(points: Vec<[f32; 2]>, color: Color, width: f32, dashed: bool) -> Shape {
    Shape::Line { points, stroke: Stroke { color, width, dash: dashed.then_some([6.0, 4.0]) } }
}

fn text(x: f32, y: f32, text: &str, size: f32, weight: Weight, color: Color, anchor: Anchor) -> Shape {
    Shape::Text { x, y, text: text.to_owned(), size, weight, color, anchor, upwards: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Axis;

    /// Every shape of a scene with its bounding box.
    fn boxes(shapes: &[Shape]) -> Vec<[f32; 4]> {
        shapes
            .iter()
            .map(|shape| match shape {
                Shape::Text { x, y, text, size, weight, anchor, upwards, .. } => {
                    let w = width(text, *size, *weight);
                    let start = match anchor {
                        Anchor::Start => 0.0,
                        Anchor::Middle => -0.5 * w,
                        Anchor::End => -w,
                    };
                    if *upwards {
                        [x - size, y - start - w, *x, y - start]
                    } else {
                        [x + start, y - size, x + start + w, *y]
                    }
                }
                Shape::Clip { x, y, width, height, .. } => [*x, *y, x + width, y + height],
                _ => [0.0, 0.0, 0.0, 0.0],
            })
            .collect()
    }

    #[test]
    fn nothing_is_clipped_by_the_edge_and_no_two_texts_overlap() {
        let bars = |label: &str, i: usize| Series {
            label: label.into(),
            color: palette::CATEGORIES[i],
            mark: Mark::Bars { heights: vec![0.1, 0.4, 1e-5, 0.5] },
        };
        let chart = Chart {
            title: "Two distributions".into(),
            subtitle: "and what lies between them".into(),
            x: Axis {
                label: "outcome".into(),
                categories: ["a", "a longer name", "c", "d"].map(String::from).to_vec(),
                ..Axis::default()
            },
            y: Axis { label: "probability".into(), ..Axis::default() },
            legend: "distribution".into(),
            series: vec![bars("P", 0), bars("Q, the reference", 1)],
            ..Chart::default()
        };
        let scene = chart.scene();
        let boxes = boxes(&scene.shapes);
        let texts: Vec<_> =
            (0..boxes.len()).filter(|&i| matches!(scene.shapes[i], Shape::Text { .. })).collect();
        for &i in &texts {
            let [left, top, right, bottom] = boxes[i];
            let inside = left >= 0.0 && top >= 0.0 && right <= 800.0 && bottom <= 500.0;
            assert!(inside, "{:?} is cut: {:?}", scene.shapes[i], boxes[i]);
            for &j in texts.iter().filter(|&&j| j > i) {
                let [l, t, r, b] = boxes[j];
                let apart = right <= l || r <= left || bottom <= t || b <= top;
                assert!(apart, "{:?} overlaps {:?}", scene.shapes[i], scene.shapes[j]);
            }
        }
    }

    #[test]
    fn a_line_leaves_out_what_a_logarithm_has_no_place_for() {
        let chart = Chart {
            y: Axis { scale: Scale::Log, ..Axis::default() },
            series: vec![Series {
                label: String::new(),
                color: palette::INK,
                mark: Mark::Line {
                    points: vec![[0.0, 1.0], [1.0, 0.1], [2.0, 0.0], [3.0, 0.1], [4.0, f64::NAN], [5.0, 1.0]],
                    width: 1.0,
                    dashed: false,
                },
            }],
            ..Chart::default()
        };
        let scene = chart.scene();
        let clip = scene
            .shapes
            .iter()
            .find_map(|s| if let Shape::Clip { shapes, .. } = s { Some(shapes) } else { None });
        assert_eq!(clip.unwrap().len(), 1, "only the first two points are neighbours that can be drawn");
        assert!(!scene.to_svg().contains("NaN"));
    }
}
