//! Which coefficient to keep for which purpose, as a stated rule over what was measured.

use record::{Better, Group, MemberResult, Quantity, SHARE, Spread};
use serde::Serialize;

use crate::comparison::{Choice, choose};
use crate::format;
use crate::rate_distortion::{Point, knee};

/// Mutual information counts as at its limit from this share of `ln N` on: every code then names its image.
const MUTUAL_INFORMATION_LIMIT: f64 = 0.99;

const GENERATE: &str = "the lowest −log p(x) of the held-out images that choose";
const COMPRESS: &str = "the knee of the rate-distortion curve: the coefficient farthest below the line between the ends of the \
     curve, both axes scaled to the same length; c = 0, which sets the rate no limit, and coefficients that another one beats \
     in both rate and distortion are left out";
const REPRESENT: &str = "the highest accuracy of 10 nearest neighbours on the posterior means; without labels, the highest mutual \
     information, and of coefficients at its limit ln N the one of least KL";

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
            (purpose.verdict, purpose.reason) = (Verdict::Unknown, reason.clone());
            purpose.coefficients.clear();
        }
        Self { headline: reason, caveat: None, ..self }
    }

    /// All three.
    pub fn purposes(&self) -> [&Purpose; 3] {
        [&self.generate, &self.compress, &self.represent]
    }
}

/// What a user can want a network for, and the coefficient for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Purpose {
    /// A word for programs.
    pub key: &'static str,
    /// It in words.
    pub title: &'static str,
    /// How sure the choice is.
    pub verdict: Verdict,
    /// The coefficients to keep, the best first.
    pub coefficients: Vec<f64>,
    /// Why those.
    pub reason: String,
    /// By which rule.
    pub rule: &'static str,
    /// What decided.
    pub numbers: Vec<Number>,
}

/// How sure a choice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One coefficient is better than each other one beyond the noise of the seeds.
    Choice,
    /// Several are within that noise.
    Tie,
    /// One is ahead, but one seed cannot tell noise from difference.
    SingleSeed,
    /// Too little was measured.
    Unknown,
}

/// A number that a choice rests on, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Number {
    /// Of which coefficient.
    pub c: f64,
    /// What it is, with its unit.
    pub label: String,
    /// It, rounded, with the standard deviation over the seeds if there are several.
    pub value: String,
}

const NLL: &Quantity = Quantity::named("choose_nll");
const JS: &Quantity = Quantity::named("js_to_prior_nats");
const RATE: &Quantity = Quantity::named("kl");
const DISTORTION: &Quantity = Quantity::named("reconstruction");
const ACCURACY: &Quantity = Quantity::named("choose_knn_accuracy");
const INFORMATION: &Quantity = Quantity::named("mutual_information");

/// The finished members of the coefficients.
type Groups<'a> = [Group<&'a MemberResult>];

/// A quantity over the seeds as it is shown, shares in percent.
fn rounded(quantity: &Quantity, Spread { mean, std }: Spread) -> String {
    let (factor, digits) = match quantity.unit {
        SHARE => (100.0, quantity.digits - 2),
        _ => (1.0, quantity.digits),
    };
    format::spread(Spread { mean: factor * mean, std: factor * std }, digits)
}

/// A quantity of a coefficient as it is shown; `None` if it was not measured.
fn at(groups: &Groups<'_>, quantity: &Quantity, c: f64) -> Option<String> {
    let group = groups.iter().find(|group| group.c == c)?;
    Some(rounded(quantity, group.spread(quantity.value)?))
}

/// The same within a sentence.
fn shown(groups: &Groups<'_>, quantity: &Quantity, c: f64) -> String {
    at(groups, quantity, c).unwrap_or_else(|| "an unknown number of".to_string())
}

