//! Figures: one drawing, written as SVG, PNG or GIF, with the same style everywhere.
//!
//! A [`Chart`] lays out axes, data and legend, [`Panels`] several charts; the result is a [`Scene`] of a few primitive
//! shapes, from which both files are made. Text is drawn from the outlines of an embedded font (Inter, SIL Open Font License 1.1, see
//! `assets/Inter-LICENSE.txt`), so a figure looks the same on every machine and in both formats. Colours are those of
//! [`palette`], which colour-blind readers can tell apart.

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
pub use chart::{Axis, Chart, Lines, Mark, Place, Series, Size};
pub use image::GreyImage;
pub use panels::Panels;
pub use scale::{Scale, Tick};
pub use scene::{Color, Scene, Shape, Stroke, Words};
pub use text::{Anchor, Weight};
