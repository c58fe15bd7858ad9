//! Where vehicles drive, which way, and where they wait before they drive on, learned from the tracks on a coarse grid.

use std::time::Duration;

use matpho_scene::{NormPoint, TrackId};

use crate::{moment::Moment, path::Step};

/// Cells across and down: at 16:9 they are square.
const COLUMNS: usize = 32;
const ROWS: usize = 18;
/// Who stands this long before driving on has waited: for a signal, behind somebody, at a stop.
const WAIT_MIN: Duration = Duration::from_secs(5);
/// The longest wait is forgotten by this part with every shorter one.
const WAIT_FORGOTTEN: f32 = 0.1;
/// Within so many box lengths of a breakdown, and for so long after it was last there, whoever is stuck behind it says nothing of where vehicles wait. It does so itself, once it
/// drives on: where one after the other stands in the way of others, at a turning lane or a stop, they wait as a rule.
const OBSTRUCTED_BOX_LENGTHS: f32 = 8.0;
const OBSTRUCTED: Duration = Duration::from_secs(30);
/// Where somebody drove this recently nothing was parked then.
const DRIVEN: Duration = Duration::from_secs(60);
/// Counts are halved at this many, so that a road that was re-marked is learned anew.
const TRACKS_MAX: u32 = 400;

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Vehicles that drove through.
    tracks: u32,
    /// Sum of their directions, as unit vectors in picture heights.
    dx: f32,
    dy: f32,
    /// The last of them, so that each counts once in a row.
    last: Option<TrackId>,
    /// When the last of them drove through.
    driven: Option<Moment>,
    /// Vehicles that waited here and drove on, and the longest of the recent waits.
    waits: u32,
    wait_s_max: f32,
    /// When a breakdown was last there.
    obstructed: Option<Moment>,
}

/// How vehicles wait at a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// Vehicles that drove through.
    pub tracks: u32,
    /// Those of them that waited and drove on.
    pub waits: u32,
    /// The longest of the recent waits.
    pub longest: Duration,
}

/// What traffic does in a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Vehicles that drove through.
    pub tracks: u32,
    /// Mean of their directions; its length is 1 where all went the same way, near 0 where they went both ways.
    pub dx: f32,
    pub dy: f32,
}

impl Flow {
    /// Length of the mean direction.
    pub fn coherence(self) -> f32 {
        self.dx.hypot(self.dy)
    }
}

/// The grid.
#[derive(Debug)]
pub(crate) struct FlowField {
    cells: Vec<Cell>,
}

impl Default for FlowField {
    fn default() -> Self {
        Self { cells: vec![Cell::default(); COLUMNS * ROWS] }
    }
}

fn cell_of(p: NormPoint) -> (usize, usize) {
    let index = |v: f32, n: usize| ((v * n as f32) as usize).min(n - 1);
    (index(p.x, COLUMNS), index(p.y, ROWS))
}

impl FlowField {
    /// A vehicle drove from one point to another.
    pub fn mark(&mut self, who: TrackId, from: Step, to: Step) {
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let length = dx.hypot(dy);
        if length <= 0.0 {
            return;
        }
        // Half a cell at a time, so that fast vehicles leave no gaps.
        let across = ((to.foot.x - from.foot.x) * COLUMNS as f32).hypot((to.foot.y - from.foot.y) * ROWS as f32);
        let steps = (across * 2.0).ceil().clamp(1.0, 128.0) as u32;
        for i in 1..=steps {
            let t = i as f32 / steps as f32;
            let at = NormPoint::clamped(from.foot.x + (to.foot.x - from.foot.x) * t, from.foot.y + (to.foot.y - from.foot.y) * t);
            let (column, row) = cell_of(at);
            let cell = &mut self.cells[row * COLUMNS + column];
            if cell.last == Some(who) {
                continue;
            }
            cell.last = Some(who);
            cell.driven = Some(to.when);
            cell.tracks += 1;
            cell.dx += dx / length;
            cell.dy += dy / length;
            if cell.tracks >= TRACKS_MAX {
                cell.tracks /= 2;
                cell.waits /= 2;
                cell.dx /= 2.0;
                cell.dy /= 2.0;
            }
        }
    }

    /// What traffic does at a point.
    pub fn at(&self, p: NormPoint) -> Flow {
        let (column, row) = cell_of(p);
        let cell = self.cells[row * COLUMNS + column];
        let n = cell.tracks.max(1) as f32;
        Flow { tracks: cell.tracks, dx: cell.dx / n, dy: cell.dy / n }
    }

    /// Whether somebody drove over a point just before: whoever stands there now has come since.
    pub fn was_driven(&self, p: NormPoint, now: Moment) -> bool {
        let (column, row) = cell_of(p);
        self.cells[row * COLUMNS + column].driven.is_some_and(|driven| now.since(driven) <= DRIVEN)
    }

    /// A breakdown stands at a place.
    pub fn obstruct(&mut self, place: Step, now: Moment) {
        let reach = OBSTRUCTED_BOX_LENGTHS * place.length * ROWS as f32;
        let (x, y) = (place.foot.x * COLUMNS as f32 - 0.5, place.foot.y * ROWS as f32 - 0.5);
        for (index, cell) in self.cells.iter_mut().enumerate() {
            let (column, row) = (index % COLUMNS, index / COLUMNS);
            if (column as f32 - x).hypot(row as f32 - y) <= reach {
                cell.obstructed = Some(now);
            }
        }
    }

    /// A vehicle that had stood at a point for so long drove on; `broke_down` if it was the breakdown itself.
    pub fn waited(&mut self, p: NormPoint, stood: Duration, broke_down: bool, now: Moment) {
        let (column, row) = cell_of(p);
        let cell = &mut self.cells[row * COLUMNS + column];
        let stuck = !broke_down && cell.obstructed.is_some_and(|last| now.since(last) <= OBSTRUCTED);
        if stood < WAIT_MIN || stuck {
            return;
        }
        cell.waits += 1;
        let stood_s = stood.as_secs_f32();
        cell.wait_s_max = stood_s.max(cell.wait_s_max + WAIT_FORGOTTEN * (stood_s - cell.wait_s_max));
    }

    /// How vehicles wait at a point and beside it.
    pub fn waits_near(&self, p: NormPoint) -> Waits {
        let longest_s = self.near(p).map(|cell| cell.wait_s_max).fold(0.0, f32::max);
        Waits {
            tracks: self.tracks_near(p),
            waits: self.near(p).map(|cell| cell.waits).sum(),
            longest: Duration::from_secs_f32(longest_s),
        }
    }

    /// The most vehicles that drove through the cell of a point or one beside it.
    pub fn tracks_near(&self, p: NormPoint) -> u32 {
        self.near(p).map(|cell| cell.tracks).max().unwrap_or(0)
    }

    /// The cell of a point and those beside it.
    fn near(&self, p: NormPoint) -> impl Iterator<Item = &Cell> {
        let (column, row) = cell_of(p);
        let rows = row.saturating_sub(1)..=(row + 1).min(ROWS - 1);
        let near = rows.flat_map(move |r| (column.saturating_sub(1)..=(column + 1).min(COLUMNS - 1)).map(move |c| (r, c)));
        near.map(|(r, c)| &self.cells[r * COLUMNS + c])
    }
}
