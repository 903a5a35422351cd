//! A k-d tree: the only search for nearest neighbours, in the Euclidean and in the maximum norm.

use std::marker::PhantomData;

use kernels::{Vectorized, vectorized};
use rayon::prelude::*;

use super::points::Points;

/// Points of a leaf, whose distances are computed together: four registers of AVX-512.
const LEAF: usize = 32;
/// Leaves whose points one task of a thread pool searches for.
const TASK: usize = 8;

/// A norm, as what the differences of coordinates add up to: any increasing function of the distance.
pub(crate) trait Norm: Send + Sync {
    fn add(sum: f64, difference: f64) -> f64;
}

/// Distances are squared.
pub(crate) struct Euclidean;

impl Norm for Euclidean {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        sum + difference * difference
    }
}

pub(crate) struct Maximum;

impl Norm for Maximum {
    #[inline(always)]
    fn add(sum: f64, difference: f64) -> f64 {
        let size = difference.abs();
        if size > sum { size } else { sum }
    }
}

/// Points sorted into nested boxes. A box of equal points is never split, and costs what one point does.
pub(crate) struct Tree<N> {
    dimensions: usize,
    /// Level by level, from the box of all points.
    nodes: Vec<Node>,
    /// The smallest box around the points of each node: its lower corner, then its upper one.
    boxes: Vec<f64>,
    /// The coordinates of each leaf, dimension by dimension, filled up with infinity. Of equal points only the first.
    blocks: Vec<f64>,
    /// The nodes that are leaves, in the order of their points.
    leaves: Vec<usize>,
    /// The number that each point has in the input, in the order of the tree.
    ids: Vec<usize>,
    norm: PhantomData<N>,
}

struct Node {
    /// Its points, in the order of the tree.
    start: usize,
    end: usize,
    inside: Inside,
}

enum Inside {
    /// Two nodes, this one and the next.
    Children(usize),
    /// The coordinates in this block.
    Points { block: usize },
    /// Points that are all equal to the first of this block.
    Equal { block: usize },
}

/// A point near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Neighbour {
    distance: f64,
    /// Its place in the order of the tree.
    place: usize,
}

const FAR: Neighbour = Neighbour { distance: f64::INFINITY, place: usize::MAX };

impl<N: Norm> Tree<N> {
    pub(crate) fn new(points: &Points) -> Self {
        let dimensions = points.dimensions();
        let mut ids: Vec<usize> = (0..points.len()).collect();
        let mut nodes = Vec::new();
        let mut boxes = Vec::new();
        let (mut leaves, mut block) = (Vec::new(), 0);
        let mut level = vec![Range { start: 0, ids: &mut ids }];
        while !level.is_empty() {
            let splits: Vec<Split> = level.into_par_iter().map(|range| split(points, range)).collect();
            let below = nodes.len() + splits.len();
            level = Vec::new();
            for split in splits {
                let inside = match split.halves {
                    Some(halves) => {
                        level.extend(halves);
                        Inside::Children(below + level.len() - 2)
                    }
                    None => {
                        leaves.push(nodes.len());
                        block += 1;
                        if split.is_one_point() {
                            Inside::Equal { block: block - 1 }
                        } else {
                            Inside::Points { block: block - 1 }
                        }
                    }
                };
                boxes.extend(split.corners);
                nodes.push(Node { start: split.start, end: split.end, inside });
            }
        }
        leaves.sort_by_key(|&leaf: &usize| nodes[leaf].start);
        let mut tree = Self { dimensions, nodes, boxes, blocks: Vec::new(), leaves, ids, norm: PhantomData };
        tree.blocks = tree.filled_blocks(points, block);
        tree
    }

    fn filled_blocks(&self, points: &Points, count: usize) -> Vec<f64> {
        let mut blocks = vec![f64::INFINITY; count * self.dimensions * LEAF];
        for node in self.leaves.iter().map(|&leaf| &self.nodes[leaf]) {
            let (block, end) = match node.inside {
                Inside::Points { block } => (block, node.end),
                Inside::Equal { block } => (block, node.start + 1),
                Inside::Children(_) => continue,
            };
            for dimension in 0..self.dimensions {
                let first = (block * self.dimensions + dimension) * LEAF;
                let column = points.column(dimension);
                for (slot, &id) in blocks[first..].iter_mut().zip(&self.ids[node.start..end]) {
                    *slot = column[id];
                }
            }
        }
        blocks
    }

    /// The distance of each point to the `k`-th nearest other point, in the order of the input.
    pub(crate) fn kth_distances(&self, k: usize) -> Vec<f64> {
        self.kth_distances_of(self, k, true)
    }

