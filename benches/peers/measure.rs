//! Rounds, medians and ratios.

use crate::shared::quartiles;
use gristmill::{Counters, Counts};
use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How much is to be measured.
#[derive(Debug)]
pub(crate) struct Bench {
    /// 3 rounds each.
    pub(crate) quick: bool,
    /// Larger sizes, where a row has them, and 1 worker in those that else are measured together only.
    pub(crate) full: bool,
    /// Of this process and all that it starts.
    pub(crate) counters: RefCell<Counters>,
}

/// What a row's times are shown as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// 10^9 bytes per second, of these bytes.
    GigabytesPerSecond(f64),
    /// 10^9 floating-point operations per second, of these operations.
    GigaflopsPerSecond(f64),
    /// 10^6 pieces per second, of so many.
    MillionsPerSecond(f64),
    /// Milliseconds each, of so many.
    Milliseconds(f64),
    /// Microseconds each, of so many.
    Microseconds(f64),
}

/// One side of a comparison: its name, and one timed go at the work.
pub(crate) struct Side<'a> {
    name: &'static str,
    /// It is no peer, but what the machine can do at most.
    is_roof: bool,
    run: Box<dyn FnMut() -> Duration + 'a>,
}

/// A measured row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) workers: usize,
    pub(crate) ours: f64,
    pub(crate) unit: &'static str,
    /// The fastest first.
    pub(crate) peers: Vec<Peer>,
    /// What the machine can do at most, where that was measured in the same turns.
    pub(crate) roof: Option<Peer>,
    /// What the ratio to the fastest peer is meant to reach, if anything.
    pub(crate) goal: Option<f64>,
    pub(crate) rounds: usize,
    /// What the hardware counted in our turns, or why it did not.
    pub(crate) counted: Counted,
}

/// What the hardware counted in our turns, or why it did not.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) instructions_per_cycle: Result<f64, String>,
    /// Bytes fetched by misses of the last cache, in a round.
    pub(crate) missed_bytes: Result<f64, String>,
}

impl Counted {
    fn of(turns: &[Counts]) -> Counted {
        let sum = |of: fn(&Counts) -> &Result<u64, String>| {
            turns.iter().map(|turn| of(turn).clone()).sum::<Result<u64, String>>()
        };
        let all = Counts {
            instructions: sum(|turn| &turn.instructions),
            cycles: sum(|turn| &turn.cycles),
            misses: sum(|turn| &turn.misses),
        };
        let each = |bytes| bytes as f64 / turns.len() as f64;
        Counted {
            instructions_per_cycle: all.instructions_per_cycle(),
            missed_bytes: all.missed_bytes().map(each),
        }
    }
}

/// What a row compares ours with.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) theirs: f64,
    /// Above 1 is ahead.
    pub(crate) ratio: f64,
    /// Quartiles of the ratio.
    pub(crate) quartiles: [f64; 2],
    pub(crate) noisy: bool,
}

/// Times the work itself.
pub(crate) fn timed<'a, T>(name: &'static str, mut work: impl FnMut() -> T + 'a) -> Side<'a> {
    times(name, move || {
        let start = Instant::now();
        black_box(work());
        start.elapsed()
    })
}

/// For work that knows itself which part of it counts.
pub(crate) fn times<'a>(name: &'static str, run: impl FnMut() -> Duration + 'a) -> Side<'a> {
    Side { name, is_roof: false, run: Box::new(run) }
}

impl Bench {
    /// Measures ours against peers in turns.
    pub(crate) fn compare(
        &self,
        name: &str,
        workers: usize,
        unit: Unit,
        goal: Option<f64>,
        mut sides: Vec<Side<'_>>,
    ) -> Row {
        // Pages, caches and branch predictors warm up; and this says how many rounds fit.
        let start = Instant::now();
        for side in &mut sides {
            side.go();
        }
        let rounds = self.rounds(start.elapsed());
        let (mut seconds, mut turns) = (vec![vec![]; sides.len()], vec![]);
        for _ in 0..rounds {
            for (number, (side, seconds)) in sides.iter_mut().zip(&mut seconds).enumerate() {
                let before = self.counters.borrow_mut().read();
                seconds.push(side.go().as_secs_f64());
                if number == 0 {
                    turns.push(self.counters.borrow_mut().read().since(&before));
                }
            }
        }
        let value = |side: usize| unit.show(quartiles(seconds[side].clone())[1]);
        let peer = |side: usize| {
            let pairs = seconds[0].iter().zip(&seconds[side]);
            let ratios = pairs.map(|(ours, theirs)| theirs / ours).collect();
            let [low, ratio, high] = quartiles(ratios);
            let noisy = is_noisy([low, ratio, high]);
            let (name, theirs) = (sides[side].name, value(side));
            Peer { name, theirs, ratio, quartiles: [low, high], noisy }
        };
        let (roofs, others): (Vec<usize>, Vec<usize>) =
            (1..sides.len()).partition(|&side| sides[side].is_roof);
        let roof = roofs.into_iter().map(peer).next();
        let mut peers: Vec<Peer> = others.into_iter().map(peer).collect();
        peers.sort_by(|a, b| a.ratio.total_cmp(&b.ratio));
        let (counted, unit) = (Counted::of(&turns), unit.name());
        Row { name: name.into(), workers, ours: value(0), unit, peers, roof, goal, rounds, counted }
    }

    fn rounds(&self, round: Duration) -> usize {
        const LONG: Duration = Duration::from_secs(3);
        const ENOUGH: Duration = Duration::from_secs(2);
        match round {
            _ if self.quick => 3,
            round if round > LONG => 3,
            round => (ENOUGH.as_secs_f64() / round.as_secs_f64()).clamp(9.0, 51.0) as usize,
        }
    }
}

impl Side<'_> {
    /// The same as what the machine can do at most.
    pub(crate) fn into_roof(self) -> Self {
        Side { is_roof: true, ..self }
    }

    /// One go, once whoever still spins after the one before has gone to sleep.
    fn go(&mut self) -> Duration {
        std::thread::sleep(Duration::from_millis(2));
        (self.run)()
    }
}

impl Unit {
    fn show(self, seconds: f64) -> f64 {
        match self {
            Unit::GigabytesPerSecond(bytes) => bytes / seconds / 1e9,
            Unit::GigaflopsPerSecond(operations) => operations / seconds / 1e9,
            Unit::MillionsPerSecond(pieces) => pieces / seconds / 1e6,
            Unit::Milliseconds(many) => seconds * 1e3 / many,
            Unit::Microseconds(many) => seconds * 1e6 / many,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Unit::GigabytesPerSecond(_) => "GB/s",
            Unit::GigaflopsPerSecond(_) => "GFLOP/s",
            Unit::MillionsPerSecond(_) => "M/s",
            Unit::Milliseconds(_) => "ms",
            Unit::Microseconds(_) => "us",
        }
    }
}

/// Whether the quartiles lie over 10 % of the median apart.
fn is_noisy([low, middle, high]: [f64; 3]) -> bool {
    high - low > 0.1 * middle
}
