//! The numbers that are measured on each part of the held-out images.

use crate::estimate::Estimate;
use crate::quantity::{Better, Kind, NATS, Quantity, SHARE};

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
                @row $part, $shown, "density", "Density", "times held-out", None, 3,
                concat!(
                    "How near images decoded from the prior lie to ", $images, ", in 50 principal components of the training \
                     images: fidelity. 1 is expected of images as good as held-out ones; blurred ones lie amidst many others and \
                     exceed it, so that more is not better and nothing is decided by it: the coverage is the number to read."
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
pub(crate) const OF_CHOOSING: &[Quantity] =
    quantities_of_part!(choose, "the held-out images that choose", Kind::Diagnostic);

/// What the chosen coefficient is worth. It is no column of a report: a reader who compares coefficients by it chooses on it.
pub(crate) const OF_REPORTING: &[Quantity] =
    quantities_of_part!(report, "the held-out images that report", Kind::Detail);
