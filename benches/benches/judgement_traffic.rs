//! How well traffic is judged on the simulated city's truth, seen through a detector that errs: tables by weather and by what happens.
//!
//! `cargo bench -p matpho-benches --bench judgement_traffic`; `-- --test` one short street. `MATPHO_BENCH_SEEDS` sets how many streets of each kind (default 3)
//! and `MATPHO_BENCH_FIRST_SEED` which is the first (rules are tuned on seeds below 70, tables are of 70 to 72); `MATPHO_BENCH_ONLY=streets,undrawn,ablations,clips` runs some parts alone,
//! `MATPHO_BENCH_WEATHER="day;night"` and `MATPHO_BENCH_STREETS="wrong way;jam"` take only these; `MATPHO_BENCH_FPS` is how often streets are looked at (default 5).
//! `MATPHO_BENCH_TELL=1` lists every false alarm, every miss, every count in excess and every wrong level with its street and second. Clips: `MATPHO_DATA`.

use std::collections::BTreeMap;

use anyhow::Result;
use matpho_analytics::{Analytic, Params};
use matpho_benches::{
    Table, is_smoke,
    judged::{Ask, FPS, SetUp, Street, play},
    marks::{Marks, level},
    streets::{Kind, Weather},
    volume::Tally,
};
use matpho_scene::event::{EventKind, LevelOfService};
use matpho_sim::Bodies;

#[path = "judgement_traffic/clips.rs"]
mod clips;

/// What is judged of single vehicles and people.
const INCIDENTS: [EventKind; 3] = [EventKind::StoppedVehicle, EventKind::WrongWay, EventKind::Pedestrian];

/// What is run, by the environment.
struct Choice {
    seeds: std::ops::Range<u64>,
    weathers: Vec<Weather>,
    kinds: Vec<Kind>,
    fps: f64,
    tell: bool,
}

impl Choice {
    fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let number = |name: &str, default: f64| variable(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let first = number("MATPHO_BENCH_FIRST_SEED", 0.0) as u64;
        let seeds = if is_smoke() { 1 } else { number("MATPHO_BENCH_SEEDS", 3.0) as u64 };
        let named = |name: &str, word: &str| variable(name).is_none_or(|only| only.split(';').any(|w| w.trim() == word));
        let (weathers, kinds) =
            if is_smoke() { (&Weather::ALL[..1], &Kind::ALL[1..2]) } else { (&Weather::ALL[..], &Kind::ALL[..]) };
        Self {
            seeds: first..first + seeds,
            weathers: weathers.iter().copied().filter(|w| named("MATPHO_BENCH_WEATHER", w.name())).collect(),
            kinds: kinds.iter().copied().filter(|k| named("MATPHO_BENCH_STREETS", k.name())).collect(),
            fps: number("MATPHO_BENCH_FPS", FPS),
            tell: number("MATPHO_BENCH_TELL", 0.0) > 0.0,
        }
    }

    fn street(&self, kind: Kind, weather: Weather, seed: u64) -> Result<Street> {
        Ok(Street { fps: self.fps, ..kind.street(weather, seed)? })
    }
}

fn main() -> Result<()> {
    let choice = Choice::of_environment();
    let bodies = Bodies::build();
    println!(
        "Command: `cargo bench -p matpho-benches --bench judgement_traffic`; seeds {} to {} of each street, {} pictures a second.",
        choice.seeds.start,
        choice.seeds.end - 1,
        choice.fps,
    );
    let wanted =
        |section: &str| std::env::var("MATPHO_BENCH_ONLY").map_or(true, |only| only.split(',').any(|word| word == section));
    if wanted("clips") && !is_smoke() {
        clips::judge();
    }
    if wanted("ablations") && !is_smoke() {
        ablations(&choice, &bodies)?;
    }
    if wanted("streets") {
        let runs = streets(&choice, SetUp::Drawn, &bodies)?;
        figures(&runs);
        classes(&runs);
        levels(&runs);
        incidents(&runs);
        congestion(&runs);
    }
    if wanted("undrawn") {
        println!("\nThe same streets with nothing set up: the whole picture is the zone.");
        let runs = streets(&choice, SetUp::Nothing, &bodies)?;
        levels(&runs);
        incidents(&runs);
        congestion(&runs);
    }
    Ok(())
}

/// Plays all streets that are chosen.
fn streets(choice: &Choice, set_up: SetUp, bodies: &Bodies) -> Result<Vec<Run>> {
    let asks = [ask(Params::default(), set_up)];
    let mut runs = Vec::new();
    for &weather in &choice.weathers {
        for &kind in &choice.kinds {
            for seed in choice.seeds.clone() {
                let street = choice.street(kind, weather, seed)?;
                let mut marks = Marks::default();
                play(&street, &asks, bodies, |_, moment| marks.look(moment))?;
                if choice.tell {
                    tell(&marks, &format!("{} {} {seed}", weather.name(), kind.name()));
                }
                runs.push(Run { weather, kind, minutes: street.seconds / 60.0, marks });
            }
        }
    }
    Ok(runs)
}

