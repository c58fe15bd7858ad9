//! Whom the rules would send to an incident. They propose; a person sends.

use jiff::civil::Date;
use matpho_scene::event::{EventKind, Severity};

use crate::{
    area::{AreaId, AreaTree, Position},
    rights::agency::{Agency, answering},
};

/// An agency that can be sent, and when the rules say so.
#[derive(Debug, Clone, PartialEq)]
pub struct Responder {
    /// Which. One without areas answers everywhere.
    pub agency: Agency,
    /// From which severity on it is proposed; `None`: people alone think of it.
    pub propose_from: Option<Severity>,
}

/// The agencies that are proposed for an incident, the nearest first; those that answer everywhere come last.
pub fn proposals<'r>(
    responders: &'r [Responder],
    kind: EventKind,
    severity: Severity,
    position: Option<Position>,
    (tree, today): (&AreaTree, Date),
) -> Vec<&'r str> {
    let proposed = |responder: &&Responder| responder.propose_from.is_some_and(|from| severity >= from);
    let (everywhere, somewhere): (Vec<_>, Vec<_>) =
        responders.iter().filter(proposed).partition(|responder| responder.agency.areas.is_empty());
    let areas: Vec<AreaId> = position
        .map_or_else(Vec::new, |position| tree.holding(position, today).into_iter().map(|area| area.id.clone()).collect());
    let agencies: Vec<Agency> = somewhere.iter().map(|responder| responder.agency.clone()).collect();
    let near = answering(&agencies, kind, &areas, tree, today);
    let near = near.iter().filter_map(|found| somewhere.iter().find(|responder| responder.agency.id == found.id));
    let everywhere = everywhere.iter().filter(|responder| responder.agency.kinds.has(kind));
    near.chain(everywhere).map(|responder| responder.agency.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::import::tests::province;

    #[test]
    fn rules_propose_by_kind_severity_and_area() {
        let responder = |id: &str, kinds: &str, areas: &[&str], propose_from| Responder {
            agency: Agency {
                id: id.into(),
                name: id.into(),
                kinds: kinds.parse().unwrap(),
                areas: areas.iter().map(|area| area.parse().unwrap()).collect(),
                telephone: None,
            },
            propose_from,
        };
        let tree = province();
        let today: Date = "2026-06-01".parse().unwrap();
        let here = Some([106.05, 10.05]);
        let responders = [
            responder("fire-police", "fire", &[], Some(Severity::Severe)),
            responder("ward-10001", "fire,flood", &["MP-XA:10001"], Some(Severity::Moderate)),
            responder("ward-10002", "fire,flood", &["MP-XA:10002"], Some(Severity::Minor)),
            responder("army", "all", &[], None),
        ];
        let of = |kind, severity, position| proposals(&responders, kind, severity, position, (&tree, today));
        assert_eq!(of(EventKind::Flame, Severity::Extreme, here), ["ward-10001", "fire-police"]);
        assert_eq!(of(EventKind::Flame, Severity::Moderate, here), ["ward-10001"]);
        assert_eq!(of(EventKind::Flame, Severity::Extreme, None), ["fire-police"], "nobody knows where");
        assert_eq!(of(EventKind::Congestion, Severity::Extreme, here), [""; 0]);
    }
}
