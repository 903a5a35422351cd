//! The one table of the numbers by which members are compared.

use serde::Serialize;

use crate::estimate::Estimate;
use crate::history::EpochRow;
use crate::result::MemberResult;

/// A number that members are compared by.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantity {
    /// Its name in files.
    pub key: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    /// Which values are good; `None` where neither is.
    pub better: Option<Better>,
    /// Decimals shown.
    pub digits: usize,
    /// Where it comes from, which decides where it is shown.
    #[serde(skip)]
    pub kind: Kind,
    /// Its value for a finished member; `None` if it was not measured.
    #[serde(skip)]
    pub value: fn(&MemberResult) -> Option<f64>,
    /// The standard error of that value, where it has one.
    #[serde(skip)]
    pub standard_error: Option<fn(&MemberResult) -> Option<f64>>,
    /// Its value on the test images after an epoch of a member of some coefficient, where it is known by then.
    #[serde(skip)]
    pub of_epoch: Option<fn(&EpochRow, f64) -> f64>,
}

/// Which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Low ones.
    Low,
    /// High ones.
    High,
}

/// Where a quantity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The objective and what it is made of.
    Term,
    /// What was measured of the trained network.
    Diagnostic,
    /// Belongs to another one: it stands in files, and readers of a report are spared it.
    Detail,
    /// Says something of the machine, nothing of the coefficient: no file that is to be the same for the same run has it.
    Machine,
}

/// The unit of terms.
pub const NATS: &str = "nats per image";
/// The unit of numbers from 0 to 1, which people read as percentages.
pub const SHARE: &str = "share";

/// What a member's term is, where it is known.
fn known(term: f64) -> Option<f64> {
    Some(term).filter(|term| !term.is_nan())
}

/// Every quantity, in the order of files and tables.
pub const QUANTITIES: &[Quantity] = &{
    const TABLES: [&[Quantity]; 4] = [OF_ALL, OF_CHOOSING, OF_REPORTING, OF_TRAINING];
    const COUNT: usize = OF_ALL.len() + OF_CHOOSING.len() + OF_REPORTING.len() + OF_TRAINING.len();
    let mut rows = [OF_ALL[0]; COUNT];
    let (mut table, mut row, mut at) = (0, 0, 0);
    while at < COUNT {
        if row == TABLES[table].len() {
            (table, row) = (table + 1, 0);
        } else {
            rows[at] = TABLES[table][row];
            (row, at) = (row + 1, at + 1);
        }
    }
    rows
};

