//! Which open incidents there are, by family and place: told in memory, so that an event with nothing open around it need not ask the store.
//!
//! What is said to be far off is; what is said to be near may be. Pure: who fills it keeps it up to date.

use std::collections::{BTreeSet, HashMap};

use super::rules::{self, Spot};
use crate::api::types::Family;

/// Side of a cell, in degrees: half a kilometre.
const CELL_DEG: f64 = 0.005;

/// All families.
const FAMILIES: [Family; 6] =
    [Family::Traffic, Family::WrongWay, Family::Pedestrian, Family::Fire, Family::Flood, Family::Camera];

/// A cell of the grid.
type Cell = (Family, i64, i64);

/// A camera, and the family of what it sees.
type Source = (Family, String, String);

/// The open incidents.
#[derive(Debug, Default)]
pub struct Nearby {
    incidents: HashMap<String, (Family, Vec<Spot>)>,
    cells: HashMap<Cell, BTreeSet<String>>,
    sources: HashMap<Source, BTreeSet<String>>,
}

fn cell(degrees: f64) -> i64 {
    (degrees / CELL_DEG).floor() as i64
}

fn source(family: Family, spot: &Spot) -> Source {
    (family, spot.edge.clone(), spot.camera.clone())
}

impl Nearby {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.incidents.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.incidents.is_empty()
    }

    /// A camera sees an incident.
    pub fn add(&mut self, incident: &str, family: Family, spot: Spot) {
        self.sources.entry(source(family, &spot)).or_default().insert(incident.into());
        if let Some([longitude, latitude]) = spot.position {
            self.cells.entry((family, cell(longitude), cell(latitude))).or_default().insert(incident.into());
        }
        self.incidents.entry(incident.into()).or_insert_with(|| (family, Vec::new())).1.push(spot);
    }

    /// An incident was closed, or is about to be added anew.
    pub fn remove(&mut self, incident: &str) {
        let Some((family, spots)) = self.incidents.remove(incident) else { return };
        for spot in spots {
            let key = source(family, &spot);
            if let Some(known) = self.sources.get_mut(&key) {
                known.remove(incident);
                if known.is_empty() {
                    self.sources.remove(&key);
                }
            }
            let Some([longitude, latitude]) = spot.position else { continue };
            let key = (family, cell(longitude), cell(latitude));
            if let Some(known) = self.cells.get_mut(&key) {
                known.remove(incident);
                if known.is_empty() {
                    self.cells.remove(&key);
                }
            }
        }
    }

    /// The incidents that a camera sees.
    pub fn seen_by(&self, edge: &str, camera: &str) -> Vec<String> {
        let of = |family| self.sources.get(&(family, edge.to_owned(), camera.to_owned())).into_iter().flatten().cloned();
        FAMILIES.into_iter().flat_map(of).collect()
    }

    /// Whether an incident of the family may be open within a distance of a camera. A fault of a camera is near the same camera alone.
    pub fn is_near(&self, family: Family, spot: &Spot, distance_m: f64) -> bool {
        if self.sources.contains_key(&source(family, spot)) {
            return true;
        }
        let Some(position) = spot.position.filter(|_| family != Family::Camera) else { return false };
        let [(west, east), (south, north)] = rules::around(position, distance_m);
        let cells = (cell(west)..=cell(east)).flat_map(|x| (cell(south)..=cell(north)).map(move |y| (family, x, y)));
        let mut incidents = cells.filter_map(|cell| self.cells.get(&cell)).flatten();
        let within = |spot: &Spot| {
            spot.position
                .is_some_and(|[longitude, latitude]| (west..=east).contains(&longitude) && (south..=north).contains(&latitude))
        };
        incidents.any(|incident| self.incidents.get(incident).is_some_and(|(_, spots)| spots.iter().any(within)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spot(camera: usize, position: Option<[f64; 2]>) -> Spot {
        Spot { edge: "e".into(), camera: camera.to_string(), position }
    }

    proptest! {
        /// Whatever the rules would join is near; what was removed is not.
        #[test]
        fn nothing_that_is_near_is_missed(
            places in prop::collection::vec(prop::option::weighted(0.9, (0.0..0.02, 0.0..0.02)), 1..12),
            removed in prop::collection::vec(any::<bool>(), 12), distance_m in 10.0..2000.0,
        ) {
            let place = |at: &(f64, f64)| [106.7 + at.0, 10.8 + at.1];
            let spots: Vec<_> = places.iter().enumerate().map(|(n, at)| spot(n, at.as_ref().map(place))).collect();
            let mut nearby = Nearby::default();
            for (n, spot) in spots.iter().enumerate() {
                nearby.add(&n.to_string(), Family::Fire, spot.clone());
            }
            for n in (0..spots.len()).filter(|n| removed[*n]) {
                nearby.remove(&n.to_string());
            }
            for spot in &spots {
                let open = spots.iter().enumerate().filter(|(n, _)| !removed[*n]);
                let joins = open.clone().any(|(_, other)| {
                    other.camera == spot.camera
                        || matches!((other.position, spot.position), (Some(a), Some(b)) if rules::distance_m(a, b) <= distance_m)
                });
                prop_assert!(!joins || nearby.is_near(Family::Fire, spot, distance_m));
                prop_assert!(!nearby.is_near(Family::Flood, spot, distance_m));
                prop_assert_eq!(nearby.is_near(Family::Camera, spot, distance_m), false);
            }
            prop_assert_eq!(nearby.len(), spots.len() - (0..spots.len()).filter(|n| removed[*n]).count());
        }
    }
}
