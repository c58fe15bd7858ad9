//! What the alarm load is counted from: incidents as alarms, and what people did with them. `incident::load` counts.

use std::collections::BTreeMap;

use matpho_scene::WallTime;

use super::{Store, StoreError, fetch_all, from_word, incidents::SELF, time, to, word};
use crate::{
    api::types::{
        AlarmCount, AlarmFlood, AlarmLimits, AlarmLoad, AlarmLoadNow, AlarmSource, FalseAlarmRate, FalseReason, Family,
        OperatorLoad, Priority,
    },
    incident::{
        life::{self, State},
        load::{self, Change, Flood, Shelved, What},
    },
};

/// The longest stretch that is counted, in days.
pub const DAYS_MAX: i64 = 31;

#[derive(sqlx::FromRow)]
struct AlarmRow {
    id: String,
    family: String,
    state: String,
    priority: String,
    opened_at: i64,
    ended_at: Option<i64>,
    late: bool,
    acknowledged_by: Option<String>,
    acknowledged_at: Option<i64>,
    closed_at: Option<i64>,
    false_reason: Option<String>,
    edge: Option<String>,
    camera: Option<String>,
    name: Option<String>,
}

/// An incident as an alarm.
struct Alarm {
    row: AlarmRow,
    source: AlarmSource,
}

impl Alarm {
    fn key(&self) -> String {
        key(&self.source.edge, &self.source.camera, self.source.family)
    }

    /// Whether anybody was alarmed by it.
    fn was_raised(&self, shelved: &[Shelved]) -> bool {
        let opened = time(self.row.opened_at);
        let was_over = self.row.late && self.row.ended_at.is_some_and(|ended| ended <= self.row.opened_at);
        !was_over && !shelved.iter().any(|shelf| shelf.holds(&self.key(), opened))
    }
}

