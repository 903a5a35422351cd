//! The images of a data set that choose and those that report.

use data::{Dataset, Result, Split};
use record::HeldOut;

/// Some images of a set.
#[derive(Clone, Debug)]
pub struct Subset<'a> {
    /// The set.
    pub images: &'a Split,
    /// Where in it they are, rising.
    pub positions: Vec<u32>,
}

impl<'a> Subset<'a> {
    /// The images of a part: validation chooses, test reports. The classic experiment trains on all of its training images,
    /// as the literature has it: there the test images are dealt to both parts.
    pub fn held_out(dataset: &'a Dataset, part: HeldOut) -> Self {
        let [choose, report] = Self::dealt(dataset.validation.as_ref(), &dataset.test);
        match part {
            HeldOut::Choose => choose,
            HeldOut::Report => report,
        }
    }

    /// The same of both parts.
    pub fn dealt(validation: Option<&'a Split>, test: &'a Split) -> [Self; 2] {
        let all = |images: &'a Split| Self { images, positions: (0..images.count() as u32).collect() };
        match validation {
            Some(validation) => [all(validation), all(test)],
            None => {
                HeldOut::ALL.map(|part| Self { images: test, positions: part.dealt(test.count()).to_vec() })
            }
        }
    }

    /// At most so many images of a set, evenly spaced.
    pub fn evenly_spaced(images: &'a Split, most: usize) -> Self {
        Self { images, positions: (0..images.count() as u32).collect() }.thinned(most)
    }

    /// At most so many of these images: every second, third, ... of them.
    pub fn thinned(&self, most: usize) -> Self {
        let stride = self.positions.len().div_ceil(most.max(1)).max(1);
        Self { images: self.images, positions: self.positions.iter().copied().step_by(stride).collect() }
    }

    /// Their numbers, `[images, numbers]`.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    pub fn gather(&self) -> Result<Vec<f32>> {
        self.images.gather(&self.positions)
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.positions.len()
    }

    /// Their classes, where the set has classes.
    pub fn labels(&self) -> Option<Vec<u8>> {
        let labels = self.images.labels.as_ref()?;
        Some(self.positions.iter().map(|&position| labels[position as usize]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Shape;

    fn nine() -> Split {
        Split::of_bytes(Shape::grey(1, 1), vec![0; 9], Some((10..19).collect()))
    }

    #[test]
    fn a_validation_part_chooses_and_the_test_part_reports() {
        let mut dataset = Dataset::new(nine(), Some(nine()), nine());
        dataset.test.labels = None;
        let [choose, report] = HeldOut::ALL.map(|part| Subset::held_out(&dataset, part));
        assert_eq!([choose.count(), report.count()], [9, 9]);
        assert!(choose.labels().is_some() && report.labels().is_none());
    }

    #[test]
    fn a_subset_is_thinned_evenly_and_knows_its_labels() {
        let dataset = Dataset::new(nine(), None, nine());
        let report = Subset::held_out(&dataset, HeldOut::Report);
        assert_eq!(report.positions, [1, 3, 5, 7]);
        assert_eq!(report.thinned(2).labels(), Some(vec![11, 15]));
        assert_eq!(report.thinned(4).positions, report.positions);
        assert_eq!(Subset::evenly_spaced(&dataset.train, 4).positions, [0, 3, 6]);
    }
}
