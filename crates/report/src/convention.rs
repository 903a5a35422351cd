//! What the coefficient is called elsewhere: sums, means and other constants in front of the two terms.
//!
//! Every training of a variational autoencoder minimises `A * D + B * KL`, with the distortion `D` and the KL summed over
//! pixels and latent dimensions and averaged over images, as here. Only `c = B / A` matters. Libraries take means where others
//! take sums, halve squares or not, and write a constant in front, so that their numbers say nothing to each other.

use serde::Serialize;

/// What is summed over the pixels to the distortion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Distortion {
    /// `-x ln p - (1 - x) ln(1 - p)`: the binary cross-entropy.
    Bernoulli,
    /// `(x - mean)^2 / 2`: a Gaussian of variance 1.
    Gaussian,
    /// `|x - mean|`: a Laplace distribution of scale 1.
    Laplace,
    /// The library's own likelihood, such as one of counts.
    Own,
}

impl Distortion {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bernoulli => "binary cross-entropy",
            Self::Gaussian => "half the squared error (a Gaussian of variance 1)",
            Self::Laplace => "the absolute error (a Laplace distribution of scale 1)",
            Self::Own => "the library's own likelihood",
        }
    }
}

/// The sizes that means are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Channels of an image; 1 for what is no image.
    pub channels: usize,
    /// Numbers of an image, over all channels.
    pub pixels: usize,
    /// Latent dimensions.
    pub latent: usize,
}

/// How some code writes the coefficient.
#[derive(Clone, Copy, Debug)]
pub struct Convention {
    /// Its name on the command line.
    pub name: &'static str,
    /// The loss that its coefficient `b` stands in.
    pub loss: &'static str,
    /// What that sums as its distortion; `None` for any.
    pub distortion: Option<Distortion>,
    /// What the code itself uses, where it has a constant.
    pub default: Option<f64>,
    coefficient: Coefficient,
}

/// How the coefficient here follows.
#[derive(Clone, Copy, Debug)]
enum Coefficient {
    /// It is the value times this.
    Times(fn(&Sizes) -> f64),
    /// It is the square of the value.
    Square,
}

/// Every convention. `P`: numbers of an image; `L`: latent dimensions; `C`: channels; sums over all of these, and the mean over
/// images, unless a loss says otherwise.
pub const CONVENTIONS: &[Convention] = &[
    Convention {
        name: "klsweep",
        loss: "D + b KL",
        distortion: None,
        default: None,
        coefficient: Coefficient::Times(|_| 1.0),
    },
    Convention {
        name: "beta-norm",
        loss: "D + b P/L KL, Higgins et al. (2017)",
        distortion: None,
        default: None,
        coefficient: Coefficient::Times(|sizes| sizes.pixels as f64 / sizes.latent as f64),
    },
    Convention {
        name: "bce-sum",
        loss: "binary cross-entropy + b KL",
        distortion: Some(Distortion::Bernoulli),
        default: None,
        coefficient: Coefficient::Times(|_| 1.0),
    },
    Convention {
        name: "bce-mean",
        loss: "mean binary cross-entropy of a pixel + b KL",
        distortion: Some(Distortion::Bernoulli),
        default: None,
        coefficient: Coefficient::Times(|sizes| sizes.pixels as f64),
    },
    Convention {
        name: "mse-mean",
        loss: "mean squared error of a pixel + b KL",
        distortion: Some(Distortion::Gaussian),
        default: None,
        coefficient: Coefficient::Times(|sizes| 0.5 * sizes.pixels as f64),
    },
    Convention {
        name: "mse-sum",
        loss: "squared error, not halved + b KL",
        distortion: Some(Distortion::Gaussian),
        default: None,
        coefficient: Coefficient::Times(|_| 0.5),
    },
    Convention {
        name: "sigma",
        loss: "-log N(x; mean, b^2) + KL",
        distortion: Some(Distortion::Gaussian),
        default: None,
        coefficient: Coefficient::Square,
    },
    Convention {
        name: "pytorch-vae",
        loss: "F.mse_loss(...) + M_N KL, AntixK's PyTorch-VAE; M_N = kld_weight",
        distortion: Some(Distortion::Gaussian),
        default: Some(0.00025),
        coefficient: Coefficient::Times(|sizes| 0.5 * sizes.pixels as f64),
    },
    Convention {
        name: "keras",
        loss: "binary_crossentropy, a mean over the channels and a sum over the rest + b KL, Keras's example",
        distortion: Some(Distortion::Bernoulli),
        default: Some(1.0),
        coefficient: Coefficient::Times(|sizes| sizes.channels as f64),
    },
    Convention {
        name: "pythae-mse",
        loss: "half the squared error + b KL, pythae's BetaVAE with reconstruction_loss = \"mse\"",
        distortion: Some(Distortion::Gaussian),
        default: Some(1.0),
        coefficient: Coefficient::Times(|_| 1.0),
    },
    Convention {
        name: "pythae-bce",
        loss: "binary cross-entropy + b KL, pythae's BetaVAE with reconstruction_loss = \"bce\"",
        distortion: Some(Distortion::Bernoulli),
        default: Some(1.0),
        coefficient: Coefficient::Times(|_| 1.0),
    },
    Convention {
        name: "latent-diffusion",
        loss: "absolute error + kl_weight KL, the first stage of latent diffusion, without its perceptual and adversarial terms",
        distortion: Some(Distortion::Laplace),
        default: Some(1e-6),
        coefficient: Coefficient::Times(|_| 1.0),
    },
    Convention {
        name: "scvi-tools",
        loss: "-log likelihood of the counts + kl_weight KL",
        distortion: Some(Distortion::Own),
        default: Some(1.0),
        coefficient: Coefficient::Times(|_| 1.0),
    },
];

