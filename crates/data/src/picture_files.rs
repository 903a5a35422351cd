//! Single pictures from files, as images of a shape that is known.

use std::fs;
use std::path::{Path, PathBuf};

use crate::decode::decode;
use crate::error::{DataError, Result};
use crate::image_listing::{Listed, is_image};

/// The pictures at a path: a file, or those of a folder and its sub-folders in the order of their names;
/// `None` if it is neither.
///
/// # Errors
///
/// Fails when the folder holds none, or cannot be read.
pub fn picture_files(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    if !path.is_dir() {
        return Ok(is_image(path).then(|| vec![path.to_path_buf()]));
    }
    Ok(Some(Listed::of(path)?.images.into_iter().map(|entry| entry.path).collect()))
}

/// The bytes of a picture of this height, width and number of channels. Another size is brought to it where it is a square: the
/// shorter side by averaging over areas, the longer one cropped at both ends.
///
/// # Errors
///
/// Fails when the file is damaged, or of another size.
pub fn read_picture(path: &Path, [height, width, channels]: [usize; 3]) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(DataError::io(path))?;
    let picture = decode(&bytes, channels)
        .map_err(|reason| DataError::content(path, format!("cannot be decoded ({reason})")))?;
    if (picture.height, picture.width) == (height, width) {
        return Ok(picture.bytes);
    }
    if height != width {
        let reason =
            format!("is of {} x {} pixels, and {height} x {width} are needed", picture.height, picture.width);
        return Err(DataError::content(path, reason));
    }
    Ok(picture.square(height).bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact_sheet::png;
    use tempfile::TempDir;

    #[test]
    fn pictures_come_in_the_order_of_their_names_and_squares_in_the_size_that_is_asked_for() {
        let dir = TempDir::new().unwrap();
        let text = picture_files(dir.path()).unwrap_err().to_string();
        assert!(text.ends_with("holds no image: PNG, JPEG and WebP are read"), "{text}");
        for (name, grey) in [("b.png", 200), ("a.png", 100)] {
            fs::write(dir.path().join(name), png([4, 6, 1], &[grey; 24])).unwrap();
        }
        fs::write(dir.path().join("c.txt"), "").unwrap();
        let files = picture_files(dir.path()).unwrap().unwrap();
        assert_eq!(files, ["a.png", "b.png"].map(|name| dir.path().join(name)));
        assert_eq!(picture_files(&dir.path().join("c.txt")).unwrap(), None);
        fs::create_dir_all(dir.path().join("aa/deep")).unwrap();
        fs::copy(&files[0], dir.path().join("aa/deep/z.png")).unwrap();
        let all = picture_files(dir.path()).unwrap().unwrap();
        assert_eq!(all, ["a.png", "aa/deep/z.png", "b.png"].map(|name| dir.path().join(name)));
        assert_eq!(picture_files(&files[1]).unwrap(), Some(vec![files[1].clone()]));
        assert_eq!(read_picture(&files[0], [4, 6, 1]).unwrap(), [100; 24]);
        assert_eq!(read_picture(&files[1], [2, 2, 3]).unwrap(), [200; 12]);
        let text = read_picture(&dir.path().join("c.txt"), [2, 2, 1]).unwrap_err().to_string();
        assert!(
            text.ends_with("c.txt cannot be decoded (it begins neither as PNG nor as JPEG nor as WebP)"),
            "{text}"
        );
        let text = read_picture(&files[0], [2, 3, 1]).unwrap_err().to_string();
        assert!(text.ends_with("a.png is of 4 x 6 pixels, and 2 x 3 are needed"), "{text}");
    }
}
