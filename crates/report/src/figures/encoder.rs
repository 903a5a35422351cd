//! Where the encoder puts the images.

use std::borrow::Cow;

use figure::{Axis, Chart, Lines, Mark, Place, Series, Size, palette};
use record::Encoded;

use super::dimensions;
use crate::format;

/// Images drawn in front of the others of their share, class by class. With one share a class would hide those before it.
const LAYERS: usize = 8;
/// Cells of an axis among which the one is looked for where a class stands out most.
const CELLS: usize = 24;
/// The circle that shows where the prior is; it holds `1 - exp(-RADIUS^2 / 2)`, 86 %, of a two-dimensional one.
const PRIOR_RADIUS: f64 = 2.0;

/// A cloud of codes so small a part of the axes has no names on it: they would cover it.
const NAMED_FROM: f64 = 0.15;

/// The axes of the prior alone.
pub const PRIOR_RANGE: Range = [[-4.0, 4.0]; 2];

/// Both ends of the axes, the same distance apart.
pub type Range = [[f64; 2]; 2];

/// Codes in the plane of the two dimensions that are shown, or on a line for each class.
pub struct Cloud<'a> {
    /// The means of the posteriors.
    pub points: Vec<[f64; 2]>,
    /// The class of each, where the images have classes.
    pub labels: Option<Cow<'a, [u8]>>,
    /// The names of the classes, where they are more than their numbers.
    pub names: &'a [String],
    /// What the axes show; only one in one dimension.
    pub axes: Vec<String>,
}

impl<'a> Cloud<'a> {
    /// The means of the posteriors of images.
    pub fn new(encoded: &Encoded, labels: Option<&'a [u8]>, names: &'a [String], kl_per_dim: &[f64]) -> Self {
        let shown = dimensions::on_axes(kl_per_dim);
        let column =
            |dimension: usize| encoded.mean.column(dimension).into_iter().map(|&mean| f64::from(mean));
        let points = match shown[..] {
            [x, y] => column(x).zip(column(y)).map(|(x, y)| [x, y]).collect(),
            _ => column(0).map(|x| [x, 0.0]).collect(),
        };
        let axes = shown.iter().map(|&dimension| dimensions::name_with_kl(dimension, kl_per_dim)).collect();
        Self { points, labels: labels.map(Cow::Borrowed), names, axes }
    }

    /// Keeps one of so many images.
    pub fn thin(&mut self, stride: usize) {
        self.points = self.points.iter().copied().step_by(stride).collect();
        self.labels = self.labels.take().map(|labels| labels.iter().copied().step_by(stride).collect());
    }

    /// The smallest range that holds all points, with a margin.
    pub fn own_range(&self) -> Range {
        square(self.ends())
    }

