//! Sweeps whose truth is known: losses of coefficients, seeds and images from a two-way random effects model.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use record::Group;

/// Draws sweeps from a stream.
pub struct Simulated {
    stream: ChaCha8Rng,
}

/// The standard deviations of what a loss is made of beside its coefficient's mean.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// What a seed does to one coefficient.
    pub seed: f64,
    /// What an image is to one coefficient, whatever the seed.
    pub image: f64,
    /// What an image is to one network.
    pub residual: f64,
}

impl Simulated {
    /// From the start of the stream of this number.
    pub fn new(stream: u64) -> Self {
        Self { stream: ChaCha8Rng::seed_from_u64(stream) }
    }

    fn normal(&mut self, sd: f64) -> f64 {
        let value: f64 = StandardNormal.sample(&mut self.stream);
        sd * value
    }

    fn normals(&mut self, count: usize, sd: f64) -> Vec<f64> {
        (0..count).map(|_| self.normal(sd)).collect()
    }

    /// A sweep of the coefficients 1, 2, 3, ... with these true means.
    ///
    /// Seeds and images also do something to all coefficients alike, three and ten times as much as to a single one: pairing
    /// has to take it out.
    pub fn sweep(
        &mut self,
        means: &[f64],
        seeds: usize,
        images: usize,
        noise: Noise,
    ) -> Vec<Group<Vec<f32>>> {
        let (common_seed, common_image) =
            (self.normals(seeds, 3.0 * noise.seed), self.normals(images, 10.0 * noise.image));
        let of_coefficient = |(position, &mean): (usize, &f64)| {
            let (of_seed, of_image) = (self.normals(seeds, noise.seed), self.normals(images, noise.image));
            let mut losses = |seed: usize| -> Vec<f32> {
                let level = mean + common_seed[seed] + of_seed[seed];
                let images = common_image.iter().zip(&of_image);
                images
                    .map(|(common, own)| (level + common + own + self.normal(noise.residual)) as f32)
                    .collect()
            };
            Group { c: (position + 1) as f64, values: (0..seeds).map(&mut losses).collect() }
        };
        means.iter().enumerate().map(of_coefficient).collect()
    }
}
