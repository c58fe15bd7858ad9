//! OGC API Features, Part 1: Core, with GeoJSON: what QGIS, MapLibre and harvesters read. Documents as values; who asks and over what is the API's.
//!
//! Conformance is claimed to `core` and `geojson`, and not to `html` and `oas30`.

use std::{collections::BTreeMap, sync::Arc};

use matpho_scene::WallTime;
use serde_json::{Value, json};

use super::feature::{Feature, Geometry, Interval};
use crate::area::BoundingBox;

/// Items of a page where nobody says how many.
pub const LIMIT_DEFAULT: usize = 100;
/// The most items of a page: whoever asks for more gets so many, as the standard has it.
pub const LIMIT_MAX: usize = 10_000;

const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";
const GEOJSON: &str = "application/geo+json";
const JSON: &str = "application/json";

/// A collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// Its id, a word.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What is in it.
    pub description: &'static str,
    /// The box around all that is in it, where it is known.
    pub extent: Option<BoundingBox>,
    /// Properties by which it can be asked.
    pub filters: &'static [&'static str],
}

/// Where features come from.
pub trait Source {
    /// What goes wrong in asking.
    type Error;
    /// The collections that whoever asks may see.
    fn collections(&self) -> Vec<Collection>;
    /// Features of a collection for which [`Query::accepts`] holds, ordered by id, those after `query.after`, one more than `query.limit` where there are
    /// as many; and how many there are in all, where that is cheap to know.
    fn features(&self, collection: &Collection, query: &Query) -> Result<(Vec<Feature>, Option<usize>), Self::Error>;
    /// One of them.
    fn feature(&self, collection: &Collection, id: &str) -> Result<Option<Feature>, Self::Error>;
}

/// What is asked of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What meets this box; one whose western side lies east of the eastern one goes across the 180th meridian.
    pub bbox: Option<BoundingBox>,
    /// What is so at some time of this interval.
    pub datetime: Option<Interval>,
    /// How many.
    pub limit: usize,
    /// The id of the last item of the page before.
    pub after: Option<String>,
    /// What has these values.
    pub filters: BTreeMap<&'static str, String>,
}

