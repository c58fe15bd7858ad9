//! Batch upserts: entities to requests, and answers to what is to be done next (ETSI GS CIM 009, `entityOperations/upsert`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::entity::Entity;

/// The most entities in one request: brokers take more, and then take long.
pub const ENTITIES_MAX: usize = 500;

/// Where a reader finds what the words mean. Brokers without a way to the internet need one that they can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Context {
    /// In each entity; the body is `application/ld+json`.
    InEntities(Vec<String>),
    /// In a `Link` header; the body is `application/json`. A broker refuses both at once.
    InLink(String),
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its address, up to and without `/ngsi-ld`.
    pub base: String,
    /// `NGSILD-Tenant`.
    pub tenant: Option<String>,
    /// What the words mean.
    pub context: Context,
}

/// A request to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// Headers, beside those of HTTP itself.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<Value>,
}

impl Request {
    /// The ids of the entities in it.
    pub fn ids(&self) -> BTreeSet<String> {
        self.body.iter().filter_map(|entity| entity["id"].as_str()).map(str::to_owned).collect()
    }
}

/// Requests for some entities, the oldest first. Where one entity is there twice the later one stays: a batch has each once.
pub fn upserts(broker: &Broker, entities: &[Entity]) -> Vec<Request> {
    let newest: BTreeMap<&str, usize> = entities.iter().enumerate().map(|(index, entity)| (entity.id.as_str(), index)).collect();
    let mut kept: Vec<usize> = newest.into_values().collect();
    kept.sort_unstable();
    requests(broker, kept.into_iter().map(|index| entities[index].normalized()).collect())
}

/// The same for entities that are written already, each once.
pub fn requests(broker: &Broker, mut bodies: Vec<Value>) -> Vec<Request> {
    if let Context::InEntities(contexts) = &broker.context {
        for body in &mut bodies {
            body["@context"] = json!(contexts);
        }
    }
    bodies.chunks(ENTITIES_MAX).map(|body| request(broker, body.to_vec())).collect()
}

fn request(broker: &Broker, body: Vec<Value>) -> Request {
    let mut headers = Vec::new();
    match &broker.context {
        Context::InEntities(_) => headers.push(("Content-Type", "application/ld+json".to_owned())),
        Context::InLink(context) => {
            headers.push(("Content-Type", "application/json".to_owned()));
            let link = format!("<{context}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
            headers.push(("Link", link));
        }
    }
    if let Some(tenant) = &broker.tenant {
        headers.push(("NGSILD-Tenant", tenant.clone()));
    }
    // `update` leaves attributes alone that others have put there; the default wipes them.
    let url = format!("{}/ngsi-ld/v1/entityOperations/upsert?options=update", broker.base.trim_end_matches('/'));
    Request { url, headers, body }
}

/// What became of the entities of a request. Each is in exactly one of the three.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Taken.
    pub taken: BTreeSet<String>,
    /// Refused for good, with what the broker said: sending them again changes nothing.
    pub refused: BTreeMap<String, String>,
    /// To be sent again, in these requests: with the whole at once, or in halves where one of them spoils the others.
    pub again: Vec<Request>,
    /// Whether to wait before that.
    pub wait: bool,
    /// What a person has to set right: a wrong address, a password that has expired.
    pub trouble: Option<String>,
}

/// Reads a broker's answer to a request; `None`: none came.
pub fn read(broker: &Broker, sent: &Request, answer: Option<(u16, &[u8])>) -> Outcome {
    let all = || sent.ids();
    let again = |trouble: Option<String>| Outcome { again: vec![sent.clone()], wait: true, trouble, ..Outcome::default() };
    let Some((status, body)) = answer else {
        return again(None);
    };
    match status {
        // 201 names those that are new; the others were there and are up to date.
        200 | 201 | 204 => Outcome { taken: all(), ..Outcome::default() },
        207 => read_parts(broker, sent, body),
        // One entity may spoil all: halves find it.
        400 | 413 | 422 if sent.body.len() > 1 => {
            let (first, second) = sent.body.split_at(sent.body.len() / 2);
            let again = [first, second].into_iter().map(|half| request(broker, half.to_vec())).collect();
            Outcome { again, ..Outcome::default() }
        }
        400 | 413 | 422 => {
            let said = excerpt(body);
            Outcome { refused: all().into_iter().map(|id| (id, said.clone())).collect(), ..Outcome::default() }
        }
        408 | 429 | 500.. => again(None),
        other => again(Some(format!("the context broker at {} answers with {other}: {}", broker.base, excerpt(body)))),
    }
}

/// 207: some of them. What the broker says nothing about is sent again.
fn read_parts(broker: &Broker, sent: &Request, body: &[u8]) -> Outcome {
    let Ok(result) = serde_json::from_slice::<Value>(body) else {
        return Outcome { again: vec![sent.clone()], wait: true, ..Outcome::default() };
    };
    let ids = sent.ids();
    let mut outcome = Outcome::default();
    for error in result["errors"].as_array().into_iter().flatten() {
        let Some(id) = error["entityId"].as_str().filter(|id| ids.contains(*id)) else { continue };
        let problem = &error["error"];
        let refused = matches!(problem["status"].as_u64(), Some(400..=499))
            || problem["type"].as_str().is_some_and(|kind| kind.ends_with("/BadRequestData"));
        let may_pass = matches!(problem["status"].as_u64(), Some(408 | 409 | 429));
        if refused && !may_pass {
            let said = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("no reason was given");
            outcome.refused.insert(id.to_owned(), said.chars().take(200).collect());
        }
    }
    let failed: BTreeSet<&str> =
        result["errors"].as_array().into_iter().flatten().filter_map(|error| error["entityId"].as_str()).collect();
    let succeeded = result["success"].as_array().into_iter().flatten().filter_map(Value::as_str);
    outcome.taken = succeeded.filter(|id| ids.contains(*id) && !failed.contains(id)).map(str::to_owned).collect();
    let open = |entity: &&Value| {
        entity["id"].as_str().is_some_and(|id| !outcome.taken.contains(id) && !outcome.refused.contains_key(id))
    };
    let rest: Vec<Value> = sent.body.iter().filter(open).cloned().collect();
    if !rest.is_empty() {
        outcome.again = vec![request(broker, rest)];
        outcome.wait = true;
    }
    outcome
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "no reason was given".into() } else { text.chars().take(200).collect() }
}