    /// The least and the greatest coordinate along each axis.
    fn ends(&self) -> Range {
        [0, 1].map(|along| {
            let values = self.points.iter().map(|point| point[along]).filter(|value| value.is_finite());
            values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)])
        })
    }

    /// A chart with a square of `side` pixels for the data.
    pub fn chart(&self, range: Range, side: f32) -> Chart {
        let [x, y] = range;
        let text = |i: usize| dimensions::axis_label(&format!("posterior mean of {}", self.axes[i]));
        let classes = self.classes();
        let rows = self.axes.len() < 2;
        let height = if rows { side * (classes.len() as f32 / 10.0).clamp(0.25, 1.0) } else { side };
        let y = if rows {
            match &self.labels {
                Some(_) => Axis::of_names("class", classes.iter().map(|&class| self.name(class))),
                None => Axis::of_names("", ["all images"]),
            }
        } else {
            Axis { label: text(1), range: Some(y), ..Axis::default() }
        };
        let mut series = self.series(range, side);
        series.push(prior_outline(rows.then_some(classes.len())));
        Chart {
            size: Size::Plot { width: side, height },
            x: Axis { label: text(0), range: Some(x), ..Axis::default() },
            y,
            lines: Lines::Both,
            legend: if self.labels.is_some() { "class".into() } else { String::new() },
            series,
            ..Chart::default()
        }
    }

    /// The classes in their order; a single one where the images have none.
    fn classes(&self) -> Vec<u8> {
        let mut classes = self.labels.as_ref().map_or(vec![0], |labels| labels.to_vec());
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    fn name(&self, class: u8) -> String {
        self.names.get(usize::from(class)).map_or_else(|| class.to_string(), |name| format::name(name))
    }

    fn class(&self, image: usize) -> u8 {
        self.labels.as_ref().map_or(0, |labels| labels[image])
    }

    /// The dots of every class, and its name where it stands out most.
    fn series(&self, range: Range, side: f32) -> Vec<Series> {
        let classes = self.classes();
        let points = self.placed(&classes);
        let per_layer = points.len().div_ceil(LAYERS).max(1);
        let radius = dot_radius(points.len(), side);
        let mut series = Vec::new();
        for first in (0..points.len()).step_by(per_layer) {
            for &class in &classes {
                let layer = first..(first + per_layer).min(points.len());
                let points =
                    layer.filter(|&image| self.class(image) == class).map(|image| points[image]).collect();
                // Named once.
                let label = if first == 0 { self.legend_label(class, &classes) } else { String::new() };
                let color = self.color(class);
                series.push(Series::new(label, color, Mark::Dots { points, radius }));
            }
        }
        let [[left, right], [bottom, top]] = self.ends();
        let part = f64::max(right - left, top - bottom) / (range[0][1] - range[0][0]);
        if self.labels.is_some() && self.axes.len() == 2 && part > NAMED_FROM {
            series.push(self.names(&classes, range));
        }
        series
    }

    fn color(&self, class: u8) -> figure::Color {
        match &self.labels {
            Some(_) => palette::CLASSES[usize::from(class) % palette::CLASSES.len()],
            // Without colours to tell apart, density is what there is to see: it grows from layer to layer.
            None => palette::CATEGORIES[0].with_alpha(0.4),
        }
    }

    /// The names of all classes of a colour, with the first of them.
    fn legend_label(&self, class: u8, classes: &[u8]) -> String {
        let colors = palette::CLASSES.len() as u8;
        if self.labels.is_none()
            || classes.iter().any(|&other| other < class && other % colors == class % colors)
        {
            return String::new();
        }
        let alike = classes.iter().filter(|&&other| other % colors == class % colors);
        alike.map(|&class| self.name(class)).collect::<Vec<_>>().join(", ")
    }

    /// The points, in one dimension scattered over the breadth of their class's row.
    fn placed(&self, classes: &[u8]) -> Vec<[f64; 2]> {
        if self.axes.len() == 2 {
            return self.points.clone();
        }
        let place = |(image, point): (usize, &[f64; 2])| {
            let row = classes.binary_search(&self.class(image)).unwrap_or(0) as f64;
            [point[0], row + jitter(image)]
        };
        self.points.iter().enumerate().map(place).collect()
    }

    /// Each class's name in the cell of the axes that has many of it and few of others.
    fn names(&self, classes: &[u8], range: Range) -> Series {
        let cell = |[x, y]: [f64; 2]| {
            let along = |value: f64, [low, high]: [f64; 2]| {
                let t = (value - low) / (high - low);
                (0.0..1.0).contains(&t).then_some((t * CELLS as f64) as usize)
            };
            Some(along(y, range[1])? * CELLS + along(x, range[0])?)
        };
        let mut totals = vec![0.0; CELLS * CELLS];
        let mut counts = vec![vec![0.0; CELLS * CELLS]; classes.len()];
        let mut sums = vec![vec![[0.0; 2]; CELLS * CELLS]; classes.len()];
        for (image, &point) in self.points.iter().enumerate() {
            let (Some(cell), Ok(class)) = (cell(point), classes.binary_search(&self.class(image))) else {
                continue;
            };
            totals[cell] += 1.0;
            counts[class][cell] += 1.0;
            for (sum, value) in sums[class][cell].iter_mut().zip(point) {
                *sum += value;
            }
        }
        let mut names: Vec<(f64, [f64; 2], String)> = Vec::new();
        for (class, counts) in counts.iter().enumerate() {
            let score = |cell: usize| counts[cell] * counts[cell] / f64::max(totals[cell], 1.0);
            let best = (0..totals.len()).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap_or(0);
            if counts[best] > 0.0 {
                let place = sums[class][best].map(|sum| sum / counts[best]);
                names.push((score(best), place, self.name(classes[class])));
            }
        }
        // The clearest first: a name that would cover another is left out.
        names.sort_by(|a, b| b.0.total_cmp(&a.0));
        let points = names.iter().map(|(_, place, _)| *place).collect();
        let texts = names.into_iter().map(|(.., name)| name).collect();
        Series::new("", palette::INK, Mark::Labels { points, texts, place: Place::On })
    }
}

