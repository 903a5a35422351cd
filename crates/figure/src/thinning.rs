//! Lines of thousands of points as the few that can be told apart.

/// Points of a line are left out where the line stays this close to them, in pixels, without.
const RESOLUTION: f32 = 0.05;

/// The positions of the points of a line that somebody would miss (Douglas and Peucker, 1973).
pub(super) fn kept_points(points: &[[f32; 2]]) -> Vec<usize> {
    let mut kept = vec![false; points.len()];
    let last = points.len() - 1;
    (kept[0], kept[last]) = (true, true);
    let mut open = vec![(0, last)];
    while let Some((from, to)) = open.pop() {
        let ([ax, ay], [bx, by]) = (points[from], points[to]);
        let (dx, dy) = (bx - ax, by - ay);
        let length = dx.hypot(dy);
        let distance = |[x, y]: [f32; 2]| {
            if length == 0.0 {
                (x - ax).hypot(y - ay)
            } else {
                ((x - ax) * dy - (y - ay) * dx).abs() / length
            }
        };
        let inner = (from + 1..to).map(|i| (distance(points[i]), i));
        let farthest =
            inner.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(distance, _)| *distance > RESOLUTION);
        if let Some((_, i)) = farthest {
            kept[i] = true;
            open.extend([(from, i), (i, to)]);
        }
    }
    (0..points.len()).filter(|&position| kept[position]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_line_keeps_its_shape() {
        let points: Vec<[f32; 2]> =
            (0..5000).map(|i| i as f32 / 10.0).map(|x| [x, 50.0 * (x / 40.0).sin()]).collect();
        let thin: Vec<[f32; 2]> = kept_points(&points).into_iter().map(|position| points[position]).collect();
        assert!(thin.len() < 300, "{} points are left", thin.len());
        for [x, y] in points {
            let right = thin.iter().position(|[a, _]| *a >= x).unwrap().max(1);
            let ([x0, y0], [x1, y1]) = (thin[right - 1], thin[right]);
            let there = y0 + (y1 - y0) * (x - x0) / (x1 - x0);
            // The distance is vertical here; the slope of up to 1.25 makes it at most 1.6 times that across the line.
            assert!((there - y).abs() < 2.0 * RESOLUTION, "at {x}: {there}, expected {y}");
        }
    }
}
