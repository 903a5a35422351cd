//! Numbers about distributions: divergences between them, and what a cloud of samples looks like beside one.
//!
//! # How far apart are two distributions?
//!
//! A weather service has forecast sun, clouds and rain with the probabilities `Q`; what came were the frequencies `P`:
//!
//! ```
//! let p = [0.10, 0.40, 0.50];
//! let q = [0.80, 0.15, 0.05];
//! # let _ = (p, q);
//! ```
//!
//! An outcome that was given the probability `q` and then happens is a surprise of `-ln q`: none for a certain event, more
//! the less it was expected. The average surprise of what comes is the [`entropy`] `H(P)` if one knew `P`, and the
//! [`cross_entropy`] `H(P, Q)` if one believed `Q`. The difference is the price of the wrong belief, the
//! **Kullback-Leibler divergence**
//!
//! ```text
//! KL(P ‖ Q) = H(P, Q) - H(P) = sum_i p_i ln(p_i / q_i)
//! ```
//!
//! ```
//! use metrics::{cross_entropy, entropy, kl_divergence};
//!
//! let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
//! assert_eq!(format!("{:.3} nats", kl_divergence(&p, &q)?), "1.336 nats");
//! assert_eq!(format!("{:.3} nats", cross_entropy(&p, &q)? - entropy(&p)?), "1.336 nats");
//! # Ok::<(), metrics::DivergenceError>(())
//! ```
//!
//! Most of it comes from the rain, which was frequent and not expected. [`rel_entr`] gives the terms; they may be negative,
//! as for the sun, of which less came than forecast, but their sum never is:
//!
//! ```
//! # let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
//! let terms = metrics::rel_entr(&p, &q)?;
//! let text: Vec<String> = terms.iter().map(|term| format!("{term:.3}")).collect();
//! assert_eq!(text, ["-0.208", "0.392", "1.151"]);
//! # Ok::<(), metrics::DivergenceError>(())
//! ```
//!
//! ## It has a direction
//!
//! To believe `Q` where `P` is true costs something else than to believe `P` where `Q` is true. The second argument is
//! always the **reference**, the distribution that is believed:
//!
//! ```
//! # let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
//! assert_eq!(format!("{:.3} nats", metrics::kl_divergence(&q, &p)?), "1.401 nats");
//! # Ok::<(), metrics::DivergenceError>(())
//! ```
//!
//! And it may be infinite: who holds rain to be impossible is infinitely surprised by a drop. `KL(P ‖ Q)` punishes a `Q`
//! that is 0 where `P` is not, so that a `Q` fitted with it covers all of `P`; `KL(Q ‖ P)` punishes a `Q` that is
//! somewhere where `P` is not, and a fitted `Q` settles on a part of `P`.
//!
//! ## A symmetric, bounded one
//!
//! The **Jensen-Shannon divergence** compares both to their mean `M = (P + Q) / 2`, which is nowhere 0 where they are not:
//!
//! ```text
//! JS(P, Q) = KL(P ‖ M) / 2 + KL(Q ‖ M) / 2
//! ```
//!
//! It is 0 for equal distributions and 1 bit, `ln 2` nats, for distributions without a common outcome: what one learns
//! from one outcome about which of the two it was drawn from. Its square root, the Jensen-Shannon **distance**, satisfies
//! the triangle inequality. The two are often confused, and so are the units, so they have different names and the
//! distance insists on a unit:
//!
//! ```
//! use metrics::{Base, jensen_shannon_distance, jensen_shannon_divergence};
//!
//! # let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
//! let js = jensen_shannon_divergence(&p, &q)?;
//! assert_eq!(format!("{:.3} bits", Base::Bits.from_nats(js)), "0.420 bits");
//! assert_eq!(format!("{:.3}", jensen_shannon_distance(&p, &q, Base::Bits)?), "0.648");
//! # Ok::<(), metrics::DivergenceError>(())
//! ```
//!
//! # Conventions
//!
//! - **Direction.** `f(p, q)` is the divergence of `p` from the reference `q`, `KL(P ‖ Q)`.
//! - **Unit.** Nats; [`Base`] converts. Only distances, being roots, take the base as an argument.
//! - **Reduction.** Sums over outcomes, one number for a pair of distributions. [`discrete::along`] and `discrete::tensor` keep
//!   all other axes, [`discrete::pairwise`] makes a matrix of all pairs of rows.
//! - **Zeros.** `0 ln 0 = 0`. An impossible outcome that happens makes a divergence infinite, as a value and not as an error.
//! - **Strictness.** What is not a distribution is an error that names the position and the value. Counts and densities are
//!   divided by their sum on request only: `kl_divergence(&Weights(&counts), &q)`.
//! - **Accuracy.** The divergences of slices and arrays in [`discrete`] have relative errors below 1e-14 against 50-digit
//!   arithmetic, at every order and between distributions that differ in their last digits. [`Weights`] and `f32` are divided by
//!   their sum in f64 before, which for weights that differ in their last digits is as a change of those. [`families`] states its own
//!   bounds, tensors have those of their float type, and [`samples`] give standard errors. Nothing is ever NaN: what has
//!   no value is an error. Nothing is negative that cannot be.
//! - **Reproducibility.** The divergences of slices and arrays are the same bits on every processor and with any number of
//!   threads. Families and estimates call the logarithm and the exponential of the system's library, and may differ from
//!   system to system in the last digit.
//!
//! # What there is
//!
//! - [`discrete`]: divergences of slices, of `ndarray` arrays along an axis, of Burn tensors along a dimension, from
//!   probabilities or from logits.
//! - [`samples`]: divergences, entropies, distances and mutual information from samples; permutation tests.
//! - [`latent`]: the codes of a variational autoencoder beside their prior.
//! - [`families`]: named families, from Normal to von Mises: entropies, moments, closed-form KL and Rényi divergences, also
//!   as Burn tensors; quadrature where there is no closed form.
//! - `normal_fit` (feature `tensor`): a Normal fitted by gradient descent on KL.
//! - the command `metrics` (feature `cli`), with `compare`, `matrix`, `samples`, `families` and `fit`.
//!
//! The feature `tensor`, on by default through the backends `flex`, `ndarray` and `wgpu`, brings all that needs Burn.
//! Without it (`default-features = false`) the crate is small and builds in seconds.
// `forbid` would refuse the macro `s!` of ndarray, which allows it within itself.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod base;
#[cfg(feature = "tensor")]
mod differentiable;
pub mod discrete;
mod error;
pub mod families;
pub mod latent;
#[cfg(feature = "tensor")]
pub mod normal_fit;
mod numeric;
mod readable;
pub mod samples;

pub use base::{Base, OtherBase};
pub use discrete::{
    Probabilities, Weights, bhattacharyya_coefficient, bhattacharyya_distance, chi_squared,
    conditional_entropy, cross_entropy, entropy, generalized_jensen_shannon, hellinger, jeffreys,
    jensen_shannon_distance, jensen_shannon_divergence, joint_entropy, kl_divergence, mutual_information,
    normalized, perplexity, rel_entr, renyi_divergence, renyi_entropy, total_variation, tsallis_divergence,
    tsallis_entropy,
};
pub use error::{Argument, DivergenceError};
