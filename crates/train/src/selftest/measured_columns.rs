//! Every column of a member's result in the linear Gaussian case, beside its closed form.

use std::f64::consts::{E, TAU};

use record::{DIMENSION_QUANTITIES, MemberResult, QUANTITIES, Quantity};

use super::check::Check;
use super::information::shown_by_images;
use super::linear_optimum::Optimum;

/// By how much training may miss the optimum, in nats.
#[derive(Clone, Copy, Debug)]
pub struct Missed {
    /// The distortion.
    pub distortion: f64,
    /// The KL, and everything that is a part of it.
    pub kl: f64,
}

impl Missed {
    /// Of weights that are at the optimum.
    pub const NOTHING: Self = Self { distortion: 0.0, kl: 0.0 };
}

/// Standard errors within which a sampled number lies but once in 150,000.
const DEVIATIONS: f64 = 4.5;
/// Of numbers that are not sampled: the rounding of 32-bit weights.
const ROUNDING: f64 = 2e-4;
/// Of estimates from single codes of thousands of images, each of about a nat.
const SAMPLED_INFORMATION: f64 = 0.15;
/// Of likelihoods by importance sampling, see the case about it.
const IMPORTANCE: f64 = 0.02;
/// Cells of the grid on which codes are held against the prior: with `n` codes, the plug-in KL of as many cells is too great by
/// half their number over `n`, in nats, most of which is subtracted.
const BINS: f64 = 576.0;
/// Columns of which theory says nothing here: what the machine did, how many images or how exactly something was measured, and
/// what has no closed form for images of 20 dimensions of which the model explains six.
const WITHOUT_CLOSED_FORM: [&str; 10] = [
    "seconds",
    "clamped_log_vars",
    "nll_images",
    "nll_error",
    "nll_unreliable",
    "information_saturated",
    "js_to_prior_floor",
    "kl_to_prior_floor",
    "density",
    "coverage",
];

/// What is expected of a column.
struct Expected {
    bounds: [f64; 2],
    tolerance: f64,
}

impl Expected {
    fn value(value: f64, tolerance: f64) -> Option<Self> {
        Some(Self { bounds: [value; 2], tolerance })
    }

    fn between(bounds: [f64; 2], tolerance: f64) -> Option<Self> {
        Some(Self { bounds, tolerance })
    }
}

/// The columns that the result has a number for and of which nothing is known here.
pub fn without_expectation(result: &MemberResult, optimum: &Optimum, images: usize) -> Vec<&'static str> {
    let known = Known::new(result, optimum, images, Missed::NOTHING);
    let columns = QUANTITIES
        .iter()
        .filter(|quantity| (quantity.value)(result).is_some() && known.column(quantity).is_none())
        .map(|quantity| quantity.key);
    let dimensions = DIMENSION_QUANTITIES
        .iter()
        .filter(|quantity| {
            !(quantity.values)(result).is_empty() && known.dimension(quantity.key, 0).is_none()
        })
        .map(|quantity| quantity.column);
    columns.chain(dimensions).filter(|key| !WITHOUT_CLOSED_FORM.contains(&of_all_images(key))).collect()
}

/// A check for each column that the result has a number for, and theory one too.
pub fn checks(result: &MemberResult, optimum: &Optimum, images: usize, missed: Missed) -> Vec<Check> {
    let case = Known::new(result, optimum, images, missed);
    let columns = QUANTITIES
        .iter()
        .filter(|quantity| !WITHOUT_CLOSED_FORM.contains(&of_all_images(quantity.key)))
        .filter_map(|quantity| Some((quantity, (quantity.value)(result)?)))
        .map(|(quantity, found)| (quantity.key.to_string(), case.column(quantity), found));
    let dimensions = DIMENSION_QUANTITIES.iter().flat_map(|quantity| {
        // Which dimension takes which eigenvalue is an accident of the initial weights.
        let mut values = (quantity.values)(result).to_vec();
        match quantity.key {
            "kl_per_dim" => values.sort_by(|a, b| b.total_cmp(a)),
            "posterior_variance" | "collapsed_share" => values.sort_by(f64::total_cmp),
            _ => {}
        }
        let column = |(at, found): (usize, f64)| {
            (format!("{}_{at}", quantity.column), case.dimension(quantity.key, at), found)
        };
        values.into_iter().enumerate().map(column).collect::<Vec<_>>()
    });
    columns
        .chain(dimensions)
        .filter_map(|(name, expected, found)| {
            let Expected { bounds, tolerance } = expected?;
            Some(Check::between(format!("c = {}: {name}", result.c), bounds, tolerance, found))
        })
        .collect()
}

/// A column's name without the part of the images that it is of.
fn of_all_images(key: &str) -> &str {
    ["choose_", "report_"].into_iter().find_map(|part| key.strip_prefix(part)).unwrap_or(key)
}

/// What theory says of the optimum.
struct Known<'a> {
    result: &'a MemberResult,
    optimum: &'a Optimum,
    images: f64,
    missed: Missed,
    codes: Codes,
}

