//! What all members of a run are held against: the data itself.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use data::{Dataset, Progress, Result, Split};
use metrics::samples::SampleError;
use metrics::samples::coverage::{DensityCoverage, Neighbourhoods};
use ndarray::Array2;
use record::{Baselines, Classified, Generated, HeldOut, OfParts};

use super::components::Components;
use super::diagnose::TRAINING_IMAGES;
use super::held_out::Subset;
use super::measured::{NO_LABELS, TOO_FEW, estimate};
use super::probes::{Probed, Represented, Rights};

/// Neighbours to which the ball around a held-out image reaches, as in the source of density and coverage.
const NEIGHBOURS: usize = 5;
/// Held-out images of a part that generated ones are held against at most, and generated ones.
const MOST_GENERATED: usize = 5000;
/// Numbers of training images that baselines learn from at most: 256 MB of them.
const MOST_NUMBERS: usize = 1 << 26;

/// The held-out images in the space of the training images' principal components.
#[derive(Clone, Debug)]
pub struct DataReference {
    /// That space.
    pub components: Components,
    /// Held-out images of each part, the one that chooses first, with the balls around them; as many of both.
    parts: Result<[Neighbourhoods; 2], SampleError>,
    /// How many of each.
    pub generated: usize,
    /// See [`grey_entropies`](Self::grey_entropies).
    grey_entropies: OnceLock<OfParts<Vec<f64>>>,
}

impl DataReference {
    /// Of a data set.
    ///
    /// # Errors
    ///
    /// Fails when a file that it is read from has changed.
    pub fn of(dataset: &Dataset) -> Result<Self> {
        Self::of_parts(&dataset.train, HeldOut::ALL.map(|part| Subset::held_out(dataset, part)))
    }

    /// Of training images, and of those of the part that chooses and of the one that reports.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    pub fn of_parts(train: &Split, parts: [Subset<'_>; 2]) -> Result<Self> {
        let components = Components::of(train)?;
        let generated = parts.iter().map(Subset::count).min().unwrap_or(0).min(MOST_GENERATED);
        let [choose, report] = parts.map(|part| places(&components, &part, generated));
        let balls = |places: Array2<f64>| Neighbourhoods::new(places.view(), NEIGHBOURS);
        let (choose, report) = (choose?, report?);
        let parts = balls(choose).and_then(|choose| Ok([choose, balls(report)?]));
        Ok(Self { components, parts, generated, grey_entropies: OnceLock::new() })
    }

    /// The entropies of the grey levels of the held-out images, computed once for all members.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    pub fn grey_entropies(&self, dataset: &Dataset) -> Result<&OfParts<Vec<f64>>> {
        if let Some(known) = self.grey_entropies.get() {
            return Ok(known);
        }
        let [choose, report] = HeldOut::ALL.map(|part| {
            let part = Subset::held_out(dataset, part);
            part.images.grey_entropies(&part.positions)
        });
        let found = OfParts { choose: choose?, report: report? };
        Ok(self.grey_entropies.get_or_init(|| found))
    }

    /// How images lie beside the held-out ones, given where they are among the components, `[images, components]`.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if a part has fewer images than neighbours.
    pub fn generated(&self, places: &Array2<f32>) -> Result<OfParts<Generated>, SampleError> {
        let [choose, report] = self.parts.as_ref().map_err(Clone::clone)?;
        let places = places.mapv(f64::from);
        let beside = |part: &Neighbourhoods| part.of_generated(places.view()).map(recorded);
        Ok(OfParts { choose: beside(choose)?, report: beside(report)? })
    }
}

/// The reference of a run, made once by whoever needs it first.
#[derive(Debug, Default)]
pub struct SharedReference(Mutex<Option<Arc<DataReference>>>);

impl From<Arc<DataReference>> for SharedReference {
    fn from(reference: Arc<DataReference>) -> Self {
        Self(Mutex::new(Some(reference)))
    }
}

