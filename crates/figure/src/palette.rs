//! Colours that stay apart for colour-blind readers and in greyscale print.
//!
//! Each is a CSS variable too, by which a page draws it in its theme: [`style`] defines them all.

use std::fmt::Write as _;

use super::scene::Color;

/// Text and axes.
pub const INK: Color = Color::rgb(0x22, 0x22, 0x22).named("ink");
/// Secondary text, ticks.
pub const MUTED: Color = Color::rgb(0x5f, 0x5f, 0x5f).named("muted");
/// Grid lines.
pub const GRID: Color = Color::rgb(0xe4, 0xe4, 0xe4).named("grid");
/// Paper.
pub const PAPER: Color = Color::rgb(0xff, 0xff, 0xff).named("paper");

/// Categories, in the order to use them: Okabe and Ito, *Color Universal Design* (2008), without the yellow, which is
/// too light for lines on white.
pub const CATEGORIES: [Color; 7] = [
    Color::rgb(0x00, 0x72, 0xb2).numbered("category", 0),
    Color::rgb(0xd5, 0x5e, 0x00).numbered("category", 1),
    Color::rgb(0x00, 0x9e, 0x73).numbered("category", 2),
    Color::rgb(0xcc, 0x79, 0xa7).numbered("category", 3),
    Color::rgb(0xe6, 0x9f, 0x00).numbered("category", 4),
    Color::rgb(0x56, 0xb4, 0xe9).numbered("category", 5),
    Color::rgb(0x22, 0x22, 0x22).numbered("category", 6),
];

/// Ten classes: Petroff, *Accessible Color Sequences for Data Visualization* (2021), arXiv:2107.02270, found by a search
/// for colours that simulated colour-blind readers tell apart, weighted by how people judged them. Their lightness goes
/// from 38 to 83, which is not enough for ten steps in greyscale print: put the classes' names on the data too.
pub const CLASSES: [Color; 10] = [
    Color::rgb(0x3f, 0x90, 0xda).numbered("class", 0),
    Color::rgb(0xff, 0xa9, 0x0e).numbered("class", 1),
    Color::rgb(0xbd, 0x1f, 0x01).numbered("class", 2),
    Color::rgb(0x94, 0xa4, 0xa2).numbered("class", 3),
    Color::rgb(0x83, 0x2d, 0xb6).numbered("class", 4),
    Color::rgb(0xa9, 0x6b, 0x59).numbered("class", 5),
    Color::rgb(0xe7, 0x63, 0x00).numbered("class", 6),
    Color::rgb(0xb9, 0xac, 0x70).numbered("class", 7),
    Color::rgb(0x71, 0x75, 0x81).numbered("class", 8),
    Color::rgb(0x92, 0xda, 0xdd).numbered("class", 9),
];

/// Nine points of plasma (van der Walt and Smith, 2015), perceptually uniform and monotonic in lightness.
const PLASMA: [[f32; 3]; 9] = [
    [13.0, 8.0, 135.0],
    [75.0, 3.0, 161.0],
    [125.0, 3.0, 168.0],
    [168.0, 34.0, 150.0],
    [203.0, 70.0, 121.0],
    [229.0, 107.0, 93.0],
    [248.0, 148.0, 65.0],
    [253.0, 195.0, 40.0],
    [240.0, 249.0, 33.0],
];

/// The parts of plasma that are far enough from white paper, and from black.
const ON_WHITE: [f64; 2] = [0.02, 0.65];
const ON_BLACK: [f64; 2] = [0.36, 0.88];

/// Steps of [`sequential`]: neighbours cannot be told apart.
const STEPS: u16 = 32;

/// A quantity from 0 to 1, such as the place of a coefficient in their order, as a colour from dark to light, never too near
/// to the paper; on dark paper from a lighter one on.
pub fn sequential(t: f64) -> Color {
    let step = (t.clamp(0.0, 1.0) * f64::from(STEPS)).round() as u16;
    let [r, g, b] = plasma(step, ON_WHITE);
    Color::rgb(r, g, b).numbered("step", step)
}

/// A place in an order as the quantity that [`sequential`] takes. A single one stands for no order: it gets one of the
/// darker colours.
pub fn share(place: usize, of: usize) -> f64 {
    if of > 1 { place as f64 / (of - 1) as f64 } else { 0.3 }
}

fn plasma(step: u16, [first, last]: [f64; 2]) -> [u8; 3] {
    let t = first + f64::from(step) / f64::from(STEPS) * (last - first);
    let t = t * (PLASMA.len() - 1) as f64;
    let below = (t as usize).min(PLASMA.len() - 2);
    let part = (t - below as f64) as f32;
    [0, 1, 2].map(|i| (PLASMA[below][i] * (1.0 - part) + PLASMA[below + 1][i] * part).round() as u8)
}

/// The colours of paper, text and lines on dark paper.
const DARK: [(Color, [u8; 3]); 4] = [
    (INK, [0xe8, 0xe6, 0xe2]),
    (MUTED, [0xa6, 0xa9, 0xb0]),
    (GRID, [0x29, 0x2d, 0x33]),
    (PAPER, [0x15, 0x17, 0x1b]),
];
/// [`CATEGORIES`] on dark paper.
const DARK_CATEGORIES: [[u8; 3]; 7] = [
    [0x4b, 0xa3, 0xe3],
    [0xf0, 0x81, 0x3a],
    [0x2f, 0xc2, 0x97],
    [0xdc, 0x93, 0xbb],
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0xe8, 0xe6, 0xe2],
];
/// [`CLASSES`] on dark paper: two are lightened.
const DARK_CLASSES: [(usize, [u8; 3]); 2] = [(2, [0xd4, 0x32, 0x1a]), (4, [0xa3, 0x3f, 0xd0])];

/// The style rule that gives a page the variables of all colours, each with its value on light and on dark paper.
pub fn style() -> String {
    let dark_class = |class: usize| DARK_CLASSES.iter().find(|(of, _)| *of == class).map(|(_, rgb)| *rgb);
    let categories = CATEGORIES.into_iter().zip(DARK_CATEGORIES);
    let classes =
        CLASSES.into_iter().enumerate().map(|(i, light)| (light, dark_class(i).unwrap_or(light.rgb)));
    let steps = (0..=STEPS).map(|step| {
        let light = sequential(f64::from(step) / f64::from(STEPS));
        (light, plasma(step, ON_BLACK))
    });
    let mut style = String::from(":root{");
    for (light, dark) in DARK.into_iter().chain(categories).chain(classes).chain(steps) {
        if let Some(variable) = light.variable {
            let _ = write!(style, "{variable}:light-dark({},{});", hex(light.rgb), hex(dark));
        }
    }
    style.push_str("}\n");
    style
}

/// A colour as CSS and SVG write it.
pub(super) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_a_figure_has_its_variable_in_the_style() {
        let style = style();
        let colours = [INK, MUTED, GRID, PAPER].into_iter().chain(CATEGORIES).chain(CLASSES);
        for color in colours.chain([0.0, 0.4, 1.0].map(sequential)) {
            let variable = color.variable.unwrap();
            let definition = format!("{variable}:light-dark({},", hex(color.rgb));
            assert!(style.contains(&definition), "no {definition} in {style}");
        }
    }

    #[test]
    fn an_order_goes_from_dark_to_light() {
        let lightness = |color: Color| color.rgb.iter().map(|&channel| u32::from(channel)).sum::<u32>();
        let order: Vec<u32> = (0..5).map(|place| lightness(sequential(share(place, 5)))).collect();
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    }
}
