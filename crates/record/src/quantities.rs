//! The one table of the numbers by which members are compared.

#[cfg(test)]
use crate::dimension_quantities::DIMENSION_QUANTITIES;
use crate::part_quantities::{OF_CHOOSING, OF_REPORTING};
use crate::quantity::{Better, Kind, NATS, Quantity};

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

/// What is measured on all held-out images.
const OF_ALL: &[Quantity] = &[
    Quantity {
        key: "reconstruction",
        label: "Reconstruction",
        unit: NATS,
        description: "−E[log p(x|z)] of the held-out images with one sampled code each: the distortion.",
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
        description: "reconstruction + KL, the negative evidence lower bound: it bounds each network's own -log p(x), but loosely where c is far \
                      from 1, as its encoder was not trained for it.",
        better: Some(Better::Low),
        digits: 2,
        kind: Kind::Term,
        value: |result| known(result.elbo_loss),
        standard_error: Some(|result| result.diagnostics.term_errors?.elbo_loss),
        of_epoch: Some(|row, _| row.test.elbo_loss()),
    },
    Quantity {
        key: "clamped_log_vars",
        label: "Clamped log-variances",
        unit: "log-variances",
        description: "Log-variances of training posteriors clamped to their bounds, over all epochs.",
        better: Some(Better::Low),
        digits: 0,
        kind: Kind::Detail,
        value: |result| Some(result.clamped_log_vars as f64),
        standard_error: None,
        of_epoch: None,
    },
    Quantity {
        key: "excess_reconstruction",
        label: "Above the floor",
        unit: NATS,
        description: "The reconstruction of the held-out images without the entropy of their grey pixels, below which no decoder's falls.",
        better: Some(Better::Low),
        digits: 2,
        kind: Kind::Diagnostic,
        value: |result| known(result.test.reconstruction - result.diagnostics.distortion_floor?),
        standard_error: Some(|result| result.diagnostics.term_errors?.excess),
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
        description: "Latent dimensions whose posterior mean has a variance above 0.01 over the held-out images.",
        better: None,
        digits: 0,
        kind: Kind::Diagnostic,
        value: |result| result.diagnostics.active_units.map(|units| units as f64),
        standard_error: None,
        of_epoch: Some(|row, _| row.test_latent.active_units as f64),
    },
    Quantity {
        key: "mutual_information",
        label: "I(x; z), at least",
        unit: "nats",
        description: "What a code tells about which of the held-out images it is of. A lower bound of the mutual information of \
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
        kind: Kind::Diagnostic,
        value: |result| Some(result.diagnostics.information_upper?.value),
        standard_error: Some(|result| result.diagnostics.information_upper?.standard_error),
        of_epoch: None,
    },
    Quantity {
        key: "information_saturated",
        label: "I(x; z) is saturated",
        unit: "yes or no",
        description: "1 where the estimate of I(x; z) has reached three quarters of the logarithm of the number of held-out images, \
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
