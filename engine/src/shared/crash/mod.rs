//! Deaths by plan: at named points of the protocol a worker kills itself, or the coordinator another
//! one, in the middle of a recovery. For tests, ours and users'.
//!
//! Costs nothing where it is off: a worker decides at its start which of the two [`Crashes`] it is
//! compiled for, and with [`Never`] no point leaves an instruction.

mod plan;
mod words;

use crate::shared::protocol::CrashPoint;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
pub use plan::{Crash, CrashPlan};
use std::sync::OnceLock;
pub(crate) use words::CrashWords;

/// What a worker does at crash points.
pub(crate) trait Crashes {
    /// A step has been taken: the worker may die here.
    fn at(point: CrashPoint);
}

/// Passes crash points by.
#[derive(Debug)]
pub(crate) struct Never;

impl Crashes for Never {
    #[inline(always)]
    fn at(_: CrashPoint) {}
}

/// Follows the engine's crash plan.
#[derive(Debug)]
pub(crate) struct Planned;

impl Crashes for Planned {
    fn at(point: CrashPoint) {
        pass(point);
    }
}

/// This worker's rank, and the plan that it follows.
static FOLLOWED: OnceLock<(usize, &CrashWords)> = OnceLock::new();

/// This process is a worker, and follows a crash plan from now on.
pub(crate) fn follow(words: &'static CrashWords, rank: usize) {
    FOLLOWED.get_or_init(|| (rank, words));
}

/// Whether this process follows a crash plan.
pub(crate) fn is_followed() -> bool {
    FOLLOWED.get().is_some()
}

/// A worker passes a point, and dies there if its plan says so; nothing happens in a process that
/// follows none. For places that do not know their worker, and are no part of a hot path.
pub(crate) fn pass(point: CrashPoint) {
    let Some((own, words)) = FOLLOWED.get() else { return };
    if words.pass(point, |rank| rank.is_none_or(|rank| rank == *own)).is_some() {
        words.doom(*own);
        die();
    }
}

/// The coordinator passes a point of its recovery: gives the rank of the worker that it is to kill.
/// `live` has the ranks of those that have not been reaped.
pub(crate) fn victim(words: &CrashWords, point: CrashPoint, live: &[usize]) -> Option<usize> {
    debug_assert!(point.is_in_recovery());
    let meant = |rank: Option<usize>| {
        live.iter().copied().filter(move |live| rank.is_none_or(|rank| rank == *live))
    };
    let rank = words.pass(point, |rank| meant(rank).any(|live| !words.is_doomed(live)))?;
    meant(rank).find(|&live| words.doom(live))
}

/// The hardest death: nothing runs any more, no handler and no destructor.
fn die() -> ! {
    loop {
        // It cannot fail; and it does not return, as the signal is met on the way back.
        let _ = kill(Pid::this(), Signal::SIGKILL);
    }
}