impl SharedReference {
    /// The reference of a data set, which is the same one in every call.
    ///
    /// # Errors
    ///
    /// Fails when a file that it is read from has changed.
    pub fn of(&self, dataset: &Dataset) -> Result<Arc<DataReference>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reference) = &*shared {
            return Ok(reference.clone());
        }
        let reference = Arc::new(DataReference::of(dataset)?);
        *shared = Some(reference.clone());
        Ok(reference)
    }
}

/// Where so many images of a part lie, evenly spaced as far as that goes.
fn places(components: &Components, part: &Subset<'_>, count: usize) -> Result<Array2<f64>> {
    let stride = (part.count() / count.max(1)).max(1);
    let positions = part.positions.iter().copied().step_by(stride).take(count).collect();
    let chosen = Subset { images: part.images, positions };
    Ok(components.project_subset(&chosen)?.mapv(f64::from))
}

fn recorded(DensityCoverage { density, coverage, .. }: DensityCoverage) -> Generated {
    Generated { density: estimate(density), coverage: estimate(coverage) }
}

/// What can be had of the data without a network: classes from pixels and from principal components, and how held-out images
/// lie beside other held-out images.
///
/// # Errors
///
/// Fails when a file that the data is read from has changed.
pub fn baselines(dataset: &Dataset, reference: &DataReference, progress: &dyn Progress) -> Result<Baselines> {
    let parts = HeldOut::ALL.map(|part| Subset::held_out(dataset, part));
    let mut not_measured = Vec::new();
    let mut steps = Steps { progress, done: 0 };
    steps.next();
    // Each part stands in for what is generated beside the other one.
    let [choose, report] =
        parts.each_ref().map(|part| places(&reference.components, part, reference.generated));
    let (choose, report) = (choose?, report?);
    let ceiling = reference.parts.as_ref().map_err(Clone::clone).and_then(|[of_choose, of_report]| {
        Ok(OfParts {
            choose: recorded(of_choose.of_generated(report.view())?),
            report: recorded(of_report.of_generated(choose.view())?),
        })
    });
    let ceiling = ceiling
        .map_err(|error| not_measured.push(format!("Density and coverage of held-out images: {error}.")))
        .ok();
    let most = TRAINING_IMAGES.min(MOST_NUMBERS / dataset.train.numbers()).max(1);
    if most < TRAINING_IMAGES.min(dataset.train.count()) {
        not_measured.push(format!(
            "Pixels and principal components have {most} training images to learn from: more would not fit into memory."
        ));
    }
    let train = Subset::evenly_spaced(&dataset.train, most);
    let numbers = |subset: &Subset<'_>| {
        let values = subset.images.gather(&subset.positions)?;
        let shape = (subset.count(), subset.images.numbers());
        Ok(Array2::from_shape_vec(shape, values).expect("as many numbers as it holds"))
    };
    let (mut pixels, mut components) = (None, None);
    match (train.labels(), parts.each_ref().map(Subset::labels)) {
        (Some(of_train), [Some(of_choose), Some(of_report)]) if !of_report.is_empty() => {
            let labels = [of_train, of_choose, of_report];
            let mut classified = |name: &str, represent: &dyn Fn(&Subset<'_>) -> Result<Array2<f32>>| {
                let [train, choose, report] = [&train, &parts[0], &parts[1]].map(represent);
                let [of_train, of_choose, of_report] = labels.clone();
                let probed = Probed {
                    train: Represented { samples: train?, labels: of_train },
                    held_out: [
                        Represented { samples: choose?, labels: of_choose },
                        Represented { samples: report?, labels: of_report },
                    ],
                };
                Ok::<_, data::DataError>(Some(classify(&probed, name, &mut not_measured, &mut steps)))
            };
            let of = if dataset.train.shape().image().is_some() { "pixels" } else { "columns" };
            pixels = classified(of, &numbers)?;
            components =
                classified("principal components", &|subset| reference.components.project_subset(subset))?;
        }
        (Some(_), [Some(_), Some(_)]) => not_measured.push(TOO_FEW.to_string()),
        _ => not_measured.push(NO_LABELS.to_string()),
    }
    Ok(Baselines { components_used: reference.components.count(), pixels, components, ceiling, not_measured })
}

