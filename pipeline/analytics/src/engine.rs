//! The engine of one camera: hands every input to the analytics that run, camera health first.

use std::collections::{BTreeMap, VecDeque};

use matpho_scene::{MediaTime, measurement::Judgement};

use crate::{
    io::{Input, Output, Summary},
    plan::{Analytic, CameraPlan},
};

/// All analytics of one camera. See the crate's documentation for the contract.
#[derive(Debug)]
pub struct CameraAnalytics {
    plan: CameraPlan,
    outputs: VecDeque<Output>,
}

impl CameraAnalytics {
    /// Nothing seen yet: everything is unknown.
    pub fn new(plan: CameraPlan) -> Self {
        Self { plan, outputs: VecDeque::new() }
    }

    /// The settings it was made with.
    pub fn plan(&self) -> &CameraPlan {
        &self.plan
    }

    /// Takes what happened at `at`. Drain [`Self::poll_output`] afterwards.
    pub fn handle_input(&mut self, _at: MediaTime, _input: Input<'_>) {}

    /// The next thing to say, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due if no frame comes before.
    pub fn poll_timeout(&self) -> Option<MediaTime> {
        None
    }

    /// What each analytic that runs says now.
    pub fn judgements(&self) -> BTreeMap<Analytic, Judgement> {
        self.plan.analytics().iter().map(|&a| (a, Judgement::Unknown)).collect()
    }

    /// What was made of everything so far.
    pub fn summary(&self) -> Summary {
        Summary::default()
    }
}
