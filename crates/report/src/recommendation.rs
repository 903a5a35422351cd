//! Which coefficient to keep for which purpose: what the rule of [`verdict`](crate::verdict) says, in words and numbers.

mod compress;
mod decided;
mod words;

use serde::Serialize;

use crate::evidence::Evidence;
use crate::verdict::{Budget, Verdict};

use compress::compress;
use decided::{generate, represent};
pub use words::who_beats;

/// What is recommended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// A sentence for each purpose, with the numbers that decided.
    pub headline: String,
    /// What one seed cannot tell, or nothing.
    pub caveat: Option<String>,
    /// To generate from the prior.
    pub generate: Purpose,
    /// To compress.
    pub compress: Purpose,
    /// To represent the data.
    pub represent: Purpose,
}

impl Recommendation {
    /// The same without a choice, for a reason that holds for all purposes.
    pub fn withheld(mut self, reason: String) -> Self {
        for purpose in [&mut self.generate, &mut self.compress, &mut self.represent] {
            purpose.answer = Answer::without(Verdict::Unknown, reason.clone());
            purpose.coefficients.clear();
        }
        Self { headline: reason, caveat: None, ..self }
    }

    /// All three.
    pub fn purposes(&self) -> [&Purpose; 3] {
        [&self.generate, &self.compress, &self.represent]
    }

    /// The answers for programs, by purpose.
    pub fn answers(&self) -> Answers<'_> {
        let [generate, compress, represent] = self.purposes().map(|purpose| &purpose.answer);
        Answers { generate, compress, represent }
    }
}

/// What programs read: `klsweep report --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answers<'a> {
    generate: &'a Answer,
    compress: &'a Answer,
    represent: &'a Answer,
}

/// The answer for a purpose.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// How sure it is.
    pub verdict: Verdict,
    /// The coefficient; nothing where none may be named.
    pub c: Option<f64>,
    /// Its interval of 95 %, where it was read off the curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Other coefficients that are as good within the margin.
    pub as_good: Vec<f64>,
    /// Coefficients that cannot be told apart.
    pub undecided: Vec<f64>,
    /// Seeds that would probably tell them apart, where that can be said.
    pub seeds_needed: Option<usize>,
    /// Why.
    pub reason: String,
}

impl Answer {
    fn without(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self {
            verdict,
            c: None,
            interval: None,
            as_good: Vec::new(),
            undecided: Vec::new(),
            seeds_needed: None,
            reason: reason.into(),
        }
    }
}

/// What a user can want a network for, and the coefficient for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Purpose {
    /// A word for programs.
    pub key: &'static str,
    /// It in words.
    pub title: &'static str,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// The coefficients that may be the best, the one that is named or leads first.
    pub coefficients: Vec<f64>,
    /// By which rule.
    pub rule: &'static str,
    /// What decided.
    pub numbers: Vec<Number>,
    /// A sentence for the headline.
    #[serde(skip)]
    sentence: String,
}

/// A number that a choice rests on, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Number {
    /// Of which coefficient.
    pub c: f64,
    /// What it is, with its unit.
    pub label: String,
    /// It, rounded, with half its interval of 95 %.
    pub value: String,
}

