//! `/figures`: indicators by area and period, as JSON, CSV and a page to be printed.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use jiff::{ToSpan, civil::Date};
use matpho_scene::WallTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    Api,
    problem::{Failure, Outcome, Query},
    types::Problem,
    viewer::Viewer,
};
use crate::{
    area::AreaId,
    clock,
    figures::{
        indicator::Indicator,
        page::{self, Head, Language, Table},
        period::{Every, Period, day_of},
        reckon::{CameraKey, Known, reckon},
    },
    rights::{Capability, EVERYWHERE, Filter, Place},
    store::figures::Watcher,
};

/// Periods in one answer.
const PERIODS_MAX: usize = 800;

/// Places in one answer.
const PLACES_MAX: usize = 500;

/// Which figures.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FiguresQuery {
    /// Ids of indicators with commas between them; all if not given.
    indicators: Option<String>,
    /// An area, `SCHEME:CODE`, with all below it; all that one may see if not given.
    area: Option<String>,
    /// `hour`, `day`, `week`, `month`, `quarter` or `year`; `day` if not given.
    every: Option<Every>,
    /// The first day, in the province's time; the sixth before today if not given.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The first day that is no longer wanted; tomorrow if not given.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// `total`, `area` (the next ones below) or `camera`; `total` if not given.
    by: Option<By>,
    /// Of the page: `vi` or `en`.
    lang: Option<Language>,
}

/// What figures are given for, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// All together.
    Total,
    /// Each area next below the one that is asked for.
    Area,
    /// Each camera.
    Camera,
}

/// An indicator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndicatorView {
    /// Its id.
    pub id: String,
    /// Its name in Vietnamese.
    pub name_vi: String,
    /// Its name in English.
    pub name_en: String,
    /// Its unit.
    pub unit: String,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Figure {
    /// Which indicator.
    pub indicator: String,
    /// Its unit.
    pub unit: String,
    /// The area (`SCHEME:CODE`) or camera (`EDGE:CAMERA`); absent: all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_name: Option<String>,
    /// Of an indicator that is split: of which part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// When the period begins.
    #[schema(value_type = String, format = DateTime)]
    pub from: WallTime,
    /// When it is over.
    #[schema(value_type = String, format = DateTime)]
    pub to: WallTime,
    /// The value; absent: nobody knows, for nobody watched or nothing was done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How many events, incidents, hours or cameras it stands on.
    pub count: u64,
    /// Incidents that are not in it because they are not done with.
    pub open: u64,
    /// For which share of the time cameras could see, 0 to 1; absent: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched_share: Option<f64>,
}

/// The indicators that there are.
#[utoipa::path(get, path = "/api/v1/figures/indicators", tag = "figures",
    responses((status = 200, body = Vec<IndicatorView>), (status = 401, body = Problem)))]
pub async fn indicators(State(api): State<Arc<Api>>) -> Answer<Vec<IndicatorView>> {
    let view = |one: &Indicator| IndicatorView {
        id: one.id.clone(),
        name_vi: one.name_vi.clone(),
        name_en: one.name_en.clone(),
        unit: one.unit.clone(),
    };
    Answer(api.config.figures.indicators.iter().map(view).collect())
}

