//! From drawings to files.

use std::path::Path;

use figure::{Chart, Scene};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use record::{create_dir, write_atomically};

use crate::error::Result;

/// Pixels of a PNG to a pixel of the drawing: sharp on paper and on screens of high resolution.
const PNG_SCALE: f32 = 2.0;

/// A figure that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its file's name without the ending.
    pub figure: &'static str,
    /// What it would have needed.
    pub reason: &'static str,
}

/// Figures that can be drawn, and those that cannot.
#[derive(Default)]
pub struct Drawing {
    pub figures: Vec<Figure>,
    pub left_out: Vec<LeftOut>,
}

impl Drawing {
    pub fn add(&mut self, name: &str, chart: Chart) {
        self.figures.push(Figure::new(name, chart.scene()));
    }

    pub fn leave_out(&mut self, figure: &'static str, reason: &'static str) {
        self.left_out.push(LeftOut { figure, reason });
    }
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
pub fn write(dir: &Path, figures: Vec<Figure>) -> Result<()> {
    for figure in &figures {
        create_dir(dir.join(&figure.name).parent().unwrap_or(dir))?;
    }
    figures.into_par_iter().try_for_each(|Figure { name, scene }| {
        write_atomically(&dir.join(format!("{name}.svg")), scene.to_svg().as_bytes())?;
        write_atomically(&dir.join(format!("{name}.png")), &scene.to_png(PNG_SCALE))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_drawing_becomes_two_files_the_png_with_two_pixels_to_one() {
        let dir = TempDir::new().unwrap();
        let scene = Chart { title: "a title".into(), ..Chart::default() }.scene();
        let size = [scene.width, scene.height];
        write(dir.path(), vec![Figure::new("folder/name", scene)]).unwrap();
        let png = std::fs::read(dir.path().join("folder/name.png")).unwrap();
        // Width and height are the first numbers of a PNG's first chunk.
        let number = |start: usize| u32::from_be_bytes(png[start..start + 4].try_into().unwrap());
        assert_eq!([number(16), number(20)], size.map(|pixels| 2 * pixels));
        let svg = std::fs::read_to_string(dir.path().join("folder/name.svg")).unwrap();
        assert!(svg.contains("aria-label=\"a title\""));
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
