//! Whom the rules would send to an incident. They propose; a person sends.

use jiff::civil::Date;
use matpho_scene::event::{EventKind, Severity};

use crate::{
    area::{AreaId, AreaTree, Position},
    rights::agency::{Agency, answering},
};

/// The agencies that are proposed for an incident, the nearest first; those that answer everywhere come last.
pub fn proposals<'a>(
    agencies: &'a [Agency],
    kind: EventKind,
    severity: Severity,
    position: Option<Position>,
    (tree, today): (&AreaTree, Date),
) -> Vec<&'a str> {
    let areas: Vec<AreaId> = position
        .map_or_else(Vec::new, |position| tree.holding(position, today).into_iter().map(|area| area.id.clone()).collect());
    let answering = answering(agencies, kind, &areas, tree, today).into_iter();
    let proposed = answering.filter(|agency| agency.propose_from.is_some_and(|from| severity >= from));
    proposed.map(|agency| agency.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::import::tests::province;

    #[test]
    fn rules_propose_by_kind_severity_and_area() {
        let agency = |id: &str, kinds: &str, areas: &[&str], propose_from| Agency {
            id: id.into(),
            name: id.into(),
            kinds: kinds.parse().unwrap(),
            areas: areas.iter().map(|area| area.parse().unwrap()).collect(),
            telephone: None,
            propose_from,
        };
        let tree = province();
        let today: Date = "2026-06-01".parse().unwrap();
        let here = Some([106.05, 10.05]);
        let agencies = [
            agency("fire-police", "fire", &[], Some(Severity::Severe)),
            agency("ward-10001", "fire,flood", &["MP-XA:10001"], Some(Severity::Moderate)),
            agency("ward-10002", "fire,flood", &["MP-XA:10002"], Some(Severity::Minor)),
            agency("army", "all", &[], None),
        ];
        let of = |kind, severity, position| proposals(&agencies, kind, severity, position, (&tree, today));
        assert_eq!(of(EventKind::Flame, Severity::Extreme, here), ["ward-10001", "fire-police"]);
        assert_eq!(of(EventKind::Flame, Severity::Moderate, here), ["ward-10001"]);
        assert_eq!(of(EventKind::Flame, Severity::Extreme, None), ["fire-police"], "nobody knows where");
        assert_eq!(of(EventKind::Congestion, Severity::Extreme, here), [""; 0]);
    }
}
