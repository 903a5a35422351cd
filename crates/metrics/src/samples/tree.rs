//! A k-d tree in the maximum norm: how far the k-th neighbour is, and how many points lie within a distance.

use ndarray::ArrayView2;

/// Points below which a node is not split.
const LEAF: usize = 16;

/// Points sorted into nested boxes. Boxes of equal points count as one, so that ties cost nothing.
pub(crate) struct Tree {
    dimensions: usize,
    /// The coordinates, point by point, in the order of the tree.
    coordinates: Vec<f64>,
    /// Where in that order each point of the input is.
    places: Vec<usize>,
    nodes: Vec<Node>,
}

struct Node {
    /// Its points, in the order of the tree.
    start: usize,
    end: usize,
    /// The smallest box around them.
    low: Vec<f64>,
    high: Vec<f64>,
    children: Option<[usize; 2]>,
}

impl Node {
    /// The least distance of a point of the box.
    fn nearest(&self, query: &[f64]) -> f64 {
        let outside = |((low, high), x): ((&f64, &f64), &f64)| (low - x).max(x - high).max(0.0);
        self.low.iter().zip(&self.high).zip(query).map(outside).fold(0.0, f64::max)
    }

    /// The greatest distance of a point of the box.
    fn farthest(&self, query: &[f64]) -> f64 {
        let across = |((low, high), x): ((&f64, &f64), &f64)| (x - low).abs().max((high - x).abs());
        self.low.iter().zip(&self.high).zip(query).map(across).fold(0.0, f64::max)
    }

    fn count(&self) -> usize {
        self.end - self.start
    }

    fn is_one_point(&self) -> bool {
        self.low == self.high
    }
}

impl Tree {
    pub(crate) fn new(points: ArrayView2<'_, f64>) -> Self {
        let (count, dimensions) = points.dim();
        let mut order: Vec<usize> = (0..count).collect();
        let mut nodes = Vec::new();
        split(points, &mut order, 0, &mut nodes);
        let mut places = vec![0; count];
        for (place, &point) in order.iter().enumerate() {
            places[point] = place;
        }
        let coordinates = order.iter().flat_map(|&point| points.row(point).to_vec()).collect();
        Self { dimensions, coordinates, places, nodes }
    }

    /// Point `i` of the input.
    pub(crate) fn point(&self, i: usize) -> &[f64] {
        self.at(self.places[i])
    }

    fn at(&self, place: usize) -> &[f64] {
        &self.coordinates[place * self.dimensions..(place + 1) * self.dimensions]
    }

    fn distance(&self, place: usize, query: &[f64]) -> f64 {
        self.at(place).iter().zip(query).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
    }

    /// The distance of point `i` to the `k`-th nearest other point.
    pub(crate) fn kth_distance(&self, i: usize, k: usize) -> f64 {
        let mut nearest = vec![f64::INFINITY; k];
        self.look_for_nearer(0, self.point(i), self.places[i], &mut nearest);
        nearest[k - 1]
    }

    fn look_for_nearer(&self, node: usize, query: &[f64], own_place: usize, nearest: &mut [f64]) {
        let node = &self.nodes[node];
        let k = nearest.len();
        if node.nearest(query) >= nearest[k - 1] {
            return;
        }
        let mut insert = |distance: f64| {
            if distance < nearest[k - 1] {
                let position = nearest.partition_point(|other| *other <= distance);
                nearest[position..].rotate_right(1);
                nearest[position] = distance;
            }
        };
        match node.children {
            Some(mut children) => {
                children
                    .sort_by(|&a, &b| self.nodes[a].nearest(query).total_cmp(&self.nodes[b].nearest(query)));
                for child in children {
                    self.look_for_nearer(child, query, own_place, nearest);
                }
            }
            None if node.is_one_point() => {
                let own = (node.start..node.end).contains(&own_place);
                let distance = self.distance(node.start, query);
                (0..(node.count() - usize::from(own)).min(k)).for_each(|_| insert(distance));
            }
            None => (node.start..node.end)
                .filter(|&place| place != own_place)
                .for_each(|place| insert(self.distance(place, query))),
        }
    }

