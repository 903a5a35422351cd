//! A decision in words.

use crate::evidence::Evidence;
use crate::format;
use crate::recommendation::Number;
use crate::verdict::{Compared, CrossObjectives, Decision, PairedLosses, Reservations, TwoWayMean, Verdict};

/// How losses are said.
#[derive(Clone, Copy)]
pub enum Shown {
    /// As they are, by this name.
    Nats(&'static str),
    /// As the share of images that are not lost, in percent.
    Accuracy,
}

impl Shown {
    fn label(self) -> String {
        match self {
            Self::Nats(name) => format!("{name} (nats)"),
            Self::Accuracy => "probe accuracy (%)".into(),
        }
    }

    /// A mean and half its interval, without its unit.
    fn bare(self, loss: &TwoWayMean) -> String {
        let half = loss.half_width(0.05);
        match self {
            Self::Nats(_) => format!("{} ± {}", format::number(loss.mean, 2), format::number(half, 2)),
            Self::Accuracy => {
                format!(
                    "{} ± {}",
                    format::number(100.0 * (1.0 - loss.mean), 1),
                    format::number(100.0 * half, 1)
                )
            }
        }
    }

    fn mean(self, loss: &TwoWayMean) -> String {
        match self {
            Self::Nats(name) => format!("{name} {} nats", self.bare(loss)),
            Self::Accuracy => format!("the probe finds {} % of the classes", self.bare(loss)),
        }
    }

    /// How far a coefficient is behind the leader, with its interval of 95 %.
    fn behind(self, difference: &TwoWayMean) -> String {
        let (factor, digits, unit) = match self {
            Self::Nats(_) => (1.0, 2, "nats more"),
            Self::Accuracy => (100.0, 1, "points less"),
        };
        let [low, high] = difference.interval();
        let [mean, low, high] =
            [difference.mean, low, high].map(|value| format::number(factor * value, digits));
        format!("{mean} {unit} ({low} to {high})")
    }

    fn margin(self, margin: f64) -> String {
        match self {
            Self::Nats(_) => format!("{} nats", format::number(margin, 2)),
            Self::Accuracy => format!("{} points", format::number(100.0 * margin, 1)),
        }
    }
}

pub fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}

pub fn all(coefficients: &[f64]) -> String {
    format!("c = {}", format::listed(coefficients))
}

/// A decision in words.
pub struct Words<'a> {
    pub decision: &'a Decision,
    pub shown: Shown,
    pub margin: f64,
    pub losses: &'a PairedLosses,
    pub evidence: &'a Evidence,
}

/// What there is to say of coefficients that training left short of their optimum.
pub fn left_short(evidence: &Evidence, short: &[f64]) -> String {
    format!(
        "{} not trained to the end: on the training images another member does better by its own objective ({})",
        if short.len() == 1 { "is" } else { "are" },
        who_beats(evidence.on_training.as_ref(), short)
    )
}