    /// The distance of each point of `queries` to the `k`-th nearest point of this tree, in the order of the input.
    pub(crate) fn kth_distances_from(&self, queries: &Self, k: usize) -> Vec<f64> {
        self.kth_distances_of(queries, k, false)
    }

    fn kth_distances_of(&self, queries: &Self, k: usize, same: bool) -> Vec<f64> {
        let found: Vec<Vec<f64>> = queries
            .leaves
            .par_chunks(TASK)
            .map(|leaves| vectorized(KthDistances { tree: self, queries, leaves, k, same }))
            .collect();
        let mut distances = vec![0.0; queries.ids.len()];
        for (id, distance) in queries.ids.iter().zip(found.into_iter().flatten()) {
            distances[*id] = distance;
        }
        distances
    }

    /// The numbers of the `k` points nearest to `query`, from the nearest on. Of points at the same distance always the same
    /// ones.
    pub(crate) fn nearest(&self, query: &[f64], k: usize) -> Vec<usize> {
        let found = vectorized(Nearest { tree: self, query, k });
        found.into_iter().filter(|found| *found != FAR).map(|found| self.ids[found.place]).collect()
    }

    /// How many points lie nearer to `query` than `radius`.
    pub(crate) fn count_nearer(&self, query: &[f64], radius: f64) -> usize {
        self.count(0, query, &|distance| distance < radius)
    }

    /// How many points are equal to `query`.
    pub(crate) fn count_equal(&self, query: &[f64]) -> usize {
        self.count(0, query, &|distance| distance == 0.0)
    }

    /// Of a criterion that holds for all smaller distances once it holds for one.
    fn count(&self, number: usize, query: &[f64], within: &impl Fn(f64) -> bool) -> usize {
        let node = &self.nodes[number];
        if !within(self.nearest_of_box(number, query)) {
            return 0;
        }
        if within(self.farthest_of_box(number, query)) {
            return node.end - node.start;
        }
        match node.inside {
            Inside::Children(child) => {
                self.count(child, query, within) + self.count(child + 1, query, within)
            }
            Inside::Points { block } => {
                // Those that fill up the block are infinitely far.
                self.distances(block, query)[..node.end - node.start]
                    .iter()
                    .filter(|distance| within(**distance))
                    .count()
            }
            // Nearest and farthest of a point are the same.
            Inside::Equal { .. } => 0,
        }
    }

    /// The least distance of a point of the box.
    #[inline(always)]
    fn nearest_of_box(&self, number: usize, query: &[f64]) -> f64 {
        let (low, high) = self.corners(number);
        let mut sum = 0.0;
        for ((low, high), x) in low.iter().zip(high).zip(query) {
            let (below, above) = (low - x, x - high);
            let outside = if below > above { below } else { above };
            sum = N::add(sum, if outside > 0.0 { outside } else { 0.0 });
        }
        sum
    }

    /// The greatest distance of a point of the box.
    fn farthest_of_box(&self, number: usize, query: &[f64]) -> f64 {
        let (low, high) = self.corners(number);
        let corners = low.iter().zip(high).zip(query);
        corners.fold(0.0, |sum, ((low, high), x)| N::add(sum, (x - low).max(high - x)))
    }

    #[inline(always)]
    fn corners(&self, number: usize) -> (&[f64], &[f64]) {
        self.boxes[2 * self.dimensions * number..2 * self.dimensions * (number + 1)].split_at(self.dimensions)
    }

    #[inline(always)]
    fn distances(&self, block: usize, query: &[f64]) -> [f64; LEAF] {
        let length = self.dimensions * LEAF;
        let mut distances = [0.0; LEAF];
        for (column, x) in self.blocks[block * length..(block + 1) * length].chunks_exact(LEAF).zip(query) {
            for (distance, y) in distances.iter_mut().zip(column) {
                *distance = N::add(*distance, y - x);
            }
        }
        distances
    }

