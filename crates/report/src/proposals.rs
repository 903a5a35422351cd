//! Which coefficients to try next.

use record::{Group, MemberResult, Quantity};
use serde::Serialize;

use crate::evidence::Evidence;
use crate::format;
use crate::rate_distortion::{Gap, Point, gaps, hull};
use crate::recommendation::{Purpose, Recommendation, who_beats};

/// Gaps of the rate-distortion curve that are named at most.
const MOST_GAPS: usize = 2;

/// A gap is named where the curve may lie deeper in it than this share of the distortion that it spans.
const LEAST_DEPTH: f64 = 0.02;

/// From a coefficient at the end of the list, the next one outwards: half a decade, as on a grid of 1, 3, 10, 30.
const OUTWARDS: f64 = 3.0;

/// Something to try, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// What, in a word or two.
    pub action: String,
    /// Why.
    pub reason: String,
}

/// What to try next: a longer training where a member is short of its optimum, coefficients where the rate-distortion curve
/// bends and has no point, and beyond the ends of the list where the best for a purpose is the last one.
pub fn proposals(
    groups: &[Group<&MemberResult>],
    evidence: &Evidence,
    recommendation: &Recommendation,
) -> Vec<Proposal> {
    let under_trained = evidence.under_trained();
    let longer = (!under_trained.is_empty()).then(|| Proposal {
        action: "more epochs".into(),
        reason: format!(
            "On the training images, {}, each by the loser's own objective, which cannot be at an optimum: the training was too \
             short.",
            who_beats(evidence.on_training.as_ref(), &under_trained)
        ),
    });
    let points: Vec<Point> = groups
        .iter()
        .filter(|group| group.c > 0.0)
        .filter_map(|group| {
            let rate = group.spread(Quantity::named("kl").value)?.mean;
            let distortion = group.spread(Quantity::named("reconstruction").value)?.mean;
            Some(Point { c: group.c, rate, distortion })
        })
        .collect();
    let curve = hull(&points);
    let span = match curve[..] {
        [first, .., last] => last.distortion - first.distortion,
        _ => 0.0,
    };
    let of_gaps = gaps(&points)
        .into_iter()
        .filter(|gap| gap.depth > LEAST_DEPTH * span)
        .take(MOST_GAPS)
        .map(|Gap { between: [low, high], c, depth }| Proposal {
            action: coefficient(c),
            reason: format!(
                "Between c = {} and c = {} the rate-distortion curve bends and has no point: it may lie up to {depth:.1} nats \
                 below the line between them.",
                format::coefficient(low),
                format::coefficient(high)
            ),
        });

    let positive: Vec<f64> = groups.iter().map(|group| group.c).filter(|&c| c > 0.0).collect();
    let ends = positive.first().zip(positive.last()).filter(|(lowest, highest)| lowest < highest);
    let of_ends = ends.into_iter().flat_map(|(&lowest, &highest)| {
        [(lowest, lowest / OUTWARDS, "smallest"), (highest, highest * OUTWARDS, "greatest")].map(
            |(end, beyond, which)| {
                let best_at_end = |purpose: &&Purpose| purpose.coefficients.first() == Some(&end);
                let purposes = recommendation.purposes().into_iter();
                let best: Vec<&str> = purposes.filter(best_at_end).map(|purpose| purpose.key).collect();
                (!best.is_empty()).then(|| Proposal {
                    action: coefficient(beyond),
                    reason: format!(
                        "The best coefficient to {} is the {which} above 0, {}: what lies beyond may be better.",
                        best.join(" and to "),
                        format::coefficient(end)
                    ),
                })
            },
        )
    });
    longer.into_iter().chain(of_gaps).chain(of_ends.flatten()).collect()
}

/// Rounded to two digits.
fn coefficient(c: f64) -> String {
    let rounded = format!("{c:.1e}").parse().unwrap_or(c);
    format!("c = {}", format::coefficient(rounded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::PartEvidence;
    use crate::recommendation::recommend;
    use record::by_coefficient;
    use record::for_tests::finished;

    #[test]
    fn the_bend_without_a_point_and_the_end_that_is_best_are_named() {
        let rows = [
            (0.0, 145.0, 300.0),
            (0.02, 144.0, 28.0),
            (1.0, 145.8, 5.9),
            (2.0, 146.7, 5.0),
            (20.0, 191.0, 0.6),
        ];
        let members = rows.map(|(c, reconstruction, kl)| {
            finished(c, 0, |result| (result.test.reconstruction, result.test.kl) = (reconstruction, kl))
        });
        let groups = by_coefficient(members.iter().map(|member| (member.c, member)));
        // One image of ten is missed at 0.02, five at the others; the seeds agree.
        let wrong = |c: f64| (0..10).map(|image| f32::from(image < if c == 0.02 { 1 } else { 5 })).collect();
        let evidence = Evidence {
            seeds: vec![0, 1],
            choose: PartEvidence {
                probe_wrong: by_coefficient(rows.iter().flat_map(|&(c, ..)| [(c, wrong(c)), (c, wrong(c))])),
                ..PartEvidence::default()
            },
            ..Evidence::default()
        };
        let found = proposals(&groups, &evidence, &recommend(&evidence, None));
        // 44.3 nats of distortion over 4.4 of rate.
        assert_eq!(found[0].action, "c = 10");
        assert!(found[0].reason.contains("Between c = 2 and c = 20"), "{}", found[0].reason);
        let end = found.last().expect("there is one");
        assert_eq!(end.action, "c = 0.0067");
        assert!(
            end.reason.contains("best coefficient to represent is the smallest above 0, 0.02"),
            "{}",
            end.reason
        );
    }

    #[test]
    fn a_single_coefficient_gives_no_reason_for_another() {
        let members = [finished(1.0, 0, |_| ())];
        let groups = by_coefficient(members.iter().map(|member| (member.c, member)));
        let nothing = Evidence::default();
        assert_eq!(proposals(&groups, &nothing, &recommend(&nothing, None)), []);
    }
}
