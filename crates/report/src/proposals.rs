//! Which coefficients to try next.

use record::{Group, MemberResult, Quantity};
use serde::Serialize;

use crate::format;
use crate::rate_distortion::{Gap, Point, front, gaps};
use crate::recommendation::{Purpose, Recommendation};

/// Gaps of the rate-distortion curve that are named at most.
const MOST_GAPS: usize = 2;

/// A gap is named where the curve may lie deeper in it than this share of the distortion that it spans.
const LEAST_DEPTH: f64 = 0.02;

/// From a coefficient at the end of the list, the next one outwards: half a decade, as on a grid of 1, 3, 10, 30.
const OUTWARDS: f64 = 3.0;

/// A coefficient to try, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    /// The coefficient, rounded to two digits.
    pub c: f64,
    /// Why.
    pub reason: String,
}

/// The coefficients to try next: where the rate-distortion curve bends and has no point, and beyond the ends of the list
/// where the best for a purpose is the last one.
pub fn proposals(groups: &[Group<&MemberResult>], recommendation: &Recommendation) -> Vec<Proposal> {
    let points: Vec<Point> = groups
        .iter()
        .filter(|group| group.c > 0.0)
        .filter_map(|group| {
            let rate = group.spread(Quantity::named("kl").value)?.mean;
            let distortion = group.spread(Quantity::named("reconstruction").value)?.mean;
            Some(Point { c: group.c, rate, distortion })
        })
        .collect();
    let curve = front(&points);
    let span = match curve[..] {
        [first, .., last] => last.distortion - first.distortion,
        _ => 0.0,
    };
    let of_gaps = gaps(&points)
        .into_iter()
        .filter(|gap| gap.depth > LEAST_DEPTH * span)
        .take(MOST_GAPS)
        .map(|Gap { between: [low, high], c, depth }| Proposal {
            c: round_to_two_digits(c),
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
                    c: round_to_two_digits(beyond),
                    reason: format!(
                        "The best coefficient to {} is the {which} above 0, {}: what lies beyond may be better.",
                        best.join(" and to "),
                        format::coefficient(end)
                    ),
                })
            },
        )
    });
    of_gaps.chain(of_ends.flatten()).collect()
}

fn round_to_two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().expect("a number that was written reads back")
}

#[cfg(test)]
mod tests {
    use super::*;
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
            finished(c, 0, |result| {
                (result.test.reconstruction, result.test.kl) = (reconstruction, kl);
                let choose = &mut result.diagnostics.choose;
                choose.nll.as_mut().unwrap().mean = (reconstruction + kl).into();
                choose.knn_accuracy = Some(if c == 0.02 { 0.9 } else { 0.5 }.into());
            })
        });
        let groups = by_coefficient(members.iter().map(|member| (member.c, member)));
        let found = proposals(&groups, &recommend(&groups, None));
        // 44.3 nats of distortion over 4.4 of rate.
        assert_eq!(found[0].c, 10.0);
        assert!(found[0].reason.contains("Between c = 2 and c = 20"), "{}", found[0].reason);
        let end = found.last().expect("there is one");
        assert_eq!(end.c, 0.0067);
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
        assert_eq!(proposals(&groups, &recommend(&groups, None)), []);
    }
}
