//! Borders: polygons with holes on the globe, in degrees, WGS 84, longitude before latitude as in GeoJSON (RFC 7946).
//!
//! Straight lines between corners are straight in longitude and latitude, which over a commune's size differs from the shortest way on
//! the ground by centimetres. A border that crosses the 180th meridian has to be cut there, as RFC 7946 asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `[longitude, latitude]` in degrees, WGS 84.
pub type Position = [f64; 2];

/// A rectangle in longitude and latitude, its sides included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Western side.
    pub west: f64,
    /// Southern side.
    pub south: f64,
    /// Eastern side.
    pub east: f64,
    /// Northern side.
    pub north: f64,
}

impl BoundingBox {
    /// The smallest box around some positions; `None` where there are none.
    pub fn around<'p>(positions: impl IntoIterator<Item = &'p Position>) -> Option<Self> {
        positions.into_iter().fold(None, |bounds, &[lon, lat]| {
            Some(match bounds {
                None => Self { west: lon, south: lat, east: lon, north: lat },
                Some(Self { west, south, east, north }) => {
                    Self { west: west.min(lon), south: south.min(lat), east: east.max(lon), north: north.max(lat) }
                }
            })
        })
    }

    /// Whether a position lies in it.
    pub fn holds(&self, [lon, lat]: Position) -> bool {
        (self.west..=self.east).contains(&lon) && (self.south..=self.north).contains(&lat)
    }

    /// Whether the two have a position in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.west <= other.east && other.west <= self.east && self.south <= other.north && other.south <= self.north
    }
}

/// What is wrong with a border. Places are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each is")]
pub enum ShapeError {
    #[error("there is no polygon; leave the border out where it is not known")]
    Empty,
    #[error("{place}: no ring; a polygon is a list of rings, the outer border first")]
    NoRing { place: Place },
    #[error("{place}: {count} positions; a ring has at least 4, and the last is the first again")]
    Short { place: Place, count: usize },
    #[error("{place}: it ends at {last:?} and not where it began; repeat the first position {first:?} at the end")]
    Open { place: Place, first: Position, last: Position },
    #[error("{place}: position {number} is {position:?}, latitude before longitude; GeoJSON wants longitude first: {swapped:?}")]
    Swapped { place: Place, number: usize, position: Position, swapped: Position },
    #[error("{place}: position {number} is {position:?}; longitude goes from -180 to 180 and latitude from -90 to 90")]
    OffTheGlobe { place: Place, number: usize, position: Position },
    #[error("{place}: it has no area; all its positions lie on one line")]
    Flat { place: Place },
    #[error(
        "{place}: side {first} (from {from:?}) meets side {second} (from {other:?}); list the corners in order around the area"
    )]
    Crossing { place: Place, first: usize, second: usize, from: Position, other: Position },
    #[error("{place}: the hole lies outside its polygon; give it as a polygon of its own")]
    HoleOutside { place: Place },
}

/// Which ring of which polygon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The polygon, from 1.
    pub polygon: usize,
    /// The ring, from 1: the outer border.
    pub ring: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "polygon {}, ring {}", self.polygon, self.ring)
    }
}

/// Polygons with holes; outer rings run counter-clockwise, holes clockwise, each ring ends where it began.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct MultiPolygon {
    polygons: Vec<Vec<Vec<Position>>>,
    #[serde(skip)]
    bounds: BoundingBox,
}

impl MultiPolygon {
    /// Takes polygons as GeoJSON has them, in any direction.
    pub fn new(polygons: Vec<Vec<Vec<Position>>>) -> Result<Self, ShapeError> {
        let mut polygons = polygons;
        for (p, rings) in polygons.iter_mut().enumerate() {
            if rings.is_empty() {
                return Err(ShapeError::NoRing { place: Place { polygon: p + 1, ring: 1 } });
            }
            for (r, ring) in rings.iter_mut().enumerate() {
                let place = Place { polygon: p + 1, ring: r + 1 };
                check_ring(ring, place)?;
                if (twice_area(ring) > 0.0) != (r == 0) {
                    ring.reverse();
                }
            }
            if let Some(hole) = (1..rings.len()).find(|&hole| !rings[hole].iter().any(|&corner| winds(&rings[0], corner))) {
                return Err(ShapeError::HoleOutside { place: Place { polygon: p + 1, ring: hole + 1 } });
            }
        }
        let bounds = BoundingBox::around(polygons.iter().flatten().flatten()).ok_or(ShapeError::Empty)?;
        Ok(Self { polygons, bounds })
    }

