//! What waits for the broker, on disk: a row goes only when the broker has acknowledged it.
//!
//! **Invariants**
//! 1. What [`Outbox::put`] kept survives a crash: the write is on disk (`synchronous = FULL`) before it returns.
//! 2. Rows leave in the order of their sequence numbers, which are never given twice.
//! 3. An event is never thinned and never refused for its size; only a full disk refuses it, and then the caller keeps it and asks again.
//! 4. An event that began and has not ended is remembered beside its messages, so that a start after a crash can end it.
//!
//! When the outbox holds its bytes, measurements make room first (every second one goes, oldest first), then measurements and pictures are refused.
//!
//! Not here: who fills it (`publisher.rs`) and who empties it (`mqtt.rs`).

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use matpho_scene::WallTime;
use sqlx::{
    Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{Mutex, Notify};

/// What kind of message a row holds; decides what happens when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Began, updated, ended, and answers to commands: kept at any size.
    Event,
    /// A picture: refused when full.
    Evidence,
    /// A figure: thinned, then refused when full.
    Measurement,
}

impl Class {
    const fn code(self) -> i64 {
        match self {
            Self::Event => 0,
            Self::Evidence => 1,
            Self::Measurement => 2,
        }
    }

    const fn from_code(code: i64) -> Self {
        match code {
            1 => Self::Evidence,
            2 => Self::Measurement,
            _ => Self::Event,
        }
    }
}

/// What a message means for the list of open events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenEvent<'a> {
    /// It is not about an event's life.
    Unchanged,
    /// This event is open; the message is the newest about it.
    Open(&'a str),
    /// This event is over.
    Over(&'a str),
}

/// A message to keep.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// Decides what happens when there is no room.
    pub class: Class,
    /// Where it goes.
    pub topic: &'a str,
    /// When it was said.
    pub queued: WallTime,
    /// What it means for the list of open events.
    pub open: OpenEvent<'a>,
}

/// A kept message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the order of all messages of this edge.
    pub sequence: u64,
    /// What it is.
    pub class: Class,
    /// Where it goes.
    pub topic: String,
    /// When it was said.
    pub queued: WallTime,
    /// The message.
    pub body: Vec<u8>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a refused message is gone: count it"]
pub enum Put {
    /// On disk, with this place in the order.
    Kept(u64),
    /// There is no room for one of its class.
    Refused,
}

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Messages.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest was said.
    pub oldest: Option<WallTime>,
    /// Measurements that were thinned away or refused since the start, and pictures that were refused.
    pub refused: u64,
}

/// Why the outbox could not do something.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The file could not be opened.
    #[error("the outbox {} could not be opened: check that the folder of [state] exists and may be written", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        #[source]
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// No room on the disk.
    #[error("the disk of the outbox is full: free some space, or lower [evidence] clips_mib_max")]
    DiskFull,
    /// Anything else.
    #[error("the outbox could not {what}")]
    Sqlite {
        /// What was attempted.
        what: &'static str,
        #[source]
        /// What SQLite said.
        source: sqlx::Error,
    },
}

fn failed(what: &'static str) -> impl Fn(sqlx::Error) -> OutboxError {
    move |source| {
        // SQLITE_FULL; SQLITE_IOERR_WRITE is what a full disk gives where a write-ahead log was to grow.
        let full = source.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == "13" || code == "778");
        if full { OutboxError::DiskFull } else { OutboxError::Sqlite { what, source } }
    }
}

const SCHEMA: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS waiting (
        sequence  INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, also after the row is gone
        class     INTEGER NOT NULL,                  -- 0 event, 1 evidence, 2 measurement
        topic     TEXT NOT NULL,
        queued_ms INTEGER NOT NULL,                  -- when it was said, UTC
        body      BLOB NOT NULL
    )",
    "CREATE TABLE IF NOT EXISTS open_event (
        event     TEXT PRIMARY KEY,
        sequence  INTEGER NOT NULL,
        body      BLOB NOT NULL                      -- the newest message about it
    ) WITHOUT ROWID",
    "PRAGMA user_version = 1",
];

struct State {
    db: SqliteConnection,
    next_sequence: u64,
    rows: u64,
    bytes: u64,
    refused: u64,
    oldest: Option<(u64, WallTime)>,
}

/// See the module. One process at a time.
pub struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    bytes_max: u64,
}