/// Where the work stands.
struct Steps<'a> {
    progress: &'a dyn Progress,
    done: u64,
}

impl Steps<'_> {
    /// Density and coverage, and three probes of pixels and components each.
    const ALL: u64 = 7;

    fn next(&mut self) {
        self.done += 1;
        self.progress.at("what the data allows without a network", self.done, Self::ALL);
    }
}

fn classify(
    probed: &Probed,
    name: &str,
    not_measured: &mut Vec<String>,
    steps: &mut Steps<'_>,
) -> OfParts<Classified> {
    let mut noted = |what: &str, found: Result<[Rights; 2], SampleError>| {
        steps.next();
        let found = found.map_err(|error| not_measured.push(format!("{what} on {name}: {error}.")));
        found.ok().map(|rights| rights.map(|rights| rights.accuracy))
    };
    let probes = [
        noted("Logistic probe", probed.logistic()),
        noted("Probe of ten labels a class", probed.few_labels()),
        noted("10 nearest neighbours", probed.neighbours()),
    ];
    let of_part = |part: usize| {
        let [probe_accuracy, few_labels_accuracy, knn_accuracy] = probes.map(|probe| Some(probe?[part]));
        Classified { probe_accuracy, few_labels_accuracy, knn_accuracy }
    };
    OfParts { choose: of_part(0), report: of_part(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Shape;

    /// Images of three classes, each bright in another third, with noise.
    fn images(count: usize, start: usize, labelled: bool) -> Split {
        let label = |i: usize| i % 3;
        let byte = |i: usize, pixel: usize| {
            let noise = ((i + start) * 7919 + pixel * 104_729) % 97;
            (if pixel / 4 == label(i) { 120 } else { 20 }) + noise as u8
        };
        let bytes = (0..count).flat_map(|i| (0..12).map(move |pixel| byte(i, pixel))).collect();
        let labels = labelled.then(|| (0..count).map(|i| label(i) as u8).collect());
        Split::of_bytes(Shape::grey(3, 4), bytes, labels)
    }

    #[test]
    fn classes_that_are_plain_are_found_and_held_out_images_cover_each_other() {
        let dataset = Dataset::new(images(300, 0, true), None, images(240, 1000, true));
        let found = baselines(&dataset, &DataReference::of(&dataset).unwrap(), &()).unwrap();
        assert_eq!(found.not_measured, [] as [&str; 0]);
        for classified in [found.pixels.unwrap(), found.components.unwrap()] {
            for part in HeldOut::ALL.map(|part| *classified.part(part)) {
                for accuracy in [part.probe_accuracy, part.few_labels_accuracy, part.knn_accuracy] {
                    assert!(accuracy.unwrap().value > 0.95, "{part:?}");
                }
            }
        }
        let ceiling = found.ceiling.unwrap();
        assert!(ceiling.choose.coverage.value > 0.5 && ceiling.report.coverage.value > 0.5, "{ceiling:?}");
    }

    #[test]
    fn what_cannot_be_measured_is_said_and_the_rest_is_measured() {
        let dataset = Dataset::new(images(30, 0, false), None, images(8, 1000, false));
        let reference = DataReference::of(&dataset).unwrap();
        let found = baselines(&dataset, &reference, &()).unwrap();
        assert_eq!((found.pixels, found.ceiling), (None, None));
        let [generation, labels] = &found.not_measured[..] else { panic!("{found:?}") };
        assert!(generation.contains("4 samples where at least 6 are needed"), "{generation}");
        assert!(labels.contains("no labels"), "{labels}");
        assert!(reference.generated(&Array2::zeros((4, reference.components.count()))).is_err());
    }
}
