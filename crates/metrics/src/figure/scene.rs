//! A drawing of primitive shapes, and its two files.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tiny_skia::{
    FillRule, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, Rect, StrokeDash, Transform,
};

use super::palette;
use super::text::{Anchor, Segment, Weight, layout, outline, units_per_em};

/// A colour of 8 bits a channel, with its opacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Color {
    /// Red, green and blue.
    pub rgb: [u8; 3],
    /// Opacity from 0 to 1.
    pub alpha: f32,
}

impl Color {
    /// An opaque colour.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: [red, green, blue], alpha: 1.0 }
    }

    /// The same colour with another opacity.
    pub const fn with_alpha(self, alpha: f32) -> Self {
        Self { rgb: self.rgb, alpha }
    }

    fn hex(self) -> String {
        let [r, g, b] = self.rgb;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    fn paint(self) -> Paint<'static> {
        let [r, g, b] = self.rgb;
        let mut paint = Paint::default();
        paint.set_color_rgba8(r, g, b, (self.alpha * 255.0).round() as u8);
        paint.anti_alias = true;
        paint
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
    /// A line through points; gaps between lines are lines of their own.
    Line { points: Vec<[f32; 2]>, stroke: Stroke },
    /// A filled circle.
    Circle { x: f32, y: f32, radius: f32, fill: Color },
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
    /// Shapes of which only what falls in the rectangle is drawn.
    Clip { x: f32, y: f32, width: f32, height: f32, shapes: Vec<Shape> },
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

impl Scene {
    /// The drawing as an SVG document. Needs no font and no other file.
    pub fn to_svg(&self) -> String {
        let (w, h) = (self.width, self.height);
        let mut body = String::new();
        let mut glyphs = BTreeSet::new();
        let mut clips = 0;
        for shape in &self.shapes {
            svg_shape(shape, &mut body, &mut glyphs, &mut clips);
        }
        let description = escape(&self.description);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
             <title>{description}</title>\n<defs>\n"
        );
        for (weight, id) in glyphs {
            let _ =
                writeln!(svg, "<path id=\"{}\" d=\"{}\"/>", glyph_name(weight, id), svg_outline(id, weight));
        }
        let _ =
            write!(svg, "</defs>\n<rect width=\"{w}\" height=\"{h}\" fill=\"{}\"/>\n", palette::PAPER.hex());
        svg.push_str(&body);
        svg.push_str("</svg>\n");
        svg
    }

    /// The drawing as a PNG file, with `scale` pixels of the file to a pixel of the drawing.
    ///
    /// # Panics
    ///
    /// For a drawing without width or height.
    pub fn to_png(&self, scale: f32) -> Vec<u8> {
        self.to_pixmap(scale).encode_png().expect("a pixmap in memory encodes")
    }

    pub(super) fn to_pixmap(&self, scale: f32) -> Pixmap {
        let size = |n: u32| (n as f32 * scale).round() as u32;
        let mut pixmap =
            Pixmap::new(size(self.width), size(self.height)).expect("a drawing has a width and a height");
        let [r, g, b] = palette::PAPER.rgb;
        pixmap.fill(tiny_skia::Color::from_rgba8(r, g, b, 255));
        for shape in &self.shapes {
            draw(shape, &mut pixmap, Transform::from_scale(scale, scale), None);
        }
        pixmap
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Two decimals, without trailing zeros: a hundredth of a pixel is below what any medium shows.
fn number(value: f32) -> String {
    let text = format!("{value:.2}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

fn glyph_name(weight: Weight, id: u16) -> String {
    match weight {
        Weight::Regular => format!("r{id}"),
        Weight::SemiBold => format!("b{id}"),
    }
}

fn svg_outline(id: u16, weight: Weight) -> String {
    let mut d = String::new();
    for segment in outline(ttf_parser::GlyphId(id), weight) {
        let _ = match segment {
            Segment::Move(x, y) => write!(d, "M{x} {y}"),
            Segment::Line(x, y) => write!(d, "L{x} {y}"),
            Segment::Quad(a, b, x, y) => write!(d, "Q{a} {b} {x} {y}"),
            Segment::Cubic(a, b, c, e, x, y) => write!(d, "C{a} {b} {c} {e} {x} {y}"),
            Segment::Close => write!(d, "Z"),
        };
    }
    d
}

fn opacity(name: &str, alpha: f32) -> String {
    if alpha < 1.0 { format!(" {name}-opacity=\"{}\"", number(alpha)) } else { String::new() }
}

fn svg_shape(shape: &Shape, svg: &mut String, glyphs: &mut BTreeSet<(Weight, u16)>, clips: &mut usize) {
    let _ = match shape {
        Shape::Rect { x, y, width, height, fill } => writeln!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"{}/>",
            number(*x),
            number(*y),
            number(*width),
            number(*height),
            fill.hex(),
            opacity("fill", fill.alpha)
        ),
        Shape::Line { points, stroke } => {
            let points: Vec<String> =
                points.iter().map(|[x, y]| format!("{},{}", number(*x), number(*y))).collect();
            let dash = stroke.dash.map_or(String::new(), |[on, off]| {
                format!(" stroke-dasharray=\"{} {}\"", number(on), number(off))
            });
            writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dash}{}/>",
                points.join(" "),
                stroke.color.hex(),
                number(stroke.width),
                opacity("stroke", stroke.color.alpha)
            )
        }
        Shape::Circle { x, y, radius, fill } => writeln!(
            svg,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"{}/>",
            number(*x),
            number(*y),
            number(*radius),
            fill.hex(),
            opacity("fill", fill.alpha)
        ),
        Shape::Text { x, y, text, size, weight, color, anchor, upwards } => {
            let line = layout(text, *weight);
            let scale = size / units_per_em(*weight);
            let turn = if *upwards { " rotate(-90)" } else { "" };
            let _ = write!(
                svg,
                "<g aria-label=\"{}\" fill=\"{}\" transform=\"translate({} {}){turn} scale({scale:.6} {:.6})\">",
                escape(text),
                color.hex(),
                number(*x),
                number(*y),
                -scale
            );
            let start = start_of(*anchor, line.width);
            for glyph in line.glyphs {
                glyphs.insert((*weight, glyph.id.0));
                let name = glyph_name(*weight, glyph.id.0);
                let _ = write!(svg, "<use href=\"#{name}\" x=\"{}\"/>", number(start + glyph.offset));
            }
            writeln!(svg, "</g>")
        }
        Shape::Clip { x, y, width, height, shapes } => {
            *clips += 1;
            let name = format!("c{clips}");
            let _ = writeln!(
                svg,
                "<clipPath id=\"{name}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\n<g clip-path=\"url(#{name})\">",
                number(*x),
                number(*y),
                number(*width),
                number(*height)
            );
            for shape in shapes {
                svg_shape(shape, svg, glyphs, clips);
            }
            writeln!(svg, "</g>")
        }
    };
}

/// Where a text starts, relative to the point that its anchor names.
fn start_of(anchor: Anchor, width: f32) -> f32 {
    match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -0.5 * width,
        Anchor::End => -width,
    }
}

