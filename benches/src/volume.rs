//! Volume against the truth, one to one: a net error says nothing of a vehicle counted twice where another was missed.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::Sum,
};

use matpho_scene::{Class, GroundPlane};
use matpho_sim::{Direction, Object};

use crate::{
    detector::class,
    judged::{Moment, line_m, zone_name},
    marks::best,
};

/// Neighbours whose tracks change over are counted under each other's names: a count that is nobody's own is of whoever crossed so near, and so near in time.
const NEAR_S: f64 = 4.0;
const NEAR_M: f32 = 1.5;

/// A vehicle at a counting line.
#[derive(Debug, Clone, Copy)]
struct Passing {
    t: f64,
    zone: &'static str,
    class: Class,
    /// To the right of the road's middle, metres.
    aside_m: f32,
}

impl Passing {
    fn is_near(&self, other: &Self) -> bool {
        (self.t - other.t).abs() <= NEAR_S && (self.aside_m - other.aside_m).abs() <= NEAR_M
    }
}

/// Who crossed the counting lines of a street, and who was counted.
#[derive(Debug, Default)]
pub struct Volume {
    /// Metres ahead of the camera, in the last picture.
    before: BTreeMap<u32, f32>,
    crossed: BTreeMap<u32, Passing>,
    /// With whom was there to be seen, if anybody.
    counted: Vec<(Option<u32>, Passing)>,
}

/// Its sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Vehicles that crossed.
    pub crossed: usize,
    /// Vehicles counted.
    pub counted: usize,
    /// Crossed, and not counted.
    pub missed: usize,
    /// Counted, and nobody had crossed who was not counted already.
    pub excess: usize,
}

impl Volume {
    /// Takes one picture.
    pub fn look(&mut self, moment: &Moment<'_>) {
        for o in moment.truth {
            if let Some(direction) = o.direction.filter(|_| o.class != matpho_sim::Class::Person) {
                self.follow(o, direction, moment);
            }
        }
        let plane = GroundPlane { matrix: moment.watch.ground() };
        for passed in moment.passed {
            let zone =
                [Direction::Inbound, Direction::Outbound].map(zone_name).into_iter().find(|name| passed.zone.as_str() == *name);
            let who = best(passed.bbox, moment);
            let there = || plane.to_ground(passed.bbox.foot()).map(|p| p.x_m as f32);
            let aside_m = who.map(|o| o.at_m[0]).or_else(there).unwrap_or(f32::INFINITY);
            self.counted
                .push((who.map(|o| o.id), Passing { t: moment.t, zone: zone.unwrap_or_default(), class: passed.class, aside_m }));
        }
    }

    fn follow(&mut self, o: &Object, direction: Direction, moment: &Moment<'_>) {
        let (y, line) = (moment.watch.touches_m(o), line_m(moment.watch, direction));
        if self.before.insert(o.id, y).is_some_and(|before| (before > line) != (y > line)) {
            let crossing = Passing { t: moment.t, zone: zone_name(direction), class: class(o.class), aside_m: o.at_m[0] };
            self.crossed.entry(o.id).or_insert(crossing);
        }
    }

    /// Crossed and counted of one class.
    pub fn of_class(&self, class: Class) -> (usize, usize) {
        (
            self.crossed.values().filter(|c| c.class == class).count(),
            self.counted.iter().filter(|(_, c)| c.class == class).count(),
        )
    }

    /// The sum of the street, once it is over.
    pub fn tally(&self) -> Tally {
        let excess = self.in_excess().len();
        let (crossed, counted) = (self.crossed.len(), self.counted.len());
        Tally { crossed, counted, missed: crossed + excess - counted, excess }
    }

