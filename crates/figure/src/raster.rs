//! A drawing as pixels.

use png::{ColorType, Compression};
use tiny_skia::{
    FillRule, FilterQuality, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect,
    StrokeDash, Transform,
};

use super::image::{Pixels, encode_png};
use super::palette;
use super::scene::{Color, DOT_RASTER, Scene, Shape, on_dot_raster, start_of};
use super::text::{Segment, Weight, layout, outline, units_per_em};

impl Scene {
    /// The drawing as a PNG file, with `scale` pixels of the file to a pixel of the drawing.
    ///
    /// # Panics
    ///
    /// For a drawing without width or height.
    pub fn to_png(&self, scale: f32) -> Vec<u8> {
        let pixmap = self.to_pixmap(scale);
        // The paper is opaque, so premultiplied channels are the channels.
        let rgb: Vec<u8> = pixmap.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        encode_png(pixmap.width(), pixmap.height(), ColorType::Rgb, Compression::Fast, &rgb)
    }

    pub(super) fn to_pixmap(&self, scale: f32) -> Pixmap {
        let size = |n: u32| (n as f32 * scale).round() as u32;
        let mut pixmap =
            Pixmap::new(size(self.width), size(self.height)).expect("a drawing has a width and a height");
        let [r, g, b] = palette::PAPER.rgb;
        pixmap.fill(tiny_skia::Color::from_rgba8(r, g, b, 255));
        draw_all(&self.shapes, &mut pixmap, Transform::from_scale(scale, scale), None);
        pixmap
    }
}

fn draw_all(shapes: &[Shape], pixmap: &mut Pixmap, transform: Transform, mask: Option<&Mask>) {
    for shape in shapes {
        draw(shape, pixmap, transform, mask);
    }
}

fn draw(shape: &Shape, pixmap: &mut Pixmap, transform: Transform, mask: Option<&Mask>) {
    match shape {
        Shape::Rect { x, y, width, height, fill } => {
            if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                pixmap.fill_rect(rect, &paint(*fill), transform, mask);
            }
        }
        Shape::Line { points, stroke, .. } => {
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
            pixmap.stroke_path(&path, &paint(stroke.color), &pen, transform, mask);
        }
        Shape::Dots { points, radius, fill, .. } => {
            let mut builder = PathBuilder::new();
            for [x, y] in on_dot_raster(points) {
                builder.push_circle(x as f32 / DOT_RASTER, y as f32 / DOT_RASTER, *radius);
            }
            if let Some(path) = builder.finish() {
                pixmap.fill_path(&path, &paint(*fill), FillRule::Winding, transform, mask);
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
                    pixmap.fill_path(&path, &paint(*color), FillRule::Winding, at, mask);
                }
            }
        }
        Shape::Image { x, y, width, height, image } => {
            let place = transform
                .pre_translate(*x, *y)
                .pre_scale(width / image.width() as f32, height / image.height() as f32);
            let nearest = PixmapPaint { quality: FilterQuality::Nearest, ..PixmapPaint::default() };
            pixmap.draw_pixmap(0, 0, pixmap_of(image).as_ref(), &nearest, place, mask);
        }
        Shape::Clip { x, y, width, height, shapes } => {
            let (Some(rect), Some(mut inner)) =
                (Rect::from_xywh(*x, *y, *width, *height), Mask::new(pixmap.width(), pixmap.height()))
            else {
                return;
            };
            inner.fill_path(&PathBuilder::from_rect(rect), FillRule::Winding, true, transform);
            draw_all(shapes, pixmap, transform, Some(&inner));
        }
        Shape::Group { x, y, shapes } => draw_all(shapes, pixmap, transform.pre_translate(*x, *y), mask),
        Shape::Marked { shapes, .. } => draw_all(shapes, pixmap, transform, mask),
    }
}

fn paint(color: Color) -> Paint<'static> {
    let [r, g, b] = color.rgb;
    let mut paint = Paint::default();
    paint.set_color_rgba8(r, g, b, (color.alpha * 255.0).round() as u8);
    paint.anti_alias = true;
    paint
}

fn pixmap_of(image: &Pixels) -> Pixmap {
    let mut pixmap = Pixmap::new(image.width(), image.height()).expect("an image has a pixel");
    for (pixel, [red, green, blue]) in pixmap.data_mut().chunks_exact_mut(4).zip(image.colors()) {
        pixel.copy_from_slice(&[red, green, blue, 255]);
    }
    pixmap
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
    use crate::Anchor;

    fn pixmap(shape: Shape) -> Pixmap {
        Scene { width: 40, height: 20, description: String::new(), shapes: vec![shape] }.to_pixmap(2.0)
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
        let moved = Shape::Group { x: -5.0, y: 0.0, shapes: vec![rect.clone()] };
        for (shape, middle, right) in [
            (rect, blue.rgb, blue.rgb),
            (clipped, blue.rgb, palette::PAPER.rgb),
            (moved, blue.rgb, palette::PAPER.rgb),
        ] {
            let pixmap = pixmap(shape);
            assert_eq!((pixmap.width(), pixmap.height()), (80, 40));
            assert_eq!(pixel(&pixmap, 24, 20), middle);
            assert_eq!(pixel(&pixmap, 36, 20), right);
            assert_eq!(pixel(&pixmap, 4, 20), palette::PAPER.rgb);
        }
    }

    #[test]
    fn an_image_is_stretched_without_smoothing() {
        let image = Pixels::new(2, 2, 1, vec![0, 255, 100, 200]);
        let pixmap = pixmap(Shape::Image { x: 10.0, y: 0.0, width: 20.0, height: 20.0, image });
        for (x, y, grey) in [(20, 0, 0), (39, 19, 0), (40, 0, 255), (59, 39, 200), (39, 20, 100)] {
            assert_eq!(pixel(&pixmap, x, y), [grey; 3], "at {x}, {y}");
        }
    }

    #[test]
    fn overlapping_dots_are_no_denser_than_one() {
        let half = Color::rgb(0, 0, 0).with_alpha(0.5);
        let pixmap = pixmap(Shape::Dots {
            points: vec![[10.0, 10.0], [12.0, 10.0]],
            radius: 4.0,
            fill: half,
            notes: vec![],
        });
        assert_eq!(pixel(&pixmap, 22, 20), pixel(&pixmap, 14, 20));
        assert_eq!(pixel(&pixmap, 40, 20), palette::PAPER.rgb);
    }

    #[test]
    fn text_is_drawn_without_a_font_of_the_system() {
        for character in "KL(P ‖ Q) −0.5 μ σ² × 10⁻³ – … ≤ z₁₂ ±".chars() {
            assert!(crate::text::face(Weight::Regular).glyph_index(character).is_some(), "no {character:?}");
        }
        let pixmap = pixmap(Shape::Text {
            x: 2.0,
            y: 16.0,
            text: "KL‖μσ²−".to_owned(),
            size: 10.0,
            weight: Weight::Regular,
            color: palette::INK,
            anchor: Anchor::Start,
            upwards: false,
        });
        let dark = pixmap.pixels().iter().filter(|p| p.red() < 128).count();
        assert!(dark > 80, "only {dark} dark pixels");
    }
}
