//! Crash plans as users hold them: they are made here, and here it is told how often each point was
//! passed.

use super::engine::Engine;
use crate::error::{Error, Result};
use crate::shared::crash::CrashPlan;
use crate::shared::protocol::CrashPoint;
use std::collections::BTreeMap;

/// What came of a crash plan: [`Engine::crash_report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashReport {
    passages: BTreeMap<CrashPoint, u64>,
    kills: u64,
}

impl CrashReport {
    /// How often this point was passed since the plan was made; 0 in an engine that follows none.
    pub fn passages(&self, point: CrashPoint) -> u64 {
        self.passages.get(&point).copied().unwrap_or(0)
    }

    /// Workers that died by plan since the engine's start. The coordinator learns of a death a
    /// little later: [`Stats::deaths`](crate::Stats::deaths).
    pub fn kills(&self) -> u64 {
        self.kills
    }
}

impl Engine {
    /// From now on this crash plan holds, and passages are counted anew. To be called between
    /// launches; only where [`Builder::crash_at`](crate::Builder::crash_at) has been: there is its
    /// example.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the engine was not built for it; [`Error::Limit`] for more than 8 crashes.
    pub fn crash_at(&self, plan: impl Into<CrashPlan>) -> Result<()> {
        self.core.refuse_other_processes()?;
        let words = &self.core.control().crash;
        if !words.are_on() {
            let reason = "the engine's workers do not look at crash points; build it with \
                          `Engine::builder().crash_at(CrashPlan::new())`";
            return Err(Error::Refused { kernel: "a crash plan".into(), reason: reason.into() });
        }
        words.follow(&plan.into())
    }

    /// How often each crash point was passed since the crash plan was made, and how many have died
    /// of such plans.
    pub fn crash_report(&self) -> CrashReport {
        let words = &self.core.control().crash;
        let passages = CrashPoint::ALL.iter().map(|&point| (point, words.passages(point)));
        CrashReport { passages: passages.collect(), kills: words.kills() }
    }
}