impl Outbox {
    /// Opens or makes the file. One that is no database any more is put aside under another name, with an error in the log: a gateway that cannot
    /// report is worse than one that lost what waited.
    pub async fn open(path: &Path, bytes_max: u64) -> Result<Self, OutboxError> {
        match Self::open_once(path, bytes_max).await {
            Err(OutboxError::Open { source, .. }) if is_corrupt(&source) => {
                let aside = path.with_extension("corrupt.db");
                tracing::error!(outbox = %path.display(), aside = %aside.display(), "the outbox is no database any more; it is put aside and a new one begun");
                for (from, to) in [("", ""), ("-wal", "-wal"), ("-shm", "-shm")] {
                    let with = |path: &Path, tail: &str| PathBuf::from(format!("{}{tail}", path.display()));
                    let _ = std::fs::rename(with(path, from), with(&aside, to));
                }
                Self::open_once(path, bytes_max).await
            }
            other => other,
        }
    }

    async fn open_once(path: &Path, bytes_max: u64) -> Result<Self, OutboxError> {
        let opened = |source| OutboxError::Open { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let mut db = SqliteConnection::connect_with(&options).await.map_err(opened)?;
        for statement in SCHEMA {
            sqlx::query(statement).execute(&mut db).await.map_err(opened)?;
        }
        let last: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'waiting'")
            .fetch_optional(&mut db)
            .await
            .map_err(opened)?;
        let row = sqlx::query("SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0) FROM waiting")
            .fetch_one(&mut db)
            .await
            .map_err(opened)?;
        let mut state = State {
            db,
            next_sequence: last.unwrap_or(0) as u64 + 1,
            rows: row.get::<i64, _>(0) as u64,
            bytes: row.get::<i64, _>(1) as u64,
            refused: 0,
            oldest: None,
        };
        state.find_oldest().await?;
        Ok(Self { state: Mutex::new(state), filled: Notify::new(), bytes_max })
    }

    /// Keeps a message, whose text `write` makes from its place in the order.
    pub async fn put(&self, parcel: Parcel<'_>, write: impl FnOnce(u64) -> Vec<u8>) -> Result<Put, OutboxError> {
        let mut state = self.state.lock().await;
        let sequence = state.next_sequence;
        let body = write(sequence);
        let room = |state: &State| state.bytes + body.len() as u64 <= self.bytes_max;
        if !room(&state) {
            state.thin().await?;
            if parcel.class != Class::Event && !room(&state) {
                state.refused += 1;
                return Ok(Put::Refused);
            }
        }
        state.insert(sequence, parcel, &body).await?;
        state.next_sequence += 1;
        state.rows += 1;
        state.bytes += body.len() as u64;
        if state.oldest.is_none() {
            state.oldest = Some((sequence, parcel.queued));
        }
        drop(state);
        self.filled.notify_one();
        Ok(Put::Kept(sequence))
    }

    /// The oldest messages after `sequence`, at most `rows` of them and about `bytes` (at least one, where there is one).
    pub async fn after(&self, sequence: u64, rows: u32, bytes: u64) -> Result<Vec<Waiting>, OutboxError> {
        let mut state = self.state.lock().await;
        let found = sqlx::query(
            "SELECT sequence, class, topic, queued_ms, body FROM waiting WHERE sequence > ? ORDER BY sequence LIMIT ?",
        )
        .bind(sequence as i64)
        .bind(i64::from(rows))
        .fetch_all(&mut state.db)
        .await
        .map_err(failed("read what waits"))?;
        let mut total = 0;
        let waiting = found.into_iter().map(|row| Waiting {
            sequence: row.get::<i64, _>(0) as u64,
            class: Class::from_code(row.get(1)),
            topic: row.get(2),
            queued: WallTime::from_unix_millis(row.get(3)),
            body: row.get(4),
        });
        Ok(waiting
            .take_while(|row| {
                let fits = total == 0 || total + row.body.len() as u64 <= bytes;
                total += row.body.len() as u64;
                fits
            })
            .collect())
    }

    /// The broker has these: they go.
    pub async fn acknowledged(&self, sequences: &[u64]) -> Result<(), OutboxError> {
        let mut state = self.state.lock().await;
        let mut gone = (0, 0);
        let mut work = state.db.begin().await.map_err(failed("begin to delete"))?;
        for sequence in sequences {
            let bytes: Option<i64> = sqlx::query_scalar("DELETE FROM waiting WHERE sequence = ? RETURNING LENGTH(body)")
                .bind(*sequence as i64)
                .fetch_optional(&mut *work)
                .await
                .map_err(failed("delete what the broker has"))?;
            if let Some(bytes) = bytes {
                gone = (gone.0 + 1, gone.1 + bytes as u64);
            }
        }
        work.commit().await.map_err(failed("delete what the broker has"))?;
        state.rows -= gone.0;
        state.bytes -= gone.1;
        if state.oldest.is_some_and(|(oldest, _)| sequences.contains(&oldest)) {
            state.find_oldest().await?;
        }
        Ok(())
    }

    /// The newest message about each event that began and has not ended, in their order.
    pub async fn open_events(&self) -> Result<Vec<Vec<u8>>, OutboxError> {
        let mut state = self.state.lock().await;
        sqlx::query_scalar("SELECT body FROM open_event ORDER BY sequence")
            .fetch_all(&mut state.db)
            .await
            .map_err(failed("read the open events"))
    }

    /// How much waits.
    pub async fn depth(&self) -> Depth {
        let state = self.state.lock().await;
        Depth { rows: state.rows, bytes: state.bytes, oldest: state.oldest.map(|(_, queued)| queued), refused: state.refused }
    }

    /// Waits until something was put since the last call.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }
}

impl State {
    async fn insert(&mut self, sequence: u64, parcel: Parcel<'_>, body: &[u8]) -> Result<(), OutboxError> {
        let keep = failed("keep a message");
        let mut work = self.db.begin().await.map_err(&keep)?;
        sqlx::query("INSERT INTO waiting (sequence, class, topic, queued_ms, body) VALUES (?, ?, ?, ?, ?)")
            .bind(sequence as i64)
            .bind(parcel.class.code())
            .bind(parcel.topic)
            .bind(parcel.queued.as_unix_millis())
            .bind(body)
            .execute(&mut *work)
            .await
            .map_err(&keep)?;
        match parcel.open {
            OpenEvent::Unchanged => {}
            OpenEvent::Open(event) => {
                sqlx::query("INSERT OR REPLACE INTO open_event (event, sequence, body) VALUES (?, ?, ?)")
                    .bind(event)
                    .bind(sequence as i64)
                    .bind(body)
                    .execute(&mut *work)
                    .await
                    .map_err(&keep)?;
            }
            OpenEvent::Over(event) => {
                sqlx::query("DELETE FROM open_event WHERE event = ?").bind(event).execute(&mut *work).await.map_err(&keep)?;
            }
        }
        work.commit().await.map_err(&keep)
    }

