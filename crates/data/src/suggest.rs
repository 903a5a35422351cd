//! How data is read when nothing is said of it but where it is.

use std::fs::File;

use record::DataConfig;

use crate::columns::is_pixel;
use crate::error::{DataError, Result};
use crate::image_folder::{Glance, glance};
use crate::kind::{Kind, kind_of};
use crate::npy;
use crate::table;
use npy_format::Element;

/// The size that images are given which differ, or are larger.
const SIDE: usize = 64;
/// Numbers of an image at least, where a table or an array does not say that its rows are images.
const LEAST_PIXELS: usize = 64;

/// What is changed in a configuration for data at a path, which it names: the size of images, and rows that are images.
///
/// # Errors
///
/// Fails when there is nothing at the path that can be read.
pub fn suggest(config: DataConfig) -> Result<DataConfig> {
    let path = &config.path;
    match kind_of(path)? {
        Kind::ImageFolder if config.image_size == 0 => {
            let Glance { side, alike } = glance(path, config.skip_corrupt)?;
            let image_size = if alike && side <= SIDE { 0 } else { side.min(SIDE) };
            Ok(DataConfig { image_size, ..config })
        }
        Kind::Table if config.image_shape.is_empty() => {
            let names = table::column_names(path)?;
            let pixels = names.iter().filter(|name| is_pixel(name)).count();
            Ok(DataConfig { image_shape: square(pixels), ..config })
        }
        Kind::Npy if config.image_shape.is_empty() => {
            let mut file = File::open(path).map_err(DataError::io(path))?;
            let header = npy::read_header(&mut file).map_err(|reason| DataError::content(path, reason))?;
            let numbers = match header.shape[..] {
                [_, numbers] if header.element == Element::BYTE => numbers,
                _ => 0,
            };
            Ok(DataConfig { image_shape: square(numbers), ..config })
        }
        _ => Ok(config),
    }
}

/// The shape of a square image of so many pixels; empty if there is none.
pub(crate) fn square(pixels: usize) -> Vec<usize> {
    let side = pixels.isqrt();
    if pixels >= LEAST_PIXELS && side * side == pixels { vec![side, side] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::write_npy;
    use std::path::Path;
    use tempfile::TempDir;

    #[test]
    fn rows_of_bytes_or_pixels_that_fill_a_square_are_images() {
        let dir = TempDir::new().unwrap();
        let shape = |path: &Path| {
            suggest(DataConfig { path: path.to_path_buf(), ..DataConfig::default() }).unwrap().image_shape
        };
        assert_eq!(shape(&write_npy(&dir.path().join("a.npy"), "|u1", "(2, 64)", &[0; 128])), [8, 8]);
        assert!(shape(&write_npy(&dir.path().join("b.npy"), "|u1", "(2, 65)", &[0; 130])).is_empty());
        assert!(shape(&write_npy(&dir.path().join("c.npy"), "<f4", "(1, 64)", &[0; 256])).is_empty());
        let table = dir.path().join("d.csv");
        let names = |prefix: &str| (0..81).map(|i| format!("{prefix}{i},")).collect::<String>() + "digit\n";
        std::fs::write(&table, names("pixel_")).unwrap();
        assert_eq!(shape(&table), [9, 9]);
        std::fs::write(&table, names("x")).unwrap();
        assert!(shape(&table).is_empty());
    }
}