/// What is measured on all test images.
const OF_ALL: &[Quantity] = &[
    Quantity {
        key: "reconstruction",
        label: "Reconstruction",
        unit: NATS,
        description: "−E[log p(x|z)] of the test images with one sampled code each: the distortion.",
        better: Some(Better::Low),
        digits: 2,
        kind: Kind::Term,
        value: |result| known(result.test.reconstruction),
        standard_error: Some(|result| result.diagnostics.term_errors?.reconstruction),
        of_epoch: Some(|row, _| row.test.reconstruction),
    },
    Quantity {
        key: "kl",
        label: "KL",
        unit: NATS,
        description: "KL(q(z|x) ‖ N(0, I)), the rate: what the codes cost beyond the prior.",
        better: None,
        digits: 2,
        kind: Kind::Term,
        value: |result| Some(result.test.kl),
        standard_error: Some(|result| Some(result.diagnostics.term_errors?.kl)),
        of_epoch: Some(|row, _| row.test.kl),
    },
    Quantity {
        key: "objective",
        label: "Objective",
        unit: NATS,
        description: "reconstruction + c · KL: what training minimised. Not comparable between coefficients.",
        better: None,
        digits: 2,
        kind: Kind::Term,
        value: |result| known(result.objective),
        standard_error: Some(|result| result.diagnostics.term_errors?.objective),
        of_epoch: Some(|row, c| row.test.objective(c)),
    },
    Quantity {
        key: "elbo_loss",
        label: "ELBO loss",
        unit: NATS,
        description: "reconstruction + KL, the negative evidence lower bound: it bounds the same quantity at every c, but loosely where c is far \
                      from 1, as its encoder was not trained for it.",
        better: Some(Better::Low),
        digits: 2,
        kind: Kind::Term,
        value: |result| known(result.elbo_loss),
        standard_error: Some(|result| result.diagnostics.term_errors?.elbo_loss),
        of_epoch: Some(|row, _| row.test.elbo_loss()),
    },
    Quantity {
        key: "saturated_log_vars",
        label: "Clamped log-variances",
        unit: "log-variances",
        description: "Log-variances of training posteriors clamped to their bounds, over all epochs.",
        better: Some(Better::Low),
        digits: 0,
        kind: Kind::Detail,
        value: |result| Some(result.saturated_log_vars as f64),
        standard_error: None,
        of_epoch: None,
    },
    Quantity {
        key: "temperature",
        label: "Temperature",
        unit: "of the decoder's noise",
        description: "At which temperature the images that choose are likeliest: of Gaussian pixels the squared error over their \
                      variance, of grey levels that of the tempered score made a density. The coefficient that is its own \
                      temperature is the one that the data would choose.",
        better: None,
        digits: 3,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.temperature?.value),
        standard_error: Some(|result| result.diagnostics.temperature?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "calibrated_elbo_loss",
        label: "Calibrated ELBO loss",
        unit: NATS,
        description: "The ELBO loss with the decoder's noise at that temperature: of a normalised density, which the \
                      coefficient and the score are not.",
        better: Some(Better::Low),
        digits: 1,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.calibrated_elbo_loss?.value),
        standard_error: Some(|result| result.diagnostics.calibrated_elbo_loss?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "bits_per_dimension",
        label: "Bits per dimension",
        unit: "bits",
        description: "The ELBO loss of the images that choose, in bits for each pixel: what a lossless coder needs. Of \
                      likelihoods that give probabilities.",
        better: Some(Better::Low),
        digits: 3,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.bits_per_dimension?.value),
        standard_error: Some(|result| result.diagnostics.bits_per_dimension?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "active_units",
        label: "Active units",
        unit: "dimensions",
        description: "Latent dimensions whose posterior mean has a variance above 0.01 over the test images.",
        better: None,
        digits: 0,
        kind: Kind::Diagnostic,
        value: |result| result.diagnostics.active_units.map(|units| units as f64),
        standard_error: None,
        of_epoch: Some(|row, _| row.test_latent.active_units as f64),
    },
    Quantity {
        key: "mutual_information",
        label: "I(x; z)",
        unit: "nats",
        description: "What a code tells about which of the test images it is of. A lower bound of the mutual information of \
                      image and code, saturated near the logarithm of the number of images.",
        better: Some(Better::High),
        digits: 2,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.mutual_information?.value),
        standard_error: Some(|result| result.diagnostics.mutual_information?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "information_upper",
        label: "I(x; z), at most",
        unit: "nats",
        description: "Upper bound of the mutual information of image and code: the KL less that of the Normal with the moments \
                      of the codes from the prior.",
        better: None,
        digits: 2,
        kind: Kind::Detail,
        value: |result| Some(result.diagnostics.information_upper?.value),
        standard_error: Some(|result| result.diagnostics.information_upper?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "information_saturated",
        label: "I(x; z) is saturated",
        unit: "yes or no",
        description: "1 where the estimate of I(x; z) has reached three quarters of the logarithm of the number of test images, \
                      so that it says more of their number than of the network.",
        better: None,
        digits: 0,
        kind: Kind::Detail,
        value: |result| result.diagnostics.information_saturated.map(|saturated| saturated.into()),
        standard_error: None,
        of_epoch: None,
    },
    Quantity {
        key: "marginal_kl",
        label: "KL(q(z) ‖ p(z))",
        unit: "nats",
        description: "Marginal KL, how far all codes together are from the prior; with the mutual information it adds up to \
                      the KL.",
        better: Some(Better::Low),
        digits: 3,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.marginal_kl?.value),
        standard_error: Some(|result| result.diagnostics.marginal_kl?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "total_correlation",
        label: "Total correlation",
        unit: "nats",
        description: "KL(q(z) ‖ Π q(z_d)), how much the latent dimensions depend on each other: the first part of the marginal \
                      KL.",
        better: Some(Better::Low),
        digits: 3,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.total_correlation?.value),
        standard_error: Some(|result| result.diagnostics.total_correlation?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "dimension_kl",
        label: "Dimension KL",
        unit: "nats",
        description: "Σ KL(q(z_d) ‖ p(z_d)), how far each latent dimension by itself is from the prior: the other part of the \
                      marginal KL.",
        better: Some(Better::Low),
        digits: 3,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.dimension_kl?.value),
        standard_error: Some(|result| result.diagnostics.dimension_kl?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "js_to_prior_nats",
        label: "JS to prior",
        unit: "nats",
        description: "Jensen-Shannon divergence between the codes and the prior on a grid of 24 bins an axis, without the bias \
                      of their noise: 0 when they match, 0.693 when they have nothing in common.",
        better: Some(Better::Low),
        digits: 4,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.js_to_prior_nats?.value),
        standard_error: Some(|result| result.diagnostics.js_to_prior_nats?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "js_to_prior_floor",
        label: "Noise floor of the JS",
        unit: "nats",
        description: "What 95 % of as many codes drawn from the prior itself come out below: a smaller JS is no sign of a \
                      difference.",
        better: None,
        digits: 4,
        kind: Kind::Detail,
        value: |result| result.diagnostics.js_to_prior_floor,
        standard_error: None,
        of_epoch: None,
    },
    Quantity {
        key: "kl_to_prior_nats",
        label: "KL to prior",
        unit: "nats",
        description: "Kullback-Leibler divergence of the codes from the prior on the same grid, without the bias of their noise.",
        better: Some(Better::Low),
        digits: 3,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.kl_to_prior_nats?.value),
        standard_error: Some(|result| result.diagnostics.kl_to_prior_nats?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "kl_to_prior_floor",
        label: "Noise floor of the KL",
        unit: "nats",
        description: "What 95 % of as many codes drawn from the prior itself come out below: a smaller KL is no sign of a \
                      difference.",
        better: None,
        digits: 3,
        kind: Kind::Detail,
        value: |result| result.diagnostics.kl_to_prior_floor,
        standard_error: None,
        of_epoch: None,
    },
    Quantity {
        key: "neighbour_kl_to_prior_nats",
        label: "KL to prior by neighbours",
        unit: "nats",
        description: "The same from the distances of each code to its fifth-nearest one: no grid, all dimensions, and no limit \
                      by the number of images, but a bias towards small values in many dimensions.",
        better: Some(Better::Low),
        digits: 3,
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.neighbour_kl_to_prior_nats?.value),
        standard_error: Some(|result| result.diagnostics.neighbour_kl_to_prior_nats?.standard_error),
        of_epoch: None,
    },
];

