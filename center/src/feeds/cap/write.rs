//! An alert as XML. Elements stand in the order of the standard's schema, which is an `xs:sequence`: any other order is invalid.

use std::fmt::Write;

use super::{
    alert::{Area, Info, Named, Resource, Scope, Shape, write_time},
    check::Checked,
};
use crate::{area::Position, feeds::xml::Document};

/// The media type of an alert.
pub const MEDIA_TYPE: &str = "application/cap+xml";

const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";

/// Writes an alert.
pub fn write(checked: &Checked) -> String {
    let alert = checked.alert();
    let time = |at| write_time(at, alert.offset);
    let mut xml = Document::new("alert", &[("xmlns", NAMESPACE)]);
    xml.text("identifier", &alert.identifier);
    xml.text("sender", &alert.sender);
    xml.text("sent", &time(alert.sent));
    xml.text("status", alert.status.as_str());
    xml.text("msgType", alert.message.as_str());
    xml.text_if("source", alert.source.as_deref());
    match &alert.scope {
        Scope::Public => xml.text("scope", "Public"),
        Scope::Restricted(rule) => {
            xml.text("scope", "Restricted");
            xml.text("restriction", rule);
        }
        Scope::Private(addresses) => {
            xml.text("scope", "Private");
            let quoted = |address: &String| {
                if address.contains(char::is_whitespace) { format!("\"{address}\"") } else { address.clone() }
            };
            xml.text("addresses", &addresses.iter().map(quoted).collect::<Vec<_>>().join(" "));
        }
    }
    xml.text_if("note", alert.note.as_deref());
    let references: Vec<_> = alert
        .message
        .references()
        .iter()
        .map(|reference| format!("{},{},{}", reference.sender, reference.identifier, time(reference.sent)))
        .collect();
    if !references.is_empty() {
        xml.text("references", &references.join(" "));
    }
    if !alert.incidents.is_empty() {
        xml.text("incidents", &alert.incidents.join(" "));
    }
    for info in &alert.infos {
        write_info(&mut xml, info, &time);
    }
    xml.finish("alert")
}

fn write_info(xml: &mut Document, info: &Info, time: &dyn Fn(matpho_scene::WallTime) -> String) {
    xml.open("info", &[]);
    xml.text("language", &info.language);
    for category in &info.categories {
        xml.text("category", category.as_str());
    }
    xml.text("event", &info.event);
    for response in &info.responses {
        xml.text("responseType", response.as_str());
    }
    xml.text("urgency", info.urgency.as_str());
    xml.text("severity", info.severity.as_str());
    xml.text("certainty", info.certainty.as_str());
    write_named(xml, "eventCode", &info.event_codes);
    for (name, at) in [("effective", info.effective), ("onset", info.onset), ("expires", info.expires)] {
        xml.text_if(name, at.map(time).as_deref());
    }
    xml.text_if("senderName", info.sender_name.as_deref());
    xml.text_if("headline", info.headline.as_deref());
    xml.text_if("description", info.description.as_deref());
    xml.text_if("instruction", info.instruction.as_deref());
    xml.text_if("web", info.web.as_deref());
    xml.text_if("contact", info.contact.as_deref());
    write_named(xml, "parameter", &info.parameters);
    for Resource { description, mime_type, size, uri } in &info.resources {
        xml.open("resource", &[]);
        xml.text("resourceDesc", description);
        xml.text("mimeType", mime_type);
        xml.text_if("size", size.map(|size| size.to_string()).as_deref());
        xml.text("uri", uri);
        xml.close("resource");
    }
    for area in &info.areas {
        write_area(xml, area);
    }
    xml.close("info");
}

fn write_area(xml: &mut Document, area: &Area) {
    xml.open("area", &[]);
    xml.text("areaDesc", &area.description);
    for shape in &area.shapes {
        if let Shape::Polygon(ring) = shape {
            xml.text("polygon", &ring.iter().map(pair).collect::<Vec<_>>().join(" "));
        }
    }
    for shape in &area.shapes {
        if let Shape::Circle { centre, radius_km } = shape {
            xml.text("circle", &format!("{} {}", pair(centre), plain(*radius_km, 3)));
        }
    }
    write_named(xml, "geocode", &area.geocodes);
    xml.close("area");
}

fn write_named(xml: &mut Document, element: &str, all: &[Named]) {
    for Named { name, value } in all {
        xml.open(element, &[]);
        xml.text("valueName", name);
        xml.text("value", value);
        xml.close(element);
    }
}

/// `latitude,longitude`: CAP has them the other way round than GeoJSON.
fn pair([lon, lat]: &Position) -> String {
    format!("{},{}", plain(*lat, 6), plain(*lon, 6))
}

/// A number with at most so many decimals and no zeros at its end.
fn plain(number: f64, decimals: usize) -> String {
    let mut text = String::new();
    let _ = write!(text, "{number:.decimals$}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    // Rounded to nothing from below.
    if short == "-0" { "0".into() } else { short.into() }
}
