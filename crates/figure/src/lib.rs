//! Figures: one drawing, written as SVG, PNG or GIF, with the same style everywhere.
//!
//! A [`Chart`] lays out axes, data and legend, [`Panels`] several charts; the result is a [`Scene`] of a few primitive
//! shapes, from which every format is made. In files, text is drawn from the outlines of an embedded font (Inter, SIL Open
//! Font License 1.1, see `assets/Inter-LICENSE.txt`), so a figure looks the same on every machine. In a page
//! ([`Scene::to_inline_svg`]), text is text in the same font, colours follow the page's theme, and marks carry the
//! [`Readout`] of their series. Colours are those of [`palette`], which colour-blind readers can tell apart.
#![forbid(unsafe_code)]

mod animation;
mod chart;
mod heading;
mod image;
mod labels;
mod layout;
mod legend;
mod marks;
pub mod palette;
mod panels;
mod raster;
mod scale;
mod scene;
mod svg;
mod text;
mod thinning;

pub use animation::{Animation, AnimationError};
pub use chart::{Axis, Chart, Lines, Mark, Place, Readout, Series, Size};
pub use image::Pixels;
pub use panels::Panels;
pub use scale::{Scale, Tick};
pub use scene::{Color, Scene, Shape, Stroke, Variable, Words};
pub use text::{Anchor, FONT_FAMILY, Weight, font_face};
