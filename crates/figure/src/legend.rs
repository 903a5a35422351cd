//! Which colour and shape stands for what.

use super::chart::{Mark, Series};
use super::layout::{Style, line, text};
use super::palette;
use super::scene::{MIDDLE, Shape};
use super::text::{Anchor, Weight, width};

/// Dots of a legend are at least so large, in pixels, that their colour can be seen.
const DOT: f32 = 4.0;

/// The series that have a name, one below the other, with a title.
#[derive(Debug, Clone, Copy)]
pub(super) struct Legend<'a> {
    pub title: &'a str,
    pub series: &'a [Series],
}

impl Legend<'_> {
    fn entries(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| !series.label.is_empty())
    }

    /// Zero where there is nothing to show.
    pub fn width(&self, style: Style) -> f32 {
        let labels = self
            .entries()
            .map(|s| style.swatch() + style.gap() + width(&s.label, style.tick(), Weight::Regular));
        let title = width(self.title, style.tick(), Weight::SemiBold);
        labels.chain([title]).fold(0.0, f32::max)
    }

    pub fn height(&self, style: Style) -> f32 {
        let rows = self.entries().count() + usize::from(!self.title.is_empty());
        rows as f32 * style.row()
    }

    /// With the top left corner at a point.
    pub fn shapes(&self, [x, top]: [f32; 2], style: Style) -> Vec<Shape> {
        let mut shapes = Vec::new();
        let mut y = top + 0.5 * style.row();
        let below_middle = MIDDLE * style.tick();
        if !self.title.is_empty() {
            let place = [x, y + below_middle];
            shapes.push(text(place, self.title, style.tick(), Weight::SemiBold, palette::INK, Anchor::Start));
            y += style.row();
        }
        let swatch = style.swatch();
        for series in self.entries() {
            let middle = [x + 0.5 * swatch, y];
            match &series.mark {
                Mark::Line { width, dashed, .. } => {
                    shapes.push(line(vec![[x, y], [x + swatch, y]], series.color, *width, *dashed));
                }
                Mark::Dots { radius, .. } => {
                    let radius = radius.max(DOT * style.text);
                    shapes.push(Shape::Dots {
                        points: vec![middle],
                        radius,
                        fill: series.color,
                        notes: Vec::new(),
                    });
                }
                Mark::Errors { .. } => {
                    let ends = vec![[middle[0], y - 0.4 * style.row()], [middle[0], y + 0.4 * style.row()]];
                    shapes.push(line(ends, series.color, 1.2, false));
                }
                Mark::Bars { .. } | Mark::Labels { .. } | Mark::Image { .. } => {
                    let side = 0.6 * style.row();
                    let (x, y) = (x + swatch - side, y - 0.5 * side);
                    shapes.push(Shape::Rect { x, y, width: side, height: side, fill: series.color });
                }
            }
            let place = [x + swatch + style.gap(), y + below_middle];
            shapes.push(text(
                place,
                &series.label,
                style.tick(),
                Weight::Regular,
                palette::INK,
                Anchor::Start,
            ));
            y += style.row();
        }
        shapes
    }
}