/// The axes that hold every member's cloud, and the prior to four standard deviations.
///
/// Of each member the posteriors and the KL of each latent dimension.
pub fn common_range<'a>(members: impl IntoIterator<Item = (&'a Encoded, &'a [f64])>) -> Range {
    let mut ends = PRIOR_RANGE;
    for (encoded, kl_per_dim) in members {
        let cloud = Cloud::new(encoded, None, &[], kl_per_dim).ends();
        for (ends, [low, high]) in ends.iter_mut().zip(cloud) {
            *ends = [ends[0].min(low), ends[1].max(high)];
        }
    }
    square(ends)
}

/// The smallest square around a rectangle, with a margin; about 0 where there is nothing.
fn square(ends: Range) -> Range {
    const MARGIN: f64 = 1.05;
    if ends.iter().any(|[low, high]| low > high) {
        return [[-1.0, 1.0]; 2];
    }
    let half = ends.iter().map(|[low, high]| 0.5 * (high - low)).fold(0.0, f64::max) * MARGIN;
    // All on one spot.
    let half = if half > 0.0 { half } else { 1.0 };
    ends.map(|[low, high]| 0.5 * (low + high)).map(|middle| [middle - half, middle + half])
}

/// A place across a row, from -0.35 to 0.35: multiples of the golden ratio fill it evenly, however many there are.
pub fn jitter(position: usize) -> f64 {
    const BREADTH: f64 = 0.7;
    const GOLDEN: f64 = 0.618_033_988_749_895;
    BREADTH * ((position as f64 * GOLDEN).fract() - 0.5)
}

/// Smaller where there are more, and on smaller charts.
pub fn dot_radius(count: usize, side: f32) -> f32 {
    let on_full_chart = 1.3 * (10_000.0 / count.max(1) as f32).powf(0.3);
    on_full_chart.clamp(1.3, 3.5) * (side / 560.0).powf(0.4)
}

