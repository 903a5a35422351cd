//! A drawing as an SVG document.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::palette;
use super::scene::{Color, DOT_RASTER, Scene, Shape, on_dot_raster, start_of};
use super::text::{Anchor, FONT_FAMILY, Segment, Weight, layout, outline, units_per_em};

impl Scene {
    /// The drawing as an SVG document. Needs no font and no other file: texts are outlines.
    pub fn to_svg(&self) -> String {
        let (w, h) = (self.width, self.height);
        let body = Body::of(&self.shapes, Medium::File);
        let description = escape(&self.description);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
             <title>{description}</title>\n<defs>\n"
        );
        for (weight, id) in body.glyphs {
            let _ =
                writeln!(svg, "<path id=\"{}\" d=\"{}\"/>", glyph_name(weight, id), glyph_path(id, weight));
        }
        let paper = paint("fill", palette::PAPER, Medium::File);
        let _ = write!(svg, "</defs>\n<rect width=\"{w}\" height=\"{h}\" {paper}/>\n");
        svg.push_str(&body.text);
        svg.push_str("</svg>\n");
        svg
    }

    /// The drawing as an element of an HTML page, without paper of its own. Colours are the CSS variables of
    /// [`palette::style`], texts are texts in the font of [`font_face`](crate::font_face); the page is to hold both. Shapes
    /// carry the readouts of their series. `id` is to be unique in the page.
    pub fn to_inline_svg(&self, id: &str) -> String {
        let (w, h) = (self.width, self.height);
        let body = Body::of(&self.shapes, Medium::Page { id });
        format!(
            "<svg viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" role=\"img\" aria-label=\"{}\" \
             font-family=\"{FONT_FAMILY}\">\n{}</svg>",
            escape(&self.description),
            body.text
        )
    }
}

/// Where a drawing is shown.
#[derive(Clone, Copy, PartialEq)]
enum Medium<'a> {
    /// Alone: all it needs is in it.
    File,
    /// In a page, where the names of its definitions start with an `id`.
    Page { id: &'a str },
}

/// What stands between the definitions and the end.
struct Body<'a> {
    medium: Medium<'a>,
    text: String,
    /// Glyphs in use, to be defined.
    glyphs: BTreeSet<(Weight, u16)>,
    /// Clipping rectangles so far.
    clips: usize,
}

impl<'a> Body<'a> {
    fn of(shapes: &[Shape], medium: Medium<'a>) -> Self {
        let mut body = Self { medium, text: String::new(), glyphs: BTreeSet::new(), clips: 0 };
        for shape in shapes {
            body.draw(shape);
        }
        body
    }