fn key(edge: &str, camera: &str, family: Family) -> String {
    format!("{edge}/{camera}/{}", word(&family))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The limits of the standards.
const LIMITS: AlarmLimits = AlarmLimits {
    per_period_mean: [1.0, 2.0],
    per_period_max: 10.0,
    flooded_share: 0.01,
    top_ten_share: 0.05,
    stale: 5,
    priorities: [0.80, 0.15, 0.05],
};

impl Store {
    /// Incidents that were opened or open in a stretch of time, by index alone: it is asked for every few seconds. Which camera raised one stands
    /// in its log, whatever was merged since.
    async fn alarms(&self, (from, to_): (WallTime, WallTime)) -> Result<Vec<Alarm>, StoreError> {
        let mut rows: Vec<AlarmRow> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT i.id, i.family, i.state, i.priority, i.opened_at, i.ended_at, i.late, i.acknowledged_by, i.acknowledged_at,
                        i.closed_at, i.false_reason, e.edge, e.camera, c.name
                 FROM (SELECT * FROM incidents WHERE opened_at >= $1 AND opened_at < $2
                       UNION ALL SELECT * FROM incidents WHERE closed_at IS NULL AND +opened_at < $1
                       UNION ALL SELECT * FROM incidents WHERE closed_at >= $1 AND +opened_at < $1) i
                 LEFT JOIN incident_log l ON l.incident = i.id AND l.what = 'opened'
                 LEFT JOIN events e ON e.id = l.event
                 LEFT JOIN cameras c ON c.edge = e.edge AND c.camera = e.camera
                 WHERE NOT EXISTS (SELECT 1 FROM incident_log s WHERE s.incident = i.id AND s.what = 'split_from')"
            )
            .bind(from.as_unix_millis())
            .bind(to_.as_unix_millis())
        )
        .map_err(to("list alarms"))?;
        // SQLite would read all there ever were in this order.
        rows.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        let alarm = |row: AlarmRow| {
            let camera = row.camera.clone().unwrap_or_default();
            let source = AlarmSource {
                edge: row.edge.clone().unwrap_or_default(),
                name: row.name.clone().unwrap_or_else(|| camera.clone()),
                camera,
                family: from_word("family", row.family.clone())?,
            };
            Ok(Alarm { row, source })
        };
        rows.into_iter().map(alarm).collect()
    }

    /// What was silenced in a stretch of time.
    async fn silenced(&self, (from, to_): (WallTime, WallTime)) -> Result<Vec<Shelved>, StoreError> {
        let rows: Vec<(String, String, String, String, String, i64, i64)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT edge, camera, family, who, reason, from_at, until_at FROM shelves WHERE from_at < $2 AND until_at > $1"
            )
            .bind(from.as_unix_millis())
            .bind(to_.as_unix_millis())
        )
        .map_err(to("list what was shelved"))?;
        let shelved = |(edge, camera, family, by, reason, from, until): (_, _, String, _, _, i64, i64)| {
            let (edge, camera): (String, String) = (edge, camera);
            let family = from_word("family", family)?;
            Ok(Shelved { source: key(&edge, &camera, family), by, reason, from: time(from), until: time(until) })
        };
        rows.into_iter().map(shelved).collect()
    }

    /// How many alarms there are now.
    pub async fn alarm_load_now(&self, operators: u32, now: WallTime) -> Result<AlarmLoadNow, StoreError> {
        let day = (now - load::STALE_AFTER, now + std::time::Duration::from_millis(1));
        let (alarms, shelved) = (self.alarms(day).await?, self.silenced(day).await?);
        let mut flood = Flood::new(operators);
        let mut raised = 0;
        for alarm in alarms.iter().filter(|alarm| time(alarm.row.opened_at) >= day.0 && alarm.was_raised(&shelved)) {
            let opened = time(alarm.row.opened_at);
            flood.raised(opened);
            raised += u32::from(opened + load::PERIOD > now);
        }
        flood.timeout(now);
        Ok(AlarmLoadNow { raised, operators, flood_since: flood.since() })
    }

    /// The figures of a stretch of time.
    pub async fn alarm_load(&self, operators: u32, stretch: (WallTime, WallTime)) -> Result<AlarmLoad, StoreError> {
        let (from, until) = stretch;
        let (alarms, shelved) = (self.alarms(stretch).await?, self.silenced(stretch).await?);
        let mut changes = Vec::new();
        let mut sources: BTreeMap<String, AlarmSource> = BTreeMap::new();
        let mut waits: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for alarm in alarms.iter().filter(|alarm| alarm.was_raised(&shelved)) {
            let row = &alarm.row;
            sources.entry(alarm.key()).or_insert_with(|| alarm.source.clone());
            let priority: Priority = from_word("priority", row.priority.clone())?;
            let mut put = |at, what| {
                changes.push(Change { at: time(at), incident: row.id.clone(), source: alarm.key(), what });
            };
            put(row.opened_at, What::Raised(priority));
            if let Some(at) = row.acknowledged_at {
                put(at, What::Acknowledged);
            }
            if let Some(at) = row.closed_at {
                put(at, What::Cleared);
            }
            if let (Some(by), Some(at)) = (&row.acknowledged_by, row.acknowledged_at)
                && (from..until).contains(&time(at))
            {
                waits.entry(by.clone()).or_default().push(time(at).since(time(row.opened_at)).as_secs_f64());
            }
        }
        let figures = load::figures(&changes, operators, stretch);
        let loud = |source: &String, raised: u32| {
            let chatters = figures.chattering.contains(source);
            sources.get(source).map(|found| AlarmCount { source: found.clone(), raised, chatters })
        };
        let mut loudest: Vec<AlarmCount> = figures.top_ten.iter().filter_map(|(source, raised)| loud(source, *raised)).collect();
        let beyond = figures.chattering.iter().filter(|source| !figures.top_ten.iter().any(|(top, _)| top == *source));
        loudest.extend(beyond.filter_map(|source| {
            let raised = changes.iter().filter(|change| change.source == *source && matches!(change.what, What::Raised(_)));
            loud(source, count(raised.count()))
        }));
        Ok(AlarmLoad {
            from,
            to: until,
            operators,
            limits: LIMITS,
            raised: figures.raised,
            per_period_mean: figures.per_period_mean,
            per_period_max: figures.per_period_max,
            flooded_share: figures.flooded_share,
            floods: figures.floods.iter().map(|(from, to)| AlarmFlood { from: *from, to: *to }).collect(),
            top_ten_share: figures.top_ten_share,
            loudest,
            stale: figures.stale,
            priorities: figures.priorities,
            acknowledge_s_median: figures.acknowledge_s_median,
            by_operator: self.by_operator(stretch, waits).await?,
            false_alarms: false_alarms(&alarms, stretch)?,
        })
    }

    async fn by_operator(
        &self,
        (from, until): (WallTime, WallTime),
        mut waits: BTreeMap<String, Vec<f64>>,
    ) -> Result<Vec<OperatorLoad>, StoreError> {
        let rows: Vec<(String, String, i64)> = fetch_all!(
            self.db(),
            sqlx::query_as(
                "SELECT who, what, COUNT(DISTINCT incident) FROM incident_log
                 WHERE at >= $1 AND at < $2 AND who <> $3 AND what IN ('acknowledged', 'dispatched', 'resolved', 'false_alarm')
                 GROUP BY who, what ORDER BY who"
            )
            .bind(from.as_unix_millis())
            .bind(until.as_unix_millis())
            .bind(SELF)
        )
        .map_err(to("count what people did"))?;
        let mut people: BTreeMap<String, OperatorLoad> = BTreeMap::new();
        for (name, what, number) in rows {
            let wait = waits.remove(&name).and_then(load::median);
            let person = people.entry(name.clone()).or_insert_with(|| OperatorLoad {
                name,
                acknowledged: 0,
                dispatched: 0,
                closed: 0,
                acknowledge_s_median: None,
            });
            person.acknowledge_s_median = person.acknowledge_s_median.or(wait);
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            match what.as_str() {
                "acknowledged" => person.acknowledged += number,
                "dispatched" => person.dispatched += number,
                _ => person.closed += number,
            }
        }
        Ok(people.into_values().collect())
    }
}

