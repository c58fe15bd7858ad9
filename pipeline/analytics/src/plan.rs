//! What one camera is asked to see: its zones and the parameters of its analytics, checked once.

use std::collections::BTreeSet;

use matpho_scene::ZoneId;
use serde::{Deserialize, Serialize};

use crate::{
    analytic::Analytic,
    camera::CameraParams,
    congestion::CongestionParams,
    depth::Mark,
    fire::FireParams,
    flood::FloodParams,
    pedestrian::PedestrianParams,
    stopped_vehicle::StoppedVehicleParams,
    wrong_way::WrongWayParams,
    zone::{Purpose, Zone},
};

/// The parameters of every analytic: the tables `[analytics.congestion]`, `[analytics.fire]`, … of a configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Level of service.
    pub congestion: CongestionParams,
    /// One vehicle stands.
    pub stopped_vehicle: StoppedVehicleParams,
    /// Against the direction.
    pub wrong_way: WrongWayParams,
    /// On foot on the carriageway.
    pub pedestrian: PedestrianParams,
    /// Flames.
    pub fire: FireParams,
    /// Smoke.
    pub smoke: FireParams,
    /// Water.
    pub flood: FloodParams,
    /// The camera itself.
    pub camera: CameraParams,
}

/// Why settings are not a plan. Each names the zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two zones of one name.
    #[error("two zones are called `{0}`: give each its own id")]
    ZoneTwice(ZoneId),
    /// A name that is taken.
    #[error("zone id `picture` is kept for the whole picture: choose another")]
    ZonePicture,
    /// Nothing to watch for.
    #[error(
        "no analytic is chosen: name at least one of congestion, stopped_vehicle, wrong_way, pedestrian, fire, smoke, flood, camera"
    )]
    NothingToDo,
    /// A counting line without a length.
    #[error("the counting line of zone `{0}` has no length: its two points must differ")]
    CountingLine(ZoneId),
    /// Hours where they mean nothing.
    #[error("zone `{0}` has hours: only a heat_source is one by the hour")]
    Hours(ZoneId),
    /// A zone has more depth marks than are read.
    #[error("zone `{0}`: at most {max} marks are read of a zone; keep those along one or two walls, the kerbs and the crown", max = crate::depth::MARKS_MAX)]
    Marks(ZoneId),
    /// A height that no mark can have.
    #[error("a mark of zone `{0}` has an impossible height: 0 to 300 cm above the lowest point of its road is needed")]
    MarkHeight(ZoneId),
    /// A ground plane that maps nothing of its zone.
    #[error(
        "the ground plane of zone `{0}` does not reach it: corners of the zone lie above the horizon; calibrate again, or keep the zone below"
    )]
    Horizon(ZoneId),
}

/// The settings of one camera, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraPlan {
    zones: Vec<Zone>,
    analytics: BTreeSet<Analytic>,
    params: Params,
    drawn: bool,
}

impl CameraPlan {
    /// Checks settings; on failure says everything that is wrong with them.
    ///
    /// Where no carriageway was drawn, traffic is judged over the whole picture, and water too where no zone of any kind was drawn
    /// for it: see [`Purpose::WholePicture`].
    pub fn new(mut zones: Vec<Zone>, analytics: BTreeSet<Analytic>, params: Params) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        let mut seen = BTreeSet::new();
        for zone in &zones {
            if !seen.insert(zone.id.clone()) {
                errors.push(PlanError::ZoneTwice(zone.id.clone()));
            }
            if zone.id.as_str() == "picture" {
                errors.push(PlanError::ZonePicture);
            }
            if zone.counting_line.is_some_and(|[a, b]| (a.x - b.x).hypot(a.y - b.y) < 1e-3) {
                errors.push(PlanError::CountingLine(zone.id.clone()));
            }
            if zone.hours.is_some() && zone.purpose != Purpose::HeatSource {
                errors.push(PlanError::Hours(zone.id.clone()));
            }
            if !zone.marks.iter().all(Mark::is_sound) {
                errors.push(PlanError::MarkHeight(zone.id.clone()));
            }
            if zone.marks.len() > crate::depth::MARKS_MAX {
                errors.push(PlanError::Marks(zone.id.clone()));
            }
            if zone.ground.is_some_and(|g| zone.polygon.corners().iter().any(|&corner| g.to_ground(corner).is_none())) {
                errors.push(PlanError::Horizon(zone.id.clone()));
            }
        }
        if analytics.is_empty() {
            errors.push(PlanError::NothingToDo);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        zones.iter_mut().for_each(|zone| zone.marks.sort_by(|a, b| a.height_cm.total_cmp(&b.height_cm)));
        let drawn = zones.iter().any(|z| matches!(z.purpose, Purpose::Carriageway | Purpose::RoadSurface));
        let mut plan = Self { zones, analytics, params, drawn };
        if plan.traffic_zones().next().is_none() {
            plan.zones.push(Zone::whole_picture());
        }
        Ok(plan)
    }

    /// Without any set-up: the whole picture is the zone, and everything runs with its defaults.
    pub fn whole_picture() -> Self {
        Self { zones: vec![Zone::whole_picture()], analytics: Analytic::ALL.into(), params: Params::default(), drawn: false }
    }

