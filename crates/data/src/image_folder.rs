//! A folder of images.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rayon::prelude::*;
use record::{DataConfig, Shape};
use sha2::{Digest, Sha256};

use crate::cache::{CacheWriter, Cached};
use crate::decode::{self, Header, MOST_BYTES};
use crate::error::{DataError, Result};
use crate::found::{Found, Rows};
use crate::image_listing::{Entry, Listed, unread_note};
use crate::label_file;
use crate::labels::{Labels, Words};
use crate::memory::{in_gigabytes, memory_at_hand};
use crate::parts::Part;
use crate::progress::Progress;
use npy_format::Element;

/// Images decoded at most before their rows are written.
const AT_ONCE: usize = 256;
/// The file of labels that is looked for.
const LABEL_FILE: &str = "labels.csv";
/// Names of images that a note lists.
const LISTED: usize = 3;

/// What was seen of an image.
#[derive(Clone, Copy, Debug)]
struct Seen {
    sha256: [u8; 32],
    header: Header,
}

/// The images of a folder in the order of their names.
///
/// # Errors
///
/// Fails with the name of an image that cannot be decoded, unless such ones are to be skipped, of one that has another size,
/// and where labels or parts are missing.
pub fn read(dir: &Path, config: &DataConfig, progress: &dyn Progress) -> Result<Found> {
    let Listed { images: entries, empty, unread } = Listed::of(dir)?;

    let done = progress.counter("looking at images", entries.len() as u64);
    let seen: Vec<Result<Seen>> = entries
        .par_iter()
        .map(|entry| {
            let seen = look(&entry.path);
            done.add(1);
            seen
        })
        .collect();
    let mut skipped = Vec::new();
    let mut kept = Vec::new();
    for (entry, seen) in entries.into_iter().zip(seen) {
        match seen {
            Ok(seen) => kept.push((entry, seen)),
            Err(_) if config.skip_corrupt => skipped.push(entry.name),
            Err(error) => return Err(error),
        }
    }
    let shape = shape_of(dir, &kept, config)?;
    check_memory(&kept, &shape, config)?;
    let (rows, corrupt) = pixels(&kept, &shape, config, progress)?;
    for position in corrupt.into_iter().rev() {
        skipped.push(kept.remove(position as usize).0.name);
    }
    if kept.is_empty() {
        return Err(DataError::content(dir, "holds no image that can be read"));
    }
    let names: Vec<&str> = kept.iter().map(|(entry, _)| entry.name.as_str()).collect();
    let parts = parts_of(dir, &names)?;
    let labels = labels_of(dir, &names, parts.is_some(), &empty, config)?;
    skipped.sort();
    let skipped = (!skipped.is_empty()).then(|| skipped_note(&skipped));
    let notes = [skipped, unread_note(&unread), enlarged_note(&kept, config)].into_iter().flatten().collect();
    Ok(Found {
        path: dir.to_path_buf(),
        within: None,
        kind: "a folder of images",
        shape,
        rows,
        planar: false,
        labels,
        parts,
        notes,
    })
}

fn skipped_note(names: &[String]) -> String {
    let listed = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > LISTED { ", …" } else { "" };
    match names.len() {
        1 => format!("1 image could not be read and is left out: {listed}."),
        count => format!("{count} images could not be read and are left out: {listed}{more}."),
    }
}

/// Says which images have fewer pixels than they are given.
fn enlarged_note(images: &[(Entry, Seen)], config: &DataConfig) -> Option<String> {
    let side = |(_, seen): &&(Entry, Seen)| seen.header.height.min(seen.header.width);
    let smaller: Vec<&(Entry, Seen)> =
        images.iter().filter(|image| side(image) < config.image_size).collect();
    let (entry, Seen { header: Header { height, width, .. }, .. }) =
        smaller.iter().copied().min_by_key(side)?;
    let size = config.image_size;
    Some(match smaller.len() {
        1 => format!(
            "1 image is smaller than {size} pixels and is made larger: {} of {height} x {width}.",
            entry.name
        ),
        count => format!(
            "{count} images are smaller than {size} pixels and are made larger, the smallest {} of {height} x {width}.",
            entry.name
        ),
    })
}

