//! What was found beside what had to be.

use std::fmt;

/// One number of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What it is.
    pub name: String,
    /// The least and the greatest value that it may have in theory; the same where theory names one.
    pub expected: [f64; 2],
    /// By how much it may be missed.
    pub tolerance: f64,
    /// What was found.
    pub found: f64,
}

/// Checks that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What is computed, in a line.
    pub title: String,
    /// Its numbers.
    pub checks: Vec<Check>,
}

impl Check {
    /// Of a number with one true value.
    pub fn value(name: impl Into<String>, expected: f64, tolerance: f64, found: f64) -> Self {
        Self::between(name, [expected; 2], tolerance, found)
    }

    /// Of a number that theory bounds.
    pub fn between(name: impl Into<String>, expected: [f64; 2], tolerance: f64, found: f64) -> Self {
        Self { name: name.into(), expected, tolerance, found }
    }

    /// Whether what was found is what had to be; NaN is not.
    pub fn passed(&self) -> bool {
        let [least, most] = self.expected;
        self.found >= least - self.tolerance && self.found <= most + self.tolerance
    }
}

impl Case {
    /// Whether all checks hold.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Check::passed)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected: [least, most], tolerance, found } = self;
        let expected = if least == most { format!("{least:.5}") } else { format!("{least:.5} to {most:.5}") };
        let verdict = if self.passed() { "ok" } else { "FAILED" };
        write!(f, "  {name:<44} {expected:>22} {found:>12.5}   ± {tolerance:<9.5} {verdict}")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        writeln!(f, "  {:<44} {:>22} {:>12}", "", "expected", "found")?;
        self.checks.iter().try_for_each(|check| writeln!(f, "{check}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_holds_within_its_tolerance_of_what_theory_allows() {
        for (found, passed) in [(0.89, false), (0.91, true), (1.5, true), (2.09, true), (2.11, false)] {
            assert_eq!(Check::between("a number", [1.0, 2.0], 0.1, found).passed(), passed, "{found}");
        }
        assert!(!Check::value("a number", 0.0, f64::INFINITY, f64::NAN).passed());
    }

    #[test]
    fn a_case_fails_with_one_of_its_checks_and_says_which() {
        let good = Check::value("good", 1.0, 0.1, 1.0);
        let bad = Check { name: "bad".to_string(), found: 1.2, ..good.clone() };
        let case = Case { title: "A case".to_string(), checks: vec![good, bad] };
        assert!(!case.passed());
        let lines: Vec<String> = case.to_string().lines().map(str::to_string).collect();
        assert!(lines[3].ends_with("ok") && lines[4].ends_with("FAILED"), "{case}");
    }
}
