//! Which events become one incident, and what an incident is as the sum of its events. Pure: time and places are arguments.
//!
//! An event joins an incident of its family that is not closed, that a camera near its own saw (a fault of a camera: the same
//! camera), and that goes on or ended no longer than a gap ago. A closed incident is what a person has made up their mind about: it
//! takes in nothing new, except history that arrives late and falls into its time. An event is placed once: what people merge or split
//! afterwards is not undone.
//!
//! A fire or a flood may explain the jam behind it: then the jam stays an incident of its own and names its cause.

use std::time::Duration;

use matpho_scene::{
    WallTime,
    event::{EventKind, Severity},
};

use crate::api::types::{Certainty, Family, IncidentState};

/// What the rules depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How far apart two cameras may stand that see the same thing, in metres.
    pub distance_m: f64,
    /// How much time may lie between two events of one incident.
    pub gap: Duration,
    /// How long after its end an incident about a camera closes by itself; `None`: never.
    pub camera_auto_close: Option<Duration>,
    /// How far what people report may lie from what a camera sees, in metres: they say where they stand.
    pub report_distance_m: f64,
    /// How much time may lie between a report and what it is about: they call when they have a hand free.
    pub report_gap: Duration,
}

/// A message that is so much older than its arrival is history rather than news.
pub const LATE_AFTER: Duration = Duration::from_secs(300);

/// A clock that is so far ahead is wrong.
pub const AHEAD_MAX: Duration = Duration::from_secs(600);

/// Nothing was recorded before 2020-01-01: a clock that says so never was set.
pub const EARLIEST_UNIX_MS: i64 = 1_577_836_800_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            distance_m: 150.0,
            gap: Duration::from_secs(120),
            camera_auto_close: Some(Duration::from_secs(300)),
            report_distance_m: 300.0,
            report_gap: Duration::from_secs(1_800),
        }
    }
}

impl Family {
    /// The family of a kind.
    pub const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Congestion | EventKind::StoppedVehicle => Self::Traffic,
            EventKind::WrongWay => Self::WrongWay,
            EventKind::Pedestrian => Self::Pedestrian,
            EventKind::Flame | EventKind::Smoke => Self::Fire,
            EventKind::Flood => Self::Flood,
            EventKind::CameraLost
            | EventKind::CameraFrozen
            | EventKind::CameraDark
            | EventKind::CameraGlare
            | EventKind::CameraBlurred
            | EventKind::CameraCovered
            | EventKind::CameraMoved => Self::Camera,
        }
    }
}

/// Where an instant that a gateway stated stands, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The stated instant, or that of its arrival where the stated one is absurd.
    pub at: WallTime,
    /// Whether it is absurd.
    pub clock_suspect: bool,
}

/// Trusts a stated instant unless it is absurd.
pub fn place_time(stated: WallTime, arrived: WallTime) -> Placed {
    let clock_suspect = stated.as_unix_millis() < EARLIEST_UNIX_MS || stated > arrived + AHEAD_MAX;
    Placed { at: if clock_suspect { arrived } else { stated }, clock_suspect }
}

/// A camera, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Its gateway, `SITE.EDGE`.
    pub edge: String,
    /// Its id there.
    pub camera: String,
    /// `[longitude, latitude]`, WGS 84.
    pub position: Option<[f64; 2]>,
}

impl Spot {
    fn is_same_camera(&self, other: &Self) -> bool {
        self.edge == other.edge && self.camera == other.camera
    }

    /// Cameras without a position are near nobody but themselves.
    fn is_near(&self, other: &Self, distance_m_max: f64) -> bool {
        self.is_same_camera(other)
            || matches!((self.position, other.position), (Some(a), Some(b)) if distance_m(a, b) <= distance_m_max)
    }
}

/// Distance between two places on the ground, in metres (haversine on a sphere of 6371 km; good to 0.5 %).
pub fn distance_m([lon_a, lat_a]: [f64; 2], [lon_b, lat_b]: [f64; 2]) -> f64 {
    let (dlat, dlon) = ((lat_b - lat_a).to_radians(), (lon_b - lon_a).to_radians());
    let h = (dlat / 2.0).sin().powi(2) + lat_a.to_radians().cos() * lat_b.to_radians().cos() * (dlon / 2.0).sin().powi(2);
    2.0 * 6_371_000.0 * h.sqrt().min(1.0).asin()
}

