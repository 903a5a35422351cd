//! Scenes one after the other, as an animated GIF.

use std::collections::HashMap;

use gif::{DisposalMethod, Encoder, Frame, Repeat};
use thiserror::Error;
use tiny_skia::Pixmap;

use super::scene::Scene;

/// Scenes of one size, shown one after the other without end.
#[derive(Debug, Clone, PartialEq)]
pub struct Animation {
    /// The pictures.
    pub scenes: Vec<Scene>,
    /// How long each is shown, in hundredths of a second.
    pub delay: u16,
    /// How long the last is shown, in hundredths of a second.
    pub last_delay: u16,
}

/// Why an animation could not be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AnimationError {
    /// There is no picture.
    #[error("an animation has to have at least one picture")]
    Empty,
    /// A side is longer than the format can say, or the pictures differ in size.
    #[error(
        "picture {index} is {width} by {height} pixels; all have to be as the first, and at most 65535 on a side"
    )]
    Size {
        /// Position of the picture, from 0.
        index: usize,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The encoder failed.
    #[error("the GIF encoder failed")]
    Encoding(#[from] gif::EncodingError),
}

impl Animation {
    /// The animation as a GIF file, one pixel to a pixel of the scenes.
    ///
    /// All pictures share one palette: their own colours where these are at most 256, else the 256 most frequent, each
    /// other colour drawn as the nearest of them. A picture stores only the rectangle in which it differs from the one
    /// before.
    ///
    /// # Errors
    ///
    /// [`AnimationError::Empty`], [`AnimationError::Size`].
    pub fn to_gif(&self) -> Result<Vec<u8>, AnimationError> {
        let first = self.scenes.first().ok_or(AnimationError::Empty)?;
        for (index, scene) in self.scenes.iter().enumerate() {
            let (width, height) = (scene.width, scene.height);
            if (width, height) != (first.width, first.height) || width.max(height) > u32::from(u16::MAX) {
                return Err(AnimationError::Size { index, width, height });
            }
        }
        let (width, height) = (first.width as usize, first.height as usize);
        let frames: Vec<Vec<[u8; 3]>> =
            self.scenes.iter().map(|scene| colors(&scene.to_pixmap(1.0))).collect();
        let mut palette = Palette::of(&frames);
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width as u16, height as u16, &palette.colors.concat())?;
        encoder.set_repeat(Repeat::Infinite)?;
        for (i, frame) in frames.iter().enumerate() {
            let [left, top, right, bottom] = match i {
                0 => [0, 0, width, height],
                _ => changed(&frames[i - 1], frame, width),
            };
            let mut buffer = Vec::with_capacity((right - left) * (bottom - top));
            for row in top..bottom {
                buffer.extend(
                    frame[row * width + left..row * width + right].iter().map(|&color| palette.index(color)),
                );
            }
            encoder.write_frame(&Frame {
                left: left as u16,
                top: top as u16,
                width: (right - left) as u16,
                height: (bottom - top) as u16,
                delay: if i + 1 == frames.len() { self.last_delay } else { self.delay },
                dispose: DisposalMethod::Keep,
                buffer: buffer.into(),
                ..Frame::default()
            })?;
        }
        drop(encoder);
        Ok(file)
    }
}

fn colors(pixmap: &Pixmap) -> Vec<[u8; 3]> {
    // The paper is opaque, so premultiplied channels are the channels.
    pixmap.pixels().iter().map(|p| [p.red(), p.green(), p.blue()]).collect()
}

/// Left, top, right and bottom of what differs; one pixel where nothing does, as a GIF has no empty picture.
fn changed(before: &[[u8; 3]], after: &[[u8; 3]], width: usize) -> [usize; 4] {
    let mut bounds = [usize::MAX, usize::MAX, 0, 0];
    for i in (0..after.len()).filter(|&i| before[i] != after[i]) {
        let (x, y) = (i % width, i / width);
        bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x + 1), bounds[3].max(y + 1)];
    }
    if bounds[2] == 0 { [0, 0, 1, 1] } else { bounds }
}

struct Palette {
    colors: Vec<[u8; 3]>,
    /// The nearest entry of each colour asked for so far.
    known: HashMap<[u8; 3], u8>,
}

impl Palette {
    fn of(frames: &[Vec<[u8; 3]>]) -> Self {
        let mut counts = HashMap::<[u8; 3], usize>::new();
        for color in frames.iter().flatten() {
            *counts.entry(*color).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        // Ties by colour, so that the file does not depend on the order of a hash map.
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let colors: Vec<_> = counts.into_iter().take(256).map(|(color, _)| color).collect();
        let known = colors.iter().zip(0..=255).map(|(color, i)| (*color, i)).collect();
        Self { colors, known }
    }

    fn index(&mut self, color: [u8; 3]) -> u8 {
        let colors = &self.colors;
        *self.known.entry(color).or_insert_with(|| {
            let distance = |other: &[u8; 3]| -> i32 {
                (0..3).map(|c| i32::from(color[c]) - i32::from(other[c])).map(|d| d * d).sum()
            };
            let nearest = (0..colors.len()).min_by_key(|&i| distance(&colors[i])).unwrap_or(0);
            nearest as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shape, palette};

    fn scene(x: f32) -> Scene {
        let fill = palette::CATEGORIES[1];
        let shapes = vec![Shape::Rect { x, y: 4.0, width: 4.0, height: 4.0, fill }];
        Scene { width: 30, height: 20, description: String::new(), shapes }
    }

    #[test]
    fn a_decoder_sees_each_picture_as_it_was_drawn() {
        let scenes = vec![scene(2.0), scene(20.0), scene(20.0)];
        let file = Animation { scenes: scenes.clone(), delay: 5, last_delay: 100 }.to_gif().unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(file.as_slice()).unwrap();
        let mut screen = vec![[0; 3]; 30 * 20];
        let mut delays = Vec::new();
        for scene in &scenes {
            let frame = decoder.read_next_frame().unwrap().unwrap();
            delays.push(frame.delay);
            let width = usize::from(frame.width);
            for (i, rgba) in frame.buffer.chunks(4).enumerate() {
                let (x, y) = (usize::from(frame.left) + i % width, usize::from(frame.top) + i / width);
                screen[y * 30 + x] = [rgba[0], rgba[1], rgba[2]];
            }
            assert_eq!(screen, colors(&scene.to_pixmap(1.0)));
        }
        assert!(decoder.read_next_frame().unwrap().is_none());
        assert_eq!(delays, [5, 5, 100]);
    }

    #[test]
    fn pictures_of_different_sizes_are_named() {
        let mut other = scene(2.0);
        other.width = 31;
        let animation = Animation { scenes: vec![scene(2.0), other], delay: 5, last_delay: 5 };
        assert!(matches!(animation.to_gif(), Err(AnimationError::Size { index: 1, width: 31, .. })));
        let empty = Animation { scenes: Vec::new(), delay: 5, last_delay: 5 };
        assert!(matches!(empty.to_gif(), Err(AnimationError::Empty)));
    }
}