/// Some quantities of all coefficients.
fn numbers(groups: &Groups<'_>, quantities: &[&Quantity]) -> Vec<Number> {
    let of_quantity = |quantity: &&Quantity| {
        let unit = if quantity.unit == SHARE { "%" } else { quantity.unit };
        let label = format!("{} ({unit})", quantity.label);
        let number =
            |group: &Group<&MemberResult>| Some((group.c, rounded(quantity, group.spread(quantity.value)?)));
        let numbers = groups.iter().filter_map(number);
        numbers.map(|(c, value)| Number { c, label: label.clone(), value }).collect::<Vec<_>>()
    };
    quantities.iter().flat_map(of_quantity).collect()
}

/// Recommends from the finished members of a sweep whose test set has `test_images` images.
pub fn recommend(groups: &Groups<'_>, test_images: Option<usize>) -> Recommendation {
    let (generate, compress, represent) =
        (generate(groups), compress(groups), represent(groups, test_images));
    let single =
        [&generate, &compress, &represent].iter().any(|purpose| purpose.verdict == Verdict::SingleSeed);
    let caveat = single.then(|| {
        "With one seed nobody can tell whether the differences are more than noise: train again with, for example, \
         seeds = [0, 1, 2]."
            .to_string()
    });
    let headline = if groups.is_empty() {
        "No member is finished yet. The recommendation comes with the first ones.".to_string()
    } else {
        [to_generate(&generate, groups), to_compress(&compress, groups), to_represent(&represent, groups)]
            .join(" ")
    };
    Recommendation { headline, caveat, generate, compress, represent }
}

/// The sentence of the headline about a purpose: what decided stands in parentheses.
fn to_generate(purpose: &Purpose, groups: &Groups<'_>) -> String {
    let Some(&c) = purpose.coefficients.first() else {
        return "Nothing can be said yet about generating from the prior.".to_string();
    };
    format!(
        "Keep {} to generate from the prior (−log p(x) {} nats).",
        purpose.alternatives(),
        shown(groups, NLL, c)
    )
}

fn to_compress(purpose: &Purpose, groups: &Groups<'_>) -> String {
    let Some(&c) = purpose.coefficients.first() else {
        return "A knee of the rate-distortion curve, to compress, needs three coefficients above 0."
            .to_string();
    };
    format!(
        "Keep {} to compress ({} nats of rate for {} of distortion).",
        purpose.alternatives(),
        shown(groups, RATE, c),
        shown(groups, DISTORTION, c)
    )
}

fn to_represent(purpose: &Purpose, groups: &Groups<'_>) -> String {
    let Some(&c) = purpose.coefficients.first() else {
        return "Nothing can be said yet about representing.".to_string();
    };
    let accuracy = at(groups, ACCURACY, c);
    let accuracy = accuracy.map_or(String::new(), |share| {
        format!("10 nearest neighbours classify {share} % of the test codes; ")
    });
    format!(
        "Keep {} to represent ({accuracy}the codes carry {} nats of information about their images).",
        purpose.alternatives(),
        shown(groups, INFORMATION, c)
    )
}

impl Purpose {
    fn alternatives(&self) -> String {
        format::alternatives(&self.coefficients, "c = ")
    }
}

fn generate(groups: &Groups<'_>) -> Purpose {
    let choice = choose(groups, NLL, Better::Low);
    let why = choice.as_ref().map_or(String::new(), |choice| {
        let beside = match at(groups, JS, choice.best) {
            Some(js) => format!(", and its codes are {js} nats (JS) from the prior"),
            None => String::new(),
        };
        format!("It has the lowest −log p(x), {} nats{beside}.", shown(groups, NLL, choice.best))
    });
    purpose("generate", "To generate from the prior", GENERATE, choice, why, numbers(groups, &[NLL, JS]))
}

