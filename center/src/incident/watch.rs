//! Looks after incidents by the clock: what the rules have to say about new ones, promises that were not kept, floods of alarms.
//!
//! All that it goes by is in the store, so that a centre that starts again goes on where it was, and several centres on one store do each thing
//! once: each looks again inside the transaction in which it acts.

use std::{sync::Arc, time::Duration};

use matpho_scene::WallTime;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{life::Promises, rules};
use crate::{
    api::types::AlarmLoadNow,
    area::AreaTree,
    live::Live,
    rights::{Moment, agency::Agency},
    store::{Store, StoreError, judging::Law},
};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Every so many looks the alarm load is counted.
const LOAD_EVERY: u32 = 5;

/// Who looks.
pub struct Watch {
    /// Where incidents are kept.
    pub store: Store,
    /// Who hears of floods of alarms.
    pub live: Arc<Live>,
    /// What belongs together.
    pub settings: rules::Settings,
    /// What is promised.
    pub promises: Promises,
    /// Who can be sent, beside those that were imported.
    pub agencies: Vec<Agency>,
    /// Who share the alarms.
    pub operators: u32,
}

impl Watch {
    /// Looks until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut every = interval(LOOK_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut looks, mut told, mut failing) = (0_u32, None, false);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = every.tick() => {}
            }
            let mut outcome = self.look(crate::clock::now()).await;
            if outcome.is_ok() && looks.is_multiple_of(LOAD_EVERY) {
                outcome = self.count(&mut told, crate::clock::now()).await;
            }
            looks = looks.wrapping_add(1);
            // Once each time it begins: a store that is away for an hour is told of elsewhere as well.
            if let Err(error) = &outcome
                && !failing
            {
                tracing::warn!(error = crate::chain(error), "incidents could not be looked after; tried again every second");
            }
            failing = outcome.is_err();
        }
    }

    /// One look.
    pub async fn look(&self, now: WallTime) -> Result<(), StoreError> {
        if !self.store.wants_judging(now).await? {
            return Ok(());
        }
        let agencies = self.store.agencies(&self.agencies).await?;
        let areas = if agencies.iter().any(|agency| agency.propose_from.is_some() && !agency.areas.is_empty()) {
            self.store.areas().await?
        } else {
            AreaTree::default()
        };
        let law = Law {
            settings: &self.settings,
            promises: &self.promises,
            agencies: &agencies,
            areas: &areas,
            today: Moment::new(now, crate::clock::offset()).today,
        };
        let mut tx = self.store.begin().await?;
        tx.judge(&law, now).await?;
        let raised = tx.raise_overdue(&self.promises, now).await?;
        tx.commit().await?;
        for (incident, level) in raised {
            tracing::warn!(incident, level, "nobody acted in time; the next one above is told");
        }
        Ok(())
    }

    async fn count(&self, told: &mut Option<AlarmLoadNow>, now: WallTime) -> Result<(), StoreError> {
        if self.live.listeners() == 0 {
            return Ok(());
        }
        let load = self.store.alarm_load_now(self.operators, now).await?;
        if told.as_ref() != Some(&load) {
            self.live.alarm_load(&load);
            *told = Some(load);
        }
        Ok(())
    }
}