/// Lists what went wrong on a street.
fn tell(marks: &Marks, street: &str) {
    for (event, list) in &marks.wrong {
        list.iter().for_each(|f| eprintln!("{street} at {:.1} s: {event} {} {:.0?}", f.t, f.what, f.who));
    }
    for p in marks.periods.iter().filter(|p| p.said.level_of_service.is_some_and(|said| said != level(p.density))) {
        eprintln!(
            "{street} to {:.0} s {}: level {} is said to be {}, density {:.1} to be {:.1}",
            p.to_s,
            p.zone,
            level(p.density),
            p.said.level_of_service.map_or(String::new(), |l| l.to_string()),
            p.density,
            p.said.density_pc_per_km_lane.unwrap_or(f32::NAN),
        );
    }
    marks.volume.in_excess().iter().for_each(|(t, zone)| eprintln!("{street} at {t:.1} s {zone}: counted in excess"));
    for kind in INCIDENTS {
        for s in marks.missed(kind) {
            eprintln!(
                "{street}: {kind} from {:.1} to {:.1} s, seen for {:.1} s, from {:.0?} m, found {:?}",
                s.from_s, s.to_s, s.seen_s, s.from_to_m, s.found_s
            );
        }
    }
}

/// A rule, and parameters under which it says nothing.
type Ablation = (&'static str, fn(&mut Params));

/// Each rule off in turn, by parameters that silence it, on all streets but those on which nothing can happen.
const ABLATIONS: [Ablation; 9] = [
    ("all rules on", |_| {}),
    ("stopped: waiting places are learned", |p| p.stopped_vehicle.waits_share = share(1.0)),
    ("stopped: unknown places wait longer", |p| p.stopped_vehicle.known_tracks_min = 0),
    ("stopped: others must have passed", |p| p.stopped_vehicle.passed_by_min = 0),
    ("stopped: neighbours standing make a queue", |p| p.stopped_vehicle.queue_share = share(1.0)),
    ("stopped: a queue must be over for a while", |p| p.stopped_vehicle.queue_over_s = seconds(0.1)),
    ("wrong way: sightings are close together", |p| p.wrong_way.apart_s_max = seconds(60.0)),
    ("wrong way: far enough", |p| {
        p.wrong_way.distance_box_lengths = positive(0.1);
        p.wrong_way.distance_m = positive(0.1);
    }),
    ("pedestrian: riders are told by their two-wheeler", |p| p.pedestrian.rider_overlap = share(1.0)),
];

fn share(value: f64) -> matpho_analytics::units::Share {
    value.try_into().unwrap_or_else(|_| unreachable!("a share"))
}

fn seconds(value: f64) -> matpho_analytics::units::Seconds {
    value.try_into().unwrap_or_else(|_| unreachable!("a span"))
}

fn positive(value: f64) -> matpho_analytics::units::Positive {
    value.try_into().unwrap_or_else(|_| unreachable!("a positive number"))
}

fn ablations(choice: &Choice, bodies: &Bodies) -> Result<()> {
    let silenced = |silence: fn(&mut Params)| {
        let mut params = Params::default();
        silence(&mut params);
        ask(params, SetUp::Drawn)
    };
    let asks: Vec<Ask> = ABLATIONS.iter().map(|(_, silence)| silenced(*silence)).collect();
    // Found, there, false alarms by rule and incident.
    let mut sums = vec![[(0, 0, 0); INCIDENTS.len()]; asks.len()];
    for &weather in &choice.weathers {
        for &kind in choice.kinds.iter().filter(|kind| !matches!(kind, Kind::Free | Kind::Moderate | Kind::Dense)) {
            for seed in choice.seeds.clone() {
                let mut marks: Vec<Marks> = asks.iter().map(|_| Marks::default()).collect();
                play(&choice.street(kind, weather, seed)?, &asks, bodies, |asked, moment| marks[asked].look(moment))?;
                for (marks, sums) in marks.iter().zip(&mut sums) {
                    for (sum, incident) in sums.iter_mut().zip(INCIDENTS) {
                        let (there, in_time, _) = marks.recall(incident);
                        let wrong = marks.wrong.get(&incident).map_or(0, Vec::len);
                        *sum = (sum.0 + in_time, sum.1 + there, sum.2 + wrong);
                    }
                }
            }
        }
    }
    let weathers: Vec<&str> = choice.weathers.iter().map(|w| w.name()).collect();
    let title = format!("Ablations, {}: found within 20 s of those there / false alarms", weathers.join(" and "));
    let table = Table::begin(&title, &["rule that is off", "stopped vehicle", "wrong way", "on foot"]);
    for ((name, _), sums) in ABLATIONS.iter().zip(&sums) {
        let cells: Vec<String> = sums.iter().map(|(found, there, wrong)| format!("{found} of {there} / {wrong}")).collect();
        table.row(&[name, &cells[0], &cells[1], &cells[2]]);
    }
    Ok(())
}

struct Run {
    weather: Weather,
    kind: Kind,
    minutes: f64,
    marks: Marks,
}

fn ask(mut params: Params, set_up: SetUp) -> Ask {
    params.congestion.measure_every_s = 30.0.try_into().unwrap_or(params.congestion.measure_every_s);
    let analytics = [Analytic::Congestion, Analytic::StoppedVehicle, Analytic::WrongWay, Analytic::Pedestrian].into();
    Ask { analytics, params, set_up }
}

fn of(runs: &[Run], weather: Weather) -> impl Iterator<Item = &Run> {
    runs.iter().filter(move |run| run.weather == weather)
}

fn percent(part: f32, whole: f32) -> String {
    if whole > 0.0 { format!("{:.1}", 100.0 * part / whole) } else { "".into() }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

fn figures(runs: &[Run]) {
    let table = Table::begin(
        "Figures: all streets of a weather, 30 s periods",
        &[
            "weather",
            "street",
            "minutes",
            "crossed",
            "counted",
            "volume error %",
            "missed",
            "counted in excess",
            "speed error % (mean of periods)",
            "speed bias %",
            "density bias %",
            "mean density error pc/km/lane",
        ],
    );
    for weather in Weather::ALL {
        let kinds = Kind::ALL.into_iter().map(Some).chain([None]);
        for kind in kinds {
            let some: Vec<&Run> = of(runs, weather).filter(|run| kind.is_none_or(|k| k == run.kind)).collect();
            if some.is_empty() {
                continue;
            }
            let Tally { crossed, missed, excess, .. } = some.iter().map(|r| r.marks.volume.tally()).sum();
            let periods = || some.iter().flat_map(|r| &r.marks.periods);
            // As it was said.
            let counted: u32 = periods().flat_map(|p| p.said.counts.values()).sum();
            // Three vehicles at a time: a mean of less is no measurement of speed.
            let speeds: Vec<(f32, f32)> = periods()
                .filter(|p| p.vehicles >= 1.0)
                .filter_map(|p| Some((p.said.speed_kmh?, p.speed_kmh.filter(|v| *v > 2.0)?)))
                .collect();
            let errors: Vec<f32> = speeds.iter().map(|(said, truth)| 100.0 * (said - truth).abs() / truth.max(5.0)).collect();
            let bias =
                100.0 * (speeds.iter().map(|s| s.0).sum::<f32>() / speeds.iter().map(|s| s.1).sum::<f32>().max(1e-6) - 1.0);
            let said: f32 = periods().filter_map(|p| p.said.density_pc_per_km_lane).sum();
            let truth: f32 = periods().map(|p| p.density).sum();
            let density: Vec<f32> = periods().filter_map(|p| Some((p.said.density_pc_per_km_lane? - p.density).abs())).collect();
            table.row(&[
                weather.name(),
                kind.map_or("**all**", Kind::name),
                &format!("{:.0}", some.iter().map(|r| r.minutes).sum::<f64>()),
                &crossed.to_string(),
                &counted.to_string(),
                &percent(counted as f32 - crossed as f32, crossed as f32),
                &missed.to_string(),
                &excess.to_string(),
                &format!("{:.1}", mean(&errors)),
                &format!("{bias:.1}"),
                &percent(said - truth, truth),
                &format!("{:.2}", mean(&density)),
            ]);
        }
    }
}

fn classes(runs: &[Run]) {
    let table =
        Table::begin("Volume by class: crossed the line / counted", &["weather", "bicycle", "motorcycle", "car", "bus", "truck"]);
    for weather in Weather::ALL {
        use matpho_scene::Class::{Bicycle, Bus, Car, Motorcycle, Truck};
        let sums = [Bicycle, Motorcycle, Car, Bus, Truck]
            .map(|class| of(runs, weather).map(|r| r.marks.volume.of_class(class)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)));
        let cells: Vec<String> = sums.iter().map(|(crossed, counted)| format!("{crossed} / {counted}")).collect();
        let row: Vec<&str> = std::iter::once(weather.name()).chain(cells.iter().map(String::as_str)).collect();
        table.row(&row);
    }
}

fn levels(runs: &[Run]) {
    for weather in Weather::ALL {
        let mut counts: BTreeMap<(LevelOfService, LevelOfService), u32> = BTreeMap::new();
        for p in of(runs, weather).flat_map(|r| &r.marks.periods) {
            if let Some(said) = p.said.level_of_service {
                *counts.entry((level(p.density), said)).or_default() += 1;
            }
        }
        let all: u32 = counts.values().sum();
        if all == 0 {
            continue;
        }
        let equal: u32 = counts.iter().filter(|((a, b), _)| a == b).map(|(_, n)| n).sum();
        let title = format!(
            "Level of service, {}: {} % of {all} bins equal (rows: truth)",
            weather.name(),
            percent(equal as f32, all as f32)
        );
        let table = Table::begin(&title, &["", "A", "B", "C", "D", "E", "F"]);
        use LevelOfService::{A, B, C, D, E, F};
        for truth in [A, B, C, D, E, F] {
            let row: Vec<String> = std::iter::once(truth.to_string())
                .chain([A, B, C, D, E, F].map(|said| counts.get(&(truth, said)).map_or(String::new(), ToString::to_string)))
                .collect();
            table.row(&row.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

fn incidents(runs: &[Run]) {
    let table = Table::begin(
        "Incidents",
        &["weather", "what", "there", "found within 20 s", "%", "median delay s", "false alarms", "which", "false an hour"],
    );
    for weather in Weather::ALL {
        let some: Vec<&Run> = of(runs, weather).collect();
        let hours = some.iter().map(|r| r.minutes).sum::<f64>() / 60.0;
        if some.is_empty() {
            continue;
        }
        for kind in INCIDENTS {
            let (mut there, mut found, mut delays) = (0, 0, Vec::new());
            let mut wrong: BTreeMap<&str, u32> = BTreeMap::new();
            for run in &some {
                let (a, b, mut d) = run.marks.recall(kind);
                there += a;
                found += b;
                delays.append(&mut d);
                for f in run.marks.wrong.get(&kind).into_iter().flatten() {
                    *wrong.entry(f.what).or_default() += 1;
                }
            }
            delays.sort_by(f64::total_cmp);
            let false_alarms: u32 = wrong.values().sum();
            let which: Vec<String> = wrong.iter().map(|(what, n)| format!("{n} {what}")).collect();
            table.row(&[
                weather.name(),
                kind.as_str(),
                &there.to_string(),
                &found.to_string(),
                &percent(found as f32, there as f32),
                &delays.get(delays.len() / 2).map_or(String::new(), |d| format!("{d:.1}")),
                &false_alarms.to_string(),
                &which.join(", "),
                &format!("{:.2}", f64::from(false_alarms) / hours),
            ]);
        }
    }
}

fn congestion(runs: &[Run]) {
    let table = Table::begin(
        "Congestion",
        &[
            "weather",
            "street",
            "streets",
            "jams",
            "found",
            "median delay s",
            "began elsewhere",
            "ended before the queue",
            "median end after it s",
        ],
    );
    for weather in Weather::ALL {
        for kind in Kind::ALL {
            let some: Vec<&Run> = of(runs, weather).filter(|r| r.kind == kind).collect();
            if some.is_empty() {
                continue;
            }
            let (mut jams, mut found, mut elsewhere, mut early) = (0, 0, 0, 0);
            let (mut delays, mut ends) = (Vec::new(), Vec::new());
            for run in &some {
                let jam = run.marks.jams.get(&0).filter(|times| times.len() > 600);
                jams += u32::from(jam.is_some());
                let span = jam.map(|times| (times[0], times[times.len() - 1]));
                let mut seen = false;
                for (began, ended, zone) in &run.marks.congestion {
                    let of_jam =
                        span.filter(|(from, to)| (zone == "inbound" || zone == "picture") && began > from && *began < to + 30.0);
                    let Some((from, to)) = of_jam else {
                        elsewhere += 1;
                        continue;
                    };
                    if !seen {
                        found += 1;
                        delays.push(began - from);
                    }
                    seen = true;
                    if let Some(ended) = ended {
                        early += u32::from(*ended < to);
                        ends.push(ended - to);
                    }
                }
            }
            delays.sort_by(f64::total_cmp);
            ends.sort_by(f64::total_cmp);
            let middle = |v: &[f64]| v.get(v.len() / 2).map_or(String::new(), |d| format!("{d:.0}"));
            table.row(&[
                weather.name(),
                kind.name(),
                &some.len().to_string(),
                &jams.to_string(),
                &found.to_string(),
                &middle(&delays),
                &elsewhere.to_string(),
                &early.to_string(),
                &middle(&ends),
            ]);
        }
    }
}
