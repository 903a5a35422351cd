//! Arrays of numbers that NumPy saved: the format of `numpy.save`, versions 1 to 3, up to two dimensions.

use std::io::Read;

use anyhow::{Context as _, Result, bail};
use ndarray::{Array2, ShapeBuilder as _};

/// Reads an array; one of one dimension is a column.
pub fn read(mut bytes: impl Read) -> Result<Array2<f64>> {
    let header = read_header(&mut bytes)?;
    let (rows, columns) = match header.shape.as_slice() {
        [rows] => (*rows, 1),
        [rows, columns] => (*rows, *columns),
        shape => {
            bail!("an array of {} dimensions, where one or two are needed: reshape it first", shape.len())
        }
    };
    let count = rows.checked_mul(columns).context("the shape is larger than any array")?;
    let mut values = Vec::new();
    let mut block = vec![0; header.element.size() << 13];
    let mut left = count.checked_mul(header.element.size()).context("the shape is larger than any array")?;
    while left > 0 {
        let part = left.min(block.len());
        bytes.read_exact(&mut block[..part]).context("the file ends before its array does")?;
        values.extend(
            block[..part].chunks_exact(header.element.size()).map(|bytes| header.element.read(bytes)),
        );
        left -= part;
    }
    let shape = (rows, columns).set_f(header.fortran_order);
    Ok(Array2::from_shape_vec(shape, values)?)
}

struct Header {
    element: Element,
    fortran_order: bool,
    shape: Vec<usize>,
}

fn read_header(bytes: &mut impl Read) -> Result<Header> {
    let mut start = [0; 8];
    bytes.read_exact(&mut start).context("no NPY file: it ends within its first eight bytes")?;
    if start[..6] != *b"\x93NUMPY" {
        bail!("no NPY file: it does not begin with \\x93NUMPY");
    }
    let mut length = [0; 4];
    bytes.read_exact(if start[6] == 1 { &mut length[..2] } else { &mut length[..] })?;
    let mut text = Vec::new();
    bytes.take(u32::from_le_bytes(length).into()).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let value = |key: &str| {
        let after = text.split_once(&format!("'{key}':")).map(|(_, after)| after.trim_start());
        after.with_context(|| format!("the header has no '{key}': {text}"))
    };
    let quoted = value("descr")?.strip_prefix('\'').and_then(|descr| descr.split_once('\''));
    let Some((descr, _)) = quoted else { bail!("the array has fields: save a plain one") };
    let shape = value("shape")?.trim_start_matches('(').split(')').next().unwrap_or_default();
    let shape = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
    Ok(Header {
        element: Element::of(descr)?,
        fortran_order: value("fortran_order")?.starts_with("True"),
        shape: shape.map(str::parse).collect::<Result<_, _>>().with_context(|| format!("in {text}"))?,
    })
}

/// The type of the numbers, little-endian.
#[derive(Clone, Copy)]
enum Element {
    F64,
    F32,
    Signed(usize),
    Unsigned(usize),
}

impl Element {
    fn of(descr: &str) -> Result<Self> {
        Ok(match descr {
            "<f8" => Self::F64,
            "<f4" => Self::F32,
            "|i1" | "<i2" | "<i4" | "<i8" => Self::Signed(usize::from(descr.as_bytes()[2] - b'0')),
            "|u1" | "|b1" | "<u2" | "<u4" | "<u8" => Self::Unsigned(usize::from(descr.as_bytes()[2] - b'0')),
            other => bail!("numbers of type '{other}': save the array as array.astype('<f8')"),
        })
    }

    fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::Signed(size) | Self::Unsigned(size) => size,
        }
    }

    fn read(self, bytes: &[u8]) -> f64 {
        // Into the upper bytes, from where a shift spreads the sign.
        let mut wide = [0; 8];
        wide[8 - bytes.len()..].copy_from_slice(bytes);
        let unused = 8 * (8 - bytes.len()) as u32;
        match self {
            Self::F64 => f64::from_le_bytes(wide),
            Self::F32 => f32::from_le_bytes([wide[4], wide[5], wide[6], wide[7]]).into(),
            Self::Signed(_) => (i64::from_le_bytes(wide) >> unused) as f64,
            Self::Unsigned(_) => (u64::from_le_bytes(wide) >> unused) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// What `numpy.save` writes.
    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        let length = (header.len() as u32).to_le_bytes();
        bytes.extend(if version == 1 { &length[..2] } else { &length[..] });
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn every_type_and_both_orders() {
        let data: Vec<u8> = [1.0, -2.0, 3.5, 4.0].iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }\n";
        assert_eq!(read(&*file(1, header, &data)).unwrap(), array![[1.0, -2.0], [3.5, 4.0]]);
        let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }\n";
        assert_eq!(read(&*file(2, header, &data)).unwrap(), array![[1.0, 3.5], [-2.0, 4.0]]);
        let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n";
        assert_eq!(read(&*file(1, header, &[0xFE, 0xFF, 1, 2])).unwrap(), array![[-2.0], [513.0]]);
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2), }\n";
        assert_eq!(read(&*file(1, header, &[254, 3])).unwrap(), array![[254.0, 3.0]]);
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
        assert_eq!(read(&*file(1, header, &0.5_f32.to_le_bytes())).unwrap(), array![[0.5]]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |bytes: &[u8]| format!("{:#}", read(bytes).unwrap_err());
        assert!(refused(b"1,2\n3,4\n5").contains("does not begin with"));
        let of = |descr: &str, shape: &str| {
            refused(&file(
                1,
                &format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"),
                &[],
            ))
        };
        assert!(of("'>f8'", "(2,)").contains("type '>f8': save the array as array.astype('<f8')"));
        assert!(of("[('x', '<f8')]", "(2,)").contains("the array has fields"));
        assert!(of("'<f8'", "(2, 2, 2)").contains("3 dimensions"));
        assert!(of("'<f8'", "(2, 2)").contains("ends before its array does"));
    }
}