impl Convention {
    /// The convention of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CONVENTIONS.iter().find(|convention| convention.name == name)
    }

    /// The coefficient here of what this convention writes as `value`.
    pub fn to_here(&self, value: f64, sizes: &Sizes) -> f64 {
        match self.coefficient {
            Coefficient::Times(factor) => value * factor(sizes),
            Coefficient::Square => value * value,
        }
    }

    /// What this convention writes for a coefficient here.
    pub fn from_here(&self, c: f64, sizes: &Sizes) -> f64 {
        match self.coefficient {
            Coefficient::Times(factor) => c / factor(sizes),
            Coefficient::Square => c.sqrt(),
        }
    }

    /// The conventions that write the same objectives as this one; the others sum another distortion.
    pub fn alike(&self) -> impl Iterator<Item = &'static Self> {
        let distortion = self.distortion;
        CONVENTIONS.iter().filter(move |other| match (distortion, other.distortion) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_convention_goes_there_and_back() {
        let sizes = Sizes { channels: 3, pixels: 3 * 64 * 64, latent: 128 };
        for convention in CONVENTIONS {
            let back = convention.from_here(convention.to_here(0.37, &sizes), &sizes);
            assert!((back - 0.37).abs() < 1e-15, "{}: {back}", convention.name);
            assert_eq!(Convention::named(convention.name).unwrap().loss, convention.loss);
        }
    }

    /// Made by `scripts/convention_reference.py`: the ratio of the gradients of each library's own loss.
    const REFERENCE: &str = include_str!("convention_reference.csv");

    #[test]
    fn the_coefficients_are_those_of_the_gradients_of_the_libraries_losses() {
        /// The gradients are in 64 bits; scvi-tools' alone in 32.
        const TOLERANCE: f64 = 2e-6;
        let mut seen = Vec::new();
        for row in REFERENCE.lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            let [name, channels, pixels, latent, value, expected] = cells[..] else { panic!("{row}") };
            let size = |text: &str| text.parse::<usize>().unwrap();
            let sizes = Sizes { channels: size(channels), pixels: size(pixels), latent: size(latent) };
            let convention = Convention::named(name).unwrap_or_else(|| panic!("no convention {name}"));
            let found = convention.to_here(value.parse().unwrap(), &sizes);
            let expected: f64 = expected.parse().unwrap();
            assert!((found / expected - 1.0).abs() < TOLERANCE, "{row}: {found}");
            seen.push(name);
        }
        for convention in CONVENTIONS {
            assert!(seen.contains(&convention.name), "{} has no reference", convention.name);
        }
    }

    #[test]
    fn what_sums_another_distortion_is_not_alike() {
        let alike = |name: &str| -> Vec<&str> {
            Convention::named(name).unwrap().alike().map(|convention| convention.name).collect()
        };
        assert_eq!(alike("keras"), ["klsweep", "beta-norm", "bce-sum", "bce-mean", "keras", "pythae-bce"]);
        assert_eq!(alike("latent-diffusion"), ["klsweep", "beta-norm", "latent-diffusion"]);
        assert_eq!(alike("beta-norm").len(), CONVENTIONS.len());
    }
}
