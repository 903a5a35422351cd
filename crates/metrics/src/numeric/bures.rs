//! The Bures distance of two covariances: what their shapes add to the Wasserstein distance of two Normals.

/// `min over orthogonal R of |A - B R|`, the root of `tr(Σ_p) + tr(Σ_q) - 2 tr((Σ_q^(1/2) Σ_p Σ_q^(1/2))^(1/2))` for square roots
/// `Σ_p = A Aᵀ` and `Σ_q = B Bᵀ`, n rows each, row by row.
///
/// The best R is the polar factor of `Bᵀ A`, from its singular value decomposition by Jacobi's rotations. With R the
/// distance is a sum of squares, and keeps its precision for covariances that are nearly equal; the traces would leave
/// rounding. They are taken where a covariance is singular, which leaves R undetermined.
pub(crate) fn bures_distance(a: &[f64], b: &[f64], n: usize) -> f64 {
    // What follows is of up to the eighth order in them.
    let exponent = super::exponent_above(a.iter().chain(b));
    let scaled = |m: &[f64]| m.iter().map(|&x| libm::ldexp(x, -exponent)).collect::<Vec<f64>>();
    libm::ldexp(squared_distance_near_1(&scaled(a), &scaled(b), n).sqrt(), exponent)
}

/// The distance of roots that are not much greater or smaller than 1.
fn squared_distance_near_1(a: &[f64], b: &[f64], n: usize) -> f64 {
    let at = |m: &[f64], i: usize, j: usize| m[i * n + j];
    // The columns of Bᵀ A.
    let mut columns: Vec<Vec<f64>> =
        (0..n).map(|j| (0..n).map(|i| (0..n).map(|k| at(b, k, i) * at(a, k, j)).sum()).collect()).collect();
    let mut rotations = unit_matrix(n);
    rotate_until_orthogonal(&mut columns, &mut rotations);
    let singular: Vec<f64> = columns.iter().map(|column| norm(column)).collect();
    let largest = singular.iter().copied().fold(0.0, f64::max);
    if singular.iter().any(|s| *s <= SINGULAR * largest) {
        return (dot(a, a) + dot(b, b) - 2.0 * singular.iter().sum::<f64>()).max(0.0);
    }
    // R = sum_k u_k v_kᵀ with u_k the normalised columns.
    let r =
        |i: usize, j: usize| -> f64 { (0..n).map(|k| columns[k][i] / singular[k] * rotations[k][j]).sum() };
    let r: Vec<f64> = (0..n * n).map(|index| r(index / n, index % n)).collect();
    let rest = |i: usize, j: usize| at(a, i, j) - (0..n).map(|k| at(b, i, k) * at(&r, k, j)).sum::<f64>();
    (0..n * n).map(|index| rest(index / n, index % n).powi(2)).sum()
}

/// The singular values of a matrix of n rows, given row by row.
pub(crate) fn singular_values(m: &[f64], n: usize) -> Vec<f64> {
    let mut columns: Vec<Vec<f64>> = (0..n).map(|j| (0..n).map(|i| m[i * n + j]).collect()).collect();
    rotate_until_orthogonal(&mut columns, &mut unit_matrix(n));
    columns.iter().map(|column| norm(column)).collect()
}

fn unit_matrix(n: usize) -> Vec<Vec<f64>> {
    (0..n).map(|j| (0..n).map(|i| f64::from(u8::from(i == j))).collect()).collect()
}

/// Singular values below this part of the largest are taken for 0.
const SINGULAR: f64 = 1e-12;

/// Jacobi's method on one side: sweeps over all pairs of columns, each turned to be orthogonal.
fn rotate_until_orthogonal(columns: &mut [Vec<f64>], rotations: &mut [Vec<f64>]) {
    // Convergence is quadratic; ten sweeps are more than any matrix has been seen to need.
    for _ in 0..60 {
        let mut done = true;
        for j in 1..columns.len() {
            for i in 0..j {
                let (alpha, beta) = (dot(&columns[i], &columns[i]), dot(&columns[j], &columns[j]));
                let gamma = dot(&columns[i], &columns[j]);
                if gamma == 0.0 || gamma.abs() <= f64::EPSILON * alpha.sqrt() * beta.sqrt() {
                    continue;
                }
                done = false;
                let zeta = (beta - alpha) / (2.0 * gamma);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cosine = 1.0 / tangent.hypot(1.0);
                for pair in [&mut *columns, &mut *rotations] {
                    let (left, right) = pair.split_at_mut(j);
                    for (x, y) in left[i].iter_mut().zip(&mut right[0]) {
                        (*x, *y) = (cosine * (*x - tangent * *y), cosine * (tangent * *x + *y));
                    }
                }
            }
        }
        if done {
            break;
        }
    }
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covariances_that_commute_differ_by_their_roots() {
        // Diagonal: sum (sd_p - sd_q)^2, whatever the rotation of the roots.
        let (a, b) = ([2.0, 0.0, 0.0, 3.0], [0.0, -1.0, 5.0, 0.0]);
        assert!((bures_distance(&a, &b, 2) - 5f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn close_covariances_keep_their_precision() {
        let a = [1.0, 0.0, 0.0, 0.5, 2.0, 0.0, -0.3, 0.7, 1.5];
        assert!(bures_distance(&a, &a, 3) < 1e-15);
        let d = 1e-9;
        let b = a.map(|x| x * (1.0 + d));
        let expected = d * norm(&a);
        let found = bures_distance(&a, &b, 3);
        assert!((found / expected - 1.0).abs() < 1e-6, "{found:e}, not {expected:e}");
    }

    #[test]
    fn singular_covariances() {
        let (a, b) = ([2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]);
        assert!((bures_distance(&a, &b, 2) - 13f64.sqrt()).abs() < 1e-14);
        assert_eq!(bures_distance(&[0.0; 4], &[0.0; 4], 2), 0.0);
    }

    #[test]
    fn at_the_ends_of_the_range_it_scales_as_the_roots_do() {
        let (a, b) = ([2.0, 0.0, 0.25, 1.5], [2.5, 0.0, 0.125, 1.0]);
        let expected = bures_distance(&a, &b, 2);
        for exponent in [-1000, -300, -130, 130, 300, 1000] {
            let scaled = |m: [f64; 4]| m.map(|x| libm::ldexp(x, exponent));
            assert_eq!(
                bures_distance(&scaled(a), &scaled(b), 2),
                libm::ldexp(expected, exponent),
                "{exponent}"
            );
        }
    }
}
