//! Numbers that are not what their names promise, by what was measured beside them.

use crate::quantity::Quantity;
use crate::result::{MemberResult, Nll};

/// Why a number should not be read as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// In a word or two, beside the number.
    pub word: &'static str,
    /// In a sentence.
    pub reason: &'static str,
}

const SATURATED: Doubt = Doubt {
    word: "saturated",
    reason: "The estimate of I(x; z) has reached three quarters of the logarithm of the number of images: it says more of their \
             number than of the network, and is no more than a lower bound.",
};
const TOO_GREAT: Doubt = Doubt {
    word: "at most",
    reason: "What the saturated estimate of I(x; z) lacks, this has too much: it is an upper bound.",
};
const SAYS_NOTHING: Doubt =
    Doubt { word: "saturated", reason: "Where the estimate of I(x; z) is saturated, this says nothing." };
const BOUND: Doubt = Doubt {
    word: "at most",
    reason: "Where too many images have no reliable estimate of log p(x), the mean is an upper bound.",
};
const NOISE: Doubt = Doubt {
    word: "noise",
    reason: "Below the noise floor: as many codes drawn from the prior itself would differ from it as much.",
};

impl Quantity {
    /// Why the quantity's value should not be taken for what its name promises; `None` where it may be.
    pub fn doubt(&self, result: &MemberResult) -> Option<Doubt> {
        let diagnostics = &result.diagnostics;
        let saturated = diagnostics.information_saturated == Some(true);
        let bound = |nll: &Option<Nll>| nll.as_ref().is_some_and(Nll::is_bound);
        let noise =
            |floor: Option<f64>| (self.value)(result).zip(floor).is_some_and(|(value, floor)| value <= floor);
        let (holds, doubt) = match self.key {
            "mutual_information" => (saturated, SATURATED),
            "marginal_kl" => (saturated, TOO_GREAT),
            "total_correlation" | "dimension_kl" => (saturated, SAYS_NOTHING),
            "choose_nll" => (bound(&diagnostics.choose.nll), BOUND),
            "report_nll" => (bound(&diagnostics.report.nll), BOUND),
            "js_to_prior_nats" => (noise(diagnostics.js_to_prior_floor), NOISE),
            "kl_to_prior_nats" => (noise(diagnostics.kl_to_prior_floor), NOISE),
            _ => return None,
        };
        holds.then_some(doubt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::Estimate;
    use crate::for_tests::finished;
    use crate::quantities::QUANTITIES;
    use crate::result::NllMethod;

    fn doubted(change: impl FnOnce(&mut MemberResult)) -> Vec<(&'static str, &'static str)> {
        let result = finished(1.0, 0, change);
        let doubt = |quantity: &Quantity| Some((quantity.key, quantity.doubt(&result)?.word));
        QUANTITIES.iter().filter_map(doubt).collect()
    }

    #[test]
    fn each_number_is_doubted_for_its_own_reason() {
        assert_eq!(doubted(|_| ()), []);
        assert_eq!(
            doubted(|result| result.diagnostics.information_saturated = Some(true)),
            [
                ("mutual_information", "saturated"),
                ("marginal_kl", "at most"),
                ("total_correlation", "saturated"),
                ("dimension_kl", "saturated"),
            ]
        );
        assert_eq!(
            doubted(|result| {
                result.diagnostics.js_to_prior_nats = Some(Estimate::from(-0.001));
                let nll = result.diagnostics.report.nll.as_mut().unwrap();
                nll.method = NllMethod::Quadrature { error: 0.2 };
            }),
            [("js_to_prior_nats", "noise"), ("report_nll", "at most")]
        );
    }
}
