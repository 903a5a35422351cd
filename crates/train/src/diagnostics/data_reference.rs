//! What all members of a run are held against: the data itself.

use anyhow::{Context, Result};
use data::Dataset;
use metrics::samples::SampleError;
use metrics::samples::coverage::{DensityCoverage, Neighbourhoods};
use ndarray::Array2;
use record::{Baselines, Classified, Estimate, Generated, HeldOut, OfParts};

use super::components::Components;
use super::diagnose::TRAINING_IMAGES;
use super::held_out::Subset;
use super::probes::{Probed, Represented, Rights};

/// Neighbours to which the ball around a held-out image reaches, as in the source of density and coverage.
const NEIGHBOURS: usize = 5;
/// Held-out images of a part that generated ones are held against at most, and generated ones.
const MOST_GENERATED: usize = 5000;

/// The held-out images in the space of the training images' principal components.
#[derive(Clone, Debug)]
pub struct DataReference {
    /// That space.
    pub components: Components,
    /// Held-out images of each part, the one that chooses first, with the balls around them; as many of both.
    parts: Result<[Neighbourhoods; 2], SampleError>,
    /// How many of each.
    pub generated: usize,
}

impl DataReference {
    /// Of a data set.
    pub fn of(dataset: &Dataset) -> Self {
        let components = Components::of(&dataset.train);
        let parts = HeldOut::ALL.map(|part| Subset::held_out(dataset, part));
        let generated = parts.iter().map(Subset::count).min().unwrap_or(0).min(MOST_GENERATED);
        let balls = |part: &Subset<'_>| {
            Neighbourhoods::new(places(&components, part, generated).view(), NEIGHBOURS)
        };
        let parts = balls(&parts[0]).and_then(|choose| Ok([choose, balls(&parts[1])?]));
        Self { components, parts, generated }
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

fn places(components: &Components, part: &Subset<'_>, most: usize) -> Array2<f64> {
    let thinned = part.thinned(most.max(1));
    let first = Subset { images: part.images, positions: thinned.positions.into_iter().take(most).collect() };
    components.project_subset(&first).mapv(f64::from)
}

fn recorded(DensityCoverage { density, coverage, .. }: DensityCoverage) -> Generated {
    let estimate = |found: metrics::samples::Estimate| Estimate {
        value: found.value,
        standard_error: Some(found.standard_error).filter(|error| error.is_finite()),
    };
    Generated { density: estimate(density), coverage: estimate(coverage) }
}

/// What can be had of the data without a network: classes from pixels and from principal components, and how held-out images
/// lie beside other held-out images.
pub fn baselines(dataset: &Dataset, reference: &DataReference) -> Baselines {
    let parts = HeldOut::ALL.map(|part| Subset::held_out(dataset, part));
    let train = Subset::evenly_spaced(&dataset.train, TRAINING_IMAGES);
    let mut not_measured = Vec::new();
    // Each part stands in for what is generated beside the other one.
    let ceiling = reference.parts.as_ref().map_err(Clone::clone).and_then(|[choose, report]| {
        let beside = |part: &Neighbourhoods, other: &Subset<'_>| {
            let places = places(&reference.components, other, reference.generated);
            part.of_generated(places.view()).map(recorded)
        };
        Ok(OfParts { choose: beside(choose, &parts[1])?, report: beside(report, &parts[0])? })
    });
    let ceiling =
        ceiling.map_err(|error| not_measured.push(format!("Density and coverage of held-out images: {error}."))).ok();
    let mut classified = |name: &str, represent: &dyn Fn(&Subset<'_>) -> Array2<f32>| {
        let represented = |subset: &Subset<'_>| {
            Some(Represented { labels: subset.labels()?, samples: represent(subset) })
        };
        let [choose, report] = &parts;
        if choose.count() == 0 || report.count() == 0 {
            return None;
        }
        let probed = Probed { train: represented(&train)?, held_out: [represented(choose)?, represented(report)?] };
        let mut noted = |what: &str, found: Result<[Rights; 2], SampleError>| {
            let found = found.map_err(|error| not_measured.push(format!("{what} on {name}: {error}.")));
            found.ok().map(|rights| rights.map(|rights| rights.accuracy))
        };
        let probes = [
            noted("Logistic probe", probed.logistic()),
            noted("Probe of ten labels a class", probed.few_labels()),
            noted("10 nearest neighbours", probed.neighbours()),
        ];
        let of_part = |part: usize| {
            let [probe, few_labels, knn] = probes.map(|probe| probe.map(|parts| parts[part]));
            Classified { probe_accuracy: probe, few_labels_accuracy: few_labels, knn_accuracy: knn }
        };
        Some(OfParts { choose: of_part(0), report: of_part(1) })
    };
    let pixels = classified("pixels", &|subset| {
        let values = subset.images.gather(&subset.positions);
        Array2::from_shape_vec((subset.count(), subset.images.pixels()), values).expect("as many numbers as it holds")
    });
    let components = classified("principal components", &|subset| reference.components.project_subset(subset));
    if train.labels().is_none() || parts.iter().any(|part| part.labels().is_none()) {
        not_measured.push("No image was classified: there are no labels.".to_string());
    }
    Baselines { components_used: reference.components.count(), pixels, components, ceiling, not_measured }
}
