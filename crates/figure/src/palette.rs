//! Colours that stay apart for colour-blind readers and in greyscale print.

use super::scene::Color;

/// Text and axes.
pub const INK: Color = Color::rgb(0x22, 0x22, 0x22);
/// Secondary text, ticks.
pub const MUTED: Color = Color::rgb(0x5f, 0x5f, 0x5f);
/// Grid lines.
pub const GRID: Color = Color::rgb(0xe4, 0xe4, 0xe4);
/// Paper.
pub const PAPER: Color = Color::rgb(0xff, 0xff, 0xff);

/// Categories, in the order to use them: Okabe and Ito, *Color Universal Design* (2008), without the yellow, which is
/// too light for lines on white.
pub const CATEGORIES: [Color; 7] = [
    Color::rgb(0x00, 0x72, 0xb2),
    Color::rgb(0xd5, 0x5e, 0x00),
    Color::rgb(0x00, 0x9e, 0x73),
    Color::rgb(0xcc, 0x79, 0xa7),
    Color::rgb(0xe6, 0x9f, 0x00),
    Color::rgb(0x56, 0xb4, 0xe9),
    Color::rgb(0x22, 0x22, 0x22),
];

/// Ten classes: Petroff, *Accessible Color Sequences for Data Visualization* (2021), arXiv:2107.02270, found by a search
/// for colours that simulated colour-blind readers tell apart, weighted by how people judged them. Their lightness goes
/// from 38 to 83, which is not enough for ten steps in greyscale print: put the classes' names on the data too.
pub const CLASSES: [Color; 10] = [
    Color::rgb(0x3f, 0x90, 0xda),
    Color::rgb(0xff, 0xa9, 0x0e),
    Color::rgb(0xbd, 0x1f, 0x01),
    Color::rgb(0x94, 0xa4, 0xa2),
    Color::rgb(0x83, 0x2d, 0xb6),
    Color::rgb(0xa9, 0x6b, 0x59),
    Color::rgb(0xe7, 0x63, 0x00),
    Color::rgb(0xb9, 0xac, 0x70),
    Color::rgb(0x71, 0x75, 0x81),
    Color::rgb(0x92, 0xda, 0xdd),
];

/// Nine points of viridis (van der Walt and Smith, 2015), perceptually uniform and monotonic in lightness.
const VIRIDIS: [[f32; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// A quantity from 0 to 1 as a colour, from dark violet to light yellow.
pub fn sequential(t: f64) -> Color {
    let t = t.clamp(0.0, 1.0) as f32 * (VIRIDIS.len() - 1) as f32;
    let below = (t as usize).min(VIRIDIS.len() - 2);
    let part = t - below as f32;
    let channel = |i: usize| (VIRIDIS[below][i] * (1.0 - part) + VIRIDIS[below + 1][i] * part).round() as u8;
    Color::rgb(channel(0), channel(1), channel(2))
}

/// The same for lines on white: stops before the yellow that would be too light.
pub fn sequential_line(t: f64) -> Color {
    sequential(0.88 * t)
}
