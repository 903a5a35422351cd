//! How panels are arranged on a page.

/// The number of columns, from 3 to 5, that leaves the fewest places free; of two alike, the wider page.
pub fn columns_of(panels: usize) -> usize {
    (3..=5).rev().min_by_key(|columns| panels.next_multiple_of(*columns)).unwrap_or(3).min(panels.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_as_few_free_places_as_it_can() {
        let columns = [1, 2, 3, 6, 7, 12, 13, 16, 17].map(columns_of);
        assert_eq!(columns, [1, 2, 3, 3, 4, 4, 5, 4, 3]);
    }
}
