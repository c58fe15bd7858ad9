use std::collections::{BTreeMap, BTreeSet};

use jiff::{civil::Date, tz::TimeZone};
use matpho_scene::{
    WallTime,
    event::{DepthBand, EventKind},
};
use proptest::prelude::*;

use super::{
    indicator::{self, Indicator, Way},
    page::{self, Head, Language, Table},
    period::{Every, Period, day_of, hour_of, parse_zone, write},
    reckon::{CameraKey, Handled, Happened, Hour, Known, Value, reckon},
};

fn at(text: &str) -> WallTime {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn camera(name: &str) -> CameraKey {
    ("s.e".into(), name.into())
}

const VIETNAM: &str = "+07:00";
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

#[test]
fn periods_begin_by_the_provinces_clock() {
    let zone = parse_zone(VIETNAM).unwrap();
    let shown = |every: Every, from: &str, to: &str| -> Vec<String> {
        every.periods(day(from), day(to), &zone, 100).iter().map(|period| write(period.start, &zone, every)).collect()
    };
    assert_eq!(shown(Every::Day, "2026-12-31", "2027-01-02"), ["2026-12-31", "2027-01-01"]);
    assert_eq!(shown(Every::Week, "2026-12-30", "2027-01-05"), ["2026-W53", "2027-W01"]);
    assert_eq!(shown(Every::Month, "2027-01-31", "2027-03-01"), ["2027-01", "2027-02"]);
    assert_eq!(shown(Every::Quarter, "2026-12-31", "2027-01-02"), ["2026-Q4", "2027-Q1"]);
    assert_eq!(shown(Every::Year, "2026-12-31", "2027-01-01"), ["2026"]);
    assert_eq!(shown(Every::Hour, "2026-12-31", "2027-01-01").len(), 24);
    let new_year = Every::Year.periods(day("2027-05-05"), day("2027-05-06"), &zone, 10)[0];
    assert_eq!((new_year.start, new_year.end), (at("2026-12-31T17:00:00Z"), at("2027-12-31T17:00:00Z")));
    // Where clocks are changed a day has 23 or 25 hours.
    let berlin = parse_zone(BERLIN).unwrap();
    for (date, next, hours) in [("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25)] {
        assert_eq!(Every::Hour.periods(day(date), day(next), &berlin, 100).len(), hours, "{date}");
    }
    assert!(parse_zone("Asia/Saigon").is_err() && parse_zone("+7").is_err());
}

proptest! {
    /// Whatever the calendar: periods leave no gap and do not overlap, and hold the days that were asked for.
    #[test]
    fn periods_tile_time(from in 0..20_000_i32, days in 1..60_i32, which in 0..6_usize, zone in prop::sample::select(vec![VIETNAM, BERLIN, "-03:30", "+00:00"])) {
        let every = [Every::Hour, Every::Day, Every::Week, Every::Month, Every::Quarter, Every::Year][which];
        let zone = parse_zone(zone).unwrap();
        let first = day("1990-01-01").checked_add(jiff::Span::new().days(from)).unwrap();
        let last = first.checked_add(jiff::Span::new().days(days)).unwrap();
        let periods = every.periods(first, last, &zone, 5_000);
        for pair in periods.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
        }
        prop_assert!(periods.iter().all(|period| period.start < period.end));
        prop_assert!(day_of(periods[0].start, &zone) <= first);
        let end = periods[periods.len() - 1].end;
        prop_assert!(day_of(end, &zone) >= last);
        // Each instant's hour holds it and begins on the hour.
        let hour = hour_of(periods[0].start, &zone);
        prop_assert_eq!(hour, periods[0].start);
    }

    /// Minutes of all periods add up to what a naive clock that ticks each minute counts, whatever overlaps whatever.
    #[test]
    fn minutes_are_those_of_a_naive_clock(spans in prop::collection::vec((0..3_000_i64, 1..600_i64, 0..2_usize), 0..12)) {
        let start = at("2026-11-21T17:00:00Z");
        let minute = |minutes: i64| WallTime::from_unix_millis(start.as_unix_millis() + 60_000 * minutes);
        let cameras = [camera("a"), camera("b")];
        let mut known = Known::nothing(minute(10_000));
        known.cameras = cameras.iter().map(|camera| (camera.clone(), start)).collect();
        known.events = spans.iter().map(|(from, length, which)| Happened {
            camera: cameras[*which].clone(), kind: EventKind::Congestion, began: minute(*from), ended: Some(minute(from + length)), depth: None,
        }).collect();
        let zone = parse_zone(VIETNAM).unwrap();
        let periods = Every::Day.periods(day("2026-11-22"), day("2026-11-25"), &zone, 10);
        let ours: f64 = reckon(&shipped("congestion_minutes"), &known, &cameras.clone().into(), &periods).iter().filter_map(|value| value.value).sum();
        let naive = (0..3 * 1_440).map(|tick| {
            cameras.iter().filter(|camera| known.events.iter().any(|event| event.camera == **camera && event.began <= minute(tick) && minute(tick) < event.ended.unwrap())).count()
        }).sum::<usize>();
        prop_assert_eq!(ours, naive as f64);
    }
}

fn shipped(id: &str) -> Indicator {
    indicator::parse(indicator::DEFAULT).unwrap().into_iter().find(|one| one.id == id).unwrap()
}

#[test]
fn the_indicators_that_ship_are_right() {
    let all = indicator::parse(indicator::DEFAULT).unwrap();
    assert_eq!(all.len(), 11);
    assert!(
        shipped("time_to_acknowledge").kinds.iter().all(|kind| !kind.is_camera()),
        "faults of cameras are no incidents to react to"
    );
    assert!(matches!(shipped("time_to_acknowledge_p90").way, Way::Wait { percentile: 90, .. }));
}

#[test]
fn wrong_indicators_are_told_all_at_once() {
    let text = "[[indicator]]\nid = \"a b\"\nname_vi = \"x\"\nname_en = \"x\"\nunit = \"x\"\nsource = \"events\"\naggregation = \"sum\"\n\
                [[indicator]]\nid = \"w\"\nname_vi = \"x\"\nname_en = \"x\"\nunit = \"x\"\nsource = \"incidents\"\naggregation = \"p90_minutes\"\n\
                kinds = [\"fier\"]\nsplit = \"depth\"\nsql = \"DROP TABLE events\"\n";
    let said = indicator::parse(text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in [
        "line 2: indicator[0].id",
        "\"sum\" of \"events\" is not known",
        "until: it is missing",
        "begins with, \"fier\"",
        "split",
        "there is no such key",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

/// A day with two cameras, one of which is blind for half of it; a third one came only the day after.
fn known() -> (Known, Vec<Period>, BTreeSet<CameraKey>) {
    let zone = parse_zone(VIETNAM).unwrap();
    let periods = Every::Day.periods(day("2026-11-21"), day("2026-11-24"), &zone, 10);
    let mut known = Known::nothing(at("2026-11-23T05:00:00Z"));
    known.cameras = BTreeMap::from([
        (camera("a"), at("2026-11-01T00:00:00Z")),
        (camera("b"), at("2026-11-01T00:00:00Z")),
        (camera("late"), at("2026-11-22T17:00:00Z")),
    ]);
    let fault = Happened {
        camera: camera("a"),
        kind: EventKind::CameraLost,
        began: at("2026-11-21T05:00:00Z"),
        ended: Some(at("2026-11-21T17:00:00Z")),
        depth: None,
    };
    known.faults = BTreeMap::from([(camera("a"), vec![fault])]);
    let cameras = known.cameras.keys().cloned().collect();
    (known, periods, cameras)
}

fn values(values: &[Value]) -> Vec<(Option<f64>, u64, u64)> {
    values.iter().map(|value| (value.value, value.count, value.open)).collect()
}

#[test]
fn no_data_is_not_zero() {
    let (mut known, periods, cameras) = known();
    let only = |name: &str| BTreeSet::from([camera(name)]);
    let fires = shipped("fires");
    // The third day goes on until noon: it is known as far as it went.
    assert_eq!(values(&reckon(&fires, &known, &cameras, &periods)), [(Some(0.0), 0, 0); 3]);
    assert_eq!(values(&reckon(&fires, &known, &only("late"), &periods)), [(None, 0, 0), (None, 0, 0), (Some(0.0), 0, 0)]);
    assert_eq!(values(&reckon(&fires, &known, &only("nobody"), &periods)), [(None, 0, 0); 3], "no camera there");
    let availability = reckon(&shipped("camera_availability"), &known, &cameras, &periods);
    assert_eq!(values(&availability), [(Some(75.0), 2, 0), (Some(100.0), 2, 0), (Some(100.0), 3, 0)]);
    assert_eq!(values(&reckon(&shipped("camera_availability"), &known, &only("late"), &periods))[0], (None, 0, 0));
    // Blind for the whole day: nothing was seen, so nobody knows.
    known.faults.get_mut(&camera("a")).unwrap()[0].began = at("2026-11-20T00:00:00Z");
    assert_eq!(values(&reckon(&fires, &known, &only("a"), &periods[..1])), [(None, 0, 0)]);
    assert_eq!(values(&reckon(&shipped("camera_availability"), &known, &only("a"), &periods[..1])), [(Some(0.0), 1, 0)]);
    assert_eq!(values(&reckon(&shipped("travel_time_index"), &known, &cameras, &periods)), [(None, 0, 0); 3]);
    assert_eq!(
        values(&reckon(&shipped("time_to_resolve"), &known, &cameras, &periods)),
        [(None, 0, 0); 3],
        "nothing to resolve is no time of 0"
    );
}

#[test]
fn what_is_not_done_with_is_in_no_duration() {
    let (mut known, periods, cameras) = known();
    let incident = |opened: &str, acknowledged: Option<&str>, closed: Option<(&str, bool)>, kind| Handled {
        cameras: vec![camera("a"), camera("b")],
        kind,
        opened: at(opened),
        acknowledged: acknowledged.map(at),
        closed: closed.map(|(text, is_false)| (at(text), is_false)),
    };
    known.incidents = vec![
        incident("2026-11-21T01:00:00Z", Some("2026-11-21T01:02:00Z"), Some(("2026-11-21T02:00:00Z", false)), EventKind::Flame),
        incident("2026-11-21T02:00:00Z", None, Some(("2026-11-21T02:10:00Z", true)), EventKind::Flame),
        incident("2026-11-21T03:00:00Z", None, None, EventKind::Smoke),
        incident("2026-11-21T04:00:00Z", Some("2026-11-21T04:30:00Z"), None, EventKind::Flood),
        // A minute before midnight, and at it.
        incident("2026-11-21T16:59:59Z", None, None, EventKind::Flame),
        incident("2026-11-21T17:00:00Z", None, Some(("2026-11-22T17:00:00Z", true)), EventKind::Flame),
    ];
    let of = |id: &str| values(&reckon(&shipped(id), &known, &cameras, &periods[..2]));
    assert_eq!(of("time_to_acknowledge"), [(Some(10.0), 3, 2), (Some(1440.0), 1, 0)], "an incident that two cameras saw is one");
    assert_eq!(of("time_to_acknowledge_p90")[0], (Some(30.0), 3, 2));
    assert_eq!(of("time_to_resolve")[0], (Some(10.0), 2, 3));
    assert_eq!(of("fires"), [(Some(3.0), 3, 0), (Some(0.0), 0, 0)], "without false alarms");
    let rate = reckon(&shipped("false_alarm_rate"), &known, &cameras, &periods[..2]);
    let parts: Vec<_> = rate.iter().map(|value| (value.part.as_deref(), value.value, value.count, value.open)).collect();
    assert_eq!(
        parts,
        [
            (Some("fire.flame"), Some(50.0), 2, 1),
            (Some("fire.smoke"), None, 0, 1),
            (Some("flood.street"), None, 0, 1),
            (Some("fire.flame"), Some(100.0), 1, 0)
        ]
    );
}

#[test]
fn floods_are_told_by_depth_and_traffic_by_its_hours() {
    let (mut known, periods, cameras) = known();
    let flood = |began: &str, ended: Option<&str>, depth| Happened {
        camera: camera("b"),
        kind: EventKind::Flood,
        began: at(began),
        ended: ended.map(at),
        depth,
    };
    known.events = vec![
        flood("2026-11-21T16:30:00Z", Some("2026-11-21T17:30:00Z"), Some(DepthBand::From20To30)),
        flood("2026-11-22T18:00:00Z", None, None),
    ];
    let minutes = values(&reckon(&shipped("flood_minutes"), &known, &cameras, &periods));
    assert_eq!(minutes, [(Some(30.0), 1, 0), (Some(30.0), 1, 0), (Some(660.0), 1, 0)], "what goes on has lasted until now");
    let floods = reckon(&shipped("floods"), &known, &cameras, &periods);
    let parts: Vec<_> = floods.iter().map(|value| (value.part.as_deref(), value.value)).collect();
    assert_eq!(parts, [(Some("20-30 cm"), Some(1.0)), (None, Some(0.0)), (Some("unknown"), Some(1.0))]);
    let hour = |start: &str, vehicles, index_seconds, index_sum| Hour {
        camera: camera("a"),
        start: at(start),
        vehicles,
        index_seconds,
        index_sum,
    };
    known.hours = vec![hour("2026-11-21T16:00:00Z", 100, 3600.0, 7200.0), hour("2026-11-20T17:00:00Z", 50, 1200.0, 1200.0)];
    assert_eq!(values(&reckon(&shipped("vehicles"), &known, &cameras, &periods[..1])), [(Some(150.0), 2, 0)]);
    assert_eq!(values(&reckon(&shipped("travel_time_index"), &known, &cameras, &periods[..1])), [(Some(1.75), 2, 0)]);
}

#[test]
fn a_page_says_no_data_and_runs_nothing() {
    let (known, periods, _) = known();
    let indicator = shipped("fires");
    let values = reckon(&indicator, &known, &BTreeSet::new(), &periods);
    let table = Table { indicator, place: ("x:=1".into(), "=<script>".into()), values };
    let zone = TimeZone::UTC;
    let head = Head { area: Some("A & B"), every: Every::Day, zone: &zone, made: known.now };
    let links = [("CSV".to_owned(), "figures.csv?a=\"1\"&b".to_owned())];
    let html = page::html(std::slice::from_ref(&table), &head, Language::En, &links);
    assert!(html.contains("no data") && !html.contains("<td class=\"n\">0</td><td class=\"bar\">"), "{html}");
    assert!(
        html.contains("A &amp; B") && html.contains("&lt;script>".replace('>', "&gt;").as_str()) && !html.contains("<script"),
        "{html}"
    );
    assert!(html.contains("href=\"figures.csv?a=&quot;1&quot;&amp;b\""), "{html}");
    assert!(page::html(&[], &head, Language::Vi, &[]).contains("lang=\"vi\""));
    let csv = page::csv(&[table], Every::Day, &zone);
    assert!(csv.contains("fires,vụ,x:=1,'=<script>,,2026-11-20,,0,0,"), "{csv}");
}
