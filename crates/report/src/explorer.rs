//! What the page needs to walk through the latent space: codes, test images, and the decoders themselves, or pictures of what
//! they make of a grid of codes where there is no room for all.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use record::{Encoded, Scaling, Shape, ShownImages};
use serde::Serialize;

use crate::figures::on_axes;
use crate::packed::{Columns, PackedDecoder, PackedGrid, base64};
use crate::report::ReportMember;
use crate::run::RecordedOutputs;

/// Bytes of the page for decoders, at most: six of the classic network.
const DECODER_BYTES: usize = 3_300_000;
/// Codes of all members together, at most: of more members, each shows every n-th image.
const CODES: usize = 600_000;
/// Grey levels of the grids of all members together, at most. As PNG and base64 they take up to as many bytes.
const TILE_PIXELS: usize = 9_000_000;
/// Pictures along each side of a grid, at least.
const LEAST_TILES: usize = 3;

/// The latent explorer's data. Binary values are base64, as [`crate::packed`] makes them.
#[derive(Debug, Serialize)]
pub struct Explorer {
    /// Of an image; 0 where the examples are rows of a table.
    height: usize,
    width: usize,
    channels: usize,
    /// The columns of a table; empty for images.
    columns: Vec<Column>,
    /// The names of the classes; empty where the numbers are the names.
    classes: Vec<String>,
    latent: usize,
    /// Every so many test images have a code.
    every: usize,
    /// The class of each test image, `u8`.
    labels: Option<String>,
    images: Option<PickedImages>,
    members: Vec<ExplorerMember>,
}

/// A column of a table: `shift + scale * x` is the number that the network sees as `x`.
#[derive(Debug, Serialize)]
struct Column {
    name: String,
    shift: f64,
    scale: f64,
}

/// What the page says about it.
#[derive(Serialize)]
pub struct About {
    /// Whether the examples are images.
    pictures: bool,
    members: usize,
    /// Members with a decoder.
    live: usize,
    /// Pictures along each side of the grids of the others.
    tiles: Option<usize>,
    every: usize,
}

/// Test images that can be picked.
#[derive(Debug, Serialize)]
struct PickedImages {
    /// Their positions in the test set.
    positions: Vec<usize>,
    labels: Option<Vec<u8>>,
    /// Grey levels, `u8`, `[images, height, width]`.
    pixels: String,
}

/// The network of a coefficient.
#[derive(Debug, Serialize)]
struct ExplorerMember {
    /// Its position in the page's list.
    member: usize,
    run: usize,
    c: f64,
    seed: u64,
    /// The latent dimensions that are shown.
    dimensions: Vec<usize>,
    /// The means of the test images in the dimensions shown.
    codes: Option<Columns>,
    /// The means and log-variances of the picked images in all dimensions.
    posteriors: Option<PickedPosteriors>,
    decoder: Option<PackedDecoder>,
    /// Instead of the decoder.
    tiles: Option<PackedGrid>,
}

#[derive(Debug, Serialize)]
struct PickedPosteriors {
    mean: Columns,
    log_var: Columns,
}

