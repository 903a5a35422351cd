//! Several charts side by side.

use super::chart::{Chart, Series, Size};
use super::heading::{Heading, description};
use super::layout::{Layout, Sides, Style};
use super::legend::Legend;
use super::scene::{Scene, Shape};

/// Charts in rows and columns, their data aligned, with one title and one legend for all.
///
/// Each chart's size is that of its data ([`Size::Plot`]), the same in a row and in a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Panels {
    /// Title, above everything.
    pub title: String,
    /// Lines below the title, broken where they have to be; left out where empty.
    pub subtitle: String,
    /// Charts side by side.
    pub columns: usize,
    /// The charts, row by row; a place may be left free.
    pub charts: Vec<Option<Chart>>,
    /// Title of the legend; left out where empty.
    pub legend: String,
    /// What the legend at the right shows: these, by their names.
    pub key: Vec<Series>,
}

impl Panels {
    /// Lays the charts out.
    ///
    /// # Panics
    ///
    /// If there is no column, or a chart's size is that of the whole.
    pub fn scene(&self) -> Scene {
        let style = Style { text: 1.0 };
        let columns = self.columns.min(self.charts.len());
        assert!(columns > 0, "panels have at least one column");
        let layouts: Vec<Option<Layout>> =
            self.charts.iter().map(|chart| chart.as_ref().map(Layout::new)).collect();
        let cells: Vec<Cell> = layouts.iter().map(|layout| Cell::of(layout.as_ref())).collect();

        let columns: Vec<Cell> = (0..columns)
            .map(|column| cells.iter().skip(column).step_by(columns).fold(Cell::default(), Cell::union))
            .collect();
        // A title starts where the data does, and ends in the margin at the right.
        let head = |(i, layout): (usize, &Option<Layout>)| {
            let Cell { sides, plot } = columns[i % columns.len()];
            layout.as_ref().map(|layout| layout.heading(plot[0] + sides.right + layout.style.margin()))
        };
        let heads: Vec<Option<Heading>> = layouts.iter().enumerate().map(head).collect();
        let inner_width: f32 = columns.iter().map(Cell::width).sum();
        let key = Legend { title: &self.legend, series: &self.key };
        let key_width = match key.width(style) {
            0.0 => 0.0,
            width => width + style.margin(),
        };
        let width = inner_width + key_width + style.margin();
        let heading = Heading::new(&self.title, &self.subtitle, width, style);
        let mut shapes = heading.shapes(style.margin(), 0.0);
        let mut y = heading.height - style.margin();
        for (row, layouts) in layouts.chunks(columns.len()).enumerate() {
            let first = row * columns.len();
            let cell = cells[first..first + layouts.len()].iter().fold(Cell::default(), Cell::union);
            let heads = &heads[first..first + layouts.len()];
            let top = heads.iter().flatten().map(|head| head.height).fold(0.0, f32::max);
            let mut x = 0.0;
            for ((layout, head), column) in layouts.iter().zip(heads).zip(&columns) {
                if let (Some(layout), Some(head)) = (layout, head) {
                    let left = column.sides.left;
                    let plot = layout.plot([left, top], [left + column.plot[0], top + cell.plot[1]]);
                    // A title of fewer lines than another of its row stands right above its data too.
                    let mut panel = head.shapes(left, top - head.height);
                    panel.extend(layout.shapes(&plot));
                    shapes.push(Shape::Group { x, y, shapes: panel });
                }
                x += column.width();
            }
            y += top + cell.plot[1] + cell.sides.bottom;
        }
        shapes.extend(key.shapes([inner_width + style.gap(), heading.height], style));
        let height = y.max(heading.height + key.height(style) + style.margin());
        Scene {
            width: width.ceil() as u32,
            height: height.ceil() as u32,
            description: description(&self.title, &self.subtitle),
            shapes,
        }
    }
}

/// The room of a chart, but for its title.
#[derive(Clone, Copy, Default)]
struct Cell {
    sides: Sides,
    /// Width and height of the data.
    plot: [f32; 2],
}

impl Cell {
    fn of(layout: Option<&Layout>) -> Self {
        let Some(layout) = layout else { return Self::default() };
        let Size::Plot { width, height } = layout.chart.size else {
            panic!("a panel's size is that of its data");
        };
        Self { sides: layout.sides(), plot: [width, height] }
    }

    /// Large enough for both.
    fn union(self, other: &Self) -> Self {
        let (a, b) = (self.sides, other.sides);
        Self {
            sides: Sides {
                left: a.left.max(b.left),
                right: a.right.max(b.right),
                bottom: a.bottom.max(b.bottom),
            },
            plot: [self.plot[0].max(other.plot[0]), self.plot[1].max(other.plot[1])],
        }
    }

    fn width(&self) -> f32 {
        self.sides.left + self.plot[0] + self.sides.right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::tests::assert_legible;
    use crate::{Axis, Mark, palette};

    fn panel(title: &str, label: &str, top: f64) -> Option<Chart> {
        let dots = Mark::Dots { points: vec![[0.0, 0.0], [1.0, top]], radius: 2.0 };
        let axis = |label: &str| Axis { label: label.into(), ..Axis::default() };
        Some(Chart {
            title: title.into(),
            size: Size::Plot { width: 90.0, height: 60.0 },
            text: 0.8,
            x: axis(label),
            y: axis(label),
            series: vec![Series::new("", palette::INK, dots)],
            ..Chart::default()
        })
    }

    #[test]
    fn the_data_of_a_column_and_of_a_row_is_aligned_whatever_the_ticks() {
        let scene = Panels {
            title: "Four quantities".into(),
            subtitle: "a sentence that is too long for one line below the title of a page so small".into(),
            columns: 2,
            charts: vec![
                panel("a", "x", 1.0),
                panel("a title of more than one line", "", 1e6),
                None,
                panel("b", "", 0.001),
                panel("c", "", 30000.0),
            ],
            legend: "series".into(),
            key: vec![Series::new(
                "the only one",
                palette::INK,
                Mark::Dots { points: Vec::new(), radius: 2.0 },
            )],
        }
        .scene();
        assert_legible(&scene);
        // The first dot of each lies where the axes meet.
        let corner = |shape: &Shape| match shape {
            Shape::Group { x, y, shapes } => shapes.iter().find_map(|inner| match inner {
                Shape::Dots { points, .. } => Some([x + points[0][0], y + points[0][1]]),
                _ => None,
            }),
            _ => None,
        };
        let plots: Vec<[f32; 2]> = scene.shapes.iter().filter_map(corner).collect();
        let [a, long, b, c] = plots[..] else { panic!("{plots:?}") };
        assert_eq!((a[0], long[0]), (c[0], b[0]));
        assert_eq!(a[1], long[1]);
    }
}