fn compress(groups: &Groups<'_>) -> Purpose {
    let limited: Vec<_> = groups.iter().filter(|group| group.c > 0.0).collect();
    let knee_of = |seed: Option<u64>| {
        let points: Vec<Point> = limited
            .iter()
            .filter_map(|group| {
                let value = |quantity: &Quantity| match seed {
                    Some(seed) => group.at(seed, quantity.value),
                    None => group.spread(quantity.value).map(|spread| spread.mean),
                };
                Some(Point { c: group.c, rate: value(RATE)?, distortion: value(DISTORTION)? })
            })
            .collect();
        knee(&points)
    };
    let mut seeds: Vec<u64> = groups.iter().flat_map(Group::seeds).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let choice = knee_of(None).map(|best| {
        let mut ties: Vec<f64> =
            seeds.iter().filter_map(|&seed| knee_of(Some(seed))).filter(|&c| c != best).collect();
        ties.sort_by(f64::total_cmp);
        ties.dedup();
        Choice { best, ties, single_seed: seeds.len() < 2 }
    });
    let why = choice.as_ref().map_or(String::new(), |choice| {
        let others = if choice.ties.is_empty() { "" } else { " The knee moves from seed to seed." };
        format!(
            "Lower coefficients pay much rate for little less distortion, higher ones save little rate for much more: it \
             spends {} nats of KL for {} of reconstruction.{others}",
            shown(groups, RATE, choice.best),
            shown(groups, DISTORTION, choice.best)
        )
    });
    purpose("compress", "To compress", COMPRESS, choice, why, numbers(groups, &[RATE, DISTORTION]))
}

fn represent(groups: &Groups<'_>, test_images: Option<usize>) -> Purpose {
    let (choice, why) = if groups.iter().any(|group| group.spread(ACCURACY.value).is_some()) {
        let choice = choose(groups, ACCURACY, Better::High);
        let why = choice.as_ref().map_or(String::new(), |choice| {
            format!(
                "The classes lie apart best: 10 nearest neighbours find the class of {} % of the test images from their codes, \
                 which carry {} nats about which image they are of.",
                shown(groups, ACCURACY, choice.best),
                shown(groups, INFORMATION, choice.best)
            )
        });
        (choice, why)
    } else {
        let limit = test_images.map_or(f64::INFINITY, |count| MUTUAL_INFORMATION_LIMIT * (count as f64).ln());
        let full = |group: &&Group<&MemberResult>| {
            group.spread(INFORMATION.value).is_some_and(|information| information.mean >= limit)
        };
        let saturated: Vec<_> = groups.iter().filter(full).cloned().collect();
        let choice = if saturated.is_empty() {
            choose(groups, INFORMATION, Better::High)
        } else {
            choose(&saturated, RATE, Better::Low)
        };
        let why = choice.as_ref().map_or(String::new(), |choice| {
            format!(
                "There are no labels, so what the codes tell about their images decides: {} nats at a KL of {}.",
                shown(groups, INFORMATION, choice.best),
                shown(groups, RATE, choice.best)
            )
        });
        (choice, why)
    };
    let numbers = numbers(groups, &[ACCURACY, INFORMATION]);
    purpose("represent", "To represent the data", REPRESENT, choice, why, numbers)
}

