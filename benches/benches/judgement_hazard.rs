//! Whether fire, flood and camera health are judged rightly: on the simulated city's truth seen by a detector that errs, and on pixels.

use matpho_analytics::Params;
use matpho_benches::{
    Table,
    hazard::{
        Weather,
        fire::Sight,
        lookalikes,
        play::{self, Pace, fire_plan},
        scenes::FireScene,
    },
    is_smoke,
};
use matpho_scene::event::EventKind;
use matpho_sim::Models;

fn main() {
    println!("Command: `cargo bench -p matpho-benches --bench judgement_hazard`");
    let scenes = fire_scenes();
    fire(&scenes);
    false_alarms();
}

type Scenes = Vec<(Weather, Vec<FireScene>)>;

/// Streets that burn: 32 minutes of each weather.
fn fire_scenes() -> Scenes {
    let n = if is_smoke() { 1 } else { 16 };
    let models = Models::build();
    Weather::ALL
        .into_iter()
        .map(|weather| (weather, (0..n).map(|seed| FireScene::film(weather, seed + 1, &models)).collect()))
        .collect()
}

const PACES: [(&str, Pace, f64); 4] = [
    ("1 a second", Pace { every_s: 1.0, bursts: true, vehicles: true }, 5.0),
    ("1 a second, no bursts", Pace { every_s: 1.0, bursts: false, vehicles: true }, 5.0),
    ("keyframes each 2 s", Pace { every_s: 2.0, bursts: true, vehicles: false }, 15.0),
    ("keyframes each 2 s, no bursts", Pace { every_s: 2.0, bursts: false, vehicles: false }, 15.0),
];

fn fire(scenes: &Scenes) {
    let plan = fire_plan(Params::default());
    let table = Table::begin(
        "Fires of the simulated city: from when a person would say so to when it is confirmed",
        &["weather", "looks", "fires", "in time", "limit, s", "median, s", "worst, s", "smoke alarms", "burst looks, share"],
    );
    for (weather, scenes) in scenes {
        for (name, pace, limit_s) in &PACES {
            let mut delays = Vec::new();
            let (mut smoke, mut fires, mut looks, mut burst_looks) = (0, 0, 0, 0);
            for (n, scene) in scenes.iter().enumerate() {
                let Some(visible_s) = scene.visible_s else { continue };
                fires += 1;
                let outcome = play::fire(&plan, Some(scene), &[], scene.seconds, pace, Sight::of(*weather), n as u64);
                delays.extend(outcome.first(EventKind::Flame, 0.0).map(|t| t - visible_s));
                smoke += usize::from(outcome.first(EventKind::Smoke, 0.0).is_some());
                (looks, burst_looks) = (looks + outcome.looks, burst_looks + outcome.burst_looks);
            }
            delays.sort_by(f64::total_cmp);
            let in_time = delays.iter().filter(|d| **d <= *limit_s).count();
            let text = |d: Option<&f64>| d.map_or("-".into(), |d| format!("{d:.1}"));
            table.row(&[
                weather.as_str(),
                name,
                &fires.to_string(),
                &in_time.to_string(),
                &format!("{limit_s:.0}"),
                &text(delays.get(delays.len() / 2)),
                &text(delays.last().filter(|_| delays.len() == fires)),
                &smoke.to_string(),
                &format!("{:.2}", burst_looks as f64 / f64::from(u32::try_from(looks).unwrap_or(u32::MAX))),
            ]);
        }
    }
}

fn false_alarms() {
    let (days, hours) = if is_smoke() { (1, 0.2) } else { (3, 24.0) };
    let plan = fire_plan(Params::default());
    let table = Table::begin(
        "Lookalikes without a fire, one look a second: false alarms a camera-day",
        &["weather", "camera-days", "flame", "smoke", "burst looks, share"],
    );
    for weather in Weather::ALL {
        let (mut flame, mut smoke, mut looks, mut burst_looks) = (0, 0, 0, 0);
        for seed in 0..days {
            let like = lookalikes::day(weather, hours, seed);
            let outcome = play::fire(&plan, None, &like, hours * 3600.0, &PACES[0].1, Sight::of(weather), seed + 99);
            flame += outcome.began.iter().filter(|(kind, _)| *kind == EventKind::Flame).count();
            smoke += outcome.began.iter().filter(|(kind, _)| *kind == EventKind::Smoke).count();
            (looks, burst_looks) = (looks + outcome.looks, burst_looks + outcome.burst_looks);
            if std::env::var_os("MATPHO_BENCH_DETAILS").is_some() {
                for (kind, t) in &outcome.began {
                    let there: Vec<_> = like.iter().filter(|l| l.from_s <= *t && l.to_s > *t).map(|l| l.name).collect();
                    println!("{} {kind} at {t:.0} s of day {seed}: {there:?}", weather.as_str());
                }
            }
        }
        let per_day = |n: usize| format!("{:.2}", n as f64 / (days as f64 * hours / 24.0));
        table.row(&[
            weather.as_str(),
            &format!("{:.1}", days as f64 * hours / 24.0),
            &per_day(flame),
            &per_day(smoke),
            &format!("{:.3}", burst_looks as f64 / looks.max(1) as f64),
        ]);
    }
}
