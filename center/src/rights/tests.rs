//! The promises of this module, held against a second, naive way to answer the same questions.

use std::time::Duration;

use matpho_scene::{WallTime, event::EventKind};
use proptest::prelude::*;

use super::{decide::Refusal, grant::PassOnError, *};
use crate::area::{Area, AreaId, AreaTree, Validity, import::tests::province};

const START_MS: i64 = 1_795_000_000_000;

/// Instants of the tests: hours after a beginning.
fn hour(hour: u32) -> WallTime {
    WallTime::from_unix_millis(START_MS) + Duration::from_secs(3600) * hour
}

fn moment(at: u32) -> Moment {
    Moment::new(hour(at), jiff::tz::offset(7))
}

fn area_id(number: usize) -> AreaId {
    AreaId::new("P", &number.to_string()).unwrap()
}

/// Parents of a tree that grows downwards: area 0 is its root.
type Parents = Vec<usize>;

fn parents() -> impl Strategy<Value = Parents> {
    prop::collection::vec(any::<prop::sample::Index>(), 2..9)
        .prop_map(|all| all.iter().enumerate().map(|(number, at)| if number == 0 { 0 } else { at.index(number) }).collect())
}

fn tree(parents: &Parents) -> AreaTree {
    let area = |number: usize| Area {
        id: area_id(number),
        kind: "ward".into(),
        name: number.to_string(),
        parent: (number > 0).then(|| area_id(parents[number])),
        validity: Validity { from: "2000-01-01".parse().unwrap(), to: None },
        border: None,
    };
    AreaTree::build((0..parents.len()).map(area).collect(), Vec::new()).unwrap()
}

fn is_below(parents: &Parents, number: usize, node: usize) -> bool {
    number == node || (number > 0 && is_below(parents, parents[number], node))
}

/// A grant as numbers: to user `u0`..`u2` or agency `a0`, `a1`; allow or deny; capability bits; scope; kinds; window in hours.
#[derive(Debug, Clone)]
struct Draft {
    principal: u8,
    deny: bool,
    capabilities: u8,
    scope: Option<prop::sample::Index>,
    kinds: u8,
    from: u32,
    until: Option<u32>,
}

fn draft() -> impl Strategy<Value = Draft> {
    (
        0u8..5,
        prop::bool::weighted(0.25),
        1u8..8,
        prop::option::weighted(0.85, any::<prop::sample::Index>()),
        0u8..4,
        0u32..8,
        prop::option::of(1u32..8),
    )
        .prop_map(|(principal, deny, capabilities, scope, kinds, from, hours)| Draft {
            principal,
            deny,
            capabilities,
            scope,
            kinds,
            from,
            until: hours.map(|hours| from + hours),
        })
}

const CAPABILITIES: [Capability; 3] = [Capability::ViewMap, Capability::EventAck, Capability::AreaAdmin];
const KINDS: [EventKind; 2] = [EventKind::Flame, EventKind::Flood];

impl Draft {
    fn capabilities(&self) -> Capabilities {
        (0..3).filter(|bit| self.capabilities & (1 << bit) != 0).map(|bit| CAPABILITIES[bit]).collect()
    }

    /// 0: all kinds; otherwise bits of [`KINDS`].
    fn kinds(&self) -> Kinds {
        if self.kinds == 0 {
            Kinds::ALL
        } else {
            (0..2).filter(|bit| self.kinds & (1 << bit) != 0).map(|bit| KINDS[bit]).collect()
        }
    }

    fn scope(&self, areas: usize) -> Option<usize> {
        self.scope.map(|index| index.index(areas))
    }

