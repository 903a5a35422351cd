//! What stands above a drawing.

use super::layout::{Style, text};
use super::palette;
use super::scene::{Color, Shape};
use super::text::{Anchor, Weight, wrapped};

/// A title and what stands below it, in lines.
pub(super) struct Heading {
    lines: Vec<(String, f32, Weight, Color)>,
    style: Style,
    /// From the top of the drawing to the top of the data.
    pub height: f32,
}

impl Heading {
    pub fn new(title: &str, subtitle: &str, width: f32, style: Style) -> Self {
        let room = width - 2.0 * style.margin();
        let mut lines = Vec::new();
        for (text, size, weight, color) in [
            (title, style.title(), Weight::SemiBold, palette::INK),
            (subtitle, style.label(), Weight::Regular, palette::MUTED),
        ] {
            lines.extend(
                wrapped(text, size, weight, room).into_iter().map(|line| (line, size, weight, color)),
            );
        }
        let advance: f32 = lines.iter().map(|(_, size, ..)| Self::advance(*size)).sum();
        // Without a word, half of a tick's label still stands above the data.
        let below = if lines.is_empty() { 0.0 } else { 1.5 * style.gap() };
        Self { height: style.margin() + advance + below, lines, style }
    }

    /// From a baseline to the next.
    fn advance(size: f32) -> f32 {
        1.4 * size
    }

    /// With the texts' left end at `x`.
    pub fn shapes(&self, x: f32, top: f32) -> Vec<Shape> {
        let mut y = top + self.style.margin();
        let line = |(line, size, weight, color): &(String, f32, Weight, Color)| {
            let shape = text([x, y + 0.8 * size], line, *size, *weight, *color, Anchor::Start);
            y += Self::advance(*size);
            shape
        };
        self.lines.iter().map(line).collect()
    }
}

/// A drawing's title and subtitle as sentences.
pub(super) fn description(title: &str, subtitle: &str) -> String {
    [title, subtitle].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(". ")
}