impl Words<'_> {
    fn of(&self, c: f64) -> Option<&Compared> {
        self.decision.coefficients.iter().find(|compared| compared.c == c)
    }

    /// How far coefficients are behind the leader.
    fn behind(&self, coefficients: &[f64]) -> String {
        let of = |&c: &f64| {
            let behind = self.of(c)?.behind?;
            Some(format!("c = {} has {}", format::coefficient(c), self.shown.behind(&behind)))
        };
        coefficients.iter().filter_map(of).collect::<Vec<_>>().join(", ")
    }

    /// The one nearest to the leader of those that are worse.
    fn next(&self) -> Option<f64> {
        let worse = self.decision.coefficients.iter().filter(|compared| compared.worse);
        let by_difference =
            |compared: &&Compared| compared.behind.map_or(f64::INFINITY, |behind| behind.mean);
        worse.min_by(|a, b| by_difference(a).total_cmp(&by_difference(b))).map(|compared| compared.c)
    }

    pub fn reason(&self, reported: Option<&TwoWayMean>, reservations: &Reservations) -> String {
        let Self { decision, shown, margin, losses, evidence } = self;
        let (seeds, images) = (losses.seeds(), format::count(losses.images()));
        let leader = format::coefficient(decision.leader);
        let may_be_best =
            |c: &f64| *c == decision.leader || decision.as_good.contains(c) || decision.undecided.contains(c);
        let next = self.next().map_or(String::new(), |next| {
            format!(" {} than c = {leader}, all pairs tested together.", self.behind(&[next]))
        });
        let mut sentences = vec![match decision.verdict {
            Verdict::Choice => format!(
                "On {seeds} seeds and {images} images, c = {leader} is better than every other coefficient: the next,{next}"
            ),
            Verdict::AsGood => {
                let mut contenders = decision.as_good.clone();
                contenders.push(decision.leader);
                contenders.sort_by(f64::total_cmp);
                format!(
                    "{} differ by less than the margin of {}: {} than c = {leader}. The greatest of them is named: as good, at the \
                     lowest rate.",
                    all(&contenders),
                    shown.margin(*margin),
                    self.behind(&decision.as_good)
                )
            }
            Verdict::Leading => {
                format!(
                    "On this one training run, over {images} images, c = {leader} is ahead of every other coefficient:{next}"
                )
            }
            Verdict::Undecided => {
                let who = if seeds == 1 {
                    "Even on the images of this one training run, nobody can tell".to_string()
                } else {
                    format!("{seeds} seeds cannot tell")
                };
                format!(
                    "{who} {} from c = {leader}, nor that they differ by less than {}: {} than c = {leader}.",
                    all(&decision.undecided),
                    shown.margin(*margin),
                    self.behind(&decision.undecided)
                )
            }
            Verdict::TrainLonger => {
                let short: Vec<f64> =
                    reservations.under_trained.iter().copied().filter(may_be_best).collect();
                format!(
                    "{} may be the best, and {}. Train longer before anything is named.",
                    all(&short),
                    left_short(evidence, &short)
                )
            }
            Verdict::ReadOff | Verdict::BudgetNeeded | Verdict::Unknown => String::new(),
        }];
        if decision.verdict == Verdict::Undecided {
            let bounded: Vec<f64> =
                decision.undecided.iter().copied().filter(|c| reservations.bounded.contains(c)).collect();
            if !bounded.is_empty() {
                sentences.push(format!(
                    "Of {} there is an upper bound only, which rules nothing out.",
                    all(&bounded)
                ));
            }
            sentences.push(match decision.seeds_needed {
                Some(needed) => {
                    format!("If the differences are what they were here, {} seeds or more would tell.", format::count(needed))
                }
                None if seeds == 1 => {
                    "What another seed would give is not known: train with several, for example seeds = [0, 1, 2, 3, 4]."
                        .into()
                }
                None if !bounded.is_empty() => "More seeds would not tell.".into(),
                None => format!(
                    "More seeds alone would not tell: {images} images are too few to choose by, or a difference is all but the margin."
                ),
            });
        }
        if decision.verdict == Verdict::Leading {
            sentences.push(
                "What another seed would give is not known: train with several, for example seeds = [0, 1, 2, 3, 4].".into(),
            );
        }
        if let Some(reported) = reported {
            let named = decision.named.map_or(String::new(), format::coefficient);
            sentences.push(format!(
                "On the images that chose nothing, {} for c = {named}, with 95 %.",
                shown.mean(reported)
            ));
        }
        let improving: Vec<f64> = evidence.still_improving.iter().copied().filter(may_be_best).collect();
        if !improving.is_empty() && decision.verdict != Verdict::TrainLonger {
            sentences.push(format!(
                "For {}, training was still improving when it stopped: what is said holds for networks trained as long as these.",
                all(&improving)
            ));
        }
        let overfitted: Vec<f64> = evidence
            .on_choosing
            .iter()
            .flat_map(|cross| &cross.beaten)
            .map(|beaten| beaten.c)
            .filter(|c| may_be_best(c) && !reservations.under_trained.contains(c))
            .collect();
        if !overfitted.is_empty() {
            sentences.push(format!(
                "On the images that choose, though not on the training images, {} {} beaten by {} own objective ({}): it has \
                 overfitted.",
                all(&overfitted),
                if overfitted.len() == 1 { "is" } else { "are" },
                if overfitted.len() == 1 { "its" } else { "their" },
                who_beats(evidence.on_choosing.as_ref(), &overfitted)
            ));
        }
        sentences.join(" ")
    }

    /// What the headline says of the purpose.
    pub fn sentence(&self, to: &str, reported: Option<&TwoWayMean>) -> String {
        let Self { decision, shown, .. } = self;
        let known = |c: f64| self.of(c).map(|compared| compared.loss);
        match (decision.verdict, decision.named) {
            (Verdict::Leading, Some(named)) => {
                let mean = known(named).map_or(String::new(), |loss| format!(" ({})", shown.mean(&loss)));
                format!("{to}, c = {} leads on one training run{mean}.", format::coefficient(named))
            }
            (_, Some(named)) => {
                let of_chosen = reported.copied().or(known(named));
                let mean = of_chosen.map_or(String::new(), |loss| format!(": {}", shown.mean(&loss)));
                let as_good = match decision.verdict {
                    Verdict::AsGood => ", of those as good the greatest",
                    _ => "",
                };
                format!("{to}, keep c = {}{as_good}{mean}.", format::coefficient(named))
            }
            (Verdict::TrainLonger, _) => {
                format!("{to}, nothing can be said before all members are trained to their end.")
            }
            _ => {
                let together = [&[decision.leader], decision.undecided.as_slice()].concat();
                let means: Vec<String> =
                    together.iter().filter_map(|&c| known(c)).map(|loss| shown.bare(&loss)).collect();
                let unit = match shown {
                    Shown::Nats(name) => format!("{name} {} nats", means.join(", ")),
                    Shown::Accuracy => format!("{} %", means.join(", ")),
                };
                format!(
                    "{to}, c = {} is ahead, and {} cannot be told from it ({unit}).",
                    format::coefficient(decision.leader),
                    all(&decision.undecided)
                )
            }
        }
    }

    pub fn numbers(&self, reservations: &Reservations) -> Vec<Number> {
        let Self { decision, shown, .. } = self;
        let behind_label = format!("behind c = {}", format::coefficient(decision.leader));
        let standing = |compared: &Compared| {
            let c = compared.c;
            if reservations.under_trained.contains(&c) {
                "too short"
            } else if reservations.bounded.contains(&c) {
                "a bound"
            } else if c == decision.leader {
                if decision.verdict == Verdict::Choice { "best" } else { "ahead" }
            } else if decision.as_good.contains(&c) {
                "as good"
            } else if decision.undecided.contains(&c) {
                "undecided"
            } else {
                "worse"
            }
        };
        let of = |compared: &Compared| {
            let c = compared.c;
            let behind = compared.behind.map(|behind| {
                let (factor, digits) = if matches!(shown, Shown::Accuracy) { (100.0, 1) } else { (1.0, 2) };
                let [low, high] = behind.interval().map(|end| format::number(factor * end, digits));
                Number { c, label: behind_label.clone(), value: format!("{low} to {high}") }
            });
            let loss = Number { c, label: shown.label(), value: shown.bare(&compared.loss) };
            let standing = Number { c, label: "found".into(), value: standing(compared).into() };
            [Some(loss), behind, Some(standing)].into_iter().flatten()
        };
        // By quantity, in the order of the columns.
        let mut numbers: Vec<Number> = decision.coefficients.iter().flat_map(of).collect();
        let columns = [shown.label(), behind_label, "found".to_string()];
        numbers.sort_by_key(|number| columns.iter().position(|label| *label == number.label));
        numbers
    }
}

pub fn sorted(mut coefficients: Vec<f64>) -> Vec<f64> {
    coefficients.sort_by(f64::total_cmp);
    coefficients
}

/// `c = 1 beats c = 0.02 by 0.16 nats`, of some that are beaten.
pub fn who_beats(cross: Option<&CrossObjectives>, beaten: &[f64]) -> String {
    let of = cross.iter().flat_map(|cross| &cross.beaten).filter(|found| beaten.contains(&found.c));
    of.map(|found| {
        format!(
            "c = {} beats c = {} by {} nats",
            format::coefficient(found.by),
            format::coefficient(found.c),
            format::number(found.difference.mean, 2)
        )
    })
    .collect::<Vec<_>>()
    .join(", ")
}
