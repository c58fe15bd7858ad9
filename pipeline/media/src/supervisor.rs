//! When to connect, when to give up and how long to wait: a state machine that reads no clock and touches no pipeline.
//!
//! Error, end of stream and a watchdog on the age of the last picture all lead to the same end: tear down, wait, rebuild. A hung server says
//! nothing for half a minute and a killed one sends an end of stream rather than an error, so neither may be relied on alone.
//!
//! Drive it with [`Supervisor::handle`]; it answers with at most one [`Action`]. Not here: the pipeline (`session.rs`), the loop (`camera.rs`).

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    config::{BackoffConfig, Transport},
    status::{Link, Reason},
};

/// What the supervisor is told. Times are spans since an arbitrary start, the same for all calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time has passed; nothing else is known.
    Tick,
    /// Encoded pictures have arrived, the newest of them now.
    Unit,
    /// A picture was decoded, or there was nothing to decode since the last one.
    Decoded,
    /// Units went into the decoder and nothing has come out since.
    Undecoded {
        /// For how long.
        since: Duration,
    },
    /// The pipeline said that it is at an end.
    Failed(Reason),
}

/// What the supervisor wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Build a pipeline and start it.
    Connect {
        /// How RTP is to travel.
        link: Link,
        /// Attempts since the camera was last live, this one included.
        attempt: u32,
        /// So many of the best decoders failed already: take the next one.
        decoders_failed: usize,
    },
    /// The first picture of this connection is there.
    Live,
    /// Tear the pipeline down; the next attempt comes after `retry_in`.
    TearDown {
        /// Why.
        reason: Reason,
        /// Until the next attempt.
        retry_in: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { until: Duration },
    Connecting { since: Duration },
    Live { last_unit: Duration },
}

/// See the module.
#[derive(Debug)]
pub struct Supervisor {
    state: State,
    transport: Transport,
    link: Link,
    frame_age_max: Duration,
    backoff: Backoff,
    attempt: u32,
    decoders_failed: usize,
}

impl Supervisor {
    /// Wants to connect at once. `seed` makes the jitter.
    pub fn new(transport: Transport, file: bool, frame_age_max: Duration, backoff: BackoffConfig, seed: u64) -> Self {
        let link = match (file, transport) {
            (true, _) => Link::File,
            (false, Transport::Auto | Transport::Tcp) => Link::Tcp,
            (false, Transport::Udp) => Link::Udp,
        };
        Self {
            state: State::Waiting { until: Duration::ZERO },
            transport,
            link,
            frame_age_max,
            backoff: Backoff::new(backoff, seed),
            attempt: 0,
            decoders_failed: 0,
        }
    }

    /// Takes in what happened by `now` and says what to do. Events of a pipeline that is already to be torn down are ignored.
    #[must_use]
    pub fn handle(&mut self, now: Duration, event: Event) -> Option<Action> {
        match (self.state, event) {
            (State::Waiting { until }, _) => (now >= until).then(|| self.connect(now)),
            (_, Event::Failed(reason)) => Some(self.tear_down(now, reason)),
            (State::Connecting { .. }, Event::Unit) => {
                self.state = State::Live { last_unit: now };
                self.attempt = 0;
                Some(Action::Live)
            }
            (State::Live { .. }, Event::Unit) => {
                self.state = State::Live { last_unit: now };
                None
            }
            (State::Live { .. }, Event::Decoded) => {
                // Only a picture proves that camera, link and decoder work; a connection alone does not end the back-off.
                self.backoff.reset();
                None
            }
            (_, Event::Undecoded { since }) if since > self.frame_age_max => Some(self.tear_down(now, Reason::Decode)),
            (State::Connecting { since: last } | State::Live { last_unit: last }, _) => {
                (now.saturating_sub(last) > self.frame_age_max).then(|| self.tear_down(now, Reason::Stalled))
            }
        }
    }

