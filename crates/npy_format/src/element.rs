//! The types of numbers in files.

use half::f16;

/// A type of numbers, as `.npy` files name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    kind: Kind,
    bytes: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Unsigned,
    Signed,
    Float,
}

impl Element {
    /// Unsigned bytes, such as those of images.
    pub const BYTE: Self = Self { kind: Kind::Unsigned, bytes: 1, big_endian: false };
    /// Little-endian numbers of 64 bits, as klsweep's own caches hold those of tables.
    pub const FLOAT: Self = Self { kind: Kind::Float, bytes: 8, big_endian: false };

    /// The type that NumPy describes so, such as `<f4` or `|u1`; `None` if it is none of real numbers.
    pub fn described(descr: &str) -> Option<Self> {
        let mut characters = descr.chars();
        let big_endian = match characters.next()? {
            '<' | '|' => false,
            '>' => true,
            '=' => cfg!(target_endian = "big"),
            _ => return None,
        };
        let kind = match characters.next()? {
            'b' | '?' => Kind::Boolean,
            'u' => Kind::Unsigned,
            'i' => Kind::Signed,
            'f' => Kind::Float,
            _ => return None,
        };
        let bytes = characters.as_str().parse().ok()?;
        let known = match kind {
            Kind::Boolean => bytes == 1,
            Kind::Unsigned | Kind::Signed => matches!(bytes, 1 | 2 | 4 | 8),
            Kind::Float => matches!(bytes, 2 | 4 | 8),
        };
        known.then_some(Self { kind, bytes, big_endian })
    }

    /// Bytes of a number.
    pub fn size(self) -> usize {
        self.bytes
    }

    /// The numbers in some bytes.
    pub fn numbers(self, bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
        bytes.chunks_exact(self.bytes).map(move |bytes| self.number(bytes))
    }

    fn number(self, bytes: &[u8]) -> f64 {
        let mut little = [0; 8];
        little[..self.bytes].copy_from_slice(bytes);
        if self.big_endian {
            little[..self.bytes].reverse();
        }
        let unsigned = u64::from_le_bytes(little);
        match (self.kind, self.bytes) {
            (Kind::Boolean, _) => f64::from(u8::from(unsigned != 0)),
            (Kind::Unsigned, _) => unsigned as f64,
            (Kind::Signed, bytes) => {
                // The sign stands in the greatest bit of as many bytes as there are.
                let unused = 64 - 8 * bytes as u32;
                ((unsigned << unused) as i64 >> unused) as f64
            }
            (Kind::Float, 2) => f16::from_bits(unsigned as u16).to_f64(),
            (Kind::Float, 4) => f64::from(f32::from_bits(unsigned as u32)),
            (Kind::Float, _) => f64::from_bits(unsigned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_real_numbers_is_read() {
        let cases: [(&str, &[u8], f64); 14] = [
            ("|b1", &[1], 1.0),
            ("|u1", &[200], 200.0),
            ("|i1", &[200], -56.0),
            ("<u2", &[1, 2], 513.0),
            (">u2", &[2, 1], 513.0),
            ("<i2", &[0xfe, 0xff], -2.0),
            ("<u4", &[0, 0, 0, 128], 2_147_483_648.0),
            ("<i4", &[0, 0, 0, 128], -2_147_483_648.0),
            ("<i8", &[255; 8], -1.0),
            ("<u8", &[1, 0, 0, 0, 0, 0, 0, 0], 1.0),
            ("<f2", &[0x00, 0x3e], 1.5),
            ("<f4", &[0, 0, 0xc0, 0x3f], 1.5),
            (">f4", &[0x3f, 0xc0, 0, 0], 1.5),
            ("<f8", &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f], 1.5),
        ];
        for (descr, bytes, expected) in cases {
            let element = Element::described(descr).unwrap();
            assert_eq!(element.numbers(bytes).collect::<Vec<_>>(), [expected], "{descr}");
        }
    }

    #[test]
    fn what_is_no_real_number_is_not() {
        for descr in ["<c8", "|O", "<U4", "|S3", "<M8[ns]", "", "f4", "<f16", "<u3", "|b2"] {
            assert_eq!(Element::described(descr), None, "{descr}");
        }
    }
}
