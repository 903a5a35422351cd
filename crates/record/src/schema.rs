//! The number of the format in which a record is written, and what becomes of files in another one.

use std::fs;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{RecordError, Result};
use crate::files::write_atomically;

/// The format that this version writes. It grows by one when a reader of the one before would misunderstand a file; a field
/// that may be absent does not change it. Files from before there was a number count as 0.
pub const SCHEMA: u32 = 2;

/// The version of klsweep.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a file says of its format.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Stamp {
    schema: u32,
    version: Option<String>,
}

#[derive(Serialize)]
struct Stamped<'a, T> {
    schema: u32,
    version: &'static str,
    #[serde(flatten)]
    content: &'a T,
}

/// Refuses a file in a format that is newer than [`SCHEMA`].
///
/// # Errors
///
/// [`RecordError::OtherSchema`], with the version of klsweep that wrote the file.
pub(crate) fn check_schema(path: &Path, schema: u32, version: &str) -> Result<()> {
    if schema > SCHEMA { Err(other_schema(path, schema, version)) } else { Ok(()) }
}

fn other_schema(path: &Path, found: u32, version: &str) -> RecordError {
    RecordError::OtherSchema { path: path.to_path_buf(), version: version.to_string(), found }
}

/// Writes a JSON file with its format and the version of klsweep at its head.
pub(crate) fn write_json<T: Serialize>(path: &Path, content: &T) -> Result<()> {
    let stamped = Stamped { schema: SCHEMA, version: VERSION, content };
    let json = serde_json::to_string_pretty(&stamped).map_err(RecordError::damaged(path))?;
    write_atomically(path, (json + "\n").as_bytes())
}

/// Writes a file of JSON lines, each with its format and the version of klsweep.
pub(crate) fn write_json_lines<T: Serialize>(path: &Path, contents: &[T]) -> Result<()> {
    let mut lines = String::new();
    for content in contents {
        let stamped = Stamped { schema: SCHEMA, version: VERSION, content };
        lines += &serde_json::to_string(&stamped).map_err(RecordError::damaged(path))?;
        lines.push('\n');
    }
    write_atomically(path, lines.as_bytes())
}

/// Reads a JSON file; `None` if it is not there.
///
/// A file in an older format is read if it holds everything that is needed, and otherwise named as an older one.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RecordError::io("read", path)(error)),
    };
    let Stamp { schema, version } = serde_json::from_str(&text).map_err(RecordError::damaged(path))?;
    let version = version.unwrap_or_else(|| "0.1.0 or older".to_string());
    check_schema(path, schema, &version)?;
    match serde_json::from_str(&text) {
        Ok(content) => Ok(Some(content)),
        Err(_) if schema < SCHEMA => Err(other_schema(path, schema, &version)),
        Err(error) => Err(RecordError::damaged(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Content {
        number: f64,
        #[serde(default)]
        added_later: Option<f64>,
    }

    fn read(text: &str) -> Result<Option<Content>> {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a.json");
        fs::write(&path, text).unwrap();
        read_json(&path)
    }

    #[test]
    fn what_is_written_has_its_format_and_comes_back() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("a.json");
        assert_eq!(read_json::<Content>(&path).unwrap(), None, "it is not there");
        let content = Content { number: 1.5, added_later: None };
        write_json(&path, &content).unwrap();
        let value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(value, json!({"schema": SCHEMA, "version": VERSION, "number": 1.5, "added_later": null}));
        assert_eq!(read_json(&path).unwrap(), Some(content));
    }

    #[test]
    fn an_older_file_is_read_if_it_can_be_and_otherwise_named_as_older() {
        let content = Content { number: 1.5, added_later: None };
        assert_eq!(read("{\"number\": 1.5}").unwrap(), Some(content));
        let error = read("{\"version\": \"0.0.9\"}").unwrap_err().to_string();
        assert!(error.contains("was written by klsweep 0.0.9 in format 0"), "{error}");
        assert!(!error.contains("damaged"), "{error}");
    }

    #[test]
    fn a_newer_file_is_named_with_the_version_that_wrote_it() {
        let text = format!("{{\"schema\": {}, \"version\": \"9.1.0\", \"number\": 1.5}}", SCHEMA + 1);
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("was written by klsweep 9.1.0 in format {}", SCHEMA + 1)), "{error}");
        assert!(error.ends_with("use that version for it, or a newer one"), "{error}");
    }

    #[test]
    fn only_a_file_in_the_present_format_can_be_damaged() {
        let incomplete = format!("{{\"schema\": {SCHEMA}}}");
        for text in [&incomplete.replace('}', ", \"number\""), &incomplete, ""] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("a.json is damaged"), "{text}: {error}");
        }
    }
}
