//! From numbers to positions, and the ticks between.

/// How an axis maps numbers to positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal distances for equal differences.
    #[default]
    Linear,
    /// Equal distances for equal ratios. Numbers that are not above 0 are left out.
    Log,
    /// The same, and a place for 0 before the low end, beyond a gap. Numbers below 0 are left out.
    LogAndZero,
    /// Equal distances for equal differences of `asinh(x)`: close to linear up to 1, close to logarithmic far beyond. All
    /// numbers have a place.
    Asinh,
}

/// Where 0 lies on an axis with a place for it, and where the logarithm begins.
const ZERO: f64 = 0.05;
const AFTER_ZERO: f64 = 0.17;

/// Middle of the gap between 0 and the logarithm.
pub(super) const GAP_AFTER_ZERO: f64 = 0.5 * (ZERO + AFTER_ZERO);

impl Scale {
    /// The position of a number between the ends of the axis, from 0 to 1 inside. `None` where the scale has no place for it.
    pub(super) fn position(self, value: f64, [low, high]: [f64; 2]) -> Option<f64> {
        match self {
            Self::Linear => value.is_finite().then(|| (value - low) / (high - low)),
            Self::Log => {
                (value > 0.0 && value.is_finite()).then(|| (value.ln() - low.ln()) / (high.ln() - low.ln()))
            }
            Self::LogAndZero if value == 0.0 => Some(ZERO),
            Self::LogAndZero => {
                Self::Log.position(value, [low, high]).map(|t| AFTER_ZERO + (1.0 - AFTER_ZERO) * t)
            }
            Self::Asinh => {
                value.is_finite().then(|| (value.asinh() - low.asinh()) / (high.asinh() - low.asinh()))
            }
        }
    }

    /// Whether the axis is interrupted between two numbers.
    pub(super) fn separates(self, a: f64, b: f64) -> bool {
        self == Self::LogAndZero && (a == 0.0) != (b == 0.0)
    }

    fn is_logarithmic(self) -> bool {
        matches!(self, Self::Log | Self::LogAndZero)
    }

    /// The smallest range of round numbers around the data.
    pub(super) fn range(self, data: impl Iterator<Item = f64>, wanted: usize) -> [f64; 2] {
        let usable = data.filter(|v| v.is_finite() && (*v > 0.0 || !self.is_logarithmic()));
        let (low, high) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return if self.is_logarithmic() { [0.1, 1.0] } else { [0.0, 1.0] };
        }
        match self {
            Self::Linear => {
                let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
                let step = round_step((high - low) / wanted as f64);
                [(low / step).floor() * step, (high / step).ceil() * step]
            }
            Self::Asinh => match outwards(low, high) {
                Some(range) => range,
                None => Self::Linear.range([low, high].into_iter(), wanted),
            },
            Self::Log | Self::LogAndZero => {
                let steps = if high / low < FEW_DECADES { &WITHIN_A_DECADE[..] } else { &[1.0] };
                let (low, high) = (log_below(low, steps), log_above(high, steps));
                if low == high { [low / 10.0, high] } else { [low, high] }
            }
        }
    }

    /// Ticks inside a range, about `wanted` of them.
    pub(super) fn ticks(self, [low, high]: [f64; 2], wanted: usize) -> Vec<Tick> {
        match self {
            Self::Linear => {
                let step = round_step((high - low) / wanted as f64);
                let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
                let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
                (first..=last)
                    .map(|k| {
                        let value = k as f64 * step;
                        Tick { value, label: format!("{value:.decimals$}").replace('-', "−") }
                    })
                    .collect()
            }
            Self::Asinh => match outwards(low, high) {
                Some(_) => asinh_ticks(low, high, wanted),
                None => Self::Linear.ticks([low, high], wanted),
            },
            Self::LogAndZero => {
                let zero = Tick { value: 0.0, label: "0".to_owned() };
                [zero].into_iter().chain(Self::Log.ticks([low, high], wanted)).collect()
            }
            Self::Log => {
                if high / low < FEW_DECADES {
                    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
                    let ticks = (first..=last).flat_map(|e| {
                        let decimals = (-e).max(0) as usize;
                        WITHIN_A_DECADE.map(|m| m * 10f64.powi(e)).map(|value| {
                            let label = format!("{value:.decimals$}");
                            Tick { value, label }
                        })
                    });
                    return ticks.filter(|t| (low * 0.999..=high * 1.001).contains(&t.value)).collect();
                }
                let (first, last) = (low.log10().ceil() as i32, high.log10().floor() as i32);
                let stride = (((last - first) as usize).div_ceil(wanted)).max(1);
                (first..=last)
                    .step_by(stride)
                    .map(|e| Tick { value: 10f64.powi(e), label: power_of_ten(e) })
                    .collect()
            }
        }
    }
}

/// Below this ratio of its ends a logarithmic axis has ticks within the decades too.
const FEW_DECADES: f64 = 300.0;
const WITHIN_A_DECADE: [f64; 3] = [1.0, 2.0, 5.0];

/// The largest number that is one of the steps times a power of ten and not above the value.
fn log_below(value: f64, steps: &[f64]) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    steps.iter().map(|step| step * decade).rfind(|v| *v <= value * (1.0 + 1e-9)).unwrap_or(decade)
}

