//! Reads `family(number, name = number, [vector], [[matrix]])`.

use super::error::{FamilyError, Problem};

/// A parsed call, its names not yet looked up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    text: String,
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Argument {
    Number { name: Option<String>, value: f64, position: usize },
    Vector(Vec<f64>),
    Matrix(Vec<Vec<f64>>),
}

impl Call {
    pub(super) fn parse(text: &str) -> Result<Self, FamilyError> {
        let mut reader = Reader { text, rest: text };
        let name = reader.word();
        if name.is_empty() {
            return Err(reader.problem(Problem::NoName));
        }
        reader.expect('(')?;
        let mut arguments = Vec::new();
        if !reader.accept(')') {
            loop {
                arguments.push(reader.argument()?);
                if reader.accept(')') {
                    break;
                }
                reader.expect(',')?;
            }
        }
        reader.skip_space();
        if !reader.rest.is_empty() {
            return Err(reader.problem(Problem::Trailing));
        }
        Ok(Self { text: text.to_owned(), name: name.to_ascii_lowercase(), arguments })
    }

    /// The values of the named parameters, in their order.
    pub(super) fn numbers<const N: usize>(
        &self,
        family: &'static str,
        parameters: &'static [&'static str],
    ) -> Result<[f64; N], FamilyError> {
        let wrong_count = || FamilyError::ParameterCount { family, parameters, actual: self.arguments.len() };
        let mut values = [None; N];
        for (place, argument) in self.arguments.iter().enumerate() {
            let Argument::Number { name, value, position } = argument else {
                return Err(self.problem(1, Problem::NotNumbers { family, parameters }));
            };
            let slot = match name {
                None => place,
                Some(name) => parameters.iter().position(|p| p == name).ok_or_else(|| {
                    FamilyError::UnknownParameter { family, name: name.clone(), parameters }
                })?,
            };
            let slot = values.get_mut(slot).ok_or_else(wrong_count)?;
            if slot.replace(*value).is_some() {
                return Err(self.problem(*position, Problem::Twice { family }));
            }
        }
        if values.contains(&None) { Err(wrong_count()) } else { Ok(values.map(Option::unwrap_or_default)) }
    }

    /// The values of a family whose parameter is a list, with or without brackets.
    pub(super) fn list(&self, family: &'static str) -> Result<Vec<f64>, FamilyError> {
        if let [Argument::Vector(values)] = self.arguments.as_slice() {
            return Ok(values.clone());
        }
        let plain = |argument: &Argument| match argument {
            Argument::Number { name: None, value, .. } => Some(*value),
            _ => None,
        };
        let values: Option<Vec<f64>> = self.arguments.iter().map(plain).collect();
        values.ok_or_else(|| self.problem(1, Problem::Named { family }))
    }

    pub(super) fn problem(&self, position: usize, problem: Problem) -> FamilyError {
        FamilyError::Syntax { text: self.text.clone(), position, problem }
    }
}

