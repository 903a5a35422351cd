//! What a member makes of each image: `losses.safetensors` of a member.
//!
//! Two members are compared image by image: most of what makes an image easy or hard is the same for both, and falls out
//! of their difference.

use std::path::Path;

use ndarray::{Array1, Ix1};

use crate::arrays::Arrays;
use crate::error::Result;
use crate::held_out::HeldOut;

/// The losses of single images under a trained network.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses {
    /// Of the images that decide between coefficients.
    pub choose: PartLosses,
    /// Of the images that say what the chosen coefficient is worth.
    pub report: PartLosses,
    /// Of training images, evenly spaced: held against those of the choosing part they tell too short a training from
    /// overfitting. `None` where they are not known.
    pub train: Option<ImageTerms>,
}

/// The terms of the objective for single images.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageTerms {
    /// The position of each image in its set, rising.
    pub index: Array1<u32>,
    /// `-log p(x|z)` for one code drawn from the posterior, in nats. The members of a seed draw with the same noise. `None`
    /// where it is not known.
    pub reconstruction: Option<Array1<f32>>,
    /// `KL(q(z|x) ‖ N(0, I))`, in nats.
    pub kl: Array1<f32>,
}

/// What is known of the images of one part.
#[derive(Clone, Debug, PartialEq)]
pub struct PartLosses {
    /// The terms of the objective.
    pub terms: ImageTerms,
    /// Estimates of `log p(x)`, of all images of the part or of some of them.
    pub log_likelihood: Option<LogLikelihoods>,
    /// 1 where the logistic probe finds the image's class from the mean of its posterior, else 0.
    pub probe_right: Option<Array1<f32>>,
    /// The share of the probes, each of which learns from a few labels of each class, that find it.
    pub few_labels_right: Option<Array1<f32>>,
    /// 1 where most of the nearest neighbours are of the image's class, else 0.
    pub knn_right: Option<Array1<f32>>,
}

/// Estimates of `log p(x)` for some images of a part, the same ones for every member of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLikelihoods {
    /// The position of each image in its set, rising.
    pub index: Array1<u32>,
    /// `log p(x)`, in nats.
    pub value: Array1<f32>,
    /// The shape of the tail of each image's importance weights, where they were sampled: beyond 0.7 the estimate is not to
    /// be relied upon.
    pub pareto_k: Option<Array1<f32>>,
    /// How many independent codes the weights are worth, where they were sampled.
    pub effective_samples: Option<Array1<f32>>,
}

impl ImageTerms {
    /// How many images there are.
    pub fn count(&self) -> usize {
        self.index.len()
    }

    /// `reconstruction + kl_coefficient * kl` of each image; `None` where the reconstruction is not known.
    pub fn objective(&self, kl_coefficient: f64) -> Option<impl Iterator<Item = f64> + Clone + '_> {
        let terms = self.reconstruction.as_ref()?.iter().zip(&self.kl);
        let objective =
            move |(&reconstruction, &kl)| f64::from(reconstruction) + kl_coefficient * f64::from(kl);
        Some(terms.map(objective))
    }
}

impl Losses {
    /// The losses of a part.
    pub fn part(&self, part: HeldOut) -> &PartLosses {
        match part {
            HeldOut::Choose => &self.choose,
            HeldOut::Report => &self.report,
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut arrays = Arrays::new(path);
        let mut insert_terms = |name: &str, terms: &ImageTerms| {
            arrays.insert(&format!("{name}.index"), &terms.index);
            arrays.insert_some(&format!("{name}.reconstruction"), terms.reconstruction.as_ref());
            arrays.insert(&format!("{name}.kl"), &terms.kl);
        };
        self.train.iter().for_each(|train| insert_terms("train", train));
        for part in HeldOut::ALL {
            insert_terms(part.name(), &self.part(part).terms);
        }
        for part in HeldOut::ALL {
            let name = |array: &str| format!("{}.{array}", part.name());
            let PartLosses { terms: _, log_likelihood, probe_right, few_labels_right, knn_right } =
                self.part(part);
            arrays.insert_some(&name("probe_right"), probe_right.as_ref());
            arrays.insert_some(&name("few_labels_right"), few_labels_right.as_ref());
            arrays.insert_some(&name("knn_right"), knn_right.as_ref());
            let Some(LogLikelihoods { index, value, pareto_k, effective_samples }) = log_likelihood else {
                continue;
            };
            arrays.insert(&name("log_likelihood"), value);
            arrays.insert(&name("log_likelihood_index"), index);
            arrays.insert_some(&name("pareto_k"), pareto_k.as_ref());
            arrays.insert_some(&name("effective_samples"), effective_samples.as_ref());
        }
        arrays.write()
    }

    /// Reads and checks a file; `None` if it is not there.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let Some(arrays) = Arrays::read(path)? else { return Ok(None) };
        let mut reader = Reader(arrays);
        Ok(Some(Self {
            choose: reader.part(HeldOut::Choose)?,
            report: reader.part(HeldOut::Report)?,
            train: match reader.0.take("train.index")? {
                Some(index) => Some(reader.terms("train", index)?),
                None => None,
            },
        }))
    }
}

