//! Which coefficient to keep for which purpose, as a stated rule over what was measured.

use serde::Serialize;

use super::comparison::{Better, Choice, Group, choose};
use super::format;
use super::rate_distortion::{Point, knee};
use crate::member::MemberResult;

/// The share of prior samples that has to decode near the data for a coefficient to be kept for generating. 95 % is what
/// a decoder comes to that finds only known territory under the prior, and the estimate has a standard error of 0.7 %.
const LEAST_NEAR_DATA: f64 = 0.9;

/// Mutual information counts as at its limit from this share of `ln N` on: every code then names its image.
const MUTUAL_INFORMATION_LIMIT: f64 = 0.99;

const GENERATE: &str = "the lowest importance-weighted bound on −log p(x), among the coefficients of which at least 90 % of the \
     prior samples decode near the data (among all, if there is none)";
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
    pub label: &'static str,
    /// It, rounded, with the standard deviation over the seeds if there are several.
    pub value: String,
}

/// A quantity that a number is shown of.
struct Quantity {
    label: &'static str,
    digits: usize,
    value: fn(&MemberResult) -> Option<f64>,
}

impl Quantity {
    fn of(&self, groups: &[Group<'_>]) -> Vec<Number> {
        let number = |c| Some(Number { c, label: self.label, value: self.at(groups, c)? });
        groups.iter().filter_map(|group| number(group.c)).collect()
    }

    /// The number of one coefficient, as it is shown; nothing where none of its members has it.
    fn at(&self, groups: &[Group<'_>], c: f64) -> Option<String> {
        let spread = groups.iter().find(|group| group.c == c)?.spread(self.value)?;
        Some(format::spread(spread, self.digits))
    }

    /// The same for a sentence.
    fn in_words(&self, groups: &[Group<'_>], c: f64) -> String {
        self.at(groups, c).unwrap_or_else(|| "an unknown number of".into())
    }
}

const NLL: Quantity = Quantity {
    label: "importance-weighted NLL (nats)",
    digits: 2,
    value: |result| Some(result.diagnostics.iwae_nll),
};
const NEAR_DATA: Quantity = Quantity {
    label: "prior samples near the data (%)",
    digits: 1,
    value: |result| Some(100.0 * result.diagnostics.prior_near_data),
};
const JS: Quantity =
    Quantity { label: "JS to the prior (bits)", digits: 3, value: |result| result.diagnostics.js_to_prior };
const RATE: Quantity = Quantity { label: "rate: KL (nats)", digits: 2, value: |result| Some(result.test.kl) };
const DISTORTION: Quantity = Quantity {
    label: "distortion: reconstruction (nats)",
    digits: 2,
    value: |result| Some(result.test.reconstruction),
};
const ACCURACY: Quantity = Quantity {
    label: "10-NN accuracy (%)",
    digits: 1,
    value: |result| result.diagnostics.knn_accuracy.map(|share| 100.0 * share),
};
const INFORMATION: Quantity = Quantity {
    label: "mutual information (nats)",
    digits: 2,
    value: |result| Some(result.diagnostics.mutual_information),
};

/// Recommends from the finished members of a sweep whose test set has `test_images` images.
pub fn recommend(groups: &[Group<'_>], test_images: Option<usize>) -> Recommendation {
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
fn to_generate(purpose: &Purpose, groups: &[Group<'_>]) -> String {
    let Some(&c) = purpose.coefficients.first() else {
        return "Nothing can be said yet about generating from the prior.".to_string();
    };
    let near_data = NEAR_DATA.at(groups, c);
    let near_data = near_data
        .map_or(String::new(), |share| format!(", {share} % of the prior samples decode near the data"));
    format!(
        "Keep {} to generate from the prior (importance-weighted NLL {} nats{near_data}).",
        purpose.alternatives(),
        NLL.in_words(groups, c)
    )
}

fn to_compress(purpose: &Purpose, groups: &[Group<'_>]) -> String {
    let Some(&c) = purpose.coefficients.first() else {
        return "A knee of the rate-distortion curve, to compress, needs three coefficients above 0."
            .to_string();
    };
    format!(
        "Keep {} to compress ({} nats of rate for {} of distortion).",
        purpose.alternatives(),
        RATE.in_words(groups, c),
        DISTORTION.in_words(groups, c)
    )
}

fn to_represent(purpose: &Purpose, groups: &[Group<'_>]) -> String {
    let Some(&c) = purpose.coefficients.first() else {
        return "Nothing can be said yet about representing.".to_string();
    };
    let accuracy = ACCURACY.at(groups, c);
    let accuracy = accuracy.map_or(String::new(), |share| {
        format!("10 nearest neighbours classify {share} % of the test codes; ")
    });
    format!(
        "Keep {} to represent ({accuracy}the codes carry {} nats of information about their images).",
        purpose.alternatives(),
        INFORMATION.in_words(groups, c)
    )
}

impl Purpose {
    fn alternatives(&self) -> String {
        format::alternatives(&self.coefficients, "c = ")
    }
}

fn generate(groups: &[Group<'_>]) -> Purpose {
    let near = |group: &&Group<'_>| {
        group.spread(NEAR_DATA.value).is_some_and(|share| share.mean >= 100.0 * LEAST_NEAR_DATA)
    };
    let eligible: Vec<Group<'_>> = groups.iter().filter(near).cloned().collect();
    let (eligible, gate) = if eligible.is_empty() {
        (groups.to_vec(), "Of no coefficient do 90 % of the prior samples decode near the data. ")
    } else {
        (eligible, "")
    };
    let choice = choose(&eligible, NLL.value, Better::Low);
    let best = choice.as_ref().map(|choice| choice.best);
    let why = best.map_or(String::new(), |c| {
        format!(
            "{gate}It has the lowest bound on −log p(x), {} nats; {} % of its prior samples decode near the data, and its \
             codes are {} bits (JS) from the prior.",
            NLL.in_words(groups, c),
            NEAR_DATA.in_words(groups, c),
            JS.in_words(groups, c)
        )
    });
    let numbers = [NLL, NEAR_DATA, JS].iter().flat_map(|quantity| quantity.of(groups)).collect();
    purpose("generate", "To generate from the prior", GENERATE, choice, why, numbers)
}

fn compress(groups: &[Group<'_>]) -> Purpose {
    let limited: Vec<&Group<'_>> = groups.iter().filter(|group| group.c > 0.0).collect();
    let knee_of = |seed: Option<u64>| {
        let points: Vec<Point> = limited
            .iter()
            .filter_map(|group| {
                let value = |value: fn(&MemberResult) -> Option<f64>| match seed {
                    Some(seed) => group.at(seed, value),
                    None => group.spread(value).map(|spread| spread.mean),
                };
                Some(Point { c: group.c, rate: value(RATE.value)?, distortion: value(DISTORTION.value)? })
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
            RATE.in_words(groups, choice.best),
            DISTORTION.in_words(groups, choice.best)
        )
    });
    let numbers = [RATE, DISTORTION].iter().flat_map(|quantity| quantity.of(groups)).collect();
    purpose("compress", "To compress", COMPRESS, choice, why, numbers)
}

fn represent(groups: &[Group<'_>], test_images: Option<usize>) -> Purpose {
    let numbers = [ACCURACY, INFORMATION].iter().flat_map(|quantity| quantity.of(groups)).collect();
    let (choice, why) = if groups.iter().any(|group| group.spread(ACCURACY.value).is_some()) {
        let choice = choose(groups, ACCURACY.value, Better::High);
        let why = choice.as_ref().map_or(String::new(), |choice| {
            format!(
                "The classes lie apart best: 10 nearest neighbours find the class of {} % of the test images from their codes, \
                 which carry {} nats about which image they are of.",
                ACCURACY.in_words(groups, choice.best),
                INFORMATION.in_words(groups, choice.best)
            )
        });
        (choice, why)
    } else {
        let limit = test_images.map_or(f64::INFINITY, |count| MUTUAL_INFORMATION_LIMIT * (count as f64).ln());
        let full = |group: &&Group<'_>| {
            group.spread(INFORMATION.value).is_some_and(|information| information.mean >= limit)
        };
        let saturated: Vec<Group<'_>> = groups.iter().filter(full).cloned().collect();
        let choice = if saturated.is_empty() {
            choose(groups, INFORMATION.value, Better::High)
        } else {
            choose(&saturated, RATE.value, Better::Low)
        };
        let why = choice.as_ref().map_or(String::new(), |choice| {
            format!(
                "There are no labels, so what the codes tell about their images decides: {} nats at a KL of {}.",
                INFORMATION.in_words(groups, choice.best),
                RATE.in_words(groups, choice.best)
            )
        });
        (choice, why)
    };
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

/// The members of a sweep by coefficient, those that are finished.
pub fn groups<'a>(results: impl Iterator<Item = &'a MemberResult>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for result in results {
        match groups.iter_mut().find(|group| group.c == result.c) {
            Some(group) => group.members.push(result),
            None => groups.push(Group { c: result.c, members: vec![result] }),
        }
    }
    groups.sort_by(|a, b| a.c.total_cmp(&b.c));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::finished;

    /// A sweep as on MNIST, with a nat or so of noise between seeds.
    fn sweep(seeds: u64) -> Vec<MemberResult> {
        let row = |c, seed: u64, [reconstruction, kl, nll, near, accuracy]: [f64; 5]| {
            let noise = [0.0, 0.3, -0.2][seed as usize];
            finished(c, seed, |result| {
                result.test.reconstruction = reconstruction + noise;
                result.test.kl = kl;
                result.diagnostics.iwae_nll = nll + noise;
                result.diagnostics.prior_near_data = near;
                result.diagnostics.knn_accuracy = Some(accuracy + 0.01 * noise);
            })
        };
        (0..seeds)
            .flat_map(|seed| {
                [
                    row(0.0, seed, [144.7, 308.0, 451.0, 0.3, 0.71]),
                    row(0.02, seed, [144.0, 28.0, 170.0, 0.5, 0.77]),
                    row(1.0, seed, [145.8, 5.9, 149.6, 0.95, 0.74]),
                    // By the noise, sometimes ahead of c = 1 and sometimes behind.
                    row(2.0, seed, [146.7, 5.0, 149.75 - 0.1 * seed as f64, 0.95, 0.73]),
                    row(20.0, seed, [191.0, 0.6, 191.0, 0.96, 0.31]),
                ]
            })
            .collect()
    }

    fn recommended(members: &[MemberResult]) -> Recommendation {
        recommend(&groups(members.iter()), Some(10_000))
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
    fn a_prior_that_decodes_to_nothing_known_is_not_for_generating() {
        let mut members = sweep(1);
        for member in &mut members {
            if member.c == 1.0 {
                member.diagnostics.prior_near_data = 0.5;
            }
        }
        assert_eq!(recommended(&members).generate.coefficients, [2.0]);
        for member in &mut members {
            member.diagnostics.prior_near_data = 0.5;
        }
        let generate = &recommended(&members).generate;
        assert_eq!(generate.coefficients, [1.0]);
        assert!(generate.reason.starts_with("Of no coefficient"), "{}", generate.reason);
    }

    #[test]
    fn without_labels_information_decides_and_at_its_limit_the_kl() {
        let mut members = sweep(1);
        for member in &mut members {
            member.diagnostics.knn_accuracy = None;
            // ln 10,000 = 9.21.
            member.diagnostics.mutual_information = if member.c < 0.5 { 9.2 } else { 4.0 };
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