/// A parameter that is wrong: status 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {what}")]
pub struct BadParameter {
    /// Which.
    pub name: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Query {
    /// Reads the parameters of a request; one that is not known is wrong.
    pub fn parse<'p>(
        collection: &Collection,
        parameters: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> Result<Self, BadParameter> {
        let mut query = Self { bbox: None, datetime: None, limit: LIMIT_DEFAULT, after: None, filters: BTreeMap::new() };
        for (name, value) in parameters {
            let bad = |what: String| BadParameter { name: name.chars().take(40).collect(), what };
            match name {
                "bbox" => query.bbox = Some(parse_bbox(value).map_err(bad)?),
                "datetime" => query.datetime = Some(parse_datetime(value).map_err(bad)?),
                "limit" => match value.parse::<usize>() {
                    Ok(limit) if limit > 0 => query.limit = limit.min(LIMIT_MAX),
                    _ => return Err(bad(format!("a number from 1 to {LIMIT_MAX} is expected"))),
                },
                "after" => query.after = Some(value.to_owned()),
                // GeoJSON is all there is.
                "f" if value == "json" || value == "geojson" => {}
                "f" => return Err(bad("json is all there is".into())),
                _ => match collection.filters.iter().find(|filter| **filter == name) {
                    Some(filter) => drop(query.filters.insert(filter, value.to_owned())),
                    None => {
                        let known =
                            ["bbox", "datetime", "limit", "after"].iter().chain(collection.filters).copied().collect::<Vec<_>>();
                        return Err(bad(format!("unknown parameter; {} has {}", collection.id, known.join(", "))));
                    }
                },
            }
        }
        Ok(query)
    }

    /// Whether a feature is asked for. What has no place is in no box; what has no time is so at any time.
    pub fn accepts(&self, feature: &Feature) -> bool {
        let in_box = |bbox: &BoundingBox| {
            let bounds = feature.geometry.as_ref().map(Geometry::bounds);
            bounds.is_some_and(|bounds| parts(*bbox).iter().any(|part| bounds.meets(part)))
        };
        let in_time = |datetime: &Interval| feature.time.as_ref().is_none_or(|time| time.meets(datetime));
        let has = |(name, wanted): (&&str, &String)| {
            feature
                .properties
                .iter()
                .any(|(known, value)| known == name && value.as_str().map_or_else(|| value.to_string(), str::to_owned) == *wanted)
        };
        self.bbox.as_ref().is_none_or(in_box) && self.datetime.as_ref().is_none_or(in_time) && self.filters.iter().all(has)
    }

    /// The parameters that ask the same for the page after an item.
    fn parameters(&self, after: Option<&String>) -> String {
        let mut parameters = Vec::new();
        if let Some(BoundingBox { west, south, east, north }) = self.bbox {
            parameters.push(("bbox", format!("{west},{south},{east},{north}")));
        }
        if let Some(Interval { from, to }) = self.datetime {
            let open = |end: Option<WallTime>| end.map_or("..".to_owned(), |end| end.to_string());
            parameters.push(("datetime", format!("{}/{}", open(from), open(to))));
        }
        parameters.push(("limit", self.limit.to_string()));
        parameters.extend(self.filters.iter().map(|(name, value)| (*name, value.clone())));
        parameters.extend(after.map(|after| ("after", after.clone())));
        parameters.iter().map(|(name, value)| format!("{name}={}", percent_encode(value))).collect::<Vec<_>>().join("&")
    }
}

fn parse_bbox(text: &str) -> Result<BoundingBox, String> {
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|number| number.trim().parse().ok().filter(|n: &f64| n.is_finite())).collect();
    let bounds = match numbers.as_deref() {
        Some(&[west, south, east, north]) => BoundingBox { west, south, east, north },
        // With heights, which nothing here has.
        Some(&[west, south, _, east, north, _]) => BoundingBox { west, south, east, north },
        _ => return Err("west,south,east,north in degrees is expected".into()),
    };
    let BoundingBox { west, south, east, north } = bounds;
    let on_the_globe = [west, east].iter().all(|lon| (-180.0..=180.0).contains(lon))
        && [south, north].iter().all(|lat| (-90.0..=90.0).contains(lat));
    if !on_the_globe {
        return Err("longitude goes from -180 to 180 and latitude from -90 to 90; longitude comes first".into());
    }
    if south > north {
        return Err("the southern side lies north of the northern one".into());
    }
    Ok(bounds)
}

/// A box, cut at the 180th meridian if it goes across it.
fn parts(bbox: BoundingBox) -> Vec<BoundingBox> {
    if bbox.west <= bbox.east {
        return vec![bbox];
    }
    vec![BoundingBox { east: 180.0, ..bbox }, BoundingBox { west: -180.0, ..bbox }]
}

fn parse_datetime(text: &str) -> Result<Interval, String> {
    let instant = |text: &str| text.parse::<WallTime>().map_err(|error| error.to_string());
    let end = |text: &str| if text.is_empty() || text == ".." { Ok(None) } else { instant(text).map(Some) };
    let interval = match text.split_once('/') {
        None => Interval::at(instant(text)?),
        Some((from, to)) => Interval { from: end(from)?, to: end(to)? },
    };
    match interval {
        Interval { from: None, to: None } => Err("an interval has at least one end".into()),
        Interval { from: Some(from), to: Some(to) } if from > to => Err("the interval ends before it begins".into()),
        interval => Ok(interval),
    }
}

/// RFC 3986, section 2.1: all but unreserved characters.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

fn link(href: String, rel: &str, kind: &str, title: &str) -> Value {
    json!({"href": href, "rel": rel, "type": kind, "title": title})
}

/// `/`: where everything is. `base` is the whole address of this, without a slash at its end; `api` that of the description of the interface.
pub fn landing(base: &str, api: &str, title: &str) -> Value {
    json!({
        "title": title,
        "links": [
            link(format!("{base}/"), "self", JSON, "this document"),
            link(api.to_owned(), "service-desc", "application/vnd.oai.openapi+json;version=3.1", "the interface"),
            link(format!("{base}/conformance"), "conformance", JSON, "what it conforms to"),
            link(format!("{base}/collections"), "data", JSON, "the collections"),
        ],
    })
}

/// `/conformance`.
pub fn conformance() -> Value {
    let classes = ["core", "geojson"].map(|class| format!("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{class}"));
    json!({"conformsTo": classes})
}

