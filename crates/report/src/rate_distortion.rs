//! The curve of rate against distortion, and where it has no point yet.

/// A coefficient on the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The coefficient.
    pub c: f64,
    /// The KL, in nats.
    pub rate: f64,
    /// The reconstruction, in nats.
    pub distortion: f64,
}

/// The points on the lower convex hull of the curve, by falling rate: every other one lies above a line between two of them.
///
/// A curve of optima is convex, with the slope `-c` at the point of `c`. A point that is off the hull is none: some mixture of
/// two others has less of both.
pub fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| b.rate.total_cmp(&a.rate).then(b.distortion.total_cmp(&a.distortion)));
    let mut hull: Vec<Point> = Vec::with_capacity(sorted.len());
    for point in sorted {
        // Less rate for no more distortion: the ones before are beaten in both.
        while hull.last().is_some_and(|last| last.distortion >= point.distortion) {
            hull.pop();
        }
        let price = |from: &Point, to: &Point| (to.distortion - from.distortion) / (from.rate - to.rate);
        while let [.., before, last] = hull[..]
            && price(&before, &last) >= price(&last, &point)
        {
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// A stretch of the curve without a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// The coefficients at its ends.
    pub between: [f64; 2],
    /// The coefficient whose point is to be expected farthest below the straight line between the ends.
    pub c: f64,
    /// How far below that line the curve may lie, in nats of distortion.
    pub depth: f64,
}

/// The stretches between neighbouring points of the [`hull`], the widest first.
///
/// At the optimum of the objective for `c` the curve has the slope `-c`: it lies above the tangents at its points and, being convex, below
/// the lines between them. Where the tangents of two neighbours meet is as far below their line as it can be. The slope of
/// that line is the coefficient of the next point (Rote, *The Convergence Rate of the Sandwich Algorithm*, 1992).
/// Neighbours whose line is not between their tangents are not both at their optimum, and have no gap.
pub fn gaps(points: &[Point]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = hull(points)
        .windows(2)
        .filter_map(|ends| {
            let [a, b] = [ends[0], ends[1]];
            let c = (b.distortion - a.distortion) / (a.rate - b.rate);
            if !(a.c < c && c < b.c) {
                return None;
            }
            let meeting_rate = (b.distortion - a.distortion + b.c * b.rate - a.c * a.rate) / (b.c - a.c);
            let tangent = a.distortion - a.c * (meeting_rate - a.rate);
            let line = a.distortion - c * (meeting_rate - a.rate);
            Some(Gap { between: [a.c, b.c], c, depth: line - tangent })
        })
        .collect();
    gaps.sort_by(|a, b| b.depth.total_cmp(&a.depth));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The curve `distortion = 1 / rate`, where the optimum for `c` has the rate `1 / sqrt(c)`.
    fn hyperbola(coefficients: &[f64]) -> Vec<Point> {
        coefficients.iter().map(|&c| Point { c, rate: 1.0 / c.sqrt(), distortion: c.sqrt() }).collect()
    }

    #[test]
    fn the_hull_leaves_out_what_a_point_or_a_mixture_of_two_beats() {
        let mut points = hyperbola(&[0.25, 4.0, 1.0]);
        points.push(Point { c: 0.1, rate: 3.0, distortion: 0.5 });
        // Above the line from (2, 1/2) to (1, 1).
        points.push(Point { c: 0.5, rate: 1.5, distortion: 0.8 });
        let on_hull = |points: &[Point]| hull(points).iter().map(|point| point.c).collect::<Vec<_>>();
        assert_eq!(on_hull(&points), [0.25, 1.0, 4.0]);
        points.reverse();
        assert_eq!(on_hull(&points), [0.25, 1.0, 4.0], "whatever the order");
        assert_eq!(on_hull(&points[..1]), [0.5]);
        assert_eq!(on_hull(&[]), [0.0; 0]);
    }

    #[test]
    fn a_gap_is_as_deep_as_the_tangents_allow() {
        let found = gaps(&hyperbola(&[0.25, 4.0, 5.0]));
        // Between (2, 1/2) and (1/2, 2): the line has the slope -1, the tangents meet at (4/5, 4/5), 0.9 below it.
        let widest = found[0];
        assert_eq!(widest.between, [0.25, 4.0]);
        assert!((widest.c - 1.0).abs() < 1e-12 && (widest.depth - 0.9).abs() < 1e-12, "{widest:?}");
        assert!(found[1].depth < 0.1 && found[1].between == [4.0, 5.0], "{:?}", found[1]);
    }

    #[test]
    fn noise_that_bends_the_curve_the_wrong_way_has_no_gap() {
        let points =
            [Point { c: 1.0, rate: 5.0, distortion: 140.0 }, Point { c: 2.0, rate: 4.0, distortion: 145.0 }];
        assert_eq!(gaps(&points), []);
    }
}
