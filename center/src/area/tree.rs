//! All areas with their successors, checked once and then trusted.
//!
//! Where a position lies is found by the bounding box of every border and then by the border itself. A province has some 170 communes and
//! the country 3,300; going through their boxes costs microseconds and happens when a camera appears or moves, not with every event, so
//! there is no spatial index to keep in order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Area, AreaId, Position, Validity};

/// Shares of one old area may miss or pass 1 by this much: tables give them with a few digits.
const SHARE_SLACK: f64 = 1e-3;

/// What became of a part of an area.
#[derive(Debug, Clone, PartialEq)]
pub struct Successor {
    /// The area that ended.
    pub old: AreaId,
    /// One that took it over.
    pub new: AreaId,
    /// How much of the old one, 0 (exclusive) to 1.
    pub share: f64,
}

/// What is wrong with areas taken together. `area` and `successor` are indices into what was handed to [`AreaTree::build`].
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Which row.
    pub row: Row,
    /// Which of its fields.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// A row of what was handed to [`AreaTree::build`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Of the areas.
    Area(usize),
    /// Of the successors.
    Successor(usize),
}

/// All areas, sound.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AreaTree {
    /// Versions of each area, the earliest first; never empty.
    versions: BTreeMap<AreaId, Vec<Area>>,
    /// What became of each area that has ended.
    successors: BTreeMap<AreaId, Vec<(AreaId, f64)>>,
}

impl AreaTree {
    /// Puts areas together; on fault, everything that is wrong, by row.
    pub fn build(areas: Vec<Area>, successors: Vec<Successor>) -> Result<Self, Vec<Fault>> {
        let mut rows: BTreeMap<&AreaId, Vec<usize>> = BTreeMap::new();
        for (row, area) in areas.iter().enumerate() {
            rows.entry(&area.id).or_default().push(row);
        }
        for versions in rows.values_mut() {
            versions.sort_by_key(|&row| (areas[row].validity.from, row));
        }
        let check = Check { areas: &areas, rows: &rows };
        let mut faults = check.versions();
        // What follows walks from version to version and wants one of each at a time.
        if faults.is_empty() {
            faults.extend(check.parents());
            faults.extend(check.successors(&successors));
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.row);
            return Err(faults);
        }
        let mut tree = Self::default();
        for area in areas {
            tree.versions.entry(area.id.clone()).or_default().push(area);
        }
        for versions in tree.versions.values_mut() {
            versions.sort_by_key(|area| area.validity.from);
        }
        for Successor { old, new, share } in successors {
            tree.successors.entry(old).or_default().push((new, share));
        }
        Ok(tree)
    }

    /// All versions of all areas, ordered by id and then by time.
    pub fn areas(&self) -> impl Iterator<Item = &Area> {
        self.versions.values().flatten()
    }

    /// All successors.
    pub fn successors(&self) -> impl Iterator<Item = Successor> {
        let one = |old: &AreaId, (new, share): &(AreaId, f64)| Successor { old: old.clone(), new: new.clone(), share: *share };
        self.successors.iter().flat_map(move |(old, all)| all.iter().map(move |to| one(old, to)))
    }

    /// Whether an area was ever known.
    pub fn knows(&self, id: &AreaId) -> bool {
        self.versions.contains_key(id)
    }

    /// All ids, whether valid today or not.
    pub fn ids(&self) -> impl Iterator<Item = &AreaId> {
        self.versions.keys()
    }

    /// An area as it is on a day; `None` where it is not known or not valid then.
    pub fn at(&self, id: &AreaId, day: Date) -> Option<&Area> {
        self.versions.get(id)?.iter().find(|area| area.validity.holds(day))
    }

    /// An area and all above it on a day, the root last; nothing where it is not valid then.
    pub fn lineage(&self, id: &AreaId, day: Date) -> impl Iterator<Item = &Area> {
        std::iter::successors(self.at(id, day), move |area| self.at(area.parent.as_ref()?, day))
    }

    /// Whether an area is another one or part of it, on a day.
    pub fn is_within(&self, id: &AreaId, node: &AreaId, day: Date) -> bool {
        self.lineage(id, day).any(|area| area.id == *node)
    }

    /// An area and all of its parts on a day, ordered by id; nothing where it is not valid then.
    pub fn subtree(&self, node: &AreaId, day: Date) -> BTreeSet<&AreaId> {
        self.versions.keys().filter(|id| self.is_within(id, node, day)).collect()
    }

    /// The areas that hold a position on a day, of each tree the deepest first: those whose border goes around it, and all above them.
    /// Areas without a border are found through their parts.
    pub fn holding(&self, position: Position, day: Date) -> Vec<&Area> {
        let around = |area: &&Area| area.validity.holds(day) && area.border.as_ref().is_some_and(|border| border.holds(position));
        let found: BTreeSet<&AreaId> =
            self.areas().filter(around).flat_map(|area| self.lineage(&area.id, day)).map(|area| &area.id).collect();
        let mut found: Vec<(usize, &Area)> =
            found.into_iter().filter_map(|id| Some((self.lineage(id, day).count(), self.at(id, day)?))).collect();
        found.sort_by(|(depth_a, a), (depth_b, b)| depth_b.cmp(depth_a).then_with(|| a.id.cmp(&b.id)));
        found.into_iter().map(|(_, area)| area).collect()
    }

    /// What an area is on a day: itself where it is valid then, else what became of it, through as many changes as there were, with the
    /// share of the old area that each holds. Shares add up to 1; empty where nothing is known of it on that day.
    pub fn remap(&self, id: &AreaId, day: Date) -> BTreeMap<&AreaId, f64> {
        let mut now = BTreeMap::new();
        let mut open: Vec<(&AreaId, f64)> = self.versions.get_key_value(id).map(|(id, _)| (id, 1.0)).into_iter().collect();
        while let Some((id, share)) = open.pop() {
            if self.at(id, day).is_some() {
                *now.entry(id).or_insert(0.0) += share;
            } else if self.versions[id].last().is_some_and(|last| last.validity.to.is_some_and(|to| to <= day)) {
                open.extend(self.successors.get(id).into_iter().flatten().map(|(new, part)| (new, share * part)));
            }
        }
        now
    }
}

