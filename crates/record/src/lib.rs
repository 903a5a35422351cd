//! What a run of klsweep leaves on disk, for whoever writes it and whoever reads it; nothing of networks or devices.
//!
//! Training writes a [`RunDir`]: the [`RunConfig`], a [`RunRecord`], and for each member of the sweep its [`EpochRow`]s
//! and its [`MemberResult`]. [`QUANTITIES`] is the one table of the numbers by which members are compared: CSV files,
//! TensorBoard tags, the report's columns and figures, statistics over seeds and the recommendation are made from it.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![forbid(unsafe_code)]

mod arrays;
mod backend;
mod baselines;
mod binarise;
mod checkpoint;
mod claim;
mod collapse;
mod config;
mod data_config;
mod data_record;
mod did_you_mean;
mod dimension_quantities;
mod doubt;
mod error;
mod estimate;
mod examples;
mod failure;
mod files;
#[doc(hidden)]
pub mod for_tests;
mod hashes;
mod held_out;
mod history;
mod likelihood;
mod losses;
mod member_dir;
mod member_id;
mod network_config;
mod outputs;
mod part_quantities;
mod process_record;
mod quantities;
mod quantity;
mod result;
mod run_dir;
mod run_record;
mod schema;
mod seeds;
mod shape;
mod stamp;
mod summary;
mod tensor_file;
mod terms;
mod units;
mod warnings;

pub use backend::Backend;
pub use baselines::{Baselines, Classified, Generated, OfParts};
pub use binarise::Binarise;
pub use checkpoint::{Checkpoint, TrainingPosition};
pub use claim::{Claim, Claims, Owner, Taken};
pub use config::{Margin, OptimizerConfig, RunConfig};
pub use data_config::{DataConfig, Missing, Scale};
pub use data_record::{DataRecord, LEAST_FOR_VERDICT, Scaling};
pub use did_you_mean::nearest;
pub use dimension_quantities::{DIMENSION_QUANTITIES, DimensionQuantity};
pub use doubt::Doubt;
pub use error::{RecordError, Result};
pub use estimate::Estimate;
pub use examples::{ExamplePart, Examples, MOST_EXAMPLES, ShownImages, example_positions, picture_size};
pub use failure::{Failure, NotFinite};
pub use files::{
    GrowingFile, create_dir, remove_abandoned_files, remove_temporary_files, write_atomically,
    write_keeping_previous,
};
pub use hashes::{Change, FileHashes};
pub use held_out::HeldOut;
pub use history::{EpochRow, HistoryFile, read_history};
pub use likelihood::{Likelihood, Variance};
pub use losses::{ImageTerms, LogLikelihoods, Losses, PartLosses};
pub use member_dir::MemberDir;
pub use member_id::{MemberId, Part};
pub use network_config::{Activation, ConvolutionConfig, NetworkConfig, Norm, Upsampling};
pub use outputs::{DenseDecoder, DenseLayer, Encoded, Grid, Link, Outputs, Profiles, Traversals};
pub use process_record::{Process, ProcessRecord};
pub use quantities::{QUANTITIES, quantities_of};
pub use quantity::{Better, Kind, NATS, Quantity, SHARE};
pub use result::{
    Diagnostics, MemberResult, Nll, NllMethod, NllOfSamples, PartDiagnostics, TermErrors, dimensions_by_kl,
};
pub use run_dir::RunDir;
pub use run_record::{RunRecord, Status, now};
pub use schema::{SCHEMA, VERSION};
pub use seeds::{Group, Spread, by_coefficient};
pub use shape::Shape;
pub use tensor_file::{SavedTensor, TensorFile};
pub use terms::{LatentUse, Terms};
pub use units::{Pixels, Shades, Units};
pub use warnings::{COLLAPSED_KL, Warning, WarningKind, WarningWatch, standing, still_improving, warnings};
