//! A report as Markdown tables: read in a terminal, pasted into a model's card.

use std::fmt::Write as _;

use super::{
    calibration::Calibration,
    interval::Interval,
    report::{BoxSheet, Figure, Rate, Report, SHARES, SIZES, SaidSheet, SetSheet, THRESHOLDS, WaterSheet},
};

/// What cannot be told.
const NOTHING: &str = "–";

/// A table whose columns line up.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { rows: vec![head.into_iter().map(Into::into).collect()] }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Nothing where there are no rows under the head.
    fn print(&self, caption: &str, text: &mut String) {
        if self.rows.len() < 2 {
            return;
        }
        let columns = self.rows[0].len();
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |cells: &[String]| {
            let padded: Vec<_> = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
            format!("| {} |\n", padded.join(" | "))
        };
        let _ = writeln!(text, "{caption}\n");
        text.push_str(&line(&self.rows[0]));
        text.push_str(&line(&widths.iter().map(|&width| "-".repeat(width)).collect::<Vec<_>>()));
        self.rows[1..].iter().for_each(|row| text.push_str(&line(row)));
        text.push('\n');
    }
}

/// The whole report.
pub fn print(report: &Report) -> String {
    let mut text = String::new();
    models(report, &mut text);
    for set in &report.sets {
        let _ = writeln!(text, "## {}\n\n{} pictures of {} scenes\n", set.title, set.pictures, set.scenes);
        boxes(set, &mut text);
        said(&set.said, &mut text);
        water(&set.water, &mut text);
        let calibration = set.calibration.iter().map(|sheet| (sheet.model.as_str(), &sheet.calibration));
        let of_water = set
            .water
            .iter()
            .filter_map(|sheet| sheet.calibration.as_ref().map(|calibration| (sheet.model.as_str(), calibration)));
        reliability(calibration.chain(of_water), &mut text);
    }
    text
}

fn models(report: &Report, text: &mut String) {
    let _ = writeln!(text, "## Models\n");
    let mut table =
        Table::new(["model", "input", "licence", "ms a picture (median)", "nine in ten", "network alone", "pictures", "sha256"]);
    for model in &report.models {
        let cost = |pick: fn(&super::report::Cost) -> f64| {
            model.cost.as_ref().map_or(NOTHING.to_owned(), |cost| format!("{:.1}", pick(cost)))
        };
        table.row([
            model.model.clone(),
            model.input.clone(),
            model.licence.clone(),
            cost(|cost| cost.median_ms),
            cost(|cost| cost.p90_ms),
            cost(|cost| cost.network_median_ms),
            model.cost.map_or(NOTHING.to_owned(), |cost| cost.pictures.to_string()),
            model.sha256.chars().take(12).collect(),
        ]);
    }
    table.print("One thread, resize and decoding included, shipped thresholds.", text);
}

fn boxes(set: &SetSheet, text: &mut String) {
    let mut classes: Vec<&str> = Vec::new();
    let mut models: Vec<&str> = Vec::new();
    for sheet in &set.boxes {
        if !classes.contains(&sheet.class.as_str()) {
            classes.push(&sheet.class);
        }
        if !models.contains(&sheet.model.as_str()) {
            models.push(&sheet.model);
        }
    }
    let find = |model: &str, class: &str| set.boxes.iter().find(|sheet| sheet.model == model && sheet.class == class);
    let truths = |class: &str| set.boxes.iter().find(|sheet| sheet.class == class).map_or(0, |sheet| sheet.truths);

    let head = classes.iter().map(|class| format!("{class} ({})", truths(class)));
    let mut table = Table::new(std::iter::once("model".to_owned()).chain(head));
    for model in &models {
        let cells = classes.iter().map(|class| find(model, class).map_or(NOTHING.to_owned(), |sheet| figure(&sheet.ap50)));
        table.row(std::iter::once((*model).to_owned()).chain(cells));
    }
    table.print("AP50 by class (boxes that are there):", text);

    let mut table =
        Table::new(["model", "class"].map(str::to_owned).into_iter().chain(SIZES.map(|size| size_name(size).to_owned())));
    for sheet in leading(set) {
        let cell = |(_, truths, ap): &(&str, u64, Option<f64>)| format!("{} ({truths})", share(*ap));
        table.row([sheet.model.clone(), sheet.class.clone()].into_iter().chain(sheet.by_size.iter().map(cell)));
    }
    table.print("AP50 by size, the square root of a box's area in pixels of a picture 640 wide:", text);

    let mut table = Table::new(["model", "class", "precision", "recall"]);
    for sheet in &set.boxes {
        table.row([sheet.model.clone(), sheet.class.clone(), figure(&sheet.precision), figure(&sheet.recall)]);
    }
    table.print("At the shipped thresholds:", text);

    let head = THRESHOLDS.map(|threshold| format!("{threshold}"));
    let mut table = Table::new(["model", "class"].map(str::to_owned).into_iter().chain(head));
    for sheet in leading(set) {
        let cells = sheet.sweep.iter().map(|(_, precision, recall)| format!("{} / {}", share2(*precision), share2(*recall)));
        table.row([sheet.model.clone(), sheet.class.clone()].into_iter().chain(cells));
    }
    table.print("Precision / recall by threshold:", text);
}

/// All vehicles together where that is told, else each class.
fn leading(set: &SetSheet) -> impl Iterator<Item = &BoxSheet> {
    let together = |model: &str| set.boxes.iter().any(|sheet| sheet.model == model && sheet.class == "any vehicle");
    set.boxes.iter().filter(move |sheet| sheet.class == "any vehicle" || !together(&sheet.model))
}

