//! Text as outlines of the embedded font.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Subsets of Inter 4.1 (Latin, Greek, and the signs of formulas), made by `scripts/subset_font.sh`.
const REGULAR: &[u8] = include_bytes!("../assets/Inter-Regular.ttf");
const SEMIBOLD: &[u8] = include_bytes!("../assets/Inter-SemiBold.ttf");
/// The same, compressed for pages.
const REGULAR_WOFF2: &[u8] = include_bytes!("../assets/Inter-Regular.woff2");
const SEMIBOLD_WOFF2: &[u8] = include_bytes!("../assets/Inter-SemiBold.woff2");

/// What the texts of an inline SVG are set in: the font of [`font_face`], or else the page's.
pub const FONT_FAMILY: &str = "Inter Figure";

/// The style rule that brings a weight of the font into a page, some 20 KB: texts then have the widths that they were laid
/// out with. Titles are semi-bold, all else is regular.
pub fn font_face(weight: Weight) -> String {
    let (number, font) = match weight {
        Weight::Regular => (400, REGULAR_WOFF2),
        Weight::SemiBold => (600, SEMIBOLD_WOFF2),
    };
    format!(
        "@font-face{{font-family:\"{FONT_FAMILY}\";font-weight:{number};src:url(data:font/woff2;base64,{}) format(\"woff2\")}}\n",
        STANDARD.encode(font)
    )
}

/// Weight of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// Labels.
    Regular,
    /// Titles.
    SemiBold,
}

/// Which point of a text its position names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The left end of the baseline.
    Start,
    /// The middle of the baseline.
    Middle,
    /// The right end of the baseline.
    End,
}

pub(super) fn face(weight: Weight) -> &'static Face<'static> {
    static FACES: OnceLock<[Face<'static>; 2]> = OnceLock::new();
    let faces = FACES.get_or_init(|| {
        [REGULAR, SEMIBOLD].map(|bytes| Face::parse(bytes, 0).expect("the embedded font is a TrueType file"))
    });
    &faces[weight as usize]
}

/// A glyph of a line of text.
pub(super) struct Glyph {
    pub id: GlyphId,
    /// Distance of its origin from the start of the text, in font units.
    pub offset: f32,
}

/// A line of text in font units, of which there are [`units_per_em`].
pub(super) struct Line {
    pub glyphs: Vec<Glyph>,
    pub width: f32,
}

pub(super) fn units_per_em(weight: Weight) -> f32 {
    f32::from(face(weight).units_per_em())
}

pub(super) fn layout(text: &str, weight: Weight) -> Line {
    let face = face(weight);
    let mut offset = 0.0;
    let mut glyphs = Vec::new();
    for character in text.chars() {
        // A character that the subset lacks becomes the font's box, glyph 0.
        let id = face.glyph_index(character).unwrap_or(GlyphId(0));
        glyphs.push(Glyph { id, offset });
        offset += f32::from(face.glyph_hor_advance(id).unwrap_or(0));
    }
    Line { glyphs, width: offset }
}

/// Width of a text in pixels at a font size.
pub(super) fn width(text: &str, size: f32, weight: Weight) -> f32 {
    layout(text, weight).width * size / units_per_em(weight)
}

/// A text in lines of at most `limit` pixels, broken between words. A word that is longer stays whole.
pub(super) fn wrapped(text: &str, size: f32, weight: Weight, limit: f32) -> Vec<String> {
    let mut lines = Vec::<String>::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, weight) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A step of an outline, in font units with y upwards.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment {
    Move(f32, f32),
    Line(f32, f32),
    Quad(f32, f32, f32, f32),
    Cubic(f32, f32, f32, f32, f32, f32),
    Close,
}

pub(super) fn outline(id: GlyphId, weight: Weight) -> Vec<Segment> {
    struct Collector(Vec<Segment>);
    impl OutlineBuilder for Collector {
        fn move_to(&mut self, x: f32, y: f32) {
            self.0.push(Segment::Move(x, y));
        }
        fn line_to(&mut self, x: f32, y: f32) {
            self.0.push(Segment::Line(x, y));
        }
        fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
            self.0.push(Segment::Quad(x1, y1, x, y));
        }
        fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
            self.0.push(Segment::Cubic(x1, y1, x2, y2, x, y));
        }
        fn close(&mut self) {
            self.0.push(Segment::Close);
        }
    }
    let mut collector = Collector(Vec::new());
    face(weight).outline_glyph(id, &mut collector);
    collector.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_between_words_where_it_would_be_too_long() {
        let text = "the quick brown fox jumps over the lazy dog";
        let lines = wrapped(text, 10.0, Weight::Regular, 100.0);
        assert!(lines.len() > 1 && lines.join(" ") == text, "{lines:?}");
        assert!(lines.iter().all(|line| width(line, 10.0, Weight::Regular) <= 100.0), "{lines:?}");
        assert_eq!(wrapped("whole", 10.0, Weight::Regular, 1.0), ["whole"]);
    }
}
