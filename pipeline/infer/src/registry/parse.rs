//! From the registry's text to its entries.

use std::{collections::BTreeMap, path::Path};

use matpho_config::{Complaint, Table, number, syntax_first};
use matpho_scene::{Class, ModelId, PictureSize};

use super::{
    Channels, Entry, Family, InputSpec, OutputSpec, Resize, Shrink,
    reader::{below, describe, optional, required},
};

/// The longest side of a network's input, in pixels: far beyond any model that runs on a gateway.
const SIDE_MAX: u32 = 8192;

/// The class that a segmentation model has to have: its probability is the mask.
pub(crate) const WATER: &str = "water";

/// The entries of a registry; files are relative to `folder`.
pub fn entries(text: &str, folder: &Path) -> Result<Vec<Entry>, Vec<Complaint>> {
    matpho_config::read(text, |root| models(&root, folder)).map_err(syntax_first)
}

fn models(root: &Table<'_>, folder: &Path) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, table) in root.tables("model").unwrap_or_default().into_iter().enumerate() {
        let name = match table.find("id").and_then(|id| id.get_ref().as_str()) {
            Some(id) => format!("model[{id}]"),
            None => format!("model[{index}]"),
        };
        let table = table.named(name);
        let parsed = entry(&table, folder);
        table.finish();
        match parsed {
            Some(entry) if entries.iter().any(|other| other.id == entry.id) => {
                table.complain(table.at(), "id", "is the id of another model above; ids are unique");
            }
            Some(entry) => entries.push(entry),
            None => {}
        }
    }
    root.finish();
    entries
}

/// One model; `None` after a complaint.
fn entry<'r>(model: &'r Table<'r>, folder: &Path) -> Option<Entry> {
    let id = required(model, "id").and_then(|v| v.parsed(str::parse::<ModelId>));
    let file = required(model, "file").and_then(|v| v.text()).map(|file| folder.join(file));
    let sha256 = required(model, "sha256").and_then(|v| v.parsed(sha256));
    let family = required(model, "family").and_then(|v| v.word(&Family::ALL.map(|family| (family.as_str(), family))));
    let classes = required(model, "classes").and_then(|v| match v.texts()? {
        classes if classes.is_empty() => v.complain("lists no class"),
        classes => Some(classes),
    });
    let nms_iou = nms_iou(model, family);
    let licence = required(model, "licence").and_then(|v| v.text());
    let card = required(model, "card").and_then(|v| v.text());
    let summary = required(model, "summary").and_then(|v| v.text());
    // Given but wrong is a complaint; left out is fine.
    let url = optional(model, "url").map(|v| v.parsed(address));
    let input = below(model, "input").and_then(|table| input(&table));
    let output = below(model, "output").and_then(|table| output(&table, family));
    let thresholds = thresholds(model, family, classes.as_deref());
    let entry = Entry {
        id: id?,
        file: file?,
        sha256: sha256?,
        family: family?,
        classes: classes?,
        nms_iou: nms_iou?,
        licence: licence?.to_owned(),
        card: card?.to_owned(),
        summary: summary?.to_owned(),
        url: url.map_or(Some(None), |url| url.map(Some))?,
        input: input?,
        output: output?,
        thresholds: thresholds?,
    };
    Some(entry)
}

fn address(text: &str) -> Result<String, &'static str> {
    if text.starts_with("https://") || text.starts_with("http://") {
        Ok(text.to_owned())
    } else {
        Err("expected an address that begins with https:// or http://")
    }
}

fn sha256(text: &str) -> Result<String, &'static str> {
    if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(text.to_owned())
    } else {
        Err("expected 64 lower-case hex digits, as `sha256sum FILE` prints them")
    }
}

/// Present where the family suppresses boxes, and only there. The outer `None` is a complaint.
fn nms_iou<'r>(model: &'r Table<'r>, family: Option<Family>) -> Option<Option<f32>> {
    let value = optional(model, "nms_iou");
    match (value, family) {
        (Some(value), Some(family)) if !family.needs_nms() => {
            value.complain(format!("is of no use to a {family} model, which suppresses nothing: leave it out"))
        }
        (Some(value), _) => value.number(0.0..=1.0).map(Some),
        (None, Some(family)) if family.needs_nms() => required(model, "nms_iou").map(|_| None),
        (None, _) => Some(None),
    }
}