fn purpose(
    key: &'static str,
    title: &'static str,
    rule: &'static str,
    choice: Option<Choice>,
    why: String,
    numbers: Vec<Number>,
) -> Purpose {
    let Some(Choice { best, ties, single_seed }) = choice else {
        let reason = "Too few members are finished to tell.".to_string();
        return Purpose {
            key,
            title,
            verdict: Verdict::Unknown,
            coefficients: Vec::new(),
            reason,
            rule,
            numbers,
        };
    };
    let verdict = match (single_seed, ties.is_empty()) {
        (true, _) => Verdict::SingleSeed,
        (false, true) => Verdict::Choice,
        (false, false) => Verdict::Tie,
    };
    let reason = match verdict {
        Verdict::Tie => {
            format!(
                "{why} Within the noise of the seeds, {} is as good.",
                format::alternatives(&ties, "c = ")
            )
        }
        Verdict::SingleSeed => format!("{why} One seed cannot tell whether that is more than noise."),
        _ => why,
    };
    let coefficients = std::iter::once(best).chain(ties).collect();
    Purpose { key, title, verdict, coefficients, reason, rule, numbers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::by_coefficient;
    use record::for_tests::finished;

    /// A sweep as on MNIST, with a nat or so of noise between seeds.
    fn sweep(seeds: u64) -> Vec<MemberResult> {
        let row = |c, seed: u64, [reconstruction, kl, nll, accuracy]: [f64; 4]| {
            let noise = [0.0, 0.3, -0.2][seed as usize];
            finished(c, seed, |result| {
                result.test.reconstruction = reconstruction + noise;
                result.test.kl = kl;
                let choose = &mut result.diagnostics.choose;
                choose.nll.as_mut().unwrap().mean = (nll + noise).into();
                choose.knn_accuracy = Some((accuracy + 0.01 * noise).into());
            })
        };
        (0..seeds)
            .flat_map(|seed| {
                [
                    row(0.0, seed, [144.7, 308.0, 451.0, 0.71]),
                    row(0.02, seed, [144.0, 28.0, 170.0, 0.77]),
                    row(1.0, seed, [145.8, 5.9, 149.6, 0.74]),
                    // By the noise, sometimes ahead of c = 1 and sometimes behind.
                    row(2.0, seed, [146.7, 5.0, 149.75 - 0.1 * seed as f64, 0.73]),
                    row(20.0, seed, [191.0, 0.6, 191.0, 0.31]),
                ]
            })
            .collect()
    }

    fn recommended(members: &[MemberResult]) -> Recommendation {
        recommend(&by_coefficient(members.iter().map(|member| (member.c, member))), Some(10_000))
    }

    #[test]
    fn a_sweep_with_seeds_has_a_choice_for_each_purpose_and_says_what_ties() {
        let recommendation = recommended(&sweep(3));
        let purposes = recommendation.purposes();
        let found = purposes.map(|purpose| (purpose.key, purpose.verdict, purpose.coefficients.clone()));
        let Recommendation { headline, caveat, .. } = &recommendation;
        assert_eq!(
            found,
            [
                ("generate", Verdict::Tie, vec![1.0, 2.0]),
                ("compress", Verdict::Choice, vec![2.0]),
                ("represent", Verdict::Choice, vec![0.02]),
            ]
        );
        assert_eq!(*caveat, None);
        assert_eq!(headline.matches("Keep ").count(), 3, "{headline}");
        assert!(headline.starts_with("Keep c = 1 or c = 2 to generate"), "{headline}");
        assert!(
            headline.contains("149.63 ± 0.25") && headline.contains(" Keep c = 2 to compress"),
            "{headline}"
        );
        assert!(purposes[0].reason.contains("c = 2 is as good"), "{}", purposes[0].reason);
    }

    #[test]
    fn one_seed_is_ahead_but_cannot_tell() {
        let recommendation = recommended(&sweep(1));
        let caveat = &recommendation.caveat;
        assert!(recommendation.purposes().iter().all(|purpose| purpose.verdict == Verdict::SingleSeed));
        assert!(caveat.as_ref().is_some_and(|text| text.contains("seeds = [0, 1, 2]")));
    }

    #[test]
    fn without_labels_information_decides_and_at_its_limit_the_kl() {
        let mut members = sweep(1);
        for member in &mut members {
            member.diagnostics.choose.knn_accuracy = None;
            // ln 10,000 = 9.21.
            member.diagnostics.mutual_information = Some(if member.c < 0.5 { 9.2 } else { 4.0 }.into());
        }
        assert_eq!(recommended(&members).represent.coefficients, [0.02], "c = 0 tells as much with more KL");
    }

    #[test]
    fn without_members_nothing_is_known() {
        let recommendation = recommended(&[]);
        let (headline, purposes) = (&recommendation.headline, recommendation.purposes());
        assert!(headline.starts_with("No member is finished yet."), "{headline}");
        assert!(purposes.iter().all(|purpose| purpose.verdict == Verdict::Unknown));
    }
}
