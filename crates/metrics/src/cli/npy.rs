//! Arrays of numbers that NumPy saved, up to two dimensions.

use std::io::Read;

use anyhow::{Context as _, Result, anyhow, bail};
use ndarray::{Array2, ShapeBuilder as _};
use npy_format::Header;

/// Reads an array; one of one dimension is a column.
pub fn read(mut bytes: impl Read) -> Result<Array2<f64>> {
    let header = Header::read(&mut bytes).map_err(|reason| anyhow!("the file {reason}"))?;
    let (rows, columns) = match header.shape.as_slice() {
        [rows] => (*rows, 1),
        [rows, columns] => (*rows, *columns),
        shape => {
            bail!("an array of {} dimensions, where one or two are needed: reshape it first", shape.len())
        }
    };
    let size = header.element.size();
    let count = header.count().and_then(|count| count.checked_mul(size));
    let mut left = count.context("the shape is larger than any array")?;
    let mut values = Vec::new();
    let mut block = vec![0; size << 13];
    while left > 0 {
        let part = left.min(block.len());
        bytes.read_exact(&mut block[..part]).context("the file ends before its array does")?;
        values.extend(header.element.numbers(&block[..part]));
        left -= part;
    }
    let shape = (rows, columns).set_f(header.by_columns);
    Ok(Array2::from_shape_vec(shape, values)?)
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
        assert!(of("'<c8'", "(2,)").contains("values of the type \"<c8\": only real numbers"));
        assert!(of("[('x', '<f8')]", "(2,)").contains("records of several numbers"));
        assert!(of("'<f8'", "(2, 2, 2)").contains("3 dimensions"));
        assert!(of("'<f8'", "(2, 2)").contains("ends before its array does"));
    }
}