/// Between what values estimates of the information lie.
struct Codes {
    /// Of all dimensions together.
    all: [f64; 2],
    /// The sum of those of each dimension.
    each: [f64; 2],
}

impl Codes {
    fn of(optimum: &Optimum, images: usize) -> Self {
        let log_vars: Vec<f64> = optimum.kl_per_dim().iter().map(|kl| -2.0 * kl).collect();
        let each = log_vars.iter().map(|&log_var| shown_by_images(&[log_var], images));
        let each = each.fold([0.0; 2], |sum, bounds| [sum[0] + bounds[0], sum[1] + bounds[1]]);
        Self { all: shown_by_images(&log_vars, images), each }
    }
}

impl<'a> Known<'a> {
    fn new(result: &'a MemberResult, optimum: &'a Optimum, images: usize, missed: Missed) -> Self {
        Self { result, optimum, images: images as f64, missed, codes: Codes::of(optimum, images) }
    }

    fn column(&self, quantity: &Quantity) -> Option<Expected> {
        let Self { result, optimum, images, codes: Codes { all, each }, missed, .. } = self;
        let key = of_all_images(quantity.key);
        // What is measured on a part of the images has their moments only about, as its standard error says.
        let of_part = key != quantity.key || matches!(key, "temperature" | "calibrated_elbo_loss");
        let sampled = match quantity.standard_error {
            Some(error) if of_part => DEVIATIONS * error(result).unwrap_or(f64::INFINITY),
            _ => self.sampling(),
        };
        let (rate, distortion, pixels) = (optimum.rate(), optimum.distortion(), optimum.pixels());
        let (of_kl, of_distortion) = (ROUNDING + missed.kl, ROUNDING + missed.distortion + sampled);
        let of_codes = of_kl + SAMPLED_INFORMATION;
        match key {
            "reconstruction" => Expected::value(distortion, of_distortion),
            "kl" if of_part => Expected::value(rate, of_kl + sampled),
            "kl" => Expected::value(rate, of_kl),
            "objective" => Expected::value(distortion + result.c * rate, of_distortion + result.c * of_kl),
            "elbo_loss" => Expected::value(distortion + rate, of_distortion + of_kl),
            "active_units" => Expected::value(optimum.active() as f64, 0.0),
            "nll" => Expected::value(optimum.nll(), of_distortion + IMPORTANCE),
            // Half the squared error is in the distortion, and all of it in the temperature of each pixel.
            "temperature" => Expected::value(
                optimum.squared_error() / pixels,
                sampled + 2.0 * missed.distortion / pixels + ROUNDING,
            ),
            "calibrated_elbo_loss" => {
                let noise = optimum.squared_error() / pixels;
                let calibrated = 0.5 * pixels * (TAU * E * noise).ln() + rate;
                Expected::value(calibrated, sampled + of_kl + missed.distortion / noise)
            }
            "mutual_information" => Expected::between(*all, of_codes),
            "information_upper" => Expected::value(rate, of_codes),
            // The aggregate posterior is the prior. What the estimate of the information misses, these have too much.
            "marginal_kl" => Expected::between([0.0, (rate - all[0]).max(0.0)], of_codes),
            "total_correlation" => Expected::between([0.0, (each[1] - all[0]).max(0.0)], of_codes),
            "dimension_kl" => Expected::between([0.0, (rate - each[0]).max(0.0)], of_codes),
            // What is left of the bias on a grid, of which a sample of the prior itself would have half of this.
            "kl_to_prior_nats" | "js_to_prior_nats" => Expected::value(0.0, BINS / images + missed.kl),
            "neighbour_kl_to_prior_nats" => Expected::value(0.0, SAMPLED_INFORMATION + missed.kl),
            _ => None,
        }
    }

    /// Of every dimension in use, what a code leaves of its pixel is N(0, c): half its square varies by c / √2.
    fn sampling(&self) -> f64 {
        let Self { result, optimum, images, .. } = self;
        DEVIATIONS * result.c * (optimum.active() as f64 / (2.0 * images)).sqrt()
    }

    fn dimension(&self, key: &str, at: usize) -> Option<Expected> {
        let Self { optimum, images, missed, .. } = self;
        match key {
            "kl_per_dim" => Expected::value(*optimum.kl_per_dim().get(at)?, ROUNDING + missed.kl),
            "posterior_variance" => {
                Expected::value((-2.0 * optimum.kl_per_dim().get(at)?).exp(), ROUNDING + missed.kl)
            }
            "collapsed_share" => {
                Expected::value(f64::from(u8::from(at >= optimum.active())), ROUNDING + 2.0 * missed.kl)
            }
            "z_mean" => Expected::value(0.0, DEVIATIONS / images.sqrt() + missed.kl),
            "z_std" => Expected::value(1.0, DEVIATIONS / (2.0 * images).sqrt() + missed.kl),
            _ => None,
        }
    }
}