fn draw(shape: &Shape, pixmap: &mut Pixmap, transform: Transform, mask: Option<&Mask>) {
    match shape {
        Shape::Rect { x, y, width, height, fill } => {
            if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                pixmap.fill_rect(rect, &fill.paint(), transform, mask);
            }
        }
        Shape::Line { points, stroke } => {
            let mut builder = PathBuilder::new();
            for (i, [x, y]) in points.iter().enumerate() {
                if i == 0 { builder.move_to(*x, *y) } else { builder.line_to(*x, *y) }
            }
            let Some(path) = builder.finish() else { return };
            let pen = tiny_skia::Stroke {
                width: stroke.width,
                line_cap: LineCap::Butt,
                line_join: LineJoin::Round,
                dash: stroke.dash.and_then(|dash| StrokeDash::new(dash.to_vec(), 0.0)),
                ..Default::default()
            };
            pixmap.stroke_path(&path, &stroke.color.paint(), &pen, transform, mask);
        }
        Shape::Circle { x, y, radius, fill } => {
            if let Some(path) = PathBuilder::from_circle(*x, *y, *radius) {
                pixmap.fill_path(&path, &fill.paint(), FillRule::Winding, transform, mask);
            }
        }
        Shape::Text { x, y, text, size, weight, color, anchor, upwards } => {
            let line = layout(text, *weight);
            let scale = size / units_per_em(*weight);
            let start = start_of(*anchor, line.width);
            let mut place = transform.pre_translate(*x, *y);
            if *upwards {
                place = place.pre_rotate(-90.0);
            }
            let place = place.pre_scale(scale, -scale);
            for glyph in line.glyphs {
                if let Some(path) = glyph_path(glyph.id, *weight) {
                    let at = place.pre_translate(start + glyph.offset, 0.0);
                    pixmap.fill_path(&path, &color.paint(), FillRule::Winding, at, mask);
                }
            }
        }
        Shape::Clip { x, y, width, height, shapes } => {
            let (Some(rect), Some(mut inner)) =
                (Rect::from_xywh(*x, *y, *width, *height), Mask::new(pixmap.width(), pixmap.height()))
            else {
                return;
            };
            inner.fill_path(&PathBuilder::from_rect(rect), FillRule::Winding, true, transform);
            for shape in shapes {
                draw(shape, pixmap, transform, Some(&inner));
            }
        }
    }
}