/// Questions that are asked before a tree exists.
struct Check<'a> {
    areas: &'a [Area],
    /// Versions of each area as indices, the earliest first.
    rows: &'a BTreeMap<&'a AreaId, Vec<usize>>,
}

impl Check<'_> {
    fn at(&self, id: &AreaId, day: Date) -> Option<usize> {
        self.rows.get(id)?.iter().copied().find(|&row| self.areas[row].validity.holds(day))
    }

    /// Each version ends after it begins, and before the next one begins.
    fn versions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for versions in self.rows.values() {
            for (index, &row) in versions.iter().enumerate() {
                let Validity { from, to } = self.areas[row].validity;
                if let Some(to) = to.filter(|to| *to <= from) {
                    let what =
                        format!("it ends on {to} and begins on {from}; valid_to is the first day on which it is no longer valid");
                    faults.push(Fault { row: Row::Area(row), field: "valid_to", what });
                }
                for &earlier in &versions[..index] {
                    let (a, b) = (&self.areas[earlier], &self.areas[row]);
                    if a.validity.meets(&b.validity) {
                        let what = format!(
                            "{} is given twice for the same days: as {} ({}) and as {} ({}); leave one out, or end the earlier one where \
                             the later begins",
                            a.id, a.name, a.validity, b.name, b.validity
                        );
                        faults.push(Fault { row: Row::Area(row.max(earlier)), field: "code", what });
                    }
                }
            }
        }
        faults
    }

    /// Each parent is known, valid as long as its child, not below it, and where its child is.
    fn parents(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (row, area) in self.areas.iter().enumerate() {
            let Some(parent) = &area.parent else { continue };
            let fault = |what| Fault { row: Row::Area(row), field: "parent", what };
            let Some(versions) = self.rows.get(parent) else {
                let what = format!("{parent} is not known; import it too, or leave the parent of a root empty");
                faults.push(fault(what));
                continue;
            };
            if let Some(day) = self.gap(versions, area.validity) {
                let known: Vec<_> = versions.iter().map(|&row| self.areas[row].validity.to_string()).collect();
                let what = format!("{parent} is not valid on {day}, when {} is; it is valid {}", area.id, known.join(" and "));
                faults.push(fault(what));
            }
            if let Some(circle) = self.circle(row) {
                let what = format!("it goes round in a circle: {}; one of them has to have another parent", circle.join(" in "));
                faults.push(fault(what));
            }
            let apart =
                |other: &Area| matches!((&area.border, &other.border), (Some(a), Some(b)) if !a.bounds().meets(&b.bounds()));
            if let Some(other) = self.at(parent, area.validity.from).map(|row| &self.areas[row]).filter(|other| apart(other)) {
                let what = format!(
                    "{} lies nowhere near its parent {} ({}): wrong parent or wrong border",
                    area.id, other.id, other.name
                );
                faults.push(fault(what));
            }
        }
        faults
    }

    /// The first day of a validity on which none of some versions is valid.
    fn gap(&self, versions: &[usize], validity: Validity) -> Option<Date> {
        let mut covered = validity.from;
        for &row in versions {
            let version = self.areas[row].validity;
            if version.holds(covered) {
                covered = version.to?;
            }
        }
        validity.to.is_none_or(|to| covered < to).then_some(covered)
    }

    /// The way from a version up back to itself, on its first day. A circle exists on the first day of its youngest version or never.
    fn circle(&self, row: usize) -> Option<Vec<String>> {
        let day = self.areas[row].validity.from;
        let mut way = vec![row];
        let mut next = row;
        while let Some(above) = self.areas[next].parent.as_ref().and_then(|parent| self.at(parent, day)) {
            if above == row {
                way.push(row);
                return Some(way.into_iter().map(|row| self.areas[row].id.to_string()).collect());
            }
            // A circle farther up is another row's to tell.
            if way.contains(&above) {
                return None;
            }
            way.push(above);
            next = above;
        }
        None
    }

    /// Each successor is known and follows its predecessor; shares add up.
    fn successors(&self, successors: &[Successor]) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut sums: BTreeMap<&AreaId, (usize, f64)> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (index, Successor { old, new, share }) in successors.iter().enumerate() {
            let fault = |field, what| Fault { row: Row::Successor(index), field, what };
            let ends = |id: &AreaId| self.rows.get(id).and_then(|rows| rows.last()).map(|&row| self.areas[row].validity.to);
            match (ends(old), ends(new)) {
                (None, _) => {
                    faults.push(fault("old", format!("{old} is not known; import it too, with the day on which it ended")))
                }
                (_, None) => faults.push(fault("new", format!("{new} is not known; import it too"))),
                (Some(None), _) => {
                    faults.push(fault(
                        "old",
                        format!("{old} has not ended; give it a valid_to, the day on which {new} takes over"),
                    ));
                }
                (Some(Some(end)), Some(_)) if self.at(new, end).is_none() => {
                    let what = format!("{new} is not valid on {end}, when {old} ends; a successor takes over on that day");
                    faults.push(fault("new", what));
                }
                _ => {}
            }
            if !(*share > 0.0 && *share <= 1.0) {
                faults.push(fault(
                    "share",
                    format!("{share} is no share; above 0 and up to 1 is expected, 1 for the whole of {old}"),
                ));
            }
            if !seen.insert((old, new)) {
                faults.push(fault("new", format!("{old} → {new} is given twice; add the shares up in one row")));
            }
            let sum = sums.entry(old).or_insert((index, 0.0));
            *sum = (index, sum.1 + share);
        }
        for (old, (index, sum)) in sums {
            if (sum - 1.0).abs() > SHARE_SLACK {
                let what = format!("the shares of {old} add up to {sum:.4}; 1 is expected: all of it went somewhere");
                faults.push(Fault { row: Row::Successor(index), field: "share", what });
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::area::import::tests::province;

    fn id(text: &str) -> AreaId {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn holding(position: Position, on: &str) -> Vec<String> {
        province().holding(position, day(on)).into_iter().map(|area| format!("{} {}", area.id, area.kind)).collect()
    }

    #[test]
    fn a_position_lies_in_the_areas_of_its_day() {
        // Half way along: the commune that was cut in half, and the precinct of a tree of its own.
        assert_eq!(
            holding([106.12, 10.03], "2025-06-30"),
            ["MP-CU:00102 commune", "MP-HUYEN:011 district", "MP-TINH:01 province"]
        );
        assert_eq!(holding([106.12, 10.03], "2025-07-01"), ["MP-XA:10001 ward", "MP-CA:P1 precinct", "MP-TINH:01 province"]);
        assert_eq!(holding([106.16, 10.03], "2026-05-01"), ["MP-XA:10002 commune", "MP-CA:P1 precinct", "MP-TINH:01 city"]);
        assert_eq!(holding([106.12, 10.03], "1999-12-31"), [""; 0]);
        assert_eq!(holding([10.03, 106.12], "2026-05-01"), [""; 0]);
    }

    #[test]
    fn an_old_code_is_read_as_what_became_of_it() {
        let tree = province();
        let remap = |old: &str, on: &str| -> Vec<(String, f64)> {
            tree.remap(&id(old), day(on)).into_iter().map(|(id, share)| (id.to_string(), share)).collect()
        };
        assert_eq!(remap("MP-CU:00101", "2020-01-01"), [("MP-CU:00101".into(), 1.0)]);
        assert_eq!(remap("MP-CU:00101", "2026-01-01"), [("MP-XA:10001".into(), 1.0)]);
        assert_eq!(remap("MP-CU:00102", "2026-01-01"), [("MP-XA:10001".into(), 0.5), ("MP-XA:10002".into(), 0.5)]);
        assert_eq!(remap("MP-CU:00102", "1999-01-01"), []);
        assert_eq!(remap("MP-XA:10001", "2020-01-01"), []);
        assert_eq!(remap("MP-XA:99999", "2026-01-01"), []);
    }

    #[test]
    fn a_subtree_is_that_of_its_day() {
        let tree = province();
        let subtree = |on: &str| tree.subtree(&id("MP-TINH:01"), day(on)).len();
        assert_eq!((subtree("2025-06-30"), subtree("2025-07-01"), subtree("1999-01-01")), (6, 3, 0));
        assert!(tree.is_within(&id("MP-CU:00103"), &id("MP-HUYEN:012"), day("2025-06-30")));
        assert!(!tree.is_within(&id("MP-CU:00103"), &id("MP-HUYEN:011"), day("2025-06-30")));
        assert!(!tree.is_within(&id("MP-CU:00103"), &id("MP-HUYEN:012"), day("2025-07-01")), "both have ended");
    }

    fn area(number: usize, parent: Option<usize>, from: i16, years: Option<i16>) -> Area {
        let id = |number: usize| AreaId::new("P", &number.to_string()).unwrap();
        let first_of = |year: i16| Date::new(year, 1, 1).unwrap();
        let validity = Validity { from: first_of(2000 + from), to: years.map(|years| first_of(2000 + from + years)) };
        Area { id: id(number), kind: "ward".into(), name: format!("{number}"), parent: parent.map(id), validity, border: None }
    }

    proptest! {
        /// Whatever is thrown together: a tree that is accepted has no circle, no orphan and one version at a time on any day.
        #[test]
        fn an_accepted_tree_is_sound(
            rows in prop::collection::vec((0usize..6, prop::option::of(0usize..6), 0i16..6, prop::option::of(1i16..6)), 0..9), on in 0i16..14,
        ) {
            let areas: Vec<_> = rows.iter().map(|&(number, parent, from, years)| area(number, parent, from, years)).collect();
            let count = areas.len();
            let day = Date::new(2000 + on, 6, 1).unwrap();
            match AreaTree::build(areas.clone(), Vec::new()) {
                Err(faults) => prop_assert!(!faults.is_empty()),
                Ok(tree) => {
                    prop_assert_eq!(tree.areas().count(), count);
                    for area in &areas {
                        prop_assert!(areas.iter().filter(|other| other.id == area.id && other.validity.holds(day)).count() <= 1);
                        // A lineage that goes in a circle never ends.
                        let way: Vec<_> = tree.lineage(&area.id, day).take(count + 1).collect();
                        prop_assert!(way.len() <= count);
                        // Each but a root has its parent on the same day.
                        prop_assert!(way.last().is_none_or(|root| root.parent.is_none()));
                    }
                }
            }
        }

        /// A tree that grows downwards is accepted, and an area is within exactly those above it.
        #[test]
        fn a_sound_tree_is_accepted(parents in prop::collection::vec(any::<prop::sample::Index>(), 1..20)) {
            let parent_of = |number: usize| (number > 0).then(|| parents[number].index(number));
            let tree = AreaTree::build((0..parents.len()).map(|number| area(number, parent_of(number), 0, None)).collect(), Vec::new()).unwrap();
            let day = Date::new(2010, 1, 1).unwrap();
            for number in 0..parents.len() {
                let above: BTreeSet<_> = std::iter::successors(Some(number), |&number| parent_of(number)).collect();
                for node in 0..parents.len() {
                    let within = tree.is_within(&id(&format!("P:{number}")), &id(&format!("P:{node}")), day);
                    prop_assert_eq!(within, above.contains(&node));
                }
            }
        }

        /// Nothing of an area is lost or doubled by its successors, over any chain of mergers and cuts.
        #[test]
        fn shares_add_up_over_generations(cuts in prop::collection::vec((0usize..3, 0usize..3, 1u8..100), 9), on in 0i16..5) {
            // Three areas in each of four generations, two years each; each is cut in two parts that go to two of the next.
            let mut areas = Vec::new();
            let mut successors = Vec::new();
            for generation in 0..4 {
                for place in 0..3 {
                    let number = generation * 3 + place;
                    areas.push(area(number, None, generation as i16, (generation < 3).then_some(1)));
                    if generation < 3 {
                        let (first, second, percent) = cuts[number];
                        let share = f64::from(percent) / 100.0;
                        let to = |place: usize, share: f64| Successor {
                            old: id(&format!("P:{number}")), new: id(&format!("P:{}", (generation + 1) * 3 + place)), share,
                        };
                        if first == second {
                            successors.push(to(first, 1.0));
                        } else {
                            successors.extend([to(first, share), to(second, 1.0 - share)]);
                        }
                    }
                }
            }
            let tree = AreaTree::build(areas, successors).unwrap();
            let day = Date::new(2000 + on, 6, 1).unwrap();
            for place in 0..3 {
                let sum: f64 = tree.remap(&id(&format!("P:{place}")), day).values().sum();
                prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            }
        }
    }
}
