//! A drawing of primitive shapes.

use std::fmt;

use super::image::Pixels;
use super::text::{Anchor, Weight, width};

/// A colour of 8 bits a channel, with its opacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color {
    /// Red, green and blue.
    pub rgb: [u8; 3],
    /// Opacity from 0 to 1.
    pub alpha: f32,
    /// The CSS variable that a page draws with instead, so that its theme decides.
    pub variable: Option<Variable>,
}

/// A CSS variable: `--name`, or `--name-number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    name: &'static str,
    number: Option<u16>,
}

impl Color {
    /// An opaque colour, the same in every theme.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], alpha: 1.0, variable: None }
    }

    /// The same colour with another opacity.
    pub const fn with_alpha(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// The same colour where there is no theme; in a page, that of the variable `--name`.
    pub const fn named(self, name: &'static str) -> Self {
        Self { variable: Some(Variable { name, number: None }), ..self }
    }

    /// The same colour where there is no theme; in a page, that of the variable `--name-number`.
    pub const fn numbered(self, name: &'static str, number: u16) -> Self {
        Self { variable: Some(Variable { name, number: Some(number) }), ..self }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "--{}-{number}", self.name),
            None => write!(f, "--{}", self.name),
        }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Colour.
    pub color: Color,
    /// Width in pixels.
    pub width: f32,
    /// Lengths of dash and gap in pixels, where it is not solid.
    pub dash: Option<[f32; 2]>,
}

/// A primitive shape. Positions are in pixels from the top left corner.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the fields are the geometry that the variant's name says")]
pub enum Shape {
    /// A filled rectangle.
    Rect { x: f32, y: f32, width: f32, height: f32, fill: Color },
    /// A line through points; gaps between lines are lines of their own. There is a note for each point, or none.
    Line { points: Vec<[f32; 2]>, stroke: Stroke, notes: Vec<String> },
    /// Filled circles of one size and colour. Where they overlap, the colour is no denser. Drawn on a raster of a tenth of
    /// a pixel, and once where several fall on one point of it: thousands of dots then make a file of some 60 KB. There is
    /// a note for each point, or none.
    Dots { points: Vec<[f32; 2]>, radius: f32, fill: Color, notes: Vec<String> },
    /// A line of text; `upwards` turns it by 90 degrees to read from bottom to top.
    Text {
        x: f32,
        y: f32,
        text: String,
        size: f32,
        weight: Weight,
        color: Color,
        anchor: Anchor,
        upwards: bool,
    },
    /// A grey image, stretched to the rectangle without smoothing.
    Image { x: f32, y: f32, width: f32, height: f32, image: Pixels },
    /// Shapes of which only what falls in the rectangle is drawn.
    Clip { x: f32, y: f32, width: f32, height: f32, shapes: Vec<Shape> },
    /// Shapes moved to the right and downwards.
    Group { x: f32, y: f32, shapes: Vec<Shape> },
    /// Shapes that belong together, with what a page's script may ask of them: see [`Readout`](crate::Readout).
    Marked { title: String, data: Vec<(&'static str, String)>, shapes: Vec<Shape> },
}

/// A drawing of a fixed size.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What the drawing shows, in a sentence, for readers who cannot see it.
    pub description: String,
    /// From back to front.
    pub shapes: Vec<Shape>,
}

/// A text of a drawing and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// The text.
    pub text: String,
    /// Left, top, right and bottom in pixels; as high as the font's size, about the middle of the capitals.
    pub bounds: [f32; 4],
}

impl Scene {
    /// All texts of the drawing, from back to front.
    pub fn words(&self) -> Vec<Words> {
        let mut words = Vec::new();
        collect_words(&self.shapes, [0.0, 0.0], &mut words);
        words
    }
}

fn collect_words(shapes: &[Shape], [right, down]: [f32; 2], words: &mut Vec<Words>) {
    for shape in shapes {
        match shape {
            Shape::Text { x, y, text, size, weight, anchor, upwards, .. } => {
                let (x, y) = (x + right, y + down);
                let width = width(text, *size, *weight);
                let start = start_of(*anchor, width);
                let (above, below) = ((0.5 + MIDDLE) * size, (0.5 - MIDDLE) * size);
                let bounds = if *upwards {
                    [x - above, y - start - width, x + below, y - start]
                } else {
                    [x + start, y - above, x + start + width, y + below]
                };
                words.push(Words { text: text.clone(), bounds });
            }
            Shape::Clip { shapes, .. } | Shape::Marked { shapes, .. } => {
                collect_words(shapes, [right, down], words)
            }
            Shape::Group { x, y, shapes } => collect_words(shapes, [right + x, down + y], words),
            _ => {}
        }
    }
}

/// Points of the raster of dots to a pixel.
pub(super) const DOT_RASTER: f32 = 10.0;

/// The points of the raster on which dots fall, each once, row by row. Of points that are not finite, none.
pub(super) fn on_dot_raster(points: &[[f32; 2]]) -> Vec<[i32; 2]> {
    let finite = points.iter().filter(|point| point.iter().all(|v| v.is_finite()));
    let mut rastered: Vec<[i32; 2]> =
        finite.map(|point| point.map(|v| (v * DOT_RASTER).round() as i32)).collect();
    rastered.sort_unstable_by_key(|&[x, y]| (y, x));
    rastered.dedup();
    rastered
}

/// From a text's baseline up to the middle of its capitals, in sizes of the font.
pub(super) const MIDDLE: f32 = 0.36;

/// Where a text starts, relative to the point that its anchor names.
pub(super) fn start_of(anchor: Anchor, width: f32) -> f32 {
    match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -0.5 * width,
        Anchor::End => -width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_that_nobody_could_tell_apart_are_one() {
        let points = [[1.0, 2.0], [3.0, 0.5], [1.01, 1.99], [f32::NAN, 1.0], [1.2, 2.0]];
        assert_eq!(on_dot_raster(&points), [[30, 5], [10, 20], [12, 20]]);
    }
}