/// `/collections/{id}`.
pub fn collection(base: &str, collection: &Collection) -> Value {
    let at = format!("{base}/collections/{}", collection.id);
    let mut document = json!({
        "id": collection.id,
        "title": collection.title,
        "description": collection.description,
        "itemType": "feature",
        "crs": [CRS84],
        "links": [
            link(at.clone(), "self", JSON, "this document"),
            link(format!("{at}/items"), "items", GEOJSON, collection.title),
        ],
    });
    if let Some(BoundingBox { west, south, east, north }) = collection.extent {
        document["extent"] = json!({"spatial": {"bbox": [[west, south, east, north]], "crs": CRS84}});
    }
    document
}

/// `/collections`.
pub fn collections(base: &str, all: &[Collection]) -> Value {
    json!({
        "links": [link(format!("{base}/collections"), "self", JSON, "this document")],
        "collections": all.iter().map(|one| collection(base, one)).collect::<Vec<_>>(),
    })
}

/// `/collections/{id}/items`: a page, with the way to the next one.
pub fn items<S: Source>(
    base: &str,
    source: &S,
    collection: &Collection,
    query: &Query,
    now: WallTime,
) -> Result<Value, S::Error> {
    let (mut features, matched) = source.features(collection, query)?;
    let is_more = features.len() > query.limit;
    features.truncate(query.limit);
    let at = format!("{base}/collections/{}/items", collection.id);
    let mut links = vec![
        link(format!("{at}?{}", query.parameters(query.after.as_ref())), "self", GEOJSON, "this page"),
        link(format!("{base}/collections/{}", collection.id), "collection", JSON, collection.title),
    ];
    if let Some(last) = features.last().filter(|_| is_more) {
        links.push(link(format!("{at}?{}", query.parameters(Some(&last.id))), "next", GEOJSON, "the next page"));
    }
    let mut document = json!({
        "type": "FeatureCollection",
        "timeStamp": now,
        "numberReturned": features.len(),
        "links": links,
        "features": features.iter().map(Feature::to_geojson).collect::<Vec<_>>(),
    });
    if let Some(matched) = matched {
        document["numberMatched"] = json!(matched);
    }
    Ok(document)
}

/// `/collections/{id}/items/{feature}`; `None`: there is no such one.
pub fn item<S: Source>(base: &str, source: &S, collection: &Collection, id: &str) -> Result<Option<Value>, S::Error> {
    Ok(source.feature(collection, id)?.map(|feature| {
        let at = format!("{base}/collections/{}", collection.id);
        let mut document = feature.to_geojson();
        document["links"] = json!([
            link(format!("{at}/items/{}", percent_encode(&feature.id)), "self", GEOJSON, "this feature"),
            link(at, "collection", JSON, collection.title),
        ]);
        document
    }))
}

/// Features in memory: for collections that are small, and for tests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InMemory {
    /// Collections with their features.
    pub all: Vec<(Collection, Arc<Vec<Feature>>)>,
}

impl Source for InMemory {
    type Error = std::convert::Infallible;

    fn collections(&self) -> Vec<Collection> {
        self.all.iter().map(|(collection, _)| collection.clone()).collect()
    }

    fn features(&self, collection: &Collection, query: &Query) -> Result<(Vec<Feature>, Option<usize>), Self::Error> {
        let of = |(known, _): &&(Collection, Arc<Vec<Feature>>)| known.id == collection.id;
        let mut found: Vec<&Feature> = self
            .all
            .iter()
            .filter(of)
            .flat_map(|(_, features)| features.iter())
            .filter(|feature| query.accepts(feature))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        let matched = found.len();
        let page = found.into_iter().filter(|feature| query.after.as_ref().is_none_or(|after| feature.id > *after));
        Ok((page.take(query.limit + 1).cloned().collect(), Some(matched)))
    }

    fn feature(&self, collection: &Collection, id: &str) -> Result<Option<Feature>, Self::Error> {
        let of = |(known, _): &&(Collection, Arc<Vec<Feature>>)| known.id == collection.id;
        Ok(self.all.iter().filter(of).flat_map(|(_, features)| features.iter()).find(|feature| feature.id == id).cloned())
    }
}