fn size_name((name, low, high): (&'static str, f32, f32)) -> String {
    if high.is_finite() { format!("{name} ({low} to {high})") } else { format!("{name} (from {low})") }
}

fn said(sheets: &[SaidSheet], text: &mut String) {
    let mut table = Table::new(["model", "said", "of pictures that show it", "of pictures that do not", "false a 1,000"]);
    for sheet in sheets {
        let thousand = |rate: &Rate| match (rate.of, rate.interval) {
            (0, _) => NOTHING.to_owned(),
            (of, interval) => {
                format!("{:.1}{}", 1000.0 * rate.hits as f64 / of as f64, within(interval, |v| format!("{:.1}", 1000.0 * v)))
            }
        };
        table.row([
            sheet.model.clone(),
            sheet.class.clone(),
            rate(&sheet.shown),
            rate(&sheet.not_shown),
            thousand(&sheet.not_shown),
        ]);
    }
    table.print("Said of a picture, at the shipped thresholds:", text);

    let head = THRESHOLDS.map(|threshold| format!("{threshold}"));
    let mut table = Table::new(["model", "said"].map(str::to_owned).into_iter().chain(head));
    for sheet in sheets {
        let cell = |&(_, shown, not_shown): &(f32, u64, u64)| {
            format!("{} / {}", ratio(shown, sheet.shown.of), ratio(not_shown, sheet.not_shown.of))
        };
        table.row([sheet.model.clone(), sheet.class.clone()].into_iter().chain(sheet.sweep.iter().map(cell)));
    }
    table.print("Share of the pictures that show it / that do not, by threshold:", text);
}

fn water(sheets: &[WaterSheet], text: &mut String) {
    let mut table = Table::new(["model", "IoU of all cells", "mean of pictures"]);
    for sheet in sheets.iter().filter(|sheet| sheet.iou.value.is_some()) {
        table.row([sheet.model.clone(), figure(&sheet.iou), share(sheet.iou_mean)]);
    }
    table.print("Mask of water against the drawn one:", text);

    let Some(flag) = sheets.first().map(|sheet| sheet.flag_share) else { return };
    let asked = || sheets.iter().filter(|sheet| sheet.flooded.of + sheet.dry.of > 0);
    let mut table = Table::new(["model", "flooded pictures flagged", "dry pictures flagged"]);
    asked().for_each(|sheet| table.row([sheet.model.clone(), rate(&sheet.flooded), rate(&sheet.dry)]));
    table.print(&format!("Flagged from a share of {flag} of the road under water on:"), text);

    let head = SHARES.map(|share| format!("{share}"));
    let mut table = Table::new(std::iter::once("model".to_owned()).chain(head));
    for sheet in asked() {
        let cell =
            |&(_, flooded, dry): &(f32, u64, u64)| format!("{} / {}", ratio(flooded, sheet.flooded.of), ratio(dry, sheet.dry.of));
        table.row(std::iter::once(sheet.model.clone()).chain(sheet.sweep.iter().map(cell)));
    }
    table.print("Flooded / dry pictures flagged, by share of the road:", text);
}

fn reliability<'a>(sheets: impl Iterator<Item = (&'a str, &'a Calibration)>, text: &mut String) {
    let head = (0..10).map(|bin| format!("{:.1}–{:.1}", f64::from(bin) / 10.0, f64::from(bin + 1) / 10.0));
    let mut table = Table::new(["model", "ECE"].map(str::to_owned).into_iter().chain(head));
    for (model, calibration) in sheets {
        let cells = calibration.bins.iter().map(|bin| match bin.n {
            0 => NOTHING.to_owned(),
            n => format!("{:.2} ({n})", bin.right_share),
        });
        table.row([model.to_owned(), format!("{:.3}", calibration.ece)].into_iter().chain(cells));
    }
    table.print("Calibration, share that is right by score (how many):", text);
}

fn figure(figure: &Figure) -> String {
    format!("{}{}", share(figure.value), within(figure.interval, |v| format!("{v:.2}")))
}

fn rate(rate: &Rate) -> String {
    match rate.of {
        0 => NOTHING.to_owned(),
        of => {
            format!("{:.3}{}: {} of {of}", rate.hits as f64 / of as f64, within(rate.interval, |v| format!("{v:.3}")), rate.hits)
        }
    }
}

fn within(interval: Option<Interval>, number: impl Fn(f64) -> String) -> String {
    interval.map_or(String::new(), |interval| format!(" ({}–{})", number(interval.low), number(interval.high)))
}

fn share(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), |value| format!("{value:.3}"))
}

fn share2(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), |value| format!("{value:.2}"))
}

fn ratio(hits: u64, of: u64) -> String {
    if of == 0 { NOTHING.to_owned() } else { format!("{:.3}", hits as f64 / of as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_an_empty_table_is_not_printed() {
        let mut text = String::new();
        let mut table = Table::new(["model", "x"]);
        table.print("nothing", &mut text);
        assert_eq!(text, "");
        table.row(["đường", "0.5"]);
        table.print("caption:", &mut text);
        assert_eq!(text, "caption:\n\n| model | x   |\n| ----- | --- |\n| đường | 0.5 |\n\n");
    }

    #[test]
    fn what_cannot_be_told_is_a_dash() {
        assert_eq!(figure(&Figure { value: None, interval: None }), "–");
        assert_eq!(figure(&Figure { value: Some(0.5), interval: Some(Interval { low: 0.25, high: 0.75 }) }), "0.500 (0.25–0.75)");
        assert_eq!(rate(&Rate { hits: 0, of: 0, interval: None }), "–");
    }
}