fn input<'r>(table: &'r Table<'r>) -> Option<InputSpec> {
    let width = required(table, "width").and_then(|v| v.whole(1..=SIDE_MAX));
    let height = required(table, "height").and_then(|v| v.whole(1..=SIDE_MAX));
    let layout = required(table, "layout").and_then(|v| v.word(&[("nchw", ())]));
    let channels = required(table, "channels").and_then(|v| v.word(&[("bgr", Channels::Bgr), ("rgb", Channels::Rgb)]));
    let mean = required(table, "mean").and_then(|v| v.triple());
    let scale = required(table, "scale").and_then(|v| match v.triple()? {
        scale if scale.contains(&0.0) => v.complain("has a 0, which would wipe a channel out"),
        scale => Some(scale),
    });
    let letterbox = required(table, "resize").and_then(|v| v.word(&[("letterbox", true), ("stretch", false)]));
    let resize = match letterbox {
        Some(true) => required(table, "pad").and_then(|v| v.whole(0..=255)).map(|pad| Resize::Letterbox { pad: pad as u8 }),
        Some(false) => match optional(table, "pad") {
            Some(pad) => pad.complain("goes with resize = \"letterbox\" only: a stretched picture has no bars"),
            None => Some(Resize::Stretch),
        },
        None => {
            optional(table, "pad");
            None
        }
    };
    let shrink = match optional(table, "shrink") {
        Some(value) => value.word(&[("bilinear", Shrink::Bilinear), ("average", Shrink::Average)]),
        None => Some(Shrink::default()),
    };
    table.finish();
    layout?;
    Some(InputSpec {
        size: PictureSize { width: width?, height: height? },
        channels: channels?,
        mean: mean?,
        scale: scale?,
        resize: resize?,
        shrink: shrink?,
    })
}

fn output<'r>(table: &'r Table<'r>, family: Option<Family>) -> Option<OutputSpec> {
    let decoded = required(table, "decoded").and_then(|v| v.boolean());
    let strides = required(table, "strides").and_then(|v| match (v.wholes(1..=SIDE_MAX)?, family) {
        (strides, Some(Family::Yolox | Family::Picodet)) if strides.is_empty() => {
            v.complain("lists no stride; expected one for each output level, such as [8, 16, 32]")
        }
        (strides, _) => Some(strides),
    });
    let levels = strides.as_ref().map_or(0, Vec::len);
    let names = match optional(table, "names") {
        None => Some(Vec::new()),
        Some(value) => value.texts().and_then(|names| {
            let (counts, what): (&[usize], _) = match family? {
                Family::Yolox | Family::Classify | Family::Segment => (&[1], "1 output".to_owned()),
                Family::Picodet => (&[1, 2 * levels], format!("{} outputs (all classes, then all distances) or 1", 2 * levels)),
                Family::Detr => (&[2, 3], "2 outputs (boxes, logits) or 3 (labels, boxes, scores)".to_owned()),
            };
            match counts.contains(&names.len()) {
                true => Some(names),
                false => value.complain(format!("lists {} outputs; a {} model has {what}", names.len(), family?)),
            }
        }),
    };
    table.finish();
    Some(OutputSpec { decoded: decoded?, strides: strides?, names: names? })
}

/// Scores by class name; every name is a class, and every class that somebody will act on has one.
fn thresholds<'r>(model: &'r Table<'r>, family: Option<Family>, classes: Option<&[String]>) -> Option<BTreeMap<String, f32>> {
    let table = below(model, "threshold")?;
    let mut thresholds = Some(BTreeMap::new());
    for (key, value) in table.rest() {
        let (name, at, value) = (key.get_ref().as_ref(), key.span().start, value.get_ref());
        let score = number(value).filter(|score| (0.0..=1.0).contains(score));
        if score.is_none() {
            table.complain(at, name, format!("expected a number from 0.0 to 1.0, found {}", describe(value)));
        }
        let is_class = classes.is_none_or(|classes| classes.iter().any(|class| class == name));
        if !is_class {
            table.complain(at, name, "is none of this model's classes");
        }
        thresholds = match (thresholds, score) {
            (Some(mut all), Some(score)) if is_class => {
                all.insert(name.to_owned(), score);
                Some(all)
            }
            _ => None,
        };
    }
    let (family, classes, thresholds) = (family?, classes?, thresholds?);
    let acted_on = |name: &&String| match family {
        Family::Yolox | Family::Picodet | Family::Detr => name.parse::<Class>().is_ok(),
        Family::Segment => name.as_str() == WATER,
        Family::Classify => true,
    };
    let needed: Vec<_> = classes.iter().filter(acted_on).collect();
    if needed.is_empty() {
        let right = if family == Family::Segment { WATER.to_owned() } else { Class::ALL.map(Class::as_str).join(", ") };
        model.complain(model.at(), "classes", format!("names nothing that Mắt Phố acts on; it acts on {right}"));
        return None;
    }
    let missing: Vec<_> = needed.into_iter().filter(|name| !thresholds.contains_key(*name)).cloned().collect();
    if missing.is_empty() {
        Some(thresholds)
    } else {
        model.complain(table.at(), "threshold", format!("has no score for {}", missing.join(", ")));
        None
    }
}