    fn connect(&mut self, now: Duration) -> Action {
        self.state = State::Connecting { since: now };
        self.attempt = self.attempt.saturating_add(1);
        Action::Connect { link: self.link, attempt: self.attempt, decoders_failed: self.decoders_failed }
    }

    fn tear_down(&mut self, now: Duration, reason: Reason) -> Action {
        let connecting = matches!(self.state, State::Connecting { .. });
        // What another transport could mend. A wrong password or a dead host stays what it is.
        if self.transport == Transport::Auto
            && connecting
            && matches!(reason, Reason::TransportRefused | Reason::Stalled | Reason::Other)
        {
            self.link = match self.link {
                Link::Tcp => Link::Udp,
                Link::Udp => Link::Tcp,
                Link::File => Link::File,
            };
        }
        if reason == Reason::Decode {
            self.decoders_failed += 1;
        }
        let retry_in = self.backoff.next();
        self.state = State::Waiting { until: now + retry_in };
        Action::TearDown { reason, retry_in }
    }
}

/// Waits that double up to a bound, drawn from their upper half.
#[derive(Debug)]
struct Backoff {
    config: BackoffConfig,
    failures: u32,
    jitter: SmallRng,
}

impl Backoff {
    fn new(config: BackoffConfig, seed: u64) -> Self {
        Self { config, failures: 0, jitter: SmallRng::seed_from_u64(seed) }
    }

    fn next(&mut self) -> Duration {
        let full = self.config.first.saturating_mul(2u32.saturating_pow(self.failures)).min(self.config.max);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(self.jitter.random_range(0.5..=1.0))
    }

    fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A story: at each second something happens, and this is to be done.
    fn tell(supervisor: &mut Supervisor, story: &[(f64, Event, &str)]) {
        for (second, event, expected) in story {
            let action = supervisor.handle(Duration::from_secs_f64(*second), event.clone());
            let said = match action {
                None => "-".into(),
                Some(Action::Live) => "live".into(),
                Some(Action::Connect { link, attempt, decoders_failed: 0 }) => format!("connect {link:?} {attempt}"),
                Some(Action::Connect { link, attempt, decoders_failed }) => {
                    format!("connect {link:?} {attempt}, {decoders_failed} decoders failed")
                }
                Some(Action::TearDown { reason, .. }) => reason.as_str().into(),
            };
            assert_eq!(said, *expected, "at {second} s, {event:?}");
        }
    }

    fn supervisor(transport: Transport) -> Supervisor {
        // 4 s at first, so that the jitter (2 to 4 s) shows in whole seconds.
        let backoff = BackoffConfig { first: Duration::from_secs(4), max: Duration::from_secs(16) };
        Supervisor::new(transport, false, Duration::from_secs(5), backoff, 1)
    }

    /// Says at which second the next attempt comes, ticking every 10 ms.
    fn next_attempt(supervisor: &mut Supervisor, from: f64) -> f64 {
        (0..10_000)
            .map(|n| from + f64::from(n) / 100.0)
            .find(|now| supervisor.handle(Duration::from_secs_f64(*now), Event::Tick).is_some())
            .unwrap()
    }

    #[test]
    fn a_camera_that_works_is_left_alone() {
        tell(
            &mut supervisor(Transport::Auto),
            &[
                (0.0, Event::Tick, "connect Tcp 1"),
                (0.5, Event::Tick, "-"),
                (0.6, Event::Unit, "live"),
                (0.7, Event::Decoded, "-"),
                (5.5, Event::Tick, "-"),
                (5.6, Event::Unit, "-"),
                (10.5, Event::Tick, "-"),
                (10.7, Event::Tick, "stalled"),
            ],
        );
    }