/// The parts, where the topmost folders are named by them.
fn parts_of(dir: &Path, names: &[&str]) -> Result<Option<Vec<Part>>> {
    let part = |name: &&str| name.split_once('/').and_then(|(folder, _)| Part::named(folder));
    let found: Vec<Option<Part>> = names.iter().map(part).collect();
    if [Part::Train, Part::Test].iter().any(|part| !found.contains(&Some(*part))) {
        return Ok(None);
    }
    match found.iter().position(Option::is_none) {
        Some(beside) => {
            let reason = format!("has folders for training and test, and {} in neither", names[beside]);
            Err(DataError::content(dir, reason))
        }
        None => Ok(Some(found.into_iter().flatten().collect())),
    }
}

fn labels_of(
    dir: &Path,
    names: &[&str],
    in_parts: bool,
    empty: &[String],
    config: &DataConfig,
) -> Result<Option<Labels>> {
    let file = match config.labels.as_str() {
        "none" => return Ok(None),
        "" => Some(dir.join(LABEL_FILE)).filter(|path| path.is_file()),
        named => Some(label_file::beside(dir, named)),
    };
    if let Some(file) = file {
        return labels_in_file(dir, &file, names).map(Some);
    }
    let folder = |name: &&'_ str| -> Option<String> {
        let inside = if in_parts { name.split_once('/')?.1 } else { name };
        Some(inside.split_once('/')?.0.to_string())
    };
    let folders: Vec<Option<String>> = names.iter().map(folder).collect();
    if folders.iter().all(Option::is_none) {
        return Ok(None);
    }
    if let Some(beside) = folders.iter().position(Option::is_none) {
        let reason = format!(
            "has folders of classes, and {} in none of them: move it, or leave labels out with --set 'data.labels=\"none\"'",
            names[beside]
        );
        return Err(DataError::content(dir, reason));
    }
    if let Some(empty) = empty.first() {
        let reason = format!("has a folder {empty:?} without an image: remove it, or put its images there");
        return Err(DataError::content(dir, reason));
    }
    Ok(Some(Labels::Words(folders.iter().flatten().map(String::as_str).collect::<Words>())))
}

fn labels_in_file(dir: &Path, file: &Path, names: &[&str]) -> Result<Labels> {
    let labels = label_file::by_name(file)?;
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_string();
    let mut words = Words::default();
    let mut used = BTreeSet::new();
    for &name in names {
        let key = [name.to_string(), last(name)].into_iter().find(|key| labels.contains_key(key));
        let Some(key) = key else {
            let reason = format!("has no label for {name} of {}: every image has one", dir.display());
            return Err(DataError::content(file, reason));
        };
        words.push(&labels[&key]);
        used.insert(key);
    }
    // By name, so that it is the same one every time.
    match labels.keys().filter(|name| !used.contains(*name) && !dir.join(name).is_file()).min() {
        Some(name) => {
            let reason = format!("labels {name:?}, and {} holds no such image", dir.display());
            Err(DataError::content(file, reason))
        }
        None => Ok(Labels::Words(words)),
    }
}

/// The shape that all images have, or are given.
fn shape_of(dir: &Path, images: &[(Entry, Seen)], config: &DataConfig) -> Result<Shape> {
    let Some((first, seen)) = images.first() else {
        return Err(DataError::content(dir, "holds no image that can be read"));
    };
    let channels = match config.channels {
        0 if images.iter().any(|(_, seen)| seen.header.coloured) => 3,
        0 => 1,
        channels => channels,
    };
    let (height, width) = match config.image_size {
        0 => (seen.header.height, seen.header.width),
        side => (side, side),
    };
    let other = images.iter().find(|(_, seen)| (seen.header.height, seen.header.width) != (height, width));
    if let Some((other, found)) = other.filter(|_| config.image_size == 0) {
        let reason = format!(
            "is {} x {} pixels, and {} {height} x {width}: make all of them square with --set data.image_size=64",
            found.header.height, found.header.width, first.name
        );
        return Err(DataError::content(&other.path, reason));
    }
    Ok(Shape::Image { height, width, channels })
}

