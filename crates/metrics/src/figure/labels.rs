//! Texts for points, where they cover nothing.

use super::layout::{Plot, line, text};
use super::palette;
use super::scene::{Color, Shape};
use super::text::{Anchor, Weight, width};

/// Left, top, right and bottom.
pub(super) type Box = [f32; 4];

/// The smallest box around points and so many pixels about them.
pub(super) fn box_of(points: &[[f32; 2]], about: f32) -> Box {
    let empty = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
    points.iter().fold(empty, |[l, t, r, b], &[x, y]| {
        [l.min(x - about), t.min(y - about), r.max(x + about), b.max(y + about)]
    })
}

fn overlap([l, t, r, b]: Box, [left, top, right, bottom]: Box) -> f32 {
    (r.min(right) - l.max(left)).max(0.0) * (b.min(bottom) - t.max(top)).max(0.0)
}

/// Texts in the middle of their points, on a patch of paper. One that would touch what is taken is left out.
pub(super) fn on(labels: &[([f32; 2], &str)], size: f32, color: Color, taken: &mut Vec<Box>) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for &([x, y], label) in labels {
        let (half_width, half_height) = (0.5 * width(label, size, Weight::SemiBold) + 2.0, 0.5 * size + 1.0);
        let place = [x - half_width, y - half_height, x + half_width, y + half_height];
        if taken.iter().any(|&other| overlap(place, other) > 0.0) {
            continue;
        }
        taken.push(place);
        let fill = palette::PAPER.with_alpha(0.8);
        let (width, height) = (2.0 * half_width, 2.0 * half_height);
        shapes.push(Shape::Rect { x: place[0], y: place[1], width, height, fill });
        let baseline = y + 0.36 * size;
        shapes.push(text([x, baseline], label, size, Weight::SemiBold, color, Anchor::Middle));
    }
    shapes
}

/// Texts beside their points: as near as may be without covering what is taken, inside the plot. One that has to stand
/// farther away gets a line to its point; where all is taken, it covers as little as it can.
pub(super) fn beside(
    labels: &[([f32; 2], &str)],
    size: f32,
    color: Color,
    plot: &Plot,
    taken: &mut Vec<Box>,
) -> Vec<Shape> {
    /// Distances from the point, in pixels.
    const DISTANCES: [f32; 5] = [9.0, 13.0, 20.0, 32.0, 48.0];
    /// Beyond this one cannot see what a text belongs to.
    const NEAR: f32 = 13.0;
    /// In sixteenths of a turn, counter-clockwise from the right: rightwards first, as one reads.
    const DIRECTIONS: [u8; 16] = [0, 1, 15, 2, 14, 3, 13, 4, 12, 5, 11, 6, 10, 7, 9, 8];
    let mut shapes = Vec::new();
    for &([x, y], label) in labels {
        let width = width(label, size, Weight::Regular);
        let cost = |place: Box| {
            let [l, t, r, b] = place;
            let outside = (plot.left - l).max(0.0)
                + (r - plot.right).max(0.0)
                + (plot.top - t).max(0.0)
                + (b - plot.bottom).max(0.0);
            // A text that is cut off is worse than one that covers something.
            taken.iter().map(|&other| overlap(place, other)).sum::<f32>() + 1000.0 * outside
        };
        let mut best: Option<(f32, Box, f32)> = None;
        'search: for distance in DISTANCES {
            for direction in DIRECTIONS {
                let angle = f32::from(direction) * std::f32::consts::TAU / 16.0;
                let (dx, dy) = (angle.cos(), -angle.sin());
                let middle = [x + dx * (distance + 0.5 * width), y + dy * (distance + 0.5 * size)];
                let place = [
                    middle[0] - 0.5 * width,
                    middle[1] - 0.5 * size,
                    middle[0] + 0.5 * width,
                    middle[1] + 0.5 * size,
                ];
                let cost = cost(place);
                if best.is_none_or(|(least, ..)| cost < least) {
                    best = Some((cost, place, distance));
                }
                if cost == 0.0 {
                    break 'search;
                }
            }
        }
        let Some((_, place, distance)) = best else { continue };
        let [left, top, right, bottom] = place;
        if distance > NEAR {
            let end = [x.clamp(left, right), y.clamp(top, bottom)];
            shapes.push(line(vec![[x, y], end], palette::MUTED, 0.8, false));
            taken.push(box_of(&[[x, y], end], 0.5));
        }
        shapes.push(text([left, bottom - 0.14 * size], label, size, Weight::Regular, color, Anchor::Start));
        taken.push(place);
    }
    shapes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::layout::tests::assert_legible;
    use crate::figure::{Chart, Mark, Place, Series, Size};

    fn chart(points: Vec<[f64; 2]>, place: Place) -> Chart {
        let texts = (0..points.len()).map(|i| format!("c = {i}")).collect();
        let series = |mark| Series { label: String::new(), color: palette::INK, mark };
        Chart {
            size: Size::Plot { width: 300.0, height: 200.0 },
            series: vec![
                series(Mark::Line { points: points.clone(), width: 1.0, dashed: false }),
                series(Mark::Dots { points: points.clone(), radius: 4.0 }),
                series(Mark::Labels { points, texts, place }),
            ],
            ..Chart::default()
        }
    }

    #[test]
    fn labels_beside_crowded_points_touch_nothing_and_are_all_there() {
        let points: Vec<[f64; 2]> =
            (0..12).map(|i| f64::from(i) / 11.0).map(|t| [t, (1.0 - t).powi(4)]).collect();
        let scene = chart(points, Place::Beside).scene();
        assert_legible(&scene);
        let labels: Vec<Box> = scene
            .words()
            .into_iter()
            .filter(|words| words.text.starts_with("c ="))
            .map(|words| words.bounds)
            .collect();
        assert_eq!(labels.len(), 12);
        for shape in &scene.shapes {
            let Shape::Dots { points, radius, .. } = shape else { continue };
            for &point in points {
                let covered = labels.iter().any(|&label| overlap(label, box_of(&[point], *radius)) > 0.0);
                assert!(!covered, "a label covers the dot at {point:?}");
            }
        }
    }

    #[test]
    fn of_labels_on_one_point_the_first_is_shown() {
        let scene = chart(vec![[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]], Place::On).scene();
        let shown: Vec<String> =
            scene.words().into_iter().map(|w| w.text).filter(|text| text.starts_with('c')).collect();
        assert_eq!(shown, ["c = 0", "c = 2"]);
    }
}
