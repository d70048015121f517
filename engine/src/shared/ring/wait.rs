//! How long one side waits for the other: a short time awake, then asleep.

use super::{Ring, Side};
use crate::error::Result;
use crate::machine::{Until, looks_awake};
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

/// How often a side looks before it sleeps, and how long it pauses between. Looking at the other's
/// position after each message takes it from the other's cache each time: with 64 pauses (about a
/// third of a microsecond) between looks, 10 million small messages of serde's a second got across
/// against 7 with 1 to 8, and a message and its answer took 1.0 us against 0.75 with 32, the least.
const LOOKS: u32 = 16;
const PAUSES: u32 = 64;

/// The first sleep that nobody has promised to end. (Room is told of when half of the ring is free;
/// a consumer that stops before that would let the producer wait.) Each is twice as long as the one
/// before, so that nobody waits for much more than twice as long as needed.
const NAP_MIN: Duration = Duration::from_millis(1);
/// The longest sleep.
const NAP_MAX: Duration = Duration::from_millis(500);

/// What is left of the time, if anything is.
fn left(until: Until) -> Option<Duration> {
    match until {
        Until::Now => None,
        Until::At(end) => end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()),
        Until::Forever => Some(NAP_MAX),
    }
}

/// What a side waits for.
pub(super) struct Wish {
    pub(super) ring: Ring,
    /// Who waits.
    pub(super) side: Side,
    /// Where the other's position must be at the end of the wait.
    pub(super) least: u64,
    /// Where it is to be while this side is awake, to spare both of them looking after every message.
    pub(super) awake: u64,
    /// Where it is to be for this side to be woken.
    pub(super) asleep: u64,
}

impl Wish {
    /// Waits for it; false if the time is up.
    #[cold]
    pub(super) fn wait(&self, until: Until) -> Result<bool> {
        let (ring, other) = (&self.ring, self.side.other());
        let is_at = |wanted| ring.position(other).load(Acquire) >= wanted;
        let looks = if until == Until::Now { 0 } else { looks_awake(LOOKS) };
        for _ in 0..looks {
            if is_at(self.awake) {
                return Ok(true);
            }
            if ring.refuse_closed(other).is_err() {
                break;
            }
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
        }
        let mut nap = NAP_MIN;
        loop {
            // In this order: what was put in before the end is still to be had.
            let open = ring.refuse_closed(other);
            if is_at(self.least) {
                return Ok(true);
            }
            open?;
            let Some(left) = left(until) else { return Ok(false) };
            let is_told = self.asleep == self.least;
            ring.doze(self.side, self.asleep, left.min(if is_told { NAP_MAX } else { nap }));
            nap = (2 * nap).min(NAP_MAX);
        }
    }
}