    fn grant(&self, number: usize, areas: usize) -> Grant {
        Grant {
            id: GrantId(format!("g{number}")),
            principal: match self.principal {
                user @ 0..3 => Principal::User(format!("u{user}")),
                agency => Principal::Agency(format!("a{}", agency - 3)),
            },
            effect: if self.deny { Effect::Deny } else { Effect::Allow },
            role: "test".into(),
            capabilities: self.capabilities(),
            scope: self.scope(areas).map_or(Scope::Everywhere, |number| Scope::Area(area_id(number))),
            kinds: self.kinds(),
            window: Window { from: hour(self.from), until: self.until.map(hour) },
            purpose: "test".into(),
            granted_by: "test".into(),
            passed_on_from: None,
            revoked: None,
        }
    }

    /// Whether it speaks of a question at all: the naive way.
    fn speaks(&self, parents: &Parents, who: u8, capability: usize, area: Option<usize>, kind: Option<usize>, at: u32) -> bool {
        // User n is a member of agency n, where there is one.
        let mine = self.principal == who || self.principal == who + 3;
        let about = match kind {
            Some(kind) => self.kinds == 0 || self.kinds & (1 << kind) != 0,
            None => !self.deny || self.kinds == 0,
        };
        let here = match (self.scope(parents.len()), area) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(scope), Some(area)) => is_below(parents, area, scope),
        };
        let now = self.from <= at && self.until.is_none_or(|until| at < until);
        mine && about && here && now && self.capabilities & (1 << capability) != 0
    }
}

fn subject(who: u8) -> Subject {
    Subject { user: format!("u{who}"), agencies: vec![format!("a{who}")] }
}

fn ledger(drafts: &[Draft], areas: usize) -> Ledger {
    Ledger::new(drafts.iter().enumerate().map(|(number, draft)| draft.grant(number, areas)))
}

/// Where something lies that is known to be in these areas.
fn places(tree: &AreaTree, areas: &[AreaId], kind: Option<EventKind>) -> Vec<Place> {
    let today = moment(0).today;
    let above = areas.iter().flat_map(|area| tree.lineage(area, today)).map(|area| area.id.to_string());
    above.chain([EVERYWHERE.to_owned()]).map(|area| Place { area, kind }).collect()
}