/// A box that holds all places within a distance: west and east, south and north. Not made for the 180th meridian and the poles.
pub fn around([longitude, latitude]: [f64; 2], distance_m: f64) -> [(f64, f64); 2] {
    // A degree of latitude has 111.2 km on the sphere of `distance_m`; a little less makes the box a little larger.
    let dlat = distance_m / 111_000.0;
    let dlon = dlat / latitude.to_radians().cos().max(0.01);
    [(longitude - dlon, longitude + dlon), (latitude - dlat, latitude + dlat)]
}

/// An event that was not known before.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// What.
    pub kind: EventKind,
    /// Who saw it.
    pub spot: Spot,
    /// When it began.
    pub began: WallTime,
    /// Whether it is history by the time it arrives.
    pub late: bool,
}

/// An incident that an event might join.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// Its family.
    pub family: Family,
    /// Where it stands with people.
    pub state: IncidentState,
    /// When it began.
    pub began: WallTime,
    /// When it ended; `None` while it goes on.
    pub ended: Option<WallTime>,
    /// The cameras that saw it.
    pub spots: Vec<Spot>,
}

/// The incident that an event joins; `None`: it opens a new one.
pub fn find_home<'c>(sighting: &Sighting, candidates: &'c [Candidate], settings: &Settings) -> Option<&'c Candidate> {
    let family = Family::of(sighting.kind);
    let same_camera = |candidate: &Candidate| candidate.spots.iter().any(|spot| spot.is_same_camera(&sighting.spot));
    let fits = |candidate: &&Candidate| {
        let takes = candidate.state.is_open() || (sighting.late && candidate.ended.is_some());
        let near = if family == Family::Camera {
            same_camera(candidate)
        } else {
            candidate.spots.iter().any(|spot| spot.is_near(&sighting.spot, settings.distance_m))
        };
        let in_time = sighting.began + settings.gap >= candidate.began
            && candidate.ended.is_none_or(|ended| ended + settings.gap >= sighting.began);
        candidate.family == family && takes && near && in_time
    };
    // Open before closed, then the same camera before a neighbour, then what began last.
    candidates.iter().filter(fits).max_by_key(|candidate| (candidate.state.is_open(), same_camera(candidate), candidate.began))
}

/// What an incident has to know of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFact {
    /// What.
    pub kind: EventKind,
    /// How grave now.
    pub severity: Severity,
    /// How grave at most.
    pub severity_max: Severity,
    /// When it began.
    pub began: WallTime,
    /// When it ended.
    pub ended: Option<WallTime>,
    /// Whether it was history when it arrived.
    pub late: bool,
    /// Whether its clock is suspect.
    pub clock_suspect: bool,
    /// Whether its gateway took it back: it was not what it seemed.
    pub retracted: bool,
}

/// An incident as the sum of its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Kind of the gravest of the events that go on, or that ever were when none goes on; the earliest among equals.
    pub kind: EventKind,
    /// Gravest of the events that go on, or that ever were when none goes on.
    pub severity: Severity,
    /// Beginning of the first event.
    pub began: WallTime,
    /// End of the last event; `None` while one goes on.
    pub ended: Option<WallTime>,
    /// Whether all of it was history when it arrived.
    pub late: bool,
    /// Whether a clock in it is suspect.
    pub clock_suspect: bool,
    /// Whether all of it was taken back.
    pub retracted: bool,
}

/// Sums up an incident's events; `None` where there are none. What was taken back counts for nothing, unless all of it was.
pub fn summarise(events: &[EventFact]) -> Option<Summary> {
    let retracted = events.iter().all(|event| event.retracted);
    let counting = || events.iter().filter(|event| retracted || !event.retracted);
    let gravest = counting().max_by_key(|event| (event.ended.is_none(), event.severity_max, std::cmp::Reverse(event.began)))?;
    let now = counting().filter(|event| event.ended.is_none()).map(|event| event.severity).max();
    Some(Summary {
        kind: gravest.kind,
        severity: now.unwrap_or(gravest.severity_max),
        began: counting().map(|event| event.began).min()?,
        ended: if now.is_some() { None } else { counting().filter_map(|event| event.ended).max() },
        late: counting().all(|event| event.late),
        clock_suspect: counting().any(|event| event.clock_suspect),
        retracted,
    })
}