/// A circle about the prior, or lines across so many rows in one dimension.
pub fn prior_outline(rows: Option<usize>) -> Series {
    let points = match rows {
        None => (0..=96)
            .map(|i| f64::from(i) / 96.0 * std::f64::consts::TAU)
            .map(|angle| [PRIOR_RADIUS * angle.cos(), PRIOR_RADIUS * angle.sin()])
            .collect(),
        Some(rows) => {
            let (bottom, top) = (-0.5, rows as f64 - 0.5);
            let [left, right] = [-PRIOR_RADIUS, PRIOR_RADIUS];
            // No number in between: two lines.
            vec![[left, bottom], [left, top], [f64::NAN; 2], [right, bottom], [right, top]]
        }
    };
    Series::new("prior, 2σ", palette::INK, Mark::Line { points, width: 1.2, dashed: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::{Recorded, assert_sound, dots, texts};

    fn cloud(points: &[[f64; 2]], labels: Option<Vec<u8>>) -> Cloud<'static> {
        let axes = vec!["z₀".to_string(), "z₁".to_string()];
        Cloud { points: points.to_vec(), labels: labels.map(Cow::Owned), names: &[], axes }
    }

    #[test]
    fn every_image_is_a_dot_of_its_class() {
        let Recorded { examples, outputs, kl_per_dim, .. } = Recorded::new(2);
        let (encoded, labels) = (outputs.test.unwrap(), examples.test.labels.unwrap().to_vec());
        let cloud = Cloud::new(&encoded, Some(&labels), &[], &kl_per_dim);
        let chart = cloud.chart(cloud.own_range(), 300.0);
        assert_eq!(dots(&chart).len(), labels.len());
        let of_three = chart.series.iter().filter(|series| series.color == palette::CLASSES[3]);
        let count: usize = of_three
            .map(|series| if let Mark::Dots { points, .. } = &series.mark { points.len() } else { 0 })
            .sum();
        assert_eq!(count, 6, "one in ten of sixty images");
        let scene = chart.scene();
        assert_sound("encoder", &scene);
        let texts = texts(&scene);
        for name in ["class", "0", "9", "prior, 2σ", "posterior mean of z₀ (prior σ = 1)"] {
            assert!(texts.iter().any(|text| text == name), "no {name:?} in {texts:?}");
        }
    }

    #[test]
    fn both_axes_have_as_many_pixels_to_a_unit() {
        let chart = cloud(&[[0.0, 0.0], [10.0, 1.0]], None).chart([[-5.0, 15.0], [-10.0, 10.0]], 300.0);
        let (Some([left, right]), Some([bottom, top])) = (chart.x.range, chart.y.range) else { panic!() };
        let Size::Plot { width, height } = chart.size else { panic!() };
        assert_eq!(f64::from(width) / (right - left), f64::from(height) / (top - bottom));
    }

    #[test]
    fn the_common_axes_hold_every_member_and_the_prior() {
        let mut members = [Recorded::new(2), Recorded::new(2)].map(|member| member.outputs.test.unwrap());
        members[0].mean[[0, 1]] = 30.0;
        members[1].mean[[0, 0]] = -20.0;
        members[1].mean[[1, 0]] = f32::NAN;
        let kl_per_dim = [1.0, 1.0];
        let range = common_range(members.iter().map(|encoded| (encoded, &kl_per_dim[..])));
        let [[left, right], [bottom, top]] = range;
        assert!(left < -20.0 && right > 4.0 && bottom < -4.0 && top > 30.0, "{range:?}");
        assert!((right - left - (top - bottom)).abs() < 1e-9, "{range:?}");
    }

    #[test]
    fn a_name_stands_where_its_class_is_alone_and_never_on_another() {
        let mut points = vec![[0.0, 0.0]; 50];
        points.extend([[5.0, 5.0]; 20]);
        points.extend([[0.0, 0.0]; 5]);
        let labels = [vec![0; 50], vec![1; 20], vec![9; 5]].concat();
        let cloud = cloud(&points, Some(labels));
        let Mark::Labels { points, texts, .. } = cloud.names(&[0, 1, 9], cloud.own_range()).mark else {
            panic!()
        };
        assert_eq!(texts, ["0", "1", "9"]);
        assert_eq!(points[..2], [[0.0, 0.0], [5.0, 5.0]]);
        let scene = cloud.chart(cloud.own_range(), 300.0).scene();
        let written = scene.words().into_iter().filter(|words| words.text == "9").count();
        assert_eq!(written, 1, "class 9 is in the legend, its name on the data would cover that of class 0");
    }

    #[test]
    fn what_is_no_number_leaves_the_rest() {
        let cloud = cloud(&[[f64::NAN, 0.0], [1.0, f64::INFINITY], [0.0, 0.0], [2.0, 1.0]], None);
        assert_sound("encoder", &cloud.chart(cloud.own_range(), 200.0).scene());
        let nothing = self::cloud(&[[f64::NAN; 2]], Some(vec![0]));
        assert_eq!(nothing.own_range(), [[-1.0, 1.0]; 2]);
        assert_sound("encoder", &nothing.chart(nothing.own_range(), 200.0).scene());
    }

    #[test]
    fn classes_that_share_a_colour_share_a_line_of_the_legend() {
        let classes: Vec<u8> = (0..26).collect();
        let cloud = cloud(&[[0.0, 0.0]; 26], Some(classes.clone()));
        assert_eq!(cloud.legend_label(3, &classes), "3, 13, 23");
        assert_eq!(cloud.legend_label(13, &classes), "");
    }
}