/// The smallest such number that is not below the value.
fn log_above(value: f64, steps: &[f64]) -> f64 {
    let decade = 10f64.powf(value.log10().floor());
    let inside = steps.iter().map(|step| step * decade).find(|v| *v >= value * (1.0 - 1e-9));
    inside.unwrap_or(10.0 * decade)
}

/// The round numbers around both ends of an axis on which asinh is far from linear; nothing where it is not.
fn outwards(low: f64, high: f64) -> Option<[f64; 2]> {
    const STILL_LINEAR: f64 = 5.0;
    let away =
        |v: f64| if v == 0.0 { 0.0 } else { v.signum() * log_above(v.abs().max(1.0), &WITHIN_A_DECADE) };
    let range = [if low > 0.0 { 0.0 } else { away(low) }, if high < 0.0 { 0.0 } else { away(high) }];
    (high.max(-low) > STILL_LINEAR).then_some(range)
}

/// 0 and powers of ten on both sides, with 2 and 5 times these where there are few.
fn asinh_ticks(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let decades = high.max(-low).log10().ceil() as i32;
    let steps = if (decades as usize) * 2 <= wanted { &WITHIN_A_DECADE[..] } else { &[1.0] };
    let stride = (decades as usize).div_ceil(wanted).max(1);
    let sizes: Vec<(f64, String)> = (0..=decades)
        .step_by(stride)
        .flat_map(|e| {
            steps.iter().map(move |step| {
                let value = step * 10f64.powi(e);
                (value, if e > 3 { power_of_ten(e) } else { format!("{value}") })
            })
        })
        .collect();
    let negative =
        sizes.iter().rev().map(|(size, label)| Tick { value: -size, label: format!("−{label}") });
    let zero = Tick { value: 0.0, label: "0".to_owned() };
    let positive = sizes.iter().map(|(size, label)| Tick { value: *size, label: label.clone() });
    let all = negative.chain([zero]).chain(positive);
    all.filter(|tick| (low..=high).contains(&tick.value)).collect()
}

/// A tick of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where it is.
    pub value: f64,
    /// What stands there; a tick without a word where empty.
    pub label: String,
}

/// 1, 2 or 5 times a power of ten, at least as large as the step asked for.
fn round_step(step: f64) -> f64 {
    let magnitude = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * magnitude >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * magnitude
}

fn power_of_ten(exponent: i32) -> String {
    match exponent {
        0 => return "1".to_owned(),
        1 => return "10".to_owned(),
        _ => {}
    }
    let superscript = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32(c as u32 - '0' as u32 + '⁰' as u32).unwrap_or(c),
    };
    format!("10{}", exponent.to_string().chars().map(superscript).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, range: [f64; 2]) -> Vec<String> {
        scale.ticks(range, 5).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_with_as_many_decimals_as_they_need() {
        assert_eq!(labels(Scale::Linear, [-10.0, 10.0]), ["−10", "−5", "0", "5", "10"]);
        assert_eq!(labels(Scale::Linear, [0.0, 0.4]), ["0.0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(labels(Scale::Linear, [0.0, 100.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(Scale::Log, [1e-4, 10.0]), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1", "10"]);
        assert_eq!(labels(Scale::Log, [0.2, 10.0]), ["0.2", "0.5", "1", "2", "5", "10"]);
        assert_eq!(labels(Scale::LogAndZero, [0.02, 1.0]), ["0", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(Scale::Asinh, [0.0, 50.0]), ["0", "1", "2", "5", "10", "20", "50"]);
        assert_eq!(labels(Scale::Asinh, [-10.0, 500.0]), ["−10", "−1", "0", "1", "10", "100"]);
        assert_eq!(labels(Scale::Asinh, [0.0, 0.4]), ["0.0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(labels(Scale::Log, [1e-15, 1.0]), ["10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]);
    }

    #[test]
    fn ranges_hold_the_data_whatever_it_is() {
        assert_eq!(Scale::Linear.range([0.03, 0.37].into_iter(), 5), [0.0, 0.4]);
        assert_eq!(Scale::Linear.range([2.0, 2.0].into_iter(), 4), [1.5, 2.5]);
        assert_eq!(Scale::Linear.range([f64::NAN, f64::INFINITY].into_iter(), 5), [0.0, 1.0]);
        assert_eq!(Scale::Log.range([0.0, 0.03, 3.0].into_iter(), 5), [0.02, 5.0]);
        assert_eq!(Scale::Log.range([0.0, 0.03, 300.0].into_iter(), 5), [0.01, 1000.0]);
        assert_eq!(Scale::Asinh.range([0.6, 307.8].into_iter(), 5), [0.0, 500.0]);
        assert_eq!(Scale::Asinh.range([0.001, 0.4].into_iter(), 4), [0.0, 0.4]);
        assert_eq!(Scale::Log.position(0.0, [0.01, 10.0]), None);
        assert_eq!(Scale::Linear.position(3.0, [1.0, 5.0]), Some(0.5));
    }

    #[test]
    fn zero_has_a_place_of_its_own_before_the_logarithm() {
        let place = |value| Scale::LogAndZero.position(value, [0.01, 100.0]);
        assert_eq!([place(0.0), place(0.01), place(100.0)], [Some(ZERO), Some(AFTER_ZERO), Some(1.0)]);
        assert_eq!(place(-1.0), None);
        assert!(Scale::LogAndZero.separates(0.0, 0.01) && !Scale::LogAndZero.separates(0.01, 1.0));
    }
}
