//! A camera's scripted events, asked for by time.

use crate::fault::Fault;
use crate::scenario::{Event, Scenario};

/// A camera's script.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    events: Vec<Event>,
    loop_s: Option<f64>,
}

impl Script {
    pub fn new(scenario: &Scenario, events: &[Event]) -> Self {
        Self { events: events.to_vec(), loop_s: scenario.loop_s }
    }
    /// Time within the loop.
    pub fn local(&self, t: f64) -> f64 {
        match self.loop_s {
            Some(l) => t.rem_euclid(l),
            None => t,
        }
    }
    /// Events under way at scenario time `t`: place in the script, event, seconds since it began, seconds until it ends.
    pub fn under_way(&self, t: f64) -> impl Iterator<Item = (usize, &Event, f64, f64)> {
        let t = self.local(t);
        self.events.iter().enumerate().filter_map(move |(i, e)| {
            let (a, b) = e.span();
            (a..b).contains(&t).then_some((i, e, t - a, b - t))
        })
    }
    /// Every event, with seconds since it began (negative before) and until it ends; for what fades after its end.
    pub fn all(&self, t: f64) -> impl Iterator<Item = (usize, &Event, f64, f64)> {
        let t = self.local(t);
        self.events.iter().enumerate().map(move |(i, e)| {
            let (a, b) = e.span();
            (i, e, t - a, b - t)
        })
    }
    /// The fault that the script asks for.
    pub fn fault(&self, t: f64) -> Fault {
        self.under_way(t)
            .find_map(|(_, e, _, _)| if let Event::Fault { fault, .. } = e { Some(*fault) } else { None })
            .unwrap_or_default()
    }
}
