//! Sends entities to a context broker, in batches; what the broker makes of each is read by `feeds::ngsi::batch`.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{client::Client, sender::Round};
use crate::{
    clock,
    feeds::ngsi::batch::{self, Broker, Request},
    store::outbox::{Settled, Waiting},
};

/// How long an entity waits that the broker failed to take while it took others; then twice as long each time.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// And at most so long. It is never given up: it is the present state of something.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Sends some entities.
pub async fn send(client: &Client, broker: &Broker, token: Option<&str>, due: &[Waiting]) -> Round {
    let mut round = Round::default();
    let mut bodies = Vec::new();
    let mut open = BTreeMap::new();
    for message in due {
        match serde_json::from_str(&message.body) {
            Ok(body) => bodies.push(body),
            Err(error) => round.settled.push((message.line, Settled::GivenUp { why: format!("it is no JSON: {error}") })),
        }
        open.insert(message.key.as_str(), message);
    }
    let mut requests: VecDeque<Request> = batch::requests(broker, bodies).into();
    while let Some(request) = requests.pop_front() {
        let (answer, unanswered) = match ask(client, token, &request).await {
            Ok((status, body)) => (Some((status, body)), None),
            Err(why) => (None, Some(why)),
        };
        let outcome = batch::read(broker, &request, answer.as_ref().map(|(status, body)| (*status, body.as_slice())));
        if let Some(trouble) = &outcome.trouble {
            tracing::error!(trouble, "a person has to set right how the context broker is reached");
        }
        let status = answer.map(|(status, _)| format!("the broker answered with {status}"));
        let why = outcome.trouble.clone().or(unanswered).or(status).unwrap_or_default();
        let now = clock::now();
        let mut settle = |id: &str, settled: Settled| {
            round.settled.extend(open.get(id).map(|message| (message.line, settled)));
        };
        outcome.taken.iter().for_each(|id| settle(id, Settled::Delivered));
        for (id, why) in &outcome.refused {
            settle(id, Settled::GivenUp { why: why.clone() });
        }
        if !outcome.wait {
            outcome.again.into_iter().rev().for_each(|request| requests.push_front(request));
            continue;
        }
        // Nothing at all went through: the broker is tried again as a whole, what waits for it keeps its turn.
        let whole = outcome.taken.is_empty() && outcome.refused.is_empty();
        round.troubled |= whole;
        for id in outcome.again.iter().flat_map(Request::ids) {
            let Some(message) = open.get(id.as_str()) else { continue };
            let failed = u32::try_from(message.failed).unwrap_or(u32::MAX);
            let settled = if whole {
                Settled::Again { failed, at: now, why: why.clone() }
            } else {
                let wait = AGAIN_AFTER.saturating_mul(1 << failed.min(6)).min(AGAIN_AFTER_MAX);
                Settled::Again {
                    failed: failed.saturating_add(1),
                    at: now + wait,
                    why: "the broker took others and not this one".into(),
                }
            };
            round.settled.push((message.line, settled));
        }
    }
    round
}

async fn ask(client: &Client, token: Option<&str>, request: &Request) -> Result<(u16, Vec<u8>), String> {
    let mut headers = request.headers.clone();
    headers.extend(token.map(|token| ("Authorization", format!("Bearer {token}"))));
    let body = serde_json::to_vec(&request.body).map_err(|error| error.to_string())?;
    client.post(&request.url, headers, body).await.map(|answer| (answer.status, answer.body))
}
