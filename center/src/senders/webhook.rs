//! Sends to somebody's own program, by the schedule of `feeds::webhook`.

use futures_util::{StreamExt, stream};
use matpho_scene::WallTime;

use super::{
    client::Client,
    sender::{Round, due_at},
};
use crate::{
    clock,
    feeds::webhook::{Answer, Delivery, Secret, headers},
    store::outbox::{Settled, Waiting},
};

/// Messages that are taken up at once.
pub const AT_ONCE: usize = 16;

/// Requests that are under way at once.
const UNDER_WAY: usize = 4;

/// Sends some messages, each about something else.
pub async fn send(client: &Client, url: &str, secrets: &[Secret], due: &[Waiting]) -> Round {
    let asked: Vec<_> = due.iter().map(|message| ask(client, url, secrets, message)).collect();
    let answers: Vec<_> = stream::iter(asked).buffered(UNDER_WAY).collect().await;
    let mut round = Round::default();
    for (message, answer) in due.iter().zip(answers) {
        round.troubled |= is_trouble(&answer);
        let now = clock::now();
        let (settled, gone) = settle(message, answer, now);
        round.gone = round.gone.or(gone);
        round.settled.push((message.line, settled));
    }
    round
}

async fn ask(client: &Client, url: &str, secrets: &[Secret], message: &Waiting) -> Answer {
    let headers = headers(&message.id, clock::now(), message.body.as_bytes(), secrets).to_vec();
    match client.post(url, headers, message.body.clone().into_bytes()).await {
        Ok(answer) => Answer::Status(answer.status, answer.retry_after),
        Err(why) => Answer::None(why),
    }
}

/// Whether a destination is in trouble as a whole, rather than with one message.
fn is_trouble(answer: &Answer) -> bool {
    matches!(answer, Answer::None(_) | Answer::Status(408 | 429 | 500.., _))
}

/// What becomes of a message, and whether its receiver wants no more at all.
fn settle(message: &Waiting, answer: Answer, now: WallTime) -> (Settled, Option<String>) {
    let why = match &answer {
        Answer::None(why) => why.clone(),
        Answer::Status(status, _) => format!("the receiver answered with {status}"),
    };
    let failed = u32::try_from(message.failed).unwrap_or(u32::MAX);
    let sending = Delivery::Due { failed, at: due_at(message).min(now) }.begin(now);
    match sending.answered(answer, now, rand::random()) {
        Delivery::Delivered { .. } => (Settled::Delivered, None),
        Delivery::Due { failed, at } => (Settled::Again { failed, at, why }, None),
        Delivery::Sending { failed, .. } => (Settled::Again { failed, at: now, why }, None),
        Delivery::GivenUp { why, gone, .. } => (Settled::GivenUp { why: why.clone() }, gone.then_some(why)),
    }
}
