//! The picture as a grid of cells, and what lies in them.

use matpho_scene::NormPoint;

/// Cells across.
pub(crate) const COLUMNS: usize = 64;
/// Cells down.
pub(crate) const ROWS: usize = 36;

/// Number of a cell, rows from the top.
pub(crate) type Cell = usize;

/// The cell that a point lies in.
pub(crate) fn cell(p: NormPoint) -> Cell {
    let at = |v: f32, n: usize| ((v * n as f32) as usize).min(n - 1);
    at(p.y, ROWS) * COLUMNS + at(p.x, COLUMNS)
}

/// Cells that share a side.
pub(crate) fn neighbours(cell: Cell) -> impl Iterator<Item = Cell> {
    let (row, column) = (cell / COLUMNS, cell % COLUMNS);
    let up = (row > 0).then(|| cell - COLUMNS);
    let down = (row + 1 < ROWS).then_some(cell + COLUMNS);
    let left = (column > 0).then(|| cell - 1);
    let right = (column + 1 < COLUMNS).then_some(cell + 1);
    [up, down, left, right].into_iter().flatten()
}

/// A set of cells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Area(Vec<bool>);

impl Area {
    pub fn none() -> Self {
        Self(vec![false; COLUMNS * ROWS])
    }

    pub fn holds(&self, cell: Cell) -> bool {
        self.0[cell]
    }

    pub fn insert(&mut self, cell: Cell) {
        self.0[cell] = true;
    }

    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.0.iter().enumerate().filter(|(_, inside)| **inside).map(|(cell, _)| cell)
    }

    pub fn len(&self) -> usize {
        self.cells().count()
    }

    /// With the cells around it.
    fn grown(&self) -> Self {
        let mut grown = self.clone();
        self.cells().flat_map(neighbours).for_each(|cell| grown.insert(cell));
        grown
    }

    /// Without the cells at its rim; the picture's edge is no rim.
    fn shrunk(&self) -> Self {
        let mut shrunk = Self::none();
        self.cells().filter(|&cell| neighbours(cell).all(|next| self.holds(next))).for_each(|cell| shrunk.insert(cell));
        shrunk
    }

    /// With gaps of up to four cells closed, where `free` allows: between lanes nobody drives.
    pub fn closed(&self, free: impl Fn(Cell) -> bool) -> Self {
        let mut closed = self.clone();
        self.grown().grown().shrunk().shrunk().cells().filter(|&cell| free(cell)).for_each(|cell| closed.insert(cell));
        closed
    }

    /// The parts that hang together.
    pub fn parts(&self) -> Vec<Self> {
        let (mut parts, mut seen) = (Vec::new(), Self::none());
        for start in self.cells() {
            if !seen.holds(start) {
                let part = flood(start, |cell| self.holds(cell));
                part.cells().for_each(|cell| seen.insert(cell));
                parts.push(part);
            }
        }
        parts
    }

    /// The largest of them.
    pub fn largest(&self) -> Self {
        self.parts().into_iter().max_by_key(Self::len).unwrap_or_else(Self::none)
    }

    /// With everything that it surrounds.
    pub fn filled(&self) -> Self {
        let mut outside = Self::none();
        let rim = (0..COLUMNS * ROWS).filter(|cell| {
            let (row, column) = (cell / COLUMNS, cell % COLUMNS);
            row == 0 || column == 0 || row + 1 == ROWS || column + 1 == COLUMNS
        });
        for start in rim {
            if !self.holds(start) && !outside.holds(start) {
                flood(start, |cell| !self.holds(cell)).cells().for_each(|cell| outside.insert(cell));
            }
        }
        let mut filled = Self::none();
        (0..COLUMNS * ROWS).filter(|&cell| !outside.holds(cell)).for_each(|cell| filled.insert(cell));
        filled
    }
}

fn flood(start: Cell, inside: impl Fn(Cell) -> bool) -> Area {
    let mut area = Area::none();
    let mut open = vec![start];
    area.insert(start);
    while let Some(cell) = open.pop() {
        for next in neighbours(cell) {
            if inside(next) && !area.holds(next) {
                area.insert(next);
                open.push(next);
            }
        }
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(cells: &[(usize, usize)]) -> Area {
        let mut area = Area::none();
        cells.iter().for_each(|(row, column)| area.insert(row * COLUMNS + column));
        area
    }

    #[test]
    fn points_have_cells_up_to_the_edge() {
        assert_eq!(cell(NormPoint::clamped(0.0, 0.0)), 0);
        assert_eq!(cell(NormPoint::clamped(1.0, 1.0)), COLUMNS * ROWS - 1);
    }

    #[test]
    fn a_ring_is_filled_and_a_stray_dropped() {
        let ring: Vec<_> = (4..8)
            .flat_map(|r| (4..8).map(move |c| (r, c)))
            .filter(|(r, c)| !((5..7).contains(r) && (5..7).contains(c)))
            .collect();
        let mut with_stray = area(&ring);
        with_stray.insert(20 * COLUMNS + 20);
        let whole = with_stray.largest().filled();
        assert_eq!(whole.len(), 16);
    }

    #[test]
    fn a_gap_is_closed_unless_it_is_another_s() {
        let two = area(&(10..14).flat_map(|r| [(r, 10), (r, 12)]).collect::<Vec<_>>());
        assert!(two.closed(|_| true).holds(11 * COLUMNS + 11));
        assert!(!two.closed(|_| false).holds(11 * COLUMNS + 11));
    }
}