/// Everything that anybody may do at an instant: who, capability, area, kind.
fn allowed(tree: &AreaTree, ledger: &Ledger, areas: usize, at: u32) -> Vec<(u8, usize, usize, usize)> {
    let rights = Rights { tree, ledger };
    let mut found = Vec::new();
    for who in 0..3 {
        for (c, capability) in CAPABILITIES.into_iter().enumerate() {
            for area in 0..areas {
                for (k, kind) in KINDS.into_iter().enumerate() {
                    let areas = [area_id(area)];
                    let question = Question { capability, areas: &areas, kind: Some(kind) };
                    if rights.decide(&subject(who), &question, moment(at)).is_allowed() {
                        found.push((who, c, area, k));
                    }
                }
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// One answer in three ways: decide, filter, and by hand. Deny wins; nothing that is not granted; nobody before or after the window; no sibling's area.
    #[test]
    fn the_answer_is_that_of_the_naive_way(
        parents in parents(), drafts in prop::collection::vec(draft(), 0..8), who in 0u8..3, capability in 0usize..3,
        area in prop::option::weighted(0.9, any::<prop::sample::Index>()), kind in prop::option::of(0usize..2), at in 0u32..16,
    ) {
        let tree = tree(&parents);
        let ledger = ledger(&drafts, parents.len());
        let rights = Rights { tree: &tree, ledger: &ledger };
        let area = area.map(|index| index.index(parents.len()));
        let speaks = |deny: bool| {
            drafts.iter().any(|draft| draft.deny == deny && draft.speaks(&parents, who, capability, area, kind, at))
        };
        let expected = speaks(false) && !speaks(true);

        let areas: Vec<_> = area.into_iter().map(area_id).collect();
        let kind = kind.map(|kind| KINDS[kind]);
        let question = Question { capability: CAPABILITIES[capability], areas: &areas, kind };
        let decision = rights.decide(&subject(who), &question, moment(at));
        prop_assert_eq!(decision.is_allowed(), expected, "{}", decision);
        let filter = ledger.filter(&subject(who), CAPABILITIES[capability], hour(at));
        prop_assert_eq!(filter.passes(&places(&tree, &areas, kind)), expected, "{:?}", filter);
        prop_assert!(!(filter.is_empty() && expected));
        prop_assert!(!filter.is_everything() || expected);
    }

    /// Whatever is granted below one node, nothing beside or above it is reached.
    #[test]
    fn there_is_no_path_to_a_sibling(
        parents in parents(), drafts in prop::collection::vec(draft(), 1..8), node in any::<prop::sample::Index>(), who in 0u8..3, at in 0u32..16,
    ) {
        let node = node.index(parents.len());
        let tree = tree(&parents);
        let mut ledger = ledger(&drafts, parents.len());
        // Only grants that stay below the node are this person's.
        let below = |grant: &Grant| matches!(&grant.scope, Scope::Area(area) if tree.is_within(area, &area_id(node), moment(0).today));
        ledger = Ledger::new(ledger.iter().filter(|grant| below(grant)).cloned());
        let rights = Rights { tree: &tree, ledger: &ledger };
        for other in (0..parents.len()).filter(|other| !is_below(&parents, *other, node)) {
            for capability in CAPABILITIES {
                let areas = [area_id(other)];
                let question = Question { capability, areas: &areas, kind: Some(EventKind::Flame) };
                prop_assert!(!rights.decide(&subject(who), &question, moment(at)).is_allowed());
                let filter = ledger.filter(&subject(who), capability, hour(at));
                prop_assert!(!filter.passes(&places(&tree, &areas, Some(EventKind::Flame))));
            }
        }
    }

    /// A deny wins over whatever else there is, in any order of ids.
    #[test]
    fn deny_always_wins(parents in parents(), drafts in prop::collection::vec(draft(), 0..8), area in any::<prop::sample::Index>(), id in "[a-z]", at in 0u32..16) {
        let tree = tree(&parents);
        let mut ledger = ledger(&drafts, parents.len());
        let area = area.index(parents.len());
        let mut deny = Draft { principal: 0, deny: true, capabilities: 7, scope: None, kinds: 0, from: 0, until: None }.grant(0, parents.len());
        deny.id = GrantId(id);
        deny.scope = Scope::Area(area_id(0));
        ledger.add(deny);
        let rights = Rights { tree: &tree, ledger: &ledger };
        let areas = [area_id(area)];
        let question = Question { capability: Capability::ViewMap, areas: &areas, kind: Some(EventKind::Flood) };
        let decision = rights.decide(&subject(0), &question, moment(at));
        prop_assert!(matches!(decision, Decision::Refused(Refusal::Denied(_))), "{decision}");
    }

    /// However rights are passed on, nobody ever gets what the one at the beginning of the chain did not have, and all of it ends with the chain's beginning.
    #[test]
    fn what_is_passed_on_never_grows(
        parents in parents(), first in draft(), steps in prop::collection::vec((draft(), any::<prop::sample::Index>(), 0u8..3, 0u32..16), 1..12), revoked in 0u32..16,
    ) {
        let tree = tree(&parents);
        let mut first = Draft { principal: 0, deny: false, ..first };
        first.capabilities |= 4;
        let mut ledger = ledger(std::slice::from_ref(&first), parents.len());
        for (number, (draft, from, who, at)) in steps.iter().enumerate() {
            let mut grant = draft.grant(number + 1, parents.len());
            let known: Vec<_> = ledger.iter().map(|grant| grant.id.clone()).collect();
            grant.passed_on_from = Some(known[from.index(known.len())].clone());
            let by = subject(*who);
            let _ = ledger.pass_on(grant, &by.user, &by.agencies, &tree, moment(*at));
        }
        for at in 0..16 {
            for (who, capability, area, kind) in allowed(&tree, &ledger, parents.len(), at) {
                let origin = Draft { principal: who, ..first.clone() };
                prop_assert!(origin.speaks(&parents, who, capability, Some(area), Some(kind), at));
            }
        }
        prop_assert!(ledger.revoke(&GrantId("g0".into()), hour(revoked)));
        for at in revoked..16 {
            prop_assert_eq!(allowed(&tree, &ledger, parents.len(), at), []);
        }
    }

    /// With grants of areas that ended and two trees: the filter says what decide says, for things in any areas of today.
    #[test]
    fn filter_and_decide_agree_over_a_reform(
        grants in prop::collection::vec((draft(), prop::sample::select(AREAS.to_vec())), 0..6),
        areas in prop::collection::vec(prop::sample::select(AREAS.to_vec()), 0..3), kind in prop::option::of(0usize..2), at in 0u32..16,
    ) {
        let tree = province();
        let ledger = Ledger::new(grants.iter().enumerate().map(|(number, (draft, area))| {
            let mut grant = draft.grant(number, 1);
            if let Scope::Area(scope) = &mut grant.scope {
                *scope = area.parse().unwrap();
            }
            grant
        }));
        let rights = Rights { tree: &tree, ledger: &ledger };
        let mut areas: Vec<AreaId> = areas.iter().map(|area| area.parse().unwrap()).collect();
        areas.retain(|area| tree.at(area, moment(at).today).is_some() || !tree.knows(area));
        let kind = kind.map(|kind| KINDS[kind]);
        for capability in CAPABILITIES {
            let decision = rights.decide(&subject(0), &Question { capability, areas: &areas, kind }, moment(at));
            let filter = ledger.filter(&subject(0), capability, hour(at));
            prop_assert_eq!(filter.passes(&places(&tree, &areas, kind)), decision.is_allowed(), "{}", decision);
        }
    }
}

const AREAS: [&str; 8] =
    ["MP-TINH:01", "MP-HUYEN:011", "MP-CU:00101", "MP-CU:00102", "MP-XA:10001", "MP-XA:10002", "MP-CA:P1", "MP-XA:99999"];

/// Somebody with an area admin's rights on an area of the invented province.
fn admin_of(area: &str) -> Grant {
    Grant {
        id: GrantId("root".into()),
        principal: Principal::User("u0".into()),
        effect: Effect::Allow,
        role: "area-admin".into(),
        capabilities: Capabilities::ALL,
        scope: Scope::Area(area.parse().unwrap()),
        kinds: "fire,flood".parse().unwrap(),
        window: Window { from: hour(0), until: Some(hour(10)) },
        purpose: "public order and safety".into(),
        granted_by: "root".into(),
        passed_on_from: None,
        revoked: None,
    }
}

#[test]
fn reasons_are_told() {
    let tree = province();
    let mut ledger = Ledger::new([admin_of("MP-XA:10001")]);
    let answer = |ledger: &Ledger, area: &str, kind: EventKind, at: u32| {
        let areas = [area.parse().unwrap()];
        let question = Question { capability: Capability::EventAck, areas: &areas, kind: Some(kind) };
        Rights { tree: &tree, ledger }.decide(&subject(0), &question, moment(at)).to_string()
    };
    assert_eq!(answer(&ledger, "MP-XA:10001", EventKind::Flame, 1), "allowed by root");
    assert_eq!(
        answer(&ledger, "MP-CU:00101", EventKind::Flame, 1),
        "allowed by root",
        "all of the former commune is in the ward"
    );
    assert_eq!(
        answer(&ledger, "MP-CU:00102", EventKind::Flame, 1),
        "granted, but not for this place and kind",
        "only half of it is"
    );
    assert_eq!(answer(&ledger, "MP-XA:10002", EventKind::Flame, 1), "granted, but not for this place and kind");
    assert_eq!(answer(&ledger, "MP-XA:10001", EventKind::Congestion, 1), "granted, but not for this place and kind");
    assert_eq!(answer(&ledger, "MP-XA:10001", EventKind::Flame, 10), "root does not hold at this time");
    let mut deny = admin_of("MP-TINH:01");
    (deny.id, deny.effect) = (GrantId("no".into()), Effect::Deny);
    ledger.add(deny);
    assert_eq!(answer(&ledger, "MP-CU:00101", EventKind::Flame, 1), "denied by no");
    assert_eq!(answer(&Ledger::default(), "MP-XA:10001", EventKind::Flame, 1), "not granted");
}

#[test]
fn passing_on_is_refused_with_its_reason() {
    let tree = province();
    let root = admin_of("MP-XA:10001");
    let new = Grant {
        id: GrantId("new".into()),
        principal: Principal::User("u1".into()),
        capabilities: "view.map event.ack".parse().unwrap(),
        kinds: "fire".parse().unwrap(),
        window: Window { from: hour(1), until: Some(hour(5)) },
        passed_on_from: Some(root.id.clone()),
        ..root.clone()
    };
    let pass_on = |ledger: &mut Ledger, new: Grant, by: u8, at: u32| {
        let by = subject(by);
        ledger.pass_on(new, &by.user, &by.agencies, &tree, moment(at))
    };
    let refused = |new: Grant, by: u8, at: u32| pass_on(&mut Ledger::new([root.clone()]), new, by, at).unwrap_err().to_string();
    for (said, part) in [
        (refused(Grant { id: root.id.clone(), ..new.clone() }, 0, 1), "is there already"),
        (refused(Grant { passed_on_from: None, ..new.clone() }, 0, 1), "there is no grant"),
        (refused(new.clone(), 1, 1), "u1 does not hold root"),
        (refused(new.clone(), 0, 10), "root does not hold now"),
        (refused(Grant { kinds: Kinds::ALL, ..new.clone() }, 0, 1), "root is about fire.flame,fire.smoke,flood.street"),
        (
            refused(Grant { scope: Scope::Area("MP-XA:10002".parse().unwrap()), ..new.clone() }, 0, 1),
            "MP-XA:10002 is not below MP-XA:10001",
        ),
        (refused(Grant { scope: Scope::Area("MP-TINH:01".parse().unwrap()), ..new.clone() }, 0, 1), "MP-TINH:01 is not below"),
        (refused(Grant { scope: Scope::Everywhere, ..new.clone() }, 0, 1), "everywhere is not below"),
        (refused(Grant { window: Window { from: hour(1), until: Some(hour(11)) }, ..new.clone() }, 0, 1), "must not last longer"),
        (refused(Grant { window: Window { from: hour(1), until: None }, ..new.clone() }, 0, 1), "must not last longer"),
    ] {
        assert!(said.contains(part), "{said}");
    }
    let mut ledger = Ledger::new([root.clone()]);
    pass_on(&mut ledger, new.clone(), 0, 1).unwrap();
    // Whoever got it has no area.admin, and so the way ends here.
    let further = Grant { id: GrantId("further".into()), passed_on_from: Some(new.id.clone()), ..new.clone() };
    assert!(matches!(pass_on(&mut ledger, further, 1, 2), Err(PassOnError::NoAdmin { .. })));
    // What is denied to oneself somewhere below cannot be passed on there.
    let deny = Grant {
        id: GrantId("no".into()),
        effect: Effect::Deny,
        scope: Scope::Area("MP-TINH:01".parse().unwrap()),
        ..root.clone()
    };
    let mut ledger = Ledger::new([root, deny]);
    let said = pass_on(&mut ledger, new, 0, 1).unwrap_err().to_string();
    assert!(said.contains("view.map event.ack is denied to u0 there by no"), "{said}");
}

#[test]
fn the_day_is_that_of_the_province() {
    // 23:00 in UTC on the 30th is 06:00 on the 1st at +07:00.
    let at: WallTime = "2025-06-30T23:00:00Z".parse().unwrap();
    assert_eq!(Moment::new(at, jiff::tz::offset(7)).today, "2025-07-01".parse().unwrap());
    assert_eq!(Moment::new(at, jiff::tz::offset(0)).today, "2025-06-30".parse().unwrap());
}
