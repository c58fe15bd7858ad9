//! `/ogc`, `/open-data`, `/feeds`: the city in the words of standards, for maps, portals and other systems. What is shown of a thing is said in
//! `feeds::feature`; here it is read from the store.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use matpho_scene::{WallTime, event::EventKind, measurement::Figures};
use serde_json::Value;

use super::{
    Api,
    problem::{Failure, Outcome, Query},
    types::{CameraStateNow, Incident, Problem},
    viewer::Viewer,
};
use crate::{
    area::AreaTree,
    clock,
    feeds::{
        feature::{self, Feature},
        iris_csv,
        ogc::{self, Collection, InMemory},
        open_data,
    },
    rights::{Capability, Filter},
    store::views::{IncidentFilter, MeasurementFilter},
};

/// The most open incidents in a feed: the newest.
const INCIDENTS_MAX: u32 = 1_000;

/// The most measurements that are looked through for the latest of each zone.
const MEASUREMENTS_MAX: u32 = 20_000;

/// What was measured longer ago than this is no state of the present.
const TRAFFIC_AGE_MAX: std::time::Duration = std::time::Duration::from_secs(900);

/// Where OGC API Features is.
const OGC: &str = "/api/v1/ogc";

const CAMERAS: Collection = Collection {
    id: "cameras",
    title: "Cameras",
    description: "Cameras with their state; places are rounded to about 11 m",
    extent: None,
    filters: &["area", "state"],
};
const TRAFFIC: Collection = Collection {
    id: "traffic",
    title: "Traffic",
    description: "Traffic of each zone over the latest period of the last 15 minutes",
    extent: None,
    filters: &["area", "level_of_service"],
};
const FLOOD_POINTS: Collection = Collection {
    id: "flood-points",
    title: "Flooded points",
    description: "Where water stands on the street now",
    extent: None,
    filters: &["area", "severity"],
};
const INCIDENTS: Collection = Collection {
    id: "incidents",
    title: "Incidents",
    description: "Incidents that are not closed: what, where, since when",
    extent: None,
    filters: &["area", "kind", "severity"],
};
const AREAS: Collection = Collection {
    id: "areas",
    title: "Areas",
    description: "Administrative and other areas that are valid today, with their borders",
    extent: None,
    filters: &["scheme", "kind", "parent", "code"],
};
const ALL: [Collection; 5] = [CAMERAS, TRAFFIC, FLOOD_POINTS, INCIDENTS, AREAS];

/// What everybody may have as files.
const OPEN: [(Collection, &str, &str, &str); 3] = [
    (CAMERAS, "Camera giao thông", "Vị trí và tình trạng camera giao thông", "R/PT5M"),
    (TRAFFIC, "Tình trạng giao thông", "Tình trạng giao thông mới nhất tại mỗi camera", "R/PT1M"),
    (FLOOD_POINTS, "Điểm ngập", "Các đoạn đường đang ngập", "R/PT1M"),
];

fn collection(id: &str) -> Outcome<Collection> {
    ALL.into_iter().find(|collection| collection.id == id).ok_or_else(|| Failure::not_found("such collection"))
}

/// How a camera is called in feeds.
fn camera_id(edge: &str, camera: &str) -> String {
    format!("{edge}:{camera}")
}

/// The code of the smallest area that holds a position today.
fn area_of(tree: &AreaTree, position: Option<[f64; 2]>) -> Option<String> {
    Some(tree.holding(position?, clock::today()).first()?.id.to_string())
}

/// The features of a collection that pass, as they are or were a moment ago.
async fn features(api: &Api, seen_by: &Filter, collection: &Collection) -> Outcome<Arc<Vec<Feature>>> {
    let sequence = *api.shown.store.newest().borrow();
    api.kept.features((collection.id, seen_by), sequence, read_features(api, seen_by, collection)).await
}

/// The features of a collection that pass, as they are now. Areas are no secret.
async fn read_features(api: &Api, seen_by: &Filter, collection: &Collection) -> Outcome<Vec<Feature>> {
    let store = &api.shown.store;
    let tree = store.areas().await?;
    Ok(match collection.id {
        "cameras" => {
            let cameras = store.cameras(seen_by).await?;
            let show = |camera: &super::types::Camera| {
                feature::camera(&feature::Camera {
                    id: &camera_id(&camera.edge, &camera.camera),
                    name: &camera.name,
                    position: camera.position,
                    area: area_of(&tree, camera.position).as_deref(),
                    state: match camera.state {
                        CameraStateNow::Live => "live",
                        CameraStateNow::Stale => "stale",
                        CameraStateNow::Lost => "lost",
                        CameraStateNow::Blind => "blind",
                        CameraStateNow::Moved => "moved",
                        CameraStateNow::Unknown => "unknown",
                    },
                    updated: camera.said,
                })
            };
            cameras.iter().map(show).collect()
        }
        "traffic" => traffic(api, seen_by, &tree).await?,
        "areas" => tree.areas().filter(|area| area.validity.holds(clock::today())).map(feature::area).collect(),
        wanted => {
            let is_wanted = |incident: &&Incident| {
                wanted != FLOOD_POINTS.id || (incident.ongoing && incident.kinds.contains(&EventKind::Flood))
            };
            open_incidents(api, seen_by)
                .await?
                .iter()
                .filter(is_wanted)
                .filter_map(|incident| incident_feature(&tree, incident))
                .collect()
        }
    })
}