    #[test]
    fn a_hung_camera_is_noticed_before_and_after_its_first_picture() {
        let mut s = supervisor(Transport::Tcp);
        tell(&mut s, &[(0.0, Event::Tick, "connect Tcp 1"), (4.9, Event::Tick, "-"), (5.1, Event::Tick, "stalled")]);
        let again = next_attempt(&mut s, 5.1);
        tell(
            &mut s,
            &[
                (again + 0.1, Event::Unit, "live"),
                (again + 5.0, Event::Tick, "-"),
                (again + 5.2, Event::Tick, "stalled"),
                // What the old pipeline still says does not count.
                (again + 5.3, Event::Unit, "-"),
                (again + 5.4, Event::Failed(Reason::Eos), "-"),
            ],
        );
    }

    #[test]
    fn end_of_stream_is_a_failure() {
        tell(
            &mut supervisor(Transport::Udp),
            &[(0.0, Event::Tick, "connect Udp 1"), (0.1, Event::Unit, "live"), (9.0, Event::Failed(Reason::Eos), "eos")],
        );
    }

    #[test]
    fn waits_double_to_a_bound_and_start_anew_after_a_picture() {
        let mut s = supervisor(Transport::Tcp);
        let mut now = 0.0;
        let mut waits = Vec::new();
        for _ in 0..6 {
            now = next_attempt(&mut s, now);
            let Some(Action::TearDown { retry_in, .. }) =
                s.handle(Duration::from_secs_f64(now), Event::Failed(Reason::Unreachable))
            else {
                panic!("a failure tears down")
            };
            waits.push(retry_in.as_secs_f64());
        }
        for (wait, full) in waits.iter().zip([4.0, 8.0, 16.0, 16.0, 16.0, 16.0]) {
            assert!((full / 2.0..=full).contains(wait), "{waits:?}");
        }
        assert!(waits[3] != waits[4], "no jitter: {waits:?}");
        now = next_attempt(&mut s, now);
        // A connection that dies before it gave a picture does not count as a success.
        for (event, full) in [(Event::Unit, 16.0), (Event::Decoded, 4.0)] {
            let _ = s.handle(Duration::from_secs_f64(now), Event::Unit);
            let _ = s.handle(Duration::from_secs_f64(now), event);
            let Some(Action::TearDown { retry_in, .. }) = s.handle(Duration::from_secs_f64(now), Event::Failed(Reason::Eos))
            else {
                panic!()
            };
            assert!((full / 2.0..=full).contains(&retry_in.as_secs_f64()), "{retry_in:?}");
            now = next_attempt(&mut s, now);
        }
    }

    #[test]
    fn auto_tries_the_other_transport_only_where_that_could_help() {
        let mut s = supervisor(Transport::Auto);
        let mut links = Vec::new();
        let mut now = 0.0;
        for reason in [Reason::Unauthorized, Reason::Unreachable, Reason::TransportRefused, Reason::Stalled, Reason::NotFound] {
            let action = (0..10_000).find_map(|n| {
                now += f64::from(n) / 1000.0;
                s.handle(Duration::from_secs_f64(now), Event::Tick)
            });
            let Some(Action::Connect { link, .. }) = action else { panic!() };
            links.push(link);
            let _ = s.handle(Duration::from_secs_f64(now), Event::Failed(reason));
        }
        assert_eq!(links, [Link::Tcp, Link::Tcp, Link::Tcp, Link::Udp, Link::Tcp]);
    }

    #[test]
    fn a_decoder_that_yields_nothing_is_replaced() {
        let mut s = supervisor(Transport::Tcp);
        tell(
            &mut s,
            &[
                (0.0, Event::Tick, "connect Tcp 1"),
                (0.1, Event::Unit, "live"),
                (4.0, Event::Undecoded { since: Duration::from_secs(4) }, "-"),
                (5.0, Event::Unit, "-"),
                (5.2, Event::Undecoded { since: Duration::from_millis(5100) }, "decode"),
            ],
        );
        let connect = (0..1000).find_map(|n| s.handle(Duration::from_secs_f64(5.2 + f64::from(n) / 100.0), Event::Tick));
        assert_eq!(connect, Some(Action::Connect { link: Link::Tcp, attempt: 1, decoders_failed: 1 }));
    }
}