    fn draw(&mut self, shape: &Shape) {
        let medium = self.medium;
        let in_page = medium != Medium::File;
        let svg = &mut self.text;
        let _ = match shape {
            Shape::Rect { x, y, width, height, fill } => {
                writeln!(
                    svg,
                    "<rect {} {}/>",
                    rectangle(*x, *y, *width, *height),
                    paint("fill", *fill, medium)
                )
            }
            Shape::Line { points, stroke, notes } => {
                let points: Vec<String> =
                    points.iter().map(|[x, y]| format!("{},{}", number(*x), number(*y))).collect();
                let dash = stroke.dash.map_or(String::new(), |[on, off]| {
                    format!(" stroke-dasharray=\"{} {}\"", number(on), number(off))
                });
                let notes = if in_page && !notes.is_empty() {
                    format!(" data-notes=\"{}\"", escape(&notes.join("|")))
                } else {
                    String::new()
                };
                writeln!(
                    svg,
                    "<polyline points=\"{}\" fill=\"none\" stroke-width=\"{}\" stroke-linejoin=\"round\"{dash} {}{notes}/>",
                    points.join(" "),
                    number(stroke.width),
                    paint("stroke", stroke.color, medium)
                )
            }
            Shape::Dots { points, radius, fill, notes } if in_page && !notes.is_empty() => {
                let _ = writeln!(svg, "<g {}>", paint("fill", *fill, medium));
                let radius = number(*radius);
                for ([x, y], note) in points.iter().zip(notes) {
                    let (x, y, note) = (number(*x), number(*y), escape(note));
                    let _ =
                        writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" data-note=\"{note}\"/>");
                }
                writeln!(svg, "</g>")
            }
            Shape::Dots { points, radius, fill, .. } => writeln!(
                svg,
                "<path transform=\"scale({})\" fill=\"none\" stroke-width=\"{}\" stroke-linecap=\"round\" {} d=\"{}\"/>",
                number(1.0 / DOT_RASTER),
                number(2.0 * radius * DOT_RASTER),
                paint("stroke", *fill, medium),
                dots_path(points)
            ),
            Shape::Text { x, y, text, size, weight, color, anchor, upwards } if in_page => {
                let weight = if *weight == Weight::SemiBold { " font-weight=\"600\"" } else { "" };
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let (x, y) = (number(*x), number(*y));
                let place = if *upwards {
                    format!("transform=\"translate({x} {y}) rotate(-90)\"")
                } else {
                    format!("x=\"{x}\" y=\"{y}\"")
                };
                let (size, fill, text) = (number(*size), paint("fill", *color, medium), escape(text));
                writeln!(svg, "<text {place} font-size=\"{size}\"{weight}{anchor} {fill}>{text}</text>")
            }
            Shape::Text { x, y, text, size, weight, color, anchor, upwards } => {
                let line = layout(text, *weight);
                let scale = size / units_per_em(*weight);
                let turn = if *upwards { " rotate(-90)" } else { "" };
                let _ = write!(
                    svg,
                    "<g aria-label=\"{}\" {} transform=\"translate({} {}){turn} scale({scale:.6} {:.6})\">",
                    escape(text),
                    paint("fill", *color, medium),
                    number(*x),
                    number(*y),
                    -scale
                );
                let start = start_of(*anchor, line.width);
                for glyph in line.glyphs {
                    self.glyphs.insert((*weight, glyph.id.0));
                    let name = glyph_name(*weight, glyph.id.0);
                    let _ = write!(svg, "<use href=\"#{name}\" x=\"{}\"/>", number(start + glyph.offset));
                }
                writeln!(svg, "</g>")
            }
            // Browsers know `pixelated`, other programs what the first edition of SVG called it.
            Shape::Image { x, y, width, height, image } => writeln!(
                svg,
                "<image {} preserveAspectRatio=\"none\" image-rendering=\"optimizeSpeed\" \
                 style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
                rectangle(*x, *y, *width, *height),
                STANDARD.encode(image.to_png())
            ),
            Shape::Clip { x, y, width, height, shapes } => {
                self.clips += 1;
                let name = match medium {
                    Medium::File => format!("c{}", self.clips),
                    Medium::Page { id } => format!("{id}-c{}", self.clips),
                };
                let _ = writeln!(
                    svg,
                    "<clipPath id=\"{name}\"><rect {}/></clipPath>\n<g clip-path=\"url(#{name})\">",
                    rectangle(*x, *y, *width, *height)
                );
                self.draw_all(shapes)
            }
            Shape::Group { x, y, shapes } => {
                let _ = writeln!(svg, "<g transform=\"translate({} {})\">", number(*x), number(*y));
                self.draw_all(shapes)
            }
            Shape::Marked { title, data, shapes } if in_page => {
                let _ = write!(svg, "<g data-title=\"{}\"", escape(title));
                for (name, value) in data {
                    let _ = write!(svg, " data-{name}=\"{}\"", escape(value));
                }
                svg.push_str(">\n");
                self.draw_all(shapes)
            }
            Shape::Marked { shapes, .. } => {
                for shape in shapes {
                    self.draw(shape);
                }
                Ok(())
            }
        };
    }

    /// The shapes inside a group, and its end.
    fn draw_all(&mut self, shapes: &[Shape]) -> std::fmt::Result {
        for shape in shapes {
            self.draw(shape);
        }
        writeln!(self.text, "</g>")
    }
}

