//! The purposes that the losses of images decide.

use crate::evidence::{ByCoefficient, Evidence};
use crate::recommendation::words::{Shown, Words, lower_first, sorted};
use crate::recommendation::{Answer, Number, Purpose};
use crate::verdict::{PairedLosses, Reservations, Verdict, decide};

const GENERATE: &str = "the lowest −log p(x) on the images that choose. Two coefficients differ where the interval of their paired \
     difference, over seeds and images, leaves out 0 with 95 % for all pairs together, which is a wider one than that of 95 % for \
     each that is shown; they are as good where one corrected for the number of coefficients is within the margin. Of those as good the greatest is named; where it is undecided, none is";
const REPRESENT: &str = "the fewest images that choose whose class a multinomial logistic probe misses, on the means of the posteriors; \
     by the same tests as above. Without labels nothing is named: information alone grows the smaller c is";

pub fn generate(evidence: &Evidence) -> Purpose {
    let purpose = Decided {
        key: "generate",
        title: "To generate from the prior",
        rule: GENERATE,
        to: "To generate from the prior",
        choose: &evidence.choose.nll,
        report: &evidence.report.nll,
        shown: Shown::Nats("−log p(x)"),
        reservations: Reservations {
            under_trained: evidence.under_trained(),
            bounded: evidence.bounded.clone(),
        },
        missing: "−log p(x) is not recorded image by image.",
    };
    purpose.decide(evidence)
}

pub fn represent(evidence: &Evidence) -> Purpose {
    let purpose = Decided {
        key: "represent",
        title: "To represent the data",
        rule: REPRESENT,
        to: "To find classes in the codes",
        choose: &evidence.choose.probe_wrong,
        report: &evidence.report.probe_wrong,
        shown: Shown::Accuracy,
        reservations: Reservations { under_trained: evidence.under_trained(), bounded: Vec::new() },
        missing: "There are no labels, and information alone names no coefficient: it grows the smaller c is.",
    };
    purpose.decide(evidence)
}

/// A purpose that losses decide.
struct Decided<'a> {
    key: &'static str,
    title: &'static str,
    rule: &'static str,
    /// How its sentence begins.
    to: &'static str,
    choose: &'a ByCoefficient,
    report: &'a ByCoefficient,
    shown: Shown,
    reservations: Reservations,
    /// Why there are no losses.
    missing: &'static str,
}

impl Decided<'_> {
    fn decide(self, evidence: &Evidence) -> Purpose {
        let losses = PairedLosses::new(self.choose);
        let margin = |losses: &PairedLosses| match self.shown {
            Shown::Accuracy => evidence.margin.accuracy,
            Shown::Nats(_) => margin_of_loss(evidence, losses),
        };
        let decided = losses.and_then(|losses| {
            let margin = margin(&losses);
            Some((decide(&losses, margin, &self.reservations)?, margin, losses))
        });
        let Some((decision, margin, losses)) = decided else {
            let reason = match self.choose.len() {
                _ if evidence.seeds.is_empty() => "No member with recorded losses is finished.",
                0 => self.missing,
                1 => "There is one coefficient only, and nothing to compare it with.",
                _ => "Too few images choose to compare coefficients by.",
            };
            return self.purpose(
                Answer::without(Verdict::Unknown, reason),
                Vec::new(),
                Vec::new(),
                format!("{}, nothing can be said: {}", self.to, lower_first(reason)),
            );
        };
        let reported = PairedLosses::new(self.report).and_then(|reported| {
            let at = reported.coefficients().iter().position(|&c| Some(c) == decision.named)?;
            Some(reported.mean(at))
        });
        let words = Words { decision: &decision, shown: self.shown, margin, losses: &losses, evidence };
        let undecided = match decision.undecided.as_slice() {
            [] => Vec::new(),
            others => sorted([&[decision.leader], others].concat()),
        };
        let as_good: Vec<f64> = match decision.named {
            Some(named) => {
                let contenders = [&[decision.leader], decision.as_good.as_slice()].concat();
                sorted(contenders.into_iter().filter(|&c| c != named).collect())
            }
            None => decision.as_good.clone(),
        };
        let first = decision.named.unwrap_or(decision.leader);
        let candidates = [&[first, decision.leader], &as_good[..], &decision.undecided].concat();
        let answer = Answer {
            verdict: decision.verdict,
            c: decision.named,
            interval: None,
            as_good,
            undecided,
            seeds_needed: decision.seeds_needed,
            reason: words.reason(reported.as_ref(), &self.reservations),
        };
        let sentence = words.sentence(self.to, reported.as_ref());
        self.purpose(answer, distinct(candidates), words.numbers(&self.reservations), sentence)
    }

    fn purpose(
        &self,
        answer: Answer,
        coefficients: Vec<f64>,
        numbers: Vec<Number>,
        sentence: String,
    ) -> Purpose {
        let Self { key, title, rule, .. } = *self;
        Purpose { key, title, answer, coefficients, rule, numbers, sentence }
    }
}

/// The difference of losses that does not matter: a share of the lowest mean.
pub fn margin_of_loss(evidence: &Evidence, losses: &PairedLosses) -> f64 {
    let means = (0..losses.coefficients().len()).map(|at| losses.mean(at).mean);
    evidence.margin.loss * means.fold(f64::INFINITY, f64::min).abs()
}

/// In their order, each once.
pub fn distinct(coefficients: Vec<f64>) -> Vec<f64> {
    let mut distinct = Vec::with_capacity(coefficients.len());
    for c in coefficients {
        if !distinct.contains(&c) {
            distinct.push(c);
        }
    }
    distinct
}