impl Explorer {
    /// The explorer of one member for each coefficient, the first seed that has a decoder or pictures; `None` where none
    /// has. The coefficients in `kept` have their decoders before others.
    pub fn new(members: &[ReportMember<'_>], kept: &[f64]) -> Option<Self> {
        let mut shown: Vec<Shown<'_>> = Vec::new();
        for (position, &of) in members.iter().enumerate() {
            let Some(recorded) = of.member.recorded else { continue };
            let usable = recorded.decoder_bytes.is_some() || recorded.has_grid;
            if usable && shown.iter().all(|other| other.of.c() != of.c()) {
                shown.push(Shown { position, of, recorded });
            }
        }
        shown.sort_by(|a, b| a.of.c().total_cmp(&b.of.c()));
        let run = shown.first()?.of.run;
        let shape = run.shape()?;
        let [height, width, channels] = shape.image().unwrap_or([0, 0, 1]);
        let test = run.examples.as_ref().map(|examples| &examples.test);

        // A member without pictures has its decoder, if it has one, whatever the others have.
        let of_kept: Vec<usize> =
            kept.iter().filter_map(|c| shown.iter().position(|shown| shown.of.c() == *c)).collect();
        let largest = shown.iter().filter_map(|shown| shown.recorded.decoder_bytes).max().unwrap_or(1);
        let chosen = spread_out(shown.len(), &of_kept, DECODER_BYTES / largest.max(1));
        let live = |i: usize| {
            let RecordedOutputs { decoder_bytes, has_grid } = shown[i].recorded;
            decoder_bytes.is_some() && (chosen.contains(&i) || !has_grid)
        };
        let pictured = (0..shown.len()).filter(|&i| !live(i)).count();
        let most =
            (TILE_PIXELS / (pictured.max(1) * height * width * channels).max(1)).isqrt().max(LEAST_TILES);
        let every = (shown.len() * test.map_or(0, |test| test.positions.len())).div_ceil(CODES).max(1);

        let picked = run.examples.as_ref().and_then(|examples| examples.picked.as_ref());
        let rows: Vec<usize> = picked
            .iter()
            .flat_map(|picked| picked.examples.iter().map(|&example| example as usize))
            .collect();
        let packed: Vec<ExplorerMember> = (0..shown.len())
            .into_par_iter()
            .filter_map(|i| shown[i].pack(&rows, every, live(i), channels, most))
            .collect();
        let labels = test.and_then(|test| test.labels.as_ref());
        Some(Self {
            height,
            width,
            channels,
            columns: columns(&shape, run.record.as_ref().map(|record| &record.data.scaling)),
            classes: run.examples.as_ref().map_or(Vec::new(), |examples| examples.classes.clone()),
            latent: run.config.model.latent,
            every,
            labels: labels.map(|labels| base64(labels.iter().copied())),
            images: picked.zip(test).map(|(picked, test)| PickedImages {
                positions: rows.iter().map(|&row| test.positions[row] as usize).collect(),
                labels: labels.map(|labels| rows.iter().map(|&row| labels[row]).collect()),
                pixels: pixels(picked),
            }),
            members: packed,
        })
    }

    /// What the page says about it.
    pub fn about(&self) -> About {
        let live = self.members.iter().filter(|member| member.decoder.is_some()).count();
        let tiles =
            self.members.iter().filter_map(|member| member.tiles.as_ref()).map(|grid| grid.values.len());
        let pictures = self.columns.is_empty();
        About { pictures, members: self.members.len(), live, tiles: tiles.max(), every: self.every }
    }
}

fn columns(shape: &Shape, scaling: Option<&Scaling>) -> Vec<Column> {
    let none = Scaling::default();
    let scaling = scaling.unwrap_or(&none);
    let column = |(place, name): (usize, &String)| {
        let [shift, scale] = scaling.of_column(place);
        Column { name: name.clone(), shift, scale }
    };
    shape.columns().iter().enumerate().map(column).collect()
}

fn pixels(images: &ShownImages) -> String {
    base64(images.pixels.iter().copied())
}

/// Up to `most` of the positions below `count`: the preferred ones, then always the one farthest from those before.
fn spread_out(count: usize, preferred: &[usize], most: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for &position in preferred {
        if chosen.len() < most && !chosen.contains(&position) {
            chosen.push(position);
        }
    }
    while chosen.len() < most.min(count) {
        let distance = |position: usize| chosen.iter().map(|&other| position.abs_diff(other)).min();
        // Of two alike the first; before there is any, that is the first of all.
        let farthest = (0..count).rev().max_by_key(|&position| distance(position).unwrap_or(usize::MAX));
        chosen.extend(farthest);
    }
    chosen
}

/// A member of the explorer, not packed yet.
struct Shown<'a> {
    /// Its position among all members of the report.
    position: usize,
    of: ReportMember<'a>,
    recorded: RecordedOutputs,
}

impl Shown<'_> {
    /// `None` if its outputs were written anew meanwhile and cannot be read. With the posteriors of the picked examples, every n-th code, and the decoder or at most so many pictures a side.
    fn pack(
        &self,
        picked: &[usize],
        every: usize,
        live: bool,
        channels: usize,
        most: usize,
    ) -> Option<ExplorerMember> {
        let latent = self.of.run.config.model.latent;
        // Of as many members at a time as there are threads.
        let outputs = self.of.outputs()?;
        let grid = outputs.plane.as_ref().or(outputs.manifold.as_ref()).filter(|_| !live);
        let dimensions = match grid {
            Some(grid) => grid.dimensions.iter().map(|&dimension| dimension as usize).collect(),
            None => on_axes(&self.of.kl_per_dim()),
        };
        let all: Vec<usize> = (0..latent).collect();
        let encoded = self.of.encoded();
        Some(ExplorerMember {
            member: self.position,
            run: self.of.run_position,
            c: self.of.c(),
            seed: self.of.member.id.seed,
            codes: encoded.map(|Encoded { mean, .. }| {
                let rows: Vec<usize> = (0..mean.nrows()).step_by(every).collect();
                Columns::new(mean, &rows, &dimensions)
            }),
            posteriors: encoded.filter(|_| !picked.is_empty()).map(|Encoded { mean, log_var, .. }| {
                PickedPosteriors {
                    mean: Columns::new(mean, picked, &all),
                    log_var: Columns::new(log_var, picked, &all),
                }
            }),
            decoder: outputs.decoder.as_ref().filter(|_| live).map(PackedDecoder::new),
            tiles: grid.map(|grid| PackedGrid::new(grid, channels, most)),
            dimensions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoders_go_to_what_is_recommended_and_then_all_over_the_list() {
        assert_eq!(spread_out(10, &[6, 6, 2], 4), [6, 2, 9, 0]);
        assert_eq!(spread_out(3, &[], 7), [0, 2, 1]);
        assert_eq!(spread_out(5, &[4, 1], 1), [4]);
        assert_eq!(spread_out(5, &[4, 1], 0), [0; 0]);
    }
}