/// Lines of no length, which round caps make dots. Each starts from where the one before ended.
fn dots_path(points: &[[f32; 2]]) -> String {
    let mut d = String::new();
    let mut pen = [0, 0];
    for [x, y] in on_dot_raster(points) {
        let (dx, dy) = (x - pen[0], y - pen[1]);
        let space = if dy < 0 { "" } else { " " };
        let _ = write!(d, "m{dx}{space}{dy}h0");
        pen = [x, y];
    }
    d
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

fn rectangle(x: f32, y: f32, width: f32, height: f32) -> String {
    let [x, y, width, height] = [x, y, width, height].map(number);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

/// The attributes of a `fill` or a `stroke`.
fn paint(name: &str, color: Color, medium: Medium<'_>) -> String {
    let opacity = if color.alpha < 1.0 {
        format!(" {name}-opacity=\"{}\"", number(color.alpha))
    } else {
        String::new()
    };
    match color.variable {
        Some(variable) if medium != Medium::File => format!("{name}=\"var({variable})\"{opacity}"),
        _ => format!("{name}=\"{}\"{opacity}", palette::hex(color.rgb)),
    }
}

fn glyph_name(weight: Weight, id: u16) -> String {
    match weight {
        Weight::Regular => format!("r{id}"),
        Weight::SemiBold => format!("b{id}"),
    }
}

fn glyph_path(id: u16, weight: Weight) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    fn scene(shape: Shape) -> Scene {
        Scene { width: 40, height: 20, description: "P < Q & R".to_owned(), shapes: vec![shape] }
    }

    fn svg(shape: Shape) -> String {
        scene(shape).to_svg()
    }

    #[test]
    fn text_is_outlines_with_the_words_beside_them() {
        let svg = svg(Shape::Text {
            x: 2.0,
            y: 16.0,
            text: "KL‖μσ²−".to_owned(),
            size: 10.0,
            weight: Weight::Regular,
            color: palette::INK,
            anchor: Anchor::Start,
            upwards: false,
        });
        assert!(svg.contains("<title>P &lt; Q &amp; R</title>"), "{svg}");
        assert!(svg.contains("aria-label=\"KL‖μσ²−\"") && !svg.contains("<text"), "{svg}");
    }

    #[test]
    fn dots_are_steps_from_one_to_the_next() {
        let points = vec![[3.0, 1.0], [1.0, 2.0], [2.5, 2.0], [2.5, 2.0]];
        let svg = svg(Shape::Dots { points, radius: 1.5, fill: palette::INK, notes: Vec::new() });
        assert!(svg.contains("d=\"m30 10h0m-20 10h0m15 0h0\""), "{svg}");
        assert!(svg.contains("scale(0.1)") && svg.contains("stroke-width=\"30\""), "{svg}");
    }

    #[test]
    fn an_image_is_a_file_within_the_file() {
        let image = Pixels::new(2, 1, 1, vec![0, 255]);
        let png = STANDARD.encode(image.to_png());
        let svg = svg(Shape::Image { x: 1.0, y: 2.0, width: 20.0, height: 10.0, image });
        assert!(svg.contains(&format!("data:image/png;base64,{png}")), "{svg}");
    }

    #[test]
    fn a_page_decides_on_colours_and_reads_texts_and_marks() {
        let text = Shape::Text {
            x: 2.0,
            y: 16.0,
            text: "a < b".to_owned(),
            size: 10.0,
            weight: Weight::SemiBold,
            color: palette::CATEGORIES[3],
            anchor: Anchor::End,
            upwards: false,
        };
        let clip = Shape::Clip { x: 0.0, y: 0.0, width: 9.0, height: 9.0, shapes: vec![text] };
        let data = vec![("c", "0.5".to_owned())];
        let scene = scene(Shape::Marked { title: "c = 0.5".to_owned(), data, shapes: vec![clip] });
        let page = scene.to_inline_svg("here");
        for part in [
            "aria-label=\"P &lt; Q &amp; R\"",
            "<g data-title=\"c = 0.5\" data-c=\"0.5\">",
            "<clipPath id=\"here-c1\">",
            "url(#here-c1)",
            "font-weight=\"600\" text-anchor=\"end\" fill=\"var(--category-3)\">a &lt; b</text>",
        ] {
            assert!(page.contains(part), "no {part} in {page}");
        }
        assert!(!page.contains('#') || page.matches('#').count() == 1, "no colour but the page's: {page}");
        let file = scene.to_svg();
        assert!(!file.contains("data-") && !file.contains("var("), "{file}");
    }
}
