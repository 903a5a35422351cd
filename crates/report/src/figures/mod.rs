//! Figures as files, each as SVG and as PNG with two pixels of the file to one of the drawing.
//!
//! Latent dimensions are counted from 0, as in `summary.csv`. Where a figure has room for two and the network has more, it
//! shows the two of highest KL, the others at 0. Classes have the colours of [`figure::palette::CLASSES`] and their
//! names on the data, so that a greyscale print can be read.

mod coefficients;
mod collapse;
mod diagnostics;
mod dimensions;
mod encoder;
mod files;
mod learning_curves;
mod manifold;
mod member;
mod prior;
mod profiles;
mod rate_distortion;
mod reconstructions;
mod samples;
mod small_multiples;
mod sweep;
mod tiles;
mod traversals;

pub use coefficients::{Coefficients, by_coefficient};
pub use collapse::collapse;
pub use diagnostics::{DiagnosticChart, diagnostic_charts};
pub use dimensions::on_axes;
pub use encoder::common_range;
pub use files::{Drawing, LeftOut, write};
pub use learning_curves::{LEARNING_CURVES, Learner, LearningCurve};
pub use member::MemberFigures;
pub use rate_distortion::{Trained, rate_distortion};
pub use sweep::{FigureSet, SweepFigures, SweepMember};
pub use tiles::Tiles;
