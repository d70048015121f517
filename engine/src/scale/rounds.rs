//! The schedule: lanes in rounds, until all are known well enough or the time is used up.

use super::lane::Lane;
use super::median::median;
use crate::error::Result;
use crate::machine::Counters;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Rounds before an interval is believed: of fewer samples there is none of 95 %.
const ROUNDS_MIN: usize = 8;
/// Rounds at most: more do not make it better known than the machine lets it be.
const ROUNDS_MAX: usize = 500;
/// Between lanes, so that whoever still spins for the one before has gone to sleep.
const PAUSE: Duration = Duration::from_millis(1);

/// When to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Enough {
    /// The width of all medians' intervals, as a part of them.
    pub(super) precision: f64,
    pub(super) time: Duration,
}

/// How far the rounds are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) done: usize,
    /// The widest interval, as a part of its median; none before the first that counts.
    pub(super) widest: Option<f64>,
    pub(super) elapsed: Duration,
}

/// Takes a sample of every lane in each round. Lanes come in another order each time, so that none
/// always follows the same one, and within a round so soon after each other that what drifts hits
/// all alike. Gives whether it was told to break off.
pub(super) fn measure(
    lanes: &mut [Lane<'_>],
    counters: &mut Counters,
    enough: Enough,
    mut told: impl FnMut(Round) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let start = Instant::now();
    let mut next_look = ROUNDS_MIN;
    for done in 0..ROUNDS_MAX {
        let widest = (done >= ROUNDS_MIN).then(|| widest(lanes));
        let elapsed = start.elapsed();
        if told(Round { done, widest, elapsed }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        // Not after each round: whoever looks again and again until an interval happens to be narrow
        // stops too early.
        let looks = done == next_look;
        if looks {
            next_look = next_look * 3 / 2;
        }
        let is_known = looks && widest.is_some_and(|width| width <= enough.precision);
        if is_known || (done > 0 && elapsed >= enough.time) {
            break;
        }
        for lane in shuffled(lanes.len(), done as u64) {
            std::thread::sleep(PAUSE);
            lanes[lane].sample(counters)?;
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The widest interval of all parts of all lanes, as a part of its median.
fn widest(lanes: &[Lane<'_>]) -> f64 {
    let parts = lanes.iter().flat_map(|lane| &lane.samples);
    parts.map(|samples| median(samples).relative_width()).fold(0.0, f64::max)
}

/// The numbers below `n` in an order that looks random, by Fisher and Yates, another for each round
/// but the same in every study.
fn shuffled(n: usize, round: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    let mut state = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5CA1_AB1E;
    for at in (1..n).rev() {
        // xorshift64*, by Vigna.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let drawn = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        order.swap(at, (drawn % (at as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_lane_has_a_turn_in_each_round_and_no_fixed_place() {
        let mut orders = HashSet::new();
        for round in 0..200 {
            let order = shuffled(4, round);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            orders.insert(order);
        }
        assert_eq!(orders.len(), 24, "all orders of four lanes come");
        assert_eq!(shuffled(1, 7), [0]);
        assert_eq!(shuffled(5, 3), shuffled(5, 3));
    }
}
