//! Random numbers, for permutations, directions, and the tests of the estimators.

#[cfg(test)]
use ndarray::Array2;

/// SplitMix64, and Box and Muller's transform on top of it.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The stream of this number under a seed; different numbers give unrelated streams.
    pub(crate) fn stream(seed: u64, number: u64) -> Self {
        let mut mixed = Self(seed ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        mixed.uniform();
        mixed.0 = mixed.0.rotate_left(32) ^ number;
        mixed.uniform();
        mixed
    }

    /// In [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A point on the unit sphere.
    pub(crate) fn direction(&mut self, dimensions: usize) -> Vec<f64> {
        loop {
            let direction: Vec<f64> = (0..dimensions).map(|_| self.normal()).collect();
            let norm = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
            if norm > 0.0 {
                return direction.into_iter().map(|x| x / norm).collect();
            }
        }
    }

    /// Draws from a Normal with the same mean and standard deviation in each dimension.
    #[cfg(test)]
    pub(crate) fn normals(&mut self, shape: (usize, usize), mean: f64, sd: f64) -> Array2<f64> {
        Array2::from_shape_simple_fn(shape, || mean + sd * self.normal())
    }
}