/// How many images of so many bytes are decoded before their rows are written: no more than fit into the memory granted.
fn at_once(bytes: usize, config: &DataConfig) -> usize {
    ((config.memory_mib << 20) / bytes.max(1)).clamp(1, AT_ONCE)
}

/// Refuses a size of images that takes more memory than there is, before any of it is taken.
fn check_memory(images: &[(Entry, Seen)], shape: &Shape, config: &DataConfig) -> Result<()> {
    let side = config.image_size as f64;
    if side == 0.0 {
        return Ok(());
    }
    let [_, _, channels] = shape.image().unwrap_or([1, 1, 1]);
    let bytes = side * side * channels as f64;
    let granted = config.memory_mib as f64 * f64::from(1 << 20);
    let count = images.len() as f64;
    let together = bytes * count;
    // An image that is being resized is held at its own height and the new width too, in 32 bits.
    let resized = |&(_, Seen { header: Header { height, width, .. }, .. }): &(Entry, Seen)| {
        let [height, width] = [height, width].map(|length| length as f64);
        let ratio = side / height.min(width);
        channels as f64 * ratio * width * (4.0 * height + ratio * height)
    };
    let work = rayon::current_num_threads() as f64 * images.iter().map(resized).fold(0.0, f64::max);
    let decoded = bytes * count.min((granted / bytes).floor().clamp(1.0, AT_ONCE as f64));
    let kept = if together <= granted { together } else { 0.0 };
    let needed = work + decoded + kept;
    let limit = match memory_at_hand() {
        Some(there) if needed > there => {
            format!(
                "reading them takes {} of memory, and this process may use {}",
                in_gigabytes(needed),
                in_gigabytes(there)
            )
        }
        _ if bytes > granted => {
            format!("one alone is more than the {} MiB that data.memory_mib grants", config.memory_mib)
        }
        _ => return Ok(()),
    };
    Err(DataError::Setting {
        key: "image_size",
        reason: format!(
            "= {} makes {count} images of {} each, {} together: {limit}; choose a smaller size, such as 64",
            config.image_size,
            in_gigabytes(bytes),
            in_gigabytes(together)
        ),
    })
}

/// The pixels of all images, from the cache or into it, and the positions of those that turned out to be corrupt.
fn pixels(
    images: &[(Entry, Seen)],
    shape: &Shape,
    config: &DataConfig,
    progress: &dyn Progress,
) -> Result<(Rows, Vec<u32>)> {
    let key = key(images, shape, config);
    let (in_memory, numbers) = (config.memory_mib << 20, shape.numbers());
    let together = images.len() * numbers;
    let fits = together <= in_memory;
    let rows = |cached: &Cached| -> Result<Rows> {
        Ok(if fits {
            Rows::Bytes(cached.bytes()?)
        } else {
            Rows::File(cached.flat_file(Element::BYTE, numbers))
        })
    };
    if let Some(cached) = Cached::open(&key) {
        return Ok((rows(&cached)?, positions(&cached.beside)));
    }
    // Where no cache can be written, images that fit into memory need none.
    let if_needed = |written: Result<CacheWriter>| match written {
        Err(_) if fits => Ok(None),
        written => written.map(Some),
    };
    let mut cache = if_needed(CacheWriter::create(&key))?;
    let done = progress.counter("decoding images", images.len() as u64);
    let mut kept = Vec::new();
    let mut corrupt = Vec::new();
    let at_once = at_once(numbers, config);
    for (number, images) in images.chunks(at_once).enumerate() {
        let pixels: Vec<Result<Vec<u8>>> = images
            .par_iter()
            .map(|(entry, seen)| {
                let decoded = decoded(&entry.path, seen, shape, config);
                done.add(1);
                decoded
            })
            .collect();
        for (position, pixels) in pixels.into_iter().enumerate() {
            match pixels {
                Ok(bytes) => {
                    if let Some(mut writer) = cache {
                        cache = if_needed(writer.push(&bytes).map(|()| writer))?;
                    }
                    if fits {
                        // Not before the first one is decoded: a few bytes can say that they are a large image.
                        kept.reserve_exact(together - kept.len());
                        kept.extend(bytes);
                    }
                }
                Err(DataError::Content { .. }) if config.skip_corrupt => {
                    corrupt.push((number * at_once + position) as u32);
                }
                Err(error) => return Err(error),
            }
        }
    }
    let beside: Vec<u8> = corrupt.iter().flat_map(|position| position.to_le_bytes()).collect();
    Ok(match cache.map(|cache| cache.finish(&beside)) {
        Some(cached) if !fits => (rows(&cached?)?, corrupt),
        _ => (Rows::Bytes(kept), corrupt),
    })
}