/// How sure an incident is by who saw it: how many cameras, how many people.
pub const fn certainty(cameras: usize, reports: usize) -> Certainty {
    match (cameras, reports) {
        (0, 0 | 1) => Certainty::Possible,
        (0, _) | (1, 0) => Certainty::Likely,
        _ => Certainty::Observed,
    }
}

/// Whether what happened of one family may explain something of another.
const fn explains(cause: Family, effect: Family) -> bool {
    matches!((cause, effect), (Family::Fire | Family::Flood, Family::Traffic))
}

/// A jam reaches farther back than the camera that sees the water: so many times the distance of one matter.
const CAUSE_REACH: f64 = 2.0;

/// The farthest that a cause may lie from its effect, in metres.
pub fn cause_distance_m(settings: &Settings) -> f64 {
    settings.distance_m * CAUSE_REACH
}

/// The incident that explains another one: open, near, no later than it, and not over long before; the nearest in time.
pub fn find_cause<'c>(effect: &Candidate, candidates: &'c [Candidate], settings: &Settings) -> Option<&'c Candidate> {
    let reach_m = cause_distance_m(settings);
    let fits = |cause: &&Candidate| {
        explains(cause.family, effect.family)
            && cause.id != effect.id
            && cause.state.is_open()
            && effect.began + settings.gap >= cause.began
            && cause.ended.is_none_or(|ended| ended + settings.gap >= effect.began)
            && cause.spots.iter().any(|at| effect.spots.iter().any(|spot| spot.is_near(at, reach_m)))
    };
    candidates.iter().filter(fits).max_by_key(|cause| cause.began)
}

#[cfg(test)]
mod tests {
    use EventKind::*;

    use super::*;
    use crate::api::types::IncidentState;

    const START_MS: i64 = 1_795_000_000_000;

    fn at(second: i64) -> WallTime {
        WallTime::from_unix_millis(START_MS + second * 1000)
    }

    fn settings() -> Settings {
        Settings { camera_auto_close: None, ..Settings::default() }
    }

    /// Cameras of the stories: `a` and `b` stand 100 m apart, `c` 200 m beyond `b`, `x` has no position.
    fn spot(camera: &str) -> Spot {
        let position = match camera {
            "a" => Some([106.650_000, 10.98]),
            "b" => Some([106.650_916, 10.98]),
            "c" => Some([106.652_748, 10.98]),
            _ => None,
        };
        Spot { edge: "tdm.gw".into(), camera: camera.into(), position }
    }

    /// One step of a story.
    enum Step {
        /// An event begins at a camera; it must be in the incident of this number.
        Began(i64, &'static str, EventKind, usize),
        /// The same, as history that arrives late.
        Late(i64, &'static str, EventKind, usize),
        /// All events of an incident end.
        Ended(i64, usize),
        /// A person closes an incident.
        Closed(usize),
    }

    fn tell(story: &str, steps: &[Step]) {
        let mut incidents: Vec<Candidate> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Began(second, camera, kind, expected) | Step::Late(second, camera, kind, expected) => {
                    let late = matches!(step, Step::Late(..));
                    let sighting = Sighting { kind: *kind, spot: spot(camera), began: at(*second), late };
                    let home = find_home(&sighting, &incidents, &settings()).map(|home| home.id.parse::<usize>().unwrap());
                    let index = home.unwrap_or(incidents.len());
                    assert_eq!(index, *expected, "{story}: step {number} went into the wrong incident");
                    if home.is_none() {
                        incidents.push(Candidate {
                            id: index.to_string(),
                            family: Family::of(*kind),
                            state: IncidentState::New,
                            began: at(*second),
                            ended: None,
                            spots: Vec::new(),
                        });
                    }
                    let incident = &mut incidents[index];
                    incident.spots.push(spot(camera));
                    incident.began = incident.began.min(at(*second));
                    if !late {
                        incident.ended = None;
                    }
                }
                Step::Ended(second, index) => incidents[*index].ended = Some(at(*second)),
                Step::Closed(index) => incidents[*index].state = IncidentState::Resolved,
            }
        }
    }