/// Recommends from what the finished members lose.
pub fn recommend(evidence: &Evidence, budget: Option<Budget>) -> Recommendation {
    let generate = generate(evidence);
    let compress = compress(evidence, budget);
    let represent = represent(evidence);
    let headline = if evidence.seeds.is_empty() {
        "No member is finished of which the losses of single images are recorded: nothing can be recommended yet."
            .to_string()
    } else {
        [&generate, &compress, &represent].map(|purpose| purpose.sentence.as_str()).join(" ")
    };
    let caveat = (evidence.seeds.len() == 1).then(|| {
        "On one training run: how much of a difference is the coefficient and how much is chance of training, several seeds \
         tell. Train again with, for example, seeds = [0, 1, 2, 3, 4]."
            .to_string()
    });
    Recommendation { headline, caveat, generate, compress, represent }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{ByCoefficient, PartEvidence};
    use crate::verdict::cross_objectives;
    use record::Group;

    const IMAGES: usize = 40;

    /// For each coefficient the mean loss of every seed, about which the images scatter alike.
    fn losses(rows: &[(f64, &[f32])]) -> ByCoefficient {
        let images = |mean: f32| (0..IMAGES).map(|image| mean + 0.1 * (image as f32).sin()).collect();
        let group = |&(c, means): &(f64, &[f32])| Group {
            c,
            values: means.iter().map(|&mean| images(mean)).collect(),
        };
        rows.iter().map(group).collect()
    }

    fn evidence(seeds: u64, choose: PartEvidence) -> Evidence {
        Evidence { seeds: (0..seeds).collect(), choose, ..Evidence::default() }
    }

    #[test]
    fn what_is_chosen_is_reported_on_other_images() {
        let nll = |offset: f32| {
            losses(&[
                (0.0, &[90.0 + offset, 92.0 + offset, 91.5 + offset]),
                (1.0, &[10.0 + offset, 12.0 + offset, 11.0 + offset]),
                (2.0, &[13.0 + offset, 15.1 + offset, 14.2 + offset]),
            ])
        };
        let evidence = Evidence {
            report: PartEvidence { nll: nll(5.0), ..PartEvidence::default() },
            ..evidence(3, PartEvidence { nll: nll(0.0), ..PartEvidence::default() })
        };
        let Recommendation { headline, generate, caveat, .. } = recommend(&evidence, None);
        let Answer { verdict, c, reason, undecided, as_good, .. } = &generate.answer;
        assert_eq!((*verdict, *c), (Verdict::Choice, Some(1.0)));
        assert!(undecided.is_empty() && as_good.is_empty() && caveat.is_none());
        assert!(headline.contains("To generate from the prior, keep c = 1: −log p(x) 16.0"), "{headline}");
        assert!(reason.contains("the next, c = 2 has 3.10 nats more ("), "{reason}");
        assert!(reason.contains("On the images that chose nothing, −log p(x) 16.0"), "{reason}");
        assert_eq!(generate.numbers.len(), 3 + 2 + 3);
    }

    #[test]
    fn what_cannot_be_told_apart_names_nothing_and_says_how_many_seeds_would() {
        let nll =
            losses(&[(1.0, &[10.0, 12.0, 11.0]), (2.0, &[10.4, 11.9, 11.1]), (20.0, &[50.0, 52.0, 51.0])]);
        let evidence = evidence(3, PartEvidence { nll, ..PartEvidence::default() });
        let recommendation = recommend(&evidence, None);
        let answer = &recommendation.generate.answer;
        assert_eq!((answer.verdict, answer.c), (Verdict::Undecided, None));
        assert_eq!(answer.undecided, [1.0, 2.0]);
        let needed = answer.seeds_needed.expect("seeds would tell");
        assert!(answer.reason.contains(&format!("{needed} seeds or more would tell.")), "{}", answer.reason);
        assert!(answer.reason.starts_with("3 seeds cannot tell c = 2 from c = 1, nor"), "{}", answer.reason);
        assert!(
            recommendation
                .headline
                .contains("c = 1 is ahead, and c = 2 cannot be told from it (−log p(x) 11.")
        );
        let json = serde_json::to_value(recommendation.answers()).unwrap();
        assert!(json["generate"]["c"].is_null() && json["generate"]["verdict"] == "undecided", "{json}");
        let keys = |purpose: &str| json[purpose].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for purpose in ["generate", "compress", "represent"] {
            assert_eq!(keys(purpose), ["as_good", "c", "reason", "seeds_needed", "undecided", "verdict"]);
        }
    }

    #[test]
    fn of_those_as_good_the_greatest_is_named() {
        let probe_wrong =
            losses(&[(0.0, &[0.300, 0.31]), (1.0, &[0.3001, 0.3101]), (2.0, &[0.3002, 0.3102])]);
        let evidence = evidence(2, PartEvidence { probe_wrong, ..PartEvidence::default() });
        let Purpose { answer, coefficients, .. } = recommend(&evidence, None).represent;
        assert_eq!((answer.verdict, answer.c, answer.as_good), (Verdict::AsGood, Some(2.0), vec![0.0, 1.0]));
        assert!(
            answer.reason.contains("c = 0, 1 and 2 differ by less than the margin of 1.0 points"),
            "{}",
            answer.reason
        );
        assert_eq!(coefficients, [2.0, 0.0, 1.0]);
    }

    #[test]
    fn one_training_run_leads_at_most() {
        let nll = losses(&[(1.0, &[10.0]), (2.0, &[13.0])]);
        let evidence = evidence(1, PartEvidence { nll, ..PartEvidence::default() });
        let Recommendation { headline, caveat, generate, .. } = recommend(&evidence, None);
        assert_eq!((generate.answer.verdict, generate.answer.c), (Verdict::Leading, Some(1.0)));
        assert!(headline.contains("c = 1 leads on one training run"), "{headline}");
        assert!(generate.answer.reason.contains("What another seed would give is not known"));
        assert!(caveat.is_some_and(|text| text.contains("seeds = [0, 1, 2, 3, 4]")));
    }

    #[test]
    fn without_labels_nothing_is_named_to_represent() {
        let nll = losses(&[(1.0, &[10.0, 11.0]), (2.0, &[13.0, 14.0])]);
        let evidence = evidence(2, PartEvidence { nll, ..PartEvidence::default() });
        let answer = recommend(&evidence, None).represent.answer;
        assert_eq!((answer.verdict, answer.c), (Verdict::Unknown, None));
        assert!(answer.reason.starts_with("There are no labels"), "{}", answer.reason);
    }

    #[test]
    fn a_budget_is_read_off_the_curve_and_without_one_there_is_no_knee() {
        // `R = 3/2 ln(16/c)`, `D = 100 + 3/2 c`.
        let rate = |c: f64| (1.5 * (16.0 / c).ln()) as f32;
        let of = |value: &dyn Fn(f64) -> f32| -> ByCoefficient {
            let rows = [0.5, 2.0, 8.0].map(|c| (c, [value(c), value(c) + 0.01]));
            rows.iter().flat_map(|(c, means)| losses(&[(*c, means)])).collect()
        };
        let distortion = |c: f64| 100.0 + 1.5 * c as f32;
        let part = PartEvidence {
            kl: of(&rate),
            reconstruction: of(&distortion),
            elbo_loss: of(&|c| rate(c) + distortion(c)),
            ..PartEvidence::default()
        };
        let evidence = Evidence { floor: Some(45.5), ..evidence(2, part) };
        let compress = |budget| recommend(&evidence, budget).compress;
        let without = compress(None);
        assert_eq!((without.answer.verdict, without.answer.c), (Verdict::BudgetNeeded, None));
        let reason = &without.answer.reason;
        // 11.25 nats over 4.16.
        assert!(
            reason.contains("average price is 2.71 nats") && reason.contains("c = 2 is the tested value"),
            "{reason}"
        );
        let above = without.numbers.iter().find(|number| number.label == "above the floor").unwrap();
        assert!(above.value.starts_with("55.2"), "100.75 - 45.5: {above:?}");

        let found = compress(Some(Budget::Rate(1.5 * 16f64.ln() - 1.5 * 4f64.ln()))).answer;
        let ([low, high], c) = (found.interval.unwrap(), found.c.unwrap());
        assert!((c - 4.0).abs() < 0.05 && low < c && c < high, "{found:?}");
        assert_eq!(found.verdict, Verdict::ReadOff);
        let beyond = compress(Some(Budget::Rate(50.0))).answer;
        assert_eq!((beyond.verdict, beyond.c), (Verdict::Unknown, None));
        assert!(beyond.reason.contains("the curve goes from 1.0"), "{}", beyond.reason);

        // On the training images c = 2 does better by the objective of c = 8: on the other side of it, the curve stands.
        let beaten = cross_objectives(
            &losses(&[(2.0, &[100.0, 100.1]), (8.0, &[110.0, 110.1])]),
            &losses(&[(2.0, &[2.0, 2.1]), (8.0, &[1.0, 1.1])]),
            0.001,
        );
        let evidence = Evidence { on_training: beaten, ..evidence };
        let of = |c: f64| recommend(&evidence, Some(Budget::Rate(f64::from(rate(c))))).compress;
        let Purpose { answer, sentence, .. } = of(4.0);
        assert_eq!((answer.verdict, answer.c, answer.interval), (Verdict::TrainLonger, None, None));
        let reason = "are spent between c = 2 and c = 8, and c = 8 is not trained to the end: on the training images another member \
                      does better by its own objective (c = 2 beats c = 8 by 2.00 nats)";
        assert!(answer.reason.contains(reason), "{}", answer.reason);
        assert!(sentence.contains("train longer before a coefficient is named"), "{sentence}");
        assert_eq!(of(1.0).answer.verdict, Verdict::ReadOff);
    }

    #[test]
    fn without_members_nothing_is_known() {
        let recommendation = recommend(&Evidence::default(), None);
        let (headline, purposes) = (&recommendation.headline, recommendation.purposes());
        assert!(headline.starts_with("No member is finished"), "{headline}");
        assert!(purposes.iter().all(|purpose| purpose.answer.verdict == Verdict::Unknown));
    }
}