    /// All zones, in the order given.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The zones whose traffic is judged.
    pub fn traffic_zones(&self) -> impl Iterator<Item = &Zone> {
        self.zones.iter().filter(|z| matches!(z.purpose, Purpose::Carriageway | Purpose::WholePicture))
    }

    /// The zones whose share of water is to be handed in ([`crate::Observation::water`]).
    pub fn water_zones(&self) -> impl Iterator<Item = &Zone> {
        self.zones.iter().filter(|z| match z.purpose {
            Purpose::Carriageway | Purpose::RoadSurface => true,
            Purpose::HeatSource => false,
            Purpose::WholePicture => !self.drawn,
        })
    }

    /// Whether somebody drew zones, so that a moved camera makes them void.
    pub fn is_drawn(&self) -> bool {
        self.drawn
    }

    /// What is watched for.
    pub fn analytics(&self) -> &BTreeSet<Analytic> {
        &self.analytics
    }

    /// Whether an analytic runs.
    pub fn runs(&self, analytic: Analytic) -> bool {
        self.analytics.contains(&analytic)
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }
}

#[cfg(test)]
mod tests {
    use matpho_scene::{GroundPlane, NormPoint, Polygon};

    use super::*;
    use crate::units::Seconds;

    fn zone(id: &str, purpose: Purpose) -> Zone {
        Zone::new(id.parse().unwrap(), purpose, Polygon::try_from(vec![[0.0, 0.5], [1.0, 0.5], [0.5, 1.0]]).unwrap())
    }

    fn plan(zones: Vec<Zone>) -> Result<CameraPlan, Vec<PlanError>> {
        CameraPlan::new(zones, Analytic::ALL.into(), Params::default())
    }

    fn ids<'a>(zones: impl Iterator<Item = &'a Zone>) -> Vec<&'a str> {
        zones.map(|zone| zone.id.as_str()).collect()
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let mut crossing = zone("a", Purpose::Carriageway);
        crossing.counting_line = Some([NormPoint::clamped(0.5, 0.5), NormPoint::clamped(0.5, 0.5)]);
        let mut above = zone("b", Purpose::Carriageway);
        above.ground = Some(GroundPlane { matrix: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, -0.6] });
        let zones = vec![crossing, above, zone("a", Purpose::RoadSurface), zone("picture", Purpose::HeatSource)];
        let errors = CameraPlan::new(zones, BTreeSet::new(), Params::default()).unwrap_err();
        let said: Vec<String> = errors.iter().map(|e| e.to_string().split(':').next().unwrap().to_owned()).collect();
        assert_eq!(
            said,
            [
                "the counting line of zone `a` has no length",
                "the ground plane of zone `b` does not reach it",
                "two zones are called `a`",
                "zone id `picture` is kept for the whole picture",
                "no analytic is chosen",
            ]
        );
    }

    #[test]
    fn the_whole_picture_stands_in_for_what_was_not_drawn() {
        let undrawn = CameraPlan::whole_picture();
        assert_eq!((ids(undrawn.traffic_zones()), ids(undrawn.water_zones())), (vec!["picture"], vec!["picture"]));
        assert!(!undrawn.is_drawn());
        assert_eq!(plan(vec![]).unwrap(), undrawn);

        let surface = plan(vec![zone("yard", Purpose::RoadSurface)]).unwrap();
        assert_eq!((ids(surface.traffic_zones()), ids(surface.water_zones())), (vec!["picture"], vec!["yard"]));

        let road = plan(vec![zone("road", Purpose::Carriageway), zone("stove", Purpose::HeatSource)]).unwrap();
        assert_eq!((ids(road.traffic_zones()), ids(road.water_zones())), (vec!["road"], vec!["road"]));
        assert!(road.is_drawn());
    }

    #[test]
    fn a_wrong_parameter_says_what_would_be_right() {
        for (json, complaint) in [
            (r#"{"congestion": {"bin": 3}}"#, "unknown field `bin`, expected one of `bin_s`"),
            (r#"{"fire": {"score_min": 1.2}}"#, "1.2 is outside its range: 0.0 to 1.0 is needed"),
            (r#"{"flood": {"begin_after_s": -1}}"#, "-1 is outside its range: 0.1 to 86400 seconds is needed"),
            (r#"{"congestion": {"density_pc_per_km_lane": [1, 2]}}"#, "invalid length 2, expected an array of length 5"),
            (r#"{"congestion": {"pcu": {"tram": 3}}}"#, "unknown field `tram`"),
            (r#"{"smog": {}}"#, "unknown field `smog`"),
        ] {
            let error = serde_json::from_str::<Params>(json).unwrap_err().to_string();
            assert!(error.contains(complaint), "{json}: {error}");
        }
        let some: Params = serde_json::from_str(r#"{"congestion": {"bin_s": 5}}"#).unwrap();
        assert_eq!(some.congestion.bin_s, Seconds::of(5.0));
        assert_eq!(some.congestion.end_after_s, Params::default().congestion.end_after_s);
    }

    #[test]
    fn parameters_are_written_as_they_are_read() {
        let text = serde_json::to_string(&Params::default()).unwrap();
        assert!(text.contains(r#""density_pc_per_km_lane":[6.8,11.2,16.2,21.8,28.0]"#), "{text}");
        assert_eq!(serde_json::from_str::<Params>(&text).unwrap(), Params::default());
    }
}
