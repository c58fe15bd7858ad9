//! Open data: the same features as files (CSV that Excel opens, GeoJSON) with a catalogue that harvesters read (DCAT as JSON-LD).

use jiff::tz::Offset;
use matpho_scene::WallTime;
use serde_json::{Value, json};

use super::feature::{Feature, Geometry};
use crate::area::BoundingBox;

/// Excel in Vietnamese takes a file for UTF-8 only if it says so.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Features as CSV: `id`, `lon`, `lat`, then their properties. Instants are in the province's time, borders are left out (GeoJSON has them).
pub fn csv(features: &[Feature], offset: Offset) -> String {
    let names: Vec<&str> =
        features.first().map(|first| first.properties.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail, and every row below has as many cells as the first.
    let mut put = |row: Vec<String>| drop(writer.write_record(row));
    put(["id", "lon", "lat"].into_iter().chain(names.iter().copied()).map(str::to_owned).collect());
    for feature in features {
        let [lon, lat] = match feature.geometry {
            Some(Geometry::Point(position)) => position.map(|degrees| degrees.to_string()),
            _ => [String::new(), String::new()],
        };
        let cells = names.iter().map(|name| {
            let value = feature.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value);
            cell(value.unwrap_or(&Value::Null), offset)
        });
        put([harmless(&feature.id), lon, lat].into_iter().chain(cells).collect());
    }
    let rows = writer.into_inner().unwrap_or_default();
    format!("{BYTE_ORDER_MARK}{}", String::from_utf8_lossy(&rows))
}

fn cell(value: &Value, offset: Offset) -> String {
    match value {
        Value::Null => String::new(),
        // Only whole instants: a day stays a day.
        Value::String(text) if text.len() >= 20 => match text.parse::<WallTime>() {
            Ok(instant) => super::cap::alert::write_time(instant, offset),
            Err(_) => harmless(text),
        },
        Value::String(text) => harmless(text),
        other => other.to_string(),
    }
}

/// A text that a spreadsheet would run as a formula gets an apostrophe, which it takes for "this is text" and does not show. Names come from gateways.
pub fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Features as one GeoJSON document.
pub fn geojson(features: &[Feature]) -> Value {
    json!({"type": "FeatureCollection", "features": features.iter().map(Feature::to_geojson).collect::<Vec<_>>()})
}

/// Who publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// Its name.
    pub name: String,
    /// Its page.
    pub page: String,
    /// The licence's address.
    pub licence: String,
}

/// A data set of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Its id, a word.
    pub id: &'static str,
    /// Its name in Vietnamese.
    pub title_vi: &'static str,
    /// Its name in English.
    pub title_en: &'static str,
    /// What is in it, in Vietnamese.
    pub description_vi: &'static str,
    /// What is in it, in English.
    pub description_en: &'static str,
    /// When it was first published.
    pub issued: WallTime,
    /// When it changed last.
    pub modified: WallTime,
    /// ISO 8601: `R/PT1M` every minute.
    pub accrual_periodicity: &'static str,
    /// The box around it.
    pub extent: Option<BoundingBox>,
}

/// The catalogue as DCAT 3 in JSON-LD. `base` is where the files are, `features` where OGC API Features is; both without a slash at their ends.
pub fn catalogue(base: &str, features: &str, publisher: &Publisher, title: &str, datasets: &[Dataset]) -> Value {
    let agent = json!({"@type": "foaf:Agent", "foaf:name": publisher.name, "foaf:homepage": {"@id": publisher.page}});
    let both = |vi: &str, en: &str| json!([{"@language": "vi", "@value": vi}, {"@language": "en", "@value": en}]);
    let instant = |at: WallTime| json!({"@type": "xsd:dateTime", "@value": at});
    let dataset = |set: &Dataset| {
        let distribution = |format: &str, media_type: &str| {
            let at = format!("{base}/{}.{}", set.id, format.to_lowercase());
            json!({
                "@type": "dcat:Distribution", "@id": at, "dct:title": format, "dct:format": format,
                "dcat:mediaType": {"@id": format!("https://www.iana.org/assignments/media-types/{media_type}")},
                "dcat:accessURL": {"@id": at}, "dcat:downloadURL": {"@id": at}, "dct:license": {"@id": publisher.licence},
            })
        };
        let mut document = json!({
            "@type": "dcat:Dataset",
            "@id": format!("{base}/{}", set.id),
            "dct:identifier": set.id,
            "dct:title": both(set.title_vi, set.title_en),
            "dct:description": both(set.description_vi, set.description_en),
            "dct:publisher": agent,
            "dct:license": {"@id": publisher.licence},
            "dct:issued": instant(set.issued),
            "dct:modified": instant(set.modified),
            "dct:accrualPeriodicity": set.accrual_periodicity,
            "dcat:distribution": [distribution("CSV", "text/csv"), distribution("GeoJSON", "application/geo+json")],
        });
        if let Some(BoundingBox { west, south, east, north }) = set.extent {
            let border = format!("POLYGON(({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))");
            document["dct:spatial"] =
                json!({"@type": "dct:Location", "dcat:bbox": {"@type": "geosparql:wktLiteral", "@value": border}});
        }
        document
    };
    json!({
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "foaf": "http://xmlns.com/foaf/0.1/",
            "xsd": "http://www.w3.org/2001/XMLSchema#", "geosparql": "http://www.opengis.net/ont/geosparql#",
        },
        "@type": "dcat:Catalog",
        "@id": base,
        "dct:title": title,
        "dct:publisher": agent,
        "dcat:dataset": datasets.iter().map(dataset).collect::<Vec<_>>(),
        "dcat:service": [{
            "@type": "dcat:DataService", "@id": features, "dct:title": "OGC API Features", "dcat:endpointURL": {"@id": format!("{features}/")},
            "dct:conformsTo": {"@id": "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"},
            "dcat:servesDataset": datasets.iter().map(|set| json!({"@id": format!("{base}/{}", set.id)})).collect::<Vec<_>>(),
        }],
    })
}
