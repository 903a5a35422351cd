//! A folder with a file for each part.

use std::path::Path;

use record::DataConfig;

use crate::error::{DataError, Result};
use crate::found::{Found, Source};
use crate::kind::PartPaths;
use crate::load::read as read_any;
use crate::progress::Progress;

/// The parts, each from its file.
pub fn read(files: &PartPaths, config: &DataConfig, progress: &dyn Progress) -> Result<Source> {
    let part = |path: &Path| -> Result<Box<Found>> {
        match read_any(path, config, progress)? {
            Source::Whole(found) if found.parts.is_none() => Ok(found),
            _ => {
                let reason = "has parts of its own, and so has its folder: give the file alone, or leave out data.split";
                Err(DataError::content(path, reason))
            }
        }
    };
    Ok(Source::Parts {
        train: part(&files.train)?,
        validation: files.validation.as_deref().map(part).transpose()?,
        test: part(&files.test)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::load::load;
    use crate::npy::write_npy;
    use tempfile::TempDir;

    /// Arrays of images of 2 x 2 pixels, a type and bytes for each part.
    fn images(parts: [(&str, &str, &[u8]); 2]) -> Result<Dataset> {
        let dir = TempDir::new().unwrap();
        for (part, descr, bytes) in parts {
            let size: usize = descr[2..].parse().unwrap();
            let shape = format!("({}, 2, 2)", bytes.len() / size / 4);
            write_npy(&dir.path().join(format!("{part}.npy")), descr, &shape, bytes);
        }
        load(&DataConfig { path: dir.path().to_path_buf(), ..DataConfig::default() }, &())
    }

    #[test]
    fn images_of_a_part_on_another_scale_are_refused() {
        let bytes: &[u8] = &[0, 9, 200, 255, 3, 4, 5, 6];
        let of =
            |numbers: &[f64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let short =
            |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let unit = of(&[0.0, 0.25, 0.5, 1.0]);
        let levels = of(&[0.0, 9.0, 200.0, 255.0]);
        let signed = of(&[-1.0, 0.25, 0.5, 1.0]);
        let free = of(&[-2.5, 0.25, 0.5, 7.0]);
        let black = of(&[0.0; 4]);
        let deep = short(&[0, 256, 1024, 65535]);
        for (train, test, expected) in [
            (
                ("|u1", bytes),
                ("<f8", &unit[..]),
                Some(["test.npy holds numbers from 0 to 1", "train.npy bytes from 0 to 255"]),
            ),
            (
                ("<f8", &unit),
                ("|u1", bytes),
                Some(["test.npy holds bytes from 0 to 255", "train.npy numbers from 0 to 1"]),
            ),
            (
                ("<u2", &deep),
                ("<f8", &unit),
                Some(["test.npy holds numbers from 0 to 1", "train.npy numbers from 0 to 65535"]),
            ),
            (("<f8", &signed), ("<f8", &unit), Some(["numbers from 0 to 1", "numbers from -1 to 1"])),
            (
                ("|u1", bytes),
                ("<f8", &free),
                Some(["test.npy holds numbers from -2.5 to 7", "bytes from 0 to 255"]),
            ),
            (("|u1", bytes), ("<f8", &levels), None),
            (("|u1", bytes), ("<f8", &black), None),
            (("<f8", &free), ("<f8", &unit), None),
            (("<f8", &unit), ("<f8", &unit), None),
        ] {
            let loaded = images([("train", train.0, train.1), ("test", test.0, test.1)]);
            match (loaded.map_err(|error| error.to_string()), expected) {
                (Ok(_), None) => {}
                (Err(text), Some(parts)) => assert!(parts.iter().all(|part| text.contains(part)), "{text}"),
                (found, expected) => panic!("{:?}, expected {expected:?}", found.map(|found| found.record)),
            }
        }
    }

    /// Tables with these names of columns and two rows, for training and test.
    fn tables(train: &str, test: &str, memory_mib: usize, more: &str) -> Result<Dataset> {
        let dir = TempDir::new().unwrap();
        for (part, names) in [("train", train), ("test", test)] {
            let cells = |first: usize| (0..names.split(',').count()).map(move |i| (first + i).to_string());
            let [a, b] = [1, 5].map(|first| cells(first).collect::<Vec<_>>().join(","));
            std::fs::write(dir.path().join(format!("{part}.csv")), format!("{names}\n{a}\n{b}\n{more}"))
                .unwrap();
        }
        let scale = record::Scale::None;
        load(&DataConfig { path: dir.path().to_path_buf(), scale, memory_mib, ..DataConfig::default() }, &())
    }

    #[test]
    fn columns_in_another_order_are_taken_by_their_names_and_other_ones_are_named() {
        let dataset = tables("a,b,c", "c,a,b", 4096, "").unwrap();
        assert_eq!(dataset.train.rows(0..1).unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(dataset.test.rows(0..2).unwrap(), [2.0, 3.0, 1.0, 6.0, 7.0, 5.0]);
        let note = &dataset.record.notes[0];
        assert!(note.contains("test.csv come in another order than those of"), "{note}");
        for (train, test, expected) in [
            ("a,b,c", "a,b,d", ["has other columns than", "it lacks \"c\" and has \"d\" besides"]),
            ("a,b,c", "a,b", ["holds examples of 2 columns, and", "of 3 columns: all parts"]),
            ("a,b,c", "a,b", ["of one shape", "; it lacks \"c\""]),
            ("a,b", "a,b,u,v,w,x", ["of one shape", "; it has \"u\", \"v\", \"w\", … besides"]),
        ] {
            let text = tables(train, test, 4096, "").unwrap_err().to_string();
            assert!(expected.iter().all(|part| text.contains(part)), "{text}");
        }
        // Those that are read block by block stay in their file.
        let text = tables("a,b", "b,a", 1, &"3,4\n".repeat(70_000)).unwrap_err().to_string();
        assert!(text.ends_with("in another order: write them in the same one"), "{text}");
    }

    #[test]
    fn numbers_of_a_part_that_are_too_far_from_those_of_the_training_part_are_refused() {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("train.csv"), "a,b\n1,1e-30\n2,2e-30\n").unwrap();
        std::fs::write(dir.path().join("test.csv"), "a,b\n1,1e-30\n2,1e30\n").unwrap();
        let config = DataConfig { path: dir.path().to_path_buf(), ..DataConfig::default() };
        assert_eq!(load(&config, &()).unwrap().test.rows(0..2).unwrap(), [0.0, 0.0, 1.0, 1.0], "clamped");
        let standardised = DataConfig { scale: record::Scale::Standardise, ..config };
        let text = load(&standardised, &()).unwrap_err().to_string();
        assert!(
            text.contains("test.csv holds 1e30 in row 1, column \"b\": scaled as the training"),
            "{text}"
        );
    }
}
