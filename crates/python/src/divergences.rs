//! Numbers about distributions.

use anyhow::anyhow;
use metrics::families::{Distribution, FamilyError, KlDivergence};
use metrics::latent::{self, BinnedComparison, Posteriors, PriorComparison};
use metrics::samples::Estimate;
use metrics::{DivergenceError, discrete};
use ndarray::{ArrayD, ArrayViewD, Axis};
use numpy::{IntoPyArray, PyArray1, PyArrayDyn, PyReadonlyArray2, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use crate::value_error;

/// An estimate and its standard error.
type Pair = (f64, f64);

fn pair(Estimate { value, standard_error }: Estimate) -> Pair {
    (value, standard_error)
}

/// `KL(P ‖ Q)` along the last axis, in nats.
#[pyfunction]
pub fn kl_divergence<'py>(
    py: Python<'py>,
    p: PyReadonlyArrayDyn<'py, f64>,
    q: PyReadonlyArrayDyn<'py, f64>,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    along(py, &p, &q, |p, q| metrics::kl_divergence(p, q))
}

/// `JS(P, Q)` along the last axis, in nats.
#[pyfunction]
pub fn jensen_shannon_divergence<'py>(
    py: Python<'py>,
    p: PyReadonlyArrayDyn<'py, f64>,
    q: PyReadonlyArrayDyn<'py, f64>,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    along(py, &p, &q, |p, q| metrics::jensen_shannon_divergence(p, q))
}

fn along<'py>(
    py: Python<'py>,
    p: &PyReadonlyArrayDyn<'py, f64>,
    q: &PyReadonlyArrayDyn<'py, f64>,
    divergence: fn(&[f64], &[f64]) -> Result<f64, DivergenceError>,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let (p, q) = (p.as_array(), q.as_array());
    let found = py.detach(|| of_views(p, q, divergence)).map_err(value_error)?;
    Ok(found.into_pyarray(py))
}

fn of_views(
    p: ArrayViewD<'_, f64>,
    q: ArrayViewD<'_, f64>,
    divergence: fn(&[f64], &[f64]) -> Result<f64, DivergenceError>,
) -> Result<ArrayD<f64>, DivergenceError> {
    let last = Axis(p.ndim().saturating_sub(1));
    discrete::along(p, q, last, divergence)
}

/// `KL(P ‖ Q)` of two named distributions, in nats, with a bound on its error: 0 of a closed form.
#[pyfunction]
pub fn kl_between_families(py: Python<'_>, p: &str, q: &str) -> PyResult<Pair> {
    py.detach(|| -> Result<Pair, FamilyError> {
        let (p, q): (Distribution, Distribution) = (p.parse()?, q.parse()?);
        match p.kl_divergence(&q) {
            Err(FamilyError::NoClosedForm { .. }) => {
                let found = p.kl_divergence_numerically(&q)?;
                Ok((found.value, found.error))
            }
            closed => Ok((closed?, 0.0)),
        }
    })
    .map_err(value_error)
}

/// The mean KL of each dimension from the prior, in nats.
#[pyfunction]
pub fn kl_per_dimension<'py>(
    py: Python<'py>,
    means: PyReadonlyArray2<'py, f64>,
    log_vars: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let posteriors = Posteriors::new(means.as_array(), log_vars.as_array()).map_err(value_error)?;
    Ok(py.detach(|| latent::kl_per_dimension(posteriors)).into_pyarray(py))
}

/// The parts of the KL, by their names.
#[pyfunction]
pub fn decompose_kl<'py>(
    py: Python<'py>,
    means: PyReadonlyArray2<'py, f64>,
    log_vars: PyReadonlyArray2<'py, f64>,
    codes: PyReadonlyArray2<'py, f64>,
) -> PyResult<(Vec<(&'static str, Pair)>, bool)> {
    let posteriors = Posteriors::new(means.as_array(), log_vars.as_array()).map_err(value_error)?;
    let codes = codes.as_array();
    if codes.dim() != (posteriors.images(), posteriors.dimensions()) {
        let shapes = (codes.dim(), means.as_array().dim());
        return Err(value_error(anyhow!(
            "codes are {:?} and means {:?}: every posterior has a code",
            shapes.0,
            shapes.1
        )));
    }
    let found = py.detach(|| latent::decompose_kl(posteriors, codes)).map_err(value_error)?;
    let parts = vec![
        ("kl", pair(found.kl)),
        ("mutual_information", pair(found.mutual_information)),
        ("information_upper", pair(found.information_upper)),
        ("marginal_kl", pair(found.marginal_kl)),
        ("total_correlation", pair(found.total_correlation)),
        ("dimension_kl", pair(found.dimension_kl)),
    ];
    Ok((parts, found.saturated))
}

/// The distances of codes from the prior, by their names.
#[pyfunction]
pub fn compare_to_prior<'py>(
    py: Python<'py>,
    codes: PyReadonlyArray2<'py, f64>,
) -> PyResult<Vec<(&'static str, Option<Pair>)>> {
    let codes = codes.as_array();
    let found = py.detach(|| latent::compare_to_prior(codes)).map_err(value_error)?;
    let PriorComparison { binned, neighbour_kl, squared_mmd, .. } = found;
    let of_bins = |of: fn(BinnedComparison) -> Pair| binned.map(of);
    Ok(vec![
        ("binned_js", of_bins(|binned| pair(binned.js))),
        ("binned_kl", of_bins(|binned| pair(binned.kl))),
        ("js_floor", of_bins(|binned| (binned.js_floor, 0.0))),
        ("kl_floor", of_bins(|binned| (binned.kl_floor, 0.0))),
        ("neighbour_kl", Some(pair(neighbour_kl))),
        ("squared_mmd", Some(pair(squared_mmd))),
    ])
}
