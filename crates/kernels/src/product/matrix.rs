//! A matrix in memory.

/// A matrix in memory, read by rows and columns that may be any number of values apart.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix stored row after row.
    ///
    /// # Panics
    ///
    /// Panics if there are not `rows * columns` values.
    pub fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "values of a {rows} x {columns} matrix");
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The matrix with rows and columns exchanged, in the same memory.
    #[inline]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The rows from `start` up to `end`, without it.
    ///
    /// # Panics
    ///
    /// Panics if the matrix has not as many rows.
    #[inline]
    pub fn rows_between(self, start: usize, end: usize) -> Self {
        assert!(start <= end && end <= self.rows, "rows {start}..{end} of {}", self.rows);
        let skipped = (start * self.row_stride).min(self.values.len());
        Self { values: &self.values[skipped..], rows: end - start, ..self }
    }

    /// The columns from `start` up to `end`, without it.
    ///
    /// # Panics
    ///
    /// Panics if the matrix has not as many columns.
    #[inline]
    pub fn columns_between(self, start: usize, end: usize) -> Self {
        self.transposed().rows_between(start, end).transposed()
    }

    /// How many rows it has.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns it has.
    #[inline]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// From one row to the next.
    #[inline]
    pub(crate) fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Whether it is stored row after row, perhaps with something in between.
    #[inline]
    pub(crate) fn is_by_rows(&self) -> bool {
        // With one row or column, both strides can be 1.
        self.column_stride == 1 && (self.row_stride >= self.columns || self.rows <= 1)
    }

    /// The row's values.
    ///
    /// # Panics
    ///
    /// Panics if the matrix is not stored row after row, or has no such row.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> &'a [f32] {
        assert!(self.column_stride == 1 || self.columns <= 1, "a matrix stored row after row");
        assert!(row < self.rows, "row {row} of {}", self.rows);
        &self.values[row * self.row_stride..][..self.columns]
    }

    /// A value.
    #[inline]
    pub(crate) fn value(&self, row: usize, column: usize) -> f32 {
        assert!(row < self.rows && column < self.columns);
        self.values[row * self.row_stride + column * self.column_stride]
    }
}
