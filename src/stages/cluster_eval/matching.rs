//! The best one-to-one matching of classes and clusters (the Hungarian method).

/// Returns the largest sum of counts, `[rows, columns]`, of which no two are in the same row or column. The method of
/// shortest augmenting paths with potentials takes min(rows, columns)² × max(rows, columns) steps (Jonker and Volgenant
/// 1987).
pub(super) fn max_matching(counts: &[usize], rows: usize, columns: usize) -> usize {
    if rows > columns {
        let transposed: Vec<usize> =
            (0..columns).flat_map(|column| (0..rows).map(move |row| counts[row * columns + column])).collect();
        return max_matching(&transposed, columns, rows);
    }
    let mut matching = Matching::new(counts, columns, rows);
    (0..rows).for_each(|row| matching.add(row));
    let pairs = matching.row_of.iter().zip(0..columns);
    pairs.filter_map(|(row, column)| row.map(|row| counts[row * columns + column])).sum()
}

/// A matching of some rows that minimizes the sum of the costs, which are the negative counts.
struct Matching<'a> {
    counts: &'a [usize],
    columns: usize,
    /// Row matched with each column, and with one that is not there: the row that is being added.
    row_of: Vec<Option<usize>>,
    row_potential: Vec<i64>,
    column_potential: Vec<i64>,
}

impl<'a> Matching<'a> {
    fn new(counts: &'a [usize], columns: usize, rows: usize) -> Self {
        Self {
            counts,
            columns,
            row_of: vec![None; columns + 1],
            row_potential: vec![0; rows],
            column_potential: vec![0; columns + 1],
        }
    }

    /// Adds a row along the shortest path that ends at a column without a row.
    fn add(&mut self, row: usize) {
        let start = self.columns;
        self.row_of[start] = Some(row);
        let mut before = vec![start; self.columns];
        let mut shortest = vec![i64::MAX; self.columns];
        let mut visited = vec![false; self.columns + 1];
        let mut column = start;
        while let Some(row) = self.row_of[column] {
            visited[column] = true;
            for next in (0..self.columns).filter(|next| !visited[*next]) {
                let cost = -(self.counts[row * self.columns + next] as i64);
                let reduced = cost - self.row_potential[row] - self.column_potential[next];
                if reduced < shortest[next] {
                    (shortest[next], before[next]) = (reduced, column);
                }
            }
            let Some(next) = (0..self.columns).filter(|next| !visited[*next]).min_by_key(|next| shortest[*next]) else {
                return;
            };
            self.shift(shortest[next], &visited, &mut shortest);
            column = next;
        }
        while column != start {
            let previous = before[column];
            self.row_of[column] = self.row_of[previous];
            column = previous;
        }
        self.row_of[start] = None;
    }

    /// Makes the next edge of the path free.
    fn shift(&mut self, by: i64, visited: &[bool], shortest: &mut [i64]) {
        for column in (0..=self.columns).filter(|column| visited[*column]) {
            if let Some(row) = self.row_of[column] {
                self.row_potential[row] += by;
            }
            self.column_potential[column] -= by;
        }
        shortest.iter_mut().zip(visited).filter(|(_, visited)| !**visited).for_each(|(shortest, _)| *shortest -= by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{below, permutation, stream};

    #[test]
    fn no_permutation_is_better() {
        let mut rng = stream(1, "test", &[]);
        for (rows, columns) in [(1, 1), (1, 5), (4, 4), (5, 3), (3, 6)] {
            let counts: Vec<usize> = (0..rows * columns).map(|_| below(20, &mut rng) as usize).collect();
            let side = rows.max(columns);
            let count = |row: usize, column: usize| {
                if row < rows && column < columns { counts[row * columns + column] } else { 0 }
            };
            let best = (0..5000)
                .map(|_| {
                    permutation(side, &mut rng).into_iter().enumerate().map(|(row, column)| count(row, column)).sum()
                })
                .max();
            assert_eq!(Some(max_matching(&counts, rows, columns)), best, "{counts:?}");
        }
    }
}
