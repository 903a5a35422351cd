//! Which images there are in a folder and the folders in it, by their names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{DataError, Result};

/// Endings of the names of images.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];
/// Endings of pictures of kinds that are not read: a folder that has them was meant to have them as examples.
const UNREAD: [&str; 21] = [
    "gif", "bmp", "tif", "tiff", "heic", "heif", "avif", "jp2", "jxl", "jfif", "ppm", "pgm", "pbm", "pnm",
    "tga", "ico", "svg", "psd", "dng", "cr2", "nef",
];
/// Folders within folders at most.
const DEEPEST: usize = 16;
/// An image of the folder.
#[derive(Debug)]
pub struct Entry {
    pub path: PathBuf,
    /// From the folder on, with `/` between.
    pub name: String,
}

/// What was found in a folder.
#[derive(Debug, Default)]
pub struct Listed {
    pub images: Vec<Entry>,
    /// Folders without an image, by their names.
    pub empty: Vec<String>,
    /// How many pictures of kinds that are not read there are of each ending.
    pub unread: BTreeMap<String, usize>,
}

/// Says which pictures of other kinds are left out.
pub fn unread_note(unread: &BTreeMap<String, usize>) -> Option<String> {
    let listed: Vec<String> = unread.iter().map(|(ending, count)| format!("{count} .{ending}")).collect();
    let (files, are) = if unread.values().sum::<usize>() == 1 { ("file", "is") } else { ("files", "are") };
    (!unread.is_empty()).then(|| {
        format!(
            "PNG, JPEG and WebP are read, and the {files} of other kinds {are} left out: {}.",
            listed.join(", ")
        )
    })
}

impl Listed {
    /// What there is below a folder, its images in the order of their names.
    ///
    /// # Errors
    ///
    /// Fails when there is no image, or the folder cannot be read.
    pub fn of(dir: &Path) -> Result<Self> {
        let mut listed = Self::default();
        listed.list(dir, dir, 0)?;
        listed.images.sort_by(|a, b| a.name.cmp(&b.name));
        if listed.images.is_empty() {
            let note = unread_note(&listed.unread).map(|note| format!("; {}", note.trim_end_matches('.')));
            let reason = note.unwrap_or_else(|| ": PNG, JPEG and WebP are read".to_string());
            return Err(DataError::content(dir, format!("holds no image{reason}")));
        }
        Ok(listed)
    }

    fn list(&mut self, root: &Path, dir: &Path, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return Err(DataError::content(dir, format!("lies more than {DEEPEST} folders deep")));
        }
        let before = self.images.len();
        for entry in dir.read_dir().map_err(DataError::io(dir))? {
            let path = entry.map_err(DataError::io(dir))?.path();
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            if path.is_dir() {
                self.list(root, &path, depth + 1)?;
            } else if is_image(&path) {
                self.images.push(Entry { name: name_of(root, &path), path });
            } else if let Some(ending) = ending(&path).filter(|ending| UNREAD.contains(&ending.as_str())) {
                *self.unread.entry(ending).or_default() += 1;
            }
        }
        if self.images.len() == before && depth > 0 {
            self.empty.push(name_of(root, dir));
        }
        Ok(())
    }
}

fn ending(path: &Path) -> Option<String> {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase())
}

/// Whether a file is an image, by its name.
pub fn is_image(path: &Path) -> bool {
    ending(path).is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn name_of(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