async fn open_incidents(api: &Api, seen_by: &Filter) -> Outcome<Vec<Incident>> {
    let open = IncidentFilter { closed: Some(false), ..IncidentFilter::default() };
    Ok(api.shown.store.incidents(&open, seen_by, INCIDENTS_MAX).await?)
}

fn incident_feature(tree: &AreaTree, incident: &Incident) -> Option<Feature> {
    feature::incident(&feature::Incident {
        id: &incident.id,
        kind: incident.kind,
        severity: incident.severity,
        place: &incident.place.name,
        position: incident.place.position,
        area: area_of(tree, incident.place.position).as_deref(),
        began: incident.began,
        ended: incident.ended,
        depth: None,
    })
}

async fn traffic(api: &Api, seen_by: &Filter, tree: &AreaTree) -> Outcome<Vec<Feature>> {
    let store = &api.shown.store;
    let recent = MeasurementFilter { from: Some(clock::now() - TRAFFIC_AGE_MAX), ..MeasurementFilter::default() };
    let mut latest = BTreeMap::new();
    // The one that began last comes first.
    for (_, measurement) in store.measurements(&recent, seen_by, MEASUREMENTS_MAX).await? {
        if let Figures::Traffic(figures) = measurement.figures {
            let key = (measurement.edge, measurement.camera, measurement.zone);
            latest.entry(key).or_insert((measurement.from, measurement.to, figures));
        }
    }
    let cameras: BTreeMap<_, _> =
        store.cameras(seen_by).await?.into_iter().map(|camera| ((camera.edge.clone(), camera.camera.clone()), camera)).collect();
    let show = |((edge, camera, zone), (from, to, figures)): (
        &(String, String, String),
        &(WallTime, WallTime, matpho_scene::measurement::TrafficFigures),
    )| {
        let known = cameras.get(&(edge.clone(), camera.clone()));
        let position = known.and_then(|camera| camera.position);
        feature::traffic(&feature::Traffic {
            id: &format!("{}:{zone}", camera_id(edge, camera)),
            name: known.map_or(camera, |camera| &camera.name),
            position,
            area: area_of(tree, position).as_deref(),
            period: (*from, *to),
            level_of_service: figures.level_of_service,
            speed_kmh: figures.speed_kmh,
            vehicles: figures.counts.iter().filter(|(class, _)| class.is_vehicle()).map(|(_, count)| count).sum(),
        })
    };
    Ok(latest.iter().map(show).collect())
}

/// The whole address of this server, as the client knows it.
pub(super) fn origin(api: &Api, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    format!("{}://{host}", if api.behind_tls { "https" } else { "http" })
}

fn geojson(document: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/geo+json")], document.to_string()).into_response()
}

/// OGC API Features: where everything is. Give QGIS this address.
#[utoipa::path(get, path = "/api/v1/ogc", tag = "feeds", responses((status = 200, content_type = "application/json"), (status = 401, body = Problem)))]
pub async fn landing(State(api): State<Arc<Api>>, headers: HeaderMap) -> Answer<Value> {
    let origin = origin(&api, &headers);
    Answer(ogc::landing(&format!("{origin}{OGC}"), &format!("{origin}/api/v1/openapi.json"), "Mắt Phố"))
}

/// OGC API Features: what it conforms to.
#[utoipa::path(get, path = "/api/v1/ogc/conformance", tag = "feeds", responses((status = 200, content_type = "application/json"), (status = 401, body = Problem)))]
pub async fn conformance() -> Answer<Value> {
    Answer(ogc::conformance())
}

/// OGC API Features: the collections.
#[utoipa::path(get, path = "/api/v1/ogc/collections", tag = "feeds", responses((status = 200, content_type = "application/json"), (status = 401, body = Problem)))]
pub async fn collections(State(api): State<Arc<Api>>, headers: HeaderMap) -> Answer<Value> {
    Answer(ogc::collections(&format!("{}{OGC}", origin(&api, &headers)), &ALL))
}

/// OGC API Features: a collection.
#[utoipa::path(get, path = "/api/v1/ogc/collections/{collection}", tag = "feeds",
    params(("collection" = String, Path, description = "cameras, traffic, flood-points, incidents or areas")),
    responses((status = 200, content_type = "application/json"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn show(State(api): State<Arc<Api>>, headers: HeaderMap, Path(id): Path<String>) -> Outcome<Answer<Value>> {
    Ok(Answer(ogc::collection(&format!("{}{OGC}", origin(&api, &headers)), &collection(&id)?)))
}

/// OGC API Features: a page of a collection. `bbox`, `datetime`, `limit`, and the collection's own properties; follow `next`.
#[utoipa::path(get, path = "/api/v1/ogc/collections/{collection}/items", tag = "feeds",
    params(("collection" = String, Path, description = "cameras, traffic, flood-points, incidents or areas"),
        ("bbox" = Option<String>, Query, description = "west,south,east,north in degrees"),
        ("datetime" = Option<String>, Query, description = "an instant, or an interval with `/` and `..`"),
        ("limit" = Option<usize>, Query, description = "1 to 10000; 100 if not given")),
    responses((status = 200, content_type = "application/geo+json"), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)))]