    #[test]
    fn stories() {
        use Step::*;
        tell("flame and smoke at one camera are one fire", &[Began(0, "a", Smoke, 0), Began(20, "a", Flame, 0)]);
        tell("a fire seen by two near cameras is one fire", &[Began(0, "a", Flame, 0), Began(40, "b", Smoke, 0)]);
        tell("a fire 200 m on is another one", &[Began(0, "b", Flame, 0), Began(40, "c", Flame, 1)]);
        tell(
            "a jam reaches from a camera to its neighbour, and no farther",
            &[Began(0, "a", Congestion, 0), Began(300, "b", Congestion, 0), Began(400, "c", Congestion, 1)],
        );
        tell(
            "a stopped vehicle and the jam behind it are one matter",
            &[Began(0, "a", StoppedVehicle, 0), Began(90, "a", Congestion, 0)],
        );
        tell("a rider against the traffic is a matter of its own", &[Began(0, "a", Congestion, 0), Began(5, "a", WrongWay, 1)]);
        tell("a fire in a jam is a matter of its own", &[Began(0, "a", Congestion, 0), Began(5, "a", Flame, 1)]);
        tell(
            "cameras without a position are near themselves alone",
            &[Began(0, "x", Flood, 0), Began(5, "y", Flood, 1), Began(9, "x", Flood, 0)],
        );
        tell(
            "faults of one camera are one incident, of two cameras two",
            &[Began(0, "a", CameraDark, 0), Began(5, "a", CameraLost, 0), Began(6, "b", CameraLost, 1)],
        );
        tell(
            "what comes back within the gap goes on",
            &[Began(0, "a", Congestion, 0), Ended(600, 0), Began(720, "a", Congestion, 0)],
        );
        tell(
            "what comes back after the gap is new",
            &[Began(0, "a", Congestion, 0), Ended(600, 0), Began(721, "a", Congestion, 1)],
        );
        tell("a jam that stands for hours is one", &[Began(0, "a", Congestion, 0), Began(7200, "b", Congestion, 0)]);
        tell(
            "after a person closed it, the next alarm is a new one",
            &[Began(0, "a", Flame, 0), Closed(0), Began(30, "a", Flame, 1), Began(31, "a", Smoke, 1)],
        );
        tell(
            "history falls into the closed incident of its time",
            &[Began(0, "a", Flood, 0), Ended(600, 0), Closed(0), Late(300, "b", Flood, 0), Began(650, "b", Flood, 1)],
        );
        tell("history that fits nothing opens an incident", &[Began(9000, "a", Flood, 0), Late(0, "a", Flood, 1)]);
        tell(
            "history goes to the open incident before the closed one",
            &[Began(0, "a", Flood, 0), Ended(600, 0), Closed(0), Began(650, "a", Flood, 1), Late(640, "a", Flood, 1)],
        );
    }

    #[test]
    fn absurd_clocks_are_placed_by_arrival() {
        let arrived = at(0);
        assert_eq!(place_time(at(-86_400), arrived), Placed { at: at(-86_400), clock_suspect: false });
        assert_eq!(place_time(at(599), arrived), Placed { at: at(599), clock_suspect: false });
        assert_eq!(place_time(at(601), arrived), Placed { at: arrived, clock_suspect: true });
        assert_eq!(place_time(WallTime::from_unix_millis(5_000), arrived), Placed { at: arrived, clock_suspect: true });
    }

