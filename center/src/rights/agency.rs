//! Agencies: who answers for which kinds of event in which areas. Who gets an incident is read from here; who may see it is not.

use jiff::civil::Date;
use matpho_scene::event::{EventKind, Severity};
use serde::{Deserialize, Serialize};

use super::Kinds;
use crate::area::{AreaId, AreaTree};

/// A body that acts on incidents: fire police, a ward's people's committee, the drainage company.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agency {
    /// Its id, a word.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it answers for.
    pub kinds: Kinds,
    /// Where, all below included; none: everywhere.
    pub areas: Vec<AreaId>,
    /// What to dial, where there is one number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<String>,
    /// From which severity on the rules propose to send it; `None`: people alone think of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propose_from: Option<Severity>,
}

/// The agencies that there are: those that were imported, and those of the configuration whose place no imported one of the same id has taken.
pub fn united(imported: Vec<Agency>, configured: &[Agency]) -> Vec<Agency> {
    let left: Vec<_> = configured.iter().filter(|agency| imported.iter().all(|known| known.id != agency.id)).cloned().collect();
    imported.into_iter().chain(left).collect()
}

/// The agencies that answer for an event, the nearest first: whose area is the smallest around it, and, of those, who answers for the fewest kinds.
/// Those that answer everywhere come last.
pub fn answering<'a>(agencies: &'a [Agency], kind: EventKind, areas: &[AreaId], tree: &AreaTree, today: Date) -> Vec<&'a Agency> {
    let height = |agency: &Agency| {
        let nodes = areas.iter().flat_map(|area| tree.remap(area, today).into_keys());
        let near = nodes.filter_map(|node| tree.lineage(node, today).position(|above| agency.areas.contains(&above.id))).min();
        if agency.areas.is_empty() { Some(usize::MAX) } else { near }
    };
    let mut found: Vec<_> = agencies
        .iter()
        .filter(|agency| agency.kinds.has(kind))
        .filter_map(|agency| Some((height(agency)?, agency.kinds.iter().count(), &agency.id, agency)))
        .collect();
    found.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    found.into_iter().map(|(.., agency)| agency).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::import::tests::province;

    #[test]
    fn the_nearest_agency_that_answers_for_it_comes_first() {
        let agency = |id: &str, kinds: &str, areas: &[&str]| Agency {
            id: id.into(),
            name: id.into(),
            kinds: kinds.parse().unwrap(),
            areas: areas.iter().map(|area| area.parse().unwrap()).collect(),
            telephone: None,
            propose_from: None,
        };
        let agencies = [
            agency("ioc", "all", &["MP-TINH:01"]),
            agency("fire-police", "fire", &["MP-TINH:01"]),
            agency("ward-10001", "all", &["MP-XA:10001"]),
            agency("drainage", "flood", &["MP-XA:10001", "MP-XA:10002"]),
            agency("harbour", "traffic", &["MP-CA:P1"]),
            agency("ambulance", "fire", &[]),
        ];
        let tree = province();
        let today: Date = "2026-06-01".parse().unwrap();
        let ids = |kind: EventKind, areas: &[&str]| -> Vec<&str> {
            let areas: Vec<AreaId> = areas.iter().map(|area| area.parse().unwrap()).collect();
            answering(&agencies, kind, &areas, &tree, today).iter().map(|agency| agency.id.as_str()).collect()
        };
        assert_eq!(ids(EventKind::Flood, &["MP-XA:10001"]), ["drainage", "ward-10001", "ioc"]);
        assert_eq!(ids(EventKind::Flame, &["MP-XA:10001"]), ["ward-10001", "fire-police", "ioc", "ambulance"]);
        assert_eq!(ids(EventKind::Flame, &["MP-XA:10002"]), ["fire-police", "ioc", "ambulance"]);
        assert_eq!(ids(EventKind::Congestion, &["MP-XA:10002", "MP-CA:P1"]), ["harbour", "ioc"]);
        assert_eq!(
            ids(EventKind::Flood, &["MP-CU:00102"]),
            ["drainage", "ward-10001", "ioc"],
            "a former commune, by its successors"
        );
        assert_eq!(ids(EventKind::Flood, &[]), [""; 0]);
        assert_eq!(ids(EventKind::Flame, &[]), ["ambulance"], "nobody knows where");
    }

    #[test]
    fn an_imported_agency_takes_the_place_of_the_configured_one() {
        let agency = |id: &str, name: &str| Agency {
            id: id.into(),
            name: name.into(),
            kinds: Kinds::ALL,
            areas: Vec::new(),
            telephone: None,
            propose_from: None,
        };
        let names = |imported: &[Agency]| -> Vec<String> {
            let configured = [agency("113", "configured"), agency("114", "configured")];
            united(imported.to_vec(), &configured).into_iter().map(|agency| format!("{} {}", agency.id, agency.name)).collect()
        };
        assert_eq!(names(&[]), ["113 configured", "114 configured"]);
        let imported = [agency("114", "imported"), agency("ward", "imported")];
        assert_eq!(
            names(&imported),
            ["114 imported", "ward imported", "113 configured"],
            "none is lost because another one came"
        );
    }
}