    /// The polygons as GeoJSON has them: `[polygon][ring][position]`.
    pub fn polygons(&self) -> &[Vec<Vec<Position>>] {
        &self.polygons
    }

    /// The box around it.
    pub fn bounds(&self) -> BoundingBox {
        self.bounds
    }

    /// Whether a position lies inside. Of two areas that share a side, exactly one holds a position on it.
    pub fn holds(&self, position: Position) -> bool {
        self.bounds.holds(position)
            && self.polygons.iter().any(|rings| rings.iter().filter(|ring| winds(ring, position)).count() % 2 == 1)
    }

    /// Surface on a sphere of 6371 km, in km².
    pub fn area_km2(&self) -> f64 {
        // Chamberlain and Duquette, "Some algorithms for polygons on a sphere" (JPL 07-03, 2007), the first of their formulas.
        let ring_km2 = |ring: &[Position]| {
            ring.windows(2)
                .map(|side| {
                    let ([lon_a, lat_a], [lon_b, lat_b]) = (side[0], side[1]);
                    (lon_b - lon_a).to_radians() * (2.0 + lat_a.to_radians().sin() + lat_b.to_radians().sin())
                })
                .sum::<f64>()
                * -6371.0_f64.powi(2)
                / 2.0
        };
        self.polygons.iter().flatten().map(|ring| ring_km2(ring)).sum()
    }
}

fn check_ring(ring: &[Position], place: Place) -> Result<(), ShapeError> {
    for (index, &position) in ring.iter().enumerate() {
        let [lon, lat] = position;
        let on_the_globe = |lon: f64, lat: f64| (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat);
        if !on_the_globe(lon, lat) {
            let (number, swapped) = (index + 1, [lat, lon]);
            return Err(if on_the_globe(lat, lon) {
                ShapeError::Swapped { place, number, position, swapped }
            } else {
                ShapeError::OffTheGlobe { place, number, position }
            });
        }
    }
    let (&[first, .., last], 4..) = (ring, ring.len()) else {
        return Err(ShapeError::Short { place, count: ring.len() });
    };
    if first != last {
        return Err(ShapeError::Open { place, first, last });
    }
    if let Some((a, b)) = crossing(ring) {
        return Err(ShapeError::Crossing { place, first: a + 1, second: b + 1, from: ring[a], other: ring[b] });
    }
    if twice_area(ring) == 0.0 {
        return Err(ShapeError::Flat { place });
    }
    Ok(())
}

/// Twice the area in square degrees, positive where the ring runs counter-clockwise. Counted from the first corner, so that small
/// rings far from the origin keep their digits.
fn twice_area(ring: &[Position]) -> f64 {
    let [x, y] = ring[0];
    ring.windows(2).map(|side| (side[0][0] - x) * (side[1][1] - y) - (side[1][0] - x) * (side[0][1] - y)).sum()
}

/// Whether a ring goes around a position (even-odd rule; W. R. Franklin's PNPOLY: sides are half-open, so neighbours share no position).
fn winds(ring: &[Position], [lon, lat]: Position) -> bool {
    ring.windows(2).fold(false, |inside, side| {
        // The same side gives the same sum whichever way it is walked: two neighbours must agree on it to the last bit.
        let ([ax, ay], [bx, by]) = if side[0][1] <= side[1][1] { (side[0], side[1]) } else { (side[1], side[0]) };
        let meets = (ay > lat) != (by > lat) && lon < (bx - ax) * (lat - ay) / (by - ay) + ax;
        inside != meets
    })
}

