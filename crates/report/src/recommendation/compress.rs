//! Compression, which asks for a budget.

use record::Group;

use crate::evidence::{ByCoefficient, Evidence};
use crate::format;
use crate::rate_distortion::{Point, hull};
use crate::recommendation::decided::{distinct, margin_of_loss};
use crate::recommendation::words::{Shown, Words, all, left_short, lower_first};
use crate::recommendation::{Answer, Number, Purpose};
use crate::verdict::{
    Budget, OutOfReach, PairedLosses, Reading, Reservations, TwoWayMean, Verdict, decide, read_off,
};

const COMPRESS: &str = "a budget decides: the coefficient at that rate (--rate) or distortion (--distortion) on the convex hull of the \
     curve. Without one no point of the curve is better than another; c = 0, which sets the rate no limit, is not on it";

/// Neighbours whose coefficients are more than so many times each other are far from each other: what is read off between them may
/// be off by a third and more.
const COARSE: f64 = 3.0;

pub fn compress(evidence: &Evidence, budget: Option<Budget>) -> Purpose {
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
    let numbers = curve_numbers(evidence, &rate, &distortion);
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
            let short: Vec<f64> =
                evidence.under_trained().into_iter().filter(|short| [below, above].contains(short)).collect();
            if !short.is_empty() {
                let reason = format!(
                    "{asked} are spent between c = {} and c = {}, and {} {}. Train longer before a coefficient is named.{lossless}",
                    format::coefficient(below),
                    format::coefficient(above),
                    all(&short),
                    left_short(evidence, &short)
                );
                let sentence = format!("To compress to {asked}, train longer before a coefficient is named.");
                return purpose(
                    Answer::without(Verdict::TrainLonger, reason),
                    distinct(vec![below, above]),
                    numbers,
                    sentence,
                );
            }
            let c_text = format::significant(c);
            let seeds = if rate.seeds() > 1 {
                format!("over {} seeds and {} images", rate.seeds(), format::count(rate.images()))
            } else {
                format!("over {} images of one training run", format::count(rate.images()))
            };
            let coarse = if above > COARSE * below {
                format!(
                    " They are far from each other: train c = {c_text}, or others between them, before it is relied upon."
                )
            } else {
                String::new()
            };
            let reason = format!(
                "{asked} are spent at c = {c_text}, read off between the trained c = {} and c = {}, with {} nats of rate and {} of \
                 distortion there as of a linear decoder. The noise {seeds} leaves {} to {} with 95 %; how far a linear decoder is from \
                 this one is not in it.{coarse}{lossless}",
                format::coefficient(below),
                format::coefficient(above),
                format::number(at_rate, 2),
                format::number(at, 2),
                format::significant(low),
                format::significant(high)
            );
            let verdict = if rate.seeds() > 1 { Verdict::ReadOff } else { Verdict::Leading };
            let answer =
                Answer { c: Some(c), interval: Some([low, high]), ..Answer::without(verdict, reason) };
            let sentence = format!("To compress to {asked}, take c = {c_text}.");
            purpose(answer, distinct(vec![below, above]), numbers, sentence)
        }
        Err(why) => {
            let (verdict, reason) = match why {
                OutOfReach::NoCurve => {
                    (Verdict::Unknown, "A curve needs two coefficients above 0.".to_string())
                }
                OutOfReach::OutOfOrder { between: [greater, less] } => (
                    Verdict::TrainLonger,
                    format!(
                        "Where {asked} are spent, c = {} has a higher rate than c = {}: they cannot both be at their optimum. \
                         Train longer, or with more seeds.",
                        format::coefficient(greater),
                        format::coefficient(less)
                    ),
                ),
                OutOfReach::Beyond { ends: [low, high] } => (
                    Verdict::Unknown,
                    format!(
                        "No trained coefficient spends {asked}: the curve goes from {} to {} nats. Train others beyond that end.",
                        format::number(low, 2),
                        format::number(high, 2)
                    ),
                ),
            };
            let sentence = format!("To compress to {asked}, no coefficient of this sweep will do.");
            purpose(Answer::without(verdict, reason), Vec::new(), numbers, sentence)
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
    let means = match (evidence.is_discrete, evidence.floor.is_some()) {
        (true, _) => "Without loss (bits-back coding) an image costs rate + distortion, the ELBO loss",
        (false, true) => {
            "Rate + distortion, the ELBO loss, is what an image of zeros and ones would cost without loss (bits-back coding), and of \
             grey levels a score"
        }
        // Of a density the loss is the cost of nothing.
        (false, false) => return String::new(),
    };
    let Some(losses) = PairedLosses::new(&evidence.choose.elbo_loss) else { return String::new() };
    let margin = margin_of_loss(evidence, &losses);
    let reservations = Reservations { under_trained: evidence.under_trained(), bounded: Vec::new() };
    let Some(decision) = decide(&losses, margin, &reservations) else { return String::new() };
    let shown = Shown::Nats("rate + distortion");
    let words = Words { decision: &decision, shown, margin, losses: &losses, evidence };
    format!(
        " {means}; c = 1 is the optimum of it by definition. {}",
        words.sentence("On the images that choose", None)
    )
}

/// Rate, distortion and their sum of every coefficient.
fn curve_numbers(evidence: &Evidence, rate: &PairedLosses, distortion: &PairedLosses) -> Vec<Number> {
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
    numbers
        .extend(evidence.floor.map(|floor| column("above the floor", distortion, floor)).unwrap_or_default());
    numbers.extend(PairedLosses::new(&elbo).map(|sum| column("sum", &sum, 0.0)).unwrap_or_default());
    numbers
}
