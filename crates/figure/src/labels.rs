//! Texts for points, where they cover nothing.

use super::layout::{Plot, line, text};
use super::palette;
use super::scene::{Color, MIDDLE, Shape};
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

/// A line as boxes of a few pixels: one around a slanting line would be mostly empty.
pub(super) fn along([x0, y0]: [f32; 2], [x1, y1]: [f32; 2]) -> Vec<Box> {
    const STEP: f32 = 4.0;
    let steps = ((x1 - x0).hypot(y1 - y0) / STEP).ceil().clamp(1.0, 1000.0) as usize;
    let at = |i: usize| {
        let t = i as f32 / steps as f32;
        [x0 + t * (x1 - x0), y0 + t * (y1 - y0)]
    };
    (0..steps).map(|i| box_of(&[at(i), at(i + 1)], 1.0)).collect()
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
        let baseline = y + MIDDLE * size;
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
    /// Rounds in which each text looks for a place beside all others: the first gives it one, later ones use what others
    /// have left.
    const ROUNDS: usize = 4;
    let mut found: Vec<Candidate> = Vec::new();
    for _ in 0..ROUNDS {
        for (i, &(point, label)) in labels.iter().enumerate() {
            let others: Vec<Candidate> = (0..found.len()).filter(|&j| j != i).map(|j| found[j]).collect();
            let best = place(point, width(label, size, Weight::Regular), size, plot, taken, &others);
            if i < found.len() { found[i] = best } else { found.push(best) }
        }
    }
    let mut shapes = Vec::new();
    for (candidate, &(point, label)) in found.iter().zip(labels) {
        if candidate.has_leader() {
            shapes.push(line(vec![point, candidate.end()], palette::MUTED, 0.8, false));
        }
        let [left, _, _, bottom] = candidate.place;
        shapes.push(text(
            [left, bottom - (0.5 - MIDDLE) * size],
            label,
            size,
            Weight::Regular,
            color,
            Anchor::Start,
        ));
        taken.push(candidate.place);
    }
    shapes
}

/// A place for a text.
#[derive(Clone, Copy)]
struct Candidate {
    point: [f32; 2],
    place: Box,
    /// From the point, in pixels.
    distance: f32,
}

impl Candidate {
    /// So far from its point one cannot see any more what a text belongs to.
    fn has_leader(&self) -> bool {
        self.distance > 13.0
    }

    /// The end at the text of the line to the point.
    fn end(&self) -> [f32; 2] {
        let ([x, y], [l, t, r, b]) = (self.point, self.place);
        [x.clamp(l, r), y.clamp(t, b)]
    }

    fn leader(&self) -> Vec<Box> {
        if self.has_leader() { along(self.point, self.end()) } else { Vec::new() }
    }
}

/// The first place that covers nothing, from near to far, or the one that covers least.
fn place(
    [x, y]: [f32; 2],
    width: f32,
    size: f32,
    plot: &Plot,
    taken: &[Box],
    others: &[Candidate],
) -> Candidate {
    /// Distances from the point, in pixels.
    const DISTANCES: [f32; 10] = [9.0, 13.0, 19.0, 25.0, 32.0, 40.0, 50.0, 62.0, 76.0, 92.0];
    /// In sixteenths of a turn, counter-clockwise from the right: rightwards first, as one reads.
    const DIRECTIONS: [u8; 16] = [0, 1, 15, 2, 14, 3, 13, 4, 12, 5, 11, 6, 10, 7, 9, 8];
    let leaders: Vec<Box> = others.iter().flat_map(Candidate::leader).collect();
    let cost = |candidate: &Candidate| {
        let place = candidate.place;
        let [l, t, r, b] = place;
        let outside = (plot.left - l).max(0.0)
            + (r - plot.right).max(0.0)
            + (plot.top - t).max(0.0)
            + (b - plot.bottom).max(0.0);
        let covered: f32 = taken.iter().chain(&leaders).map(|&o| overlap(place, o)).sum();
        let texts: f32 = others.iter().map(|other| overlap(place, other.place)).sum();
        let own = candidate.leader();
        let crossed: f32 = others.iter().flat_map(|o| own.iter().map(|&part| overlap(part, o.place))).sum();
        // A text across another is worse than one across a line, and one that is cut off the worst.
        covered + crossed + 30.0 * texts + 1000.0 * outside
    };
    let candidates = DISTANCES.iter().flat_map(|&distance| {
        DIRECTIONS.iter().map(move |&direction| {
            let angle = f32::from(direction) * std::f32::consts::TAU / 16.0;
            let middle =
                [x + angle.cos() * (distance + 0.5 * width), y - angle.sin() * (distance + 0.5 * size)];
            let place = [
                middle[0] - 0.5 * width,
                middle[1] - 0.5 * size,
                middle[0] + 0.5 * width,
                middle[1] + 0.5 * size,
            ];
            Candidate { point: [x, y], place, distance }
        })
    });
    let mut best: Option<(f32, Candidate)> = None;
    for candidate in candidates {
        let cost = cost(&candidate);
        if cost == 0.0 {
            return candidate;
        }
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, candidate));
        }
    }
    best.expect("there is a distance and a direction").1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::tests::assert_legible;
    use crate::{Chart, Mark, Place, Series, Size};

    fn chart(points: Vec<[f64; 2]>, place: Place) -> Chart {
        let texts = (0..points.len()).map(|i| format!("c = {i}")).collect();
        let series = |mark| Series::new("", palette::INK, mark);
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