fn positions(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
}

/// The digest of everything on which the pixels depend.
fn key(images: &[(Entry, Seen)], shape: &Shape, config: &DataConfig) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(format!("images 1, {shape:?}, {}, {}", config.image_size, config.skip_corrupt));
    for (_, seen) in images {
        digest.update(seen.sha256);
    }
    digest.finalize().into()
}

/// Reads the bytes of a file that is not too large to be an image.
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    let length = fs::metadata(path).map_err(DataError::io(path))?.len();
    if length > MOST_BYTES as u64 {
        return Err(DataError::content(
            path,
            format!("is {length} bytes long: an image has at most {MOST_BYTES}"),
        ));
    }
    fs::read(path).map_err(DataError::io(path))
}

fn corrupt(path: &Path) -> impl Fn(String) -> DataError + '_ {
    move |reason| {
        let reason = format!(
            "cannot be decoded ({reason}): remove it, or skip such images with --set data.skip_corrupt=true"
        );
        DataError::content(path, reason)
    }
}

/// The header of an image, and the digest of its file.
fn look(path: &Path) -> Result<Seen> {
    let bytes = bytes_of(path)?;
    Ok(Seen { sha256: Sha256::digest(&bytes).into(), header: decode::header(&bytes).map_err(corrupt(path))? })
}

/// The pixels of an image that was looked at before.
fn decoded(path: &Path, seen: &Seen, shape: &Shape, config: &DataConfig) -> Result<Vec<u8>> {
    let bytes = bytes_of(path)?;
    if seen.sha256 != <[u8; 32]>::from(Sha256::digest(&bytes)) {
        let source = std::io::Error::other("the file changed while the folder was being read");
        return Err(DataError::Io { path: path.to_path_buf(), source });
    }
    let [_, _, channels] = shape.image().unwrap_or([1, 1, 1]);
    let picture = decode::decode(&bytes, channels).map_err(corrupt(path))?;
    Ok(if config.image_size == 0 { picture.bytes } else { picture.square(config.image_size).bytes })
}

/// The sizes of the images of a folder, for a configuration that is still to be chosen.
pub struct Glance {
    /// The least of all sides or, where that is less than half the median of the shorter sides, this median: a single icon
    /// among photographs does not decide over all of them.
    pub side: usize,
    /// Whether all images are of one size.
    pub alike: bool,
}