/// What is left to read of a text.
struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn argument(&mut self) -> Result<Argument, FamilyError> {
        self.skip_space();
        if self.rest.starts_with('[') {
            return self.bracket();
        }
        // A name is a word followed by '='; 'inf' and '1e5' are words too.
        let (start, position) = (self.rest, self.position());
        let word = self.word();
        if !word.is_empty() && self.accept('=') {
            let name = Some(word.to_ascii_lowercase());
            return Ok(Argument::Number { name, value: self.number()?, position });
        }
        self.rest = start;
        Ok(Argument::Number { name: None, value: self.number()?, position })
    }

    fn bracket(&mut self) -> Result<Argument, FamilyError> {
        self.expect('[')?;
        self.skip_space();
        if !self.rest.starts_with('[') {
            return Ok(Argument::Vector(self.numbers_until_bracket()?));
        }
        let mut rows = Vec::new();
        loop {
            self.expect('[')?;
            rows.push(self.numbers_until_bracket()?);
            if self.accept(']') {
                return Ok(Argument::Matrix(rows));
            }
            self.expect(',')?;
        }
    }

    fn numbers_until_bracket(&mut self) -> Result<Vec<f64>, FamilyError> {
        let mut numbers = Vec::new();
        if self.accept(']') {
            return Ok(numbers);
        }
        loop {
            numbers.push(self.number()?);
            if self.accept(']') {
                return Ok(numbers);
            }
            self.expect(',')?;
        }
    }

    fn number(&mut self) -> Result<f64, FamilyError> {
        self.skip_space();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-')))
            .unwrap_or(self.rest.len());
        let number = self.rest[..end].parse().map_err(|_| {
            // A sign that no number begins with is shown alone.
            let shown = if end == 0 { self.rest.chars().next().map_or(0, char::len_utf8) } else { end };
            self.problem(Problem::NoNumber { found: self.rest[..shown].to_owned() })
        })?;
        self.rest = &self.rest[end..];
        Ok(number)
    }

    /// Letters, digits and underscores.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn accept(&mut self, wanted: char) -> bool {
        self.skip_space();
        let Some(rest) = self.rest.strip_prefix(wanted) else { return false };
        self.rest = rest;
        true
    }

    fn expect(&mut self, wanted: char) -> Result<(), FamilyError> {
        if self.accept(wanted) {
            return Ok(());
        }
        Err(self.problem(Problem::Expected { wanted, found: self.rest.chars().next() }))
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn problem(&self, problem: Problem) -> FamilyError {
        FamilyError::Syntax { text: self.text.to_owned(), position: self.position(), problem }
    }

    /// The character to be read next, from 1.
    fn position(&self) -> usize {
        self.text[..self.text.len() - self.rest.len()].chars().count() + 1
    }
}

#[cfg(test)]
mod tests {
    use crate::families::Distribution;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in [
            "normal(0, 2)",
            "binomial(10, 0.25)",
            "categorical(0.1, 0.4, 0.5)",
            "dirichlet(1, 2, 3.5)",
            "multivariate_normal([0, 1], [1, 4])",
            "multivariate_normal([0, 1], [[4, 1], [1, 4.25]])",
            "von_mises(-1, 0)",
            "exponential(1e162)",
            "uniform(-1e-300, 2.5e-5)",
        ] {
            let read: Distribution = text.parse().unwrap();
            assert_eq!(read.to_string(), text);
        }
        let spaced: Distribution = " Gamma ( rate=2 , shape = 3e0 ) ".parse().unwrap();
        assert_eq!(spaced.to_string(), "gamma(3, 2)");
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        for (text, expected) in [
            ("", "'' at character 1: expected the name of a family, as in normal(0, 1)"),
            ("normal", "'normal' at character 7: expected '(', found the end"),
            ("normal(0;1)", "'normal(0;1)' at character 9: expected ',', found ';'"),
            ("normal(0, x)", "'normal(0, x)' at character 11: expected a number, found 'x'"),
            (
                "normal(0, 1) 2",
                "'normal(0, 1) 2' at character 14: expected nothing after the closing parenthesis",
            ),
            ("normal(0)", "normal: the list of parameters has 1 entries, and has to have 2 (mean, sd)"),
            ("normal(0, 1, 2)", "normal: the list of parameters has 3 entries, and has to have 2 (mean, sd)"),
            (
                "normal(0, mean=1)",
                "'normal(0, mean=1)' at character 11: a parameter of normal is given twice",
            ),
            ("normal(0, var=1)", "normal has no parameter 'var'; it has mean, sd"),
            ("normal(1e162, -1e-300)", "normal: sd is -1e-300, and has to be finite and above 0"),
            ("normal(0, -1)", "normal: sd is -1, and has to be finite and above 0"),
            ("normal(nan, 1)", "normal: mean is NaN, and has to be finite"),
            ("normall(0, 1)", "no family is called 'normall'; did you mean 'normal'?"),
            (
                "uniform(2, 1)",
                "uniform: low is 2 and high is 1; low has to be below high, and their distance finite",
            ),
            (
                "dirichlet(1, 0)",
                "dirichlet: entry 1 of concentrations is 0, and has to be finite and above 0",
            ),
            ("categorical(0.5, 0.6)", "the probabilities sum to 1.1, and have to sum to 1 within 1e-8"),
            (
                "binomial(1.5, 0.5)",
                "binomial: trials is 1.5, and has to be a whole number between 0 and 2^53",
            ),
        ] {
            let error = text.parse::<Distribution>().unwrap_err();
            assert_eq!(error.to_string(), expected, "for {text:?}");
        }
    }
}
