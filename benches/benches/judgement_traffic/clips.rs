//! Levels of service and counts on real clips whose street is known by eye: no zones, no calibration, as on a camera that nobody set up.

use matpho_benches::{Table, clips};
use matpho_scene::event::LevelOfService;

/// By what a clip's name begins with: how its traffic goes, and the levels that are right. `moderate` is not judged.
const STREETS: [(&str, &str, &[LevelOfService]); 11] = {
    use LevelOfService::{A, B, C, E, F};
    let (dense, free): (&[_], &[_]) = (&[E, F], &[A, B, C]);
    [
        ("dhaka", "dense", dense),
        ("mumbai", "dense", dense),
        ("bangkok", "dense", dense),
        ("nl_", "free", free),
        ("fr_", "free", free),
        ("uk_", "free", free),
        ("alibi", "free", free),
        ("india", "free", free),
        ("autostrade", "free", free),
        ("us_residential", "free", free),
        ("cctv_motorway", "free", free),
    ]
};
/// Clips whose vehicles were counted by eye.
const COUNTED: [(&str, u64); 2] = [("us_residential_27s", 3), ("us_residential_38s", 8)];
/// A count is right within this.
const COUNT_OFF_MAX: u64 = 1;

/// Prints the table, and how many were right.
pub fn judge() {
    let Some((folders, edge)) = clips::ready() else { return };
    let table = Table::begin(
        "Real clips, no zones, no calibration",
        &["clip", "a person says", "level of service", "congestion", "occupancy", "vehicles there / counted", "verdict"],
    );
    let (mut judged, mut right) = (0, 0);
    for clip in clips::listed(&folders.join("traffic")) {
        let name = clips::name(&clip);
        let said = clips::analyze(&edge, &clip, &["--only", "congestion"]).unwrap_or_default();
        let Some(figures) = said.last().map(|summary| &summary["analytics"]["congestion"]) else { continue };
        let level = figures["level_of_service"].as_str().unwrap_or("-");
        let counted: u64 = figures["counts"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
        let street = STREETS.iter().find(|(prefix, ..)| name.starts_with(prefix));
        let there = COUNTED.iter().find(|(counted, _)| *counted == name).map(|(_, n)| *n);
        let fits = street.is_none_or(|(_, _, levels)| levels.iter().any(|l| l.to_string() == level));
        let verdict = match (street, fits && there.is_none_or(|n| counted.abs_diff(n) <= COUNT_OFF_MAX)) {
            (None, _) => "",
            (Some(_), true) => "right",
            (Some(_), false) => "WRONG",
        };
        judged += u32::from(street.is_some());
        right += u32::from(verdict == "right");
        table.row(&[
            &name,
            street.map_or("moderate", |(_, how, _)| how),
            level,
            figures["state"].as_str().unwrap_or("-"),
            &format!("{:.2}", figures["occupancy_mean"].as_f64().unwrap_or(f64::NAN)),
            &there.map_or(format!("- / {counted}"), |n| format!("{n} / {counted}")),
            verdict,
        ]);
    }
    println!("\n{right} of {judged} clips right.");
}
