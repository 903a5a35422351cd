//! Figures: one drawing, written as SVG and as PNG, with the same style everywhere.
//!
//! A [`Chart`] lays out axes, data and legend; the result is a [`Scene`] of a few primitive shapes, from which both files
//! are made. Text is drawn from the outlines of an embedded font (Inter, SIL Open Font License 1.1, see
//! `assets/Inter-LICENSE.txt`), so a figure looks the same on every machine and in both formats. Colours are those of
//! [`palette`], which colour-blind readers can tell apart.

mod animation;
mod chart;
mod layout;
pub mod palette;
mod scale;
mod scene;
mod text;
mod thinning;

pub use animation::{Animation, AnimationError};
pub use chart::{Axis, Chart, Mark, Series};
pub use scale::Scale;
pub use scene::{Color, Scene, Shape, Stroke};
pub use text::{Anchor, Weight};