/// What is measured on one part of the held-out images, its column named by it. What single numbers are is said of both
/// parts alike.
macro_rules! quantities_of_part {
    ($part:ident, $images:literal, $shown:expr) => {
        &[
            quantities_of_part!(
                @row $part, Kind::Detail, "reconstruction", "Reconstruction", NATS, Better::Low, 2,
                concat!("−E[log p(x|z)] of ", $images, " with one sampled code each."),
                |of_part| of_part.reconstruction
            ),
            quantities_of_part!(
                @row $part, Kind::Detail, "kl", "KL", NATS, None, 2,
                concat!("KL(q(z|x) ‖ N(0, I)) of ", $images, "."),
                |of_part| of_part.kl
            ),
            quantities_of_part!(
                @row $part, Kind::Detail, "elbo_loss", "ELBO loss", NATS, Better::Low, 2,
                concat!("reconstruction + KL of ", $images, "."),
                |of_part| of_part.elbo_loss
            ),
            quantities_of_part!(
                @row $part, $shown, "nll", "−log p(x)", NATS, Better::Low, 2,
                concat!(
                    "−log p(x) of ", $images, ", fair to every coefficient. Of grey pixels it is an upper bound on the NLL of \
                     images binarised at random with the grey level as probability."
                ),
                |of_part| Some(of_part.nll.as_ref()?.mean)
            ),
            quantities_of_part!(
                @row $part, Kind::Detail, "nll_images", "Images of −log p(x)", "images", None, 0,
                concat!("How many of ", $images, " the mean of −log p(x) is over."),
                |of_part| Some((of_part.nll.as_ref()?.images as f64).into())
            ),
            quantities_of_part!(
                @row $part, Kind::Detail, "nll_error", "Error of −log p(x)", NATS, None, 3,
                concat!(
                    "How far −log p(x) of ", $images, " may be off for the steps of its integration; where it was sampled, there \
                     is none."
                ),
                |of_part| of_part.nll.as_ref()?.quadrature_error().map(Estimate::from)
            ),
            quantities_of_part!(
                @row $part, Kind::Detail, "nll_unreliable", "Unreliable −log p(x)", SHARE, Better::Low, 3,
                concat!(
                    "Share of ", $images, " whose −log p(x) was sampled with weights that cannot be relied upon: of 5 % or \
                     more, the mean is a bound."
                ),
                |of_part| of_part.nll.as_ref()?.unreliable().map(Estimate::from)
            ),
            quantities_of_part!(
                @row $part, $shown, "density", "Density", "times held-out", Better::High, 3,
                concat!(
                    "How near images decoded from the prior lie to ", $images, ", in 50 principal components of the training \
                     images: fidelity. 1 is expected of images as good as held-out ones; blurred ones that lie amidst others can \
                     exceed it."
                ),
                |of_part| Some(of_part.generated?.density)
            ),
            quantities_of_part!(
                @row $part, $shown, "coverage", "Coverage", SHARE, Better::High, 3,
                concat!(
                    "Share of ", $images, " that an image decoded from the prior lies as near to as other held-out images do: \
                     diversity. 0.97 is expected of images as good as held-out ones."
                ),
                |of_part| Some(of_part.generated?.coverage)
            ),
            quantities_of_part!(
                @row $part, $shown, "probe_accuracy", "Logistic probe", SHARE, Better::High, 3,
                concat!(
                    "Share of ", $images, " whose class a multinomial logistic regression on the posterior means of training \
                     images finds."
                ),
                |of_part| of_part.probe_accuracy
            ),
            quantities_of_part!(
                @row $part, $shown, "few_labels_accuracy", "Probe of ten labels a class", SHARE, Better::High, 3,
                concat!("The same of a regression that learns from ten labels of each class, on ", $images, "."),
                |of_part| of_part.few_labels_accuracy
            ),
            quantities_of_part!(
                @row $part, $shown, "knn_accuracy", "10-NN accuracy", SHARE, Better::High, 3,
                concat!(
                    "Share of ", $images, " whose class is that of most of their 10 nearest training images, by the \
                     posterior means."
                ),
                |of_part| of_part.knn_accuracy
            ),
        ]
    };
    (@row $part:ident, $kind:expr, $key:literal, $label:literal, $unit:expr, None, $($rest:tt)*) => {
        quantities_of_part!(@made $part, $kind, $key, $label, $unit, None, $($rest)*)
    };
    (@row $part:ident, $kind:expr, $key:literal, $label:literal, $unit:expr, $better:path, $($rest:tt)*) => {
        quantities_of_part!(@made $part, $kind, $key, $label, $unit, Some($better), $($rest)*)
    };
    (
        @made $part:ident, $kind:expr, $key:literal, $label:literal, $unit:expr, $better:expr, $digits:literal,
        $description:expr, |$of_part:ident| $estimate:expr
    ) => {
        Quantity {
            key: concat!(stringify!($part), "_", $key),
            label: concat!($label, " (", stringify!($part), ")"),
            unit: $unit,
            description: $description,
            better: $better,
            digits: $digits,
            kind: $kind,
            value: |result| {
                let $of_part = &result.diagnostics.$part;
                let estimate: Option<Estimate> = $estimate;
                Some(estimate?.value)
            },
            standard_error: Some(|result| {
                let $of_part = &result.diagnostics.$part;
                let estimate: Option<Estimate> = $estimate;
                estimate?.standard_error
            }),
            of_epoch: None,
        }
    };
}

