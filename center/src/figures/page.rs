//! Figures for people: as CSV that a spreadsheet opens, and as a page to be printed.

use std::fmt::Write;

use jiff::tz::TimeZone;
use matpho_scene::WallTime;

use super::{
    indicator::Indicator,
    period::{Every, write},
    reckon::Value,
};
use crate::feeds::open_data::{BYTE_ORDER_MARK, harmless};

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Vietnamese.
    #[default]
    Vi,
    /// English.
    En,
}

impl Language {
    fn pick<'a>(self, vi: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Vi => vi,
            Self::En => en,
        }
    }
}

/// Values of an indicator for one place: an area, or a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Of what.
    pub indicator: Indicator,
    /// The place: its id, and its name for people; empty where it is all that may be seen.
    pub place: (String, String),
    /// In order of time.
    pub values: Vec<Value>,
}

/// What is common to all tables of a page.
#[derive(Debug, Clone)]
pub struct Head<'a> {
    /// The name of the area.
    pub area: Option<&'a str>,
    /// How long a period is.
    pub every: Every,
    /// The province's time.
    pub zone: &'a TimeZone,
    /// When it was made.
    pub made: WallTime,
}

impl Language {
    /// A number as people write it.
    fn number(self, value: f64) -> String {
        number(value).replace('.', self.pick(",", "."))
    }

    /// A day, or the hour of a day, as people write it; a week, a month and what is longer as they are.
    fn period(self, written: &str) -> String {
        let (day, hour) = written.split_at_checked(10).unwrap_or((written, ""));
        match (self, day.split('-').collect::<Vec<_>>().as_slice()) {
            (Self::Vi, [year, month, day]) => format!("{day}/{month}/{year}{hour}"),
            _ => written.to_owned(),
        }
    }
}

/// A number with no more decimals than it needs.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One row a value. Instants are in the province's time; what nobody knows is an empty cell.
pub fn csv(tables: &[Table], every: Every, zone: &TimeZone) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail, and every row has as many cells as the first.
    let mut put = |row: &[&str]| drop(writer.write_record(row));
    put(&["indicator", "unit", "place", "place_name", "part", "period", "value", "count", "open", "watched_share"]);
    for table in tables {
        for value in &table.values {
            let (place, name) = &table.place;
            put(&[
                &table.indicator.id,
                &table.indicator.unit,
                &harmless(place),
                &harmless(name),
                value.part.as_deref().unwrap_or_default(),
                &write(value.period.start, zone, every),
                &value.value.map(number).unwrap_or_default(),
                &value.count.to_string(),
                &value.open.to_string(),
                &value.watched.map(|share| format!("{share:.4}")).unwrap_or_default(),
            ]);
        }
    }
    let rows = writer.into_inner().unwrap_or_default();
    format!("{BYTE_ORDER_MARK}{}", String::from_utf8_lossy(&rows))
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        out
    })
}

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#111;background:#fff}\
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}p{margin:.2rem 0;color:#444}\
table{border-collapse:collapse;width:100%;table-layout:fixed}th{width:9rem}th.n{width:6rem}th.bar{width:auto}\
th,td{border-bottom:1px solid #ccc;padding:.25rem .5rem;text-align:left}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.none{color:#666;font-style:italic}\
td.bar i{display:block;height:.7rem;background:#2b6cb0;min-width:1px}nav{margin:.8rem 0}nav a{margin-right:1rem}\
@media print{nav{display:none}body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}td.bar i{print-color-adjust:exact}}\
@page{margin:15mm}";

/// A page that prints well. `links` lead to the same in other forms: words and addresses.
pub fn html(tables: &[Table], head: &Head<'_>, language: Language, links: &[(String, String)]) -> String {
    let pick = |vi, en| language.pick(vi, en);
    let mut out = String::new();
    let title = pick("Số liệu Mắt Phố", "Mắt Phố figures");
    let area = head.area.map_or_else(|| pick("Toàn bộ khu vực được xem", "All that you may see").to_owned(), str::to_owned);
    // Writing to a text does not fail.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1><p>{}</p><p>{} {}</p><nav>",
        pick("vi", "en"),
        escape(&area),
        pick("Lập lúc", "Made at"),
        language.period(&write(head.made, head.zone, Every::Hour)),
    );
    for (word, address) in links {
        let _ = write!(out, "<a href=\"{}\">{}</a>", escape(address), escape(word));
    }
    out.push_str("</nav>");
    for table in tables {
        write_table(&mut out, table, head, language);
    }
    out.push_str("</body></html>\n");
    out
}

fn write_table(out: &mut String, table: &Table, head: &Head<'_>, language: Language) {
    let pick = |vi, en| language.pick(vi, en);
    let name = pick(&table.indicator.name_vi, &table.indicator.name_en);
    let place = if table.place.1.is_empty() { String::new() } else { format!(" · {}", escape(&table.place.1)) };
    let _ = write!(
        out,
        "<h2>{}{place} ({})</h2><table><thead><tr><th>{}</th>{}<th class=\"n\">{}</th><th class=\"bar\"></th><th class=\"n\">{}</th><th class=\"n\">{}</th></tr></thead><tbody>",
        escape(name),
        escape(&table.indicator.unit),
        pick("Kỳ", "Period"),
        if table.indicator.split.is_some() { format!("<th>{}</th>", pick("Loại", "Part")) } else { String::new() },
        pick("Giá trị", "Value"),
        pick("Số lượng", "Count"),
        pick("Còn mở", "Open"),
    );
    let most = table.values.iter().filter_map(|value| value.value).fold(0.0_f64, f64::max);
    for value in &table.values {
        let _ = write!(out, "<tr><td>{}</td>", language.period(&write(value.period.start, head.zone, head.every)));
        if table.indicator.split.is_some() {
            let _ = write!(out, "<td>{}</td>", escape(value.part.as_deref().unwrap_or_default()));
        }
        match value.value {
            Some(number) => {
                let share = if most > 0.0 { 100.0 * number / most } else { 0.0 };
                let _ = write!(
                    out,
                    "<td class=\"n\">{}</td><td class=\"bar\"><i style=\"width:{share:.0}%\"></i></td>",
                    language.number(number)
                );
            }
            None => {
                let _ = write!(out, "<td class=\"none\" colspan=\"2\">{}</td>", pick("không có dữ liệu", "no data"));
            }
        }
        let _ = write!(out, "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>", value.count, value.open);
    }
    out.push_str("</tbody></table>");
}
