//! `--chaos`: workers are killed, stopped and slowed while a job runs, and what was done is told.

use crate::report::{ChaosReport, Progress};
use crate::roles::{Action, Chaos, ChaosGuard, ChaosTally, Engine, Inflicted};
use std::time::Duration;

/// Lines of their own, for what happens first; later there is one a second.
const LINES: u64 = 20;

/// What `--chaos` takes: SEED, or SEED:KILLS_PER_SECOND.
pub(super) fn parse(text: &str) -> Result<Chaos, String> {
    let (seed, rate) = match text.split_once(':') {
        Some((seed, rate)) => (seed, Some(rate)),
        None => (text, None),
    };
    let seed = seed
        .parse()
        .map_err(|_| format!("the seed is a whole number up to {}, not `{seed}`", u64::MAX))?;
    let Some(rate) = rate else { return Ok(Chaos::new(seed)) };
    let bounds = Chaos::RATES;
    let rate: Option<f64> = rate.parse().ok().filter(|rate| bounds.contains(rate));
    let rate = rate.ok_or_else(|| {
        let (least, most) = (bounds.start(), bounds.end());
        format!("the kills per second behind the colon are a number from {least} to {most}")
    })?;
    Ok(Chaos::new(seed).kills_per_second(rate))
}

/// Chaos while a job runs.
pub(super) struct Underway {
    chaos: Chaos,
    guard: ChaosGuard,
}

impl Underway {
    /// Begins it; unless `quiet`, what is done is told on `progress`.
    pub(super) fn begin(
        chaos: Chaos,
        engine: &Engine,
        progress: &Progress,
        quiet: bool,
    ) -> crate::Result<Underway> {
        let (progress, mut teller) = (progress.clone(), Teller::default());
        let guard = engine.chaos_told(chaos, move |inflicted, tally| {
            if let Some(line) = teller.line(inflicted, tally).filter(|_| !quiet) {
                progress.note(&line);
            }
        })?;
        Ok(Underway { chaos, guard })
    }

    /// Ends it, and says what it was in all.
    pub(super) fn end(self, progress: &Progress) -> ChaosReport {
        let tally = self.guard.end();
        let (seed, kills_per_second) = (self.chaos.seed(), self.chaos.rate());
        progress.note(&format!("chaos: seed {seed}: {tally}"));
        let ChaosTally { kills, stops, slowed, .. } = tally;
        ChaosReport { seed, kills_per_second, kills, stops, slowed }
    }
}

/// Decides what is told.
#[derive(Debug, Default)]
struct Teller {
    told: u64,
    /// When it last told of all together.
    summed_up: Duration,
}

impl Teller {
    fn line(&mut self, inflicted: &Inflicted, tally: ChaosTally) -> Option<String> {
        let Inflicted { at, rank, pid, action } = inflicted;
        let seconds = at.as_secs_f64();
        if self.told == LINES {
            let is_due = *at >= self.summed_up + Duration::from_secs(1);
            return is_due.then(|| {
                self.summed_up = *at;
                format!("chaos: {seconds:.3} s: {tally} so far")
            });
        }
        self.told += 1;
        self.summed_up = *at;
        let worker = format!("worker {rank} (pid {pid})");
        let what = match action {
            Action::Kill => format!("killed {worker}"),
            Action::Stop(time) => format!("stopped {worker} for {} ms", time.as_millis()),
            Action::Slow(time) => format!("slowed {worker} for {} ms", time.as_millis()),
        };
        Some(format!("chaos: {seconds:.3} s: {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_alone_or_with_a_rate() {
        assert_eq!(parse("7"), Ok(Chaos::new(7)));
        assert_eq!(parse("7:2.5"), Ok(Chaos::new(7).kills_per_second(2.5)));
        for (wrong, reason) in [
            ("", "whole number"),
            ("-1", "whole number"),
            ("seven:2", "not `seven`"),
            ("7:", "from 0.001 to 1000"),
            ("7:0", "from 0.001 to 1000"),
            ("7:NaN", "from 0.001 to 1000"),
            ("7:1e4", "from 0.001 to 1000"),
            ("7:2:3", "from 0.001 to 1000"),
        ] {
            assert!(parse(wrong).unwrap_err().contains(reason), "{wrong}");
        }
    }

    #[test]
    fn one_of_a_kind_is_no_plural() {
        let tally = ChaosTally { kills: 1, stops: 1, slowed: 1 };
        assert_eq!(tally.to_string(), "1 kill, 1 stop, 1 slowed");
    }

    #[test]
    fn much_is_told_in_few_lines() {
        let mut teller = Teller::default();
        let mut lines = vec![];
        for n in 0..400 {
            let (at, action) = (Duration::from_millis(10 * n), Action::Kill);
            let kills = ChaosTally { kills: n + 1, ..ChaosTally::default() };
            lines.extend(teller.line(&Inflicted { at, rank: 1, pid: 47, action }, kills));
        }
        assert_eq!(lines[1], "chaos: 0.010 s: killed worker 1 (pid 47)");
        assert_eq!(lines[20], "chaos: 1.190 s: 120 kills, 0 stops, 0 slowed so far");
        assert_eq!(lines.len(), 23);
    }
}