/// Looks at the headers of the images of a folder, those that can be read if others are to be skipped.
pub fn glance(dir: &Path, skip_corrupt: bool) -> Result<Glance> {
    let Listed { images: entries, .. } = Listed::of(dir)?;
    let size = |entry: &Entry| look(&entry.path).map(|seen| (seen.header.height, seen.header.width));
    let sizes: Vec<Result<(usize, usize)>> = entries.par_iter().map(size).collect();
    let sizes: Vec<(usize, usize)> = match skip_corrupt {
        true => sizes.into_iter().flatten().collect(),
        false => sizes.into_iter().collect::<Result<_>>()?,
    };
    let mut sides: Vec<usize> = sizes.iter().map(|&(height, width)| height.min(width)).collect();
    sides.sort_unstable();
    let Some(&least) = sides.first() else {
        return Err(DataError::content(dir, "holds no image that can be read"));
    };
    let median = sides[sides.len() / 2];
    let side = if 2 * least < median { median } else { least };
    Ok(Glance { side, alike: sizes.iter().all(|size| *size == sizes[0]) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::load::load;
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// A folder of images, whose caches lie where those of all tests do.
    struct Folder(TempDir);

    impl Folder {
        fn new() -> Self {
            Self(TempDir::new().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        }

        /// A PNG of one level, with as many channels as it has numbers.
        fn png(&self, name: &str, [height, width]: [u32; 2], pixel: &[u8]) {
            let mut encoder = png::Encoder::new(fs::File::create(self.path(name)).unwrap(), width, height);
            encoder.set_color(if pixel.len() == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&pixel.repeat((height * width) as usize)).unwrap();
        }

        fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
            fs::write(self.path(name), bytes).unwrap();
        }

        fn load(&self, change: impl FnOnce(&mut DataConfig)) -> Result<Dataset> {
            let mut config = DataConfig { path: self.0.path().to_path_buf(), ..DataConfig::default() };
            change(&mut config);
            load(&config, &())
        }

        fn message(&self, change: impl FnOnce(&mut DataConfig)) -> String {
            self.load(change).unwrap_err().to_string()
        }
    }

    /// The first number of every example with its label, in the order of the numbers.
    fn levels(dataset: &Dataset) -> Vec<(u8, Option<u8>)> {
        let splits = [Some(&dataset.train), dataset.validation.as_ref(), Some(&dataset.test)];
        let of_split = |split: &crate::split::Split| {
            let positions: Vec<u32> = (0..split.count() as u32).collect();
            let pixels = split.pixels(&positions).unwrap();
            let label = |position: usize| split.labels.as_ref().map(|labels| labels[position]);
            pixels
                .chunks(split.numbers())
                .enumerate()
                .map(|(i, image)| (image[0], label(i)))
                .collect::<Vec<_>>()
        };
        let mut levels: Vec<(u8, Option<u8>)> = splits.into_iter().flatten().flat_map(of_split).collect();
        levels.sort_unstable();
        levels
    }

    #[test]
    fn sub_folders_are_classes_and_may_be_parts() {
        let folder = Folder::new();
        for (level, name) in
            [(10, "dog/a.png"), (20, "cat/b.PNG"), (30, "dog/deep/c.png"), (40, "cat/.hidden/d.png")]
        {
            folder.png(name, [2, 3], &[level]);
        }
        folder.write("readme.txt", "no image");
        let dataset = folder.load(|_| {}).unwrap();
        assert_eq!(*dataset.train.shape(), Shape::grey(2, 3));
        assert_eq!(dataset.record.classes, ["cat", "dog"]);
        assert_eq!(levels(&dataset), [(10, Some(1)), (20, Some(0)), (30, Some(1))]);
        let unlabelled = folder.load(|config| config.labels = "none".to_string()).unwrap();
        assert!(unlabelled.train.labels.is_none());

        let parts = Folder::new();
        for (level, name) in
            [(1, "train/x/a.png"), (2, "train/y/a.png"), (3, "test/y/a.png"), (4, "val/x/a.png")]
        {
            parts.png(name, [1, 1], &[level]);
        }
        let dataset = parts.load(|_| {}).unwrap();
        assert_eq!((dataset.train.count(), dataset.test.pixels(&[0]).unwrap()), (2, vec![3]));
        assert_eq!(dataset.validation.unwrap().labels, Some(vec![0]));
        parts.png("other/a.png", [1, 1], &[9]);
        assert!(parts.message(|_| {}).contains("other/a.png in neither"));
    }

    #[test]
    fn labels_stand_in_a_file_by_the_names_of_images() {
        let folder = Folder::new();
        for (level, name) in [(10, "a.png"), (20, "b.png"), (30, "c.png")] {
            folder.png(name, [1, 1], &[level]);
        }
        folder.write("labels.csv", "file,label\na.png,red\nc.png,blue\nb.png,red\n");
        assert_eq!(levels(&folder.load(|_| {}).unwrap()), [(10, Some(1)), (20, Some(1)), (30, Some(0))]);
        folder.write("labels.csv", "file,label\na.png,red\nc.png,blue\n");
        let text = folder.message(|_| {});
        assert!(text.contains("labels.csv has no label for b.png"), "{text}");
        folder.write("labels.csv", "file,label\na.png,1\nb.png,2\nc.png,3\nd.png,4\n");
        let text = folder.message(|_| {});
        assert!(text.contains("labels \"d.png\"") && text.contains("no such image"), "{text}");
        folder.write("labels.csv", "file,label\na.png,1\na.png,2\n");
        assert!(folder.message(|_| {}).contains("labels \"a.png\" twice"));
    }

    #[test]
    fn images_of_several_sizes_are_named_or_made_square() {
        let folder = Folder::new();
        folder.png("a.png", [4, 4], &[10]);
        folder.png("b.png", [4, 8], &[20]);
        folder.png("c.png", [9, 5], &[1, 2, 30]);
        let text = folder.message(|_| {});
        assert!(
            text.contains("b.png is 4 x 8 pixels, and a.png 4 x 4") && text.contains("data.image_size"),
            "{text}"
        );
        let dataset = folder.load(|config| config.image_size = 2).unwrap();
        assert_eq!(
            *dataset.train.shape(),
            Shape::Image { height: 2, width: 2, channels: 3 },
            "one has colours"
        );
        assert_eq!(levels(&dataset).iter().map(|(level, _)| *level).collect::<Vec<_>>(), [1, 10, 20]);
        let grey = folder.load(|config| (config.image_size, config.channels) = (2, 1)).unwrap();
        assert_eq!(grey.train.numbers(), 4);
    }

    #[test]
    fn pictures_of_kinds_that_are_not_read_are_counted() {
        let folder = Folder::new();
        folder.write("a.gif", "GIF89a");
        folder.write("readme.txt", "no image");
        let text = folder.message(|_| {});
        assert!(
            text.ends_with(
                "holds no image; PNG, JPEG and WebP are read, and the file of other kinds is left out: 1 .gif"
            ),
            "{text}"
        );
        for (level, name) in [(10, "x/a.png"), (20, "x/b.png"), (30, "y/c.png")] {
            folder.png(name, [2, 2], &[level]);
        }
        folder.write("x/c.TIFF", "");
        folder.write("x/b.gif", "");
        folder.write("y/.d.bmp", "hidden");
        assert_eq!(
            folder.load(|_| {}).unwrap().record.notes[0],
            "PNG, JPEG and WebP are read, and the files of other kinds are left out: 2 .gif, 1 .tiff."
        );
    }

    #[test]
    fn one_icon_does_not_decide_the_size_of_all_and_what_is_made_larger_is_said() {
        let folder = Folder::new();
        for name in ["a.png", "b.png", "c.png", "d.png"] {
            folder.png(name, [40, 50], &[10]);
        }
        let side = |folder: &Folder| glance(folder.0.path(), false).unwrap().side;
        folder.png("e.png", [30, 30], &[20]);
        assert_eq!(side(&folder), 30);
        folder.png("icon.png", [1, 2], &[20]);
        assert_eq!(side(&folder), 40);
        let notes = |size: usize| folder.load(|config| config.image_size = size).unwrap().record.notes;
        assert_eq!(notes(30)[0], "1 image is smaller than 30 pixels and is made larger: icon.png of 1 x 2.");
        assert_eq!(
            notes(40)[0],
            "2 images are smaller than 40 pixels and are made larger, the smallest icon.png of 1 x 2."
        );
        assert!(!notes(1)[0].contains("larger"));
    }

    #[test]
    fn a_size_that_takes_more_memory_than_there_is_is_refused_before_an_image_is_decoded() {
        let folder = Folder::new();
        for name in ["a.png", "b.png", "c.png"] {
            folder.png(name, [4, 8], &[10]);
        }
        for (size, expected) in [
            (
                100_000_000,
                "data.image_size = 100000000 makes 3 images of 10000000.0 GB each, 30000000.0 GB together: ",
            ),
            (usize::MAX, "data.image_size = 18446744073709551615 makes 3 images of"),
        ] {
            let text = folder.message(|config| config.image_size = size);
            assert!(
                text.starts_with(expected) && text.ends_with("choose a smaller size, such as 64"),
                "{text}"
            );
        }
        let text = folder.message(|config| (config.image_size, config.memory_mib) = (1100, 1));
        assert!(text.contains("one alone is more than the 1 MiB that data.memory_mib grants"), "{text}");
        let small = folder.load(|config| (config.image_size, config.memory_mib) = (1000, 1)).unwrap();
        assert_eq!(small.train.numbers(), 1_000_000);
    }

    #[test]
    fn a_corrupt_image_is_named_or_skipped_and_counted_the_second_time_too() {
        let folder = Folder::new();
        for (level, name) in [(10, "a.png"), (20, "b.png"), (30, "c.png"), (40, "e.png")] {
            folder.png(name, [8, 8], &[level]);
        }
        // One without a header, and one that is cut short behind it.
        folder.write("d.png", "no image");
        let whole = fs::read(folder.path("e.png")).unwrap();
        folder.write("e.png", &whole[..whole.len() - 20]);
        let text = folder.message(|_| {});
        assert!(text.contains("d.png cannot be decoded") && text.contains("data.skip_corrupt"), "{text}");
        for _ in 0..2 {
            let dataset = folder.load(|config| config.skip_corrupt = true).unwrap();
            assert_eq!(levels(&dataset), [(10, None), (20, None), (30, None)]);
            assert_eq!(dataset.record.notes[0], "2 images could not be read and are left out: d.png, e.png.");
        }
        fs::remove_file(folder.path("d.png")).unwrap();
        let text = folder.message(|_| {});
        assert!(text.contains("e.png cannot be decoded"), "{text}");
    }

    #[test]
    fn what_is_missing_or_in_the_wrong_place_is_named() {
        let folder = Folder::new();
        assert!(folder.message(|_| {}).contains("holds no image: PNG, JPEG and WebP are read"));
        folder.png("cat/a.png", [1, 1], &[1]);
        folder.png("cat/b.png", [1, 1], &[2]);
        folder.png("dog/c.png", [1, 1], &[3]);
        fs::create_dir(folder.path("empty")).unwrap();
        assert!(folder.message(|_| {}).contains("a folder \"empty\" without an image"));
        fs::remove_dir(folder.path("empty")).unwrap();
        folder.png("beside.png", [1, 1], &[4]);
        assert!(folder.message(|_| {}).contains("beside.png in none of them"));
    }

    #[test]
    fn changed_images_are_not_taken_from_the_cache_and_many_are_read_from_it_by_blocks() {
        let folder = Folder::new();
        // 1.5 MiB, more than the one that is granted.
        for image in 0..96u8 {
            folder.png(&format!("{image:02}.png"), [128, 128], &[image]);
        }
        let streamed = |folder: &Folder| folder.load(|config| config.memory_mib = 1).unwrap();
        let dataset = streamed(&folder);
        assert!(dataset.train.block_plan().is_some());
        assert!(levels(&dataset).iter().map(|(level, _)| *level).eq(0..96));
        assert_eq!(levels(&dataset), levels(&folder.load(|_| {}).unwrap()), "now from the cache into memory");
        folder.png("07.png", [128, 128], &[200]);
        assert_eq!(levels(&streamed(&folder)).last(), Some(&(200, None)));
    }

    #[test]
    fn jpeg_and_webp_are_read() {
        let folder = Folder::new();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
        for name in ["grey.jpg", "colour.jpg", "turned.jpg", "colour.webp", "opaque.webp", "alpha.png"] {
            folder.write(name, fs::read(fixtures.join(name)).unwrap());
        }
        let dataset = folder.load(|config| config.image_size = 16).unwrap();
        let all: Vec<u32> = (0..dataset.train.count() as u32).collect();
        assert_eq!(dataset.record.train + dataset.record.validation + dataset.record.test, 6);
        // Each picture is red at the top and blue at the bottom, or dark at the top where it is grey.
        for image in dataset.train.pixels(&all).unwrap().chunks(16 * 16 * 3) {
            let (top, bottom) = (&image[8 * 3..8 * 3 + 3], &image[image.len() - 24..image.len() - 21]);
            if top[0].abs_diff(top[2]) < 10 {
                assert!(top[0] < 60 && bottom[0] > 180, "{top:?} {bottom:?}");
            } else {
                assert!(
                    top[0] > 180 && top[2] < 60 && bottom[0] < 60 && bottom[2] > 180,
                    "{top:?} {bottom:?}"
                );
            }
        }
    }
}
