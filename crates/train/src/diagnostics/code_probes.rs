//! What a probe finds of the classes in the codes of a network.

use record::HeldOut;

use super::diagnose::{Measured, NO_LABELS, TOO_FEW};
use super::probes::{Probed, Represented, Rights};

/// How many images of both parts are classified right by their codes; `None` where that could not be found out.
pub struct Probes {
    logistic: Option<[Rights; 2]>,
    few_labels: Option<[Rights; 2]>,
    neighbours: Option<[Rights; 2]>,
}

/// The same of one part.
pub struct ProbesOfPart {
    pub logistic: Option<Rights>,
    pub few_labels: Option<Rights>,
    pub neighbours: Option<Rights>,
}

impl Probes {
    const NONE: Self = Self { logistic: None, few_labels: None, neighbours: None };

    pub fn of_codes(train: &Measured<'_>, parts: [&Measured<'_>; 2], not_measured: &mut Vec<String>) -> Self {
        if parts.iter().any(|part| part.subset.count() == 0) {
            not_measured.push(TOO_FEW.to_string());
            return Self::NONE;
        }
        let represented = |measured: &Measured<'_>| {
            let labels = measured.subset.labels()?;
            Some(Represented { samples: measured.encoded.means.mapv(|mean| mean as f32), labels })
        };
        let (Some(train), [Some(choose), Some(report)]) = (represented(train), parts.map(represented)) else {
            not_measured.push(NO_LABELS.to_string());
            return Self::NONE;
        };
        let probed = Probed { train, held_out: [choose, report] };
        let mut noted = |name: &str, found: Result<[Rights; 2], metrics::samples::SampleError>| {
            found.map_err(|error| not_measured.push(format!("{name}: {error}."))).ok()
        };
        Self {
            logistic: noted("Logistic probe", probed.logistic()),
            few_labels: noted("Probe of ten labels a class", probed.few_labels()),
            neighbours: noted("10 nearest neighbours", probed.neighbours()),
        }
    }

    pub fn of_part(&self, part: HeldOut) -> ProbesOfPart {
        let of_part = |rights: &Option<[Rights; 2]>| {
            let [choose, report] = rights.as_ref()?;
            Some(match part {
                HeldOut::Choose => choose.clone(),
                HeldOut::Report => report.clone(),
            })
        };
        ProbesOfPart {
            logistic: of_part(&self.logistic),
            few_labels: of_part(&self.few_labels),
            neighbours: of_part(&self.neighbours),
        }
    }
}
