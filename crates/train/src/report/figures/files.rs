//! From drawings to files.

use std::path::{Path, PathBuf};

use anyhow::Result;
use figure::Scene;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::files::{create_dir, write_atomically};

/// Pixels of a PNG to a pixel of the drawing: sharp on paper and on screens of high resolution.
const PNG_SCALE: f32 = 2.0;

/// What was written and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The files.
    pub files: Vec<PathBuf>,
    /// The figures that were left out, with the reason.
    pub left_out: Vec<LeftOut>,
}

/// A figure that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its file's name without the ending.
    pub figure: &'static str,
    /// What it would have needed.
    pub reason: &'static str,
}

/// A drawing with its file's name, without the ending.
pub struct Figure {
    /// May name a folder too.
    pub name: String,
    /// What is drawn.
    pub scene: Scene,
}

impl Figure {
    pub fn new(name: impl Into<String>, scene: Scene) -> Self {
        Self { name: name.into(), scene }
    }
}

/// Writes each drawing as `name.svg` and `name.png`, several at the same time.
pub fn write(dir: &Path, figures: Vec<Figure>) -> Result<Vec<PathBuf>> {
    for figure in &figures {
        create_dir(dir.join(&figure.name).parent().unwrap_or(dir))?;
    }
    let written: Vec<[PathBuf; 2]> = figures
        .into_par_iter()
        .map(|Figure { name, scene }| {
            let [svg, png] = ["svg", "png"].map(|ending| dir.join(format!("{name}.{ending}")));
            write_atomically(&svg, scene.to_svg().as_bytes())?;
            write_atomically(&png, &scene.to_png(PNG_SCALE))?;
            Ok([svg, png])
        })
        .collect::<Result<_>>()?;
    Ok(written.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure::Chart;
    use tempfile::TempDir;

    #[test]
    fn a_drawing_becomes_two_files_the_png_with_two_pixels_to_one() {
        let dir = TempDir::new().unwrap();
        let scene = Chart { title: "a title".into(), ..Chart::default() }.scene();
        let size = [scene.width, scene.height];
        let files = write(dir.path(), vec![Figure::new("folder/name", scene)]).unwrap();
        assert_eq!(files, ["folder/name.svg", "folder/name.png"].map(|name| dir.path().join(name)));
        let png = std::fs::read(&files[1]).unwrap();
        // Width and height are the first numbers of a PNG's first chunk.
        let number = |start: usize| u32::from_be_bytes(png[start..start + 4].try_into().unwrap());
        assert_eq!([number(16), number(20)], size.map(|pixels| 2 * pixels));
        assert!(std::fs::read_to_string(&files[0]).unwrap().contains("aria-label=\"a title\""));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("taken"), "").unwrap();
        let figure = Figure::new("name", Chart::default().scene());
        let error = format!("{:#}", write(&dir.path().join("taken"), vec![figure]).unwrap_err());
        assert!(error.contains("taken"), "{error}");
    }
}
