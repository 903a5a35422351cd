//! Pictures, made smaller by averaging over areas.

/// A picture, row by row, the channels of a pixel beside each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub bytes: Vec<u8>,
}

/// What one new pixel takes along an axis: some old ones from the first on, each with its share.
struct Taken {
    first: usize,
    shares: Vec<f32>,
}

/// The areas of `to` equal parts of `from` pixels.
fn areas(from: usize, to: usize) -> Vec<Taken> {
    let ratio = from as f64 / to as f64;
    let area = |part: usize| {
        let (start, end) = (part as f64 * ratio, (part + 1) as f64 * ratio);
        let first = start as usize;
        let last = (end.ceil() as usize).clamp(first + 1, from);
        let share = |pixel: usize| {
            let covered = end.min((pixel + 1) as f64) - start.max(pixel as f64);
            (covered / ratio).max(0.0) as f32
        };
        Taken { first, shares: (first..last).map(share).collect() }
    };
    (0..to).map(area).collect()
}

impl Picture {
    /// A square of so many pixels: the shorter side resized, the longer one cropped at both ends.
    ///
    /// Each new pixel is the mean of the old ones that it covers, by the areas covered.
    pub fn square(&self, side: usize) -> Self {
        let short = self.height.min(self.width);
        let scaled =
            |length: usize| ((length as f64 * side as f64 / short as f64).round() as usize).max(side);
        self.resized(scaled(self.height), scaled(self.width)).cropped(side)
    }

    fn resized(&self, height: usize, width: usize) -> Self {
        let Self { channels, .. } = *self;
        if (height, width) == (self.height, self.width) {
            return self.clone();
        }
        // Along the rows, then along the columns.
        let columns = areas(self.width, width);
        let mut narrow = vec![0.0f32; self.height * width * channels];
        for (old, new) in
            self.bytes.chunks_exact(self.width * channels).zip(narrow.chunks_exact_mut(width * channels))
        {
            for (Taken { first, shares }, new) in columns.iter().zip(new.chunks_exact_mut(channels)) {
                for (share, old) in shares.iter().zip(old[first * channels..].chunks_exact(channels)) {
                    for (new, &old) in new.iter_mut().zip(old) {
                        *new += share * f32::from(old);
                    }
                }
            }
        }
        let stride = width * channels;
        let mut bytes = Vec::with_capacity(height * stride);
        let mut row = vec![0.0f32; stride];
        for Taken { first, shares } in areas(self.height, height) {
            row.fill(0.0);
            for (share, old) in shares.iter().zip(narrow[first * stride..].chunks_exact(stride)) {
                for (new, old) in row.iter_mut().zip(old) {
                    *new += share * old;
                }
            }
            bytes.extend(row.iter().map(|&value| value.round() as u8));
        }
        Self { height, width, channels, bytes }
    }

    fn cropped(&self, side: usize) -> Self {
        let Self { channels, width, .. } = *self;
        let (top, left) = ((self.height - side) / 2, (width - side) / 2);
        let mut bytes = Vec::with_capacity(side * side * channels);
        for row in self.bytes.chunks_exact(width * channels).skip(top).take(side) {
            bytes.extend_from_slice(&row[left * channels..(left + side) * channels]);
        }
        Self { height: side, width: side, channels, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(height: usize, width: usize, bytes: &[u8]) -> Picture {
        Picture { height, width, channels: 1, bytes: bytes.to_vec() }
    }

    #[test]
    fn a_pixel_is_the_mean_of_those_that_it_covers() {
        let whole = grey(2, 4, &[0, 10, 20, 30, 40, 50, 60, 70]);
        assert_eq!(whole.square(1).bytes, [25], "the left one of 25 and 45");
        assert_eq!(
            grey(4, 4, &[0, 4, 100, 104, 8, 12, 108, 112, 0, 0, 8, 8, 0, 0, 8, 8]).square(2).bytes,
            [6, 106, 0, 8]
        );
        // Of three pixels two: each takes one and a half.
        assert_eq!(grey(3, 3, &[0, 30, 60, 0, 30, 60, 0, 30, 60]).square(2).bytes, [10, 50, 10, 50]);
    }

    #[test]
    fn the_longer_side_is_cropped_at_both_ends() {
        assert_eq!(grey(1, 5, &[1, 2, 3, 4, 5]).square(1).bytes, [3]);
        assert_eq!(grey(4, 2, &[1, 1, 2, 3, 4, 5, 6, 6]).square(2).bytes, [2, 3, 4, 5]);
    }

    #[test]
    fn channels_stay_apart_and_what_fits_stays_as_it_is() {
        let colour = Picture {
            height: 2,
            width: 2,
            channels: 3,
            bytes: vec![0, 9, 200, 2, 9, 202, 4, 9, 204, 6, 9, 206],
        };
        assert_eq!(colour.square(1).bytes, [3, 9, 203]);
        assert_eq!(colour.square(2), colour);
        assert_eq!(grey(1, 1, &[7]).square(3).bytes, [7; 9], "made larger, it is repeated");
    }

    #[test]
    fn a_plain_picture_stays_plain_whatever_the_sizes() {
        for (height, width) in [(7, 5), (64, 33), (100, 301)] {
            for side in [1, 2, 3, 5, 13, 28] {
                let plain = grey(height, width, &vec![255; height * width]).square(side);
                assert!(plain.bytes.iter().all(|&byte| byte == 255), "{height} x {width} to {side}");
                assert_eq!(plain.bytes.len(), side * side);
            }
        }
    }
}