    /// Every second measurement goes, beginning with the oldest.
    async fn thin(&mut self) -> Result<(), OutboxError> {
        let gone: Vec<i64> = sqlx::query_scalar(
            "DELETE FROM waiting WHERE sequence IN (
                SELECT sequence FROM (SELECT sequence, ROW_NUMBER() OVER (ORDER BY sequence) AS n FROM waiting WHERE class = 2) WHERE n % 2 = 1
             ) RETURNING LENGTH(body)",
        )
        .fetch_all(&mut self.db)
        .await
        .map_err(failed("thin the measurements"))?;
        if !gone.is_empty() {
            self.rows -= gone.len() as u64;
            self.bytes -= gone.iter().sum::<i64>() as u64;
            self.refused += gone.len() as u64;
            self.find_oldest().await?;
            tracing::warn!(thinned = gone.len(), "the outbox is full: every second measurement was dropped, no event");
        }
        Ok(())
    }

    async fn find_oldest(&mut self) -> Result<(), OutboxError> {
        let row = sqlx::query("SELECT sequence, queued_ms FROM waiting ORDER BY sequence LIMIT 1")
            .fetch_optional(&mut self.db)
            .await
            .map_err(failed("find what waits longest"))?;
        self.oldest = row.map(|row| (row.get::<i64, _>(0) as u64, WallTime::from_unix_millis(row.get(1))));
        Ok(())
    }
}