pub async fn items(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Outcome<Response> {
    let collection = collection(&id)?;
    let parameters = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let query = ogc::Query::parse(&collection, parameters).map_err(|error| Failure::bad_request(error.to_string()))?;
    let source =
        InMemory { all: vec![(collection.clone(), features(&api, &viewer.filter(Capability::ViewMap), &collection).await?)] };
    let Ok(page) = ogc::items(&format!("{}{OGC}", origin(&api, &headers)), &source, &collection, &query, clock::now());
    Ok(geojson(&page))
}

/// OGC API Features: one feature.
#[utoipa::path(get, path = "/api/v1/ogc/collections/{collection}/items/{feature}", tag = "feeds",
    params(("collection" = String, Path, description = "cameras, traffic, flood-points, incidents or areas"),
        ("feature" = String, Path, description = "Its id")),
    responses((status = 200, content_type = "application/geo+json"), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn item(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    headers: HeaderMap,
    Path((id, feature)): Path<(String, String)>,
) -> Outcome<Response> {
    let collection = collection(&id)?;
    let source =
        InMemory { all: vec![(collection.clone(), features(&api, &viewer.filter(Capability::ViewMap), &collection).await?)] };
    let Ok(found) = ogc::item(&format!("{}{OGC}", origin(&api, &headers)), &source, &collection, &feature);
    found.map(|document| geojson(&document)).ok_or_else(|| Failure::not_found("such feature"))
}

/// Open data, of the areas where one has `publish.open`: a file, `cameras`, `traffic` or `flood-points` as `.csv` (UTF-8, for Excel) or `.geojson`; or `catalogue.jsonld` (DCAT).
#[utoipa::path(get, path = "/api/v1/open-data/{file}", tag = "feeds", params(("file" = String, Path, description = "NAME.csv, NAME.geojson or catalogue.jsonld")),
    responses((status = 200, content_type = "text/csv"), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn open_data(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    headers: HeaderMap,
    Path(file): Path<String>,
) -> Outcome<Response> {
    let published = viewer.somewhere(Capability::PublishOpen)?;
    let wrong = || Failure::not_found("such file");
    if file == "catalogue.jsonld" {
        let document = catalogue(&api, &origin(&api, &headers));
        return Ok(([(header::CONTENT_TYPE, "application/ld+json")], document.to_string()).into_response());
    }
    let (name, format) = file.split_once('.').ok_or_else(wrong)?;
    let (collection, ..) = OPEN.into_iter().find(|(collection, ..)| collection.id == name).ok_or_else(wrong)?;
    let features = features(&api, &published, &collection).await?;
    let disposition = (HeaderName::from_static("content-disposition"), format!("attachment; filename=\"{file}\""));
    match format {
        "csv" => {
            let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned());
            Ok(([kind, disposition], open_data::csv(&features, api.config.figures.zone.to_offset(jiff::Timestamp::now())))
                .into_response())
        }
        "geojson" => Ok(geojson(&open_data::geojson(&features))),
        _ => Err(wrong()),
    }
}

fn catalogue(api: &Api, origin: &str) -> Value {
    let publisher = api.config.feeds.open_data.publisher(origin);
    let now = clock::now();
    let dataset = |(collection, title_vi, description_vi, period): (Collection, &'static str, &'static str, &'static str)| {
        open_data::Dataset {
            id: collection.id,
            title_vi,
            title_en: collection.title,
            description_vi,
            description_en: collection.description,
            issued: now,
            modified: now,
            accrual_periodicity: period,
            extent: None,
        }
    };
    let datasets: Vec<_> = OPEN.into_iter().map(dataset).collect();
    open_data::catalogue(&format!("{origin}/api/v1/open-data"), &format!("{origin}{OGC}"), &publisher, "Mắt Phố", &datasets)
}

/// Incidents that go on, as IRIS (a traffic management system) polls them: seven fields, no header.
#[utoipa::path(get, path = "/api/v1/feeds/iris.csv", tag = "feeds", responses((status = 200, content_type = "text/plain"), (status = 401, body = Problem)))]
pub async fn iris(State(api): State<Arc<Api>>, viewer: Viewer) -> Outcome<Response> {
    let incidents = open_incidents(&api, &viewer.filter(Capability::ViewMap)).await?;
    let lines: Vec<_> = incidents
        .iter()
        .filter(|incident| incident.ongoing)
        .map(|incident| iris_csv::Incident {
            id: &incident.id,
            kind: incident.kind,
            position: incident.place.position,
            camera: incident.cameras.first().map_or("", |camera| &camera.camera),
            direction: None,
        })
        .collect();
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=us-ascii")];
    Ok((StatusCode::OK, kind, iris_csv::write(&lines)).into_response())
}
