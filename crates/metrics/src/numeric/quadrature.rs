//! Adaptive quadrature on a finite interval.

/// An integral and the estimate of its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Integral {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

/// Positive nodes of the 15-point Kronrod rule on [-1, 1], its weights, and those of the 7-point Gauss rule at every second
/// node (QUADPACK, `qk15`).
const KRONROD: [(f64, f64); 8] = [
    (0.991_455_371_120_812_6, 0.022_935_322_010_529_224),
    (0.949_107_912_342_758_5, 0.063_092_092_629_978_55),
    (0.864_864_423_359_769_1, 0.104_790_010_322_250_18),
    (0.741_531_185_599_394_4, 0.140_653_259_715_525_92),
    (0.586_087_235_467_691_1, 0.169_004_726_639_267_9),
    (0.405_845_151_377_397_2, 0.190_350_578_064_785_4),
    (0.207_784_955_007_898_47, 0.204_432_940_075_298_9),
    (0.0, 0.209_482_141_084_727_83),
];
const GAUSS: [f64; 4] =
    [0.129_484_966_168_869_7, 0.279_705_391_489_276_64, 0.381_830_050_505_118_9, 0.417_959_183_673_469_4];

/// Panels beyond which no more are halved.
const MOST_PANELS: usize = 4000;

struct Panel {
    low: f64,
    high: f64,
    integral: Integral,
}

impl Panel {
    fn of(f: &impl Fn(f64) -> f64, low: f64, high: f64) -> Self {
        let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
        let (mut kronrod, mut gauss) = (0.0, 0.0);
        for (i, (node, weight)) in KRONROD.into_iter().enumerate() {
            let sum = if node == 0.0 { f(middle) } else { f(middle - half * node) + f(middle + half * node) };
            kronrod += weight * sum;
            if i % 2 == 1 {
                gauss += GAUSS[i / 2] * sum;
            }
        }
        Self {
            low,
            high,
            integral: Integral { value: half * kronrod, error: half * (kronrod - gauss).abs() },
        }
    }

    fn halves(&self, f: &impl Fn(f64) -> f64) -> [Self; 2] {
        let middle = 0.5 * (self.low + self.high);
        [Self::of(f, self.low, middle), Self::of(f, middle, self.high)]
    }
}

/// The integral of `f` over the intervals between neighbouring `cuts`.
///
/// The panel with the largest difference between its two rules is halved until the sum of the differences is below
/// `tolerance` times the integral of |f|. Then every panel is halved once more: two rules may agree on a panel by accident,
/// and not on both of its halves. The error is what that changed, and the differences that are left; for a smooth integrand
/// both are far above that of the value.
pub(crate) fn integrate(f: impl Fn(f64) -> f64, cuts: &[f64], tolerance: f64) -> Integral {
    let mut panels: Vec<Panel> = cuts.windows(2).map(|cut| Panel::of(&f, cut[0], cut[1])).collect();
    while panels.len() < MOST_PANELS {
        let whole = sum(&panels);
        let worst = (0..panels.len())
            .max_by(|&i, &j| panels[i].integral.error.total_cmp(&panels[j].integral.error))
            .filter(|_| whole.error > tolerance * panels.iter().map(|p| p.integral.value.abs()).sum::<f64>());
        let Some(worst) = worst else { break };
        let [low, high] = panels[worst].halves(&f);
        panels[worst] = low;
        panels.push(high);
    }
    let coarse = sum(&panels);
    let fine = sum(&panels.iter().flat_map(|panel| panel.halves(&f)).collect::<Vec<_>>());
    let rounding = f64::EPSILON * panels.iter().map(|p| p.integral.value.abs()).sum::<f64>();
    Integral { value: fine.value, error: fine.error + (fine.value - coarse.value).abs() + rounding }
}

fn sum(panels: &[Panel]) -> Integral {
    Integral {
        value: panels.iter().map(|panel| panel.integral.value).sum(),
        error: panels.iter().map(|panel| panel.integral.error).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_kinked_and_narrow_integrands() {
        let close = |integral: Integral, expected: f64| {
            let error = (integral.value - expected).abs();
            assert!(
                error <= integral.error && integral.error < 1e-10 * expected,
                "{integral:?}, not {expected}"
            );
        };
        close(integrate(f64::exp, &[0.0, 1.0], 1e-12), 1f64.exp() - 1.0);
        close(integrate(|x| (x - 0.3).abs(), &[0.0, 1.0], 1e-12), 0.5 * (0.09 + 0.49));
        close(integrate(|x| 1.0 / (1e-6 + x * x), &[-1.0, 1.0], 1e-12), 2e3 * 1e3f64.atan());
        // The rule with fifteen points is exact for degree 22, and the one with seven is not.
        let of_degree_22 = Panel::of(&|x: f64| x.powi(22), -1.0, 1.0).integral;
        assert!(
            (of_degree_22.value - 2.0 / 23.0).abs() < 1e-15 && of_degree_22.error > 1e-3,
            "{of_degree_22:?}"
        );
    }
}