struct Reader(Arrays);

impl Reader {
    fn terms(&mut self, part: &str, index: Array1<u32>) -> Result<ImageTerms> {
        let count = index.len();
        let kl = format!("{part}.kl");
        let values = self.0.require(&kl)?;
        Ok(ImageTerms {
            reconstruction: self.some(&format!("{part}.reconstruction"), count)?,
            kl: self.checked(&kl, values, count)?,
            index,
        })
    }

    fn part(&mut self, part: HeldOut) -> Result<PartLosses> {
        let index = self.0.require(&format!("{}.index", part.name()))?;
        let terms = self.terms(part.name(), index)?;
        let name = |array: &str| format!("{}.{array}", part.name());
        let count = terms.count();
        Ok(PartLosses {
            probe_right: self.some(&name("probe_right"), count)?,
            few_labels_right: self.some(&name("few_labels_right"), count)?,
            knn_right: self.some(&name("knn_right"), count)?,
            log_likelihood: match self.0.take::<f32, Ix1>(&name("log_likelihood"))? {
                None => None,
                Some(value) => Some(LogLikelihoods {
                    index: {
                        let index = self.0.require(&name("log_likelihood_index"))?;
                        self.checked(&name("log_likelihood_index"), index, value.len())?
                    },
                    pareto_k: self.some(&name("pareto_k"), value.len())?,
                    effective_samples: self.some(&name("effective_samples"), value.len())?,
                    value,
                }),
            },
            terms,
        })
    }

    fn some(&mut self, name: &str, count: usize) -> Result<Option<Array1<f32>>> {
        let values = self.0.take(name)?;
        values.map(|values| self.checked(name, values, count)).transpose()
    }

    fn checked<T>(&self, name: &str, values: Array1<T>, count: usize) -> Result<Array1<T>> {
        if values.len() == count {
            return Ok(values);
        }
        Err(self.0.damaged(format!("{name} has {} values for {count} images", values.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use tempfile::TempDir;

    fn losses() -> Losses {
        let terms = |index: Array1<u32>| ImageTerms {
            reconstruction: Some(index.mapv(|index| 100.0 + index as f32)),
            kl: index.mapv(|index| 0.5 * index as f32),
            index,
        };
        let part = |index: Array1<u32>| PartLosses {
            probe_right: Some(index.mapv(|index| if index % 3 == 0 { 1.0 } else { 0.0 })),
            few_labels_right: None,
            knn_right: Some(index.mapv(|_| 1.0)),
            terms: terms(index),
            log_likelihood: None,
        };
        let log_likelihood = LogLikelihoods {
            index: array![0, 4],
            value: array![-149.5, -80.25],
            pareto_k: Some(array![0.2, 0.9]),
            effective_samples: None,
        };
        Losses {
            choose: PartLosses { log_likelihood: Some(log_likelihood), ..part(array![0, 2, 4]) },
            report: part(array![1, 3]),
            train: Some(terms(array![0, 1, 2, 3])),
        }
    }

    fn read_back(losses: &Losses) -> Result<Option<Losses>> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("losses.safetensors");
        losses.write(&path).unwrap();
        Losses::read(&path)
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(read_back(&losses()).unwrap(), Some(losses()));
        let mut without = losses();
        (without.train, without.choose.terms.reconstruction) = (None, None);
        assert_eq!(read_back(&without).unwrap(), Some(without));
        let dir = TempDir::new().unwrap();
        assert_eq!(Losses::read(&dir.path().join("absent")).unwrap(), None);
    }

    #[test]
    fn the_objective_of_an_image_is_that_of_its_terms() {
        let mut terms = losses().report.terms;
        let found: Vec<f64> = terms.objective(3.0).unwrap().collect();
        assert_eq!(found, [101.0 + 1.5, 103.0 + 4.5]);
        terms.reconstruction = None;
        assert!(terms.objective(3.0).is_none());
    }

    #[test]
    fn arrays_of_another_number_of_images_are_refused() {
        type Change = fn(&mut Losses);
        let cases: [(Change, &str); 3] = [
            (|losses| losses.train.as_mut().unwrap().kl = array![1.0], "train.kl has 1 values for 4 images"),
            (
                |losses| losses.report.knn_right = Some(array![1.0]),
                "report.knn_right has 1 values for 2 images",
            ),
            (
                |losses| losses.choose.log_likelihood.as_mut().unwrap().index = array![0],
                "choose.log_likelihood_index has 1 values for 2 images",
            ),
        ];
        for (change, expected) in cases {
            let mut losses = losses();
            change(&mut losses);
            let error = read_back(&losses).unwrap_err().to_string();
            assert!(error.ends_with(&format!("losses.safetensors is damaged: {expected}")), "{error}");
        }
    }
}