fn glyph_path(id: ttf_parser::GlyphId, weight: Weight) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for segment in outline(id, weight) {
        match segment {
            Segment::Move(x, y) => builder.move_to(x, y),
            Segment::Line(x, y) => builder.line_to(x, y),
            Segment::Quad(a, b, x, y) => builder.quad_to(a, b, x, y),
            Segment::Cubic(a, b, c, d, x, y) => builder.cubic_to(a, b, c, d, x, y),
            Segment::Close => builder.close(),
        }
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(shapes: Vec<Shape>) -> Scene {
        Scene { width: 40, height: 20, description: "P < Q & R".to_owned(), shapes }
    }

    fn pixel(pixmap: &Pixmap, x: u32, y: u32) -> [u8; 3] {
        let color = pixmap.pixel(x, y).unwrap();
        [color.red(), color.green(), color.blue()]
    }

    #[test]
    fn shapes_land_on_the_same_pixels_that_they_name() {
        let blue = palette::CATEGORIES[0];
        let rect = Shape::Rect { x: 10.0, y: 5.0, width: 10.0, height: 10.0, fill: blue };
        let clipped = Shape::Clip { x: 0.0, y: 0.0, width: 15.0, height: 20.0, shapes: vec![rect.clone()] };
        for (shape, right_half) in [(rect, blue.rgb), (clipped, palette::PAPER.rgb)] {
            let pixmap = scene(vec![shape]).to_pixmap(2.0);
            assert_eq!((pixmap.width(), pixmap.height()), (80, 40));
            assert_eq!(pixel(&pixmap, 24, 20), blue.rgb);
            assert_eq!(pixel(&pixmap, 36, 20), right_half);
            assert_eq!(pixel(&pixmap, 4, 20), palette::PAPER.rgb);
        }
    }

    #[test]
    fn text_is_drawn_without_a_font_of_the_system() {
        let text = Shape::Text {
            x: 2.0,
            y: 16.0,
            text: "KL‖μσ²−".to_owned(),
            size: 10.0,
            weight: Weight::Regular,
            color: palette::INK,
            anchor: Anchor::Start,
            upwards: false,
        };
        for character in "KL(P ‖ Q) −0.5 μ σ² × 10⁻³ – … ≤".chars() {
            assert!(
                crate::figure::text::face(Weight::Regular).glyph_index(character).is_some(),
                "no {character:?}"
            );
        }
        let scene = scene(vec![text]);
        let svg = scene.to_svg();
        assert!(svg.contains("<title>P &lt; Q &amp; R</title>"), "{svg}");
        assert!(svg.contains("aria-label=\"KL‖μσ²−\"") && !svg.contains("<text"), "{svg}");
        let dark = scene.to_pixmap(1.0).pixels().iter().filter(|p| p.red() < 128).count();
        assert!(dark > 20, "only {dark} dark pixels");
    }
}