fn is_corrupt(error: &sqlx::Error) -> bool {
    // SQLITE_CORRUPT, SQLITE_NOTADB.
    error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == "11" || code == "26")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const BYTES_MAX: u64 = 400;

    fn at(n: u64) -> WallTime {
        WallTime::from_unix_millis(1_800_000_000_000 + n as i64)
    }

    fn rt() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(Class, usize),
        Open(u8),
        Over(u8),
        /// Acknowledges the nth oldest.
        Acknowledge(usize),
        Crash,
    }

    fn step() -> impl Strategy<Value = Step> {
        let class = prop_oneof![Just(Class::Event), Just(Class::Evidence), Just(Class::Measurement)];
        prop_oneof![
            4 => (class, 1usize..120).prop_map(|(class, bytes)| Step::Put(class, bytes)),
            1 => (0u8..4).prop_map(Step::Open),
            1 => (0u8..4).prop_map(Step::Over),
            3 => (0usize..4).prop_map(Step::Acknowledge),
            1 => Just(Step::Crash),
        ]
    }

    /// What must be there: a map, a set, and three rules.
    #[derive(Default)]
    struct Model {
        waiting: BTreeMap<u64, (Class, usize)>,
        open: BTreeSet<u8>,
        last: u64,
    }

    impl Model {
        fn bytes(&self) -> u64 {
            self.waiting.values().map(|(_, bytes)| *bytes as u64).sum()
        }

        fn put(&mut self, class: Class, bytes: usize) -> bool {
            let room = |model: &Self| model.bytes() + bytes as u64 <= BYTES_MAX;
            if !room(self) {
                let measurements: Vec<u64> = self
                    .waiting
                    .iter()
                    .filter(|(_, (class, _))| *class == Class::Measurement)
                    .map(|(sequence, _)| *sequence)
                    .collect();
                for sequence in measurements.iter().step_by(2) {
                    self.waiting.remove(sequence);
                }
                if class != Class::Event && !room(self) {
                    return false;
                }
            }
            self.last += 1;
            self.waiting.insert(self.last, (class, bytes));
            true
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn it_does_what_a_map_would_and_forgets_nothing_in_a_crash(steps in proptest::collection::vec(step(), 1..40)) {
            rt().block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("outbox.db");
                let mut outbox = Outbox::open(&path, BYTES_MAX).await.unwrap();
                let mut model = Model::default();
                for step in steps {
                    match step {
                        Step::Put(class, bytes) => {
                            let parcel = Parcel { class, topic: "t", queued: at(model.last), open: OpenEvent::Unchanged };
                            let put = outbox.put(parcel, |_| vec![7; bytes]).await.unwrap();
                            let kept = model.put(class, bytes);
                            assert_eq!(put, if kept { Put::Kept(model.last) } else { Put::Refused });
                        }
                        Step::Open(event) | Step::Over(event) => {
                            let name = event.to_string();
                            let open = if matches!(step, Step::Open(_)) { OpenEvent::Open(&name) } else { OpenEvent::Over(&name) };
                            let parcel = Parcel { class: Class::Event, topic: "t", queued: at(model.last), open };
                            let _ = outbox.put(parcel, |_| vec![event]).await.unwrap();
                            model.put(Class::Event, 1);
                            if matches!(step, Step::Open(_)) { model.open.insert(event); } else { model.open.remove(&event); }
                        }
                        Step::Acknowledge(nth) => {
                            if let Some(sequence) = model.waiting.keys().nth(nth).copied() {
                                outbox.acknowledged(&[sequence]).await.unwrap();
                                model.waiting.remove(&sequence);
                            }
                        }
                        Step::Crash => {
                            drop(outbox);
                            outbox = Outbox::open(&path, BYTES_MAX).await.unwrap();
                        }
                    }
                    let rows = outbox.after(0, 1000, u64::MAX).await.unwrap();
                    let found: Vec<_> = rows.iter().map(|row| (row.sequence, (row.class, row.body.len()))).collect();
                    assert_eq!(found, model.waiting.clone().into_iter().collect::<Vec<_>>());
                    let depth = outbox.depth().await;
                    assert_eq!((depth.rows, depth.bytes), (model.waiting.len() as u64, model.bytes()));
                    assert_eq!(depth.oldest, rows.first().map(|row| row.queued));
                    let open: BTreeSet<u8> = outbox.open_events().await.unwrap().iter().map(|body| body[0]).collect();
                    assert_eq!(open, model.open);
                }
            });
        }
    }

    #[test]
    fn a_full_disk_refuses_an_event_and_takes_it_when_there_is_room_again() {
        rt().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let outbox = Outbox::open(&dir.path().join("outbox.db"), u64::MAX).await.unwrap();
            let put = |bytes: usize| {
                let parcel = Parcel { class: Class::Event, topic: "t", queued: at(0), open: OpenEvent::Unchanged };
                outbox.put(parcel, move |_| vec![1; bytes])
            };
            assert_eq!(put(10).await.unwrap(), Put::Kept(1));
            // SQLite's own bound stands for the disk's: the same error comes from both.
            sqlx::query("PRAGMA max_page_count = 8").execute(&mut outbox.state.lock().await.db).await.unwrap();
            assert!(matches!(put(1 << 20).await, Err(OutboxError::DiskFull)));
            let depth = outbox.depth().await;
            assert_eq!((depth.rows, depth.bytes), (1, 10), "a refused message must leave no trace");
            sqlx::query("PRAGMA max_page_count = 100000").execute(&mut outbox.state.lock().await.db).await.unwrap();
            assert_eq!(put(1 << 20).await.unwrap(), Put::Kept(2));
        });
    }

    #[test]
    fn a_file_that_is_no_database_is_put_aside() {
        rt().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("outbox.db");
            std::fs::write(&path, vec![0x55; 8192]).unwrap();
            let outbox = Outbox::open(&path, BYTES_MAX).await.unwrap();
            assert_eq!(outbox.depth().await.rows, 0);
            assert_eq!(std::fs::read(dir.path().join("outbox.corrupt.db")).unwrap().len(), 8192);
        });
    }
}