/// What decides between coefficients.
const OF_CHOOSING: &[Quantity] =
    quantities_of_part!(choose, "the held-out images that choose", Kind::Diagnostic);

/// What the chosen coefficient is worth. It is no column of a report: a reader who compares coefficients by it chooses on it.
const OF_REPORTING: &[Quantity] =
    quantities_of_part!(report, "the held-out images that report", Kind::Detail);

/// What training took.
const OF_TRAINING: &[Quantity] = &[
    #[cfg(test)]
    Quantity {
        key: "added_by_a_test",
        label: "Added by a test",
        unit: "nats",
        description: "Stands for any diagnostic that is added.",
        better: None,
        digits: 1,
        kind: Kind::Diagnostic,
        value: |result| result.diagnostics.added_by_a_test,
        standard_error: None,
        of_epoch: None,
    },
    Quantity {
        key: "seconds",
        label: "Training",
        unit: "seconds",
        description: "How long the member trained, beside others on the same machine.",
        better: None,
        digits: 1,
        kind: Kind::Machine,
        value: |result| result.seconds,
        standard_error: None,
        of_epoch: None,
    },
];

impl Quantity {
    /// The row of [`QUANTITIES`] with this key.
    ///
    /// # Panics
    ///
    /// Panics if there is none: in a `const`, at compile time.
    pub const fn named(key: &str) -> &'static Self {
        let mut row = 0;
        while row < QUANTITIES.len() {
            if same(QUANTITIES[row].key, key) {
                return &QUANTITIES[row];
            }
            row += 1;
        }
        panic!("the table has no quantity of that name")
    }
}

