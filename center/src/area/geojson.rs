//! GeoJSON (RFC 7946) as people export it: a FeatureCollection of Polygons and MultiPolygons, each feature with its line in the file.

use serde_json::Value;

use super::{Complaint, MultiPolygon, Position};

/// A feature, with the line on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Counted from 1.
    pub line: u64,
    /// Its properties, as text; what is null is left out.
    pub properties: Vec<(String, String)>,
    /// Its border.
    pub border: Option<MultiPolygon>,
}

impl Feature {
    /// A property; `None` where it is absent, null or blank.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Reads a collection. What cannot be read is complained about, and left out.
pub fn read(file: &str, text: &str, complaints: &mut Vec<Complaint>) -> Vec<Feature> {
    let text = text.trim_start_matches('\u{feff}');
    let mut complain = |line, field: &str, what: String| complaints.push(Complaint::new(file, line, field, what));
    let collection: Value = match serde_json::from_str(text) {
        Ok(collection) => collection,
        Err(error) => {
            complain(error.line() as u64, "", format!("this is no JSON: {error}"));
            return Vec::new();
        }
    };
    if let Some(crs) = collection.pointer("/crs/properties/name").and_then(Value::as_str)
        && !(crs.ends_with("CRS84") || crs.ends_with(":4326"))
    {
        complain(1, "crs", format!("`{crs}` is another coordinate system; export the borders in WGS 84 (EPSG:4326)"));
        return Vec::new();
    }
    let (Some("FeatureCollection"), Some(features)) = (collection["type"].as_str(), collection["features"].as_array()) else {
        complain(1, "type", "a FeatureCollection with `features` is expected".into());
        return Vec::new();
    };
    let mut found = Vec::new();
    // A member that is no object has no line of its own, and shifts those of the others: it is told first.
    if let Some(odd) = features.iter().find(|feature| !feature.is_object()) {
        complain(1, "features", format!("{odd} is among them; Features are expected"));
        return Vec::new();
    }
    for (feature, line) in features.iter().zip(feature_lines(text)) {
        if feature["type"].as_str() != Some("Feature") {
            complain(line, "type", "a Feature is expected".into());
            continue;
        }
        let Some(properties) = feature["properties"].as_object() else {
            complain(line, "properties", "there are none; scheme and code at least have to be there".into());
            continue;
        };
        let as_text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let properties = properties.iter().filter_map(|(key, value)| Some((key.clone(), as_text(value)?))).collect();
        match border(&feature["geometry"]) {
            Ok(border) => found.push(Feature { line, properties, border }),
            Err(what) => complain(line, "geometry", what),
        }
    }
    found
}

fn border(geometry: &Value) -> Result<Option<MultiPolygon>, String> {
    if geometry.is_null() {
        return Ok(None);
    }
    let coordinates = &geometry["coordinates"];
    let polygons = match geometry["type"].as_str() {
        Some("Polygon") => vec![polygon(coordinates, 1)?],
        Some("MultiPolygon") => {
            let list = coordinates.as_array().ok_or("`coordinates` is no list of polygons")?;
            list.iter().enumerate().map(|(index, rings)| polygon(rings, index + 1)).collect::<Result<_, _>>()?
        }
        other => {
            return Err(format!("a Polygon or MultiPolygon is expected, not {}", other.unwrap_or("something without a type")));
        }
    };
    MultiPolygon::new(polygons).map(Some).map_err(|error| error.to_string())
}

fn polygon(rings: &Value, number: usize) -> Result<Vec<Vec<Position>>, String> {
    let ring = |(index, ring): (usize, &Value)| {
        let place = format!("polygon {number}, ring {}", index + 1);
        let positions = ring.as_array().ok_or(format!("{place}: it is no list of positions"))?;
        let position = |(index, position): (usize, &Value)| {
            match position.as_array().map(Vec::as_slice) {
                // A third number is a height; borders have none.
                Some([lon, lat] | [lon, lat, _]) => lon.as_f64().zip(lat.as_f64()).map(|(lon, lat)| [lon, lat]),
                _ => None,
            }
            .ok_or_else(|| format!("{place}: position {} is {position}; [longitude, latitude] is expected", index + 1))
        };
        positions.iter().enumerate().map(position).collect()
    };
    rings.as_array().ok_or(format!("polygon {number}: it is no list of rings"))?.iter().enumerate().map(ring).collect()
}

/// The line on which each member of the top level's `features` begins. The text is known to be JSON.
fn feature_lines(text: &str) -> Vec<u64> {
    let (mut lines, mut line, mut depth) = (Vec::new(), 1, 0);
    let (mut key, mut in_features) = (String::new(), false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => line += 1,
            b'"' => {
                let mut word = Vec::new();
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
                    word.push(byte);
                    if byte == b'\\' {
                        word.extend(bytes.next());
                    }
                }
                if depth == 1 {
                    key = String::from_utf8_lossy(&word).into_owned();
                }
            }
            b'{' | b'[' => {
                if in_features && depth == 2 {
                    lines.push(line);
                }
                if depth == 1 {
                    in_features = byte == b'[' && key == "features";
                    if in_features {
                        lines.clear();
                    }
                }
                depth += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 1 {
                    in_features = false;
                }
            }
            _ => {}
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_found_on_their_lines() {
        let text = "{\n\"name\": \"features\", \"x\": [ {\"features\": [{}]} ],\n \"features\" : [\n  {\"a\": \"}]\\\"\"},\n {\n\"b\": [[{}]]}, {}\n]\n}";
        serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(feature_lines(text), [4, 5, 6]);
    }
}