    #[test]
    fn an_incident_is_as_grave_as_what_goes_on() {
        let fact = |kind, severity, severity_max, began, ended: Option<i64>| EventFact {
            kind,
            severity,
            severity_max,
            began: at(began),
            ended: ended.map(at),
            late: false,
            clock_suspect: false,
            retracted: false,
        };
        use Severity::*;
        let summary = summarise(&[
            fact(Smoke, Moderate, Moderate, 0, None),
            fact(Flame, Moderate, Extreme, 5, Some(50)),
            fact(Flame, Severe, Severe, 9, None),
        ])
        .unwrap();
        assert_eq!((summary.kind, summary.severity, summary.began, summary.ended), (Flame, Severe, at(0), None));
        let over = summarise(&[fact(Smoke, Minor, Severe, 0, Some(70)), fact(Flame, Minor, Severe, 5, Some(50))]).unwrap();
        assert_eq!((over.kind, over.severity, over.ended), (Smoke, Severe, Some(at(70))));
        // A vehicle stood, then the whole road: it is the jam that the operator is to read about.
        let jam =
            summarise(&[fact(StoppedVehicle, Moderate, Moderate, 0, Some(25)), fact(Congestion, Moderate, Moderate, 20, None)])
                .unwrap();
        assert_eq!((jam.kind, jam.ended), (Congestion, None));
        assert_eq!(summarise(&[]), None);
    }

    #[test]
    fn distances_are_right() {
        // One minute of latitude is a nautical mile.
        let mile = distance_m([106.65, 10.98], [106.65, 10.98 + 1.0 / 60.0]);
        assert!((mile - 1853.0).abs() < 3.0, "{mile}");
        let [(west, east), (south, north)] = around([106.65, 10.98], 150.0);
        for edge in [[west, 10.98], [east, 10.98], [106.65, south], [106.65, north]] {
            let far = distance_m([106.65, 10.98], edge);
            assert!((150.0..150.5).contains(&far), "{far}");
        }
        assert!((distance_m(spot("a").position.unwrap(), spot("b").position.unwrap()) - 100.0).abs() < 1.0);
    }

    #[test]
    fn what_was_taken_back_counts_for_nothing() {
        let fact = |kind, second, ended: Option<i64>, retracted| EventFact {
            kind,
            severity: Severity::Severe,
            severity_max: Severity::Severe,
            began: at(second),
            ended: ended.map(at),
            late: false,
            clock_suspect: false,
            retracted,
        };
        let rest = summarise(&[fact(Flame, 0, Some(5), true), fact(Smoke, 3, None, false)]).unwrap();
        assert_eq!((rest.kind, rest.began, rest.ended, rest.retracted), (Smoke, at(3), None, false));
        let none = summarise(&[fact(Flame, 0, Some(5), true)]).unwrap();
        assert_eq!((none.ended, none.retracted), (Some(at(5)), true));
    }

    #[test]
    fn a_flood_explains_the_jam_behind_it() {
        let incident = |id: &str, family, camera: &str, began, ended: Option<i64>| Candidate {
            id: id.into(),
            family,
            state: IncidentState::Acknowledged,
            began: at(began),
            ended: ended.map(at),
            spots: vec![spot(camera)],
        };
        let jam = |camera, began| incident("jam", Family::Traffic, camera, began, None);
        let water = incident("water", Family::Flood, "b", 0, Some(600));
        let cause = |effect: &Candidate, candidates: &[Candidate]| {
            find_cause(effect, candidates, &settings()).map(|cause| cause.id.clone())
        };
        let floods = std::slice::from_ref(&water);
        assert_eq!(cause(&jam("c", 300), floods).as_deref(), Some("water"), "200 m away");
        assert_eq!(cause(&jam("x", 300), floods), None, "nobody knows where");
        assert_eq!(cause(&jam("a", 721), floods), None, "long over");
        assert_eq!(cause(&jam("a", -121), floods), None, "the jam was there before");
        assert_eq!(cause(&water, &[jam("b", 0)]), None, "a jam explains no water");
        let closed = Candidate { state: IncidentState::FalseAlarm, ..water.clone() };
        assert_eq!(cause(&jam("b", 300), &[closed]), None);
    }

    #[test]
    fn more_eyes_make_it_surer() {
        let all = [certainty(0, 1), certainty(1, 0), certainty(1, 1), certainty(2, 0)];
        assert_eq!(all, [Certainty::Possible, Certainty::Likely, Certainty::Observed, Certainty::Observed]);
    }
}
