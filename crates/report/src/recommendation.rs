//! Which coefficient to keep for which purpose: what the rule of [`verdict`](crate::verdict) says, in words and numbers.

use record::Group;
use serde::Serialize;

use crate::evidence::{ByCoefficient, Evidence};
use crate::format;
use crate::rate_distortion::{Point, hull};
use crate::verdict::{
    Budget, Compared, CrossObjectives, Decision, OutOfReach, PairedLosses, Reading, Reservations, TwoWayMean,
    Verdict, decide, read_off,
};

const GENERATE: &str = "the lowest −log p(x) on the images that choose. Two coefficients differ where the interval of their paired \
     difference, over seeds and images, leaves out 0 with 95 % for all pairs together; they are as good where it is within the \
     margin. Of those as good the greatest is named; where it is undecided, none is";
const COMPRESS: &str = "a budget decides: the coefficient at that rate (--rate) or distortion (--distortion) on the convex hull of the \
     curve. Without one no point of the curve is better than another; c = 0, which sets the rate no limit, is not on it";
const REPRESENT: &str = "the fewest images that choose whose class a multinomial logistic probe misses, on the means of the posteriors; \
     by the same tests as above. Without labels nothing is named: information alone grows the smaller c is";

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
///
/// `floor`: the entropy of the grey pixels, below which no distortion falls.
pub fn recommend(evidence: &Evidence, budget: Option<Budget>, floor: Option<f64>) -> Recommendation {
    let generate = generate(evidence);
    let compress = compress(evidence, budget, floor);
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

fn generate(evidence: &Evidence) -> Purpose {
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

fn represent(evidence: &Evidence) -> Purpose {
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

/// How losses are said.
#[derive(Clone, Copy)]
enum Shown {
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
        let leader_first = |mut coefficients: Vec<f64>| {
            coefficients.sort_by(f64::total_cmp);
            coefficients
        };
        let undecided = match decision.undecided.as_slice() {
            [] => Vec::new(),
            others => leader_first([&[decision.leader], others].concat()),
        };
        let as_good: Vec<f64> = match decision.named {
            Some(named) => {
                let contenders = [&[decision.leader], decision.as_good.as_slice()].concat();
                leader_first(contenders.into_iter().filter(|&c| c != named).collect())
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
fn margin_of_loss(evidence: &Evidence, losses: &PairedLosses) -> f64 {
    let means = (0..losses.coefficients().len()).map(|at| losses.mean(at).mean);
    evidence.margin.loss * means.fold(f64::INFINITY, f64::min).abs()
}

/// In their order, each once.
fn distinct(coefficients: Vec<f64>) -> Vec<f64> {
    let mut distinct = Vec::with_capacity(coefficients.len());
    for c in coefficients {
        if !distinct.contains(&c) {
            distinct.push(c);
        }
    }
    distinct
}

fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
}

fn all(coefficients: &[f64]) -> String {
    format!("c = {}", format::listed(coefficients))
}

/// A decision in words.
struct Words<'a> {
    decision: &'a Decision,
    shown: Shown,
    margin: f64,
    losses: &'a PairedLosses,
    evidence: &'a Evidence,
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

    fn reason(&self, reported: Option<&TwoWayMean>, reservations: &Reservations) -> String {
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
                let together = [&[decision.leader], decision.undecided.as_slice()].concat();
                format!(
                    "{who} {} apart, nor that they differ by less than {}: {} than c = {leader}.",
                    all(&sorted(together)),
                    shown.margin(*margin),
                    self.behind(&decision.undecided)
                )
            }
            Verdict::TrainLonger => {
                let short: Vec<f64> =
                    reservations.under_trained.iter().copied().filter(may_be_best).collect();
                format!(
                    "{} may be the best, and {} not trained to the end: on the training images another member does better by \
                     its own objective ({}). Train longer before anything is named.",
                    all(&short),
                    if short.len() == 1 { "is" } else { "are" },
                    who_beats(evidence.on_training.as_ref(), &short)
                )
            }
            Verdict::BudgetNeeded | Verdict::Unknown => String::new(),
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
                Some(needed) => format!("About {} seeds would tell.", format::count(needed)),
                None if seeds == 1 => {
                    "What another seed would give is not known: train with several, for example seeds = [0, 1, 2, 3, 4]."
                        .into()
                }
                None => format!("More seeds alone would not tell: {images} images are too few to choose by."),
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
    fn sentence(&self, to: &str, reported: Option<&TwoWayMean>) -> String {
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
                let together = sorted([&[decision.leader], decision.undecided.as_slice()].concat());
                let means: Vec<String> =
                    together.iter().filter_map(|&c| known(c)).map(|loss| shown.bare(&loss)).collect();
                let unit = match shown {
                    Shown::Nats(name) => format!("{name} {} nats", means.join(", ")),
                    Shown::Accuracy => format!("{} %", means.join(", ")),
                };
                format!("{to}, {} cannot be told apart ({unit}).", all(&together))
            }
        }
    }

    fn numbers(&self, reservations: &Reservations) -> Vec<Number> {
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

fn sorted(mut coefficients: Vec<f64>) -> Vec<f64> {
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

fn compress(evidence: &Evidence, budget: Option<Budget>, floor: Option<f64>) -> Purpose {
    let limited = |losses: &ByCoefficient| -> ByCoefficient {
        losses.iter().filter(|group| group.c > 0.0).cloned().collect()
    };
    let of = |losses: &ByCoefficient| PairedLosses::new(&limited(losses));
    let curve = of(&evidence.choose.kl).zip(of(&evidence.choose.reconstruction));
    let purpose = |answer: Answer, coefficients: Vec<f64>, numbers: Vec<Number>, sentence: String| Purpose {
        key: "compress",
        title: "To compress",
        answer,
        coefficients,
        rule: COMPRESS,
        numbers,
        sentence,
    };
    let Some((rate, distortion)) = curve else {
        let reason = "No curve of rate and distortion is recorded of coefficients above 0.";
        let sentence = format!("To compress, nothing can be said: {}", lower_first(reason));
        return purpose(Answer::without(Verdict::Unknown, reason), Vec::new(), Vec::new(), sentence);
    };
    let numbers = curve_numbers(evidence, &rate, &distortion, floor);
    let lossless = lossless(evidence);
    let Some(budget) = budget else {
        let reason = format!("{}{lossless}", no_best(&rate, &distortion));
        let sentence = "To compress, name a budget: no point of the curve is best without one.".to_string();
        return purpose(Answer::without(Verdict::BudgetNeeded, reason), Vec::new(), numbers, sentence);
    };
    let (spends, nats) = match budget {
        Budget::Rate(nats) => ("rate", nats),
        Budget::Distortion(nats) => ("distortion", nats),
    };
    let asked = format!("{} nats of {spends}", format::number(nats, 2));
    match read_off(budget, &rate, &distortion) {
        Ok(reading) => {
            let Reading { c, interval: [low, high], between: [below, above], rate: at_rate, distortion: at } =
                reading;
            let c_text = format::significant(c);
            let seeds = if rate.seeds() > 1 {
                format!("over {} seeds and {} images", rate.seeds(), format::count(rate.images()))
            } else {
                format!("over {} images of one training run", format::count(rate.images()))
            };
            let reason = format!(
                "{asked} are spent at c = {c_text}, 95 % interval {} to {} {seeds}: there the convex hull has {} nats of rate \
                 and {} of distortion, between the trained c = {} and c = {}.{lossless}",
                format::significant(low),
                format::significant(high),
                format::number(at_rate, 2),
                format::number(at, 2),
                format::coefficient(below),
                format::coefficient(above)
            );
            let verdict = if rate.seeds() > 1 { Verdict::Choice } else { Verdict::Leading };
            let answer =
                Answer { c: Some(c), interval: Some([low, high]), ..Answer::without(verdict, reason) };
            let sentence = format!("To compress to {asked}, take c = {c_text}.");
            purpose(answer, distinct(vec![below, above]), numbers, sentence)
        }
        Err(why) => {
            let reason = match why {
                OutOfReach::NoCurve => "A curve needs two coefficients above 0.".to_string(),
                OutOfReach::Beyond { ends: [low, high] } => format!(
                    "No trained coefficient spends {asked}: the curve goes from {} to {} nats. Train others beyond that end.",
                    format::number(low, 2),
                    format::number(high, 2)
                ),
            };
            let sentence = format!("To compress to {asked}, no coefficient of this sweep will do.");
            purpose(Answer::without(Verdict::Unknown, reason), Vec::new(), numbers, sentence)
        }
    }
}

/// What there is to say of the curve where no budget is.
fn no_best(rate: &PairedLosses, distortion: &PairedLosses) -> String {
    let points: Vec<Point> = (rate.coefficients().iter().enumerate())
        .map(|(at, &c)| Point { c, rate: rate.mean(at).mean, distortion: distortion.mean(at).mean })
        .collect();
    let general = "The curve has no best point without a budget, and a knee would be that of the list of coefficients: name a \
                   rate with --rate or a distortion with --distortion.";
    let curve = hull(&points);
    let [first, .., last] = curve[..] else { return general.to_string() };
    let price = (last.distortion - first.distortion) / (first.rate - last.rate);
    let distance = |c: f64| (c / price).ln().abs();
    let nearest = curve.iter().map(|point| point.c).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    let nearest = nearest.map_or(String::new(), format::coefficient);
    format!(
        "{general} Between the ends of the list the average price is {} nats of distortion a nat of rate; c = {nearest} is the \
         tested value nearest it.",
        format::number(price, 2)
    )
}

/// Which coefficient compresses without loss.
fn lossless(evidence: &Evidence) -> String {
    let Some(losses) = PairedLosses::new(&evidence.choose.elbo_loss) else { return String::new() };
    let margin = margin_of_loss(evidence, &losses);
    let reservations = Reservations { under_trained: evidence.under_trained(), bounded: Vec::new() };
    let Some(decision) = decide(&losses, margin, &reservations) else { return String::new() };
    let shown = Shown::Nats("rate + distortion");
    let words = Words { decision: &decision, shown, margin, losses: &losses, evidence };
    format!(
        " Without loss (bits-back coding) an image costs rate + distortion, the ELBO loss, of which c = 1 is the optimum by \
         definition. {}",
        words.sentence("On the images that choose", None)
    )
}

/// Rate, distortion and their sum of every coefficient.
fn curve_numbers(
    evidence: &Evidence,
    rate: &PairedLosses,
    distortion: &PairedLosses,
    floor: Option<f64>,
) -> Vec<Number> {
    let shown = |mean: &TwoWayMean| {
        format!("{} ± {}", format::number(mean.mean, 2), format::number(mean.half_width(0.05), 2))
    };
    let column = |label: &str, losses: &PairedLosses, less: f64| -> Vec<Number> {
        let number = |(at, &c): (usize, &f64)| {
            let mean = losses.mean(at);
            let mean = TwoWayMean { mean: mean.mean - less, ..mean };
            Number { c, label: label.into(), value: shown(&mean) }
        };
        losses.coefficients().iter().enumerate().map(number).collect()
    };
    let elbo: ByCoefficient =
        evidence.choose.elbo_loss.iter().filter(|group: &&Group<_>| group.c > 0.0).cloned().collect();
    let mut numbers = column("rate (nats)", rate, 0.0);
    numbers.extend(column("distortion (nats)", distortion, 0.0));
    numbers.extend(floor.map(|floor| column("above the floor", distortion, floor)).unwrap_or_default());
    numbers.extend(PairedLosses::new(&elbo).map(|sum| column("sum", &sum, 0.0)).unwrap_or_default());
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::PartEvidence;

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
        let Recommendation { headline, generate, caveat, .. } = recommend(&evidence, None, None);
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
        let recommendation = recommend(&evidence, None, None);
        let answer = &recommendation.generate.answer;
        assert_eq!((answer.verdict, answer.c), (Verdict::Undecided, None));
        assert_eq!(answer.undecided, [1.0, 2.0]);
        let needed = answer.seeds_needed.expect("seeds would tell");
        assert!(answer.reason.contains(&format!("About {needed} seeds would tell.")), "{}", answer.reason);
        assert!(answer.reason.starts_with("3 seeds cannot tell c = 1 and 2 apart"), "{}", answer.reason);
        assert!(recommendation.headline.contains("c = 1 and 2 cannot be told apart (−log p(x) 11."));
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
        let Purpose { answer, coefficients, .. } = recommend(&evidence, None, None).represent;
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
        let Recommendation { headline, caveat, generate, .. } = recommend(&evidence, None, None);
        assert_eq!((generate.answer.verdict, generate.answer.c), (Verdict::Leading, Some(1.0)));
        assert!(headline.contains("c = 1 leads on one training run"), "{headline}");
        assert!(generate.answer.reason.contains("What another seed would give is not known"));
        assert!(caveat.is_some_and(|text| text.contains("seeds = [0, 1, 2, 3, 4]")));
    }

    #[test]
    fn without_labels_nothing_is_named_to_represent() {
        let nll = losses(&[(1.0, &[10.0, 11.0]), (2.0, &[13.0, 14.0])]);
        let evidence = evidence(2, PartEvidence { nll, ..PartEvidence::default() });
        let answer = recommend(&evidence, None, None).represent.answer;
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
        let evidence = evidence(2, part);
        let compress = |budget| recommend(&evidence, budget, Some(45.5)).compress;
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
        assert_eq!(found.verdict, Verdict::Choice);
        let beyond = compress(Some(Budget::Rate(50.0))).answer;
        assert_eq!((beyond.verdict, beyond.c), (Verdict::Unknown, None));
        assert!(beyond.reason.contains("the curve goes from 1.0"), "{}", beyond.reason);
    }

    #[test]
    fn without_members_nothing_is_known() {
        let recommendation = recommend(&Evidence::default(), None, None);
        let (headline, purposes) = (&recommendation.headline, recommendation.purposes());
        assert!(headline.starts_with("No member is finished"), "{headline}");
        assert!(purposes.iter().all(|purpose| purpose.answer.verdict == Verdict::Unknown));
    }
}