/// Figures of what one may see, for some indicators, an area, and periods of the province's calendar.
#[utoipa::path(get, path = "/api/v1/figures", tag = "figures", params(FiguresQuery),
    responses((status = 200, body = Vec<Figure>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn list(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Query(query): Query<FiguresQuery>,
) -> Outcome<Answer<Vec<Figure>>> {
    let (tables, _) = tables(&api, &viewer, &query).await?;
    let figure = |table: &Table, value: &crate::figures::reckon::Value| Figure {
        indicator: table.indicator.id.clone(),
        unit: table.indicator.unit.clone(),
        place: Some(table.place.0.clone()).filter(|place| !place.is_empty()),
        place_name: Some(table.place.1.clone()).filter(|name| !name.is_empty()),
        part: value.part.clone(),
        from: value.period.start,
        to: value.period.end,
        value: value.value,
        count: value.count,
        open: value.open,
        watched_share: value.watched,
    };
    Ok(Answer(tables.iter().flat_map(|table| table.values.iter().map(move |value| figure(table, value))).collect()))
}

/// The same as a file: `figures.csv` (UTF-8, for spreadsheets) or `figures.html` (a page to be printed).
#[utoipa::path(get, path = "/api/v1/figures/{file}", tag = "figures", params(FiguresQuery, ("file" = String, Path, description = "figures.csv or figures.html")),
    responses((status = 200, content_type = "text/csv"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub async fn file(
    State(api): State<Arc<Api>>,
    viewer: Viewer,
    Path(file): Path<String>,
    Query(query): Query<FiguresQuery>,
    axum::extract::RawQuery(raw): axum::extract::RawQuery,
) -> Outcome<Response> {
    let every = query.every.unwrap_or(Every::Day);
    let zone = &api.config.figures.zone;
    match file.as_str() {
        "figures.csv" => {
            let (tables, _) = tables(&api, &viewer, &query).await?;
            let headers = [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
                (HeaderName::from_static("content-disposition"), "attachment; filename=\"figures.csv\"".to_owned()),
            ];
            Ok((headers, page::csv(&tables, every, zone)).into_response())
        }
        "figures.html" => {
            let (tables, area) = tables(&api, &viewer, &query).await?;
            let raw = raw.unwrap_or_default();
            let rest: Vec<_> = raw.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("lang=")).collect();
            let with = |lang: &str| [rest.clone(), vec![lang]].concat().join("&");
            let links = [
                ("Tiếng Việt".to_owned(), format!("figures.html?{}", with("lang=vi"))),
                ("English".to_owned(), format!("figures.html?{}", with("lang=en"))),
                ("CSV".to_owned(), format!("figures.csv?{}", rest.join("&"))),
            ];
            let head = Head { area: area.as_deref(), every, zone, made: clock::now() };
            let html = page::html(&tables, &head, query.lang.unwrap_or_default(), &links);
            Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
        }
        _ => Err(Failure::not_found("such file; there are figures.csv and figures.html")),
    }
}

/// Some cameras that figures are given for together: the place's id and name.
struct Group {
    place: (String, String),
    cameras: BTreeSet<CameraKey>,
}

/// Tables, and the name of the area that was asked for.
async fn tables(api: &Api, viewer: &Viewer, query: &FiguresQuery) -> Outcome<(Vec<Table>, Option<String>)> {
    let indicators = wanted(api, query.indicators.as_deref())?;
    let (zone, now) = (api.config.figures.zone.clone(), clock::now());
    let every = query.every.unwrap_or(Every::Day);
    let today = day_of(now, &zone);
    let to = query.to.or_else(|| today.checked_add(1.day()).ok()).unwrap_or(today);
    let from = query.from.or_else(|| today.checked_sub(6.days()).ok()).unwrap_or(today);
    if from >= to {
        return Err(Failure::bad_request("`from` must be before `to`"));
    }
    let periods = every.periods(from, to, &zone, PERIODS_MAX);
    if periods.len() > PERIODS_MAX {
        return Err(Failure::bad_request(format!("more than {PERIODS_MAX} periods; choose longer ones (`every`) or fewer days")));
    }
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else {
        return Err(Failure::bad_request("there is no period between `from` and `to`"));
    };
    let span = (first.start, last.end);
    let store = &api.shown.store;
    let tree = store.areas().await?;
    let area = match &query.area {
        None => None,
        Some(text) => {
            let id: AreaId = text.parse().map_err(|error| Failure::bad_request(format!("`area`: {error}")))?;
            let found = tree.at(&id, clock::today()).ok_or_else(|| Failure::not_found("such area today"))?;
            Some((id, found.name.clone()))
        }
    };
    let seen_by = viewer.filter(Capability::ViewMap);
    let mut watchers = store.watchers().await?;
    watchers.retain(|watcher| {
        let inside = area.as_ref().is_none_or(|(id, _)| watcher.areas.contains(&id.to_string()));
        inside && seen_by.passes(&places(watcher, None))
    });
    let groups = groups(query.by.unwrap_or(By::Total), &watchers, area.as_ref().map(|(id, _)| id), &tree);
    if groups.len() > PLACES_MAX {
        return Err(Failure::bad_request(format!("more than {PLACES_MAX} places; choose a smaller `area`")));
    }
    let known = known(api, &seen_by, &watchers, &indicators, span, now).await?;
    let reckoned = tokio::task::spawn_blocking(move || reckon_all(&indicators, &known, groups, &periods)).await;
    let tables = reckoned.map_err(|error| Failure::internal(format!("figures could not be reckoned: {error}")))?;
    Ok((tables, area.map(|(_, name)| name)))
}

fn wanted(api: &Api, ids: Option<&str>) -> Outcome<Vec<Indicator>> {
    let all = &api.config.figures.indicators;
    let Some(ids) = ids else { return Ok(all.clone()) };
    let find = |id: &str| {
        let names = || all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
        let found = all.iter().find(|one| one.id == id).cloned();
        found.ok_or_else(|| Failure::bad_request(format!("there is no indicator `{id}`; there are {}", names())))
    };
    ids.split(',').map(str::trim).map(find).collect()
}

/// Where what a camera saw lies, as rights ask for it.
fn places(watcher: &Watcher, kind: Option<matpho_scene::event::EventKind>) -> Vec<Place> {
    let mut places: Vec<_> = watcher.areas.iter().map(|area| Place { area: area.clone(), kind }).collect();
    if !watcher.areas.iter().any(|area| area == EVERYWHERE) {
        places.push(Place { area: EVERYWHERE.into(), kind });
    }
    places
}

fn groups(by: By, watchers: &[Watcher], within: Option<&AreaId>, tree: &crate::area::AreaTree) -> Vec<Group> {
    let keys = |fits: &dyn Fn(&Watcher) -> bool| -> BTreeSet<CameraKey> {
        watchers.iter().filter(|watcher| fits(watcher)).map(|watcher| watcher.key.clone()).collect()
    };
    match by {
        By::Total => vec![Group { place: (String::new(), String::new()), cameras: keys(&|_| true) }],
        By::Camera => watchers
            .iter()
            .map(|watcher| Group {
                place: (format!("{}:{}", watcher.key.0, watcher.key.1), watcher.name.clone()),
                cameras: BTreeSet::from([watcher.key.clone()]),
            })
            .collect(),
        By::Area => tree
            .areas()
            .filter(|area| area.validity.holds(clock::today()) && area.parent.as_ref() == within)
            .map(|area| {
                let id = area.id.to_string();
                Group { cameras: keys(&|watcher| watcher.areas.contains(&id)), place: (id, area.name.clone()) }
            })
            .collect(),
    }
}

/// Reads what the indicators need; of what happened only what one may see.
async fn known(
    api: &Api,
    seen_by: &Filter,
    watchers: &[Watcher],
    indicators: &[Indicator],
    span: (WallTime, WallTime),
    now: WallTime,
) -> Outcome<Known> {
    let store = &api.shown.store;
    let cameras: BTreeSet<CameraKey> = watchers.iter().map(|watcher| watcher.key.clone()).collect();
    let mut known = Known::nothing(now);
    known.cameras = watchers.iter().map(|watcher| (watcher.key.clone(), watcher.since)).collect();
    known.faults = store.blind(&cameras, span).await?;
    let of_events: Vec<_> = indicators.iter().filter(|one| one.is_of_events()).collect();
    let mut kinds: Vec<_> = of_events.iter().flat_map(|one| one.kinds.clone()).collect();
    kinds.sort_unstable_by_key(|kind| kind.as_str());
    kinds.dedup();
    known.events = store.happened(&kinds, &cameras, span).await?;
    if indicators.iter().any(Indicator::is_of_incidents) {
        known.incidents = store.handled(&cameras, span).await?;
    }
    if indicators.iter().any(Indicator::is_of_traffic) {
        known.hours = store.traffic_hours(&cameras, span).await?;
    }
    if !seen_by.is_everything() {
        let by_key: std::collections::BTreeMap<&CameraKey, &Watcher> =
            watchers.iter().map(|watcher| (&watcher.key, watcher)).collect();
        let may =
            |camera: &CameraKey, kind| by_key.get(camera).is_some_and(|watcher| seen_by.passes(&places(watcher, Some(kind))));
        known.events.retain(|event| may(&event.camera, event.kind));
        known.incidents.retain(|incident| incident.cameras.iter().any(|camera| may(camera, incident.kind)));
    }
    Ok(known)
}

fn reckon_all(indicators: &[Indicator], known: &Known, groups: Vec<Group>, periods: &[Period]) -> Vec<Table> {
    let mut tables = Vec::new();
    for indicator in indicators {
        for group in &groups {
            let values = reckon(indicator, known, &group.cameras, periods);
            tables.push(Table { indicator: indicator.clone(), place: group.place.clone(), values });
        }
    }
    tables
}