    /// How many points, point `i` among them, lie nearer to it than `radius`.
    pub(crate) fn count_nearer(&self, i: usize, radius: f64) -> usize {
        self.count(0, self.point(i), &|distance| distance < radius)
    }

    /// How many points are equal to point `i`, itself among them.
    pub(crate) fn count_equal(&self, i: usize) -> usize {
        self.count(0, self.point(i), &|distance| distance == 0.0)
    }

    /// Of a criterion that holds for all smaller distances once it holds for one.
    fn count(&self, node: usize, query: &[f64], within: &impl Fn(f64) -> bool) -> usize {
        let node = &self.nodes[node];
        if !within(node.nearest(query)) {
            return 0;
        }
        if within(node.farthest(query)) {
            return node.count();
        }
        match node.children {
            Some(children) => children.into_iter().map(|child| self.count(child, query, within)).sum(),
            None => (node.start..node.end).filter(|&place| within(self.distance(place, query))).count(),
        }
    }
}

/// Adds the node of `order`, whose first point has the place `start`, and gives its number.
fn split(points: ArrayView2<'_, f64>, order: &mut [usize], start: usize, nodes: &mut Vec<Node>) -> usize {
    let mut low = points.row(order[0]).to_vec();
    let mut high = low.clone();
    for &point in &*order {
        for ((x, low), high) in points.row(point).iter().zip(&mut low).zip(&mut high) {
            *low = low.min(*x);
            *high = high.max(*x);
        }
    }
    let extent = |d: usize| high[d] - low[d];
    let widest = (0..low.len()).max_by(|&a, &b| extent(a).total_cmp(&extent(b))).unwrap_or(0);
    let splits = order.len() > LEAF && extent(widest) > 0.0;
    let number = nodes.len();
    nodes.push(Node { start, end: start + order.len(), low, high, children: None });
    if splits {
        let middle = order.len() / 2;
        order.select_nth_unstable_by(middle, |&a, &b| points[[a, widest]].total_cmp(&points[[b, widest]]));
        let (left, right) = order.split_at_mut(middle);
        let children = [split(points, left, start, nodes), split(points, right, start + middle, nodes)];
        nodes[number].children = Some(children);
    }
    number
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::samples::draws::Draws;

    #[test]
    fn what_looking_at_every_point_finds() {
        let mut draws = Draws::seeded(3);
        let smooth = draws.normals((300, 3), 0.0, 1.0);
        // With ties in one coordinate, in all, and everywhere.
        let tied =
            Array2::from_shape_fn((300, 2), |(i, j)| if j == 0 { smooth[[i, 0]] } else { (i % 3) as f64 });
        let discrete = Array2::from_shape_fn((300, 2), |(i, j)| ((i * (j + 1)) % 4) as f64);
        let constant = Array2::from_elem((300, 1), 2.5);
        for points in [smooth, tied, discrete, constant] {
            let tree = Tree::new(points.view());
            for i in (0..300).step_by(7) {
                let distance = |j: usize| {
                    (0..points.ncols()).map(|d| (points[[i, d]] - points[[j, d]]).abs()).fold(0.0, f64::max)
                };
                let mut distances: Vec<f64> = (0..300).filter(|&j| j != i).map(distance).collect();
                distances.sort_by(f64::total_cmp);
                for k in [1, 4, 20] {
                    let found = tree.kth_distance(i, k);
                    assert_eq!(found, distances[k - 1]);
                    assert_eq!(
                        tree.count_nearer(i, found),
                        (0..300).filter(|&j| distance(j) < found).count()
                    );
                }
                assert_eq!(tree.count_equal(i), (0..300).filter(|&j| distance(j) == 0.0).count());
            }
        }
    }
}