/// Two sides of a ring that meet where they should not, as indices of their first corners. Sides are sorted by their western end and each is
/// compared with those that begin before it ends, which for real borders is a handful.
fn crossing(ring: &[Position]) -> Option<(usize, usize)> {
    let sides = ring.len() - 1;
    let west = |side: usize| ring[side][0].min(ring[side + 1][0]);
    let east = |side: usize| ring[side][0].max(ring[side + 1][0]);
    let mut order: Vec<usize> = (0..sides).filter(|&side| ring[side] != ring[side + 1]).collect();
    let next_in_ring: Vec<usize> = order.clone();
    order.sort_by(|&a, &b| west(a).total_cmp(&west(b)));
    let neighbours = |a: usize, b: usize| {
        let (Ok(a), Ok(b)) = (next_in_ring.binary_search(&a), next_in_ring.binary_search(&b)) else { return false };
        let apart = a.abs_diff(b);
        apart == 1 || apart == next_in_ring.len() - 1
    };
    for (index, &a) in order.iter().enumerate() {
        for &b in order[index + 1..].iter().take_while(|&&b| west(b) <= east(a)) {
            let (a_side, b_side) = ([ring[a], ring[a + 1]], [ring[b], ring[b + 1]]);
            let meets = if neighbours(a, b) { turns_back(a_side, b_side) } else { segments_meet(a_side, b_side) };
            if meets {
                return Some((a.min(b), a.max(b)));
            }
        }
    }
    None
}

/// Which side of the line a–b a position lies on: positive left, negative right, zero on it.
fn side_of([a, b]: [Position; 2], c: Position) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

fn on_segment(segment: [Position; 2], c: Position) -> bool {
    side_of(segment, c) == 0.0 && BoundingBox::around(&segment).is_some_and(|bounds| bounds.holds(c))
}

fn segments_meet(a: [Position; 2], b: [Position; 2]) -> bool {
    let (a1, a2, b1, b2) = (side_of(b, a[0]), side_of(b, a[1]), side_of(a, b[0]), side_of(a, b[1]));
    (a1 * a2 < 0.0 && b1 * b2 < 0.0) || on_segment(a, b[0]) || on_segment(a, b[1]) || on_segment(b, a[0]) || on_segment(b, a[1])
}