    /// When somebody was counted, and in which zone, though nobody had crossed who was not counted already. Each count is of one crossing and each crossing of
    /// one count, a vehicle's own first, so that as many as possible are told.
    pub fn in_excess(&self) -> Vec<(f64, &'static str)> {
        let may_be = |(who, count): &(Option<u32>, Passing)| -> Vec<u32> {
            let is_it =
                |of: u32, crossing: &Passing| crossing.zone == count.zone && (*who == Some(of) || crossing.is_near(count));
            self.crossed.iter().filter(|(of, crossing)| is_it(**of, crossing)).map(|(of, _)| *of).collect()
        };
        let mut told = Told { may_be: self.counted.iter().map(may_be).collect(), count_of: BTreeMap::new() };
        let mut left = Vec::new();
        for (index, (who, _)) in self.counted.iter().enumerate() {
            match who.filter(|who| told.may_be[index].contains(who) && !told.count_of.contains_key(who)) {
                Some(who) => _ = told.count_of.insert(who, index),
                None => left.push(index),
            }
        }
        left.retain(|index| !told.tell(*index, &mut BTreeSet::new()));
        left.into_iter().map(|index| (self.counted[index].1.t, self.counted[index].1.zone)).collect()
    }
}

/// Which count is of which crossing.
struct Told {
    /// The vehicles whose crossings a count may be of.
    may_be: Vec<Vec<u32>>,
    count_of: BTreeMap<u32, usize>,
}

impl Told {
    /// Finds a crossing for a count, if those of other counts can be told otherwise (an augmenting path).
    fn tell(&mut self, count: usize, tried: &mut BTreeSet<u32>) -> bool {
        for who in self.may_be[count].clone() {
            if tried.insert(who) && self.count_of.get(&who).copied().is_none_or(|other| self.tell(other, tried)) {
                self.count_of.insert(who, count);
                return true;
            }
        }
        false
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |a, b| Self {
            crossed: a.crossed + b.crossed,
            counted: a.counted + b.counted,
            missed: a.missed + b.missed,
            excess: a.excess + b.excess,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing(t: f64, aside_m: f32) -> Passing {
        Passing { t, zone: "inbound", class: Class::Motorcycle, aside_m }
    }

    /// Missed, and counted in excess.
    fn marks(crossed: &[(u32, f64, f32)], counted: &[(u32, f64, f32)]) -> (usize, usize) {
        let volume = Volume {
            before: BTreeMap::new(),
            crossed: crossed.iter().map(|(who, t, x)| (*who, passing(*t, *x))).collect(),
            counted: counted.iter().map(|(who, t, x)| (Some(*who), passing(*t, *x))).collect(),
        };
        let tally = volume.tally();
        (tally.missed, tally.excess)
    }

    #[test]
    fn a_vehicle_counted_twice_does_not_make_up_for_another_that_was_missed() {
        let crossed = [(1, 10.0, 2.0), (2, 11.0, 6.0), (3, 30.0, 2.0)];
        assert_eq!(marks(&crossed, &[(1, 10.4, 2.0), (2, 11.4, 6.0), (3, 55.0, 2.0)]), (0, 0), "a vehicle's own, also late");
        assert_eq!(marks(&crossed, &[(1, 10.4, 2.0), (1, 14.0, 2.0), (2, 11.4, 6.0)]), (1, 1));
        assert_eq!(marks(&crossed, &[(1, 10.4, 2.0), (1, 29.0, 2.5), (2, 11.4, 6.0)]), (0, 0), "under a neighbour's name");
    }

    #[test]
    fn neighbours_whose_tracks_change_over_are_all_told() {
        // The second count of 1 is near 2 alone, whose own first is near 3.
        let crossed = [(1, 10.0, 2.0), (2, 12.0, 3.0), (3, 14.0, 4.0)];
        assert_eq!(marks(&crossed, &[(1, 10.0, 2.0), (1, 11.0, 2.0), (2, 12.0, 3.0)]), (0, 0));
        assert_eq!(marks(&crossed, &[(1, 10.0, 2.0), (1, 11.0, 2.0), (2, 12.0, 3.0), (2, 12.4, 3.0)]), (0, 1));
    }
}
