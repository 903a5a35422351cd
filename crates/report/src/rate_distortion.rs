//! The curve of rate against distortion: its knee, and where it has no point yet.

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

/// The points that no other beats in both rate and distortion, by falling rate.
pub fn front(points: &[Point]) -> Vec<Point> {
    let beaten = |point: &Point| {
        points.iter().any(|other| {
            other.rate <= point.rate
                && other.distortion <= point.distortion
                && (other.rate < point.rate || other.distortion < point.distortion)
        })
    };
    let mut front: Vec<Point> = points.iter().filter(|point| !beaten(point)).copied().collect();
    front.sort_by(|a, b| b.rate.total_cmp(&a.rate));
    front
}

/// The coefficient at the knee of the curve; nothing where its [`front`] has fewer than three points, or does not bend.
///
/// Both axes are scaled to [0, 1]; the knee is the point farthest below the line between the ends. Source: Satopää et al.,
/// *Finding a "Kneedle" in a Haystack* (2011).
pub fn knee(points: &[Point]) -> Option<f64> {
    let front = front(points);
    let [first, .., last] = front[..] else { return None };
    if front.len() < 3 {
        return None;
    }
    let below_line = |point: &Point| {
        let rate = (point.rate - last.rate) / (first.rate - last.rate);
        let distortion = (point.distortion - first.distortion) / (last.distortion - first.distortion);
        1.0 - rate - distortion
    };
    let inner = front[1..front.len() - 1].iter().map(|point| (below_line(point), point.c));
    inner.filter(|(below, _)| *below > 0.0).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
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

/// The stretches between neighbouring points of the [`front`], the widest first.
///
/// At the optimum for `c` the curve has the slope `-c`: it lies above the tangents at its points and, being convex, below
/// the lines between them. Where the tangents of two neighbours meet is as far below their line as it can be. The slope of
/// that line is the coefficient of the next point (Rote, *The Convergence Rate of the Sandwich Algorithm*, 1992).
/// Neighbours whose line is not between their tangents, which training noise can bring about, have no gap.
pub fn gaps(points: &[Point]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = front(points)
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
    fn the_front_leaves_out_what_another_point_beats() {
        let mut points = hyperbola(&[0.25, 4.0, 1.0]);
        points.push(Point { c: 0.1, rate: 3.0, distortion: 0.5 });
        let coefficients: Vec<f64> = front(&points).iter().map(|point| point.c).collect();
        assert_eq!(coefficients, [0.25, 1.0, 4.0]);
    }

    #[test]
    fn the_knee_is_where_the_curve_turns() {
        // Symmetric about the diagonal: the corner is at c = 1.
        assert_eq!(knee(&hyperbola(&[0.01, 0.1, 1.0, 10.0, 100.0])), Some(1.0));
        assert_eq!(knee(&hyperbola(&[0.01, 100.0])), None, "two points have no knee");
        let line = [3.0, 2.0, 1.0].map(|rate| Point { c: 4.0 - rate, rate, distortion: 4.0 - rate });
        assert_eq!(knee(&line), None, "a line does not bend");
        assert_eq!(knee(&[]), None);
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