    /// Puts the points that are nearer than those in `nearest` there, in order, but for the one with the place `own`.
    #[inline(always)]
    fn search(&self, query: &[f64], own: usize, nearest: &mut [Neighbour], stack: &mut Vec<(usize, f64)>) {
        stack.clear();
        stack.push((0, self.nearest_of_box(0, query)));
        while let Some((number, distance)) = stack.pop() {
            let limit = nearest[nearest.len() - 1].distance;
            if distance >= limit {
                continue;
            }
            let node = &self.nodes[number];
            match node.inside {
                Inside::Children(child) => {
                    let (first, second) =
                        (self.nearest_of_box(child, query), self.nearest_of_box(child + 1, query));
                    // The nearer one is looked at first.
                    if first <= second {
                        stack.push((child + 1, second));
                        stack.push((child, first));
                    } else {
                        stack.push((child, first));
                        stack.push((child + 1, second));
                    }
                }
                Inside::Points { block } => {
                    let distances = self.distances(block, query);
                    let mut any = false;
                    for distance in &distances {
                        any |= *distance < limit;
                    }
                    if any {
                        for (place, distance) in (node.start..).zip(distances) {
                            if place != own {
                                insert(nearest, Neighbour { distance, place });
                            }
                        }
                    }
                }
                Inside::Equal { block } => {
                    let distance = self.distances(block, query)[0];
                    let places = (node.start..node.end).filter(|place| *place != own);
                    for place in places.take(nearest.len()) {
                        insert(nearest, Neighbour { distance, place });
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn insert(nearest: &mut [Neighbour], new: Neighbour) {
    let mut slot = nearest.len();
    while slot > 0 && new.distance < nearest[slot - 1].distance {
        if slot < nearest.len() {
            nearest[slot] = nearest[slot - 1];
        }
        slot -= 1;
    }
    if slot < nearest.len() {
        nearest[slot] = new;
    }
}

/// The distances of the points of some leaves, in the order of the tree, to their `k`-th neighbours.
struct KthDistances<'a, N> {
    tree: &'a Tree<N>,
    queries: &'a Tree<N>,
    leaves: &'a [usize],
    k: usize,
    /// Whether both trees are one, so that a point is no neighbour of itself.
    same: bool,
}

impl<N: Norm> Vectorized for KthDistances<'_, N> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let dimensions = self.queries.dimensions;
        let mut found = Vec::new();
        let (mut query, mut nearest, mut stack) = (vec![0.0; dimensions], vec![FAR; self.k], Vec::new());
        let mut kth_distance = |block: usize, offset: usize, own: usize| {
            for (dimension, x) in query.iter_mut().enumerate() {
                *x = self.queries.blocks[(block * dimensions + dimension) * LEAF + offset];
            }
            nearest.fill(FAR);
            let own = if self.same { own } else { usize::MAX };
            self.tree.search(&query, own, &mut nearest, &mut stack);
            nearest[self.k - 1].distance
        };
        for &leaf in self.leaves {
            let node = &self.queries.nodes[leaf];
            match node.inside {
                Inside::Points { block } => {
                    for offset in 0..node.end - node.start {
                        found.push(kth_distance(block, offset, node.start + offset));
                    }
                }
                Inside::Equal { block } => {
                    let distance = kth_distance(block, 0, node.start);
                    found.resize(found.len() + node.end - node.start, distance);
                }
                Inside::Children(_) => {}
            }
        }
        found
    }
}

struct Nearest<'a, N> {
    tree: &'a Tree<N>,
    query: &'a [f64],
    k: usize,
}

impl<N: Norm> Vectorized for Nearest<'_, N> {
    type Output = Vec<Neighbour>;

    #[inline(always)]
    fn run(self) -> Vec<Neighbour> {
        let mut nearest = vec![FAR; self.k];
        self.tree.search(self.query, usize::MAX, &mut nearest, &mut Vec::new());
        nearest
    }
}

/// Some points of the tree, in an order that is still to be found.
struct Range<'a> {
    start: usize,
    ids: &'a mut [usize],
}

/// A node that is being made, and the ranges of its children.
struct Split<'a> {
    start: usize,
    end: usize,
    corners: Vec<f64>,
    halves: Option<[Range<'a>; 2]>,
}

impl Split<'_> {
    fn is_one_point(&self) -> bool {
        let (low, high) = self.corners.split_at(self.corners.len() / 2);
        low == high
    }
}

