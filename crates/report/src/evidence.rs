//! What decides between coefficients: losses of the same images under members of the same seeds, taken from the record.

use std::collections::BTreeSet;

use ndarray::Array1;
use record::{
    Group, HeldOut, ImageTerms, Losses, Margin, MemberResult, PartLosses, WarningKind, by_coefficient,
};

use crate::verdict::{CrossObjectives, cross_objectives};

/// Losses by coefficient, and of each coefficient by seed; all of the same images.
pub type ByCoefficient = Vec<Group<Vec<f32>>>;

/// The losses of the finished members.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The seeds that every coefficient has.
    pub seeds: Vec<u64>,
    /// On the images that decide.
    pub choose: PartEvidence,
    /// On the images that say what the chosen one is worth.
    pub report: PartEvidence,
    /// Who beats whom at its own coefficient on training images.
    pub on_training: Option<CrossObjectives>,
    /// The same on the images that decide.
    pub on_choosing: Option<CrossObjectives>,
    /// Coefficients of which `-log p(x)` is known as an upper bound only.
    pub bounded: Vec<f64>,
    /// Coefficients of which a member's training was still improving when it stopped.
    pub still_improving: Vec<f64>,
    /// The entropy of the grey levels of the images that decide, below which no distortion falls.
    pub floor: Option<f64>,
    /// Whether the likelihood is one of discrete values, of which a code without loss has a length.
    pub is_discrete: bool,
    /// Differences that do not matter.
    pub margin: Margin,
}

/// The losses on one part of the held-out images; empty where something was not measured of every member.
#[derive(Clone, Debug, Default)]
pub struct PartEvidence {
    /// `-log p(x)`, in nats.
    pub nll: ByCoefficient,
    /// 1 where the probe finds another class than the image's, else 0.
    pub probe_wrong: ByCoefficient,
    /// `-log p(x|z)`, in nats.
    pub reconstruction: ByCoefficient,
    /// In nats.
    pub kl: ByCoefficient,
    /// Their sum.
    pub elbo_loss: ByCoefficient,
}

/// A finished member with its losses.
pub type Measured<'a> = (&'a MemberResult, &'a Losses);

impl Evidence {
    /// Takes together what is known of finished members.
    ///
    /// Only seeds that every coefficient has can be paired: other members are left out.
    pub fn of(members: &[Measured<'_>], margin: Margin) -> Self {
        let groups = by_coefficient(members.iter().map(|&member| (member.0.c, member)));
        let seeds_of = |group: &Group<Measured<'_>>| -> BTreeSet<u64> {
            group.values.iter().map(|(result, _)| result.seed).collect()
        };
        let common = groups.iter().map(seeds_of).reduce(|a, b| &a & &b).unwrap_or_default();
        let groups: Vec<Group<Measured<'_>>> = groups
            .into_iter()
            .map(|group| {
                let mut values = group.values;
                values.retain(|(result, _)| common.contains(&result.seed));
                values.sort_by_key(|(result, _)| result.seed);
                Group { c: group.c, values }
            })
            .collect();
        if common.is_empty() {
            return Self { margin, ..Self::default() };
        }
        let is_bound = |(result, _): &Measured<'_>| {
            result.diagnostics.choose.nll.as_ref().is_some_and(|nll| nll.is_bound())
        };
        let improves = |(result, _): &Measured<'_>| {
            result.warnings.iter().any(|warning| warning.kind == WarningKind::StillImproving)
        };
        let with = |member: &dyn Fn(&Measured<'_>) -> bool| -> Vec<f64> {
            groups.iter().filter(|group| group.values.iter().any(member)).map(|group| group.c).collect()
        };
        let floor = members.first().and_then(|(result, _)| result.diagnostics.choose.distortion_floor);
        let choose = PartEvidence::of(&groups, HeldOut::Choose);
        let of_training = |terms: fn(&ImageTerms) -> Option<&Array1<f32>>| {
            each(&groups, |losses| Some(terms(losses.train.as_ref()?)?.to_vec()))
        };
        let reconstruction = of_training(|terms| terms.reconstruction.as_ref());
        let kl = of_training(|terms| Some(&terms.kl));
        Self {
            seeds: common.into_iter().collect(),
            on_training: cross_objectives(&reconstruction, &kl, margin.loss),
            on_choosing: cross_objectives(&choose.reconstruction, &choose.kl, margin.loss),
            report: PartEvidence::of(&groups, HeldOut::Report),
            choose,
            bounded: with(&is_bound),
            still_improving: with(&improves),
            floor,
            is_discrete: members.iter().all(|(result, _)| result.diagnostics.bits_per_dimension.is_some()),
            margin,
        }
    }

    /// The coefficients that training left short of their optimum.
    pub fn under_trained(&self) -> Vec<f64> {
        let beaten = self.on_training.iter().flat_map(|cross| &cross.beaten);
        beaten.map(|beaten| beaten.c).collect()
    }
}

impl PartEvidence {
    fn of(groups: &[Group<Measured<'_>>], part: HeldOut) -> Self {
        let of_part = |losses: fn(&PartLosses) -> Option<Vec<f32>>| each(groups, |of| losses(of.part(part)));
        Self {
            nll: of_part(|part| {
                part.log_likelihood.as_ref().map(|known| known.value.iter().map(|value| -value).collect())
            }),
            probe_wrong: of_part(|part| {
                part.probe_right.as_ref().map(|right| right.iter().map(|&right| 1.0 - right).collect())
            }),
            reconstruction: of_part(|part| part.terms.reconstruction.as_ref().map(|losses| losses.to_vec())),
            kl: of_part(|part| Some(part.terms.kl.to_vec())),
            elbo_loss: of_part(|part| Some(part.terms.objective(1.0)?.map(|loss| loss as f32).collect())),
        }
    }
}

/// Some losses of every member; empty where one lacks them.
fn each(groups: &[Group<Measured<'_>>], losses: impl Fn(&Losses) -> Option<Vec<f32>>) -> ByCoefficient {
    let of_group = |group: &Group<Measured<'_>>| {
        let values = group.values.iter().map(|(_, of)| losses(of)).collect::<Option<_>>()?;
        Some(Group { c: group.c, values })
    };
    groups.iter().map(of_group).collect::<Option<_>>().unwrap_or_default()
}
