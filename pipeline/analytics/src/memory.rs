//! What a camera's analytics learned over days, as a value that a program can keep and give back after a restart.

use std::{collections::BTreeMap, time::Duration};

use matpho_scene::ZoneId;
use serde::{Deserialize, Serialize};

use crate::{flood::WaterMemory, free_flow::FreeFlow};

/// What was learned, by zone. Read it with [`crate::CameraAnalytics::memory`], give it back with [`crate::CameraAnalytics::remember`]. A zone that
/// changed its name or is gone is forgotten; one whose calibration changed begins anew.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Memory {
    zones: BTreeMap<ZoneId, ZoneMemory>,
    /// What each zone shows without a flood.
    #[serde(default)]
    pub water: BTreeMap<ZoneId, WaterMemory>,
}

/// What was learned of one zone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct ZoneMemory {
    /// Whether speeds are km/h; else box lengths per second.
    pub calibrated: bool,
    pub free_flow: FreeFlow,
    pub signal_cycle: Option<Duration>,
}

impl Memory {
    pub(crate) fn put(&mut self, zone: ZoneId, memory: ZoneMemory) {
        self.zones.insert(zone, memory);
    }

    pub(crate) fn of(&self, zone: &ZoneId) -> Option<&ZoneMemory> {
        self.zones.get(zone)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty() && self.water.is_empty()
    }
}