/// Halves the points at the median of the dimension in which they spread most.
fn split<'a>(points: &Points, range: Range<'a>) -> Split<'a> {
    let Range { start, ids } = range;
    let dimensions = points.dimensions();
    let mut corners = vec![f64::INFINITY; dimensions];
    corners.resize(2 * dimensions, f64::NEG_INFINITY);
    for dimension in 0..dimensions {
        let column = points.column(dimension);
        for &id in &*ids {
            corners[dimension] = corners[dimension].min(column[id]);
            corners[dimensions + dimension] = corners[dimensions + dimension].max(column[id]);
        }
    }
    let extent = |dimension: usize| corners[dimensions + dimension] - corners[dimension];
    let widest = (0..dimensions).max_by(|&a, &b| extent(a).total_cmp(&extent(b))).unwrap_or(0);
    let splits = ids.len() > LEAF && extent(widest) > 0.0;
    let end = start + ids.len();
    let halves = splits.then(|| {
        // Together with their coordinates, which are compared more often than they can be fetched.
        let column = points.column(widest);
        let mut keyed: Vec<(f64, usize)> = ids.iter().map(|&id| (column[id], id)).collect();
        let middle = keyed.len() / 2;
        keyed.select_nth_unstable_by(middle, |a, b| a.0.total_cmp(&b.0));
        ids.iter_mut().zip(keyed).for_each(|(slot, (_, id))| *slot = id);
        let (left, right) = ids.split_at_mut(middle);
        [Range { start, ids: left }, Range { start: start + middle, ids: right }]
    });
    Split { start, end, corners, halves }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::samples::draws::Draws;

    fn distance<N: Norm>(x: &[f64], y: &[f64]) -> f64 {
        x.iter().zip(y).fold(0.0, |sum, (x, y)| N::add(sum, y - x))
    }

    fn sorted(mut distances: Vec<f64>) -> Vec<f64> {
        distances.sort_by(f64::total_cmp);
        distances
    }

    fn finds_what_looking_at_every_point_finds<N: Norm>(points: &Array2<f64>, others: &Array2<f64>) {
        let row = |points: &Array2<f64>, i: usize| points.row(i).to_vec();
        let new = |points: &Array2<f64>| Tree::<N>::new(&Points::new(points.view(), 1).unwrap());
        let (tree, other_tree) = (new(points), new(others));
        for k in [1, 4, 20] {
            let (own, from_others) = (tree.kth_distances(k), tree.kth_distances_from(&other_tree, k));
            for i in (0..points.nrows()).step_by(7) {
                let to = |query: &[f64], without: Option<usize>| {
                    let rest = (0..points.nrows()).filter(|&j| Some(j) != without);
                    sorted(rest.map(|j| distance::<N>(query, &row(points, j))).collect())
                };
                let query = row(points, i);
                assert_eq!(own[i], to(&query, Some(i))[k - 1]);
                let other = i % others.nrows();
                let all = to(&row(others, other), None);
                assert_eq!(from_others[other], all[k - 1]);
                let nearest = tree.nearest(&row(others, other), k);
                let of_nearest = nearest.iter().map(|&j| distance::<N>(&row(others, other), &row(points, j)));
                assert_eq!(of_nearest.collect::<Vec<_>>(), all[..k]);

                let all = to(&query, None);
                let nearer = all.iter().filter(|d| **d < own[i]).count();
                assert_eq!(tree.count_nearer(&query, own[i]), nearer);
                assert_eq!(tree.count_equal(&query), all.iter().filter(|d| **d == 0.0).count());
            }
        }
    }

    #[test]
    fn what_looking_at_every_point_finds() {
        let mut draws = Draws::seeded(3);
        let smooth = draws.normals((300, 3), 0.0, 1.0);
        // With ties in one coordinate, in all, and everywhere.
        let tied =
            Array2::from_shape_fn((300, 3), |(i, j)| if j == 0 { smooth[[i, 0]] } else { (i % 3) as f64 });
        let discrete = Array2::from_shape_fn((300, 3), |(i, j)| ((i * (j + 1)) % 4) as f64);
        let constant = Array2::from_elem((300, 3), 2.5);
        let others = draws.normals((41, 3), 0.3, 2.0);
        for points in [&smooth, &tied, &discrete, &constant] {
            for others in [&others, &discrete] {
                finds_what_looking_at_every_point_finds::<Euclidean>(points, others);
                finds_what_looking_at_every_point_finds::<Maximum>(points, others);
            }
        }
        let (line, others) = (draws.normals((500, 1), 0.0, 1.0), draws.normals((60, 1), 0.0, 1.0));
        finds_what_looking_at_every_point_finds::<Euclidean>(&line, &others);
        let (high, others) = (draws.normals((400, 12), 0.0, 1.0), draws.normals((60, 12), 0.0, 1.0));
        finds_what_looking_at_every_point_finds::<Euclidean>(&high, &others);
    }

    #[test]
    fn fewer_points_than_neighbours() {
        let tree = Tree::<Euclidean>::new(&Points::new(ndarray::array![[0.0], [3.0]].view(), 1).unwrap());
        assert_eq!(tree.nearest(&[2.0], 5), [1, 0]);
        assert_eq!(tree.kth_distances(2), [f64::INFINITY; 2]);
    }
}