/// Whether of two sides with a corner in common one runs back along the other.
fn turns_back(a: [Position; 2], b: [Position; 2]) -> bool {
    let Some(shared) = a.into_iter().find(|corner| b.contains(corner)) else { return false };
    let other = |side: [Position; 2]| if side[0] == shared { side[1] } else { side[0] };
    on_segment(a, other(b)) || on_segment(b, other(a))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring(corners: &[Position]) -> Vec<Position> {
        let mut ring = corners.to_vec();
        ring.push(corners[0]);
        ring
    }

    fn square(west: f64, south: f64, size: f64) -> Vec<Position> {
        ring(&[[west, south], [west + size, south], [west + size, south + size], [west, south + size]])
    }

    #[test]
    fn a_hole_is_outside_and_an_island_in_it_inside() {
        let shape =
            MultiPolygon::new(vec![vec![square(0.0, 0.0, 10.0), square(2.0, 2.0, 6.0)], vec![square(4.0, 4.0, 2.0)]]).unwrap();
        for (position, inside) in [([1.0, 1.0], true), ([3.0, 3.0], false), ([5.0, 5.0], true), ([11.0, 5.0], false)] {
            assert_eq!(shape.holds(position), inside, "{position:?}");
        }
    }

    #[test]
    fn rings_are_turned_the_way_of_rfc_7946() {
        let mut clockwise = square(0.0, 0.0, 10.0);
        clockwise.reverse();
        let shape = MultiPolygon::new(vec![vec![clockwise, square(2.0, 2.0, 2.0)]]).unwrap();
        assert!(twice_area(&shape.polygons()[0][0]) > 0.0 && twice_area(&shape.polygons()[0][1]) < 0.0);
    }

    #[test]
    fn a_square_degree_at_the_equator_is_as_large_as_it_is() {
        // 111.195 km by 111.195 km, less what the meridians converge.
        let km2 = MultiPolygon::new(vec![vec![square(106.0, 0.0, 1.0)]]).unwrap().area_km2();
        assert!((km2 - 12_363.7).abs() < 1.0, "{km2}");
        let holed = MultiPolygon::new(vec![vec![square(106.0, 0.0, 1.0), square(106.2, 0.2, 0.5)]]).unwrap().area_km2();
        assert!((holed - km2 * 0.75).abs() < 1.0, "{holed}");
    }

    #[test]
    fn bad_rings_are_told_apart() {
        let complaint = |polygons| MultiPolygon::new(polygons).unwrap_err().to_string();
        for (polygons, part) in [
            (vec![], "no polygon"),
            (vec![vec![]], "polygon 1, ring 1: no ring"),
            (vec![vec![vec![[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]]], "3 positions"),
            (vec![vec![vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]]], "repeat the first position [0.0, 0.0]"),
            (
                vec![vec![square(0.0, 0.0, 1.0)], vec![ring(&[[10.9, 106.6], [10.9, 106.7], [11.0, 106.7]])]],
                "polygon 2, ring 1: position 1 is [10.9, 106.6], latitude before longitude; GeoJSON wants longitude first: [106.6, 10.9]",
            ),
            (vec![vec![ring(&[[0.0, 0.0], [999.0, 0.0], [1.0, 1.0]])]], "position 2 is [999.0, 0.0]; longitude goes"),
            (vec![vec![ring(&[[0.0, 0.0], [f64::NAN, 0.0], [1.0, 1.0]])]], "position 2"),
            (vec![vec![ring(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])]], "side"),
            (vec![vec![ring(&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]])]], "side 1 (from [0.0, 0.0]) meets side 3"),
            (vec![vec![ring(&[[0.0, 0.0], [4.0, 0.0], [2.0, 0.0], [2.0, 2.0]])]], "meets side"),
            (vec![vec![square(0.0, 0.0, 1.0), square(5.0, 5.0, 1.0)]], "polygon 1, ring 2: the hole lies outside"),
        ] {
            let said = complaint(polygons);
            assert!(said.contains(part), "{said}\nlacks {part}");
        }
    }

    #[test]
    fn a_corner_given_twice_is_no_crossing() {
        let doubled = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]];
        assert!(MultiPolygon::new(vec![vec![doubled]]).unwrap().holds([0.5, 0.5]));
    }

    proptest! {
        /// Neighbours share their sides to the last bit: no camera stands in two communes, and none between them.
        #[test]
        fn a_tiling_holds_each_position_exactly_once(
            corners in prop::collection::vec(prop::collection::vec((-0.4..0.4f64, -0.4..0.4f64), 5), 5),
            at in (0.5..3.5f64, 0.5..3.5f64), corner in prop::option::of((1usize..4, 1usize..4)),
        ) {
            let knot = |i: usize, j: usize| [106.0 + i as f64 + corners[i][j].0 * 0.9, 10.0 + j as f64 + corners[i][j].1 * 0.9];
            let mut tiles = Vec::new();
            for i in 0..4 {
                for j in 0..4 {
                    tiles.push(MultiPolygon::new(vec![vec![ring(&[knot(i, j), knot(i + 1, j), knot(i + 1, j + 1), knot(i, j + 1)])]]).unwrap());
                }
            }
            let position = match corner {
                Some((i, j)) => knot(i, j),
                None => [106.0 + at.0, 10.0 + at.1],
            };
            prop_assert_eq!(tiles.iter().filter(|tile| tile.holds(position)).count(), 1);
        }

        /// A star around a centre never crosses itself; exchanging two far corners makes it cross, and that is found.
        #[test]
        fn crossings_are_found_and_not_imagined(radii in prop::collection::vec(0.5..2.0f64, 8..40), swap in any::<prop::sample::Index>()) {
            let count = radii.len();
            let corners = |radius: &dyn Fn(f64) -> f64| -> Vec<Position> {
                (0..count).map(|index| {
                    let angle = index as f64 / count as f64 * std::f64::consts::TAU;
                    [106.0 + radius(radii[index]) * angle.cos(), 10.0 + radius(radii[index]) * angle.sin()]
                }).collect()
            };
            prop_assert_eq!(crossing(&ring(&corners(&|radius| radius))), None);
            // Two corners of a nearly round one, a third of the way apart: their sides now cut each other in its middle.
            let mut round = corners(&|radius| 1.0 + radius / 40.0);
            let first = swap.index(count);
            round.swap(first, (first + count / 3) % count);
            prop_assert!(crossing(&ring(&round)).is_some());
        }

        #[test]
        fn any_numbers_are_an_answer_and_no_panic(numbers in prop::collection::vec(prop::collection::vec((any::<f64>(), any::<f64>()), 0..8), 0..4)) {
            let rings = numbers.into_iter().map(|ring| ring.into_iter().map(|(x, y)| [x, y]).collect()).collect();
            let _ = MultiPolygon::new(vec![rings]);
        }
    }
}