/// How often each source was wrong, of what was closed in a stretch of time. Open alarms count for nothing: it is not known yet.
fn false_alarms(alarms: &[Alarm], (from, until): (WallTime, WallTime)) -> Result<Vec<FalseAlarmRate>, StoreError> {
    let mut sources: BTreeMap<String, (AlarmSource, BTreeMap<String, u32>)> = BTreeMap::new();
    let mut states: Vec<(String, State)> = Vec::new();
    for alarm in alarms {
        if alarm.row.closed_at.is_none_or(|at| !(from..until).contains(&time(at))) {
            continue;
        }
        let entry = sources.entry(alarm.key()).or_insert_with(|| (alarm.source.clone(), BTreeMap::new()));
        if let Some(reason) = &alarm.row.false_reason {
            let reason: FalseReason = from_word("reason", reason.clone())?;
            *entry.1.entry(word(&reason)).or_default() += 1;
        }
        states.push((alarm.key(), from_word("incident state", alarm.row.state.clone())?));
    }
    let counts = life::false_alarms(states);
    let mut rates: Vec<FalseAlarmRate> = sources
        .into_iter()
        .filter_map(|(key, (source, reasons))| {
            let found = counts.get(&key)?;
            Some(FalseAlarmRate { source, closed: found.closed, false_alarms: found.false_alarms, reasons })
        })
        .collect();
    rates.sort_by(|a, b| b.false_alarms.cmp(&a.false_alarms).then_with(|| a.source.cmp(&b.source)));
    Ok(rates)
}
