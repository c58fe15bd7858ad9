//! The cheapest way to pair rows with columns, where some pairs are allowed and nobody has to be paired.
//!
//! Rows and columns that have nothing to do with each other are solved apart, so that a street full of motorbikes falls into many small
//! problems. Each is solved by the Hungarian method with potentials (Kuhn 1955; the shortest-augmenting-path form, O(rows² · columns)).

/// A pair that is allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    pub row: usize,
    pub column: usize,
    /// What pairing the two costs over leaving them alone: only pairs under 0 are worth it.
    pub cost: f64,
}

/// For each row its column in the cheapest pairing. Depends on nothing but the arguments.
pub fn assign(rows: usize, columns: usize, pairs: &[Pair]) -> Vec<Option<usize>> {
    let mut assigned = vec![None; rows];
    for group in groups(rows, columns, pairs) {
        let mut local_rows: Vec<_> = group.iter().map(|pair| pair.row).collect();
        let mut local_columns: Vec<_> = group.iter().map(|pair| pair.column).collect();
        for list in [&mut local_rows, &mut local_columns] {
            list.sort_unstable();
            list.dedup();
        }
        let (height, width) = (local_rows.len(), local_columns.len());
        // Behind the real columns each row has one of its own that costs nothing: staying alone.
        let mut costs = vec![FORBIDDEN; height * (width + height)];
        for pair in &group {
            let at = |list: &[usize], value| list.binary_search(&value).unwrap_or_default();
            costs[at(&local_rows, pair.row) * (width + height) + at(&local_columns, pair.column)] = pair.cost;
        }
        for row in 0..height {
            costs[row * (width + height) + width + row] = 0.0;
        }
        for (row, column) in hungarian(height, width + height, &costs).into_iter().enumerate() {
            assigned[local_rows[row]] = local_columns.get(column).copied();
        }
    }
    assigned
}

/// Dearer than any sum of pairs.
const FORBIDDEN: f64 = 1e9;

/// Pairs that share rows or columns, directly or through others; in the order of their first row.
fn groups(rows: usize, columns: usize, pairs: &[Pair]) -> Vec<Vec<Pair>> {
    let mut parent: Vec<usize> = (0..rows + columns).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while parent[node] != node {
            parent[node] = parent[parent[node]];
            node = parent[node];
        }
        node
    }
    let worth: Vec<_> = pairs.iter().copied().filter(|pair| pair.cost < 0.0).collect();
    for pair in &worth {
        let (a, b) = (root(&mut parent, pair.row), root(&mut parent, rows + pair.column));
        parent[a.max(b)] = a.min(b);
    }
    let mut by_root = std::collections::BTreeMap::<usize, Vec<Pair>>::new();
    for pair in worth {
        by_root.entry(root(&mut parent, pair.row)).or_default().push(pair);
    }
    by_root.into_values().collect()
}

/// For each row its column at the least total cost; `columns >= rows`, `costs` row by row.
fn hungarian(rows: usize, columns: usize, costs: &[f64]) -> Vec<usize> {
    // Row and column 0 are the method's own; real ones count from 1.
    let (mut row_potential, mut column_potential) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let (mut row_of, mut came_from) = (vec![0; columns + 1], vec![0; columns + 1]);
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let (mut least, mut visited) = (vec![f64::INFINITY; columns + 1], vec![false; columns + 1]);
        loop {
            visited[column] = true;
            let from = row_of[column];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for to in (1..=columns).filter(|&to| !visited[to]) {
                let reduced = costs[(from - 1) * columns + to - 1] - row_potential[from] - column_potential[to];
                if reduced < least[to] {
                    (least[to], came_from[to]) = (reduced, column);
                }
                if least[to] < step {
                    (step, next) = (least[to], to);
                }
            }
            for to in 0..=columns {
                if visited[to] {
                    row_potential[row_of[to]] += step;
                    column_potential[to] -= step;
                } else {
                    least[to] -= step;
                }
            }
            column = next;
            if row_of[column] == 0 {
                break;
            }
        }
        while column != 0 {
            row_of[column] = row_of[came_from[column]];
            column = came_from[column];
        }
    }
    let mut column_of = vec![0; rows];
    for column in 1..=columns {
        if row_of[column] != 0 {
            column_of[row_of[column] - 1] = column - 1;
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least total cost, by trying everything.
    fn least(row: usize, rows: usize, taken: u32, pairs: &[Pair]) -> f64 {
        if row == rows {
            return 0.0;
        }
        let alone = least(row + 1, rows, taken, pairs);
        pairs
            .iter()
            .filter(|pair| pair.row == row && taken & (1 << pair.column) == 0)
            .map(|pair| pair.cost + least(row + 1, rows, taken | 1 << pair.column, pairs))
            .fold(alone, f64::min)
    }

    #[test]
    fn the_nearest_is_not_always_the_cheapest() {
        let pair = |row, column, cost| Pair { row, column, cost };
        let pairs = [pair(0, 0, -9.0), pair(0, 1, -8.0), pair(1, 0, -8.0)];
        assert_eq!(assign(3, 2, &pairs), [Some(1), Some(0), None]);
        assert_eq!(assign(2, 2, &[pair(0, 0, 1.0)]), [None, None]);
    }

    proptest! {
        #[test]
        fn no_pairing_is_cheaper(
            (rows, columns) in (1usize..6, 1usize..6), costs in prop::collection::vec(-10.0f64..3.0, 36), allowed in any::<u64>(),
        ) {
            let all = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
            let pairs: Vec<_> = all
                .filter(|(row, column)| allowed & (1 << (row * 6 + column)) != 0)
                .map(|(row, column)| Pair { row, column, cost: costs[row * 6 + column] })
                .collect();
            let assigned = assign(rows, columns, &pairs);
            let mut taken: Vec<_> = assigned.iter().flatten().collect();
            taken.sort_unstable();
            prop_assert!(taken.windows(2).all(|two| two[0] != two[1]), "a column was given twice");
            let cost = |(row, column): (usize, &Option<usize>)| column.map(|column| {
                pairs.iter().find(|pair| pair.row == row && pair.column == column).expect("only allowed pairs").cost
            });
            let total: f64 = assigned.iter().enumerate().filter_map(cost).sum();
            prop_assert!((total - least(0, rows, 0, &pairs)).abs() < 1e-6);
        }
    }
}
