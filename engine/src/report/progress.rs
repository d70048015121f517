//! A progress bar per step, on a terminal. In a pipe, or when asked to be quiet, there is none.
//!
//! Bars go to standard error, so that standard output holds results alone. How far a step is, is
//! for the caller to say.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Bars have this resolution: a step's done part in thousandths.
const PARTS: u64 = 1000;

/// The bars of one run; a clone is the same bars.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bars: MultiProgress,
    /// Of steps that are done, too: a bar that nobody holds is written over by lines above it.
    drawn: Arc<Mutex<Vec<ProgressBar>>>,
    shown: Arc<AtomicBool>,
    quiet: bool,
}

impl Progress {
    /// Bars on standard error if it is a terminal and `quiet` is not wanted.
    pub(crate) fn new(quiet: bool) -> Progress {
        let shown = !quiet && std::io::stderr().is_terminal();
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let shown = Arc::new(AtomicBool::new(shown));
        let bars = MultiProgress::with_draw_target(target);
        Progress { bars, drawn: Arc::default(), shown, quiet }
    }

    /// Whether somebody wants to know how things are, and no bar shows it.
    pub(crate) fn wants_words(&self) -> bool {
        !self.quiet && !self.is_shown()
    }

    fn is_shown(&self) -> bool {
        self.shown.load(Ordering::Acquire)
    }

    /// A bar for the step, at 0. `name_width` is that of the longest step's name, so that bars are
    /// flush.
    pub(crate) fn step(&self, name: &str, name_width: usize) -> StepBar {
        let bar = self.bars.add(ProgressBar::new(PARTS));
        let template = template(columns(), name_width);
        // A test says that the template is right; the default style serves otherwise.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        bar.set_prefix(format!("{name:name_width$}"));
        if self.is_shown() {
            // Elapsed time goes on while a chunk takes long.
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).push(bar.clone());
        StepBar { bar }
    }

    /// The step whose bar was begun last, and how much of it is done, 0 to 1; none before the first.
    pub(crate) fn now(&self) -> Option<(String, f64)> {
        let drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = drawn.last()?;
        Some((bar.prefix().trim_end().into(), bar.position() as f64 / PARTS as f64))
    }

    /// Leaves the bars as they are, draws them no more, and prints a line below.
    pub(crate) fn end_with(&self, line: &str) {
        let shown = self.shown.swap(false, Ordering::AcqRel);
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
        // The cursor is at a bar's end, where the terminal may have shown a key such as ^C as well.
        let newline = if shown { "\n" } else { "" };
        let _ = writeln!(std::io::stderr(), "{newline}{line}");
    }

    /// Prints a line above the bars, as warnings and the workers' own lines are; without bars, to
    /// standard error all the same.
    pub(crate) fn note(&self, line: &str) {
        if !self.is_shown() || self.bars.println(line).is_err() {
            // Nowhere to say that standard error cannot be written to.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// The columns of the terminal that standard error is; 80 if it does not say.
fn columns() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or(80, |(terminal_size::Width(columns), _)| columns.into())
}

/// A line: name, bar, part, time, and what there is to tell in the room that is left. The bar is as
/// long as the terminal lets it, within reason, and as leaves room for the rest.
fn template(columns: usize, name_width: usize) -> String {
    // Blanks, "100 %" and a time such as "12m".
    let others = name_width + 14;
    let told = "chunk 1234 for 12 min 30 s (worker 12)".len();
    let bar = columns.saturating_sub(others + told).clamp(4, 32);
    format!("{{prefix}} {{bar:{bar}}} {{percent:>3}} %  {{elapsed}} {{wide_msg}}")
}

/// The bar of one step. It stays, full, when the step is done; dropped before, it stays where it
/// was.
#[derive(Debug)]
pub(crate) struct StepBar {
    bar: ProgressBar,
}

impl StepBar {
    /// Shows that this part of the step, 0 to 1, is done. May be called from any thread.
    pub(crate) fn set(&self, done: f64) {
        let done = if done.is_nan() { 0.0 } else { done.clamp(0.0, 1.0) };
        self.bar.set_position((done * PARTS as f64) as u64);
    }

    /// Shows this behind the bar.
    pub(crate) fn tell(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Shows what `done` says until it says 1 or more or gives up with `None`, looking every
    /// `pause`.
    pub(crate) fn follow(&self, pause: Duration, mut done: impl FnMut() -> Option<f64>) {
        while let Some(part) = done() {
            self.set(part);
            if part >= 1.0 {
                return;
            }
            // Whoever ends the step may cut the pause short by unparking.
            std::thread::park_timeout(pause);
        }
    }

    /// The step is done.
    pub(crate) fn finish(self) {
        self.bar.set_message("");
        self.bar.finish();
    }
}

impl Drop for StepBar {
    fn drop(&mut self) {
        if !self.bar.is_finished() {
            self.bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn bars_follow_what_they_are_told() {
        let progress = Progress::new(true);
        assert!(!progress.is_shown());
        let bar = progress.step("slope", 9);
        for (done, parts) in [(f64::NAN, 0), (-1.0, 0), (0.25, 250), (7.0, 1000)] {
            bar.set(done);
            assert_eq!(bar.bar.position(), parts);
        }
        assert_eq!(progress.now(), Some(("slope".into(), 1.0)));
        let calls = Cell::new(0);
        bar.follow(Duration::ZERO, || {
            calls.set(calls.get() + 1);
            Some(f64::from(calls.get()) / 4.0)
        });
        assert_eq!((calls.get(), bar.bar.position()), (4, 1000));
        bar.follow(Duration::ZERO, || None);
        bar.finish();
    }

    #[test]
    fn the_template_is_right() {
        for (columns, bar) in [(200, "{bar:32}"), (80, "{bar:19}"), (40, "{bar:4}")] {
            let template = template(columns, 9);
            assert!(template.contains(bar), "{template}");
            assert!(ProgressStyle::with_template(&template).is_ok());
        }
    }
}