/// `==`, which is not yet `const`.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The quantities of some kinds, in the order of the table.
pub fn quantities_of(kinds: &[Kind]) -> impl Iterator<Item = &'static Quantity> + '_ {
    QUANTITIES.iter().filter(|quantity| kinds.contains(&quantity.kind))
}

/// A number that is measured of every latent dimension.
#[derive(Clone, Copy, Debug)]
pub struct DimensionQuantity {
    /// Its name in files.
    pub key: &'static str,
    /// What the columns of tables are called, before `_0`, `_1`, ...
    pub column: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Whether its sign is an accident of the initial weights, so that only its size can be compared between members.
    pub sign_is_arbitrary: bool,
    /// Its value for each dimension; empty if it was not measured.
    pub values: fn(&MemberResult) -> &[f64],
}

/// Every quantity of latent dimensions.
pub const DIMENSION_QUANTITIES: &[DimensionQuantity] = &[
    DimensionQuantity {
        key: "kl_per_dim",
        column: "kl_dim",
        label: "KL of each dimension",
        unit: NATS,
        description: "KL(q(z_d|x) ‖ N(0, 1)): how much each latent dimension is used.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.kl_per_dim,
    },
    DimensionQuantity {
        key: "collapsed_share",
        column: "collapsed_share",
        label: "Collapsed share",
        unit: SHARE,
        description: "Share of the test images of which each latent dimension carries less than 0.01 nats.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.collapsed_share,
    },
    DimensionQuantity {
        key: "posterior_variance",
        column: "posterior_variance",
        label: "Variance of the posteriors",
        unit: "prior σ² = 1",
        description: "Mean variance of the posteriors in each latent dimension, as a share of the prior's: 1 where the dimension \
                      has collapsed.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.posterior_variance,
    },
    DimensionQuantity {
        key: "z_mean",
        column: "z_mean",
        label: "|mean| of the codes",
        unit: "prior σ = 1",
        description: "Absolute value of the mean of the sampled codes in each latent dimension: the prior has 0.",
        sign_is_arbitrary: true,
        values: |result| &result.diagnostics.z_mean,
    },
    DimensionQuantity {
        key: "z_std",
        column: "z_std",
        label: "Std of the codes",
        unit: "prior σ = 1",
        description: "Standard deviation of the sampled codes in each latent dimension: the prior has 1.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.z_std,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::finished;
    use crate::summary::{over_seeds_csv, summary_csv};

    /// The crate is tested with one diagnostic more, `added_by_a_test`: a field of `Diagnostics` and a row of the table.
    #[test]
    fn a_new_diagnostic_is_a_field_and_a_row_and_is_in_every_table() {
        let members = [0, 4].map(|seed| finished(1.0, seed, |_| ()));
        let cells = |bytes: Vec<u8>, column: &str| -> Vec<String> {
            let mut table = csv::Reader::from_reader(&bytes[..]);
            let at = table.headers().unwrap().iter().position(|found| found == column).expect(column);
            table.records().map(|row| row.unwrap()[at].to_string()).collect()
        };
        assert_eq!(cells(summary_csv(2, &members).unwrap(), "added_by_a_test"), ["0.0", "4.0"]);
        let over_seeds = || over_seeds_csv(2, &[1.0], &members).unwrap();
        assert_eq!(cells(over_seeds(), "added_by_a_test_mean"), ["2.0"]);
        assert_eq!(cells(over_seeds(), "added_by_a_test_std"), [8f64.sqrt().to_string()]);
        // What TensorBoard, the page's columns and the figures of diagnostics go through.
        assert!(quantities_of(&[Kind::Diagnostic]).any(|quantity| quantity.key == "added_by_a_test"));
    }

    #[test]
    fn values_are_those_of_the_member() {
        let member = finished(2.0, 0, |result| result.diagnostics.js_to_prior_nats = None);
        const OBJECTIVE: &Quantity = Quantity::named("objective");
        assert_eq!((OBJECTIVE.value)(&member), Some(157.8));
        assert_eq!((Quantity::named("js_to_prior_nats").value)(&member), None);
    }

    #[test]
    fn keys_are_unique() {
        let dimensions = DIMENSION_QUANTITIES.iter().map(|quantity| quantity.key);
        let mut keys: Vec<&str> = QUANTITIES.iter().map(|quantity| quantity.key).chain(dimensions).collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
