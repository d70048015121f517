//! What is to happen to whom, and when: a function of seed, rate and number of workers alone.

use super::super::watch::Disturbance;
use std::time::Duration;

/// What happens to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Kill,
    /// It makes no progress for so long.
    Stop(Duration),
    /// It gets half of its time for so long.
    Slow(Duration),
}

/// One thing that is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// Since the begin.
    pub(crate) at: Duration,
    pub(crate) rank: usize,
    pub(crate) action: Action,
}

/// The longest stop.
const STOP_MAX: Duration = Duration::from_millis(50);
/// The longest time for which a worker is slow.
const SLOW_MAX: Duration = Duration::from_millis(100);
/// A slow worker stands and runs for so long, in turn.
const HALT: Duration = Duration::from_millis(1);

impl Event {
    /// The signals that it is made of.
    pub(super) fn signals(self) -> impl Iterator<Item = (Duration, Disturbance)> {
        let (first, stops, halt) = match self.action {
            Action::Kill => (Some((self.at, Disturbance::Kill)), 0, Duration::ZERO),
            Action::Stop(time) => (None, 1, time),
            Action::Slow(time) => (None, time.div_duration_f64(2 * HALT).ceil() as u32, HALT),
        };
        let stops = (0..stops).flat_map(move |stop| {
            let at = self.at + 2 * stop * HALT;
            [(at, Disturbance::Stop), (at + halt, Disturbance::Continue)]
        });
        first.into_iter().chain(stops)
    }
}

/// The events, in order, without end.
///
/// Of four events two are kills; one in eight follows its predecessor at once, so that deaths meet
/// deaths; the others keep to the rate with gaps of any length from none to twice the mean.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    workers: u64,
    /// The longest gap between two events.
    gap_max: Duration,
    at: Duration,
}

impl Schedule {
    pub(super) fn new(seed: u64, kills_per_second: f64, workers: usize) -> Schedule {
        // Twice the mean of those that are not 0, of twice as many events as kills.
        let gap_max = Duration::from_secs_f64(8.0 / 7.0 / kills_per_second);
        let workers = workers as u64;
        Schedule { random: Random { seed, drawn: 0 }, workers, gap_max, at: Duration::ZERO }
    }

    /// A time up to this one, and up to the longest gap: where much happens, each takes little time, or
    /// workers would get nowhere.
    fn time(&mut self, most: Duration) -> Duration {
        self.random.part_of(most.min(self.gap_max)).max(HALT)
    }
}

impl Iterator for Schedule {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.random.below(8) != 0 {
            self.at += self.random.part_of(self.gap_max);
        }
        let rank = self.random.below(self.workers) as usize;
        let action = match self.random.below(4) {
            0 | 1 => Action::Kill,
            2 => Action::Stop(self.time(STOP_MAX)),
            _ => Action::Slow(self.time(SLOW_MAX)),
        };
        Some(Event { at: self.at, rank, action })
    }
}

/// Random numbers that are functions of seed and count: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug)]
struct Random {
    seed: u64,
    drawn: u64,
}

impl Random {
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let z = self.seed.wrapping_add(self.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end - 1`.
    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(end)) >> 64) as u64
    }

    /// A time from 0 to almost `whole`, in microseconds.
    fn part_of(&mut self, whole: Duration) -> Duration {
        Duration::from_micros(self.below(whole.as_micros() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(seed: u64, rate: f64, workers: usize, count: usize) -> Vec<Event> {
        Schedule::new(seed, rate, workers).take(count).collect()
    }

    #[test]
    fn seed_rate_and_workers_say_all() {
        let known = events(7, 20.0, 3, 1000);
        assert_eq!(known, events(7, 20.0, 3, 1000));
        assert_ne!(known, events(8, 20.0, 3, 1000));
        let event = |at, rank, action| Event { at: Duration::from_micros(at), rank, action };
        let stop = Action::Stop(Duration::from_micros(22_622));
        let first = [event(959, 2, stop), event(27_698, 0, Action::Kill)];
        assert_eq!(known[..2], first, "the same on every machine and in every version");
    }

    #[test]
    fn it_keeps_to_its_rate_and_spares_nobody() {
        for rate in [0.5, 20.0, 300.0] {
            let events = events(1, rate, 4, 20_000);
            assert!(events.is_sorted_by_key(|event| event.at));
            let kills = events.iter().filter(|event| event.action == Action::Kill).count() as f64;
            let seconds = events.last().unwrap().at.as_secs_f64();
            assert!((kills / seconds / rate - 1.0).abs() < 0.05, "{}", kills / seconds);
            for rank in 0..4 {
                let own = events.iter().filter(|event| event.rank == rank).count();
                assert!((4_500..5_500).contains(&own), "{own}");
            }
        }
    }

    #[test]
    fn whoever_stops_goes_on() {
        for event in events(3, 5.0, 2, 1000) {
            let signals: Vec<_> = event.signals().collect();
            assert!(signals.is_sorted_by_key(|(at, _)| *at));
            let (Action::Stop(time) | Action::Slow(time)) = event.action else {
                assert_eq!(signals, [(event.at, Disturbance::Kill)]);
                continue;
            };
            let stops = matches!(event.action, Action::Stop(_));
            assert!(time <= if stops { STOP_MAX } else { SLOW_MAX } && time >= HALT);
            for pair in signals.chunks(2) {
                let [(from, Disturbance::Stop), (to, Disturbance::Continue)] = pair else {
                    panic!("{event:?}")
                };
                assert_eq!(*to - *from, if stops { time } else { HALT });
            }
            let end = signals.last().unwrap().0 - event.at;
            assert!(end <= time + HALT && end + HALT >= time, "{event:?} {end:?}");
        }
    }
}
