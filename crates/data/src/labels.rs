//! Labels as they are read, and the classes that they name.

use std::collections::HashMap;

/// Classes at most: more different labels are no classes that a figure or a vote could show.
pub const MOST_CLASSES: usize = 256;

/// The labels of some examples, each word kept once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    words: Vec<String>,
    known: HashMap<String, u32>,
    of_examples: Vec<u32>,
}

/// The labels of some examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Labels {
    /// Words, which are still to be numbered.
    Words(Words),
    /// Numbers of classes, with their names if they have any.
    Classes { classes: Vec<u8>, names: Vec<String> },
}

impl Words {
    /// Adds the label of the next example.
    pub fn push(&mut self, word: &str) {
        let word = word.trim();
        let number = match self.known.get(word) {
            Some(&number) => number,
            None => {
                let number = self.words.len() as u32;
                self.words.push(word.to_string());
                self.known.insert(word.to_string(), number);
                number
            }
        };
        self.of_examples.push(number);
    }

    /// How many examples have a label.
    pub fn count(&self) -> usize {
        self.of_examples.len()
    }
}

impl<'a> FromIterator<&'a str> for Words {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut all = Self::default();
        words.into_iter().for_each(|word| all.push(word));
        all
    }
}

impl Labels {
    /// How many examples have a label.
    pub fn count(&self) -> usize {
        match self {
            Self::Words(words) => words.count(),
            Self::Classes { classes, .. } => classes.len(),
        }
    }

    /// The different words.
    pub fn words(&self) -> &[String] {
        match self {
            Self::Words(words) => &words.words,
            Self::Classes { names, .. } => names,
        }
    }

    /// The classes of the examples, when these are the names of all classes; `None` where a word is none of them.
    pub fn numbered(&self, names: &[String]) -> Option<Vec<u8>> {
        match self {
            Self::Classes { classes, .. } => Some(classes.clone()),
            Self::Words(words) => {
                let number = |word: &String| names.iter().position(|name| name == word);
                let numbers: Option<Vec<usize>> = words.words.iter().map(number).collect();
                let numbers = numbers?;
                Some(words.of_examples.iter().map(|&word| numbers[word as usize] as u8).collect())
            }
        }
    }
}

/// The names of all classes in their order: numbers by size, words by letters.
pub fn class_names<'a>(words: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = words.into_iter().cloned().collect();
    let numbers: Option<Vec<f64>> = names.iter().map(|name| name.parse().ok()).collect();
    if numbers.is_some_and(|numbers| numbers.iter().all(|number| number.is_finite())) {
        let number = |name: &String| name.parse().unwrap_or(f64::NAN);
        names.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
    } else {
        names.sort();
    }
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_numbered_in_the_order_of_their_names() {
        let labels = Labels::Words(["dog", "cat ", "dog", "axolotl"].into_iter().collect());
        let names = class_names(labels.words());
        assert_eq!(names, ["axolotl", "cat", "dog"]);
        assert_eq!(labels.numbered(&names), Some(vec![2, 1, 2, 0]));
        assert_eq!(labels.numbered(&names[..2]), None);
    }

    #[test]
    fn numbers_are_ordered_by_size() {
        let words: Words = ["10", "9", "-1", "9"].into_iter().collect();
        assert_eq!(class_names(&words.words), ["-1", "9", "10"]);
    }
}
